//! `Client`: what producers, consumers and admin of one cluster share.

use crate::admin::Admin;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::cluster::metadata::Metadata;
use crate::config::{ClientConfig, ConsumerConfig, ProducerConfig};
use crate::consumer::{Consumer, ConsumerBuilder};
use crate::error::{Error, ErrorKind, Result};
use crate::listener::ListenerBuilder;
use crate::net::{Address, Connector, Options, Pool, SocketBuffers};
use crate::producer::{Producer, ProducerBuilder};
use std::sync::Arc;
use tokio::sync::watch;

/// A way into one cluster. Cheap to clone; clones share connections and metadata.
///
/// Lives in the tokio runtime it is made in. Connections end when the client and everything made from it are gone.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ClientConfig,
    cluster: Arc<Cluster>,
    /// Ends the metadata task when dropped.
    _alive: watch::Sender<()>,
}

/// Makes a client that differs from the usual one in more than settings.
#[derive(Debug)]
pub struct ClientBuilder {
    config: ClientConfig,
    connector: Arc<dyn Connector>,
    seed: Option<u64>,
}

impl ClientBuilder {
    /// Opens connections in this way instead of by plain TCP.
    #[must_use]
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.connector = Arc::new(connector);
        self
    }

    /// Makes every random choice (backoff jitter, the first sticky partition) and the first timestamp follow from
    /// `seed`, so that a simulation can be replayed.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The client, after a first contact with the cluster.
    ///
    /// # Errors
    /// When every address of `bootstrap.servers` has failed once; each is named with its cause.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up.
    pub async fn connect(self) -> Result<Client> {
        let (config, cluster) = self.cluster()?;
        // Before the task that keeps metadata fresh: it would ask the same beside this.
        cluster.connect().await?;
        Ok(Client::run(config, cluster))
    }

    /// The client, without waiting for contact: it keeps trying, and calls wait for it as long as they may.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn connect_lazily(self) -> Result<Client> {
        let (config, cluster) = self.cluster()?;
        Ok(Client::run(config, cluster))
    }

    fn cluster(self) -> Result<(ClientConfig, Arc<Cluster>)> {
        let Self { config, connector, seed } = self;
        config.validate()?;
        let bootstrap = addresses(&config.bootstrap_servers)?;
        let clock = Arc::new(Clock::new(seed));
        let options = Options {
            client_id: config.client_id.as_str().into(),
            request_timeout: config.request_timeout,
            setup_timeout: Backoff {
                first: config.socket_connection_setup_timeout,
                max: config.socket_connection_setup_timeout_max,
            },
            max_idle: config.connections_max_idle,
            reconnect: Backoff {
                first: config.reconnect_backoff,
                max: config.reconnect_backoff_max,
            },
        };
        let retry = Backoff { first: config.retry_backoff, max: config.retry_backoff_max };
        let metadata = Metadata::new(config.metadata_max_age, retry);
        let pool = Pool::new(connector, options, clock.clone());
        Ok((config, Arc::new(Cluster::new(pool, clock, bootstrap, metadata))))
    }
}

impl Client {
    fn run(config: ClientConfig, cluster: Arc<Cluster>) -> Self {
        let (alive, closed) = watch::channel(());
        tokio::spawn(Cluster::run(Arc::downgrade(&cluster), closed));
        Self { shared: Arc::new(Shared { config, cluster, _alive: alive }) }
    }

    /// Connects to the cluster that one of these addresses (`host:port`, separated by commas) belongs to.
    ///
    /// # Errors
    /// When none of them answers; each is named with its cause.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up.
    pub async fn connect(bootstrap_servers: &str) -> Result<Self> {
        let servers = bootstrap_servers.split(',').map(|server| server.trim().to_owned());
        let config = ClientConfig::default().bootstrap_servers(servers.collect::<Vec<_>>());
        Self::builder(config).connect().await
    }

    /// Connects with the settings of a text in Java's properties format. Keys of producers and consumers may be in it
    /// too; [`ProducerConfig::from_properties`] and [`ConsumerConfig::from_properties`] read those.
    ///
    /// # Errors
    /// When a key is unknown or a value wrong, and as [`Client::connect`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up.
    pub async fn from_properties(text: &str) -> Result<Self> {
        let config = ClientConfig::from_properties(text).map_err(|e| {
            Error::new(ErrorKind::Invalid, "read the settings", e.to_string()).with_source(e)
        })?;
        Self::builder(config).connect().await
    }

    /// Starts from settings.
    pub fn builder(config: ClientConfig) -> ClientBuilder {
        let tcp =
            SocketBuffers { send: config.send_buffer_bytes, receive: config.receive_buffer_bytes };
        ClientBuilder { config, connector: Arc::new(tcp), seed: None }
    }

    /// A producer with these settings.
    ///
    /// # Errors
    /// When settings contradict one another.
    pub fn producer(&self, config: ProducerConfig) -> Result<Producer> {
        self.producer_builder(config).build()
    }

    /// A consumer with these settings.
    ///
    /// # Errors
    /// When settings contradict one another.
    pub fn consumer(&self, config: ConsumerConfig) -> Result<Consumer> {
        self.consumer_builder(config).build()
    }

    /// Starts a consumer that differs from the usual one in more than settings.
    pub fn consumer_builder(&self, config: ConsumerConfig) -> ConsumerBuilder {
        ConsumerBuilder::new(self.clone(), config)
    }

    /// A listener container of this group, which calls a handler with the records of the topics it is given.
    pub fn listener(&self, group: impl Into<String>) -> ListenerBuilder {
        ListenerBuilder::new(self.clone(), group.into())
    }

    /// What manages topics, configs and records of the cluster.
    pub fn admin(&self) -> Admin {
        let Shared { config, cluster, .. } = &*self.shared;
        let retry = Backoff { first: config.retry_backoff, max: config.retry_backoff_max };
        Admin::new(cluster.clone(), config.default_api_timeout, retry)
    }

    /// Starts a producer that differs from the usual one in more than settings.
    pub fn producer_builder(&self, config: ProducerConfig) -> ProducerBuilder {
        ProducerBuilder { client: self.clone(), config, partitioner: None }
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.shared.cluster
    }
}

fn addresses(servers: &[String]) -> Result<Vec<Address>> {
    let wrong = |reason: String| Error::new(ErrorKind::Invalid, "read bootstrap.servers", reason);
    if servers.iter().all(String::is_empty) {
        let reason = "no address is given; expected host:port, several separated by commas";
        return Err(wrong(reason.to_owned()));
    }
    let address = |server: &String| {
        let parsed = server.rsplit_once(':').and_then(|(host, port)| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = port.parse::<u16>().ok().filter(|port| *port != 0)?;
            (!host.is_empty()).then(|| Address { host: host.into(), port })
        });
        let expected = "expected host:port, such as localhost:9092";
        parsed.ok_or_else(|| wrong(format!("{server:?} is no address; {expected}")))
    };
    servers.iter().filter(|server| !server.is_empty()).map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_in_words() {
        let read = |text: &str| addresses(&[text.to_owned()]).map(|a| a[0].to_string());
        assert_eq!(read("localhost:9092").unwrap(), "localhost:9092");
        assert_eq!(read("[::1]:9092").unwrap(), "::1:9092");
        let error = read("localhost").unwrap_err().to_string();
        assert_eq!(
            error,
            "read bootstrap.servers: invalid: \"localhost\" is no address; expected host:port, \
             such as localhost:9092"
        );
        assert!(read(":1").is_err() && read("a:0").is_err() && read("a:70000").is_err());
        assert!(addresses(&[]).unwrap_err().to_string().contains("no address is given"));
    }
}
