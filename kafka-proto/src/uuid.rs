//! Kafka's 16-byte ids, printed as 22 characters of URL-safe base64.

use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The id of a topic, cluster or log directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// Stands for "no id".
    pub const ZERO: Self = Self([0; 16]);

    /// A random (version 4) id from 128 random bits.
    pub fn from_random(random: u128) -> Self {
        let mut bytes = random.to_be_bytes();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// Whether it stands for "no id".
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for digit in 0..22u32 {
            // 21 digits of six bits from the top, then the two bits left over.
            let six = if digit < 21 { bits >> (122 - 6 * digit) } else { bits << 4 };
            let index = usize::from(six.to_le_bytes()[0] & 0x3f);
            f.write_str(std::str::from_utf8(&ALPHABET[index..=index]).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// Text that is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseUuidError(String);

impl fmt::Display for ParseUuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no id: 22 characters of URL-safe base64 are expected", self.0)
    }
}

impl std::error::Error for ParseUuidError {}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseUuidError(text.to_owned());
        let digits = text.trim_end_matches('=').as_bytes();
        if digits.len() != 22 {
            return Err(fail());
        }
        let mut bits = 0u128;
        for (place, digit) in digits.iter().enumerate() {
            let six = ALPHABET.iter().position(|c| c == digit).ok_or_else(fail)? as u128;
            bits = if place < 21 { (bits << 6) | six } else { (bits << 2) | (six >> 4) };
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_as_kafka_does() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        let id = Uuid::from_random(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
        assert_eq!(id.to_string().len(), 22);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
        assert_eq!("_____________________w".parse(), Ok(Uuid([0xff; 16])));
    }

    #[test]
    fn refuses_what_is_no_id() {
        let error = "short".parse::<Uuid>().unwrap_err().to_string();
        assert!(error.contains("\"short\" is no id"), "{error}");
        assert!("!AAAAAAAAAAAAAAAAAAAAA".parse::<Uuid>().is_err());
    }
}
