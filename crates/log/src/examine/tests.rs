//! Segments of single batches with one thing wrong, or two.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use env::disk::OpenMode;
use env::sim::Sim;
use records::{BatchBuilder, Codec, Timestamp};

use super::*;

/// A segment: batches by their base offsets and how many records each has.
struct Field {
    bytes: Vec<u8>,
    /// Where each batch begins, and the end.
    places: Vec<usize>,
    base: Offset,
    end: Offset,
}

impl Field {
    fn of(batches: &[(i64, u32)]) -> Field {
        let (mut bytes, mut places) = (Vec::new(), vec![0]);
        for (base, count) in batches {
            let mut builder = BatchBuilder::new(Codec::None);
            for n in 0..*count {
                let value = format!("record {n} of the batch at {base}");
                builder.push(Timestamp(i64::from(n)), None, Some(value.as_bytes()), &[]);
            }
            let mut batch = builder.build().unwrap().to_vec();
            batch[..8].copy_from_slice(&base.to_be_bytes());
            batch[12..16].copy_from_slice(&7_i32.to_be_bytes());
            bytes.extend(batch);
            places.push(bytes.len());
        }
        let base = Offset(batches.first().map_or(0, |(base, _)| *base));
        let end = batches.last().map_or(base, |(base, count)| Offset(base + i64::from(*count)));
        Field { bytes, places, base, end }
    }

    fn flip(&mut self, batch: usize, byte: usize, bit: u32) {
        self.bytes[self.places[batch] + byte] ^= 1 << bit;
    }

    fn look(&self, is_exact: bool) -> Vec<Flaw> {
        let sim = Sim::new(1);
        let disk = sim.disk as Arc<dyn env::Disk>;
        let file = disk.open(Path::new("/segment"), OpenMode::Create).unwrap();
        file.write_all_at(&[IoSlice::new(&self.bytes)], 0).unwrap();
        let plot = Plot {
            file: &*file,
            base: self.base,
            size: u32::try_from(self.bytes.len()).unwrap(),
            end: self.end,
            is_exact,
            contiguous_from: Offset::MAX,
            epoch_of: &|_| Some(LeaderEpoch(7)),
        };
        examine(&plot, &mut |_| true).unwrap()
    }

    /// The batches and offsets that are taken out.
    fn check(&self, expected: &[(usize, usize, i64, i64)]) {
        let found = self.look(true);
        let place = |position: u32| {
            let position = to_usize(position);
            self.places.iter().position(|place| *place == position).unwrap_or(usize::MAX)
        };
        let found: Vec<_> = found
            .iter()
            .map(|flaw| (place(flaw.position), place(flaw.end_position), flaw.first.0, flaw.end.0))
            .collect();
        assert_eq!(found, expected);
    }
}

fn plain() -> Field {
    Field::of(&[(10, 2), (12, 3), (15, 1), (16, 4), (20, 2)])
}

#[test]
fn what_was_written_has_no_flaw() {
    plain().check(&[]);
    Field::of(&[(10, 2), (14, 1), (20, 1), (22, 3)]).check(&[]);
    Field::of(&[]).check(&[]);
}

/// Wherever a bit flips, the batch that has it goes, and no other.
#[test]
fn a_flipped_bit_takes_one_batch() {
    let whole = plain();
    let offsets = [10, 12, 15, 16, 20, 22];
    for (batch, ends) in whole.places.windows(2).enumerate() {
        for byte in 0..ends[1] - ends[0] {
            for bit in [0, 3, 7] {
                let mut field = plain();
                field.flip(batch, byte, bit);
                let found = field.look(true);
                assert_eq!(found.len(), 1, "batch {batch}, byte {byte}, bit {bit}: {found:?}");
                let positions = (to_usize(found[0].position), to_usize(found[0].end_position));
                assert_eq!(positions, (ends[0], ends[1]), "batch {batch}, byte {byte}, bit {bit}");
                let range = (found[0].first.0, found[0].end.0);
                assert_eq!(range, (offsets[batch], offsets[batch + 1]), "{batch}, {byte}, {bit}");
            }
        }
    }
}

