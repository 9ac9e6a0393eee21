//! Lists of one chunk and of more beside what a `Vec` does, and what copies share.

use super::*;

fn counted(len: usize) -> SharedList<usize> {
    let mut list = SharedList::default();
    (0..len).for_each(|value| list.push(value));
    list
}

#[test]
fn it_is_what_a_vec_is() {
    for len in [0, 1, CHUNK_MAX - 1, CHUNK_MAX, CHUNK_MAX + 1, 3 * CHUNK_MAX] {
        let list = counted(len);
        assert_eq!((list.len(), list.is_empty()), (len, len == 0));
        assert!(list.iter().copied().eq(0..len));
        assert!((0..len).all(|place| list.get(place) == Some(&place)));
        assert_eq!(list.get(len), None);
        assert_eq!(list, counted(len));
        assert_ne!(list, counted(len + 1));
    }
}

#[test]
fn a_change_leaves_copies_as_they_were_and_makes_one_chunk_anew() {
    let before = counted(2 * CHUNK_MAX + 5);
    let mut after = before.clone();
    *after.get_mut(CHUNK_MAX).unwrap() = 0;
    after.push(7);
    assert_eq!(before, counted(2 * CHUNK_MAX + 5));
    assert_eq!(after.get(CHUNK_MAX), Some(&0));
    assert_eq!((after.len(), after.get(2 * CHUNK_MAX + 5)), (before.len() + 1, Some(&7)));
    let shared = before.chunks.iter().zip(&after.chunks).map(|(a, b)| Arc::ptr_eq(a, b));
    assert_eq!(shared.collect::<Vec<_>>(), [true, false, false]);
    assert!(after.get_mut(after.len()).is_none());
}
