//! The record section of a batch, decompressed where need be, with a bound for all of them together.
//!
//! Decompression runs where appends run, on as many threads as serve connections. A cap on one batch
//! alone would let every thread hold that much at once. So only one batch in the process may take
//! more than [`SMALL_BYTES`]: a larger one begins anew when it is its turn. What is known to be honest
//! is smaller; what is not, a bomb, waits for the others of its kind.

use std::borrow::Cow;
use std::ops::Deref;

use parking_lot::{Mutex, MutexGuard};
use records::{Batch, CodecError};

/// What a batch may take without waiting for its turn: four times what a batch may have on the wire
/// by default.
const SMALL_BYTES: usize = 4 << 20;

/// Held by whoever decompresses a large batch.
static LARGE: Mutex<()> = Mutex::new(());

/// The records of a batch.
pub(crate) struct Section<'a> {
    bytes: Cow<'a, [u8]>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl<'a> Section<'a> {
    /// The records of `batch`, which may take `cap` bytes at most.
    pub fn of(batch: &Batch<'a>, cap: usize) -> Result<Section<'a>, CodecError> {
        match batch.uncompressed_records(SMALL_BYTES.min(cap)) {
            Err(CodecError::TooLarge { .. }) if cap > SMALL_BYTES => {
                let turn = LARGE.lock();
                let bytes = batch.uncompressed_records(cap)?;
                Ok(Section { bytes, _turn: Some(turn) })
            }
            bytes => Ok(Section { bytes: bytes?, _turn: None }),
        }
    }
}

impl Deref for Section<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
