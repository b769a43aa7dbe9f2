//! Messages from and to the JSON that Kafka's own tools print.
//!
//! Fields have the names of Kafka's definitions. A field that the version lacks, and a tagged field that holds its
//! default, is absent. Bytes and record batches are base64, ids their 22 characters, and the numbers that JSON does
//! not know are `"NaN"`, `"Infinity"` and `"-Infinity"`.

use super::{Field, Message, Value, Visit, VisitError, Visitor};
use crate::any::AnyMessage;
use crate::records::Records;
use bytes::Bytes;
use serde_json::{Map, Number, Value as Json};

/// What `message` looks like at `version`.
///
/// # Errors
/// When the version cannot carry the message: a field is set that it lacks, or null where it allows none.
pub fn to_json(message: &dyn AnyMessage, version: i16) -> Result<Json, VisitError> {
    write_struct(&mut *message.copy(), version)
}

/// The message that `json` describes; what it does not mention keeps its default.
///
/// # Errors
/// When a value does not fit its field, or a name is none of a field of this version.
pub fn from_json<M: Message>(json: &Json, version: i16) -> Result<M, VisitError> {
    let mut message = M::default();
    read_json(&mut message, json, version)?;
    Ok(message)
}

/// Kafka's name of a field: `throttle_time_ms` is `throttleTimeMs`.
#[must_use]
pub fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for (index, word) in name.split('_').enumerate() {
        let mut letters = word.chars();
        if index > 0
            && let Some(first) = letters.next()
        {
            camel.push(first.to_ascii_uppercase());
        }
        camel.push_str(letters.as_str());
    }
    camel
}

struct Write {
    version: i16,
    object: Map<String, Json>,
}

fn write_struct(value: &mut dyn Visit, version: i16) -> Result<Json, VisitError> {
    let mut write = Write { version, object: Map::new() };
    value.visit(&mut write)?;
    Ok(Json::Object(write.object))
}

impl Visitor for Write {
    fn field(&mut self, field: &Field, blank: bool, value: Value<'_>) -> Result<(), VisitError> {
        if !field.has(self.version) {
            return if blank || field.droppable {
                Ok(())
            } else {
                let version = self.version;
                Err(VisitError::new(format!("is set, but version {version} cannot carry it")))
            };
        }
        if field.tag.is_none() || !blank {
            let json = write_value(value, self.version, field.nullable(self.version))?;
            self.object.insert(camel_case(field.name), json);
        }
        Ok(())
    }
}

fn write_value(value: Value<'_>, version: i16, nullable: bool) -> Result<Json, VisitError> {
    Ok(match value {
        Value::Bool(v) => Json::from(*v),
        Value::I8(v) => Json::from(*v),
        Value::I16(v) => Json::from(*v),
        Value::U16(v) => Json::from(*v),
        Value::I32(v) => Json::from(*v),
        Value::U32(v) => Json::from(*v),
        Value::I64(v) => Json::from(*v),
        Value::F64(v) => match Number::from_f64(*v) {
            Some(number) => Json::Number(number),
            None if v.is_nan() => Json::from("NaN"),
            None if *v > 0.0 => Json::from("Infinity"),
            None => Json::from("-Infinity"),
        },
        Value::Uuid(v) => Json::from(v.to_string()),
        Value::Str(v) => Json::from(&**v),
        Value::Bytes(v) => Json::from(base64(v)),
        Value::Records(v) => {
            let bytes = v.to_bytes().map_err(|e| VisitError::new(e.to_string()))?;
            Json::from(base64(&bytes))
        }
        Value::Struct(v) => write_struct(v, version)?,
        Value::Array(v) => {
            let mut items = Vec::with_capacity(v.len());
            for index in 0..v.len() {
                if let Some(item) = v.item(index) {
                    items.push(write_value(item, version, false).map_err(|e| e.item(index))?);
                }
            }
            Json::Array(items)
        }
        Value::Nullable(v) => match v.present() {
            Some(v) => write_value(v, version, false)?,
            None if nullable => Json::Null,
            None => {
                return Err(VisitError::new(format!("null is not allowed in version {version}")));
            }
        },
    })
}

struct Read<'a> {
    version: i16,
    object: &'a Map<String, Json>,
    /// How many of the object's names were those of fields.
    known: usize,
}

/// Sets in `value` what `json` describes.
///
/// # Errors
/// As [`from_json`].
pub fn read_json(value: &mut dyn Visit, json: &Json, version: i16) -> Result<(), VisitError> {
    let object = json.as_object().ok_or_else(|| expected("an object", json))?;
    let mut read = Read { version, object, known: 0 };
    value.visit(&mut read)?;
    if read.known == object.len() {
        return Ok(());
    }
    let mut names = Names { version, names: Vec::new() };
    value.visit(&mut names)?;
    let unknown = object.keys().find(|name| !names.names.contains(name));
    let unknown = unknown.map_or("", String::as_str);
    let type_name = value.type_name();
    Err(VisitError::new(format!("{type_name} has no field {unknown:?} in version {version}")))
}

impl Visitor for Read<'_> {
    fn field(&mut self, field: &Field, _: bool, value: Value<'_>) -> Result<(), VisitError> {
        if field.has(self.version)
            && let Some(json) = self.object.get(&camel_case(field.name))
        {
            self.known += 1;
            read_value(value, json, self.version, field.nullable(self.version))?;
        }
        Ok(())
    }
}

/// Collects the names that a version has, to say which one it has not.
struct Names {
    version: i16,
    names: Vec<String>,
}

impl Visitor for Names {
    fn field(&mut self, field: &Field, _: bool, _: Value<'_>) -> Result<(), VisitError> {
        if field.has(self.version) {
            self.names.push(camel_case(field.name));
        }
        Ok(())
    }
}

