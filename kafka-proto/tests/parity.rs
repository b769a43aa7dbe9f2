//! Every struct and field against Kafka's own definitions: name, type, versions, tag, null, default, whether it may be
//! dropped.
//!
//! The facts are in `vectors/parity.txt`, one line per message or field. With `KAFKA_VECTORS` set to a folder with
//! Kafka's files in `definitions` (`.ci/kafka definitions` writes them), they are derived from those instead, and the
//! committed file has to say the same; `UPDATE_PARITY=1` writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

use kafka_proto::any::messages;
use kafka_proto::wire::json::camel_case;
use kafka_proto::wire::{Field, Value, Visit, VisitError, Visitor};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// A range of versions, both ends included; empty where the first is above the last.
type Range = (i16, i16);

fn meet(a: Range, b: Range) -> Range {
    (a.0.max(b.0), a.1.min(b.1))
}

#[test]
fn fields_are_those_of_the_definitions() {
    let ours = ours();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/parity.txt");
    let facts =
        match std::env::var_os("KAFKA_VECTORS").map(|dir| Path::new(&dir).join("definitions")) {
            Some(folder) => {
                let facts = facts(&definitions(&folder));
                if std::env::var_os("UPDATE_PARITY").is_some() {
                    std::fs::write(&committed, &facts).unwrap();
                }
                assert_same(&std::fs::read_to_string(committed).unwrap(), &facts, "parity.txt");
                facts
            }
            None => std::fs::read_to_string(committed).unwrap(),
        };
    assert_same(&ours, &facts, "the notation");
    assert!(facts.lines().count() > 300, "{} facts are too few", facts.lines().count());
}

fn assert_same(found: &str, expected: &str, what: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "{what} (left) differs from the definitions (right)");
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{what} has more or fewer lines");
}

/// One field, as both sides state it.
struct Fact<'a> {
    path: &'a str,
    kind: &'a str,
    versions: Range,
    parent: Range,
    tag: Option<u64>,
    null: Range,
    droppable: bool,
    default: &'a str,
}

impl Fact<'_> {
    fn line(&self, out: &mut String) {
        let Self { path, kind, versions, parent, null, default, .. } = *self;
        write!(out, "{path} {kind} {}-{}", versions.0, versions.1).unwrap();
        if let Some(tag) = self.tag {
            write!(out, " tag {tag}").unwrap();
        }
        let null = meet(null, versions);
        if null.0 <= null.1 {
            write!(out, " null {}-{}", null.0, null.1).unwrap();
        }
        // In versions that all have the field there is nothing to drop.
        if self.droppable && versions != parent {
            out.push_str(" drop");
        }
        writeln!(out, " = {default}").unwrap();
    }
}

fn header(
    out: &mut String,
    name: &str,
    key: Option<i16>,
    range: Range,
    flexible: i16,
    stable: i16,
) {
    write!(out, "{name}").unwrap();
    if let Some(key) = key {
        write!(out, " key {key}").unwrap();
    }
    write!(out, " versions {}-{}", range.0, range.1).unwrap();
    if flexible <= range.1 {
        write!(out, " flexible {flexible}").unwrap();
    }
    writeln!(out, " stable {stable}").unwrap();
}

/// The facts that the notation states.
fn ours() -> String {
    let mut out = String::new();
    for of in messages() {
        let versions = (of.versions.min, of.versions.max);
        header(&mut out, of.name, of.number, versions, of.flexible, of.stable);
        let mut walk = Walk { out: &mut out, path: of.name.to_owned(), parent: versions };
        of.initial().visit(&mut walk).unwrap();
    }
    out
}

struct Walk<'a> {
    out: &'a mut String,
    path: String,
    parent: Range,
}

impl Visitor for Walk<'_> {
    fn field(&mut self, field: &Field, _: bool, mut value: Value<'_>) -> Result<(), VisitError> {
        let default = default_of(&mut value);
        let nullable = matches!(value, Value::Nullable(_));
        let (kind, inner) = kind_of(value);
        let versions = meet((field.from, field.to), self.parent);
        let path = format!("{}.{}", self.path, camel_case(field.name));
        Fact {
            path: &path,
            kind: &kind,
            versions,
            parent: self.parent,
            tag: field.tag.map(u64::from),
            null: if nullable { (field.null_from, field.null_to) } else { (0, -1) },
            droppable: field.droppable,
            default: &default,
        }
        .line(self.out);
        if let Some(inner) = inner {
            inner.visit(&mut Walk { out: self.out, path, parent: versions })?;
        }
        Ok(())
    }
}

