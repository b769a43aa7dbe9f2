//! ApiVersions: what is served here, at which versions.
//!
//! An answer to a version that is not served is version 0 with an error, so that any client can read it; the broker
//! sees to that, since such a request cannot be decoded.

use super::{Context, Outcome, Serve};
use crate::control::Control;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::api::{API_INFOS, ApiInfo, ApiKey, Versions};
use kafka_proto::messages::api_versions::{ApiVersion, Request, Response};

/// The first version that says who the client is.
const CLIENT_NAME_SINCE: i16 = 3;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let named = |name: &str| is_software_name(name);
        if cx.version >= CLIENT_NAME_SINCE
            && !(named(&self.client_software_name) && named(&self.client_software_version))
        {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUEST));
        }
        // Who says which cluster it expects has to say which node, and the other way round.
        let config = &state.config;
        let refused = match (&self.cluster_id, self.node_id) {
            (None, -1) => None,
            (None, _) | (Some(_), -1) => Some(ErrorCode::INVALID_REQUEST),
            (Some(cluster), node) if *cluster == config.cluster_id && node == config.node_id => {
                None
            }
            (Some(_), _) => Some(ErrorCode::REBOOTSTRAP_REQUIRED),
        };
        Outcome::Ready(match refused {
            Some(code) => self.refuse(state, cx, code),
            None => Response { api_keys: rows(&state.control), ..Response::default() },
        })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        Response { error_code, ..Response::default() }
    }
}

/// The versions in which `api` is served, if it is.
pub(crate) fn offered(control: &Control, api: ApiKey) -> Option<Versions> {
    let served = api.info()?.stable;
    control.offered(api, served)
}

/// What to answer in version 0 to a version that is not served.
pub(crate) fn unsupported_version(control: &Control) -> Response {
    let error_code = ErrorCode::UNSUPPORTED_VERSION;
    Response { error_code, api_keys: rows(control), ..Response::default() }
}

/// All APIs, in the order of their keys.
fn rows(control: &Control) -> Vec<ApiVersion> {
    let row = |&ApiInfo { key, .. }: &ApiInfo| {
        let Versions { min, max } = offered(control, key)?;
        // For librdkafka, which takes a broker without version 0 for one without Produce.
        let min_version = if key == ApiKey::PRODUCE { 0 } else { min };
        Some(ApiVersion { api_key: key.0, min_version, max_version: max })
    };
    API_INFOS.iter().filter_map(row).collect()
}

/// Letters and digits, with `-` and `.` between them.
fn is_software_name(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    edge(name.chars().next())
        && edge(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::is_software_name;

    #[test]
    fn software_names_begin_and_end_with_a_letter_or_digit() {
        for good in ["a", "librdkafka", "apache-kafka-java", "4.4.0", "v1.2-rc.1"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a.", "a b", "a_b", "é"] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }
}
