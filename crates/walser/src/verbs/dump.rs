//! `walser dump`: what is in a segment or index file, without a broker.
//!
//! Reads one batch at a time, so that a file of any size can be looked at. Damage ends the dump with
//! the position where it is; what came before is printed.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use env::{Env, File, disk::OpenMode};
use records::{Batch, BatchHeader, HEADER_LEN};
use serde_json::{Map, Value, json};

use super::record_json;
use crate::cli::{DumpArgs, OutputFormat};
use crate::failure::Failure;

/// The most that the records of one batch may take once decompressed, as in the broker.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 30;

pub(crate) fn run(args: &DumpArgs) -> Result<(), Failure> {
    let file = open(&args.file)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let done = dump(args, &*file, &mut out);
    out.flush()?;
    done
}

fn open(path: &Path) -> Result<Arc<dyn File>, Failure> {
    Env::system().disk.open(path, OpenMode::Read).map_err(|error| {
        let line = format!("cannot open {}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => Failure::not_found(line),
            _ => Failure::failed(line),
        }
    })
}

fn dump(args: &DumpArgs, file: &dyn File, out: &mut impl Write) -> Result<(), Failure> {
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    // A file that waits for its deletion is still what it was.
    let name = name.strip_suffix(".deleted").unwrap_or(&name);
    let (digits, kind) = name.split_once('.').unwrap_or((name, ""));
    match (kind, digits.parse::<i64>()) {
        ("log", Ok(_)) => dump_segment(args, file, out),
        ("index", Ok(base)) => dump_index::<8>(args, file, out, |[a, b, c, d, e, f, g, h]| {
            let offset = base.saturating_add(u32::from_be_bytes([*a, *b, *c, *d]).into());
            let position = u32::from_be_bytes([*e, *f, *g, *h]);
            (offset, "offset", offset, "position", position.into())
        }),
        ("timeindex", Ok(base)) => dump_index::<12>(args, file, out, |entry| {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = *entry;
            let time = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
            let offset = base.saturating_add(u32::from_be_bytes([i, j, k, l]).into());
            (offset, "timestamp", time, "offset", offset)
        }),
        _ => Err(Failure::usage(format!(
            "'{name}' is not the name of a segment or index; they look like \
             00000000000000000000.log, .index or .timeindex"
        ))),
    }
}

fn dump_segment(args: &DumpArgs, file: &dyn File, out: &mut impl Write) -> Result<(), Failure> {
    let len = file.len()?;
    let mut position = 0;
    while position < len {
        let damaged = |what: String| {
            Failure::failed(format!(
                "{} is damaged at position {position} of {len}: {what}",
                args.file.display()
            ))
        };
        let left = len - position;
        let mut header = [0; HEADER_LEN];
        if left < HEADER_LEN as u64 {
            return Err(damaged(format!("{left} bytes are left, less than a batch header")));
        }
        file.read_exact_at(&mut header, position)?;
        if header.iter().all(|byte| *byte == 0) {
            return Err(damaged("zeros, as a crash leaves them after the last batch".to_owned()));
        }
        let header = BatchHeader::parse(&header).map_err(|error| damaged(error.to_string()))?;
        let size = header.size_in_bytes();
        if size as u64 > left {
            return Err(damaged(format!("the batch has {size} bytes, {left} are left")));
        }
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, position)?;
        let batch = Batch::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
        let crc = batch.check_crc();
        print_batch(args, position, &batch, crc.is_ok(), out)?;
        crc.map_err(|error| damaged(error.to_string()))?;
        position += size as u64;
    }
    Ok(())
}

