//! What the two kinds of trials share: the machine they run on, its stalls, reading, and the runner.

pub mod errors;
pub mod machine;
pub mod reading;
pub mod runner;
pub mod stall;
pub mod work;
