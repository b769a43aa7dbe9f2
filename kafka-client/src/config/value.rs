//! Types of values, each with its way from and to text.

use super::ConfigError;
use kafka_proto::records::Compression;
use kafka_proto::settings::{ValueError, boolean, integer, list};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The largest value of a setting that Kafka holds in 32 bits.
pub(super) const INT: i64 = i32::MAX as i64;
/// The largest value of a setting that Kafka holds in 64 bits.
pub(super) const LONG: i64 = i64::MAX;

/// A type that settings have.
pub(super) trait Value: Sized {
    /// The whole numbers it may be, where the setting does not say.
    const NUMBERS: RangeInclusive<i64> = 0..=INT;

    fn parse(text: &str, numbers: RangeInclusive<i64>) -> Result<Self, ValueError>;

    /// The text that `parse` would make the same of.
    fn show(&self) -> String;
}

/// The numbers an entry of `settings!` allows, if it names any.
pub(super) struct Numbers(Option<RangeInclusive<i64>>);

impl From<()> for Numbers {
    fn from((): ()) -> Self {
        Self(None)
    }
}

impl From<RangeInclusive<i64>> for Numbers {
    fn from(numbers: RangeInclusive<i64>) -> Self {
        Self(Some(numbers))
    }
}

pub(super) fn parse<T: Value>(
    key: &'static str,
    text: &str,
    numbers: Numbers,
) -> Result<T, ConfigError> {
    T::parse(text.trim(), numbers.0.unwrap_or(T::NUMBERS))
        .map_err(|allowed| ConfigError::value(key, text, allowed))
}

/// Whether a value that came typed would have been allowed as text.
pub(super) fn check<T: Value>(
    key: &'static str,
    value: &T,
    numbers: Numbers,
) -> Result<(), ConfigError> {
    parse::<T>(key, &value.show(), numbers).map(drop)
}

