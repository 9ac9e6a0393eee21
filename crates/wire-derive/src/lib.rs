//! Derives Kafka encoding and decoding from struct attributes.
