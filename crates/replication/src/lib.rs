//! A partition as leader: in-sync replicas, high watermark, epochs, fencing.
