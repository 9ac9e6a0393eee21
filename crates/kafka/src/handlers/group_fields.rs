//! Fields that the group handlers share: copies of what came in (nothing that a group keeps may hold
//! a receive buffer), and what its machines answer as the wire carries it.

use std::sync::Arc;

use broker::limits::GROUP_NAME_BYTES_MAX;
use bytes::Bytes;
use wire::{ErrorCode, Str};

/// A copy of a name that may be absent.
pub(super) fn name(name: Option<Str>) -> Option<String> {
    name.map(String::from)
}

/// A copy of bytes that only clients understand.
pub(super) fn opaque(bytes: &Bytes) -> Arc<[u8]> {
    Arc::from(&**bytes)
}

/// Such bytes on their way back.
pub(super) fn bytes(opaque: &[u8]) -> Bytes {
    Bytes::copy_from_slice(opaque)
}

/// A name on its way back.
pub(super) fn text(name: &str) -> Str {
    Str::from(name)
}

/// Whether names that a group would keep are short enough to be kept.
pub(super) fn check_names(
    group: &str,
    member: &str,
    instance: Option<&str>,
) -> Result<(), ErrorCode> {
    if group.len() > GROUP_NAME_BYTES_MAX {
        return Err(ErrorCode::InvalidGroupId);
    }
    if member.len() > GROUP_NAME_BYTES_MAX {
        return Err(ErrorCode::UnknownMemberId);
    }
    if instance.is_some_and(|instance| instance.len() > GROUP_NAME_BYTES_MAX) {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(())
}
