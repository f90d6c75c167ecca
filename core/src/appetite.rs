//! How many entries a read may ask for, so that what it brings fits into memory: a `COUNT` says nothing about bytes.

use crate::command::Entry;

/// What one read should bring at most, unless a single entry is larger. A stream whose entries suddenly grow may bring more
/// once, by as much as they have grown.
pub(crate) const BUDGET: usize = 16 * 1024 * 1024;
/// How much slower than at once smaller entries are believed in: an eighth of the difference with each read.
const SLOWNESS: usize = 8;
/// How many entries of unknown size are asked for at once.
const FIRST: u32 = 16;

/// The count follows the sizes of the entries that came: it begins with one, doubles at most from read to read, and shrinks
/// at once.
#[derive(Debug)]
pub(crate) struct Appetite {
    budget: usize,
    /// What the largest entry of a read takes, lately.
    largest: usize,
    count: u32,
    max: u32,
}

impl Appetite {
    /// Never asks for more than `max` entries.
    pub(crate) fn new(max: u32) -> Appetite {
        Appetite { budget: BUDGET, largest: 0, count: 1, max: max.max(1) }
    }

    /// How many entries to ask for.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// A read has brought these.
    pub(crate) fn took(&mut self, entries: &[Entry]) {
        let Some(largest) = entries.iter().map(size).max() else { return };
        self.largest = match self.largest.checked_sub(largest) {
            Some(less) => self.largest - less / SLOWNESS,
            None => largest,
        };
        self.count = self.fits().min(self.max.min(self.count.saturating_mul(2)));
    }

    /// How many entries as large as those that came fit, for one who has reasons of his own to begin with few. As long as none
    /// came, not many.
    pub(crate) fn fits(&self) -> u32 {
        if self.largest == 0 {
            return FIRST;
        }
        u32::try_from(self.budget / self.largest.max(1)).unwrap_or(u32::MAX).max(1)
    }
}

/// How many bytes an entry takes, about: its names and values, and what a small one takes besides.
pub(crate) fn size(entry: &Entry) -> usize {
    let fields = entry.fields.iter().flatten();
    fields.map(|(name, value)| name.len() + value.len()).sum::<usize>() + 64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::testing::id;

    const MIB: usize = 1024 * 1024;

    fn entries(sizes: &[usize]) -> Vec<Entry> {
        let entry = |size: &usize| {
            let fields = Some(vec![(Bytes::new(), Bytes::from(vec![0; size.saturating_sub(64)]))]);
            Entry { id: id(1), fields }
        };
        sizes.iter().map(entry).collect()
    }

    fn after(sizes: &[usize]) -> Vec<u32> {
        let mut appetite = Appetite::new(256);
        let counts = sizes.iter().map(|size| {
            appetite.took(&entries(&[*size]));
            appetite.count()
        });
        counts.collect()
    }

    #[test]
    fn the_first_read_asks_for_one_entry() {
        assert_eq!(Appetite::new(256).count(), 1);
        assert_eq!(Appetite::new(0).count(), 1);
        assert_eq!(Appetite::new(1).fits(), 16, "for one who has reasons to ask for more");
    }

    #[test]
    fn the_count_grows_slowly_shrinks_at_once_and_is_never_below_one() {
        for (sizes, counts) in [
            (vec![100; 10], vec![2, 4, 8, 16, 32, 64, 128, 256, 256, 256]),
            (vec![MIB; 6], vec![2, 4, 8, 16, 16, 16]),
            (vec![100, 100, 100, 8 * MIB], vec![2, 4, 8, 2]),
            (vec![100, 100, 16 * MIB, 100, 100], vec![2, 4, 1, 1, 1]),
            (vec![64 * MIB, 64 * MIB], vec![1, 1]),
            (vec![0, 0, 0], vec![2, 4, 8]),
        ] {
            assert_eq!(after(&sizes), counts);
        }
    }

    #[test]
    fn after_large_entries_small_ones_are_believed_in_little_by_little() {
        let sizes = [vec![16 * MIB], vec![100; 100]].concat();
        let counts = after(&sizes);
        assert!(counts.is_sorted() && counts[20] < 256 && counts[100] == 256, "{counts:?}");
    }

    #[test]
    fn the_largest_entry_of_a_read_counts_and_an_empty_read_says_nothing() {
        let mut appetite = Appetite::new(256);
        for _ in 0..4 {
            appetite.took(&entries(&[100, 100]));
        }
        appetite.took(&[]);
        assert_eq!(appetite.count(), 16);
        appetite.took(&entries(&[100, 4 * MIB, 100]));
        assert_eq!(appetite.count(), 4);
    }

    /// Whatever sizes come one after the other: a read brings no more than the budget, unless the entries have grown.
    #[test]
    fn a_stream_of_entries_of_one_size_never_brings_more_than_the_budget() {
        for size in [1, 1000, 64 * 1024, MIB, 3 * MIB, 9 * MIB, 17 * MIB] {
            let mut appetite = Appetite::new(512);
            for _ in 0..12 {
                let count = appetite.count();
                assert!(count as usize * size <= BUDGET.max(size), "{count} of {size}");
                appetite.took(&entries(&[size]));
            }
        }
    }
}
