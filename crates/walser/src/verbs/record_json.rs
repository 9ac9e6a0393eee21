//! A record as a line of JSON, both ways: what `topic consume -o json` prints,
//! `topic produce --json` takes.
//!
//! Text is text; bytes that are not UTF-8 go in hexadecimal under a name ending in `_hex`, so that
//! nothing is lost on the way. Any other JSON value given for a key or value is sent as its JSON
//! text.

use bytes::Bytes;
use client::{NewRecord, RecordHeader};
use records::Timestamp;
use serde_json::{Map, Value, json};

/// Puts bytes under `name`, or under `name_hex`.
pub(crate) fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(std::str::from_utf8) {
        None => object.insert(name.to_owned(), Value::Null),
        Some(Ok(text)) => object.insert(name.to_owned(), json!(text)),
        Some(Err(_)) => object.insert(format!("{name}_hex"), json!(hex(bytes.unwrap_or_default()))),
    };
}

/// Headers: an object where names do not repeat and all is text, otherwise a list of objects.
pub(crate) fn headers<'a>(headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Value {
    let headers: Vec<(&str, Option<&[u8]>)> = headers.collect();
    let mut object = Map::new();
    let mut is_plain = true;
    for (name, value) in &headers {
        let text = match value.map(std::str::from_utf8) {
            None => Value::Null,
            Some(Ok(text)) => json!(text),
            Some(Err(_)) => {
                is_plain = false;
                break;
            }
        };
        is_plain &= object.insert((*name).to_owned(), text).is_none();
    }
    if is_plain {
        return Value::Object(object);
    }
    let entry = |(name, value): &(&str, Option<&[u8]>)| {
        let mut entry = Map::new();
        entry.insert("name".to_owned(), json!(name));
        put_bytes(&mut entry, "value", *value);
        Value::Object(entry)
    };
    Value::Array(headers.iter().map(entry).collect())
}

/// The record that a line describes.
pub(crate) fn parse(topic: &str, line: &str) -> Result<NewRecord, String> {
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("it is not JSON: {error}"))?;
    let Value::Object(mut object) = value else {
        return Err("it is not an object such as {\"key\": \"k\", \"value\": \"v\"}".to_owned());
    };
    let mut record = NewRecord::new(topic, Bytes::new());
    record.key = take_bytes(&mut object, "key")?.unwrap_or_default();
    record.value = take_bytes(&mut object, "value")?
        .ok_or("it has neither value nor value_hex; a record without a value has null")?;
    record.headers = match object.remove("headers") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(headers)) => headers
            .into_iter()
            .map(|(name, value)| RecordHeader { name, value: plain(value) })
            .collect(),
        Some(Value::Array(list)) => list.into_iter().map(header).collect::<Result<_, _>>()?,
        Some(_) => return Err("headers must be an object or a list of objects".to_owned()),
    };
    record.partition = match object.remove("partition") {
        None | Some(Value::Null) => None,
        Some(number) => Some(
            number
                .as_i64()
                .and_then(|number| i32::try_from(number).ok())
                .filter(|number| *number >= 0)
                .ok_or("partition must be a whole number, 0 or more")?,
        ),
    };
    record.timestamp = match object.remove("timestamp") {
        None | Some(Value::Null) => None,
        Some(ms) => Some(Timestamp(
            ms.as_i64().filter(|ms| *ms >= 0).ok_or("timestamp must be in milliseconds")?,
        )),
    };
    // What consuming adds is taken back without a word.
    for known in ["topic", "offset", "time"] {
        object.remove(known);
    }
    match object.keys().next() {
        Some(name) => {
            Err(format!("it has '{name}'; there are key, value, headers, partition and timestamp"))
        }
        None => Ok(record),
    }
}

fn header(entry: Value) -> Result<RecordHeader, String> {
    let Value::Object(mut entry) = entry else {
        return Err("a header in a list must be an object with name and value".to_owned());
    };
    let Some(Value::String(name)) = entry.remove("name") else {
        return Err("a header in a list has no name".to_owned());
    };
    let value = take_bytes(&mut entry, "value")?.unwrap_or_default();
    Ok(RecordHeader { name, value })
}

/// What is under `name` or `name_hex`: nothing at all, null, or bytes.
fn take_bytes(
    object: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<Option<Bytes>>, String> {
    if let Some(digits) = object.remove(&format!("{name}_hex")) {
        let bytes = digits.as_str().and_then(unhex);
        return match bytes {
            Some(bytes) => Ok(Some(Some(bytes.into()))),
            None => Err(format!("{name}_hex must be text of pairs of hexadecimal digits")),
        };
    }
    Ok(object.remove(name).map(plain))
}

fn plain(value: Value) -> Option<Bytes> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into()),
        other => Some(other.to_string().into()),
    }
}

/// Bytes as pairs of hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(record: &NewRecord) -> String {
        let mut object = Map::new();
        put_bytes(&mut object, "key", record.key.as_deref());
        put_bytes(&mut object, "value", record.value.as_deref());
        let pairs = record.headers.iter().map(|h| (h.name.as_str(), h.value.as_deref()));
        object.insert("headers".to_owned(), headers(pairs));
        Value::Object(object).to_string()
    }

    #[test]
    fn what_is_printed_can_be_read_back() {
        let mut record = NewRecord::new("t", vec![0xff, 0x00]);
        record.key = Some("clé".into());
        record.headers = vec![RecordHeader { name: "a".to_owned(), value: Some("1".into()) }];
        for headers in [
            vec![],
            vec![RecordHeader { name: "a".to_owned(), value: Some("2".into()) }],
            vec![RecordHeader { name: "b".to_owned(), value: None }],
            vec![RecordHeader { name: "b".to_owned(), value: Some(vec![0x80].into()) }],
        ] {
            record.headers.extend(headers);
            let line = printed(&record);
            assert_eq!(parse("t", &line).as_ref(), Ok(&record), "{line}");
        }
    }

    #[test]
    fn null_and_missing_are_told_apart() {
        let record = parse("t", r#"{"value": null}"#).unwrap();
        assert_eq!((record.key, record.value), (None, None));
        assert!(parse("t", r#"{"key": "k"}"#).unwrap_err().contains("neither value nor value_hex"));
        let record =
            parse("t", r#"{"value": {"a": [1]}, "partition": 3, "timestamp": 5}"#).unwrap();
        assert_eq!(record.value.as_deref(), Some(&br#"{"a":[1]}"#[..]));
        assert_eq!((record.partition, record.timestamp), (Some(3), Some(Timestamp(5))));
    }

    #[test]
    fn what_cannot_be_a_record_is_refused() {
        for (line, part) in [
            ("nonsense", "not JSON"),
            ("[]", "not an object"),
            (r#"{"value": "v", "partition": -1}"#, "partition must be"),
            (r#"{"value": "v", "timestamp": "now"}"#, "timestamp must be"),
            (r#"{"value": "v", "headers": 5}"#, "headers must be"),
            (r#"{"value": "v", "heders": {}}"#, "it has 'heders'"),
            (r#"{"value_hex": "abc"}"#, "hexadecimal"),
        ] {
            let error = parse("t", line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
