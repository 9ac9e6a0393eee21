//! What a caller may choose about connections, with the defaults and their reasons.

use std::time::Duration;

/// Choices for connections and for what is built on them.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// How the client calls itself; brokers log it and count quotas by it.
    pub client_id: String,
    /// How long connecting may take, negotiation included.
    pub connect_timeout: Duration,
    /// How long a request may take whose server side does not wait by design.
    pub request_timeout: Duration,
    /// The longest answer that is taken. Fetch and its limits are chosen by us, so that only a
    /// peer that is no broker goes beyond this.
    pub frame_len_max: usize,
    /// How old what is known of a topic may get before it is asked for again.
    pub metadata_age_max: Duration,
    /// The first wait before something is tried again; it doubles with each attempt.
    pub backoff_min: Duration,
    /// The longest such wait.
    pub backoff_max: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions {
            client_id: "walser".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            frame_len_max: 128 * 1024 * 1024,
            metadata_age_max: Duration::from_secs(300),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(1),
        }
    }
}

impl ClientOptions {
    /// The defaults under another name.
    #[must_use]
    pub fn named(client_id: impl Into<String>) -> Self {
        ClientOptions { client_id: client_id.into(), ..ClientOptions::default() }
    }
}
