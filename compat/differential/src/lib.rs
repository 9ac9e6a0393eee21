//! Checks of `wire` that need what the broker's own workspace does not have: another
//! implementation of the protocol (`tests/messages.rs`), Apache Kafka's own (`tests/kafka.rs`), and
//! an allocator that counts, which is `unsafe` (`tests/memory.rs`). There is no code here.
