//! Metadata records, the cluster image, controller decisions, and the quorum that runs them.
