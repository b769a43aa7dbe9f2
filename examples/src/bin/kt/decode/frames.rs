//! Requests and responses: by what they say of themselves, by what they are told to be, or by trying.

use super::{base64, segments, stored, text};
use crate::failure::{Failure, Outcome};
use crate::output::{Format, Out};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::any::ApiType;
use kafka_proto::api::{APIS, ApiInfo, ApiKey};
use kafka_proto::frame::{RequestHeader, decode_request_header};
use kafka_proto::wire::json::to_json;
use serde_json::{Value, json};

/// An API by its name or number.
pub(super) fn api(text: &str) -> Result<ApiKey, String> {
    let named = |api: &&ApiType| {
        let ApiInfo { key, name, .. } = api.info;
        name.eq_ignore_ascii_case(text) || text.parse() == Ok(key.0)
    };
    let found = APIS.iter().find(named).map(|api| api.info.key);
    found.ok_or_else(|| "no API has this name or number; kt broker-api-versions lists them".into())
}

/// What is known of frames beforehand.
pub(super) struct Frames {
    pub(super) api: Option<ApiKey>,
    pub(super) version: Option<i16>,
    pub(super) request: bool,
    pub(super) response: bool,
}

/// A frame that could be read.
struct Decoded {
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    /// Of a request.
    header: Option<RequestHeader>,
    body: Value,
}

impl Frames {
    /// Prints the frames in `bytes`: several with their lengths in front, or one without.
    pub(super) fn print(&self, bytes: &Bytes, out: &mut Out) -> Outcome {
        for (number, frame) in (1..).zip(split(bytes)) {
            let decoded = self.decode(&frame).map_err(|error| {
                Failure::Failed(format!("frame {number} of {} bytes: {error}", frame.len()))
            })?;
            let [best, others @ ..] = &decoded[..] else { continue };
            let others = could_be(best, others);
            if out.format == Format::Json {
                out.line(json(best, &others))?;
                continue;
            }
            out.line(heading(best, frame.len()))?;
            if !others.is_empty() {
                let others = others.join(", ");
                out.line(format_args!("  (could also be {others}: --api and --api-version tell)"))?;
            }
            write(out, &best.body)?;
        }
        Ok(())
    }

    /// What the frame is; where that is not certain, what is most plausible comes first.
    fn decode(&self, frame: &Bytes) -> Result<Vec<Decoded>, String> {
        let mut why = None;
        if !self.response {
            match self.request(frame) {
                Ok(request) => return Ok(vec![request]),
                Err(error) if self.request => return Err(error),
                Err(error) => why = Some(error),
            }
        }
        let (mut found, error) = self.responses(frame);
        if found.is_empty() {
            return Err(match (error, self.api, why) {
                (Some(error), Some(_), _) => error,
                (_, _, Some(request)) => {
                    format!("no response either; as a request: {request}")
                }
                _ => "it is no response that is known".to_owned(),
            });
        }
        found.sort_by_key(|decoded| {
            let Decoded { api, version, body, .. } = decoded;
            let said = body.to_string().len();
            (oddity(body, ""), std::cmp::Reverse(said), *api, std::cmp::Reverse(*version))
        });
        Ok(found)
    }

    fn request(&self, frame: &Bytes) -> Result<Decoded, String> {
        let (header, body) = decode_request_header(frame).map_err(|error| error.to_string())?;
        let (api, version) = (header.api_key, header.version);
        let types = api.messages().ok_or_else(|| format!("there is no API {}", api.0))?;
        if self.api.is_some_and(|wanted| wanted != api) {
            return Err(format!("it says that it is {}", types.info.name));
        }
        let request = types.decode_request(body, version).map_err(|error| error.to_string())?;
        let body = with_records(to_json(&*request, version).map_err(|error| error.to_string())?);
        let correlation_id = header.correlation_id;
        Ok(Decoded { api, version, correlation_id, header: Some(header), body })
    }

