//! Variable-length integers as record batches hold them: seven bits a byte, lowest first, the top bit
//! set on all but the last; signed numbers in zigzag order.
//!
//! Readers take a slice and advance it. They answer `None` where the bytes end early or the number
//! does not fit; the slice is then in an unspecified place.

/// Most bytes that a [`read_i32`] takes.
pub const MAX_LEN_I32: usize = 5;
/// Most bytes that a [`read_i64`] takes.
pub const MAX_LEN_I64: usize = 10;

/// Reads a 32-bit number in zigzag order.
pub fn read_i32(bytes: &mut &[u8]) -> Option<i32> {
    let raw = read_u32(bytes)?;
    Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
}

/// Reads a 64-bit number in zigzag order.
pub fn read_i64(bytes: &mut &[u8]) -> Option<i64> {
    let raw = read_u64(bytes)?;
    Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
}

/// Reads an unsigned 32-bit number.
pub fn read_u32(bytes: &mut &[u8]) -> Option<u32> {
    let raw = read_bounded(bytes, MAX_LEN_I32)?;
    u32::try_from(raw).ok()
}

/// Reads an unsigned 64-bit number.
pub fn read_u64(bytes: &mut &[u8]) -> Option<u64> {
    read_bounded(bytes, MAX_LEN_I64)
}

fn read_bounded(bytes: &mut &[u8], len_max: usize) -> Option<u64> {
    let mut number = 0_u64;
    for place in 0..len_max {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * u32::try_from(place).ok()?;
        // The tenth byte has room for one bit only.
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Appends a 32-bit number in zigzag order.
pub fn write_i32(out: &mut Vec<u8>, number: i32) {
    write_u64(out, u64::from(zigzag_i32(number)));
}

/// Appends a 64-bit number in zigzag order.
pub fn write_i64(out: &mut Vec<u8>, number: i64) {
    write_u64(out, zigzag_i64(number));
}

/// Appends an unsigned number.
pub fn write_u64(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// How many bytes [`write_i32`] appends for `number`.
#[must_use]
pub fn len_i32(number: i32) -> usize {
    len_u64(u64::from(zigzag_i32(number)))
}

/// How many bytes [`write_i64`] appends for `number`.
#[must_use]
pub fn len_i64(number: i64) -> usize {
    len_u64(zigzag_i64(number))
}

fn len_u64(number: u64) -> usize {
    let bits = 64 - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

fn zigzag_i32(number: i32) -> u32 {
    ((number << 1) ^ (number >> 31)).cast_unsigned()
}

fn zigzag_i64(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests;
