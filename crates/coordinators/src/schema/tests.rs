//! Tests of the record formats.
