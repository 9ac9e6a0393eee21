//! Damaged files: what was acknowledged is never cut, the folder is refused and left alone; what was not
//! is cut.

use super::*;

#[tokio::test]
async fn an_unacknowledged_end_is_cut_at_every_byte() {
    let folder = Folder::new("torn");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let before = content(&quorum);
    let kept = folder.segment(1).len();
    // What a loss of power leaves of this is as old as that.
    let claimed = folder.read("durable-end");
    create_topic(&quorum, "t").await;
    let after = content(&quorum);
    quorum.shutdown().await;
    let whole = folder.segment(1);

    let steps = (kept..whole.len()).step_by(7).chain([kept, whole.len() - 1, whole.len()]);
    for cut in steps {
        let torn = folder.copy("torn-copy");
        torn.replace("durable-end", &claimed);
        torn.replace("00000000000000000001.log", &whole[..cut]);
        let quorum = torn.start().await;
        let expected = if cut == whole.len() { &after } else { &before };
        assert_eq!(content(&quorum), *expected, "cut at {cut} of {}", whole.len());
        // It goes on from there.
        quorum.submit(alter("later")).await.unwrap();
        let later = content(&quorum);
        quorum.shutdown().await;
        let quorum = torn.start().await;
        assert_eq!(content(&quorum), later);
        quorum.shutdown().await;
    }
}

/// The folder is refused for the file that is damaged, which stays as it is.
async fn check_refused(folder: &Folder, file: &str, story: &str) {
    let before = folder.names();
    match folder.try_start(QuorumConfig::default()).await {
        Err(QuorumError::Open { reason }) => {
            assert!(reason.contains("damaged at position"), "{story}: {reason}");
            assert!(reason.contains(file), "{story}: {reason}");
        }
        other => panic!("{story}: {other:?}"),
    }
    assert_eq!(folder.names(), before, "{story}");
}

/// What was acknowledged last, and has nothing behind it, is known all the same.
#[tokio::test]
async fn damage_to_the_last_frame_is_refused_and_left_alone() {
    const NAME: &str = "00000000000000000001.log";
    let folder = Folder::new("last");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let kept = folder.segment(1).len();
    create_topic(&quorum, "t").await;
    let after = content(&quorum);
    quorum.shutdown().await;
    let whole = folder.segment(1);

    for cut in [0, 1, segment::HEADER_LEN, whole.len() / 2, kept, kept + 9, whole.len() - 1] {
        folder.replace(NAME, &whole[..cut]);
        check_refused(&folder, NAME, &format!("cut to {cut} of {}", whole.len())).await;
        assert_eq!(folder.segment(1), whole[..cut], "the folder was touched");
    }
    for place in (kept..whole.len()).step_by(11) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        folder.replace(NAME, &damaged);
        check_refused(&folder, NAME, &format!("a flipped bit at {place}")).await;
        assert_eq!(folder.segment(1), damaged, "the folder was touched");
    }
    folder.env.disk.remove_file(&folder.dir.join(NAME)).unwrap();
    check_refused(&folder, NAME, "the segment is gone").await;

    // Bytes behind what was acknowledged are what a crash leaves of the next frame.
    folder.replace(NAME, &[&whole[..], &whole[kept..whole.len() - 1]].concat());
    let quorum = folder.start().await;
    assert_eq!(content(&quorum), after);
    quorum.shutdown().await;
}

/// A folder of an older version has no `durable-end`, a loss of power may tear it, and it may be damaged.
#[tokio::test]
async fn without_a_durable_end_that_checks_nothing_is_lost() {
    let folder = Folder::new("claim");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let before = content(&quorum);
    quorum.shutdown().await;
    let claimed = folder.read("durable-end");
    let mut flipped = claimed.clone();
    flipped[20] ^= 1;
    for spoilt in [None, Some(&flipped[..]), Some(&claimed[..7]), Some(&[])] {
        match spoilt {
            Some(bytes) => folder.replace("durable-end", bytes),
            None => folder.env.disk.remove_file(&folder.dir.join("durable-end")).unwrap(),
        }
        let quorum = folder.start().await;
        assert_eq!(content(&quorum), before, "{spoilt:?}");
        let found = durable_end::read(&*folder.env.disk, &folder.dir).unwrap();
        let len = u64::try_from(folder.segment(1).len()).unwrap();
        assert_eq!(found.map(|end| (end.sequence, end.len)), Some((1, len)), "it is there again");
        quorum.shutdown().await;
    }
}

#[tokio::test]
async fn damage_before_the_end_is_refused_and_left_alone() {
    let folder = Folder::new("damage");
    let quorum = folder.start().await;
    quorum.submit(register()).await.unwrap();
    let kept = folder.segment(1).len();
    create_topic(&quorum, "t").await;
    quorum.shutdown().await;
    let whole = folder.segment(1);
    for place in
        [0, 20, segment::HEADER_LEN, segment::HEADER_LEN + 5, segment::HEADER_LEN + 30, kept - 1]
    {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        folder.write("00000000000000000001.log", 0, &damaged);
        match folder.try_start(QuorumConfig::default()).await {
            Err(QuorumError::Open { reason }) => {
                assert!(reason.contains("damaged at position"), "{reason}");
                assert!(reason.contains("00000000000000000001.log"), "{reason}");
            }
            other => panic!("a flipped bit at {place} gave {other:?}"),
        }
        assert_eq!(folder.segment(1), damaged, "the folder was touched");
    }
    folder.write("00000000000000000001.log", 0, &whole);
    folder.start().await.shutdown().await;

    let vote = folder.env.disk.read(&folder.dir.join("vote"), 100).unwrap();
    folder.write("vote", 12, b"x");
    assert!(matches!(
        folder.try_start(QuorumConfig::default()).await,
        Err(QuorumError::Open { .. })
    ));
    folder.env.disk.remove_file(&folder.dir.join("vote")).unwrap();
    assert!(matches!(
        folder.try_start(QuorumConfig::default()).await,
        Err(QuorumError::Open { .. })
    ));
    folder.write("vote", 0, &vote);
    folder.start().await.shutdown().await;
}
