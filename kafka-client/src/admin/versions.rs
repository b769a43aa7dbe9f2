//! Which APIs brokers serve, beside what this client speaks.

use super::directory::Target;
use super::groups::BrokerId;
use super::run::join_all;
use super::work::{Answered, Asked, Failure, Operation};
use super::{Admin, Results};
use crate::error::Result;
use crate::net::introduction;
use kafka_proto::ErrorCode;
use kafka_proto::api::{ApiKey, Versions};
use kafka_proto::messages::api_versions;
use std::collections::{BTreeMap, BTreeSet};

/// An API of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiOffer {
    /// Its number.
    pub key: i16,
    /// Its name; `None` for one that is newer than this library.
    pub name: Option<&'static str>,
    /// The oldest version that the broker serves.
    pub min: i16,
    /// The newest version that the broker serves.
    pub max: i16,
    /// The newest version that both sides speak; `None` where there is none.
    pub usable: Option<i16>,
}

impl Admin {
    /// Which APIs brokers serve at which versions, by the numbers of the APIs.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a broker: the cluster has none of this id, or it does not answer.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn api_versions(
        &self,
        brokers: impl IntoIterator<Item = i32>,
    ) -> Result<Results<i32, Vec<ApiOffer>>> {
        let brokers: BTreeSet<i32> = brokers.into_iter().collect();
        let asked = brokers.into_iter().map(|broker| {
            Box::pin(
                async move { self.run(&ApiVersions { broker }, [(BrokerId(broker), ())]).await },
            )
        });
        let mut answers = BTreeMap::new();
        for answer in join_all(asked.collect()).await {
            answers.extend(answer?.by(|broker| broker.0));
        }
        Ok(Results(answers))
    }
}

struct ApiVersions {
    broker: i32,
}

impl Operation for ApiVersions {
    type Key = BrokerId;
    type Item = ();
    type Answer = Vec<ApiOffer>;
    type Request = api_versions::Request;
    const ASKED: &'static str = "list the API versions";

    fn target<'a>(&'a self, key: &'a BrokerId) -> Target<'a> {
        Target::Broker(key.0)
    }

    fn request(&self, _: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        introduction()
    }

    fn rows(&self, answer: api_versions::Response, _: i16) -> Answered<Self> {
        Failure::check(answer.error_code, None)?;
        let mut offers: Vec<_> = answer.api_keys.iter().map(offer).collect();
        offers.sort_by_key(|offer| offer.key);
        Ok(vec![(BrokerId(self.broker), Ok(offers))])
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}

fn offer(row: &api_versions::ApiVersion) -> ApiOffer {
    let info = ApiKey(row.api_key).info();
    let theirs = Versions { min: row.min_version, max: row.max_version };
    ApiOffer {
        key: row.api_key,
        name: info.map(|info| info.name),
        min: theirs.min,
        max: theirs.max,
        usable: info.and_then(|info| info.stable.agree(theirs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_held_against_what_we_speak() {
        let row = |api_key, min_version, max_version| {
            offer(&api_versions::ApiVersion { api_key, min_version, max_version })
        };
        let fetch = row(1, 4, 99);
        assert_eq!((fetch.name, fetch.min, fetch.max), (Some("Fetch"), 4, 99));
        assert_eq!(fetch.usable, ApiKey::FETCH.info().map(|info| info.stable.max));
        assert_eq!(row(1, 98, 99).usable, None);
        assert_eq!((row(999, 0, 1).name, row(999, 0, 1).usable), (None, None));
    }
}
