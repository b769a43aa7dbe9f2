//! The settings of a client, which all that is made from it shares.

use super::value::{INT, LONG};
use super::{ConfigError, Settings as _, settings};
use std::time::Duration;

settings! {
    /// What a client is made with; producers, consumers and admin made from it share these settings.
    ///
    /// ```
    /// # use kafka_client::config::ClientConfig;
    /// let config = ClientConfig::default()
    ///     .bootstrap_servers(["kafka-1:9092", "kafka-2:9092"])
    ///     .client_id("billing");
    /// assert_eq!(config.get("client.id").as_deref(), Some("billing"));
    /// ```
    pub struct ClientConfig, role Client {
        /// Addresses, `host:port`, through which the cluster is found. A few of its brokers are enough.
        "bootstrap.servers" bootstrap_servers: Vec<String> = Vec::new(),
            given servers: impl IntoIterator<Item = impl Into<String>>
                => servers.into_iter().map(Into::into).collect();
        /// A name for the logs, metrics and quotas of the brokers.
        "client.id" client_id: String = String::new(), given id: impl Into<String> => id.into();
        /// Where this client is, in the words of `broker.rack`, to read from replicas near it.
        "client.rack" client_rack: String = String::new(),
            given rack: impl Into<String> => rack.into();
        /// How long to wait for the answer to one request.
        "request.timeout.ms" request_timeout: Duration = Duration::from_secs(30), in 0..=INT;
        /// How long a call of consumer or admin may take in all, retries included, unless it says otherwise.
        "default.api.timeout.ms" default_api_timeout: Duration = Duration::from_secs(60),
            in 0..=INT;
        /// How long to wait before a failed request is sent again; doubled from failure to failure.
        "retry.backoff.ms" retry_backoff: Duration = Duration::from_millis(100);
        /// The longest wait before a failed request is sent again.
        "retry.backoff.max.ms" retry_backoff_max: Duration = Duration::from_secs(1);
        /// How long to wait before connecting again to a broker; doubled from failure to failure.
        "reconnect.backoff.ms" reconnect_backoff: Duration = Duration::from_millis(50);
        /// The longest wait before connecting again to a broker.
        "reconnect.backoff.max.ms" reconnect_backoff_max: Duration = Duration::from_secs(1);
        /// How long one attempt to connect may take.
        "socket.connection.setup.timeout.ms" socket_connection_setup_timeout: Duration =
            Duration::from_secs(10);
        /// The longest an attempt to connect may take: the time grows from failure to failure.
        "socket.connection.setup.timeout.max.ms" socket_connection_setup_timeout_max: Duration =
            Duration::from_secs(30);
        /// After how long without use a connection is closed; as text, -1 keeps it.
        "connections.max.idle.ms" connections_max_idle: Duration = Duration::from_secs(540),
            in -1..=LONG;
        /// The send buffer of sockets, in bytes; `None`, or -1 as text, leaves it to the operating system. That is the
        /// default, unlike Kafka's 128 KiB, because a fixed size keeps it from growing with the distance.
        "send.buffer.bytes" send_buffer_bytes: Option<u32> = None;
        /// The receive buffer of sockets, in bytes; `None`, or -1 as text, leaves it to the operating system. That is
        /// the default, unlike Kafka's 32 or 64 KiB, because a fixed size keeps it from growing with the distance.
        "receive.buffer.bytes" receive_buffer_bytes: Option<u32> = None;
        /// After how long topics, partitions and leaders are looked up again, even if nothing seems to have changed.
        "metadata.max.age.ms" metadata_max_age: Duration = Duration::from_secs(300);
    }
}

impl ClientConfig {
    /// Checks the values that were set typed, as those from text have been.
    ///
    /// # Errors
    /// If a value is not allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check_values()
    }
}
