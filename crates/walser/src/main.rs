//! The `walser` binary: configuration, wiring, start and stop order, and the command line.

fn main() {}
