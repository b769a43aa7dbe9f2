//! Brokers that know how to answer, and answer a Fetch with records that are none.

use super::*;
use kafka_client::config::AutoOffsetReset;
use kafka_client::{Consumer, Uuid};
use kafka_proto::messages::fetch;
use kafka_proto::records::{
    BatchBuilder, BatchHeader, Compression, Compressor, HEADER_LEN, Records, Stamp,
};
use std::collections::BTreeMap;

/// A batch may become this large, and no larger.
const OPENED_MAX: usize = 128 << 20;

fn batch(base_offset: i64, values: &[&[u8]], compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for value in values {
        builder.append(0, None, Some(value), &[]);
    }
    let mut batch = builder.seal(Stamp::NONE, &mut Compressor::new(compression, None).unwrap());
    kafka_proto::records::set_base_offset(&mut batch, base_offset);
    batch
}

/// A batch of three records whose header says something else; its checksum is right.
fn lie(change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
    let mut batch = batch(0, &[b"a", b"b", b"c"], Compression::None);
    let mut header = BatchHeader::parse(&batch).unwrap();
    change(&mut header);
    header.write(&mut batch);
    batch
}

/// A batch of three records with some of its bytes changed.
fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut batch = batch(0, &[b"a", b"b", b"c"], Compression::None);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    batch
}

/// The answer to a Fetch: these records, of that partition.
fn records(frame: &Bytes, partition_index: i32, records: Vec<u8>) -> Reaction {
    let (header, _) = decode_request_header(frame).unwrap();
    let data = fetch::PartitionData {
        partition_index,
        high_watermark: 1000,
        records: Some(Records::Bytes(records.into())),
        ..Default::default()
    };
    let topic = fetch::FetchableTopicResponse {
        topic: "orders".into(),
        topic_id: Uuid::from_random(7),
        partitions: vec![data],
    };
    let answer = fetch::Response { responses: vec![topic], ..Default::default() };
    let frame = encode_response::<fetch::Request>(&answer, header.version, header.correlation_id);
    let pieces: Vec<Bytes> = frame.unwrap().pieces().cloned().collect();
    Reaction::Send(pieces.concat())
}

fn reader(client: &Client, partitions: &[i32], check_crcs: bool) -> Consumer {
    let config =
        ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::None).check_crcs(check_crcs);
    let mut consumer = client.consumer(config).unwrap();
    consumer.assign(partitions.iter().map(|partition| ("orders", *partition))).unwrap();
    for partition in partitions {
        consumer.seek(("orders", *partition), 0).unwrap();
    }
    consumer
}

/// Ways of records to be damaged, and what is said of each.
fn damages() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let [huge, negative] = [i32::MAX, -1].map(i32::to_be_bytes);
    vec![
        ("a flipped bit", patched(HEADER_LEN + 3, &[0xff]), "its CRC is "),
        ("noise", (0..200_u64).map(|n| word(n).to_le_bytes()[0]).collect(), "no record batch"),
        ("an unknown format", patched(16, &[9]), "magic 9"),
        ("what would be an old format", patched(16, &[1]), "cut message"),
        ("a huge length", patched(8, &huge), "no whole batch"),
        ("a negative length", patched(8, &negative), "batch length"),
        ("cut short", patched(0, &[])[..70].to_vec(), "no whole batch"),
        ("less than a header", vec![0; 20], "batch length"),
        ("a huge count", lie(|header| header.count = i32::MAX), "more records than its bytes"),
        ("a negative count", lie(|header| header.count = -1), "negative number of records"),
        ("too small a count", lie(|header| header.count = 1), "after the last record"),
        ("a codec that is none", lie(|header| header.attributes = 7), "unknown compression 7"),
        ("not what the codec calls its own", lie(|header| header.attributes = 4), "zstd"),
        ("offsets before what was asked", lie(|header| header.base_offset = -50), "leads on"),
        ("offsets that go back", lie(|header| header.last_offset_delta = -5), "leads on"),
    ]
}

