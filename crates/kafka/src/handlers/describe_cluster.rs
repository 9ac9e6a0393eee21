//! DescribeCluster (60), versions 0 to 2: the cluster's id, its controller and its brokers (KIP-700).
//!
//! Controllers (endpoint type 2, KIP-919) are not asked through this door: MismatchedEndpointType, as
//! from Kafka's brokers. Fenced brokers are shown from version 2 to those who ask (KIP-1073).
//!
//! Gap: no authorizer, so all operations are allowed where they are asked for (KIP-430).

use std::sync::Arc;

use wire::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use wire::{ErrorCode, Str};

use super::{brokers, permissions};
use crate::answer::Reply;
use crate::dispatch::Call;
use crate::errors::Fault;
use crate::listener::Shared;

/// What may be asked for.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(crate) fn handle(shared: &Arc<Shared>, call: Call, request: DescribeClusterRequest) -> Reply {
    if let Err(fault) = check(request.endpoint_type) {
        let (error_code, error_message) = Fault::fields(Err(fault));
        return Reply::Now(call.answer(&DescribeClusterResponse {
            error_code,
            error_message,
            ..DescribeClusterResponse::default()
        }));
    }
    let image = shared.broker.image();
    let shown = if request.include_fenced_brokers {
        brokers::registered(&image)
    } else {
        brokers::alive(&image)
    };
    let shown = shown.into_iter().map(|node| DescribeClusterBroker {
        broker_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
        is_fenced: node.fenced,
    });
    let operations = request.include_cluster_authorized_operations;
    Reply::Now(call.answer(&DescribeClusterResponse {
        cluster_id: Str::from(image.cluster_id()),
        controller_id: brokers::controller(&image),
        brokers: shown.collect(),
        cluster_authorized_operations: permissions::cluster(operations),
        ..DescribeClusterResponse::default()
    }))
}

fn check(endpoint_type: i8) -> Result<(), Fault> {
    match endpoint_type {
        BROKERS => Ok(()),
        CONTROLLERS => Err(Fault::new(
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type \
             CONTROLLER",
        )),
        other => Err(Fault::new(
            ErrorCode::UnsupportedEndpointType,
            format!("Unsupported endpoint type {other}"),
        )),
    }
}