fn default_of(value: &mut Value<'_>) -> String {
    match value {
        Value::Bool(v) => v.to_string(),
        Value::I8(v) => v.to_string(),
        Value::I16(v) => v.to_string(),
        Value::U16(v) => v.to_string(),
        Value::I32(v) => v.to_string(),
        Value::U32(v) => v.to_string(),
        Value::I64(v) => v.to_string(),
        Value::F64(v) => v.to_string(),
        Value::Nullable(v) if v.is_null() => "null".to_owned(),
        Value::Nullable(v) => v.present().map_or_else(String::new, |mut v| default_of(&mut v)),
        Value::Str(v) => format!("{v:?}"),
        Value::Array(v) => format!("{} elements", v.len()),
        Value::Uuid(v) if v.is_zero() => "zero".to_owned(),
        Value::Uuid(v) => v.to_string(),
        Value::Bytes(v) => format!("{} bytes", v.len()),
        Value::Records(v) => format!("{} bytes", v.len()),
        Value::Struct(_) => "fields".to_owned(),
    }
}

/// Kafka's name of the type, and its fields if it has some.
fn kind_of(value: Value<'_>) -> (String, Option<&mut dyn Visit>) {
    let name = match value {
        Value::Bool(_) => "bool",
        Value::I8(_) => "int8",
        Value::I16(_) => "int16",
        Value::U16(_) => "uint16",
        Value::I32(_) => "int32",
        Value::U32(_) => "uint32",
        Value::I64(_) => "int64",
        Value::F64(_) => "float64",
        Value::Uuid(_) => "uuid",
        Value::Str(_) => "string",
        Value::Bytes(_) => "bytes",
        Value::Records(_) => "records",
        Value::Struct(v) => return (kafka_name(v.type_name()).to_owned(), Some(v)),
        Value::Array(array) => {
            array.push_default();
            let (kind, inner) = kind_of(array.item(0).unwrap());
            return (format!("[]{kind}"), inner);
        }
        Value::Nullable(v) => {
            v.set_null(false);
            return kind_of(v.present().unwrap());
        }
    };
    (name.to_owned(), None)
}

/// Structs of two definitions in one file that have the same name with other fields have another one here: those of a
/// response end in `Response`, and some are listed.
fn kafka_name(name: &str) -> &str {
    match name {
        "LeaderChangeVoter" | "QuorumStateVoter" => "Voter",
        "TaskIdsWithEpochs" => "TaskIds",
        _ => name.strip_suffix("Response").unwrap_or(name),
    }
}

/// The facts that the definitions state, for the messages that we have.
fn facts(definitions: &BTreeMap<String, Json>) -> String {
    let mut out = String::new();
    for of in messages() {
        let name = of.name;
        let definition = &definitions[name];
        let versions = range(&definition["validVersions"]);
        let key = definition["apiKey"].as_i64().map(|key| i16::try_from(key).unwrap());
        let flexible = range(&definition["flexibleVersions"]).0;
        // Only the request says that the newest version is unstable.
        let request = name.replace("Response", "Request");
        let request = definitions.get(&request).unwrap_or(definition);
        let unstable = request["latestVersionUnstable"].as_bool() == Some(true);
        let stable = versions.1 - i16::from(unstable);
        header(&mut out, name, key, versions, flexible, stable);
        let mut whole = Definition { whole: definition, out: &mut out };
        whole.walk(&definition["fields"], name, versions);
    }
    for (name, definition) in definitions {
        // Those without versions are of APIs that are gone; headers are the business of `frame`.
        let here = out.lines().any(|line| line.split(' ').next() == Some(name));
        let gone = definition["validVersions"] == "none";
        let header = ["RequestHeader", "ResponseHeader"].contains(&name.as_str());
        assert!(here != (gone || header), "{name} is not in the notation, or should not be");
    }
    out
}

/// A message as Kafka defines it.
struct Definition<'a> {
    whole: &'a Json,
    out: &'a mut String,
}

