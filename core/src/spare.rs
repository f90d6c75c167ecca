//! Memory that is used again: what comes in makes room for what goes out.

use bytes::{Bytes, BytesMut};

use crate::command::Fields;

/// How many lists of fields are kept.
const LISTS: usize = 256;
/// A request has so many fields. Shorter lists would have to grow.
const SHORTEST: usize = 3;
/// Longer lists are nobody's requests and replies.
const LONGEST: usize = 4;
/// What is this small is put together with others.
const SMALL: usize = 512;
/// How much memory small ones share. It is given back when all of them are gone.
const CHUNK: usize = 8 * 1024;

/// Lists of fields that were read, and memory for small messages.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    lists: Vec<Fields>,
    chunk: BytesMut,
}

impl Spare {
    /// These fields were read, and are done with.
    pub(crate) fn keep(&mut self, mut fields: Fields) {
        if (SHORTEST..=LONGEST).contains(&fields.capacity()) && self.lists.len() < LISTS {
            fields.clear();
            self.lists.push(fields);
        }
    }

    /// An empty list.
    pub(crate) fn list(&mut self) -> Fields {
        self.lists.pop().unwrap_or_else(|| Vec::with_capacity(SHORTEST))
    }

    /// A message in memory that many share. What it came in is given back at once, and is at hand for the next one.
    pub(crate) fn share(&mut self, message: impl AsRef<[u8]> + Into<Bytes>) -> Bytes {
        let bytes = message.as_ref();
        if bytes.len() > SMALL {
            return message.into();
        }
        if self.chunk.capacity() < bytes.len() && !self.chunk.try_reclaim(CHUNK) {
            self.chunk = BytesMut::with_capacity(CHUNK);
        }
        self.chunk.extend_from_slice(bytes);
        self.chunk.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(len: usize) -> Fields {
        let mut list = Fields::with_capacity(len);
        list.extend((0..len).map(|_| (Bytes::new(), Bytes::from_static(b"old"))));
        list
    }

    #[test]
    fn a_list_that_was_read_is_used_again_and_is_empty_then() {
        let mut spare = Spare::default();
        spare.keep(list(3));
        assert!(spare.list().is_empty() && spare.lists.is_empty());
        assert!(spare.list().is_empty(), "there is always another one");
    }

    #[test]
    fn only_so_many_lists_are_kept_and_none_that_is_long_or_would_have_to_grow() {
        let mut spare = Spare::default();
        (0..2 * LISTS).for_each(|_| spare.keep(list(3)));
        assert_eq!(spare.lists.len(), LISTS);
        let mut spare = Spare::default();
        spare.keep(list(LONGEST + 1));
        spare.keep(list(SHORTEST - 1));
        assert!(spare.lists.is_empty());
    }

    #[test]
    fn messages_of_every_size_stay_what_they_are() {
        let mut spare = Spare::default();
        let message = |at: usize| vec![at as u8; at % (2 * SMALL)];
        let shared: Vec<Bytes> = (0..3000).map(|at| spare.share(message(at))).collect();
        for (at, shared) in shared.iter().enumerate() {
            assert_eq!(shared, &message(at));
        }
    }
}