fn read_value(
    value: Value<'_>,
    json: &Json,
    version: i16,
    nullable: bool,
) -> Result<(), VisitError> {
    match value {
        Value::Bool(v) => *v = json.as_bool().ok_or_else(|| expected("true or false", json))?,
        Value::I8(v) => *v = integer(json)?,
        Value::I16(v) => *v = integer(json)?,
        Value::U16(v) => *v = integer(json)?,
        Value::I32(v) => *v = integer(json)?,
        Value::U32(v) => *v = integer(json)?,
        Value::I64(v) => *v = integer(json)?,
        Value::F64(v) => {
            *v = match json.as_str() {
                Some("NaN") => f64::NAN,
                Some("Infinity") => f64::INFINITY,
                Some("-Infinity") => f64::NEG_INFINITY,
                _ => json.as_f64().ok_or_else(|| expected("a number", json))?,
            }
        }
        Value::Uuid(v) => *v = text(json)?.parse().map_err(|e| VisitError::new(format!("{e}")))?,
        Value::Str(v) => *v = text(json)?.into(),
        Value::Bytes(v) => *v = unbase64(json)?,
        Value::Records(v) => *v = Records::Bytes(unbase64(json)?),
        Value::Struct(v) => read_json(v, json, version)?,
        Value::Array(v) => {
            let items = json.as_array().ok_or_else(|| expected("an array", json))?;
            v.clear();
            for (index, json) in items.iter().enumerate() {
                v.push_default();
                if let Some(item) = v.item(index) {
                    read_value(item, json, version, false).map_err(|e| e.item(index))?;
                }
            }
        }
        Value::Nullable(v) => {
            let null = json.is_null();
            if null && !nullable {
                return Err(VisitError::new(format!("null is not allowed in version {version}")));
            }
            v.set_null(null);
            if let Some(v) = v.present() {
                read_value(v, json, version, false)?;
            }
        }
    }
    Ok(())
}

fn expected(what: &str, found: &Json) -> VisitError {
    let mut found = found.to_string();
    if found.len() > 40 {
        found = found.chars().take(40).chain("…".chars()).collect();
    }
    VisitError::new(format!("expected {what}, found {found}"))
}

fn text(json: &Json) -> Result<&str, VisitError> {
    json.as_str().ok_or_else(|| expected("a string", json))
}

fn integer<T: TryFrom<i64>>(json: &Json) -> Result<T, VisitError> {
    let fits = json.as_i64().and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| expected(&format!("an integer of {} bits", 8 * size_of::<T>()), json))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3)
            .fold(0u32, |bits, i| (bits << 8) | chunk.get(i).map_or(0, |byte| u32::from(*byte)));
        for digit in 0..4 {
            let six = usize::from((bits >> (18 - 6 * digit)).to_le_bytes()[0] & 0x3f);
            text.push(if digit > chunk.len() { '=' } else { char::from(ALPHABET[six]) });
        }
    }
    text
}

fn unbase64(json: &Json) -> Result<Bytes, VisitError> {
    let fail = || expected("base64", json);
    let digits = text(json)?.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for chunk in digits.chunks(4) {
        let mut bits = 0u32;
        for digit in chunk {
            let six = ALPHABET.iter().position(|c| c == digit).ok_or_else(fail)?;
            bits = (bits << 6) | u32::try_from(six).unwrap_or_default();
        }
        if chunk.len() == 1 {
            return Err(fail());
        }
        let [_, three @ ..] = (bits << (6 * (4 - chunk.len()))).to_be_bytes();
        bytes.extend(three.into_iter().take(chunk.len() - 1));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{fetch, metadata, produce};
    use serde_json::json;

    #[test]
    fn names_and_shapes_are_those_of_kafka() {
        let request = fetch::Request { max_wait_ms: 500, ..Default::default() };
        let json = to_json(&request, 4).unwrap();
        let shape = json!({
            "replicaId": -1, "maxWaitMs": 500, "minBytes": 0, "maxBytes": 2147483647,
            "isolationLevel": 0, "topics": []
        });
        assert_eq!(json, shape);
        assert_eq!(from_json::<fetch::Request>(&json, 4), Ok(request));
    }

    #[test]
    fn bytes_are_base64() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(bytes.as_bytes()), text);
            assert_eq!(unbase64(&json!(text)), Ok(bytes.into()));
        }
        assert!(unbase64(&json!("Z")).is_err() && unbase64(&json!("Z!==")).is_err());
    }

    #[test]
    fn an_error_names_the_field_and_what_was_expected() {
        let error = |json: Json| from_json::<metadata::Request>(&json, 9).unwrap_err().to_string();
        assert_eq!(
            error(json!({"topics": [{"name": 7}]})),
            ".topics[0].name: expected a string, found 7"
        );
        assert_eq!(error(json!({"topic": []})), "Request has no field \"topic\" in version 9");
        assert_eq!(
            error(json!({"topics": [{"name": null}]})),
            ".topics[0].name: null is not allowed in version 9"
        );
        let error = from_json::<produce::Request>(&json!({"acks": 32768}), 9).unwrap_err();
        assert_eq!(error.to_string(), ".acks: expected an integer of 16 bits, found 32768");
    }

    #[test]
    fn a_field_that_the_version_lacks_is_not_lost_silently() {
        let request = fetch::Request { rack_id: "r".into(), session_id: 7, ..Default::default() };
        assert!(to_json(&request, 4).is_ok(), "both may be dropped");
        let request = fetch::Request {
            replica_state: fetch::ReplicaState { replica_id: 1, replica_epoch: 2 },
            ..Default::default()
        };
        let error = to_json(&request, 14).unwrap_err().to_string();
        assert_eq!(error, ".replica_state: is set, but version 14 cannot carry it");
    }
}
