//! Random messages for tests: the same seed and version give the same message.
//!
//! A sample sets only what its version can carry, so that it survives encoding as it is.

use super::{Field, Message, Value, Visit, VisitError, Visitor};
use crate::records::Records;

/// A message of `version` drawn from `seed`.
pub fn sample<M: Message>(seed: u64, version: i16) -> M {
    let mut message = M::default();
    draw(&mut message, seed, version);
    message
}

/// Sets the fields of `message`, which holds its defaults, to what is drawn from `seed`.
pub fn draw(message: &mut dyn Visit, seed: u64, version: i16) {
    let mut sampler = Sampler { rng: Rng::new(seed), version };
    let drawn = message.visit(&mut sampler);
    debug_assert!(drawn.is_ok(), "drawing does not fail: {drawn:?}");
}

/// A small generator of pseudo-random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next_u64() % bound).unwrap_or_default()
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.next_u64().to_le_bytes()).flatten().take(len).collect()
    }
}

struct Sampler {
    rng: Rng,
    version: i16,
}

/// Numbers at which encodings change their length or sign.
const EDGES: [i64; 10] =
    [0, -1, 1, 127, 128, -128, 0x7fff, 0x7fff_ffff, -0x8000_0000, 0x7fff_ffff_ffff_ffff];

impl Visitor for Sampler {
    fn field(&mut self, field: &Field, _: bool, value: Value<'_>) -> Result<(), VisitError> {
        if !field.has(self.version) {
            return Ok(());
        }
        if let Value::Nullable(value) = value {
            let null = field.nullable(self.version) && self.rng.one_in(3);
            value.set_null(null);
            return value.present().map_or(Ok(()), |value| self.draw(value));
        }
        // Now and then a tagged field keeps its default, and so is not written.
        if field.tag.is_some() && self.rng.one_in(4) {
            return Ok(());
        }
        self.draw(value)
    }
}

impl Sampler {
    fn draw(&mut self, value: Value<'_>) -> Result<(), VisitError> {
        match value {
            Value::Bool(v) => *v = self.rng.one_in(2),
            Value::I8(v) => *v = i8::from_le_bytes(self.number()),
            Value::I16(v) => *v = i16::from_le_bytes(self.number()),
            Value::U16(v) => *v = u16::from_le_bytes(self.number()),
            Value::I32(v) => *v = i32::from_le_bytes(self.number()),
            Value::U32(v) => *v = u32::from_le_bytes(self.number()),
            Value::I64(v) => *v = i64::from_le_bytes(self.number()),
            Value::F64(v) => *v = f64::from(i32::from_le_bytes(self.number())) / 8.0,
            Value::Uuid(v) => v.0 = self.rng.bytes(16).try_into().unwrap_or_default(),
            Value::Str(v) => *v = self.text().into(),
            Value::Bytes(v) => *v = self.payload().into(),
            Value::Records(v) => *v = Records::Bytes(self.payload().into()),
            Value::Struct(v) => v.visit(self)?,
            Value::Array(v) => {
                v.clear();
                for index in 0..self.rng.below(4) {
                    v.push_default();
                    if let Some(item) = v.item(index) {
                        self.draw(item)?;
                    }
                }
            }
            Value::Nullable(v) => {
                v.set_null(false);
                if let Some(v) = v.present() {
                    self.draw(v)?;
                }
            }
        }
        Ok(())
    }

    /// The low bytes of an edge, of a number next to one, or of anything.
    fn number<const N: usize>(&mut self) -> [u8; N] {
        let edge = EDGES[self.rng.below(EDGES.len())];
        let number = match self.rng.below(3) {
            0 => edge,
            1 => edge.wrapping_add(1),
            _ => i64::from_le_bytes(self.rng.next_u64().to_le_bytes()),
        };
        number.to_le_bytes().first_chunk().copied().unwrap_or([0; N])
    }

    fn text(&mut self) -> String {
        const LETTERS: [char; 12] = ['a', 'b', 'z', 'A', '0', '-', '.', '_', ' ', 'é', '€', '𝄞'];
        let len = if self.rng.one_in(10) { 120 + self.rng.below(100) } else { self.rng.below(9) };
        (0..len).map(|_| LETTERS[self.rng.below(LETTERS.len())]).collect()
    }

    /// Sometimes long enough to join a frame by reference.
    fn payload(&mut self) -> Vec<u8> {
        let len = if self.rng.one_in(10) { 4000 + self.rng.below(200) } else { self.rng.below(70) };
        self.rng.bytes(len)
    }
}
