//! The notation of messages, `wire!`, and the traits that its expansion implements.
//!
//! A message is a plain struct whose fields carry the versions they exist in. One expansion gives the struct, its
//! default, encoder, decoder, docs and the visitor from which JSON, random samples and the comparison with Kafka's
//! definitions are made. What a field costs at run time is a comparison of the version with constants.

mod error;
#[cfg(feature = "json")]
pub mod json;
mod primitives;
mod reader;
#[cfg(feature = "sample")]
pub mod sample;
mod visit;
mod writer;

pub use error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
pub use reader::Reader;
pub use visit::{Array, Nullable, Value, Visit, VisitError, Visitor};
pub use writer::Writer;

use bytes::Bytes;

/// What message files import.
pub(crate) mod prelude {
    pub(crate) use crate::api::api;
    pub(crate) use crate::wire::wire;
    pub(crate) use std::sync::Arc;
}

/// Arrays of more elements than this are refused, as Kafka 4.4 does.
pub const MAX_ARRAY_LEN: usize = 1_000_000;

/// More tagged fields than this in one struct are refused, as Kafka 4.4 does.
pub const MAX_TAGGED_FIELDS: u32 = 10_000;

/// A whole message: something that travels alone in a frame's body.
pub trait Message: Wire + Visit + Default + Clone + PartialEq + std::fmt::Debug {}

impl<T: Wire + Visit + Default + Clone + PartialEq + std::fmt::Debug> Message for T {}

/// What an encoding depends on besides the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cx {
    /// Version of the message that the value is part of.
    pub version: i16,
    /// Whether lengths are compact and structs end in tagged fields (KIP-482).
    pub flexible: bool,
    /// Whether null may stand for this value.
    pub nullable: bool,
    /// Whether the value is itself a tagged field.
    pub tagged: bool,
}

impl Cx {
    /// The outermost context of a message.
    pub const fn new(version: i16, flexible: bool) -> Self {
        Self { version, flexible, nullable: false, tagged: false }
    }

    /// The context of an array's elements, which are never null.
    #[must_use]
    pub const fn element(self) -> Self {
        Self { nullable: false, tagged: false, ..self }
    }
}

/// A type that has a place on the wire.
pub trait Wire: Sized {
    /// Appends the value.
    ///
    /// # Errors
    /// When `cx` cannot carry the value: null where none is allowed, too long, or a field set that the version lacks.
    fn encode(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError>;

    /// Reads a value.
    ///
    /// # Errors
    /// When the bytes do not hold one. Never panics, whatever they hold.
    fn decode(reader: &mut Reader, cx: Cx) -> Result<Self, DecodeError>;

    /// The fewest bytes that a value takes, so that a count can be checked before its elements are read.
    fn min_len(cx: Cx) -> usize;

    /// The value that stands for "nothing set".
    fn initial() -> Self;

    /// What a nullable field of this type holds when nothing is set: the empty value, as in Kafka.
    #[must_use]
    fn initial_option() -> Option<Self> {
        Some(Self::initial())
    }

    /// Appends what stands for null.
    ///
    /// # Errors
    /// When the type knows no null.
    fn encode_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError>;

    /// Appends a value where null was possible.
    ///
    /// # Errors
    /// As [`Wire::encode`].
    fn encode_present(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        self.encode(writer, cx)
    }

    /// Reads a value or null.
    ///
    /// # Errors
    /// As [`Wire::decode`].
    fn decode_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError>;

    /// The value as a visitor sees it.
    fn value(&mut self) -> Value<'_>;

    /// Whether this is a null.
    fn is_null(&self) -> bool {
        false
    }
}

/// The bytes of `value` alone, without any header.
///
/// # Errors
/// As [`Wire::encode`].
pub fn to_bytes(value: &impl Wire, cx: Cx) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::default();
    value.encode(&mut writer, cx)?;
    Ok(writer.into_bytes())
}

/// What the notation says about one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, in snake case.
    pub name: &'static str,
    /// First version that has it.
    pub from: i16,
    /// Last version that has it.
    pub to: i16,
    /// Its number, where it is a tagged field.
    pub tag: Option<u32>,
    /// First version in which it may be null; past `null_to` where it never may.
    pub null_from: i16,
    /// Last version in which it may be null.
    pub null_to: i16,
    /// Whether a value that the version cannot carry is left out instead of refused (Kafka's "ignorable").
    pub droppable: bool,
}

