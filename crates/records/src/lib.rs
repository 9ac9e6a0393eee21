//! Record batches: views over bytes, checksums, compression with caps. No I/O.
