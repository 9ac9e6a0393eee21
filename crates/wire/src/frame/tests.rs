//! Headers and whole frames, byte by byte.
