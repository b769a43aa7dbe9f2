//! How Kafka's primitive types, arrays and nullable values lie on the wire.

use super::visit::{Array, Nullable, Value};
use super::{Cx, DecodeError, DecodeReason, EncodeError, EncodeReason, Reader, Wire, Writer};
use crate::ErrorCode;
use crate::records::Records;
use crate::utf8;
use crate::uuid::Uuid;
use bytes::Bytes;
use std::sync::Arc;

/// Longest string that Kafka accepts, in bytes.
const MAX_STRING: usize = 32_767;

/// The counters in front of a shared string.
const STRING_HEAD: usize = 2 * size_of::<usize>();

macro_rules! no_null {
    () => {
        fn encode_null(_: &mut Writer, _: Cx) -> Result<(), EncodeError> {
            Err(EncodeError::new(EncodeReason::Null))
        }

        fn decode_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
            Self::decode(reader, cx).map(Some)
        }
    };
}

macro_rules! numbers {
    ($($type:ident $variant:ident;)*) => {$(
        impl Wire for $type {
            #[inline]
            fn encode(&self, writer: &mut Writer, _: Cx) -> Result<(), EncodeError> {
                writer.$type(*self);
                Ok(())
            }

            #[inline]
            fn decode(reader: &mut Reader, _: Cx) -> Result<Self, DecodeError> {
                reader.$type()
            }

            fn min_len(_: Cx) -> usize {
                size_of::<Self>()
            }

            fn initial() -> Self {
                Self::default()
            }

            fn value(&mut self) -> Value<'_> {
                Value::$variant(self)
            }

            no_null!();
        }
    )*};
}

numbers! {
    i8 I8; i16 I16; u16 U16; i32 I32; u32 U32; i64 I64; f64 F64;
}

impl Wire for bool {
    #[inline]
    fn encode(&self, writer: &mut Writer, _: Cx) -> Result<(), EncodeError> {
        writer.i8(i8::from(*self));
        Ok(())
    }

    #[inline]
    fn decode(reader: &mut Reader, _: Cx) -> Result<Self, DecodeError> {
        Ok(reader.i8()? != 0)
    }

    fn min_len(_: Cx) -> usize {
        1
    }

    fn initial() -> Self {
        false
    }

    fn value(&mut self) -> Value<'_> {
        Value::Bool(self)
    }

    no_null!();
}

impl Wire for ErrorCode {
    #[inline]
    fn encode(&self, writer: &mut Writer, _: Cx) -> Result<(), EncodeError> {
        writer.i16(self.0);
        Ok(())
    }

    #[inline]
    fn decode(reader: &mut Reader, _: Cx) -> Result<Self, DecodeError> {
        reader.i16().map(Self)
    }

    fn min_len(_: Cx) -> usize {
        size_of::<Self>()
    }

    fn initial() -> Self {
        Self(0)
    }

    fn value(&mut self) -> Value<'_> {
        Value::I16(&mut self.0)
    }

    no_null!();
}

impl Wire for Uuid {
    #[inline]
    fn encode(&self, writer: &mut Writer, _: Cx) -> Result<(), EncodeError> {
        writer.slice(&self.0);
        Ok(())
    }

    #[inline]
    fn decode(reader: &mut Reader, _: Cx) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }

    fn min_len(_: Cx) -> usize {
        size_of::<Self>()
    }

    fn initial() -> Self {
        Self::ZERO
    }

    fn value(&mut self) -> Value<'_> {
        Value::Uuid(self)
    }

    no_null!();
}

/// Reads a value that must not be null.
fn present<T: Wire>(reader: &mut Reader, cx: Cx) -> Result<T, DecodeError> {
    T::decode_nullable(reader, cx)?.ok_or_else(|| reader.fail(DecodeReason::Null))
}

impl Wire for Arc<str> {
    fn encode(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        if self.len() > MAX_STRING {
            return Err(EncodeError::new(EncodeReason::TooLong(self.len())));
        }
        writer.length(Some(self.len()), cx.flexible, true)?;
        writer.slice(self.as_bytes());
        Ok(())
    }

    fn decode(reader: &mut Reader, cx: Cx) -> Result<Self, DecodeError> {
        present(reader, cx)
    }

    fn min_len(cx: Cx) -> usize {
        if cx.flexible { 1 } else { size_of::<i16>() }
    }

    fn initial() -> Self {
        Self::default()
    }

    fn encode_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        writer.length(None, cx.flexible, true)
    }

    fn decode_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        let Some(len) = reader.length(cx.flexible, true)? else { return Ok(None) };
        if len > MAX_STRING {
            return Err(reader.fail(DecodeReason::LongString(len)));
        }
        if len == 0 {
            // Shared by all empty strings.
            return Ok(Some(Self::default()));
        }
        reader.charge(len + STRING_HEAD)?;
        reader.seen(len, |bytes| Some(utf8::lossy(bytes).into()))
    }

    fn value(&mut self) -> Value<'_> {
        Value::Str(self)
    }
}

