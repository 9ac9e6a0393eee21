//! The last offset of each key in the dirty part of a log, at 16 bytes a key.
//!
//! A slot holds 96 bits of the key's hash and the offset, counted from where the map begins, in 32. Two
//! keys are taken for one when their 96 bits are the same: for the 7 million keys that the default
//! size holds, the chance of one such pair is 1 in 2^51; 64 bits would make it 1 in 2^19, which a
//! cluster that compacts for years would meet. The hash has a secret, so nobody can provoke it.
//!
//! Open addressing with linear probing: neighbours share a cache line. The size is fixed when it is
//! made; whoever fills it asks for room first and stops where there is none.

use records::Offset;

use super::hash::{Secret, hash};

/// Bytes of a slot.
pub(crate) const SLOT_BYTES: usize = 16;

/// Keys that are looked up together, see [`KeyMap::fetch`]: their slots fit into the innermost cache.
pub(crate) const LOOKED_UP_TOGETHER: usize = 256;

/// The first three words are of the hash; the fourth is the offset plus one, 0 where it is free.
type Slot = [u32; 4];
const _: () = assert!(size_of::<Slot>() == SLOT_BYTES);

/// How large a map may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MapSize {
    pub bytes_max: usize,
    /// The share of slots that may be used.
    pub load_factor: f64,
}

/// What is compared of a key, and where it belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed {
    place: usize,
    words: [u32; 3],
}

/// Keys and their last offsets.
#[derive(Debug)]
pub(crate) struct KeyMap {
    slots: Vec<Slot>,
    used: usize,
    used_max: usize,
    secret: Secret,
    from: Offset,
    /// Every record before this was entered.
    end: Offset,
}

impl KeyMap {
    /// A map for the offsets `from` up to `end` (exclusive), of no more slots than there are offsets.
    pub fn new(size: MapSize, secret: Secret, from: Offset, end: Offset) -> KeyMap {
        let load = size.load_factor.clamp(0.01, 0.99);
        let most = (size.bytes_max / SLOT_BYTES).max(2);
        let offsets = usize::try_from(end - from).unwrap_or(usize::MAX);
        let slots = slots_for(offsets, load).min(most);
        KeyMap::with_slots(slots, used_max(slots, load), secret, from)
    }

    fn with_slots(slots: usize, used_max: usize, secret: Secret, from: Offset) -> KeyMap {
        KeyMap { slots: vec![[0; 4]; slots], used: 0, used_max, secret, from, end: from }
    }

    /// Whether this many keys more have room, the last of them at `last`. A map without any key makes
    /// room: one batch has to fit, or nothing would ever be compacted.
    pub fn make_room(&mut self, keys: usize, last: Offset) -> bool {
        if u32::try_from(last - self.from).map_or(true, |relative| relative == u32::MAX) {
            return false;
        }
        if self.used + keys <= self.used_max {
            return true;
        }
        if self.used > 0 {
            return false;
        }
        let slots = slots_for(keys, 0.5);
        let end = self.end;
        *self = KeyMap { end, ..KeyMap::with_slots(slots, keys, self.secret, self.from) };
        true
    }

    /// What a key is known by. Good until room is made again.
    pub fn hashed(&self, key: &[u8]) -> Hashed {
        let (first, second) = hash(self.secret, key);
        let words = [low(first), low(first >> 32), low(second)];
        Hashed { place: place_of(first, self.slots.len()), words }
    }

    /// Has the slots of some keys brought from memory together: one after the other, each would be
    /// waited for, and that is most of what a map larger than the caches costs.
    pub fn fetch(&self, keys: impl Iterator<Item = Hashed>) {
        let slots = keys.filter_map(|key| self.slots.get(key.place));
        std::hint::black_box(slots.fold(0, |all, slot| all ^ slot[3]));
    }

    /// The last record of a key so far is at `offset`.
    pub fn put(&mut self, key: Hashed, offset: Offset) {
        let Ok(relative) = u32::try_from(offset - self.from) else { return };
        let Some(at) = self.find(key) else { return };
        let Some(slot) = self.slots.get_mut(at) else { return };
        self.used += usize::from(slot[3] == 0);
        let [first, second, third] = key.words;
        *slot = [first, second, third, relative.saturating_add(1)];
    }