impl Definition<'_> {
    fn walk(&mut self, fields: &Json, path: &str, parent: Range) {
        for field in in_order_of_tags(fields.as_array().unwrap()) {
            let name = field["name"].as_str().unwrap();
            let path = format!("{path}.{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
            let tagged = range(&field["taggedVersions"]);
            // A field may be there as a tagged one only.
            let stated = field["versions"].is_null().then_some(tagged);
            let versions = meet(stated.unwrap_or_else(|| range(&field["versions"])), parent);
            // Some are only of versions that Kafka does not read any more.
            if versions.0 > versions.1 {
                continue;
            }
            assert!(
                tagged.1 < tagged.0 || meet(tagged, parent) == versions,
                "{path} is tagged in part"
            );
            let kind = field["type"].as_str().unwrap();
            let null = meet(range(&field["nullableVersions"]), versions);
            Fact {
                path: &path,
                kind: kind.strip_suffix("Response").unwrap_or(kind),
                versions,
                parent,
                tag: field["tag"].as_u64(),
                null,
                droppable: field["ignorable"].as_bool() == Some(true),
                default: &definition_default(kind, null.0 <= null.1, field),
            }
            .line(self.out);
            if let Some(fields) = self.fields_of(kind, field) {
                self.walk(&fields, &path, versions);
            }
        }
    }

    /// The fields of a struct; some are defined once, to be used in several places.
    fn fields_of(&self, kind: &str, field: &Json) -> Option<Json> {
        if field["fields"].is_array() {
            return Some(field["fields"].clone());
        }
        let name = kind.trim_start_matches("[]");
        let common = self.whole["commonStructs"].as_array()?;
        common.iter().find(|each| each["name"] == name).map(|each| each["fields"].clone())
    }
}

/// Kafka writes tagged fields by their numbers, whatever place the definition gives them.
fn in_order_of_tags(fields: &[Json]) -> Vec<&Json> {
    let mut tagged: Vec<_> = fields.iter().filter(|field| field["tag"].is_u64()).collect();
    tagged.sort_by_key(|field| std::cmp::Reverse(field["tag"].as_u64()));
    let each = fields.iter();
    each.map(|field| if field["tag"].is_u64() { tagged.pop().unwrap() } else { field }).collect()
}

/// Kafka's files have comments, from `//` outside of strings to the end of the line.
fn without_comments(text: &str) -> String {
    let code = |line: &str| -> String {
        let mut quoted = false;
        let comment = line.char_indices().find(|&(at, letter)| {
            quoted ^= letter == '"';
            !quoted && line[at..].starts_with("//")
        });
        line[..comment.map_or(line.len(), |(at, _)| at)].to_owned() + "\n"
    };
    text.lines().map(code).collect()
}

/// Every definition below a folder, by name.
fn definitions(folder: &Path) -> BTreeMap<String, Json> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut definitions(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let text = without_comments(&std::fs::read_to_string(&path).unwrap());
            let definition: Json =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            if let Some(name) = definition["name"].as_str() {
                found.insert(name.to_owned(), definition);
            }
        }
    }
    found
}

fn definition_default(kind: &str, nullable: bool, field: &Json) -> String {
    let stated = match &field["default"] {
        Json::String(text) => Some(text.clone()),
        Json::Null => None,
        other => Some(other.to_string()),
    };
    match (kind, stated.as_deref()) {
        (_, Some("null")) => "null".to_owned(),
        ("string", text) => format!("{:?}", text.unwrap_or_default()),
        ("bool", text) => text.unwrap_or("false").to_owned(),
        ("uuid", None) => "zero".to_owned(),
        ("bytes", None) => "0 bytes".to_owned(),
        // As the classes that Kafka generates have it; what cannot be null starts as empty here.
        ("records", None) if nullable => "null".to_owned(),
        ("records", None) => "0 bytes".to_owned(),
        (kind, None) if kind.starts_with("[]") => "0 elements".to_owned(),
        (kind, text) if kind.starts_with("int") || kind.starts_with("uint") => {
            let text = text.unwrap_or("0");
            let hex = text.strip_prefix("0x").map(|hex| i64::from_str_radix(hex, 16).unwrap());
            hex.map_or_else(|| text.to_owned(), |number| number.to_string())
        }
        ("float64", text) => text.unwrap_or("0").parse::<f64>().unwrap().to_string(),
        (_, None) => "fields".to_owned(),
        (kind, Some(text)) => panic!("a {kind} with the default {text}"),
    }
}

fn range(json: &Json) -> Range {
    let parse = |text: &str| text.parse::<i16>().unwrap();
    match json.as_str() {
        None | Some("none") => (i16::MAX, -1),
        Some(text) => match (text.strip_suffix('+'), text.split_once('-')) {
            (Some(from), _) => (parse(from), i16::MAX),
            (None, Some((from, to))) => (parse(from), parse(to)),
            (None, None) => (parse(text), parse(text)),
        },
    }
}
