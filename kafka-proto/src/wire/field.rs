//! One field of a message: what the notation says about it, and what is done with it at run time.

use super::visit::{VisitError, Visitor};
use super::{Cx, DecodeError, DecodeReason, EncodeError, Reader, Wire, Writer};

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

    /// Dropped where the version lacks it.
    pub(crate) const fn drop(mut self) -> Self {
        self.droppable = true;
        self
    }

    /// A tagged field.
    pub(crate) const fn tag(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    /// In these versions only.
    pub(crate) const fn versions(mut self, from: i16, to: i16) -> Self {
        self.from = from;
        self.to = to;
        self
    }

    /// Nullable in these versions only.
    pub(crate) const fn null(mut self, from: i16, to: i16) -> Self {
        self.null_from = from;
        self.null_to = to;
        self
    }

    /// The context of this field's value inside a struct of context `cx`.
    #[inline]
    const fn cx(&self, cx: Cx) -> Cx {
        Cx { nullable: self.nullable(cx.version), tagged: self.tag.is_some(), ..cx }
    }

    /// Appends the value where it has a fixed place; counts it where it is a tagged field to be written.
    ///
    /// Always inlined, as is [`Field::get`]: a field's versions are constants, so little is left of most of these.
    #[inline(always)]
    pub(crate) fn put<T: Wire>(
        self,
        value: &T,
        blank: &T,
        tagged: &mut u32,
        writer: &mut Writer,
        cx: Cx,
    ) -> Result<(), EncodeError> {
        if !self.has(cx.version) {
            if self.droppable || value == blank {
                return Ok(());
            }
            return Err(EncodeError::lost(cx.version).within(self.name));
        }
        if self.tag.is_some() {
            *tagged += u32::from(value != blank);
            return Ok(());
        }
        value.encode(writer, self.cx(cx)).map_err(|e| e.within(self.name))
    }

    /// Appends the tagged field unless it holds its default.
    pub(crate) fn put_tagged<T: Wire>(
        self,
        value: &T,
        blank: &T,
        writer: &mut Writer,
        cx: Cx,
    ) -> Result<(), EncodeError> {
        match self.tag {
            Some(tag) if self.has(cx.version) && value != blank => writer
                .tagged(tag, |writer| value.encode(writer, self.cx(cx)))
                .map_err(|e| e.within(self.name)),
            _ => Ok(()),
        }
    }

    /// Reads the value, if it has its place here.
    #[inline(always)]
    pub(crate) fn get<T: Wire>(
        self,
        blank: &T,
        reader: &mut Reader,
        cx: Cx,
    ) -> Result<T, DecodeError> {
        if self.tag.is_none() && self.has(cx.version) {
            T::decode(reader, self.cx(cx)).map_err(|e| e.within(self.name))
        } else {
            Ok(blank.clone())
        }
    }

    /// Reads the value into `value`, which is the initial one, if it has its place here.
    #[inline(always)]
    pub(crate) fn fill<T: Wire>(
        self,
        value: &mut T,
        reader: &mut Reader,
        cx: Cx,
    ) -> Result<(), DecodeError> {
        if self.tag.is_none() && self.has(cx.version) {
            value.fill(reader, self.cx(cx)).map_err(|e| e.within(self.name))
        } else {
            Ok(())
        }
    }

    /// Whether this is the tagged field of that number.
    pub(crate) fn is_tag(self, tag: u32) -> bool {
        self.tag == Some(tag)
    }

    /// Reads the tagged field that is next; says that it was known. One of other versions is refused, as Kafka does.
    pub(crate) fn get_tagged<T: Wire>(
        self,
        value: &mut T,
        reader: &mut Reader,
        cx: Cx,
    ) -> Result<bool, DecodeError> {
        if !self.has(cx.version) {
            let (tag, version) = (self.tag.unwrap_or_default(), cx.version);
            return Err(reader.fail(DecodeReason::Tag { tag, version }).within(self.name));
        }
        *value = T::decode(reader, self.cx(cx)).map_err(|e| e.within(self.name))?;
        Ok(true)
    }

    /// The fewest bytes that the field takes where it has a fixed place.
    #[inline]
    pub(crate) fn min_len<T: Wire>(self, cx: Cx) -> usize {
        if self.tag.is_none() && self.has(cx.version) { T::min_len(self.cx(cx)) } else { 0 }
    }

    /// Shows the field to a visitor.
    pub(crate) fn show<T: Wire>(
        self,
        value: &mut T,
        blank: &T,
        visitor: &mut dyn Visitor,
    ) -> Result<(), VisitError> {
        let is_blank = value == blank;
        visitor.field(&self, is_blank, value.value()).map_err(|e| e.within(self.name))
    }
}