impl Wire for Bytes {
    fn encode(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        writer.length(Some(self.len()), cx.flexible, false)?;
        writer.shared(self);
        Ok(())
    }

    fn decode(reader: &mut Reader, cx: Cx) -> Result<Self, DecodeError> {
        present(reader, cx)
    }

    fn min_len(cx: Cx) -> usize {
        if cx.flexible { 1 } else { size_of::<i32>() }
    }

    fn initial() -> Self {
        Self::new()
    }

    fn encode_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        writer.length(None, cx.flexible, false)
    }

    #[inline(always)]
    fn decode_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        Ok(reader.payload(cx.flexible)?.map(|len| reader.shared(len)))
    }

    fn value(&mut self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Wire for Records {
    fn encode(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        writer.length(Some(self.len()), cx.flexible, false)?;
        writer.records(self)
    }

    fn decode(reader: &mut Reader, cx: Cx) -> Result<Self, DecodeError> {
        Bytes::decode(reader, cx).map(Self::Bytes)
    }

    fn min_len(cx: Cx) -> usize {
        Bytes::min_len(cx)
    }

    fn initial() -> Self {
        Self::Bytes(Bytes::new())
    }

    /// Kafka's records are null until set.
    fn initial_option() -> Option<Self> {
        None
    }

    fn encode_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        Bytes::encode_null(writer, cx)
    }

    #[inline(always)]
    fn decode_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        Ok(reader.payload(cx.flexible)?.map(|len| Self::Bytes(reader.shared(len))))
    }

    fn value(&mut self) -> Value<'_> {
        Value::Records(self)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn encode(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        writer.length(Some(self.len()), cx.flexible, false)?;
        for (index, element) in self.iter().enumerate() {
            element.encode(writer, cx.element()).map_err(|e| e.item(index))?;
        }
        Ok(())
    }

    fn decode(reader: &mut Reader, cx: Cx) -> Result<Self, DecodeError> {
        present(reader, cx)
    }

    fn min_len(cx: Cx) -> usize {
        Bytes::min_len(cx)
    }

    fn initial() -> Self {
        Self::new()
    }

    fn encode_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        writer.length(None, cx.flexible, false)
    }

    fn decode_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        let min_len = T::min_len(cx.element());
        let Some(count) = reader.count(cx.flexible, min_len)? else { return Ok(None) };
        reader.charge(count.saturating_mul(size_of::<T>()))?;
        let mut elements = Self::with_capacity(count);
        for index in 0..count {
            if T::IN_PLACE {
                elements.push(T::initial());
                elements.last_mut().map_or(Ok(()), |e| e.fill(reader, cx.element()))
            } else {
                T::decode(reader, cx.element()).map(|element| elements.push(element))
            }
            .map_err(|e| e.item(index))?;
        }
        Ok(Some(elements))
    }

    fn value(&mut self) -> Value<'_> {
        Value::Array(self)
    }
}

impl<T: Wire> Array for Vec<T> {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn clear(&mut self) {
        Self::clear(self);
    }

    fn push_default(&mut self) {
        self.push(T::initial());
    }

    fn item(&mut self, index: usize) -> Option<Value<'_>> {
        self.get_mut(index).map(Wire::value)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn encode(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        match self {
            Some(value) if cx.nullable => value.encode_present(writer, cx),
            Some(value) => value.encode(writer, cx),
            None if cx.nullable => T::encode_null(writer, cx),
            None => Err(EncodeError::new(EncodeReason::Null)),
        }
    }

    #[inline(always)]
    fn decode(reader: &mut Reader, cx: Cx) -> Result<Self, DecodeError> {
        if cx.nullable { T::decode_nullable(reader, cx) } else { T::decode(reader, cx).map(Some) }
    }

    /// No nullable value is null in less than a byte.
    fn min_len(cx: Cx) -> usize {
        if cx.nullable { 1 } else { T::min_len(cx) }
    }

    fn initial() -> Self {
        T::initial_option()
    }

    fn encode_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        T::encode_null(writer, cx)
    }

    fn decode_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        T::decode_nullable(reader, cx).map(Some)
    }

    fn value(&mut self) -> Value<'_> {
        Value::Nullable(self)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<T: Wire> Nullable for Option<T> {
    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn set_null(&mut self, null: bool) {
        if null {
            *self = None;
        } else if self.is_none() {
            *self = Some(T::initial());
        }
    }

    fn present(&mut self) -> Option<Value<'_>> {
        self.as_mut().map(Wire::value)
    }
}
