//! `walser quickstart`: a broker, a topic, records through it and back through a consumer group,
//! with what was done and how fast.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use broker::config::{BrokerConfig, Settings, Source};
use bytes::Bytes;
use client::{
    Admin, ClientOptions, Cluster, GroupConsumer, GroupOptions, NewRecord, NewTopic, Producer,
    ProducerOptions,
};
use env::Env;
use wire::ErrorCode;

use super::{StopSignals, start};
use crate::cli::QuickstartArgs;
use crate::failure::{ExitMeaning, Failure};
use crate::output::{self, thousands};
use crate::serve;

const TOPIC: &str = "quickstart";
const GROUP: &str = "quickstart-readers";
const PARTITIONS: i32 = 3;
const VALUE_BYTES: usize = 100;
/// A broker that does not hand back what it acknowledged within this is broken.
const READ_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &QuickstartArgs) -> Result<(), Failure> {
    let env = Env::system();
    let began = env.clock.monotonic();
    let config = configuration(args)?;
    start::runtime(&config)?.block_on(async {
        let data = config.log_dirs.clone();
        let mut signals = StopSignals::listen()?;
        let running = serve::serve(config).await.map_err(|error| advise(args, error.into()))?;
        let took = env.clock.monotonic().saturating_sub(began);
        output::print(&format!(
            "walser {} is ready after {} ms\n{}\n",
            env!("CARGO_PKG_VERSION"),
            took.as_millis(),
            start::whereabouts(&running, &data)
        ))?;
        let address = running.addresses.first().map(ToString::to_string).unwrap_or_default();
        tokio::select! {
            done = demonstrate(&env, &address, args.records) => done?,
            () = signals.asked() => return Ok(running.stop().await?),
        }
        if args.exit {
            return Ok(running.stop().await?);
        }
        let (walser, bootstrap) = (output::program(), start::bootstrap(&running));
        output::print(&format!(
            "\nThe broker keeps serving; Ctrl-C stops it. In another terminal:\n\
             \x20 {walser} topic create hello{bootstrap}\n\
             \x20 echo 'hello, world' | {walser} topic produce hello{bootstrap}\n\
             \x20 {walser} topic consume hello{bootstrap}\n\
             \x20 {walser} topic describe {TOPIC}{bootstrap}\n\
             \x20 {walser} group describe {GROUP}{bootstrap}\n\
             Any Kafka client connects to {address}.\n"
        ))?;
        start::until_stopped(running, signals).await
    })
}

fn configuration(args: &QuickstartArgs) -> Result<BrokerConfig, Failure> {
    let mut settings = Settings::new();
    let mut errors = Vec::new();
    let mut set = |flag: &str, key: &str, value: &str| {
        errors.extend(settings.set(key, value, Source::Flag(Arc::from(flag))).err());
    };
    set("--data-dir", "log.dirs", &args.data_dir.to_string_lossy());
    set("--port", "listeners", &format!("PLAINTEXT://127.0.0.1:{}", args.port));
    // The only member need not wait for others.
    set("quickstart", "group.initial.rebalance.delay.ms", "0");
    if !errors.is_empty() {
        return Err(Failure::settings(&errors));
    }
    BrokerConfig::from_settings(settings).map_err(|errors| Failure::settings(&errors))
}

/// What to do about a start that did not work, in terms of this command.
fn advise(args: &QuickstartArgs, failure: Failure) -> Failure {
    let advice = match failure.meaning {
        ExitMeaning::AddressTaken => format!(
            "take another port with 'walser quickstart --port {}', or stop what listens there",
            if args.port == 65_535 { 9092 } else { args.port + 1 }
        ),
        ExitMeaning::DataFolder => "name another folder with --data-dir".to_owned(),
        _ => return failure,
    };
    let lines = failure.lines.into_iter().map(|line| format!("{line}; {advice}")).collect();
    Failure { lines, ..failure }
}

