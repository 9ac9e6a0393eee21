//! `walser dump`: what is in a file of a data folder, without a broker.
//!
//! [`log::dump`] reads the file; this prints its entries. A segment is read a batch at a time, so
//! that a file of any size can be looked at. What is damaged is printed where it stands, and the
//! command then fails.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use env::{Env, File, disk::OpenMode};
use log::dump::{BatchEntry, DumpError, Entry};
use records::Batch;
use serde_json::{Map, Value, json};

use super::record_json;
use crate::cli::{DumpArgs, OutputFormat};
use crate::failure::Failure;

/// The most that the records of one batch may take once decompressed: generous, as a person asked
/// to see them, and still no bomb.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 30;

pub(crate) fn run(args: &DumpArgs) -> Result<(), Failure> {
    let disk = Env::system().disk;
    let entries = log::dump::open(&*disk, &args.file).map_err(|error| refused(&error))?;
    let file = disk.open(&args.file, OpenMode::Read)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut damaged = 0;
    for entry in entries {
        damaged += usize::from(entry.is_damage());
        match args.output {
            OutputFormat::Table => writeln!(out, "{entry}")?,
            OutputFormat::Json => writeln!(out, "{}", as_json(&entry))?,
        }
        if let Entry::Batch(batch) = &entry
            && args.records
            && batch.crc_is_valid
        {
            print_records(args, &file, batch, &mut out)?;
        }
    }
    out.flush()?;
    match damaged {
        0 => Ok(()),
        _ => Err(Failure::failed(format!("{} is damaged, see above", args.file.display()))),
    }
}

fn refused(error: &DumpError) -> Failure {
    let line = error.to_string();
    match error {
        DumpError::UnknownKind { .. } => Failure::usage(line),
        DumpError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Failure::not_found(line)
        }
        DumpError::Io { .. } => Failure::failed(line),
    }
}

fn as_json(entry: &Entry) -> Value {
    match entry {
        Entry::Batch(batch) => batch_json(batch),
        Entry::Offset { offset, position } => json!({ "offset": offset.0, "position": position }),
        Entry::Time { timestamp, offset } => {
            json!({ "timestamp": timestamp.0, "offset": offset.0 })
        }
        Entry::Producer(entry) => json!({
            "producer_id": entry.producer.producer_id.0,
            "producer_epoch": entry.producer.epoch.0,
            "last_timestamp": entry.producer.last_timestamp.0,
            "batches": entry.batches.iter().map(|batch| json!({
                "first_sequence": batch.first_sequence,
                "last_sequence": batch.last_sequence,
                "first_offset": batch.first_offset().0,
            })).collect::<Vec<_>>(),
        }),
        Entry::Epoch { epoch, start } => json!({ "epoch": epoch.0, "start_offset": start.0 }),
        Entry::Partition { topic, partition, offset } => {
            json!({ "topic": topic, "partition": partition, "offset": offset.0 })
        }
        Entry::Line(line) => json!({ "line": line }),
        Entry::Damage { position, what } => json!({ "damaged_at": position, "what": what }),
    }
}

fn batch_json(batch: &BatchEntry) -> Value {
    let header = &batch.header;
    let attributes = header.attributes;
    json!({
        "base_offset": header.base_offset.0,
        "last_offset": header.last_offset().0,
        "position": batch.position,
        "size": header.size_in_bytes(),
        "records": header.record_count,
        "leader_epoch": header.leader_epoch.0,
        "base_timestamp": header.base_timestamp.0,
        "max_timestamp": header.max_timestamp.0,
        "timestamp_type": format!("{:?}", attributes.timestamp_type()),
        "codec": header.codec().to_string(),
        "crc": header.crc,
        "crc_is_right": batch.crc_is_valid,
        "producer_id": header.producer_id.map(|id| id.0),
        "producer_epoch": header.producer_id.map(|_| header.producer_epoch.0),
        "base_sequence": header.producer_id.map(|_| header.base_sequence),
        "transactional": attributes.is_transactional(),
        "control": attributes.is_control(),
    })
}

fn print_records(
    args: &DumpArgs,
    file: &Arc<dyn File>,
    entry: &BatchEntry,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        let offset = entry.header.base_offset;
        Failure::failed(format!(
            "the records of the batch at offset {offset} cannot be read: {error}"
        ))
    };
    let mut bytes = vec![0; entry.header.size_in_bytes()];
    file.read_exact_at(&mut bytes, entry.position)?;
    let batch = Batch::parse(&bytes).map_err(|error| unreadable(&error))?;
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
