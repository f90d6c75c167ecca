//! A table in the order of its keys, for keys that mostly come in order and mostly go from the front: ids of entries, turns,
//! numbers of jobs. Both cost next to nothing then, and no memory is asked for once it has grown.

use std::cmp::Ordering;
use std::collections::VecDeque;

/// How many gaps may stay, besides as many as there are values.
const GAPS: usize = 32;

/// What was removed from the middle leaves a gap, until it is at an end or there are too many.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V> {
    /// In the order of the keys; neither the first nor the last is a gap.
    places: VecDeque<(K, Option<V>)>,
    len: usize,
    /// Where something was found last: it is often asked for again, or the next one is.
    last: usize,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table { places: VecDeque::new(), len: 0, last: 0 }
    }
}

impl<K: Copy + Ord, V> Table<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether all keys are below this one.
    pub(crate) fn is_beyond(&self, key: K) -> bool {
        self.places.back().is_none_or(|(last, _)| *last < key)
    }

    /// Where a key is.
    #[inline]
    fn find(&self, key: K) -> Option<usize> {
        let (first, _) = self.places.front()?;
        match key.cmp(first) {
            Ordering::Less => None,
            Ordering::Equal => Some(0),
            Ordering::Greater => {
                // It is often asked for again, or the next one is.
                let is_at = |at| self.places.get(at).is_some_and(|(its, _)| *its == key);
                let usual = [self.last, self.last + 1].into_iter().find(|at| is_at(*at));
                usual.or_else(|| self.search(key))
            }
        }
    }

    fn search(&self, key: K) -> Option<usize> {
        if self.is_beyond(key) {
            return None;
        }
        self.places.binary_search_by_key(&key, |(key, _)| *key).ok()
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.places.get(self.find(key)?)?.1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let at = self.find(key)?;
        self.last = at;
        self.places.get_mut(at)?.1.as_mut()
    }

    pub(crate) fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value in; gives what was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        // What is new mostly is the last one.
        if self.is_beyond(key) {
            self.places.push_back((key, Some(value)));
            self.len += 1;
            return None;
        }
        let before = match self.places.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => self.places[at].1.replace(value),
            Err(at) => {
                self.places.insert(at, (key, Some(value)));
                None
            }
        };
        self.len += usize::from(before.is_none());
        before
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let at = self.find(key)?;
        let value =
            if at == 0 { self.places.pop_front()?.1 } else { self.places.get_mut(at)?.1.take() };
        self.len -= usize::from(value.is_some());
        if at == 0 {
            self.last = self.last.saturating_sub(1);
            while self.places.front().is_some_and(|(_, value)| value.is_none()) {
                self.places.pop_front();
                self.last = self.last.saturating_sub(1);
            }
            return value;
        }
        while self.places.back().is_some_and(|(_, value)| value.is_none()) {
            self.places.pop_back();
        }
        if self.places.len() > 2 * self.len + GAPS {
            self.places.retain(|(_, value)| value.is_some());
        }
        value
    }

    /// The value with the lowest key.
    pub(crate) fn first(&self) -> Option<(K, &V)> {
        let (key, value) = self.places.front()?;
        Some((*key, value.as_ref()?))
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.places.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::Lcg;

    #[test]
    fn it_is_an_ordered_map_whatever_comes_and_goes() {
        for seed in 0..50 {
            let mut random = Lcg(seed);
            let (mut table, mut map) = (Table::default(), BTreeMap::new());
            let (mut newest, span) = (0, 1 + random.below(200));
            for step in 0..2_000 {
                let any = random.below(newest + 2);
                match random.below(if step < 1_500 { 8 } else { 20 }) {
                    // In order, with gaps between them.
                    0..=2 if map.len() < 500 => {
                        newest += 1 + random.below(3);
                        assert_eq!(table.insert(newest, step), map.insert(newest, step));
                    }
                    // Anywhere, some of them again.
                    3 => assert_eq!(table.insert(any, step), map.insert(any, step)),
                    4 if map.len() as u64 > span => {
                        let first = table.first().map(|(key, _)| key);
                        assert_eq!(first, map.keys().next().copied());
                        assert_eq!(
                            first.map(|key| table.remove(key)),
                            map.pop_first().map(|(_, value)| Some(value))
                        );
                    }
                    5 => assert_eq!(table.remove(any), map.remove(&any)),
                    6 => {
                        assert_eq!(table.get_mut(any).map(|value| *value += 1).is_some(), {
                            map.get_mut(&any).map(|value| *value += 1).is_some()
                        });
                    }
                    _ => {
                        let near = map.keys().nth(usize::try_from(random.below(5)).unwrap());
                        let near = near.copied().unwrap_or(7);
                        assert_eq!(table.remove(near), map.remove(&near));
                    }
                }
                assert_eq!(table.get(any), map.get(&any));
                assert_eq!(table.contains(any), map.contains_key(&any));
                assert_eq!((table.len(), table.is_empty()), (map.len(), map.is_empty()));
                assert_eq!(table.first(), map.first_key_value().map(|(key, value)| (*key, value)));
                assert!(table.places.len() <= 2 * table.len() + GAPS);
            }
            assert!(table.iter().eq(map.iter().map(|(key, value)| (*key, value))), "seed {seed}");
            while let Some((key, _)) = table.first() {
                table.remove(key);
            }
            assert!(table.places.is_empty());
        }
    }
}
