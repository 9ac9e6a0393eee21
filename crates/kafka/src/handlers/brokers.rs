//! Brokers as clients are told of them: id, host, port.
//!
//! Gap: a client is sent to a broker's first listener, whichever it came in on; that is all there is
//! until a broker listens on several.

use broker::{BrokerImage, Image, NodeId};
use wire::Str;

/// A broker a client can be sent to.
pub(super) struct Node {
    pub(super) id: i32,
    pub(super) host: Str,
    pub(super) port: i32,
    pub(super) rack: Option<Str>,
    pub(super) fenced: bool,
}

/// What clients are told where there is no broker.
pub(super) const NOBODY: i32 = -1;

/// Every registered broker, by id.
pub(super) fn registered(image: &Image) -> Vec<Node> {
    image.brokers().filter_map(node).collect()
}

/// The brokers that are alive, by id.
pub(super) fn alive(image: &Image) -> Vec<Node> {
    image.brokers().filter(|broker| !broker.fenced).filter_map(node).collect()
}

/// One broker, if it is alive.
pub(super) fn find(image: &Image, id: NodeId) -> Option<Node> {
    image.broker(id).filter(|broker| !broker.fenced).and_then(node)
}

/// Whom to ask for changes of the cluster. Any broker takes them; as long as the quorum's leader is
/// a broker that is alive it is named, so that clients do not hop.
pub(super) fn controller(image: &Image) -> i32 {
    let leader = image.controller().filter(|leader| image.is_alive(*leader));
    let anybody = || image.brokers().find(|broker| !broker.fenced).map(|broker| broker.id);
    leader.or_else(anybody).map_or(NOBODY, |id| id.0)
}

fn node(broker: &BrokerImage) -> Option<Node> {
    let endpoint = broker.endpoints.first()?;
    Some(Node {
        id: broker.id.0,
        host: Str::from(endpoint.host.as_str()),
        port: i32::from(endpoint.port),
        rack: broker.rack.as_deref().map(Str::from),
        fenced: broker.fenced,
    })
}
