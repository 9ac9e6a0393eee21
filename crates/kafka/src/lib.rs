//! The Kafka front end: listeners, connections, one handler file per API.
