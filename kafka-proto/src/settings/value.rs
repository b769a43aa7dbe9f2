//! Values of settings: from text to the type, as Kafka reads them.
//!
//! White space around a value does not count. An error says what is allowed; whoever knows the name and the value
//! puts them before it.

use std::fmt;
use std::ops::RangeInclusive;

/// A value that is not allowed; displays as what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError(String);

impl ValueError {
    /// An error that says what is allowed, like `true or false`.
    pub fn new(allowed: impl Into<String>) -> Self {
        Self(allowed.into())
    }

    /// An error that says which whole numbers are allowed.
    pub fn range(allowed: &RangeInclusive<i64>) -> Self {
        let (min, max) = (allowed.start(), allowed.end());
        Self(match *max {
            i64::MAX => format!("a whole number from {min} to 2^63-1"),
            _ => format!("a whole number from {min} to {max}"),
        })
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "has to be {}", self.0)
    }
}

impl std::error::Error for ValueError {}

/// `true` or `false`, in any case.
///
/// # Errors
/// If it is neither.
pub fn boolean(text: &str) -> Result<bool, ValueError> {
    match text.trim() {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(ValueError::new("true or false")),
    }
}

/// A whole number of the type `T`, within `allowed`.
///
/// # Errors
/// If it is not a whole number, not within `allowed`, or too large for `T`.
pub fn integer<T: TryFrom<i64>>(text: &str, allowed: RangeInclusive<i64>) -> Result<T, ValueError> {
    let number = text.trim().parse().ok().filter(|number| allowed.contains(number));
    number
        .and_then(|number: i64| T::try_from(number).ok())
        .ok_or_else(|| ValueError::range(&allowed))
}

/// A finite number.
///
/// # Errors
/// If it is not one.
pub fn float(text: &str) -> Result<f64, ValueError> {
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| ValueError::new("a number"))
}

/// The items of a list, separated by commas; of an empty text, none.
pub fn list(text: &str) -> Vec<&str> {
    match text.trim() {
        "" => Vec::new(),
        text => text.split(',').map(str::trim).collect(),
    }
}

/// A secret, which neither `Debug` nor `Display` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Hides `secret`.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn complaint<T: fmt::Debug>(result: Result<T, ValueError>, text: &str) {
        assert_eq!(result.unwrap_err().to_string(), text);
    }

    #[test]
    fn booleans() {
        assert_eq!(boolean(" True "), Ok(true));
        assert_eq!(boolean("false"), Ok(false));
        complaint(boolean("yes"), "has to be true or false");
        complaint(boolean(""), "has to be true or false");
    }

    #[test]
    fn integers() {
        assert_eq!(integer::<i32>(" 42 ", 0..=100), Ok(42));
        assert_eq!(integer::<i32>("+1", 0..=100), Ok(1));
        assert_eq!(integer::<i64>("-9223372036854775808", i64::MIN..=0), Ok(i64::MIN));
        complaint(integer::<i32>("0", 1..=5), "has to be a whole number from 1 to 5");
        complaint(integer::<i32>("1e3", 1..=5), "has to be a whole number from 1 to 5");
        complaint(integer::<i64>("-1", 0..=i64::MAX), "has to be a whole number from 0 to 2^63-1");
        complaint(integer::<u16>("70000", 0..=70_000), "has to be a whole number from 0 to 70000");
        complaint(
            integer::<i64>("9223372036854775808", 0..=i64::MAX),
            "has to be a whole number from 0 to 2^63-1",
        );
    }

    #[test]
    fn floats() {
        assert_eq!(float(" 0.8"), Ok(0.8));
        assert_eq!(float("1e-3"), Ok(0.001));
        for text in ["", "NaN", "inf", "0,8"] {
            complaint(float(text), "has to be a number");
        }
    }

    #[test]
    fn lists() {
        assert_eq!(list(" a:1 ,b:2,  c:3"), ["a:1", "b:2", "c:3"]);
        assert_eq!(list("a,,b"), ["a", "", "b"]);
        assert_eq!(list("  "), Vec::<&str>::new());
    }

    #[test]
    fn a_password_is_not_shown() {
        let password = Password::new("hunter2");
        assert_eq!(format!("{password} {password:?}"), "[hidden] [hidden]");
        assert_eq!(password.reveal(), "hunter2");
    }
}
