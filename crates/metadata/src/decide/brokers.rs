//! Brokers: registration, fencing, removal.

use uuid::Uuid;

use super::partitions;
use crate::{BrokerImage, Endpoint, Image, MetadataRecord, NodeId, Refusal};

type Decision<T> = Result<(Vec<MetadataRecord>, T), Refusal>;

pub(super) struct Registration<'a> {
    pub(super) node: NodeId,
    pub(super) incarnation: Uuid,
    pub(super) endpoints: &'a [Endpoint],
    pub(super) rack: Option<&'a str>,
    pub(super) fenced: bool,
}

/// The same process again gets the epoch it has. Another process takes the node id over unless the
/// one registered is alive and the newcomer would be fenced: then two processes claim one id. (A
/// cluster of one registers unfenced: nobody else can be alive on its folder.)
pub(super) fn register(image: &Image, new: &Registration<'_>) -> Decision<i64> {
    let known = image.broker(new.node);
    if let Some(known) = known {
        let same = known.incarnation == new.incarnation;
        if same && known.endpoints == new.endpoints && known.rack.as_deref() == new.rack {
            return Ok((Vec::new(), known.epoch));
        }
        if !same && !known.fenced && new.fenced {
            return Err(Refusal::DuplicateBroker { node: new.node });
        }
    }
    let next = i64::try_from(image.version()).unwrap_or(i64::MAX - 1) + 1;
    let epoch = known.map_or(next, |known| next.max(known.epoch + 1));
    let mut records = vec![MetadataRecord::RegisterBroker {
        node: new.node,
        epoch,
        incarnation: new.incarnation,
        endpoints: new.endpoints.to_vec(),
        rack: new.rack.map(str::to_owned),
        fenced: new.fenced,
    }];
    records.extend(if new.fenced {
        partitions::without(image, new.node)
    } else {
        partitions::with(image, new.node)
    });
    Ok((records, epoch))
}

pub(super) fn fence(image: &Image, node: NodeId, epoch: i64) -> Decision<()> {
    if check_epoch(image, node, epoch)?.fenced {
        return Ok((Vec::new(), ()));
    }
    let mut records = vec![MetadataRecord::FenceBroker { node }];
    records.extend(partitions::without(image, node));
    Ok((records, ()))
}

pub(super) fn unfence(image: &Image, node: NodeId, epoch: i64) -> Decision<()> {
    if !check_epoch(image, node, epoch)?.fenced {
        return Ok((Vec::new(), ()));
    }
    let mut records = vec![MetadataRecord::UnfenceBroker { node }];
    records.extend(partitions::with(image, node));
    Ok((records, ()))
}

pub(super) fn unregister(image: &Image, node: NodeId) -> Decision<()> {
    if image.broker(node).is_none() {
        return Err(Refusal::UnknownBroker { node });
    }
    let mut records = partitions::without(image, node);
    records.push(MetadataRecord::UnregisterBroker { node });
    Ok((records, ()))
}

/// The broker, if `epoch` is the one it has now.
pub(super) fn check_epoch(
    image: &Image,
    node: NodeId,
    epoch: i64,
) -> Result<&BrokerImage, Refusal> {
    let broker = image.broker(node).ok_or(Refusal::UnknownBroker { node })?;
    if broker.epoch != epoch {
        return Err(Refusal::StaleBrokerEpoch { node, given: epoch, current: broker.epoch });
    }
    Ok(broker)
}