#[test]
fn damaged_records_are_told_and_never_passed_over() {
    let mut wrong = Vec::new();
    for (name, damaged, text) in damages() {
        let memory = story(async {
            let peer = half_a_broker(move |frame| records(frame, 0, damaged.clone()));
            let client = client(peer);
            let mut consumer = reader(&client, &[0], true);
            for _ in 0..2 {
                let polled = in_time(name, consumer.poll_timeout(LIMIT / 2)).await;
                match polled {
                    Ok(records) => wrong.push(format!("{name}: {} records", records.len())),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::CorruptBatch, "{name}: {error}");
                        assert_eq!((error.topic(), error.partition()), (Some("orders"), Some(0)));
                        let shown = error.to_string();
                        if !shown.contains(text) || shown.len() > 400 {
                            wrong.push(format!("{name}: {shown}"));
                        }
                    }
                }
            }
            assert_eq!(consumer.position(("orders", 0)).await.unwrap(), 0, "{name}");
        });
        assert!(memory < 24 << 20, "{name} took {memory} bytes");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_bomb_is_not_opened_further_than_a_batch_may_be() {
    let zeros = vec![0; OPENED_MAX + 1];
    // The slower codecs' bombs are the codec crate's to test.
    let bomb = batch(0, &[&zeros], Compression::Lz4);
    drop(zeros);
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    let memory = story(async {
        let peer = half_a_broker(move |frame| records(frame, 0, bomb.clone()));
        let client = client(peer);
        let mut consumer = reader(&client, &[0], true);
        let error = in_time("a bomb", consumer.poll()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CorruptBatch);
        assert!(error.to_string().contains(&OPENED_MAX.to_string()), "{error}");
    });
    // A buffer that doubles as it fills holds half of itself twice for a moment.
    assert!(memory < 2 * OPENED_MAX as u64, "{memory} bytes");
}

/// Random changes to a batch, also without the checksum that would tell them.
#[test]
fn random_damage_is_survived() {
    let (mut failed, mut read) = (0, 0);
    for seed in 0..400_u64 {
        let compression = Compression::ALL[usize::try_from(seed).unwrap() % Compression::ALL.len()];
        let values: Vec<Vec<u8>> = (0..20).map(|n| vec![b'v'; n * 3]).collect();
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        let mut damaged = batch(0, &values, compression);
        for change in 0..1 + seed % 3 {
            let random = word(seed * 8 + change);
            let at = usize::try_from(random).unwrap() % damaged.len();
            damaged[at] = random.to_be_bytes()[0];
        }
        let memory = story(async {
            let peer = half_a_broker(move |frame| records(frame, 0, damaged.clone()));
            let client = client(peer);
            let mut consumer = reader(&client, &[0], seed % 2 == 0);
            match in_time("poll", consumer.poll_timeout(Duration::from_secs(1))).await {
                Ok(records) => {
                    // Whatever is in them, they can be looked at.
                    read += records.iter().map(|r| r.headers().len() + 1).sum::<usize>();
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::CorruptBatch, "seed {seed}: {error}");
                    failed += 1;
                }
            }
        });
        assert!(memory < 2 * OPENED_MAX as u64, "seed {seed} took {memory} bytes");
    }
    assert!(failed > 100 && read > 100, "{failed} failed, {read} records read");
}

/// A network of several peers, by host.
#[derive(Clone, Debug)]
struct Hosts(BTreeMap<&'static str, Peer>);

#[async_trait::async_trait]
impl Connector for Hosts {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let peer = self.0.get(host).ok_or(io::ErrorKind::NotFound)?;
        peer.connect(host, port).await
    }
}

#[test]
fn a_broker_that_is_none_does_not_hold_up_another() {
    let ways = ways().into_iter().map(|way| (way.name, way.react));
    let damages = damages().into_iter().map(|(name, damaged, _)| {
        let react: Box<React> = Box::new(move |frame| records(frame, 0, damaged.clone()));
        (name, react)
    });
    for (name, react) in ways.chain(damages) {
        story(async {
            let polite = |frame: &Bytes| polite(frame, &["bad", "good"]);
            let bad: Arc<React> =
                Arc::new(move |frame| polite(frame).unwrap_or_else(|| react(frame)));
            let next = AtomicU64::new(0);
            let good: Arc<React> = Arc::new(move |frame| {
                let answer = || {
                    let offset = next.fetch_add(1, Ordering::Relaxed).try_into().unwrap();
                    records(frame, 1, batch(offset, &[b"v"], Compression::None))
                };
                polite(frame).unwrap_or_else(answer)
            });
            let hosts = Hosts([("bad", Peer(bad)), ("good", Peer(good))].into());
            let config = config().bootstrap_servers(["good:9092"]);
            let client = Client::builder(config).connector(hosts).seed(1).connect_lazily().unwrap();
            let mut consumer = reader(&client, &[0, 1], true);
            let reading = async {
                let (mut offset, mut polls) = (0, 0);
                while offset < 50 {
                    polls += 1;
                    assert!(polls < 1000, "{name}: {offset} records in {polls} polls");
                    let records = match consumer.poll().await {
                        Ok(records) => records,
                        Err(error) => {
                            // Damage is told again and again until something is done about it.
                            if error.kind() == ErrorKind::CorruptBatch {
                                assert_eq!(error.partition(), Some(0), "{name}: {error}");
                                consumer.pause([("orders", 0)]).unwrap();
                            }
                            continue;
                        }
                    };
                    for record in &records {
                        assert_eq!((record.partition(), record.offset()), (1, offset), "{name}");
                        offset += 1;
                    }
                }
            };
            in_time(name, reading).await;
        });
    }
}
