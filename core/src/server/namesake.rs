//! Another request under the id of one that is held: a store whose clock went back, and that lost its last entries, gives ids again.
//!
//! What is held of the earlier one must not be taken for the later one: its ack would end a request that was never run. So
//! the later one waits until the earlier one is answered, and then comes in as if it were delivered just then.

use super::Shared;
use super::entry::Stage;
use super::service::Service;
use crate::command::{Entry, StreamId};
use crate::time::Time;

/// An entry that waits for its namesake's end, as it was delivered.
#[derive(Debug)]
pub(super) struct Namesake {
    entry: Entry,
    deliveries: Option<u64>,
    asked: Time,
}

/// What tells entries of one id apart: a digest of the longest thing in them, which is the envelope. Zero for one of which
/// nothing is left.
pub(super) fn mark(entry: &Entry) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let Some(fields) = &entry.fields else { return 0 };
    let longest = fields.iter().map(|(_, value)| value).max_by_key(|value| value.len());
    let Some(value) = longest else { return 1 };
    let stir = |mark: u64, word: u64| (mark.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    // Four at once, which don't wait for each other.
    let (blocks, rest) = value.as_chunks::<32>();
    let mut marks = [value.len() as u64, 1, 2, 3];
    for block in blocks {
        for (mark, word) in marks.iter_mut().zip(block.as_chunks::<8>().0) {
            *mark = stir(*mark, u64::from_le_bytes(*word));
        }
    }
    let mut mark = marks.into_iter().fold(0, stir);
    for word in rest.as_chunks::<8>().0 {
        mark = stir(mark, u64::from_le_bytes(*word));
    }
    // The rest, with what is before it, or all of what is shorter than a word.
    let rest = value.last_chunk::<8>().map_or_else(
        || value.iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte)),
        |word| u64::from_le_bytes(*word),
    );
    stir(mark, rest).max(1)
}

impl Service {
    /// An entry was delivered under an id that is held. If it is another one, it has its turn later.
    pub(super) fn meet_again(
        &mut self,
        shared: &mut Shared,
        entry: Entry,
        deliveries: Option<u64>,
        asked: Time,
    ) {
        let mark = mark(&entry);
        let is_other = |known: u64| known != 0 && mark != 0 && known != mark;
        if self.held.mark(entry.id).is_some_and(is_other) {
            let namesake = Namesake { entry, deliveries, asked };
            self.namesakes.insert(namesake.entry.id, namesake);
            self.meet_namesakes(shared);
        }
    }

    /// Lets those come in whose namesakes are answered: their acks, as far as they haven't left, must not leave any more.
    pub(super) fn meet_namesakes(&mut self, shared: &mut Shared) {
        let ids: Vec<StreamId> = self.namesakes.keys().copied().collect();
        for id in ids {
            let is_done = match self.held.stage(id) {
                None => true,
                Some(Stage::Acking) => !self.acked.contains(&id),
                Some(_) => false,
            };
            if !is_done {
                continue;
            }
            self.acks.retain(|ack| *ack != id);
            self.held.remove(id);
            if let Some(Namesake { entry, deliveries, asked }) = self.namesakes.remove(&id) {
                self.deliver(shared, entry, deliveries, asked);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_other_contents_have_other_marks() {
        let entry = |envelope: &str| {
            let envelope = envelope.to_owned().into();
            let fields = vec![("type".into(), "".into()), ("envelope".into(), envelope)];
            mark(&Entry { id: StreamId::MIN, fields: Some(fields) })
        };
        let mut texts: Vec<String> =
            ["", "a", "b", "ab", "ba", "12345678", "12345679"].map(str::to_owned).into();
        // Long ones that differ in one place, or in the order of their words.
        for len in [9, 31, 32, 33, 64, 71, 100] {
            let text: String = ('0'..='z').cycle().take(len).collect();
            texts.extend((0..len).map(|at| format!("{}~{}", &text[..at], &text[at + 1..])));
            texts.extend((8..len).step_by(8).map(|at| format!("{}{}", &text[at..], &text[..at])));
            texts.push(text);
        }
        for (at, text) in texts.iter().enumerate() {
            assert_eq!(entry(text), entry(text));
            assert!(texts[..at].iter().all(|other| entry(other) != entry(text)), "{text}");
        }
        assert_eq!(mark(&Entry { id: StreamId::MIN, fields: None }), 0, "nothing is left of it");
    }
}
