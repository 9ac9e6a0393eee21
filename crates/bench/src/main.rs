//! `walser-bench`: the replay generator and the floor server, from the command line.

fn main() {}
