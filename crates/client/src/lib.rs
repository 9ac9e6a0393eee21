//! A connection to a node: negotiation, pipelining, deadlines.
