//! Every limit on what a peer can make this broker hold, in one place, with its reason.
//!
//! Those an operator may change are configuration keys (`broker::config`) and only named here; the
//! rest are constants. A limit that is reached is an error to the one who reached it, never a crash.

use std::time::Duration;

// Elsewhere, where a layer below this one needs them: `wire::reader` (array entries in proportion to
// the bytes), `log` (a decompressed batch, and how many large ones at once), `coordinators::limits`
// (groups), `metadata::limits` (topics, and partitions one request may create).
//
// Set by configuration: socket.request.max.bytes (one frame), queued.max.request.bytes (all
// requests and replies in flight), max.connections, max.connections.per.ip,
// connections.max.idle.ms, message.max.bytes, fetch.max.bytes,
// max.incremental.fetch.session.cache.slots, group.max.size, offset.metadata.max.bytes.

/// A frame that has begun must bring this many bytes in each [`FRAME_PROGRESS_PERIOD`]: 4 KiB/s is
/// slower than any client that is alive, and holds a half-open connection for seconds, not minutes.
pub const FRAME_PROGRESS_BYTES: usize = 40 * 1024;

/// How often progress is looked at.
pub const FRAME_PROGRESS_PERIOD: Duration = Duration::from_secs(10);

/// The same while other requests wait for memory, of a frame that holds some of the budget: this many
/// bytes in each of these shorter periods, and no less than [`FRAME_PRESSED_SHARE`] of what it holds.
/// What stops is out of the way in a second, and what drips cannot hold a hundred megabytes for hours.
pub const FRAME_PRESSED_PERIOD: Duration = Duration::from_secs(1);

/// One part in so many of what a frame holds.
pub const FRAME_PRESSED_SHARE: usize = 32;

/// A reader that takes nothing of a waiting reply for this long is cut: it holds memory others need.
pub const READER_STALL_MAX: Duration = Duration::from_secs(30);

/// The same while replies hold more than half the byte budget, for one whose replies hold some.
pub const READER_STALL_CROWDED_MAX: Duration = Duration::from_secs(3);

/// Replies of one connection below this are not worth cutting it sooner.
pub const FREE_OUTPUT_BYTES: usize = 16 * 1024;

/// Bytes a connection may buffer before they count in the byte budget: a small request costs no
/// accounting, and 10,000 connections with half a request each stay under 160 MB.
pub const FREE_INPUT_BYTES: usize = 16 * 1024;

/// Requests of one connection that may wait for durability at once. Clients keep five in flight;
/// this leaves room for the ones that keep more, and bounds what a connection can park.
pub const PIPELINE_REQUESTS_MAX: usize = 64;

/// Memory of one connection's replies beyond which its next request is not looked at.
pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// Memory that the array entries of one request may take once decoded, whatever its length: room for
/// a fetch of 200,000 partitions. Requests are decoded one at a time by each thread.
pub const REQUEST_ARRAY_BYTES_MAX: usize = 16 << 20;

/// Topics that one Metadata request may create by asking for them. A client asks again for the rest.
pub const AUTO_CREATE_TOPICS_MAX: usize = 1000;

/// Partitions named in one DescribeTopicPartitions reply, Kafka's own page limit.
pub const DESCRIBE_PARTITIONS_MAX: usize = 2000;

/// A group id, member id or instance id: Kafka sets no limit, and stores them in every record.
pub const GROUP_NAME_BYTES_MAX: usize = 1024;

/// How long a fetch may wait, whatever the client says: a longer wait only hides a dead peer.
pub const FETCH_WAIT_MAX: Duration = Duration::from_secs(300);

/// How long a produce may wait for its acknowledgement, whatever the client says.
pub const PRODUCE_WAIT_MAX: Duration = Duration::from_secs(300);

/// Producer ids taken from the metadata at a time, as Kafka does: a block costs one metadata
/// record, and a restart wastes what is left of it.
pub const PRODUCER_ID_BLOCK: i32 = 1000;

/// Reads that wait for a disk at once, each on a thread: enough to keep a disk busy that works on many
/// at a time, few enough that their threads cost nothing beside what is read.
pub const COLD_READS_MAX: usize = 32;

/// How much of a file is brought into memory before it is sent, and again after that: what a consumer
/// asks of a partition unless it is told otherwise.
pub const COLD_READ_BYTES: usize = 1024 * 1024;