fn print_batch(
    args: &DumpArgs,
    position: u64,
    batch: &Batch<'_>,
    is_whole: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let header = &batch.header;
    let attributes = header.attributes;
    match args.output {
        OutputFormat::Table => {
            let mut marks = String::new();
            if let Some(id) = header.producer_id {
                let (first, last) = (header.base_sequence, header.last_sequence());
                marks.push_str(&format!(
                    " producer {} epoch {} sequence {first}..={last}",
                    id.0, header.producer_epoch.0
                ));
            }
            for (is_set, mark) in [
                (attributes.is_transactional(), " transactional"),
                (attributes.is_control(), " control"),
                (!is_whole, " CRC WRONG"),
            ] {
                if is_set {
                    marks.push_str(mark);
                }
            }
            writeln!(
                out,
                "offset {}..={} position {position} size {} records {} epoch {} time {} codec {}{marks}",
                header.base_offset.0,
                header.last_offset().0,
                header.size_in_bytes(),
                header.record_count,
                header.leader_epoch.0,
                header.max_timestamp.0,
                header.codec(),
            )?;
        }
        OutputFormat::Json => {
            let line = json!({
                "base_offset": header.base_offset.0,
                "last_offset": header.last_offset().0,
                "position": position,
                "size": header.size_in_bytes(),
                "records": header.record_count,
                "leader_epoch": header.leader_epoch.0,
                "base_timestamp": header.base_timestamp.0,
                "max_timestamp": header.max_timestamp.0,
                "timestamp_type": format!("{:?}", attributes.timestamp_type()),
                "codec": header.codec().to_string(),
                "crc": header.crc,
                "crc_is_right": is_whole,
                "producer_id": header.producer_id.map(|id| id.0),
                "producer_epoch": header.producer_id.map(|_| header.producer_epoch.0),
                "base_sequence": header.producer_id.map(|_| header.base_sequence),
                "transactional": attributes.is_transactional(),
                "control": attributes.is_control(),
            });
            writeln!(out, "{line}")?;
        }
    }
    if args.records && is_whole { print_records(args, batch, out) } else { Ok(()) }
}

fn print_records(args: &DumpArgs, batch: &Batch<'_>, out: &mut impl Write) -> Result<(), Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        let offset = batch.header.base_offset.0;
        Failure::failed(format!(
            "the records of the batch at offset {offset} cannot be read: {error}"
        ))
    };
    let section =
        batch.uncompressed_records(DECOMPRESSED_BYTES_MAX).map_err(|error| unreadable(&error))?;
    for record in batch.records(&section) {
        let record = record.map_err(|error| unreadable(&error))?;
        let offset = batch.header.base_offset.0 + i64::from(record.offset_delta);
        let mut object = Map::new();
        object.insert("offset".to_owned(), json!(offset));
        object.insert("timestamp".to_owned(), json!(record.timestamp(&batch.header).0));
        record_json::put_bytes(&mut object, "key", record.key);
        record_json::put_bytes(&mut object, "value", record.value);
        let headers: Vec<(String, Option<&[u8]>)> = record
            .headers
            .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value))
            .collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), *value));
        object.insert("headers".to_owned(), record_json::headers(headers));
        let indent = if args.output == OutputFormat::Table { "  " } else { "" };
        writeln!(out, "{indent}{}", Value::Object(object))?;
    }
    Ok(())
}

/// Prints entries of `N` bytes. Offsets rise; the zeros of a file that was never cut to its size
/// end it.
fn dump_index<const N: usize>(
    args: &DumpArgs,
    file: &dyn File,
    out: &mut impl Write,
    entry: impl Fn(&[u8; N]) -> (i64, &'static str, i64, &'static str, i64),
) -> Result<(), Failure> {
    let len = file.len()?;
    let mut last = None;
    let mut position = 0;
    while position + N as u64 <= len {
        let mut bytes = [0; N];
        file.read_exact_at(&mut bytes, position)?;
        if bytes.iter().all(|byte| *byte == 0) && position > 0 {
            return Ok(());
        }
        let (offset, first_name, first, second_name, second) = entry(&bytes);
        match args.output {
            OutputFormat::Table => {
                writeln!(out, "{first_name} {first} {second_name} {second}")?;
            }
            OutputFormat::Json => {
                writeln!(out, "{}", json!({ first_name: first, second_name: second }))?;
            }
        }
        if last.is_some_and(|last| offset < last) {
            return Err(Failure::failed(format!(
                "{} is damaged at position {position}: offset {offset} follows a larger one; \
                 the broker rebuilds it from the segment at the next start",
                args.file.display()
            )));
        }
        last = Some(offset);
        position += N as u64;
    }
    if position < len {
        return Err(Failure::failed(format!(
            "{} is damaged: {} bytes are left after the last whole entry",
            args.file.display(),
            len - position
        )));
    }
    Ok(())
}
