//! Bytes as the text of what they stand for: Kafka's own deserializers.

use kafka_client::Uuid;
use std::io::{self, Write};

/// What bytes stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Deserializer {
    /// Text, or whatever: it is written as it is.
    #[default]
    Text,
    Short,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Uuid,
}

/// The package of Kafka's own.
const PACKAGE: &str = "org.apache.kafka.common.serialization.";

impl Deserializer {
    /// By the name of Kafka's class, or shortly, such as `Long`.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let short = name.strip_prefix(PACKAGE).unwrap_or(name);
        Ok(match short.strip_suffix("Deserializer").unwrap_or(short) {
            "String" | "ByteArray" | "Bytes" | "ByteBuffer" => Self::Text,
            "Short" => Self::Short,
            "Integer" => Self::Integer,
            "Long" => Self::Long,
            "Float" => Self::Float,
            "Double" => Self::Double,
            "Boolean" => Self::Boolean,
            "UUID" => Self::Uuid,
            _ => {
                return Err(format!(
                    "{name:?} cannot be loaded, it is no part of this program; there are String, \
                     ByteArray, Short, Integer, Long, Float, Double, Boolean and UUID"
                ));
            }
        })
    }

    /// Writes what `bytes` stand for; an error of kind `InvalidData` where they cannot.
    pub(crate) fn write(self, out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Text => out.write_all(bytes),
            Self::Short => write!(out, "{}", i16::from_be_bytes(sized(bytes)?)),
            Self::Integer => write!(out, "{}", i32::from_be_bytes(sized(bytes)?)),
            Self::Long => write!(out, "{}", i64::from_be_bytes(sized(bytes)?)),
            Self::Float => write!(out, "{:?}", f32::from_be_bytes(sized(bytes)?)),
            Self::Double => write!(out, "{:?}", f64::from_be_bytes(sized(bytes)?)),
            Self::Boolean => write!(out, "{}", sized::<1>(bytes)? != [0]),
            // Java writes it as text.
            Self::Uuid => match std::str::from_utf8(bytes) {
                Ok(text) if text.len() == 36 => out.write_all(bytes),
                _ => write!(out, "{}", Uuid(sized(bytes)?)),
            },
        }
    }
}

fn sized<const N: usize>(bytes: &[u8]) -> io::Result<[u8; N]> {
    bytes.try_into().map_err(|_| {
        let text = format!("{} bytes are no number of {N} bytes", bytes.len());
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, bytes: &[u8]) -> io::Result<String> {
        let mut out = Vec::new();
        Deserializer::named(name).unwrap().write(&mut out, bytes)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn bytes_become_what_they_stand_for() {
        let long = "org.apache.kafka.common.serialization.LongDeserializer";
        assert_eq!(text(long, &(-2_i64).to_be_bytes()).unwrap(), "-2");
        assert_eq!(text("Integer", &7_i32.to_be_bytes()).unwrap(), "7");
        assert_eq!(text("Short", &[1, 0]).unwrap(), "256");
        assert_eq!(text("Double", &1.5_f64.to_be_bytes()).unwrap(), "1.5");
        assert_eq!(text("Float", &1_f32.to_be_bytes()).unwrap(), "1.0");
        assert_eq!(text("Boolean", &[1]).unwrap(), "true");
        assert_eq!(text("String", b"x").unwrap(), "x");
        assert_eq!(text("Long", b"x").unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(Deserializer::named("com.example.Own").unwrap_err().contains("cannot be loaded"));
    }
}
