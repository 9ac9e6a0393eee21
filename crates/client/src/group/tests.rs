//! Joining, rebalancing and committing against a scripted coordinator.

use records::{BatchBuilder, Codec, Timestamp};
use wire::{ApiKey, ErrorCode};

use super::*;
use crate::ClientOptions;
use crate::testing::{FakeBroker, Fault};

const SOON: Duration = Duration::from_millis(20);

async fn started() -> (FakeBroker, GroupConsumer) {
    let broker = FakeBroker::start().await;
    broker.create_topic("t", 2);
    for partition in 0..2 {
        let mut batch = BatchBuilder::new(Codec::None);
        for value in ["a", "b", "c"] {
            batch.push(Timestamp(0), None, Some(value.as_bytes()), &[]);
        }
        broker.append("t", partition, &batch.build().unwrap());
    }
    let member = member(&broker).await;
    (broker, member)
}

async fn member(broker: &FakeBroker) -> GroupConsumer {
    let client =
        ClientOptions { backoff_min: Duration::from_millis(1), ..ClientOptions::default() };
    let cluster = Cluster::connect(&broker.env, &broker.address, client).await.unwrap();
    let options = GroupOptions { heartbeat_interval: SOON / 4, ..GroupOptions::new("g") };
    GroupConsumer::new(&cluster, &["t"], options)
}

fn committed(broker: &FakeBroker) -> Vec<i64> {
    broker.state.lock().committed.values().copied().collect()
}

#[tokio::test]
async fn joins_reads_commits_and_leaves() {
    let (broker, mut member) = started().await;
    assert_eq!(member.poll(SOON).await.unwrap().len(), 6);
    assert!(member.is_at_end());
    assert_eq!(broker.count(ApiKey::JoinGroup), 2, "the first answer gives the member id");
    assert_eq!(committed(&broker), [0, 0], "what was not returned yet is not committed");
    member.poll(SOON).await.unwrap();
    assert_eq!(committed(&broker), [3, 3], "the second poll commits the first");
    member.close().await.unwrap();
    assert_eq!(broker.count(ApiKey::LeaveGroup), 1);

    let mut next = self::member(&broker).await;
    assert_eq!(next.poll(SOON).await.unwrap(), [], "the next member goes on after it");
}

#[tokio::test]
async fn joins_again_when_the_group_rebalances() {
    let (broker, mut member) = started().await;
    member.poll(SOON).await.unwrap();
    broker.fail_next(ApiKey::Heartbeat, Fault::Refuse(ErrorCode::RebalanceInProgress));
    let beats = broker.count(ApiKey::Heartbeat);
    while broker.count(ApiKey::Heartbeat) < beats + 2 {
        env::clock::sleep(SOON / 4).await;
    }
    assert_eq!(member.poll(SOON).await.unwrap(), [], "committed before it joined again");
    assert_eq!(broker.count(ApiKey::JoinGroup), 3);
    assert_eq!(broker.count(ApiKey::SyncGroup), 2);
}

#[tokio::test]
async fn a_member_that_was_thrown_out_comes_back_under_a_new_id() {
    let (broker, mut member) = started().await;
    member.poll(SOON).await.unwrap();
    let first_id = member.member_id().unwrap().to_owned();
    broker.fail_next(ApiKey::OffsetCommit, Fault::Refuse(ErrorCode::UnknownMemberId));
    broker.fail_next(ApiKey::JoinGroup, Fault::Refuse(ErrorCode::UnknownMemberId));
    // The commit of this poll is refused; its records are the old positions' and none are left.
    member.poll(SOON).await.unwrap();
    let again = member.poll(SOON).await.unwrap();
    assert_eq!(again.len(), 6, "nothing was committed, all comes again");
    assert_ne!(member.member_id().unwrap(), first_id);
}

#[tokio::test]
async fn a_commit_that_is_refused_says_so() {
    let (broker, member) = started().await;
    let mut member = member;
    member.options.auto_commit = false;
    member.poll(SOON).await.unwrap();
    broker.fail_next(ApiKey::OffsetCommit, Fault::Refuse(ErrorCode::IllegalGeneration));
    let error = member.commit().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::IllegalGeneration));
    assert_eq!(committed(&broker), []);
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_join() {
    let (broker, mut member) = started().await;
    broker.fail_next(ApiKey::JoinGroup, Fault::Refuse(ErrorCode::GroupAuthorizationFailed));
    let error = member.poll(SOON).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupAuthorizationFailed));
    assert!(error.to_string().contains("group g"), "{error}");
}

#[tokio::test]
async fn waiting_at_the_coordinator_holds_nobody_else_up() {
    let (broker, member) = started().await;
    let cluster = member.cluster().clone();
    let mut member = member;
    broker.fail_next(ApiKey::JoinGroup, Fault::Ignore);
    let joining = tokio::spawn(async move { member.poll(SOON).await.map(drop) });
    while broker.count(ApiKey::JoinGroup) == 0 {
        env::clock::sleep(SOON / 4).await;
    }
    assert_eq!(cluster.topics().await.unwrap().len(), 1, "answered while the join waits");
    joining.abort();
}
