//! `kt broker`, as kafka-server-start: a broker-lite until Ctrl-C.

use crate::Kt;
use crate::failure::{Failure, Outcome, complain, warn};
use crate::settings::pair;
use kafka_broker_lite::Cluster;
use kafka_broker_lite::config::BrokerConfig;
use kafka_broker_lite::trace::Lines;
use kafka_proto::settings::Properties;
use serde_json::json;
use std::path::PathBuf;
use tracing::Level;

/// Run a broker until Ctrl-C
///
/// Settings have Kafka's names and defaults: without any it listens at port 9092 and keeps its logs in /tmp/kafka-logs.
/// A second listener, for clients that reach it by another name:
///
///     kt broker --override listeners=INSIDE://127.0.0.1:9092,OUTSIDE://0.0.0.0:19092 \
///       --override listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT \
///       --override advertised.listeners=INSIDE://127.0.0.1:9092,OUTSIDE://my-host:19092 \
///       --override inter.broker.listener.name=INSIDE
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Broker {
    /// A properties file with settings
    #[arg(value_name = "server.properties")]
    file: Option<PathBuf>,
    /// A setting, over those of the file; may be repeated
    #[arg(long = "override", value_name = "KEY=VALUE", value_parser = pair)]
    overrides: Vec<(String, String)>,
}

impl Broker {
    pub(crate) async fn run(self, kt: &mut Kt) -> Outcome {
        let config = self.config()?;
        config.warnings().iter().for_each(warn);
        let tell =
            |level, line: &str| if level == Level::ERROR { complain(line) } else { warn(line) };
        let _set_only_here = tracing::subscriber::set_global_default(Lines(tell));
        let started = Cluster::start(config).await;
        let cluster = started.map_err(|error| Failure::Failed(error.to_string()))?;
        let each = cluster.addresses().iter().map(|(name, at)| format!("{name}://{at}"));
        let listeners: Vec<String> = each.collect();
        if kt.out.is_json() {
            kt.out.line(json!({"listeners": listeners}))?;
        } else {
            kt.out.line(format_args!("The broker is ready at {}", listeners.join(", ")))?;
        }
        kt.out.flush()?;
        kt.stop.asked().await;
        cluster.shutdown().await;
        kt.out.remark("The broker has stopped")
    }

    fn config(&self) -> Outcome<BrokerConfig> {
        let wrong = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let properties = match &self.file {
            Some(path) => {
                let in_file = |error: &dyn std::fmt::Display| Failure::of(path.display(), error);
                let text = std::fs::read_to_string(path).map_err(|error| in_file(&error))?;
                Properties::parse(&text).map_err(|error| in_file(&error))?
            }
            None => Properties::default(),
        };
        let given = properties.iter().map(|property| (&*property.key, &*property.value));
        let over = self.overrides.iter().map(|(key, value)| (&**key, &**value));
        BrokerConfig::from_pairs(given.chain(over)).map_err(|error| wrong(&error))
    }
}
