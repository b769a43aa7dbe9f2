//! Values that are about half compressible, the same in every run and for every program that is compared.

/// A bounded pool of values.
#[derive(Debug)]
pub struct Payloads {
    data: Vec<u8>,
    size: usize,
    count: usize,
}

/// Text that repeats, as in JSON.
const TEMPLATE: &[u8] = b"{\"type\":\"page_view\",\"user_id\":\"\",\"session\":\"\",\
\"url\":\"/catalog/item/\",\"country\":\"DE\",\"amount\":,\
\"currency\":\"EUR\",\"flags\":[true,false]}";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const POOL_BYTES: usize = 16 << 20;

impl Payloads {
    /// Values of `size` bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let count = (POOL_BYTES / size.max(1)).clamp(64, 65_536);
        let mut data = Vec::with_capacity(count * size);
        let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
        for _ in 0..count {
            let end = data.len() + size;
            let mut template = TEMPLATE.iter().cycle();
            // In turn 14 bytes of text and 10 characters of six random bits each.
            while data.len() < end {
                data.extend(template.by_ref().take(14.min(end - data.len())));
                let mut word = random.next();
                for _ in 0..10.min(end - data.len()) {
                    data.push(ALPHABET[usize::from(word.to_le_bytes()[0] & 63)]);
                    word >>= 6;
                }
            }
        }
        Self { data, size, count }
    }

    /// The value of record `number`.
    #[inline]
    #[must_use]
    pub fn value(&self, number: usize) -> &[u8] {
        let start = number % self.count * self.size;
        &self.data[start..start + self.size]
    }
}

struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_size_and_differ() {
        let payloads = Payloads::new(100);
        assert!(payloads.value(0).starts_with(b"{\"type\":\"page_"));
        assert_eq!(payloads.value(7).len(), 100);
        assert_ne!(payloads.value(0), payloads.value(1));
        assert_eq!(payloads.value(0), payloads.value(65_536));
    }
}
