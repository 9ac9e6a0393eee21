//! Every message in every version: round trips, sizes, and hostile bytes.