    /// All responses that it could be, and why it is not another.
    fn responses(&self, frame: &Bytes) -> (Vec<Decoded>, Option<String>) {
        let (mut found, mut error) = (Vec::new(), None);
        let apis = APIS.iter().filter(|api| self.api.is_none_or(|wanted| wanted == api.info.key));
        for api in apis {
            let versions = api.info.versions.min..=api.info.versions.max;
            for version in versions.filter(|version| self.version.is_none_or(|v| v == *version)) {
                match api.decode_response(frame.clone(), version) {
                    Ok((correlation_id, response)) => {
                        if let Ok(body) = to_json(&*response, version) {
                            let (api, body) = (api.info.key, with_records(body));
                            found.push(Decoded {
                                api,
                                version,
                                correlation_id,
                                header: None,
                                body,
                            });
                        }
                    }
                    Err(why) => error = Some(why.to_string()),
                }
            }
        }
        (found, error)
    }
}

/// The frames in `bytes`, if these are frames behind their lengths; all of it, if they are not.
fn split(bytes: &Bytes) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes.get(at..at + 4).and_then(|length| length.first_chunk());
        let length = length.and_then(|length| usize::try_from(i32::from_be_bytes(*length)).ok());
        match length.and_then(|length| Some((at + 4, (at + 4).checked_add(length)?))) {
            Some((start, end)) if end <= bytes.len() && start < end => {
                frames.push(bytes.slice(start..end));
                at = end;
            }
            _ => return vec![bytes.clone()],
        }
    }
    frames
}

/// How much of it makes no sense: text that is none, codes that nobody knows, times that no broker asks for.
fn oddity(value: &Value, name: &str) -> usize {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| oddity(value, name)).sum(),
        Value::Array(items) => items.iter().map(|item| oddity(item, name)).sum(),
        Value::String(text) => {
            usize::from(text.chars().any(char::is_control) || text.contains('\u{fffd}'))
        }
        Value::Number(number) => {
            let number = number.as_i64().unwrap_or(0);
            let is_odd = match name {
                "errorCode" => !ErrorCode::ALL.iter().any(|code| i64::from(code.0) == number),
                "throttleTimeMs" => !(0..600_000).contains(&number),
                _ => number < -2,
            };
            usize::from(is_odd)
        }
        Value::Bool(_) | Value::Null => 0,
    }
}

/// Has the batches of records in place of their bytes.
fn with_records(mut body: Value) -> Value {
    match &mut body {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let bytes = match (name.as_str(), value.as_str()) {
                    ("records", Some(text)) => base64::decode(text),
                    _ => None,
                };
                *value = match bytes.map(|bytes| segments::batches(bytes, None)) {
                    Some(Ok(batches)) => batches,
                    _ => with_records(value.take()),
                };
            }
        }
        Value::Array(items) => {
            for item in items.iter_mut() {
                *item = with_records(item.take());
            }
        }
        _ => {}
    }
    body
}

/// The other things that the frame could be, each API with its versions.
fn could_be(best: &Decoded, others: &[Decoded]) -> Vec<String> {
    let mut apis: Vec<(ApiKey, Vec<i16>)> = Vec::new();
    for other in others.iter().filter(|other| other.api != best.api || other.body != best.body) {
        match apis.iter_mut().find(|(api, _)| *api == other.api) {
            Some((_, versions)) => versions.push(other.version),
            None => apis.push((other.api, vec![other.version])),
        }
    }
    let each = apis.into_iter().map(|(api, mut versions)| {
        versions.sort_unstable();
        let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
        format!("{api} {}", versions.join(" "))
    });
    each.collect()
}

fn heading(decoded: &Decoded, bytes: usize) -> String {
    let Decoded { api, version, correlation_id, header, .. } = decoded;
    let kind = if header.is_some() { "request" } else { "response" };
    let client = match header {
        Some(RequestHeader { client_id: Some(id), .. }) => format!(", client id {id:?}"),
        _ => String::new(),
    };
    format!(
        "{api} {kind} ({}), version {version}, {bytes} bytes, correlation id \
         {correlation_id}{client}",
        api.0
    )
}

