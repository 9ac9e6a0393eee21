//! From a frame to the handler of its API, and the table of what is served.
//!
//! One row an API: the row is what dispatches it and what ApiVersions advertises, so that nothing is
//! advertised that is not served. A request in a version that is not served cannot be answered in
//! any form the client is sure to read; as in Kafka the connection is closed, but for ApiVersions,
//! which is always answered.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use broker::limits::REQUEST_ARRAY_BYTES_MAX;
use bytes::Bytes;
use wire::messages::api_versions::ApiVersionsRequest;
use wire::{ApiKey, Message, Request, Response, Str, frame};

use crate::answer::{Answer, Reply};
use crate::handlers;
use crate::listener::Shared;
use crate::output::FilePiece;

/// What a connection knows of its peer.
#[derive(Debug)]
pub(crate) struct Session {
    peer: SocketAddr,
    client_id: Option<Str>,
}

/// A client's name up to this size is remembered instead of copied with every request.
const CLIENT_ID_BYTES_KEPT: usize = 256;

impl Session {
    pub(crate) fn new(peer: SocketAddr) -> Session {
        Session { peer, client_id: None }
    }

    /// What the client calls itself, without holding the frame that says so: a request that waits
    /// would keep all of it in memory.
    fn client_id(&mut self, said: Option<Str>) -> Option<Str> {
        if said != self.client_id {
            let own = said.map(|name| name.detach());
            if own.as_ref().is_some_and(|name| name.len() > CLIENT_ID_BYTES_KEPT) {
                return own;
            }
            self.client_id = own;
        }
        self.client_id.clone()
    }
}

/// One request's circumstances: how to answer it, and who asked.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) version: i16,
    pub(crate) client_id: Option<Str>,
    pub(crate) peer: SocketAddr,
    correlation_id: i32,
}

impl Call {
    /// The frame of a response.
    pub(crate) fn answer<R: Response>(&self, response: &R) -> Answer {
        self.answer_with(response, &[])
    }

    /// The frame of a response that has regions of files in it.
    pub(crate) fn answer_with<R: Response>(&self, response: &R, regions: &[FilePiece]) -> Answer {
        match frame::encode_response(self.version, self.correlation_id, response) {
            Ok(encoded) => Answer::new(encoded, regions),
            Err(error) => {
                // A fault of ours: the response says what its version cannot carry. An empty answer
                // would break the order of answers, so the connection is given up.
                tracing::error!(api = R::NAME, version = self.version, %error, "cannot encode");
                Answer::broken()
            }
        }
    }

    /// What the client calls itself, copied.
    pub(crate) fn client_name(&self) -> String {
        self.client_id.as_deref().unwrap_or_default().to_owned()
    }
}

/// An API as ApiVersions shows it.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) key: ApiKey,
    pub(crate) versions: RangeInclusive<i16>,
}

macro_rules! apis {
    ($($key:ident => $handler:ident($request:ident)),+ $(,)?) => {
        $(use wire::messages::$handler::$request;)+

        /// What is served, by key.
        pub(crate) fn served() -> Vec<Served> {
            vec![
                Served { key: ApiKey::ApiVersions, versions: ApiVersionsRequest::VERSIONS },
                $(Served { key: ApiKey::$key, versions: $request::VERSIONS },)+
            ]
        }

        fn route(
            shared: &Arc<Shared>,
            key: ApiKey,
            call: Call,
            body: Bytes,
        ) -> Result<Reply, String> {
            match key {
                $(ApiKey::$key => decode::<$request>(&call, body)
                    .map(|request| handlers::$handler::handle(shared, call, request)),)+
                other => Err(format!("{other:?} is not served")),
            }
        }
    };
}

apis! {
    Produce => produce(ProduceRequest),
    Fetch => fetch(FetchRequest),
    ListOffsets => list_offsets(ListOffsetsRequest),
    Metadata => metadata(MetadataRequest),
    OffsetCommit => offset_commit(OffsetCommitRequest),
    OffsetFetch => offset_fetch(OffsetFetchRequest),
    FindCoordinator => find_coordinator(FindCoordinatorRequest),
    JoinGroup => join_group(JoinGroupRequest),
    Heartbeat => heartbeat(HeartbeatRequest),
    LeaveGroup => leave_group(LeaveGroupRequest),
    SyncGroup => sync_group(SyncGroupRequest),
    DescribeGroups => describe_groups(DescribeGroupsRequest),
    ListGroups => list_groups(ListGroupsRequest),
    CreateTopics => create_topics(CreateTopicsRequest),
    DeleteTopics => delete_topics(DeleteTopicsRequest),
    DeleteRecords => delete_records(DeleteRecordsRequest),
    InitProducerId => init_producer_id(InitProducerIdRequest),
    OffsetForLeaderEpoch => offset_for_leader_epoch(OffsetForLeaderEpochRequest),
    DescribeConfigs => describe_configs(DescribeConfigsRequest),
    AlterConfigs => alter_configs(AlterConfigsRequest),
    DescribeLogDirs => describe_log_dirs(DescribeLogDirsRequest),
    CreatePartitions => create_partitions(CreatePartitionsRequest),
    DeleteGroups => delete_groups(DeleteGroupsRequest),
    IncrementalAlterConfigs => incremental_alter_configs(IncrementalAlterConfigsRequest),
    OffsetDelete => offset_delete(OffsetDeleteRequest),
    DescribeCluster => describe_cluster(DescribeClusterRequest),
    DescribeProducers => describe_producers(DescribeProducersRequest),
    DescribeTopicPartitions => describe_topic_partitions(DescribeTopicPartitionsRequest),
}

/// Takes a frame to its handler. `Err` says why the connection cannot go on.
pub(crate) fn dispatch(
    shared: &Arc<Shared>,
    session: &mut Session,
    mut frame: Bytes,
) -> Result<Reply, String> {
    let header =
        wire::frame::decode_request_header(&mut frame).map_err(|error| error.to_string())?;
    let call = Call {
        version: header.api_version,
        client_id: session.client_id(header.client_id),
        peer: session.peer,
        correlation_id: header.correlation_id,
    };
    if header.api_key == ApiKey::ApiVersions {
        return Ok(Reply::Now(api_versions(shared, call, frame)));
    }
    route(shared, header.api_key, call, frame)
}

fn decode<R: Request>(call: &Call, mut body: Bytes) -> Result<R, String> {
    if !R::VERSIONS.contains(&call.version) {
        return Err(format!("{} version {} is not served", R::NAME, call.version));
    }
    R::decode_within(&mut body, call.version, REQUEST_ARRAY_BYTES_MAX)
        .map_err(|error| error.to_string())
}

/// ApiVersions answers every version: an unknown one gets the error in the oldest form, which still
/// tells the client what it may ask.
fn api_versions(shared: &Shared, mut call: Call, body: Bytes) -> Answer {
    let response = match decode::<ApiVersionsRequest>(&call, body) {
        Ok(request) => handlers::api_versions::respond(shared, &request),
        Err(_) if ApiVersionsRequest::VERSIONS.contains(&call.version) => {
            handlers::api_versions::malformed()
        }
        Err(_) => {
            call.version = 0;
            handlers::api_versions::unsupported()
        }
    };
    call.answer(&response)
}