/// In what is compacted an offset may be wrong and fit all the same; nothing else goes unnoticed.
#[test]
fn with_gaps_all_but_an_offset_in_a_gap_is_noticed() {
    let batches = [(8, 2), (14, 1), (20, 1), (21, 3), (40, 1)];
    let whole = Field::of(&batches);
    for (batch, ends) in whole.places.windows(2).enumerate() {
        for byte in 0..ends[1] - ends[0] {
            for bit in 0..8 {
                let mut field = Field::of(&batches);
                field.flip(batch, byte, bit);
                let found = field.look(true);
                let is_out = |position: usize| {
                    found.iter().any(|flaw| {
                        to_usize(flaw.position) <= position
                            && position < to_usize(flaw.end_position)
                    })
                };
                assert!(byte < 8 || is_out(ends[0]), "batch {batch}, byte {byte}, bit {bit}");
                if byte >= 8 {
                    assert_eq!(found.len(), 1);
                    assert_eq!(to_usize(found[0].end_position), ends[1], "{batch} {byte} {bit}");
                }
            }
        }
    }
}

#[test]
fn damage_in_several_places_leaves_what_is_between() {
    let mut field = plain();
    field.flip(0, 70, 1);
    field.flip(2, 70, 1);
    field.flip(4, 70, 1);
    field.check(&[(0, 1, 10, 12), (2, 3, 15, 16), (4, 5, 20, 22)]);
    let mut field = plain();
    field.flip(1, 70, 1);
    field.flip(2, 70, 1);
    field.check(&[(1, 3, 12, 16)]);
    // No length to go by: what was found by searching counts only where another follows.
    let mut field = plain();
    field.flip(1, 9, 1);
    field.flip(3, 70, 1);
    field.check(&[(1, 4, 12, 20)]);
    let mut field = plain();
    field.flip(3, 9, 1);
    field.check(&[(3, 4, 16, 20)]);
}

#[test]
fn a_lost_end_and_zeros_are_damage_up_to_the_next_batch_or_the_end() {
    let mut field = plain();
    field.bytes.truncate(field.places[3]);
    field.check(&[(3, 3, 16, 22)]);
    field.bytes.truncate(field.places[3] - 1);
    assert_eq!(field.look(true).len(), 1);
    assert_eq!((field.look(true)[0].first.0, field.look(true)[0].end.0), (15, 22));
    let mut field = plain();
    let (from, to) = (field.places[1], field.places[4]);
    field.bytes[from..to].fill(0);
    field.check(&[(1, 4, 12, 20)]);
    let mut field = plain();
    field.bytes.fill(0);
    field.check(&[(0, 5, 10, 22)]);
}

/// The records of a damaged batch are anyone's: a batch among them is no batch of the log.
#[test]
fn a_batch_inside_a_record_is_not_taken_for_one_of_the_log() {
    let inner = Field::of(&[(13, 1)]).bytes;
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(Timestamp(1), None, Some(&inner), &[]);
    let mut outer = builder.build().unwrap().to_vec();
    outer[..8].copy_from_slice(&12_i64.to_be_bytes());
    outer[12..16].copy_from_slice(&7_i32.to_be_bytes());
    let (first, last) = (Field::of(&[(10, 2)]), Field::of(&[(13, 2), (15, 1)]));
    let mut field = Field::of(&[(10, 2), (12, 1), (13, 2), (15, 1)]);
    field.bytes = [&first.bytes[..], &outer, &last.bytes].concat();
    let ends = first.bytes.len() + outer.len();
    field.places = vec![0, first.bytes.len(), ends, ends + last.places[1], field.bytes.len()];
    for byte in [9, 16, 20, 70] {
        field.flip(1, byte, 2);
        field.check(&[(1, 2, 12, 13)]);
        field.flip(1, byte, 2);
    }
}

/// The list of epochs has no checksum: what is wrong may be the list.
#[test]
fn a_list_of_epochs_that_no_batch_agrees_with_is_not_believed() {
    let mut field = plain();
    for batch in 0..5 {
        field.flip(batch, 15, 2);
    }
    field.check(&[]);
    // From one batch on.
    let mut field = plain();
    for batch in 2..5 {
        field.flip(batch, 15, 2);
    }
    field.check(&[]);
    let mut field = Field::of(&[(10, 2)]);
    field.flip(0, 15, 2);
    field.check(&[]);
}

#[test]
fn the_pace_ends_it() {
    let field = plain();
    let sim = Sim::new(1);
    let disk = sim.disk as Arc<dyn env::Disk>;
    let file = disk.open(Path::new("/segment"), OpenMode::Create).unwrap();
    file.write_all_at(&[IoSlice::new(&field.bytes)], 0).unwrap();
    let plot = Plot {
        file: &*file,
        base: field.base,
        size: u32::try_from(field.bytes.len()).unwrap(),
        end: field.end,
        is_exact: true,
        contiguous_from: Offset::MAX,
        epoch_of: &|_| None,
    };
    assert!(matches!(examine(&plot, &mut |_| false), Err(Unexamined::Stopped)));
}