impl Field {
    /// A field of all versions, nullable in all if its type is.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        // A name that is also a word of Rust is written `r#match`.
        let name = match name.as_bytes() {
            [b'r', b'#', ..] => name.split_at(2).1,
            _ => name,
        };
        Self {
            name,
            from: 0,
            to: i16::MAX,
            tag: None,
            null_from: 0,
            null_to: i16::MAX,
            droppable: false,
        }
    }

    /// Whether `version` has this field.
    #[inline]
    pub const fn has(&self, version: i16) -> bool {
        self.from <= version && version <= self.to
    }

    /// Whether it may be null in `version`, given that its type knows null.
    #[inline]
    pub const fn nullable(&self, version: i16) -> bool {
        self.null_from <= version && version <= self.null_to
    }

    /// The context of this field's value inside a struct of context `cx`.
    #[inline]
    #[doc(hidden)]
    pub const fn cx(&self, cx: Cx) -> Cx {
        Cx { nullable: self.nullable(cx.version), tagged: self.tag.is_some(), ..cx }
    }
}

/// Fills in a [`Field`] from the slots in brackets.
macro_rules! slots {
    ($f:ident;) => {};
    ($f:ident; , $($rest:tt)*) => { $crate::wire::slots!($f; $($rest)*); };
    ($f:ident; drop $($rest:tt)*) => { $f.droppable = true; $crate::wire::slots!($f; $($rest)*); };
    ($f:ident; tag $n:literal $($rest:tt)*) => {
        $f.tag = Some($n); $crate::wire::slots!($f; $($rest)*);
    };
    ($f:ident; null $from:literal ..= $to:literal $($rest:tt)*) => {
        $f.null_from = $from; $f.null_to = $to; $crate::wire::slots!($f; $($rest)*);
    };
    ($f:ident; null $from:literal .. $($rest:tt)*) => {
        $f.null_from = $from; $crate::wire::slots!($f; $($rest)*);
    };
    ($f:ident; $from:literal ..= $to:literal $($rest:tt)*) => {
        $f.from = $from; $f.to = $to; $crate::wire::slots!($f; $($rest)*);
    };
    ($f:ident; $from:literal .. $($rest:tt)*) => {
        $f.from = $from; $crate::wire::slots!($f; $($rest)*);
    };
    ($f:ident; ..= $to:literal $($rest:tt)*) => {
        $f.to = $to; $crate::wire::slots!($f; $($rest)*);
    };
}

/// The [`Field`] of one line of the notation.
macro_rules! field {
    ($name:ident $([$($slot:tt)*])?) => {{
        #[allow(unused_mut, reason = "a field without slots changes nothing")]
        let mut f = $crate::wire::Field::new(stringify!($name));
        $($crate::wire::slots!(f; $($slot)*);)?
        f
    }};
}

/// A field's last line of documentation.
macro_rules! versions {
    () => {
        "\n\nIn all versions."
    };
    ($($slot:tt)*) => {
        concat!("\n\nVersions: `", stringify!($($slot)*), "`.")
    };
}

/// A field's default: what the notation says, or the empty value.
macro_rules! initial {
    ($type:ty) => {
        <$type as $crate::wire::Wire>::initial()
    };
    ($type:ty, $value:expr) => {{
        let value: $type = $value;
        value
    }};
}

