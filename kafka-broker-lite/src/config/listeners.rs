//! Listeners: where the broker listens, under which name, and what address clients are told.
//!
//! A client that came in at a listener is told that listener's advertised address, so that clients inside and outside
//! of a network each get one that they can reach.

use super::ConfigError;
use kafka_proto::settings::list;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The name of a listener, like `PLAINTEXT` or `INSIDE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerName(Arc<str>);

impl ListenerName {
    /// A name; Kafka's are in capitals, whatever the case in the properties.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.trim().to_ascii_uppercase().into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: Arc<str>,
    /// The port; 0 stands for whichever is free.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// One place the broker listens at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name.
    pub name: ListenerName,
    /// What it binds to; no host stands for every address of the machine.
    pub bind: Address,
    /// What clients are told that came in here. Port 0 becomes the bound one.
    pub advertised: Address,
}

/// The properties that listeners come from.
pub(super) struct Texts<'a> {
    pub(super) listeners: &'a str,
    pub(super) advertised: Option<&'a str>,
    pub(super) protocols: Option<&'a str>,
    pub(super) inter_broker: Option<&'a str>,
    pub(super) controller: &'a str,
}

/// Reads every listener but those of the controller.
pub(super) fn parse(texts: &Texts<'_>) -> Result<Vec<Listener>, ConfigError> {
    let controller: Vec<_> = list(texts.controller).into_iter().map(ListenerName::new).collect();
    let binds = addresses("listeners", texts.listeners)?;
    let mut told = match texts.advertised {
        Some(text) => addresses("advertised.listeners", text)?,
        None => Vec::new(),
    };
    check_advertised(&binds, &told)?;
    check_ports(&binds)?;
    let protocols = protocols(texts.protocols)?;
    let mut listeners = Vec::new();
    for (name, bind) in binds.into_iter().filter(|(name, _)| !controller.contains(name)) {
        check_protocol(&name, &protocols)?;
        let told = told.iter().position(|(told, _)| *told == name).map(|at| told.swap_remove(at).1);
        let advertised = match told {
            Some(told) => told,
            None => own_address(&name, &bind)?,
        };
        listeners.push(Listener { name, bind, advertised });
    }
    if listeners.is_empty() {
        return Err(ConfigError::listeners("listeners names no listener for clients"));
    }
    if let Some(name) = texts.inter_broker.map(ListenerName::new)
        && !listeners.iter().any(|listener| listener.name == name)
    {
        let text = format!("inter.broker.listener.name is {name}, which listeners does not name");
        return Err(ConfigError::listeners(text));
    }
    Ok(listeners)
}

fn addresses(key: &str, text: &str) -> Result<Vec<(ListenerName, Address)>, ConfigError> {
    let mut found: Vec<(ListenerName, Address)> = Vec::new();
    for item in list(text) {
        let (name, address) = address(item).ok_or_else(|| {
            let expected = "is not of the form NAME://host:port";
            ConfigError::listeners(format!("{key}: {item:?} {expected}"))
        })?;
        if found.iter().any(|(other, _)| *other == name) {
            return Err(ConfigError::listeners(format!("{key} names {name} twice")));
        }
        if key == "advertised.listeners" && (address.host.is_empty() || is_any(&address.host)) {
            let text = format!("{key}: {item:?} names no host that clients could connect to");
            return Err(ConfigError::listeners(text));
        }
        found.push((name, address));
    }
    Ok(found)
}

fn address(item: &str) -> Option<(ListenerName, Address)> {
    let (name, address) = item.split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if name.is_empty() || (bracketed.is_none() && host.contains([':', '[', ']', '/'])) {
        return None;
    }
    let host = bracketed.unwrap_or(host).into();
    Some((ListenerName::new(name), Address { host, port: port.parse().ok()? }))
}

fn is_any(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified())
}

fn check_advertised(
    binds: &[(ListenerName, Address)],
    told: &[(ListenerName, Address)],
) -> Result<(), ConfigError> {
    match told.iter().find(|(name, _)| !binds.iter().any(|(bound, _)| bound == name)) {
        Some((name, _)) => Err(ConfigError::listeners(format!(
            "advertised.listeners names {name}, which listeners does not"
        ))),
        None => Ok(()),
    }
}

fn check_ports(binds: &[(ListenerName, Address)]) -> Result<(), ConfigError> {
    let mut ports = BTreeMap::new();
    for (name, Address { port, .. }) in binds.iter().filter(|(_, bind)| bind.port != 0) {
        if let Some(other) = ports.insert(*port, name) {
            let text = format!("listeners gives {other} and {name} the same port {port}");
            return Err(ConfigError::listeners(text));
        }
    }
    Ok(())
}

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

fn protocols(text: Option<&str>) -> Result<BTreeMap<ListenerName, String>, ConfigError> {
    let Some(text) = text else {
        return Ok(PROTOCOLS.iter().map(|p| (ListenerName::new(p), (*p).to_owned())).collect());
    };
    let pair = |item: &str| {
        let (name, protocol) = item.split_once(':')?;
        let protocol = protocol.trim().to_ascii_uppercase();
        PROTOCOLS.contains(&&*protocol).then(|| (ListenerName::new(name), protocol))
    };
    let read = |item| {
        pair(item).ok_or_else(|| {
            let expected = format!("is not of the form NAME:{}", PROTOCOLS.join("|"));
            ConfigError::listeners(format!("listener.security.protocol.map: {item:?} {expected}"))
        })
    };
    list(text).into_iter().map(read).collect()
}

fn check_protocol(
    name: &ListenerName,
    protocols: &BTreeMap<ListenerName, String>,
) -> Result<(), ConfigError> {
    match protocols.get(name).map(|protocol| &**protocol) {
        Some("PLAINTEXT") => Ok(()),
        Some(protocol) => Err(ConfigError::listeners(format!(
            "listener {name} speaks {protocol}, but only PLAINTEXT is served: neither TLS nor SASL"
        ))),
        None => Err(ConfigError::listeners(format!(
            "listener.security.protocol.map says nothing of listener {name}; add {name}:PLAINTEXT"
        ))),
    }
}

/// What is told of a listener that `advertised.listeners` leaves out.
fn own_address(name: &ListenerName, bind: &Address) -> Result<Address, ConfigError> {
    match &*bind.host {
        "" => Ok(Address { host: "localhost".into(), port: bind.port }),
        host if is_any(host) => Err(ConfigError::listeners(format!(
            "listener {name} is bound to {host}, which no client can connect to; \
             set advertised.listeners to {name}://host:{}",
            bind.port
        ))),
        _ => Ok(bind.clone()),
    }
}
