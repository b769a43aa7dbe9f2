//! The notation of messages, `wire!`, and the traits that its expansion implements.
//!
//! A message is a plain struct whose fields carry the versions they exist in. One expansion gives the struct, its
//! default, encoder, decoder, docs and the visitor from which JSON, random samples and the comparison with Kafka's
//! definitions are made. What a field costs at run time is a comparison of the version with constants.
//!
//! Reading and writing are as in Kafka 4.4, bad bytes included, but for one thing: tagged fields that are not known
//! here are skipped and not kept, so they are not written again.

mod error;
mod field;
#[cfg(feature = "json")]
pub mod json;
mod primitives;
mod reader;
#[cfg(feature = "sample")]
pub mod sample;
mod visit;
mod writer;

pub use error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
pub use field::Field;
pub use reader::Reader;
pub use visit::{Array, Nullable, Value, Visit, VisitError, Visitor};
pub use writer::Writer;

use bytes::Bytes;
use std::fmt::Debug;

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
pub trait Message: Wire + Visit + Default + Debug + Send + Sync + 'static {}

impl<T: Wire + Visit + Default + Debug + Send + Sync + 'static> Message for T {}

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
pub trait Wire: Sized + Clone + PartialEq {
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

    /// Whether arrays of it are better filled than made of values that were read before.
    const IN_PLACE: bool = false;

