//! `kt console-producer`, as kafka-console-producer: each line of the standard input becomes a record.

use crate::Kt;
use crate::failure::{Failure, Outcome, complain};
use crate::lines::{LineReader, of_stdin};
use crate::output::{Format, Out};
use crate::settings::{Connect, Settings, pair};
use kafka_client::{Delivery, Producer, ProducerRecord, RecordMetadata};
use kafka_proto::settings::Properties;
use serde_json::json;
use std::collections::VecDeque;
use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;
use std::time::Duration;

/// How long the records that were read may take to be acknowledged in the end.
const CLOSE_MAX: Duration = Duration::from_secs(120);

/// Send each line of the standard input as a record
///
/// With parse.key=true a line is "key<TAB>value", with parse.headers=true "name:value,name:value<TAB>value";
/// key.separator and its like set other separators. Ends with the input (Ctrl-D), when every record is acknowledged.
#[derive(Debug, clap::Args)]
pub(crate) struct ConsoleProducer {
    /// The topic
    #[arg(long)]
    topic: String,
    /// How lines are read: parse.key, parse.headers, key.separator, headers.delimiter, headers.separator,
    /// headers.key.separator, ignore.error, null.marker
    #[arg(
        long = "reader-property",
        alias = "property",
        value_name = "KEY=VALUE",
        value_parser = pair
    )]
    property: Vec<(String, String)>,
    /// A properties file with how lines are read
    #[arg(long, value_name = "FILE")]
    reader_config: Option<PathBuf>,
    /// Taken for Kafka's sake: lines can be read in Kafka's way only
    #[arg(long, value_name = "CLASS", hide = true)]
    line_reader: Option<String>,
    /// How batches are compressed: none, gzip (meant if no codec is named), snappy, lz4, zstd
    #[arg(
        long,
        value_name = "CODEC",
        num_args = 0..=1,
        default_missing_value = "gzip",
        alias = "compression-type"
    )]
    compression_codec: Option<String>,
    /// How many copies there must be: 0, 1, all (-1)
    #[arg(long, value_name = "ACKS", alias = "acks", allow_hyphen_values = true)]
    request_required_acks: Option<String>,
    /// Wait for each record to be acknowledged before the next is sent
    #[arg(long)]
    sync: bool,
    /// batch.size
    #[arg(long, value_name = "BYTES", alias = "max-partition-memory-bytes")]
    batch_size: Option<String>,
    /// linger.ms
    #[arg(long, value_name = "MS")]
    timeout: Option<String>,
    /// max.block.ms
    #[arg(long, value_name = "MS")]
    max_block_ms: Option<String>,
    /// buffer.memory
    #[arg(long, value_name = "BYTES")]
    max_memory_bytes: Option<String>,
    /// retries
    #[arg(long, value_name = "N")]
    message_send_max_retries: Option<String>,
    /// retry.backoff.ms
    #[arg(long, value_name = "MS")]
    retry_backoff_ms: Option<String>,
    /// request.timeout.ms
    #[arg(long, value_name = "MS")]
    request_timeout_ms: Option<String>,
    /// metadata.max.age.ms
    #[arg(long, value_name = "MS")]
    metadata_expiry_ms: Option<String>,
    /// send.buffer.bytes
    #[arg(long, value_name = "BYTES")]
    socket_buffer_size: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

impl ConsoleProducer {
    pub(crate) async fn run(&self, kt: &mut Kt) -> Outcome {
        let reader = self.reader()?;
        let settings = self.settings()?;
        let config = settings.producer()?;
        let stop = kt.stop.clone();
        let client = stop.or(settings.client()).await?;
        let producer = client.producer(config)?;
        let sent = self.send(&producer, &reader, kt).await;
        let closed = producer.close(CLOSE_MAX).await;
        let all_well = sent?;
        closed?;
        if all_well { Ok(()) } else { Err(Failure::Told) }
    }

