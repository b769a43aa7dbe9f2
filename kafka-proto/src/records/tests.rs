//! Stories of batches written and read.

use super::*;
use bytes::Bytes;

#[test]
fn what_is_appended_is_read() {
    for compression in Compression::ALL {
        let mut compressor = Compressor::new(compression, None).unwrap();
        let mut builder = BatchBuilder::new(Vec::new());
        builder.append(7, Some(b"k"), None, &[("h", None), ("i", Some(b"j"))]);
        builder.append(5, None, Some(b"v"), &[]);
        let batch = builder.seal(Stamp::NONE, &mut compressor);
        let batch = Batches::new(batch.into()).next().unwrap().unwrap();
        batch.verify_crc().unwrap();
        assert_eq!(batch.header().compression(), Ok(compression));
        let open = batch.open(&mut Decompressor::new(), 1000).unwrap();
        let records: Vec<_> =
            open.records().map(|r| (r.offset(), r.timestamp(), r.key(), r.value())).collect();
        assert_eq!(records, [(0, 7, Some(&b"k"[..]), None), (1, 5, None, Some(&b"v"[..]))]);
    }
    let _ = Bytes::new();
}