/// Structs with the versions of their fields, as `ARCHITECTURE.md` explains.
macro_rules! wire {
    ($(
        $(#[$attr:meta])*
        pub struct $name:ident {
            $(
                $(#[$fattr:meta])*
                $field:ident : $type:ty $([$($slot:tt)*])? $(= $default:expr)?
            ),* $(,)?
        }
    )*) => {$(
        $(#[$attr])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(
                $(#[$fattr])*
                #[doc = $crate::wire::versions!($($($slot)*)?)]
                pub $field: $type,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::wire::initial!($type $(, $default)?),)* }
            }
        }

        impl $crate::wire::Wire for $name {
            #[allow(unused_mut, unused_variables, reason = "not every struct has tagged fields")]
            fn encode(
                &self,
                writer: &mut $crate::wire::Writer,
                cx: $crate::wire::Cx,
            ) -> Result<(), $crate::wire::EncodeError> {
                let mut tagged = 0;
                $({
                    const F: $crate::wire::Field = $crate::wire::field!($field $([$($slot)*])?);
                    if F.has(cx.version) {
                        if F.tag.is_none() {
                            $crate::wire::Wire::encode(&self.$field, writer, F.cx(cx))
                                .map_err(|e| e.within(F.name))?;
                        } else if self.$field != $crate::wire::initial!($type $(, $default)?) {
                            tagged += 1;
                        }
                    } else if !F.droppable
                        && self.$field != $crate::wire::initial!($type $(, $default)?)
                    {
                        return Err($crate::wire::EncodeError::lost(cx.version).within(F.name));
                    }
                })*
                if cx.flexible {
                    writer.unsigned_varint(tagged);
                    $({
                        const F: $crate::wire::Field = $crate::wire::field!($field $([$($slot)*])?);
                        if let Some(tag) = F.tag
                            && F.has(cx.version)
                            && self.$field != $crate::wire::initial!($type $(, $default)?)
                        {
                            writer.tagged(tag, |writer| {
                                $crate::wire::Wire::encode(&self.$field, writer, F.cx(cx))
                            })
                            .map_err(|e| e.within(F.name))?;
                        }
                    })*
                }
                Ok(())
            }

            #[allow(unused_mut, unused_variables, reason = "not every struct has tagged fields")]
            fn decode(
                reader: &mut $crate::wire::Reader,
                cx: $crate::wire::Cx,
            ) -> Result<Self, $crate::wire::DecodeError> {
                let mut this = Self {
                    $($field: {
                        const F: $crate::wire::Field = $crate::wire::field!($field $([$($slot)*])?);
                        if F.tag.is_none() && F.has(cx.version) {
                            <$type as $crate::wire::Wire>::decode(reader, F.cx(cx))
                                .map_err(|e| e.within(F.name))?
                        } else {
                            $crate::wire::initial!($type $(, $default)?)
                        }
                    },)*
                };
                if cx.flexible {
                    reader.tagged_fields(|tag, reader| {
                        $({
                            const F: $crate::wire::Field =
                                $crate::wire::field!($field $([$($slot)*])?);
                            if F.tag == Some(tag) && F.has(cx.version) {
                                this.$field =
                                    <$type as $crate::wire::Wire>::decode(reader, F.cx(cx))
                                        .map_err(|e| e.within(F.name))?;
                                return Ok(true);
                            }
                        })*
                        Ok(false)
                    })?;
                }
                Ok(this)
            }

            #[allow(unused_mut, reason = "some structs have no fields")]
            fn min_len(cx: $crate::wire::Cx) -> usize {
                let mut len = usize::from(cx.flexible);
                $({
                    const F: $crate::wire::Field = $crate::wire::field!($field $([$($slot)*])?);
                    if F.tag.is_none() && F.has(cx.version) {
                        len += <$type as $crate::wire::Wire>::min_len(F.cx(cx));
                    }
                })*
                len
            }

            fn initial() -> Self {
                Self::default()
            }

            fn encode_null(
                writer: &mut $crate::wire::Writer,
                cx: $crate::wire::Cx,
            ) -> Result<(), $crate::wire::EncodeError> {
                writer.i8(if cx.tagged { 0 } else { -1 });
                Ok(())
            }

            fn encode_present(
                &self,
                writer: &mut $crate::wire::Writer,
                cx: $crate::wire::Cx,
            ) -> Result<(), $crate::wire::EncodeError> {
                writer.i8(1);
                self.encode(writer, cx.element())
            }

            fn decode_nullable(
                reader: &mut $crate::wire::Reader,
                cx: $crate::wire::Cx,
            ) -> Result<Option<Self>, $crate::wire::DecodeError> {
                let mark = reader.i8()?;
                if mark < 0 || (cx.tagged && mark == 0) {
                    return Ok(None);
                }
                Self::decode(reader, cx.element()).map(Some)
            }

            fn value(&mut self) -> $crate::wire::Value<'_> {
                $crate::wire::Value::Struct(self)
            }
        }

        impl $crate::wire::Visit for $name {
            fn type_name(&self) -> &'static str {
                stringify!($name)
            }

            #[allow(unused_variables, reason = "some structs have no fields")]
            fn visit(
                &mut self,
                visitor: &mut dyn $crate::wire::Visitor,
            ) -> Result<(), $crate::wire::VisitError> {
                $({
                    const F: $crate::wire::Field = $crate::wire::field!($field $([$($slot)*])?);
                    let blank = self.$field == $crate::wire::initial!($type $(, $default)?);
                    visitor.field(&F, blank, $crate::wire::Wire::value(&mut self.$field))
                        .map_err(|e| e.within(F.name))?;
                })*
                Ok(())
            }
        }
    )*};
}

pub(crate) use {field, initial, slots, versions, wire};
