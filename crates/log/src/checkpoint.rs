//! Text files of one offset per partition: ours of what is compacted, and those of a Kafka broker.
//!
//! Kafka's format: a version line, a count, and one `topic partition offset` line each. Replaced as
//! a whole, so that a crash leaves the old or the new.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use records::Offset;

/// A partition: topic and number.
pub(crate) type Key = (String, i32);

/// The file.
pub(crate) fn encode<'a>(entries: impl Iterator<Item = (&'a Key, Offset)>) -> String {
    let mut lines = String::new();
    let mut count = 0_usize;
    for ((topic, partition), offset) in entries {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{topic} {partition} {offset}");
        count += 1;
    }
    format!("0\n{count}\n{lines}")
}

/// The file back, or the number of the line that is not what was written.
pub(crate) fn decode(bytes: &[u8]) -> Result<BTreeMap<Key, Offset>, usize> {
    let text = std::str::from_utf8(bytes).map_err(|_| 1_usize)?;
    let mut lines = text.lines();
    if lines.next() != Some("0") {
        return Err(1);
    }
    let count: usize = lines.next().and_then(|line| line.parse().ok()).ok_or(2_usize)?;
    let mut entries = BTreeMap::new();
    for (number, line) in (3_usize..).zip(lines) {
        let (key, offset) = parse_line(line).ok_or(number)?;
        entries.insert(key, offset);
    }
    if entries.len() == count { Ok(entries) } else { Err(2) }
}

fn parse_line(line: &str) -> Option<(Key, Offset)> {
    let mut words = line.split(' ');
    let topic = words.next()?.to_owned();
    let partition = words.next()?.parse().ok()?;
    let offset = Offset(words.next()?.parse().ok()?);
    words.next().is_none().then_some(((topic, partition), offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_comes_back_and_a_damaged_one_is_refused() {
        let entries =
            BTreeMap::from([(("a".to_owned(), 0), Offset(5)), (("b-c".to_owned(), 12), Offset(0))]);
        let text = encode(entries.iter().map(|(key, offset)| (key, *offset)));
        assert_eq!(text, "0\n2\na 0 5\nb-c 12 0\n");
        assert_eq!(decode(text.as_bytes()), Ok(entries));
        for (bad, line) in
            [("", 1), ("1\n0\n", 1), ("0\nx\n", 2), ("0\n1\n", 2), ("0\n1\na 0\n", 3)]
        {
            assert_eq!(decode(bad.as_bytes()), Err(line), "{bad:?}");
        }
    }
}
