//! Resources that have settings, by the numbers that stand for them on the wire.
//!
//! Texts follow Kafka's, because tools show them and people search for them.

use std::collections::HashSet;

use broker::{AlterRefusal, AlterRequest, Broker, ConfigResource, NodeId, Refusal};
use wire::{ErrorCode, Str};

use crate::errors::Fault;

/// A topic.
pub(super) const TOPIC: i8 = 2;
/// A broker; without a name all of them.
pub(super) const BROKER: i8 = 4;
/// The loggers of a broker.
pub(super) const BROKER_LOGGER: i8 = 8;
/// A subscription to client metrics.
pub(super) const CLIENT_METRICS: i8 = 16;
/// A group.
pub(super) const GROUP: i8 = 32;

/// The resource whose settings are to be changed.
pub(super) fn to_alter(
    broker: &Broker,
    resource_type: i8,
    name: &str,
) -> Result<ConfigResource, Fault> {
    match resource_type {
        TOPIC if name.is_empty() => {
            Err(Fault::invalid_request("Default topic resources are not allowed."))
        }
        TOPIC => Ok(ConfigResource::Topic(name.to_owned())),
        BROKER if name.is_empty() => Ok(ConfigResource::ClusterDefault),
        BROKER => match name.parse() {
            Ok(id) if id == broker.node().0 => Ok(ConfigResource::Broker(NodeId(id))),
            Ok(id) => Err(Fault::invalid_request(format!(
                "Unexpected broker id, expected {}, but received {id}",
                broker.node()
            ))),
            Err(_) => Err(Fault::invalid_request(format!(
                "Node id must be an integer, but it is: {name}"
            ))),
        },
        BROKER_LOGGER => Err(Fault::invalid_request(
            "Log levels are not changed over the protocol; start the broker with RUST_LOG set.",
        )),
        GROUP => Ok(ConfigResource::Group(name.to_owned())),
        CLIENT_METRICS => Ok(ConfigResource::ClientMetrics(name.to_owned())),
        other => Err(Fault::invalid_request(format!("Unknown resource type {other}"))),
    }
}

/// The resources that are named more than once: all of their changes are refused.
pub(super) fn doubled<'a>(
    resources: impl Iterator<Item = (i8, &'a Str)>,
) -> HashSet<(i8, &'a Str)> {
    let mut seen = HashSet::new();
    resources.filter(|resource| !seen.insert(*resource)).collect()
}

/// What is said of them.
pub(super) fn doubled_fault() -> Fault {
    Fault::invalid_request("Each resource must appear at most once.")
}

/// The key that stands twice in one resource's changes, or is to be set to nothing.
pub(super) fn check_keys<'a>(keys: impl Iterator<Item = (&'a Str, bool)>) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    let mut valueless: Vec<&str> = Vec::new();
    for (key, has_value) in keys {
        if !seen.insert(key) {
            return Err(Fault::invalid_request("Error due to duplicate config keys"));
        }
        if !has_value {
            valueless.push(key);
        }
    }
    if valueless.is_empty() {
        return Ok(());
    }
    Err(Fault::invalid_request(format!("Null value not supported for : {}", valueless.join(","))))
}

/// Changes of several resources on their way, in the order of the request.
#[derive(Default)]
pub(super) struct Altered {
    outcomes: Vec<(i8, Str, Result<(), Fault>)>,
    wishes: Vec<AlterRequest>,
    /// Where in `outcomes` the answers to `wishes` go.
    open: Vec<usize>,
}

impl Altered {
    /// Adds what is wanted of a resource, or why it cannot be.
    pub(super) fn take_up(
        &mut self,
        resource_type: i8,
        name: &Str,
        wish: Result<AlterRequest, Fault>,
    ) {
        let outcome = match wish {
            Ok(wish) => {
                self.open.push(self.outcomes.len());
                self.wishes.push(wish);
                Ok(())
            }
            Err(fault) => Err(fault),
        };
        self.outcomes.push((resource_type, name.detach(), outcome));
    }

    /// Makes the changes and tells what became of each.
    pub(super) async fn carry_out(
        mut self,
        broker: &Broker,
        validate_only: bool,
    ) -> Vec<(i8, Str, Result<(), Fault>)> {
        let answers = broker.alter_configs(self.wishes, validate_only).await;
        for (at, answer) in self.open.into_iter().zip(answers) {
            if let (Some((resource_type, name, outcome)), Err(refusal)) =
                (self.outcomes.get_mut(at), answer)
            {
                *outcome = Err(fault(*resource_type, name, &refusal));
            }
        }
        self.outcomes
    }
}

fn fault(resource_type: i8, name: &str, refusal: &AlterRefusal) -> Fault {
    let mut fault = Fault::of(refusal);
    match refusal {
        AlterRefusal::Declined(Refusal::UnknownTopic { .. }) => {
            fault.message = format!("The topic '{name}' does not exist.");
        }
        // Of a broker's settings Kafka says this in another way than of a topic's.
        AlterRefusal::Config(_) if resource_type == BROKER => {
            fault.code = ErrorCode::InvalidRequest;
        }
        _ => {}
    }
    fault
}