fn json(decoded: &Decoded, others: &[String]) -> Value {
    let Decoded { api, version, correlation_id, header, body } = decoded;
    let mut json = json!({
        "frame": if header.is_some() { "request" } else { "response" },
        "api": api.to_string(), "key": api.0, "version": version,
        "correlationId": correlation_id, "body": body,
    });
    if let Some(header) = header {
        json["clientId"] = json!(header.client_id.as_deref());
    }
    if !others.is_empty() {
        json["couldAlsoBe"] = json!(others);
    }
    json
}

fn write(out: &mut Out, body: &Value) -> Outcome {
    use std::io::Write;
    Ok(out.raw().write_all(text::lines(body).as_bytes())?)
}

/// Prints a message that stands without a frame.
pub(super) fn message(name: &str, bytes: Bytes, version: Option<i16>, out: &mut Out) -> Outcome {
    let json = stored::named(name, &bytes, version).map_err(Failure::Failed)?;
    if out.format == Format::Json {
        return out.line(json);
    }
    out.line(format_args!("{name}, version {}, {} bytes", json["version"], bytes.len()))?;
    write(out, &json["data"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_proto::frame::{encode_request, encode_response};
    use kafka_proto::messages::{api_versions, metadata};

    const NO_HINT: Frames = Frames { api: None, version: None, request: false, response: false };

    #[test]
    fn a_request_says_what_it_is() {
        let name = Some("tea".into());
        let topics = vec![metadata::MetadataRequestTopic { name, ..Default::default() }];
        let request = metadata::Request { topics: Some(topics), ..Default::default() };
        let frame = encode_request(&request, 12, 7, Some(&"me".into())).unwrap().into_bytes();
        let frames = split(&[&frame[..], &frame[..]].concat().into());
        assert_eq!(frames.len(), 2);
        let decoded = NO_HINT.decode(&frames[1]).unwrap();
        assert_eq!(decoded.len(), 1);
        let heading = heading(&decoded[0], 5);
        let expected =
            "Metadata request (3), version 12, 5 bytes, correlation id 7, client id \"me\"";
        assert_eq!(heading, expected);
        assert_eq!(decoded[0].body["topics"][0]["name"], "tea");
        assert_eq!(split(&frames[1]), [frames[1].clone()], "without its length");
        let hint = Frames { api: Some(ApiKey::FETCH), request: true, ..NO_HINT };
        assert_eq!(hint.decode(&frames[0]).err(), Some("it says that it is Metadata".to_owned()));
    }

    #[test]
    fn a_response_is_what_makes_most_sense() {
        let key = |api_key| api_versions::ApiVersion { api_key, min_version: 0, max_version: 4 };
        let api_keys = (0..30).map(key).collect();
        let response = api_versions::Response { api_keys, ..Default::default() };
        let frame = encode_response::<api_versions::Request>(&response, 4, 1).unwrap();
        let frame = split(&frame.into_bytes()).remove(0);
        let decoded = NO_HINT.decode(&frame).unwrap();
        assert_eq!(decoded[0].api, ApiKey::API_VERSIONS);
        let hint = Frames { api: api("apiversions").ok(), version: Some(4), ..NO_HINT };
        let decoded = hint.decode(&frame).unwrap();
        assert_eq!((decoded.len(), decoded[0].version), (1, 4));
        assert_eq!(decoded[0].body["apiKeys"].as_array().map(Vec::len), Some(30));
    }

    #[test]
    fn what_is_nothing_is_told() {
        assert!(NO_HINT.decode(&Bytes::from_static(b"no")).is_err());
        assert_eq!(api("18"), Ok(ApiKey::API_VERSIONS));
        assert!(api("Fetsch").is_err());
    }
}
