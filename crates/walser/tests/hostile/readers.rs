//! Readers that ask for much and take nothing.

use wire::Str;
use wire::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use wire::messages::fetch::FetchRequest;
use wire::messages::metadata::MetadataRequest;

use crate::batch::{fetch, honest, produce, produced};
use crate::peer::{BY_NAME, encoded};
use crate::target::{MIB, TOPIC, Target};

#[test]
fn half_a_gigabyte_of_fetched_records_waits_without_memory() {
    let target = Target::start("hostile-fetchers", &[]);
    let mut writer = target.connect();
    for _ in 0..4 {
        let answer = writer.call(BY_NAME, &produce(TOPIC, honest(&vec![b'r'; 1_000_000])));
        assert_eq!(produced(&answer).0, 0);
    }
    let idle = target.resident();
    // 8 connections, 64 answers of 1 MB each: 512 MB.
    let mut readers: Vec<_> = (0..8).map(|_| target.connect()).collect();
    for reader in &mut readers {
        for round in 0..64 {
            assert!(reader.ask(BY_NAME, &fetch(TOPIC, 1 + round % 4, 1_000_100)));
        }
    }
    target.expect_service();
    // Regions of files are no memory, and what the kernel holds is bounded by the socket.
    let grown = target.resident().saturating_sub(idle);
    assert!(grown <= 8 * MIB, "grew by {grown} bytes for answers that lie in files");
    target.expect_peak(32 * MIB, "the four batches on their way in");
    // It was patience, not loss: one of them takes all its answers after all.
    let reader = &mut readers[0];
    for correlation in 1..=64 {
        let answer = reader.answer::<FetchRequest>(BY_NAME, correlation);
        let records = answer.responses[0].partitions[0].records.as_ref().unwrap();
        assert!(records.len() > 1_000_000, "answer {correlation} has {} bytes", records.len());
    }
    drop(readers);
    target.expect_unharmed();
}

#[test]
fn answers_in_memory_stay_within_the_budget() {
    // A budget of 16 MiB.
    let target = Target::start(
        "hostile-metadata",
        &["queued.max.request.bytes=16777216", "socket.request.max.bytes=1048576"],
    );
    // Long names: every answer has 100 KB.
    let topics = (0..400).map(|number| CreatableTopic {
        name: Str::from(format!("{number:0200}")),
        num_partitions: 1,
        replication_factor: 1,
        ..CreatableTopic::default()
    });
    let request = CreateTopicsRequest {
        topics: topics.collect(),
        timeout_ms: 30_000,
        ..CreateTopicsRequest::default()
    };
    let created = target.connect().call(5, &request);
    assert!(created.topics.iter().all(|topic| topic.error_code == 0), "{:?}", created.topics[0]);
    target.expect_service();
    let idle = target.resident();

    // 100 connections with 200 answers of 100 KB each: 2 GB.
    let ask = encoded(9, 1, &MetadataRequest { topics: None, ..MetadataRequest::default() });
    let many = ask.repeat(200);
    let mut readers: Vec<_> = (0..100).map(|_| target.connect()).collect();
    for reader in &mut readers {
        assert!(reader.send(&many));
    }
    // Who comes now is let through, or waits until those are cut who take nothing.
    for _ in 0..2 {
        target.expect_service();
    }
    let grown = target.peak().saturating_sub(idle.max(target.idle));
    // The budget, what each thread adds before it looks again, and what the allocator keeps of that.
    let bound = 32 * MIB;
    println!("2 GB of answers: grew by {grown} bytes, may grow by {bound}");
    assert!(grown <= bound, "grew by {grown} bytes for answers nobody takes");
    target.wait_until("those who take nothing are cut", |target| {
        target.log().contains("takes no answers")
    });
    drop(readers);
    target.expect_unharmed();
}
