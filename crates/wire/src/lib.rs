//! Kafka frames and messages: the struct is the schema. No I/O.