async fn demonstrate(env: &Env, address: &str, count: u64) -> Result<(), Failure> {
    let cluster = Cluster::connect(env, address, ClientOptions::named("walser-quickstart")).await?;
    let topic =
        NewTopic { name: TOPIC.to_owned(), partitions: Some(PARTITIONS), ..NewTopic::default() };
    let topic_line = match Admin::new(&cluster).create_topic(&topic, false).await {
        Ok(_) => format!("created topic '{TOPIC}' with {PARTITIONS} partitions"),
        Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {
            format!("found topic '{TOPIC}' from an earlier run")
        }
        Err(error) => return Err(error.into()),
    };
    output::print(&format!("{topic_line}\n"))?;

    // Records of an earlier run that nobody read are told apart by this.
    let mut run = [0; 8];
    env.random.fill(&mut run);
    let run = u64::from_be_bytes(run);

    let began = env.clock.monotonic();
    send(&cluster, run, count).await?;
    let took = env.clock.monotonic().saturating_sub(began);
    output::print(&speed("sent", count, took, "acknowledged when on stable storage"))?;

    let began = env.clock.monotonic();
    read_back(&cluster, run, count).await?;
    let took = env.clock.monotonic().saturating_sub(began);
    output::print(&speed("read", count, took, &format!("through group '{GROUP}'")))?;
    Ok(())
}

async fn send(cluster: &Cluster, run: u64, count: u64) -> Result<(), Failure> {
    let producer = Producer::new(cluster, ProducerOptions::default());
    let mut text = String::with_capacity(VALUE_BYTES);
    let mut last = Vec::new();
    for number in 0..count {
        text.clear();
        let _ = write!(text, "{run:016x} record {number} of {count} ");
        text.extend(std::iter::repeat_n('.', VALUE_BYTES.saturating_sub(text.len())));
        let record = NewRecord::new(TOPIC, Bytes::copy_from_slice(text.as_bytes()))
            .with_key(format!("key-{}", number % 1000));
        let delivery = producer.send(record).await?;
        // Partitions acknowledge in order: the last delivery of each speaks for all before it, but
        // a failure in between must not go unseen.
        last.push(delivery);
        if last.len() == 10_000 {
            for delivery in last.drain(..5_000) {
                delivery.wait().await?;
            }
        }
    }
    producer.flush().await?;
    for delivery in last {
        delivery.wait().await?;
    }
    Ok(())
}

async fn read_back(cluster: &Cluster, run: u64, count: u64) -> Result<(), Failure> {
    let mut reader = GroupConsumer::new(cluster, &[TOPIC], GroupOptions::new(GROUP));
    let mark = format!("{run:016x}");
    let clock = &cluster.env().clock;
    let deadline = clock.monotonic() + READ_WITHIN;
    let mut seen = 0;
    while seen < count {
        let records = reader.poll(Duration::from_millis(500)).await?;
        let ours = |value: &Bytes| value.starts_with(mark.as_bytes());
        let found = records.iter().filter(|record| record.value.as_ref().is_some_and(ours)).count();
        seen += found as u64;
        if clock.monotonic() > deadline {
            return Err(Failure::failed(format!(
                "{} of {} records came back within {} s; please report this as a fault",
                thousands(seen),
                thousands(count),
                READ_WITHIN.as_secs()
            )));
        }
    }
    Ok(reader.close().await?)
}

fn speed(verb: &str, count: u64, took: Duration, how: &str) -> String {
    // Never nothing to divide by, and for display a float's precision is plenty.
    let seconds = took.as_secs_f64().max(1e-6);
    let per_second = Duration::from_secs(count).div_f64(seconds).as_secs();
    let megabytes = count as f64 * VALUE_BYTES as f64 / 1e6;
    format!(
        "{verb} {} records of {VALUE_BYTES} bytes in {seconds:.2} s: {} records/s, {:.1} MB/s, {how}\n",
        thousands(count),
        thousands(per_second),
        megabytes / seconds
    )
}
