//! Changing configs for brokers that can only replace them.

use super::*;

fn entry(name: &str, value: Option<&str>, source: ConfigSource) -> ConfigEntry {
    ConfigEntry {
        name: name.into(),
        value: value.map(Into::into),
        source,
        is_read_only: false,
        is_sensitive: value.is_none(),
        kind: None,
        synonyms: Vec::new(),
        documentation: None,
    }
}

fn applied(changes: ConfigChanges, entries: &[ConfigEntry]) -> Result<Vec<(String, String)>> {
    let whole = apply(&changes.resource, entries, &changes.changes)?;
    Ok(whole.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
}

#[test]
fn what_is_not_changed_is_written_back_and_defaults_are_not() {
    let entries = [
        entry("cleanup.policy", Some("delete"), ConfigSource::Default),
        entry("retention.ms", Some("1000"), ConfigSource::Topic),
        entry("segment.bytes", Some("2000"), ConfigSource::Topic),
        entry("max.message.bytes", Some("3000"), ConfigSource::AllBrokers),
    ];
    let changes = ConfigChanges::new(ConfigResource::topic("orders"))
        .delete("segment.bytes")
        .append("cleanup.policy", "compact, delete");
    assert_eq!(
        applied(changes, &entries).unwrap(),
        [
            ("cleanup.policy".to_owned(), "delete,compact".to_owned()),
            ("retention.ms".to_owned(), "1000".to_owned())
        ]
    );
}

#[test]
fn elements_are_taken_out_and_broker_defaults_stay_apart() {
    let entries = [
        entry("a.list", Some("x, y,z"), ConfigSource::AllBrokers),
        entry("b", Some("1"), ConfigSource::Broker),
    ];
    let changes = |resource| ConfigChanges::new(resource).subtract("a.list", "y,q").set("c", "2");
    assert_eq!(
        applied(changes(ConfigResource::broker(1)), &entries).unwrap(),
        [("a.list", "x,z"), ("b", "1"), ("c", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()))
    );
    assert_eq!(
        applied(changes(ConfigResource::all_brokers()), &entries).unwrap(),
        [("a.list", "x,z"), ("c", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()))
    );
}

#[test]
fn a_secret_is_not_lost() {
    let entries = [entry("ssl.key.password", None, ConfigSource::Broker)];
    let changes = ConfigChanges::new(ConfigResource::broker(1)).set("b", "1");
    let error = applied(changes.clone(), &entries).unwrap_err();
    assert_eq!(
        error.to_string(),
        "change the configs of broker 1: not supported by the broker: it changes configs only all \
         at once, and ssl.key.password, which is secret, cannot be read to be written back; set it \
         in the same call"
    );
    let whole = applied(changes.set("ssl.key.password", "s"), &entries).unwrap();
    assert_eq!(whole.len(), 2);
}

#[test]
fn a_broker_has_a_number() {
    assert_eq!(ConfigResource::broker(7).invalid(), None);
    assert_eq!(ConfigResource::all_brokers().invalid(), None);
    let wrong = ConfigResource::new(ResourceType::BrokerLogger, "seven");
    assert_eq!(wrong.invalid().as_deref(), Some("\"seven\" is no id of a broker"));
}
