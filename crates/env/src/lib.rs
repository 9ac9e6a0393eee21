//! Clock, disk, network and randomness: the only door to the operating system, with a simulated twin.
