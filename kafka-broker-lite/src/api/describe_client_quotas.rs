//! DescribeClientQuotas: nobody's share is limited here.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_client_quotas::{ComponentData, Request, Response};
use std::collections::BTreeSet;

/// The types of entities that quotas may be for; an address goes with no other.
const IP: &str = "ip";
const TYPES: [&str; 3] = ["user", "client-id", IP];

/// How an entity is chosen: by its name, as the default, or any that is named.
const MATCHES: std::ops::RangeInclusive<i8> = 0..=2;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        match check(&self.components) {
            Ok(()) => {
                let entries = Some(Vec::new());
                Outcome::Ready(Response { entries, ..Response::default() })
            }
            Err((code, text)) => {
                let mut response = self.refuse(state, cx, code);
                response.error_message = Some(text.into());
                Outcome::Ready(response)
            }
        }
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let error_message = Some(error_code.meaning().into());
        Response { error_code, error_message, entries: None, ..Response::default() }
    }
}

fn check(components: &[ComponentData]) -> Result<(), (ErrorCode, String)> {
    let invalid = |text: String| Err((ErrorCode::INVALID_REQUEST, text));
    let mut seen = BTreeSet::new();
    for component in components {
        let kind = &*component.entity_type;
        if kind.is_empty() {
            return invalid("Invalid empty entity type.".to_owned());
        }
        if !TYPES.contains(&kind) {
            let text = format!("Unsupported entity type {kind}");
            return Err((ErrorCode::UNSUPPORTED_VERSION, text));
        }
        if !seen.insert(kind) {
            let text = format!("Entity type {kind} cannot appear more than once in the filter.");
            return invalid(text);
        }
        if !MATCHES.contains(&component.match_type) {
            return invalid(format!("Unknown match type {}", component.match_type));
        }
    }
    if seen.contains(IP) && seen.len() > 1 {
        let text = "Invalid entity filter component combination. IP filter component should not be \
                    used with user or clientId filter component.";
        return invalid(text.to_owned());
    }
    Ok(())
}
