//! Names of files and folders, and ids as text, as Kafka writes them.

use records::Offset;
use uuid::Uuid;

/// The records of a segment.
pub const LOG: &str = "log";
/// Offset to position.
pub const INDEX: &str = "index";
/// Timestamp to offset.
pub const TIME_INDEX: &str = "timeindex";
/// What is known of producers before the segment of the same name.
pub const SNAPSHOT: &str = "snapshot";
/// Added to the name of a file that waits for its deletion.
pub const DELETED: &str = ".deleted";
/// Added to the name of a file that compaction writes.
pub const CLEANED: &str = ".cleaned";
/// Added to the name of a segment that is about to take the place of others.
pub const SWAP: &str = ".swap";
/// Added to the name of a folder that waits for its deletion.
pub const DELETED_FOLDER: &str = "-delete";
/// What the name of a folder ends with that was moved out of the way of another topic.
pub const STRAY_FOLDER: &str = "-stray";
/// What the name of a journal's file ends with.
pub const JOURNAL: &str = ".journal";
/// Which leader epoch began where.
pub const EPOCHS: &str = "leader-epoch-checkpoint";
/// Which ranges of a partition are damaged.
pub const QUARANTINE: &str = "quarantine";
/// Whose partition a folder holds.
pub const PARTITION_METADATA: &str = "partition.metadata";

/// The name of a file of the segment that begins at `base`.
#[must_use]
pub fn segment_file(base: Offset, kind: &str) -> String {
    format!("{:020}.{kind}", base.0)
}

/// Base offset and kind out of the name of a segment's file.
#[must_use]
pub fn parse_segment_file(name: &str) -> Option<(Offset, &str)> {
    let (digits, kind) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((Offset(digits.parse().ok()?), kind))
}

/// The folder of a partition.
#[must_use]
pub fn partition_folder(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// Topic and partition out of the name of a folder.
#[must_use]
pub fn parse_partition_folder(name: &str) -> Option<(&str, i32)> {
    if name.ends_with(DELETED_FOLDER) {
        return None;
    }
    let (topic, digits) = name.rsplit_once('-')?;
    let plain = !topic.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let partition = digits.parse().ok()?;
    // One partition, one name: no leading zeros.
    (plain && digits.len() == i32::to_string(&partition).len()).then_some((topic, partition))
}

/// The longest name of a file.
const NAME_MAX: usize = 255;

/// The name under which a folder is moved out of the way; a long one is cut so that it still is a
/// name.
#[must_use]
pub fn moved_folder(name: &str, unique: &str, ending: &str) -> String {
    let ending = format!(".{unique}{ending}");
    let name: String = name.chars().take(NAME_MAX.saturating_sub(ending.len())).collect();
    format!("{name}{ending}")
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// An id as Kafka prints it: base64 for URLs, 22 characters, no padding.
#[must_use]
pub fn id_text(id: Uuid) -> String {
    let bits = id.as_u128();
    let mut text = String::with_capacity(22);
    // 21 characters of 6 bits, then the last 2 bits as the upper bits of one more.
    for shift in (0..21).map(|n| 122 - 6 * n) {
        text.push(letter(bits >> shift));
    }
    text.push(letter(bits << 4));
    text
}

fn letter(bits: u128) -> char {
    let index = usize::try_from(bits & 63).unwrap_or(0);
    ALPHABET.get(index).map_or('A', |&byte| char::from(byte))
}

/// An id out of Kafka's text.
#[must_use]
pub fn parse_id(text: &str) -> Option<Uuid> {
    let bytes = text.as_bytes();
    if bytes.len() != 22 {
        return None;
    }
    let mut bits = 0_u128;
    for (n, byte) in bytes.iter().enumerate() {
        let value = ALPHABET.iter().position(|letter| letter == byte)?;
        let value = u128::try_from(value).ok()?;
        if n < 21 {
            bits = (bits << 6) | value;
        } else if value & 0b1111 == 0 {
            bits = (bits << 2) | (value >> 4);
        } else {
            return None;
        }
    }
    Some(Uuid::from_u128(bits))
}

#[cfg(test)]
mod tests;
