//! `kt perf consume`: reads records and counts.

use super::live::Live;
use super::stats::{Stats, cost_line};
use crate::Kt;
use crate::clock::{now, since_1970, unique};
use crate::failure::{Failure, Outcome};
use crate::moment;
use crate::output::Out;
use crate::settings::{Connect, Settings};
use benches::meter::Meter;
use kafka_client::{Consumer, Records};
use serde_json::json;
use std::time::{Duration, Instant};

/// Read records as fast as they come
///
/// Ends after --num-records, or when none has come for --timeout. What is told as latency is the age of records when
/// they are read, from their own timestamps: of use where they are read as they are produced.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Consume {
    /// The topic
    #[arg(long, group = "what")]
    topic: Option<String>,
    /// All topics whose whole name matches this regular expression
    #[arg(long, value_name = "REGEX", group = "what")]
    include: Option<String>,
    /// How many records
    #[arg(long, value_name = "N", alias = "messages")]
    num_records: u64,
    /// The group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Begin behind the last record where the group has committed nothing
    #[arg(long)]
    from_latest: bool,
    /// How long to wait for a record
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout: u64,
    /// max.partition.fetch.bytes
    #[arg(long, value_name = "BYTES")]
    fetch_size: Option<u64>,
    /// receive.buffer.bytes
    #[arg(long, value_name = "BYTES")]
    socket_buffer_size: Option<u64>,
    /// Print a row for each interval
    #[arg(long)]
    show_detailed_stats: bool,
    /// Print no names of columns
    #[arg(long)]
    hide_header: bool,
    /// How often the line that tells how it goes, or a row, is shown
    #[arg(
        long,
        value_name = "MS",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    reporting_interval: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Taken for Kafka's sake: there are no metrics to print yet
    #[arg(long, hide = true)]
    print_metrics: bool,
    #[command(flatten)]
    connect: Connect,
}

/// How it goes.
struct Run {
    begun_ms: i64,
    started: Instant,
    /// How long it took to be given partitions.
    rebalance: Option<Duration>,
    total: Stats,
    window: Stats,
    window_started: Instant,
}

const COLUMNS: &str = "data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
                       rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec";

impl Consume {
    pub(super) async fn run(&self, kt: &mut Kt) -> Outcome {
        let settings = self.settings()?;
        let config = settings.consumer()?;
        let stop = kt.stop.clone();
        let client = stop.or(settings.client()).await?;
        let meter = Meter::start();
        let mut consumer = client.consumer(config)?;
        match (&self.topic, &self.include) {
            (Some(topic), _) => consumer.subscribe([topic.as_str()])?,
            (None, Some(pattern)) => consumer.subscribe_pattern(pattern)?,
            (None, None) => {}
        }
        let json = self.json || kt.out.is_json();
        if !self.hide_header && !json {
            let (first, second) = match self.show_detailed_stats {
                true => ("time", "threadId"),
                false => ("start.time", "end.time"),
            };
            kt.out.line(format_args!("{first}, {second}, {COLUMNS}"))?;
        }
        let mut run = Run {
            begun_ms: wall_ms(),
            started: now(),
            rebalance: None,
            total: Stats::default(),
            window: Stats::default(),
            window_started: now(),
        };
        let read = self.read(&mut consumer, &mut run, kt).await;
        let ended = wall_ms();
        let cost = meter.cost();
        let closed = consumer.close().await;
        if json {
            let mut told = run.total.json(&cost);
            told["rebalanceMs"] = json!(run.rebalance.map(|time| time.as_secs_f64() * 1000.0));
            kt.out.line(told)?;
        } else if self.show_detailed_stats {
            kt.out.line(cost_line(&cost, run.total.records))?;
        } else {
            let (start, end) = (moment::text(run.begun_ms), moment::text(ended));
            kt.out.line(format_args!("{start}, {end}, {}", run.row(&run.total, run.started)))?;
            kt.out.line(cost_line(&cost, run.total.records))?;
        }
        let in_time = read?;
        closed?;
        if in_time {
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "only {} of {} records came: none for {} ms (--timeout)",
            run.total.records, self.num_records, self.timeout
        )))
    }

    fn settings(&self) -> Outcome<Settings> {
        let reset = if self.from_latest { "latest" } else { "earliest" };
        let group = self.group.clone().unwrap_or_else(|| unique("perf-consumer"));
        let defaults = [
            ("client.id", "perf-consumer-client"),
            ("auto.offset.reset", reset),
            ("group.id", &*group),
            ("check.crcs", "false"),
        ];
        let mut settings = self.connect.settings(&defaults)?;
        settings.set_some("group.id", self.group.as_ref());
        settings.set_some("max.partition.fetch.bytes", self.fetch_size.as_ref());
        settings.set_some("receive.buffer.bytes", self.socket_buffer_size.as_ref());
        Ok(settings)
    }

    /// Reads; whether everything came in time.
    async fn read(&self, consumer: &mut Consumer, run: &mut Run, kt: &mut Kt) -> Outcome<bool> {
        let every = Duration::from_millis(self.reporting_interval);
        let timeout = Duration::from_millis(self.timeout);
        let mut live = Live::new(self.num_records);
        let mut idle = Duration::ZERO;
        while run.total.records < self.num_records {
            let left = every.min(timeout.saturating_sub(idle));
            let records = tokio::select! {
                biased;
                () = kt.stop.asked() => break,
                records = consumer.poll_timeout(left) => records?,
            };
            if run.rebalance.is_none() && !consumer.assignment().is_empty() {
                run.rebalance = Some(run.started.elapsed());
            }
            idle = if records.is_empty() { idle + left } else { Duration::ZERO };
            run.count(&records, self.num_records);
            if run.window_started.elapsed() >= every {
                self.report(run, &mut live, &mut kt.out)?;
            }
            if idle >= timeout {
                live.end();
                return Ok(false);
            }
        }
        live.end();
        Ok(true)
    }

    fn report(&self, run: &mut Run, live: &mut Live, out: &mut Out) -> Outcome {
        let window = std::mem::take(&mut run.window);
        let since = std::mem::replace(&mut run.window_started, now());
        if self.show_detailed_stats && !self.json && !out.is_json() {
            let at = moment::text(wall_ms());
            out.line(format_args!("{at}, 0, {}", run.row(&window, since)))?;
            return out.flush();
        }
        let time = run.window_started.saturating_duration_since(since);
        live.show(run.total.records, &window.line("read", time));
        Ok(())
    }
}

impl Run {
    fn count(&mut self, records: &Records, most: u64) {
        let now_ms = wall_ms();
        for record in records {
            if self.total.records == most {
                return;
            }
            let bytes = record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len);
            let age = u64::try_from(now_ms - record.timestamp_ms()).unwrap_or(0);
            self.total.record(bytes, Duration::from_millis(age));
            self.window.record(bytes, Duration::from_millis(age));
        }
    }

    /// The numbers of a row of Kafka's consumer-perf-test.
    fn row(&self, stats: &Stats, since: Instant) -> String {
        let time = since.elapsed();
        let rebalance = self.rebalance.unwrap_or_default().min(time);
        let (records, mb) = stats.rates(time);
        let fetch = time.saturating_sub(rebalance);
        let (fetch_records, fetch_mb) = stats.rates(fetch);
        let total_mb = stats.bytes as f64 / 1_048_576.0;
        format!(
            "{total_mb:.4}, {mb:.4}, {}, {records:.4}, {}, {}, {fetch_mb:.4}, {fetch_records:.4}",
            stats.records,
            rebalance.as_millis(),
            fetch.as_millis(),
        )
    }
}

fn wall_ms() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}
