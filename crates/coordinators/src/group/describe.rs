//! What a group shows of itself.

use super::{Group, GroupState};
use crate::reply::{DescribedMember, GroupDescription, ListedGroup};
use std::sync::Arc;

impl Group {
    /// The group with its members. Metadata and assignments only mean something once all members have
    /// the same generation's, so only a stable group shows them.
    pub(crate) fn describe(&self) -> GroupDescription {
        let stable = self.state == GroupState::Stable;
        let protocol = self.protocol_name.as_deref();
        let empty: Arc<[u8]> = Arc::from([]);
        let members = self.members.values().map(|m| DescribedMember {
            member_id: Arc::clone(&m.id),
            instance_id: m.instance_id.clone(),
            client_id: Arc::clone(&m.client_id),
            client_host: Arc::clone(&m.client_host),
            metadata: if stable { m.metadata(protocol) } else { Arc::clone(&empty) },
            assignment: Arc::clone(if stable { &m.assignment } else { &empty }),
        });
        GroupDescription {
            group_id: self.id.to_string(),
            error: None,
            state: self.state,
            protocol_type: self.protocol_type.clone(),
            protocol_name: if stable { self.protocol_name.clone() } else { None },
            members: members.collect(),
        }
    }

    /// The group's line in a list.
    pub(crate) fn list(&self) -> ListedGroup {
        ListedGroup {
            group_id: Arc::clone(&self.id),
            protocol_type: self.protocol_type.clone(),
            state: self.state,
            group_type: "classic",
        }
    }
}
