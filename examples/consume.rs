//! Prints the records of a topic from its beginning, and goes on with those that come.
//!
//!     cargo run --release --example consume -- localhost:9092 greetings

use kafka_client::config::{AutoOffsetReset, ConsumerConfig};
use kafka_client::{Client, TopicPartition};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let bootstrap = args.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = args.next().unwrap_or_else(|| "greetings".to_owned());

    let client = Client::connect(&bootstrap).await?;
    let described = client.admin().describe_topics([topic.as_str()]).await?;
    let mut partitions = Vec::new();
    for (name, description) in described {
        for partition in description?.partitions {
            partitions.push(TopicPartition::new(name.clone(), partition.partition));
        }
    }

    // Where nothing was read before, begin with the oldest record.
    let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
    let mut consumer = client.consumer(config)?;
    consumer.assign(partitions)?;
    loop {
        // Everything that has come since; the views borrow from the memory it was received in.
        let records = consumer.poll().await?;
        for record in &records {
            let text = |bytes: Option<&[u8]>| {
                bytes.map_or("null".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            println!(
                "{}-{} at {}: {} = {}",
                record.topic(),
                record.partition(),
                record.offset(),
                text(record.key()),
                text(record.value()),
            );
        }
    }
}