    /// Reads a value in place of the initial one that is here.
    ///
    /// # Errors
    /// As [`Wire::decode`]; what is here then is neither.
    #[inline]
    fn fill(&mut self, reader: &mut Reader, cx: Cx) -> Result<(), DecodeError> {
        *self = Self::decode(reader, cx)?;
        Ok(())
    }

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

/// The [`Field`] of one line of the notation: its name, and what the slots in brackets say.
macro_rules! slots {
    ($f:expr;) => { $f };
    ($f:expr; , $($rest:tt)*) => { $crate::wire::slots!($f; $($rest)*) };
    ($f:expr; drop $($rest:tt)*) => { $crate::wire::slots!($f.drop(); $($rest)*) };
    ($f:expr; tag $n:literal $($rest:tt)*) => { $crate::wire::slots!($f.tag($n); $($rest)*) };
    ($f:expr; null $from:literal ..= $to:literal $($rest:tt)*) => {
        $crate::wire::slots!($f.null($from, $to); $($rest)*)
    };
    ($f:expr; null $from:literal .. $($rest:tt)*) => {
        $crate::wire::slots!($f.null($from, i16::MAX); $($rest)*)
    };
    ($f:expr; $from:literal ..= $to:literal $($rest:tt)*) => {
        $crate::wire::slots!($f.versions($from, $to); $($rest)*)
    };
    ($f:expr; $from:literal .. $($rest:tt)*) => {
        $crate::wire::slots!($f.versions($from, i16::MAX); $($rest)*)
    };
    ($f:expr; ..= $to:literal $($rest:tt)*) => {
        $crate::wire::slots!($f.versions(0, $to); $($rest)*)
    };
}

/// The code in braces if the slots say that the field is a tagged one; the tag is their first.
macro_rules! if_tagged {
    ([tag $($rest:tt)*] { $($code:tt)* }) => { $($code)* };
    ($other:tt { $($code:tt)* }) => {};
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
///
/// After `hot;` reading a struct may become part of reading what holds it: for what travels with records. It would
/// be compiled once more in every crate that reads it.
macro_rules! wire {
    (hot; $($structs:tt)*) => {
        $crate::wire::structs! { hot; $($structs)* }
    };
    ($($structs:tt)*) => {
        $crate::wire::structs! { cold; $($structs)* }
    };
}

/// How a struct is read: a hot one may become part of what reads it, and is filled where it will lie, because a payload
/// that was just made takes long to be moved: its parts are written one by one, and moved as pairs.
macro_rules! decoder {
    (hot; $($field:ident : $type:ty [$($slot:tt)*],)*) => {
        const IN_PLACE: bool = true;

        #[inline]
        fn decode(
            reader: &mut $crate::wire::Reader,
            cx: $crate::wire::Cx,
        ) -> Result<Self, $crate::wire::DecodeError> {
            let mut value = Self::default();
            value.fill(reader, cx)?;
            Ok(value)
        }

        #[inline]
        fn fill(
            &mut self,
            reader: &mut $crate::wire::Reader,
            cx: $crate::wire::Cx,
        ) -> Result<(), $crate::wire::DecodeError> {
            $(F.$field.fill(&mut self.$field, reader, cx)?;)*
            if cx.flexible {
                reader.tagged_fields(|_tag, _reader| {
                    $($crate::wire::if_tagged!([$($slot)*] {
                        if F.$field.is_tag(_tag) {
                            return F.$field.get_tagged(&mut self.$field, _reader, cx);
                        }
                    });)*
                    Ok(false)
                })?;
            }
            Ok(())
        }
    };
    (cold; $($field:ident : $type:ty [$($slot:tt)*],)*) => {
        #[allow(unused_mut, unused_variables, reason = "not all have tagged fields")]
        #[inline(never)]
        fn decode(
            reader: &mut $crate::wire::Reader,
            cx: $crate::wire::Cx,
        ) -> Result<Self, $crate::wire::DecodeError> {
            let blank = blank();
            // One by one, and a struct of them at the end: one made earlier would be copied.
            $(let mut $field: $type = F.$field.get(&blank.$field, reader, cx)?;)*
            if cx.flexible {
                reader.tagged_fields(|tag, reader| {
                    $($crate::wire::if_tagged!([$($slot)*] {
                        if F.$field.is_tag(tag) {
                            return F.$field.get_tagged(&mut $field, reader, cx);
                        }
                    });)*
                    Ok(false)
                })?;
            }
            Ok(Self { $($field,)* })
        }
    };
}

/// What `wire!` takes, and how they are read.
macro_rules! structs {
    ($how:ident; $(
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

        // The code of every field is a call or two, and what varies comes from a table: the compiler reads this
        // some two thousand times.
        const _: () = {
            #[allow(dead_code, reason = "some structs have no fields")]
            struct Fields {
                $($field: $crate::wire::Field,)*
            }

            #[allow(dead_code, reason = "some structs have no fields")]
            const F: Fields = Fields {
                $($field: $crate::wire::slots!(
                    $crate::wire::Field::new(stringify!($field)); $($($slot)*)?
                ),)*
            };

            /// What the fields are compared with, and copied from where the version lacks them.
            fn blank() -> &'static $name {
                static BLANK: std::sync::LazyLock<$name> = std::sync::LazyLock::new($name::default);
                &BLANK
            }

            impl $crate::wire::Wire for $name {
                #[allow(unused_mut, unused_variables, reason = "not all have tagged fields")]
                fn encode(
                    &self,
                    writer: &mut $crate::wire::Writer,
                    cx: $crate::wire::Cx,
                ) -> Result<(), $crate::wire::EncodeError> {
                    let blank = blank();
                    let mut tagged = 0;
                    $(F.$field.put(&self.$field, &blank.$field, &mut tagged, writer, cx)?;)*
                    if cx.flexible {
                        writer.unsigned_varint(tagged);
                        if tagged > 0 {
                            $($crate::wire::if_tagged!([$($($slot)*)?] {
                                F.$field.put_tagged(&self.$field, &blank.$field, writer, cx)?;
                            });)*
                        }
                    }
                    Ok(())
                }

                $crate::wire::decoder! { $how; $($field: $type [$($($slot)*)?],)* }

                #[allow(unused_mut, reason = "some structs have no fields")]
                fn min_len(cx: $crate::wire::Cx) -> usize {
                    let mut len = usize::from(cx.flexible);
                    $(len += F.$field.min_len::<$type>(cx);)*
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
                    let blank = blank();
                    $(F.$field.show(&mut self.$field, &blank.$field, visitor)?;)*
                    Ok(())
                }
            }
        };
    )*};
}

pub(crate) use {decoder, if_tagged, initial, slots, structs, versions, wire};
