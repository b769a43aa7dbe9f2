//! What a record of the simulation holds: it follows from seed and id, so a record that is read tells who sent it and
//! whether all of it is as it was sent.

use crate::seed::{Random, Stream};
use kafka_proto::records::{Header, Headers};

/// A record: the `number`th that a producer was asked to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) producer: u8,
    pub(crate) number: u32,
}

const ID_BYTES: usize = 8;
const MARK: [u8; 3] = [0xa5, 0x5a, 0xc3];
const ID_HEADER: &str = "id";
/// Makes values that compress, but not to nothing.
const ROUND: [u8; 5] = [0, 17, 3, 99, 5];

impl Id {
    fn to_bytes(self) -> [u8; ID_BYTES] {
        let mut bytes = [0; ID_BYTES];
        bytes[..3].copy_from_slice(&MARK);
        bytes[3] = self.producer;
        bytes[4..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..ID_BYTES).filter(|bytes| bytes.starts_with(&MARK))?;
        Some(Self { producer: bytes[3], number: u32::from_be_bytes(bytes[4..].try_into().ok()?) })
    }
}

/// How large values may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) usual: usize,
    pub(crate) largest: usize,
}

/// Key, value and headers of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Content {
    /// The content of record `id`. The id is in the value, the key or a header, and the rest is anything.
    pub(crate) fn of(seed: u64, sizes: Sizes, id: Id) -> Self {
        let number = u64::from(id.producer) << 32 | u64::from(id.number);
        let mut random = Random::new(seed, Stream::Content, number);
        let name = id.to_bytes().to_vec();
        let few = [None, Some(Vec::new()), Some(random.pick(&[b"k1", b"k2", b"k3"]).to_vec())];
        let few = few[random.size(0..=2)].clone();
        let mut headers = Vec::new();
        if random.percent(10) {
            headers.push((String::new(), None));
            headers.push(("kind".to_owned(), Some(b"simulated".to_vec())));
        }
        let (key, value) = match random.word() % 10 {
            0 => (Some(name), few),
            1 => {
                headers.push((ID_HEADER.to_owned(), Some(name)));
                (few.clone(), few)
            }
            _ => {
                let most = if random.percent(2) { sizes.largest } else { sizes.usual };
                let filler = random.size(0..=most);
                let word = random.word().to_be_bytes();
                let tail = (0..filler).map(|at| word[at % 8].wrapping_add(ROUND[at / 64 % 5]));
                (few, Some(name.into_iter().chain(tail).collect()))
            }
        };
        Self { key, value, headers }
    }

    /// The content of a record that was read.
    pub(crate) fn read(key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers<'_>) -> Self {
        let owned =
            |header: Header<'_>| (header.key().into_owned(), header.value().map(<[u8]>::to_vec));
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        Self { key, value, headers: headers.map(owned).collect() }
    }

    /// Whose record this is; `None` if nobody sent one like it.
    pub(crate) fn id(&self, seed: u64, sizes: Sizes) -> Option<Id> {
        let named = self.headers.iter().find(|(name, _)| name == ID_HEADER);
        let named = named.and_then(|(_, value)| value.as_ref());
        let mut places = [named, self.key.as_ref(), self.value.as_ref()].into_iter().flatten();
        let id = places.find_map(|bytes| Id::from_bytes(bytes))?;
        (Self::of(seed, sizes, id) == *self).then_some(id)
    }

    /// About how many bytes it takes in a batch.
    pub(crate) fn len(&self) -> usize {
        let some = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        some(&self.key) + some(&self.value)
    }
}

#[test]
fn a_record_tells_who_sent_it_unless_a_byte_of_it_is_wrong() {
    let sizes = Sizes { usual: 30, largest: 300 };
    for number in 0..200 {
        let id = Id { producer: 3, number };
        let content = Content::of(1, sizes, id);
        assert_eq!(content.id(1, sizes), Some(id));
        let mut changed = content.clone();
        changed.value = changed.value.map_or(Some(vec![1]), |mut value| {
            value.push(0);
            Some(value)
        });
        assert_eq!(changed.id(1, sizes), None);
        assert_eq!(Content { headers: vec![("x".to_owned(), None)], ..content }.id(1, sizes), None);
    }
}
