//! The bytes of one simulated file: as readers see them, as a loss of power leaves them, and the
//! changes in between.

use std::collections::BTreeSet;

use super::dice::Dice;

/// The smallest piece of a write that is whole or gone.
pub const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

/// The bytes of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// How many changes came before those.
    settled: u64,
    /// Pages that reads would have to get from the disk, by number.
    cold: BTreeSet<usize>,
}

/// What is in memory or not, as a whole.
const PAGE_BYTES: usize = 4096;

fn write(bytes: &mut Vec<u8>, position: usize, written: &[u8]) {
    let end = position + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(position..end) {
        place.copy_from_slice(written);
    }
}

impl Content {
    pub fn len(&self) -> usize {
        self.now.len()
    }

    pub fn read(&self, bytes: &mut [u8], position: u64) -> usize {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let there = self.now.get(position..).unwrap_or_default();
        let len = there.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(there) {
            *to = *from;
        }
        len
    }

    /// None of it is in memory any more.
    pub fn chill(&mut self) {
        self.cold = (0..self.now.len().div_ceil(PAGE_BYTES)).collect();
    }

    /// How many of the bytes from `position` on are in memory.
    pub fn in_memory(&self, position: u64, len: usize) -> usize {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let first_cold = self.cold.range(position / PAGE_BYTES..).next();
        let warm = first_cold.map_or(len, |page| (page * PAGE_BYTES).saturating_sub(position));
        warm.min(len)
    }

    /// The pages of a part are in memory from now on.
    pub fn warm(&mut self, position: u64, len: usize) {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let end = position.saturating_add(len);
        self.cold.retain(|page| (page + 1) * PAGE_BYTES <= position || page * PAGE_BYTES >= end);
    }

    pub fn write(&mut self, position: u64, bytes: Vec<u8>) {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        write(&mut self.now, position, &bytes);
        self.unsynced.push(Change::Write(position, bytes));
    }

    pub fn set_len(&mut self, len: usize) {
        self.now.resize(len, 0);
        self.unsynced.push(Change::SetLen(len));
    }

    /// How many changes there were so far: a sync that begins now makes no later one durable.
    pub fn changes(&self) -> u64 {
        self.settled + self.unsynced.len() as u64
    }

    /// Takes the unsynced changes among the first so many.
    fn settle(&mut self, changes: u64) -> Vec<Change> {
        let count = usize::try_from(changes.saturating_sub(self.settled)).unwrap_or(usize::MAX);
        let count = count.min(self.unsynced.len());
        self.settled += count as u64;
        self.unsynced.drain(..count).collect()
    }

    /// Makes the first so many changes durable.
    pub fn sync(&mut self, changes: u64) {
        for change in self.settle(changes) {
            match change {
                Change::Write(position, bytes) => write(&mut self.durable, position, &bytes),
                Change::SetLen(len) => self.durable.resize(len, 0),
            }
        }
    }

    /// A sync of the first so many changes failed: readers still see them, the disk never will.
    pub fn forget_unsynced(&mut self, changes: u64) {
        self.settle(changes);
    }

    /// Without dice everything unsynced is lost; with them each change has its own fate.
    pub fn crash(&mut self, dice: Option<&mut Dice>) {
        let unsynced = self.settle(u64::MAX);
        if let Some(dice) = dice {
            for change in unsynced {
                match (change, dice.roll() % 4) {
                    (_, 0) => {}
                    (Change::SetLen(len), _) => self.durable.resize(len, 0),
                    (Change::Write(position, bytes), 1) => self.tear(position, &bytes, dice),
                    (Change::Write(position, bytes), _) => {
                        write(&mut self.durable, position, &bytes);
                    }
                }
            }
        }
        self.now.clone_from(&self.durable);
    }

    /// Keeps some sectors of a write. The length may have grown all the same.
    fn tear(&mut self, position: usize, bytes: &[u8], dice: &mut Dice) {
        let end = position + bytes.len();
        if dice.coin() && self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        let mut at = position;
        let mut rest = bytes;
        while !rest.is_empty() {
            let in_sector = SECTOR_BYTES - at % SECTOR_BYTES;
            let (sector, after) = rest.split_at(in_sector.min(rest.len()));
            if dice.coin() {
                write(&mut self.durable, at, sector);
            }
            at += sector.len();
            rest = after;
        }
    }

    pub fn flip(&mut self, position: u64, bit: u32) -> bool {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let Some(byte) = self.now.get_mut(position) else { return false };
        *byte ^= 1 << (bit % 8);
        if let Some(byte) = self.durable.get_mut(position) {
            *byte ^= 1 << (bit % 8);
        }
        true
    }
}
