//! Listens to a topic as one of a group, prints its records, and leaves cleanly at Ctrl-C. Several of them share.
//!
//!     cargo run --release --example listen -- localhost:9092 greetings greeters

use kafka_client::config::{AutoOffsetReset, ConsumerConfig};
use kafka_client::listener::{AckMode, ErrorPolicy, ListenerEvent};
use kafka_client::{Client, ConsumerRecord};
use std::error::Error;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let bootstrap = args.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = args.next().unwrap_or_else(|| "greetings".to_owned());
    let group = args.next().unwrap_or_else(|| "greeters".to_owned());

    let client = Client::connect(&bootstrap).await?;
    // Where the group has committed nothing yet, begin with the oldest record.
    let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
    let mut listener = client
        .listener(group)
        .topics([topic])
        .config(config)
        // Offsets are committed after each poll; a crash repeats at most one.
        .ack_mode(AckMode::Batch)
        // A record that fails is tried three times, then skipped; the default is to stop.
        .on_error(ErrorPolicy::backoff(Duration::from_millis(100), 3).then_skip())
        .on_event(|event| match event {
            ListenerEvent::Assigned { partitions } => eprintln!("takes over {partitions:?}"),
            ListenerEvent::Revoked { partitions } => eprintln!("gives up {partitions:?}"),
            ListenerEvent::Skipped { offset, error, .. } => eprintln!("skips {offset}: {error}"),
            _ => {}
        })
        .start(greet)?;
    tokio::select! {
        // What ends it by itself is an error.
        ended = listener.wait() => ended?,
        // The record in hand is finished, offsets are committed, the group is left.
        _ = tokio::signal::ctrl_c() => listener.stop(Duration::from_secs(10)).await?,
    }
    Ok(())
}

/// Any error will do: here, of text that is not UTF-8.
async fn greet(record: ConsumerRecord) -> Result<(), std::str::Utf8Error> {
    let text = std::str::from_utf8(record.value().unwrap_or_default())?;
    println!("{}-{} at {}: {text}", record.topic(), record.partition(), record.offset());
    Ok(())
}
