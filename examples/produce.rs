//! Sends each line of standard input as a record.
//!
//!     echo "hello" | cargo run --release --example produce -- localhost:9092 greetings

use kafka_client::config::ProducerConfig;
use kafka_client::{Client, ProducerRecord};
use std::error::Error;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let bootstrap = args.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = args.next().unwrap_or_else(|| "greetings".to_owned());

    // Connects to one of the addresses and learns of all brokers from it.
    let client = Client::connect(&bootstrap).await?;
    // Kafka's defaults: acks=all, idempotent, so no record is lost or doubled by a retry.
    let producer = client.producer(ProducerConfig::default())?;

    let mut deliveries = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line?;
        // `key:value` sends a key along: records of one key stay in one partition, in order.
        let record = match line.split_once(':') {
            Some((key, value)) => ProducerRecord::new(&topic, value).key(key),
            None => ProducerRecord::new(&topic, &line),
        };
        // Ready as soon as the record has its place in a batch; the acknowledgement comes later.
        deliveries.push(producer.enqueue(record).await?);
    }
    // Do not wait for `linger.ms`: there is nothing more to come.
    producer.flush().await?;
    for delivery in deliveries {
        let stored = delivery.await?;
        let offset = stored.offset().map_or("?".to_owned(), |offset| offset.to_string());
        println!("{}-{} at {offset}", stored.topic(), stored.partition());
    }
    producer.close(Duration::from_secs(5)).await?;
    Ok(())
}
