//! One walk over the fields of any message: JSON, random samples and the comparison with Kafka's definitions use it.

use super::Field;
use crate::records::Records;
use crate::uuid::Uuid;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// Something with fields.
pub trait Visit {
    /// The struct's name.
    fn type_name(&self) -> &'static str;

    /// Shows every field to `visitor`, in the order of the notation, whatever the version.
    ///
    /// # Errors
    /// What the visitor reports, with the field's path.
    fn visit(&mut self, visitor: &mut dyn Visitor) -> Result<(), VisitError>;
}

/// Looks at fields, and may change them.
pub trait Visitor {
    /// One field; `blank` tells that it holds its default.
    ///
    /// # Errors
    /// When the visitor cannot go on.
    fn field(&mut self, field: &Field, blank: bool, value: Value<'_>) -> Result<(), VisitError>;
}

/// A field's value, open to change.
#[allow(missing_docs, reason = "the variants are Kafka's types")]
pub enum Value<'a> {
    Bool(&'a mut bool),
    I8(&'a mut i8),
    I16(&'a mut i16),
    U16(&'a mut u16),
    I32(&'a mut i32),
    U32(&'a mut u32),
    I64(&'a mut i64),
    F64(&'a mut f64),
    Uuid(&'a mut Uuid),
    Str(&'a mut Arc<str>),
    Bytes(&'a mut Bytes),
    Records(&'a mut Records),
    Struct(&'a mut dyn Visit),
    Array(&'a mut dyn Array),
    Nullable(&'a mut dyn Nullable),
}

/// An array of any element type.
pub trait Array {
    /// Number of elements.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Takes all elements out.
    fn clear(&mut self);
    /// Adds an element that holds its default.
    fn push_default(&mut self);
    /// One element.
    fn item(&mut self, index: usize) -> Option<Value<'_>>;
}

/// A value that may be null.
pub trait Nullable {
    /// Whether it is.
    fn is_null(&self) -> bool;
    /// Makes it null, or its default if it was null.
    fn set_null(&mut self, null: bool);
    /// What is there when it is not null.
    fn present(&mut self) -> Option<Value<'_>>;
}

/// Why a visitor stopped, and at which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitError {
    path: String,
    reason: String,
}

impl VisitError {
    /// An error at the place that the visitor looks at.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    /// The same, seen from the struct around it.
    #[must_use]
    pub fn within(mut self, field: &str) -> Self {
        self.path.insert_str(0, &format!(".{field}"));
        self
    }

    /// The same, seen from the array around it.
    #[must_use]
    pub fn item(mut self, index: usize) -> Self {
        self.path.insert_str(0, &format!("[{index}]"));
        self
    }
}

impl fmt::Display for VisitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.path, self.reason)
        }
    }
}

impl std::error::Error for VisitError {}
