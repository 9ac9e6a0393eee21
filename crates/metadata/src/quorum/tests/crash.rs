//! Crashes over a disk that forgets what was not synced: the machine stops inside every change of a
//! short life, unsynced work is lost in part or whole, and the next start must know everything that
//! was acknowledged, at most one operation more, and go on.

use env::sim::{CrashLoss, Sim, SimDisk};

use super::*;

/// Small enough that a short life has several segments, snapshots and removals.
fn config() -> QuorumConfig {
    QuorumConfig {
        cluster_id: Some("crash".to_owned()),
        snapshot_entries: 6,
        entries_behind_snapshot: 2,
        segment_bytes: 600,
        ..QuorumConfig::default()
    }
}

fn life() -> Vec<Operation> {
    let mut operations = vec![register()];
    for number in 0..24 {
        operations.push(match number % 3 {
            0 => create(&format!("t{number}"), 2),
            1 => alter(&number.to_string()),
            _ => Operation::AllocateProducerIds { node: NODE, count: 10 },
        });
    }
    operations
}

/// What can be known beforehand of the image after an operation: everything but random ids.
#[derive(Clone, Debug, PartialEq)]
struct Summary {
    brokers: usize,
    topics: Vec<String>,
    value: Option<String>,
    next_producer_id: i64,
}

fn summary(image: &Image) -> Summary {
    let defaults = image.config(&ConfigResource::ClusterDefault);
    Summary {
        brokers: image.brokers().count(),
        topics: image
            .topics()
            .map(|topic| format!("{}/{}", topic.name, topic.partitions.len()))
            .collect(),
        value: defaults.and_then(|all| all.get("k").cloned()),
        next_producer_id: image.next_producer_id(),
    }
}

async fn start_on(disk: Arc<dyn env::Disk>) -> Result<Quorum, QuorumError> {
    let env = Env { disk, ..Sim::new(1).env() };
    Quorum::start(env, PathBuf::from("/data/metadata"), NODE, config()).await
}

async fn start(disk: &Arc<SimDisk>) -> Result<Quorum, QuorumError> {
    start_on(disk.clone()).await
}

fn empty_disk() -> Arc<SimDisk> {
    let disk = SimDisk::new();
    let env: &dyn env::Disk = &disk;
    env.create_dir_all(Path::new("/data")).unwrap();
    env.sync_dir(Path::new("/")).unwrap();
    Arc::new(disk)
}

/// Whether operations go on while a snapshot is under way. Then lives differ in how many they take, and
/// after what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Snapshots {
    Beside,
    Between,
}

/// Lives until the machine stops or life ends: how many operations were acknowledged, and the last
/// image that was.
async fn live(disk: &Arc<SimDisk>, snapshots: Snapshots) -> (usize, Image) {
    let mut acknowledged = (0, Image::default());
    let Ok(quorum) = start(disk).await else { return acknowledged };
    for operation in life() {
        if quorum.submit(operation).await.is_err() {
            break;
        }
        acknowledged = (acknowledged.0 + 1, content(&quorum));
        if snapshots == Snapshots::Between && snapshots_done(&quorum, &config()).await.is_err() {
            break;
        }
    }
    quorum.shutdown().await;
    acknowledged
}

/// The disk after the machine stopped; what still runs on the old one does not reach it.
fn after(disk: &SimDisk, loss: CrashLoss) -> Arc<SimDisk> {
    let copy = disk.duplicate();
    copy.crash(loss);
    Arc::new(copy)
}

