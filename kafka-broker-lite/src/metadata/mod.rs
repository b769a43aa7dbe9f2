//! What the cluster is made of: topics by name and id, and the configs of topics and brokers.

mod broker_configs;
mod configs;
mod definition;
mod image;
mod journal;
mod names;
mod snapshot;
mod topic_configs;
mod topics;

pub(crate) use broker_configs::{BROKER_CONFIGS, find as find_broker_config};
pub(crate) use configs::{Change, Configs, Entry, Refused, Scope, Synonym, Values};
use definition::ConfigType;
pub(crate) use image::{BROKER, Image, ImageTopic, TOPIC};
pub(crate) use journal::{Journal, METADATA_TOPIC};
pub(crate) use names::{collision_key, is_internal, validate_topic_name};
pub(crate) use topics::{Topic, Topics};
