//! What a client may do, as bits (KIP-430). There is no authorizer yet, so everybody may do all that
//! can be done with a resource.

/// Numbers of the operations, which are also their bits.
const READ: u32 = 3;
const WRITE: u32 = 4;
const CREATE: u32 = 5;
const DELETE: u32 = 6;
const ALTER: u32 = 7;
const DESCRIBE: u32 = 8;
const CLUSTER_ACTION: u32 = 9;
const DESCRIBE_CONFIGS: u32 = 10;
const ALTER_CONFIGS: u32 = 11;
const IDEMPOTENT_WRITE: u32 = 12;

/// What stands for "was not asked".
const NOT_ASKED: i32 = i32::MIN;

/// Everything that can be done with a topic.
pub(super) fn topic(asked: bool) -> i32 {
    const ALL: i32 =
        bits(&[READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);
    if asked { ALL } else { NOT_ASKED }
}

/// Everything that can be done with a group.
pub(super) fn group(asked: bool) -> i32 {
    const ALL: i32 = bits(&[READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);
    if asked { ALL } else { NOT_ASKED }
}

/// Everything that can be done with the cluster.
pub(super) fn cluster(asked: bool) -> i32 {
    const ALL: i32 = bits(&[
        CREATE,
        ALTER,
        DESCRIBE,
        CLUSTER_ACTION,
        DESCRIBE_CONFIGS,
        ALTER_CONFIGS,
        IDEMPOTENT_WRITE,
    ]);
    if asked { ALL } else { NOT_ASKED }
}

const fn bits(operations: &[u32]) -> i32 {
    let mut bits = 0;
    let mut at = 0;
    while at < operations.len() {
        bits |= 1 << operations[at];
        at += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bits_are_those_of_kafka_4_3() {
        assert_eq!(super::topic(true), 3576);
        assert_eq!(super::group(true), 3400);
        assert_eq!(super::cluster(true), 8096);
        assert_eq!(super::topic(false), i32::MIN);
    }
}