impl Value for bool {
    fn parse(text: &str, _: RangeInclusive<i64>) -> Result<Self, ValueError> {
        boolean(text)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! whole_numbers {
    ($($Type:ty),*) => {$(
        impl Value for $Type {
            fn parse(text: &str, numbers: RangeInclusive<i64>) -> Result<Self, ValueError> {
                integer(text, numbers)
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

whole_numbers!(i32, u32, usize);

/// A size that Kafka leaves to the operating system when it is -1.
impl Value for Option<u32> {
    const NUMBERS: RangeInclusive<i64> = -1..=INT;

    fn parse(text: &str, numbers: RangeInclusive<i64>) -> Result<Self, ValueError> {
        integer(text, numbers).map(|number: i64| u32::try_from(number).ok())
    }

    fn show(&self) -> String {
        self.map_or_else(|| "-1".to_owned(), |size| size.to_string())
    }
}

/// A level that the codec chooses when it is -1.
impl Value for Option<i32> {
    fn parse(text: &str, levels: RangeInclusive<i64>) -> Result<Self, ValueError> {
        if text == "-1" {
            return Ok(None);
        }
        let allowed = format!("-1, or a whole number from {} to {}", levels.start(), levels.end());
        integer(text, levels).map(Some).map_err(|_| ValueError::new(allowed))
    }

    fn show(&self) -> String {
        self.unwrap_or(-1).to_string()
    }
}

impl Value for Compression {
    fn parse(text: &str, _: RangeInclusive<i64>) -> Result<Self, ValueError> {
        text.to_ascii_lowercase().parse().map_err(|_| {
            ValueError::new(format!("one of {}", Self::ALL.map(Self::name).join(", ")))
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Milliseconds. Where a negative number is allowed, it means for ever, as in Kafka.
impl Value for Duration {
    const NUMBERS: RangeInclusive<i64> = 0..=LONG;

    fn parse(text: &str, numbers: RangeInclusive<i64>) -> Result<Self, ValueError> {
        let ms: i64 = integer(text, numbers)?;
        Ok(Self::from_millis(ms.try_into().unwrap_or(LONG.unsigned_abs())))
    }

    fn show(&self) -> String {
        self.as_millis().to_string()
    }
}

impl Value for String {
    fn parse(text: &str, _: RangeInclusive<i64>) -> Result<Self, ValueError> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

/// A name that may be absent but not empty.
impl Value for Option<String> {
    fn parse(text: &str, _: RangeInclusive<i64>) -> Result<Self, ValueError> {
        if text.is_empty() { Err(ValueError::new("not empty")) } else { Ok(Some(text.to_owned())) }
    }

    fn show(&self) -> String {
        self.clone().unwrap_or_default()
    }
}

/// A list without empty items.
impl Value for Vec<String> {
    fn parse(text: &str, _: RangeInclusive<i64>) -> Result<Self, ValueError> {
        let items = list(text);
        if items.contains(&"") {
            return Err(ValueError::new("a list separated by commas, without empty items"));
        }
        Ok(items.into_iter().map(str::to_owned).collect())
    }

    fn show(&self) -> String {
        self.join(",")
    }
}

/// An enum whose values have names; of several names for one value, the first is shown.
macro_rules! named {
    ($(#[$meta:meta])* pub enum $Type:ident {
        $($(#[$doc:meta])* $Value:ident = $name:literal $(or $other:literal)?,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Type {
            $($(#[$doc])* $Value,)*
        }

        impl Value for $Type {
            fn parse(text: &str, _: RangeInclusive<i64>) -> Result<Self, ValueError> {
                $(
                    if text.eq_ignore_ascii_case($name)
                        $(|| text.eq_ignore_ascii_case($other))?
                    {
                        return Ok(Self::$Value);
                    }
                )*
                let names = [$($name, $($other,)?)*].join(", ");
                Err(ValueError::new(format!("one of {names}")))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$Value => $name,)*
                })
            }
        }
    };
}

named! {
    /// How many copies of a record must exist before its send counts as done.
    pub enum Acks {
        /// None: nothing answers, and a lost record is not noticed.
        None = "0",
        /// The leader's.
        Leader = "1",
        /// Those of all replicas that are in sync.
        All = "all" or "-1",
    }
}

named! {
    /// Which records of transactions are read.
    pub enum IsolationLevel {
        /// All, also of open and aborted transactions.
        ReadUncommitted = "read_uncommitted",
        /// Those of committed transactions, and those outside of any.
        ReadCommitted = "read_committed",
    }
}

named! {
    /// How the members of a group share its partitions out.
    pub enum GroupProtocol {
        /// A member assigns for all, after every member has joined anew.
        Classic = "classic",
        /// The broker assigns, member by member (KIP-848).
        Consumer = "consumer",
    }
}

/// Where to start reading a partition that has no position, or one outside of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoOffsetReset {
    /// At the first record that is there.
    Earliest,
    /// After the last record.
    Latest,
    /// Nowhere: it is an error.
    None,
    /// At the first record that is not older than this.
    ByDuration(Duration),
}

const BY_DURATION: &str = "by_duration:";

impl Value for AutoOffsetReset {
    fn parse(text: &str, _: RangeInclusive<i64>) -> Result<Self, ValueError> {
        match text.to_ascii_lowercase().as_str() {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "none" => Ok(Self::None),
            text => text
                .strip_prefix(BY_DURATION)
                .and_then(iso_duration)
                .map(Self::ByDuration)
                .ok_or_else(|| {
                    ValueError::new(
                        "earliest, latest, none, or by_duration: with a duration like PT1H30M",
                    )
                }),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Earliest => "earliest".to_owned(),
            Self::Latest => "latest".to_owned(),
            Self::None => "none".to_owned(),
            Self::ByDuration(age) => {
                let (seconds, nanos) = (age.as_secs(), age.subsec_nanos());
                format!("{BY_DURATION}PT{seconds}.{nanos:09}S")
            }
        }
    }
}

/// A duration of ISO 8601 as Java reads it, `PnDTnHnMn.nS` with at least one part, in any case; not a negative one.
fn iso_duration(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let text = text.strip_prefix('P')?;
    let (days, time) = text.split_once('T').map_or((text, None), |(days, time)| (days, Some(time)));
    if days.is_empty() && time.is_none() || time == Some("") {
        return None;
    }
    let mut rest = days;
    let mut total = part(&mut rest, 'D', 24 * 60 * 60)?;
    if !rest.is_empty() {
        return None;
    }
    let mut rest = time.unwrap_or("");
    total = total.checked_add(part(&mut rest, 'H', 60 * 60)?)?;
    total = total.checked_add(part(&mut rest, 'M', 60)?)?;
    if let Some(seconds) = rest.strip_suffix('S') {
        return total.checked_add(seconds_and_nanos(seconds)?);
    }
    rest.is_empty().then_some(total)
}

/// Takes `number unit` off the front of `rest`, if it is there.
fn part(rest: &mut &str, unit: char, seconds: u64) -> Option<Duration> {
    let Some((number, after)) = rest.split_once(unit) else { return Some(Duration::ZERO) };
    *rest = after;
    Some(Duration::from_secs(digits(number)?.checked_mul(seconds)?))
}

fn seconds_and_nanos(text: &str) -> Option<Duration> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.len() > 9 {
        return None;
    }
    let nanos = digits(&format!("{fraction:0<9}"))?;
    Some(Duration::new(digits(seconds)?, nanos.try_into().ok()?))
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