    /// Where the last record of a key is, if one was entered.
    pub fn get(&self, key: Hashed) -> Option<Offset> {
        let [.., relative] = *self.slots.get(self.find(key)?)?;
        let relative = relative.checked_sub(1)?;
        Some(self.from.plus(i64::from(relative)))
    }

    /// Everything before `end` was entered.
    pub fn entered(&mut self, end: Offset) {
        self.end = self.end.max(end);
    }

    /// Every record before this was entered; nothing is known of what follows.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.used
    }

    /// The slot that holds the key, or the free one where it belongs.
    fn find(&self, Hashed { place, words }: Hashed) -> Option<usize> {
        let wanted = |(_, slot): &(usize, &Slot)| {
            slot[3] == 0 || (slot[0] == words[0] && slot[1] == words[1] && slot[2] == words[2])
        };
        let (before, after) = self.slots.split_at_checked(place)?;
        let found = after.iter().enumerate().find(wanted).map(|(at, _)| at + place);
        found.or_else(|| before.iter().enumerate().find(wanted).map(|(at, _)| at))
    }
}

fn low(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default()
}

/// The upper bits, spread evenly over the slots.
fn place_of(hash: u64, slots: usize) -> usize {
    let slots = u128::try_from(slots).unwrap_or_default();
    usize::try_from((u128::from(hash) * slots) >> 64).unwrap_or_default()
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a number of slots, which needs no more digits than a float has"
)]
fn used_max(slots: usize, load: f64) -> usize {
    // One slot stays free, so that a search ends.
    ((slots as f64 * load) as usize).clamp(1, slots.saturating_sub(1).max(1))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a number of slots, which needs no more digits than a float has"
)]
fn slots_for(keys: usize, load: f64) -> usize {
    ((keys as f64 / load) as usize).saturating_add(2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SECRET: Secret = Secret(1, 2);

    #[test]
    fn the_last_offset_of_each_key_is_found() {
        let size = MapSize { bytes_max: 1 << 20, load_factor: 0.9 };
        let mut map = KeyMap::new(size, SECRET, Offset(1000), Offset(50_000));
        let mut model = BTreeMap::new();
        for n in 0..40_000_i64 {
            let key = format!("key-{}", (n * 7919) % 10_007);
            let offset = Offset(1000 + n);
            assert!(map.make_room(1, offset));
            map.put(map.hashed(key.as_bytes()), offset);
            model.insert(key, offset);
        }
        assert_eq!(map.len(), model.len());
        for (key, offset) in &model {
            assert_eq!(map.get(map.hashed(key.as_bytes())), Some(*offset), "{key}");
        }
        assert_eq!(map.get(map.hashed(b"never written")), None);
    }

    #[test]
    fn a_full_map_says_so_and_still_finds() {
        let size = MapSize { bytes_max: 100 * SLOT_BYTES, load_factor: 0.9 };
        let mut map = KeyMap::new(size, SECRET, Offset(0), Offset(1_000_000));
        let mut entered = 0_i64;
        while map.make_room(1, Offset(entered)) {
            map.put(map.hashed(&entered.to_be_bytes()), Offset(entered));
            entered += 1;
        }
        assert_eq!(entered, 90);
        for n in 0..entered {
            assert_eq!(map.get(map.hashed(&n.to_be_bytes())), Some(Offset(n)));
        }
        assert_eq!(map.get(map.hashed(b"other")), None);
    }

    #[test]
    fn one_batch_always_fits_and_the_offsets_have_a_limit() {
        let size = MapSize { bytes_max: 1, load_factor: 0.9 };
        let mut map = KeyMap::new(size, SECRET, Offset(0), Offset(1_000_000));
        assert!(map.make_room(5000, Offset(4999)));
        for n in 0..5000_i64 {
            map.put(map.hashed(&n.to_be_bytes()), Offset(n));
        }
        assert_eq!(map.get(map.hashed(&77_i64.to_be_bytes())), Some(Offset(77)));
        assert!(!map.make_room(1, Offset(5000)), "there is room for the first batch only");

        let size = MapSize { bytes_max: 1 << 20, load_factor: 0.9 };
        let mut map = KeyMap::new(size, SECRET, Offset(5), Offset(1 << 40));
        assert!(map.make_room(1, Offset(5 + i64::from(u32::MAX) - 1)));
        assert!(!map.make_room(1, Offset(5 + i64::from(u32::MAX))));
    }
}
