//! Record batches: parsed, checked, decompressed, walked, compressed anew and built again.
#![no_main]

use records::{
    Batch, BatchBuilder, BatchHeader, Codec, Record, batches, check_records, recompress_section,
};

/// What the records of a batch may take.
const CAP: usize = 256 << 10;

fn check(data: &[u8]) {
    let mut bytes = data.to_vec();
    walser_fuzz::mend_batches(&mut bytes);
    let mut strict = batches(&bytes);
    let whole: Vec<Batch<'_>> = strict.by_ref().map_while(Result::ok).collect();
    let mut tolerant = batches(&bytes).tolerating_partial_tail();
    let same = tolerant.by_ref().map_while(Result::ok).count();
    assert_eq!(whole.len(), same, "tolerance changes what is whole");
    assert_eq!(strict.position(), tolerant.position());
    for batch in &whole {
        batch.check_crc().expect("it was mended");
        one(batch);
    }
}

fn one(batch: &Batch<'_>) {
    let header = batch.header;
    assert_eq!(BatchHeader::parse(&header.to_bytes()), Ok(header));
    let Ok(section) = batch.uncompressed_records(CAP) else { return };
    assert!(header.codec() == Codec::None || section.len() <= CAP);
    let mut walk = batch.records(&section);
    let records: Vec<Record<'_>> = walk.by_ref().map_while(Result::ok).collect();
    let complete =
        i32::try_from(records.len()) == Ok(header.record_count) && walk.rest().is_empty();
    let checked = check_records(&section, &header);
    assert!(checked.is_err() || complete, "checked, and yet not to be walked");
    for codec in Codec::ALL {
        let anew = recompress_section(batch, codec, None, &section).expect("small enough");
        let anew = Batch::parse(&anew).expect("we wrote it");
        anew.check_crc().expect("we wrote it");
        assert_eq!(anew.header.codec(), codec);
        let back = anew.uncompressed_records(section.len()).expect("it takes what it took");
        assert_eq!(back, section, "{codec}");
    }
    if checked.is_ok() && !records.is_empty() {
        rebuild(&header, &records);
    }
    for record in &records {
        for (key, value) in record.headers {
            std::hint::black_box((key, value));
        }
        let _ = records::EndTxnMarker::parse(record);
    }
}

/// Built again, the records are the same, wherever the times are not at the ends of time.
fn rebuild(header: &BatchHeader, records: &[Record<'_>]) {
    let mut builder = BatchBuilder::new(Codec::None)
        .base_offset(header.base_offset)
        .base_timestamp(header.base_timestamp)
        .attributes(header.attributes.with_codec(Codec::None));
    for record in records {
        builder.push_record(record.timestamp(header), record);
    }
    let built = builder.build().expect("small enough");
    let batch = Batch::parse(&built).expect("we wrote it");
    let section = batch.uncompressed_records(CAP).expect("not compressed");
    let mut again = batch.records(&section);
    for record in records {
        let back = again.next().expect("as many").expect("we wrote it");
        assert_eq!(
            (back.offset_delta, back.key, back.value, back.headers.raw()),
            (record.offset_delta, record.key, record.value, record.headers.raw()),
        );
    }
    assert!(again.next().is_none());
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> =
        Codec::ALL.map(|codec| walser_fuzz::sample_batch(codec, 0)).to_vec();
    let mut two = walser_fuzz::sample_batch(Codec::None, 0);
    two.extend(walser_fuzz::sample_batch(Codec::Lz4, 2));
    seeds.push(two);
    seeds
}

walser_fuzz::target!(check, seeds);