async fn check(
    disk: &Arc<SimDisk>,
    acknowledged: usize,
    image: &Image,
    expected: &[Summary],
    story: &str,
) {
    let quorum = match start(disk).await {
        Ok(quorum) => quorum,
        Err(error) => panic!("{story}: {error}"),
    };
    let found = content(&quorum);
    assert_eq!(found.cluster_id(), "crash", "{story}");
    let possible = &expected[acknowledged..expected.len().min(acknowledged + 2)];
    assert!(possible.contains(&summary(&found)), "{story}: {found:?}, not one of {possible:?}");
    for topic in image.topics() {
        let now = found.topic(&topic.name).map(|topic| topic.id);
        assert_eq!(now, Some(topic.id), "{story}: topic {}", topic.name);
    }
    quorum.submit(alter("after")).await.unwrap_or_else(|error| panic!("{story}: {error}"));
    let later = content(&quorum);
    quorum.shutdown().await;
    let quorum = start(disk).await.unwrap_or_else(|error| panic!("{story}, again: {error}"));
    assert_eq!(content(&quorum), later, "{story}, again");
    quorum.shutdown().await;
}

/// A process that is killed leaves a log whose last entry is known to have been acknowledged, unless it
/// came no further than to that: when its end is lost then, the start is refused. True when it was known.
async fn check_cut(disk: &SimDisk, acknowledged: usize, expected: &[Summary], story: &str) -> bool {
    let disk: Arc<dyn env::Disk> = after(disk, CrashLoss::Nothing);
    let dir = Path::new("/data/metadata");
    let names = disk.read_dir(dir).unwrap_or_default();
    let segments = names.iter().filter(|entry| entry.name.ends_with(".log"));
    let Some(newest) = segments.map(|entry| dir.join(&entry.name)).next_back() else {
        return false;
    };
    let file = disk.open(&newest, env::disk::OpenMode::Write).unwrap();
    let len = file.len().unwrap();
    let known = durable_end::read(&*disk, dir)
        .unwrap()
        .is_some_and(|end| segment::path(dir, end.sequence) == newest && end.len == len);
    file.set_len(len.saturating_sub(1)).unwrap();
    match start_on(disk).await {
        Err(QuorumError::Open { reason }) => {
            assert!(known, "{story}: {reason}");
            assert!(reason.contains(&newest.display().to_string()), "{story}: {reason}");
        }
        Err(error) => panic!("{story}: {error}"),
        Ok(quorum) => {
            assert!(!known, "{story}: it was cut");
            let found = summary(&quorum.image());
            let possible = &expected[acknowledged.saturating_sub(1)..][..2];
            assert!(possible.contains(&found), "{story}: {found:?}, not one of {possible:?}");
            quorum.shutdown().await;
        }
    }
    known
}

/// A life in which nothing goes wrong: its disk, and what was known before and after each operation.
async fn undisturbed() -> (Arc<SimDisk>, Vec<Summary>) {
    let disk = empty_disk();
    let quorum = start(&disk).await.unwrap();
    let mut expected = vec![summary(&quorum.image())];
    for operation in life() {
        quorum.submit(operation).await.unwrap();
        snapshots_done(&quorum, &config()).await.unwrap();
        expected.push(summary(&quorum.image()));
    }
    quorum.shutdown().await;
    (disk, expected)
}