    /// Sends lines until they end; whether every record was stored.
    async fn send(&self, producer: &Producer, reader: &LineReader, kt: &mut Kt) -> Outcome<bool> {
        let prompt = stdin().is_terminal() && stderr().is_terminal();
        let (mut number, mut open) = (0, Deliveries::default());
        let mut input = of_stdin();
        loop {
            if prompt {
                let _ = write!(stderr(), ">");
            }
            let lines = loop {
                tokio::select! {
                    biased;
                    () = kt.stop.asked() => break None,
                    lines = input.recv() => break lines,
                    () = open.next(&mut kt.out), if !open.waiting.is_empty() => kt.out.flush()?,
                }
            };
            let Some(lines) = lines else { break };
            for line in lines.map_err(|error| Failure::of("read the standard input", error))? {
                number += 1;
                let parsed = reader.parse(&line, number).map_err(Failure::Failed)?;
                let headers: Vec<_> =
                    parsed.headers.iter().map(|(name, value)| (&**name, *value)).collect();
                let mut record = match parsed.value {
                    Some(value) => ProducerRecord::new(&self.topic, value),
                    None => ProducerRecord::tombstone(&self.topic),
                };
                if let Some(key) = parsed.key {
                    record = record.key(key);
                }
                let delivery =
                    kt.stop.or(async { Ok(producer.enqueue(record.headers(&headers)).await?) });
                open.waiting.push_back(delivery.await?);
                while self.sync && !open.waiting.is_empty() {
                    open.next(&mut kt.out).await;
                }
                open.take_done(&mut kt.out);
            }
        }
        producer.flush().await?;
        while !open.waiting.is_empty() {
            open.next(&mut kt.out).await;
        }
        open.written?;
        Ok(!open.failed)
    }

    fn reader(&self) -> Outcome<LineReader> {
        let mut reader = LineReader::default();
        if let Some(class) = &self.line_reader
            && !class.ends_with("LineMessageReader")
        {
            let reason = format!("{class:?} cannot be loaded: lines are read in Kafka's own way");
            return Err(Failure::Usage(reason));
        }
        if let Some(path) = &self.reader_config {
            for (key, value) in properties(path)? {
                reader.set(&key, &value).map_err(Failure::Usage)?;
            }
        }
        for (key, value) in &self.property {
            reader.set(key, value).map_err(Failure::Usage)?;
        }
        reader.check().map_err(Failure::Usage)?;
        Ok(reader)
    }

    fn settings(&self) -> Outcome<Settings> {
        let mut settings = self.connect.settings(&[("client.id", "console-producer")])?;
        let each = [
            ("compression.type", &self.compression_codec),
            ("acks", &self.request_required_acks),
            ("batch.size", &self.batch_size),
            ("linger.ms", &self.timeout),
            ("max.block.ms", &self.max_block_ms),
            ("buffer.memory", &self.max_memory_bytes),
            ("retries", &self.message_send_max_retries),
            ("retry.backoff.ms", &self.retry_backoff_ms),
            ("request.timeout.ms", &self.request_timeout_ms),
            ("metadata.max.age.ms", &self.metadata_expiry_ms),
            ("send.buffer.bytes", &self.socket_buffer_size),
        ];
        for (key, value) in each {
            settings.set_some(key, value.as_ref());
        }
        Ok(settings)
    }
}

/// The pairs of a properties file.
pub(crate) fn properties(path: &PathBuf) -> Outcome<Vec<(String, String)>> {
    let wrong = |error: &dyn std::fmt::Display| Failure::of(path.display(), error);
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let properties = Properties::parse(&text).map_err(|error| wrong(&error))?;
    Ok(properties.iter().map(|each| (each.key.clone(), each.value.clone())).collect())
}

/// What is under way, the oldest first.
struct Deliveries {
    waiting: VecDeque<Delivery>,
    failed: bool,
    written: Outcome,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), failed: false, written: Ok(()) }
    }
}

impl Deliveries {
    /// Waits for the oldest.
    async fn next(&mut self, out: &mut Out) {
        if let Some(oldest) = self.waiting.front_mut() {
            let result = oldest.await;
            self.waiting.pop_front();
            self.tell(result, out);
        }
    }

    /// Takes what is acknowledged already.
    fn take_done(&mut self, out: &mut Out) {
        while let Some(result) = self.waiting.front().and_then(Delivery::try_get) {
            self.waiting.pop_front();
            self.tell(result, out);
        }
    }

    fn tell(&mut self, result: kafka_client::Result<RecordMetadata>, out: &mut Out) {
        let stored = match result {
            Ok(stored) => stored,
            Err(error) => {
                complain(error);
                self.failed = true;
                return;
            }
        };
        let (topic, partition, offset) = (stored.topic(), stored.partition(), stored.offset());
        let written = match out.format {
            Format::Table => Ok(()),
            Format::Plain => {
                let offset = offset.map_or("-".to_owned(), |offset| offset.to_string());
                out.line(format_args!("{topic}\t{partition}\t{offset}"))
            }
            Format::Json => {
                out.line(json!({"topic": topic, "partition": partition, "offset": offset}))
            }
        };
        if self.written.is_ok() {
            self.written = written;
        }
    }
}
