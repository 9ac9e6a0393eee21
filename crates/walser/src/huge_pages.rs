//! Keeps the kernel from backing memory of the process by huge pages of its own accord.
//!
//! A huge page makes 2 MB of memory resident for the first byte used of it, and again when a little of
//! what was given back is used: a broker that does nothing had 9 MB more with them, one with 10,000
//! partitions 35 MB, and none was faster. The allocator does not ask for them (its feature `no_thp`);
//! this is for machines where whoever does not ask gets them.

use rustix::thread::disable_transparent_huge_pages;

/// No huge pages from here on, in the whole process.
pub(crate) fn refuse() {
    if let Err(error) = disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages cannot be switched off; more memory will be resident");
    }
}

#[cfg(test)]
mod tests {
    use rustix::thread::transparent_huge_pages_are_disabled;

    #[test]
    fn they_are_off_in_the_process() {
        super::refuse();
        assert_eq!(transparent_huge_pages_are_disabled(), Ok(true));
    }
}