#[tokio::test]
async fn a_stop_inside_any_change_loses_nothing_acknowledged() {
    let (disk, expected) = undisturbed().await;
    let changes = disk.changes();
    let names = env::Disk::read_dir(&*disk, Path::new("/data/metadata")).unwrap();
    let count = |suffix: &str| names.iter().filter(|entry| entry.name.ends_with(suffix)).count();
    assert_eq!(count(".snapshot"), 2, "{names:?}");
    assert!(count(".log") >= 2, "{names:?}");
    assert!(names.iter().all(|entry| entry.name != "00000000000000000001.log"), "{names:?}");

    let (mut runs, mut known) = (0, 0);
    for stop in 1..=changes + 3 {
        let disk = empty_disk();
        disk.stop_at(stop);
        let (acknowledged, image) = live(&disk, Snapshots::Beside).await;
        let losses = [
            CrashLoss::Everything,
            CrashLoss::Nothing,
            CrashLoss::Random(stop),
            CrashLoss::Random(stop + 1_000),
        ];
        for loss in losses {
            let story = format!("stopped at change {stop} of {changes}, {loss:?}");
            let crashed = after(&disk, loss);
            check(&crashed, acknowledged, &image, &expected, &story).await;
            runs += 1;
        }
        let story = format!("stopped at change {stop} of {changes}, and a byte cut off");
        known += u64::from(check_cut(&disk, acknowledged, &expected, &story).await);
        // Once more, inside the start that follows. The first time only the process dies: what it
        // had not synced is read by the next start, and is still not on the disk.
        for (first, again) in (1..=6)
            .map(|again| (CrashLoss::Nothing, again))
            .chain([(CrashLoss::Everything, 1 + stop % 7), (CrashLoss::Random(stop), 1 + stop % 7)])
        {
            let disk = after(&disk, first);
            disk.stop_at(again);
            if let Ok(quorum) = start(&disk).await {
                quorum.shutdown().await;
            }
            for loss in [CrashLoss::Everything, CrashLoss::Random(stop + again)] {
                let story = format!(
                    "stopped at change {stop} of {changes}, {first:?}, then at change {again} of \
                     the next start, {loss:?}"
                );
                check(&after(&disk, loss), acknowledged, &image, &expected, &story).await;
                runs += 1;
            }
        }
    }
    println!("{runs} crashes over {changes} changes");
    // Else a frame or a segment is being written.
    assert!(known * 6 > changes, "at {known} of {changes} changes the end is known");
}

/// The check must notice a log that acknowledges before it is durable: here syncs do nothing.
#[tokio::test]
async fn the_check_notices_syncs_that_do_nothing() {
    for lies in [false, true] {
        let disk = empty_disk();
        let lying: Arc<dyn env::Disk> = Arc::new(Faulty { lies, ..Faulty::new(disk.clone()) });
        let quorum = start_on(lying).await.unwrap();
        for operation in life() {
            quorum.submit(operation).await.unwrap();
        }
        let image = content(&quorum);
        quorum.shutdown().await;
        let crashed = after(&disk, CrashLoss::Everything);
        let expected = vec![summary(&image)];
        let verdict =
            tokio::spawn(async move { check(&crashed, 0, &image, &expected, "canary").await });
        assert_eq!(verdict.await.is_err(), lies, "syncs lie: {lies}");
    }
}

/// A sync that fails while snapshots are taken and segments removed fences the log; the next start
/// has everything acknowledged.
#[tokio::test]
async fn a_failed_sync_at_any_time_loses_nothing_acknowledged() {
    let (_, expected) = undisturbed().await;
    let mut failed = 0;
    for nth in 1..80 {
        let disk = empty_disk();
        disk.fail_sync(nth);
        let (acknowledged, image) = live(&disk, Snapshots::Beside).await;
        failed += usize::from(acknowledged < life().len());
        let story = format!("sync {nth} failed");
        let crashed = after(&disk, CrashLoss::Random(nth));
        check(&crashed, acknowledged, &image, &expected, &story).await;
    }
    assert!(failed > 20, "the faults hit nothing: {failed}");
}

/// So does any change that fails: a write, a sync, a name.
#[tokio::test]
async fn a_failure_of_any_change_loses_nothing_acknowledged() {
    let (disk, expected) = undisturbed().await;
    let changes = disk.changes();
    let mut delivered = 0;
    for nth in 1..=changes {
        let disk = empty_disk();
        disk.fail_change(nth);
        let (acknowledged, image) = live(&disk, Snapshots::Between).await;
        delivered += disk.faults_delivered();
        for loss in [CrashLoss::Everything, CrashLoss::Random(nth)] {
            let story = format!("change {nth} of {changes} failed, {loss:?}");
            check(&after(&disk, loss), acknowledged, &image, &expected, &story).await;
        }
    }
    // The last segment that nobody needs may still be there when a life ends.
    assert!(delivered * 10 > changes * 9, "{delivered} of {changes} faults came");
    println!("{} crashes over {changes} failed changes", changes * 2);
}
