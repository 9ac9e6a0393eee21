//! Groups as pure machines that turn a request into records and a reply. No I/O.
