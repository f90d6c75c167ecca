//! How far the reply stream was read, and whether it still is that stream: it may be lost and made anew on a connection that
//! lives (FLUSHALL, failover), with ids at or below the last one that was read; and entries may be trimmed before they were read.
//!
//! Nothing of that shows in a read. So while callers wait, the store is asked about the stream from time to time, and its
//! answer is compared with what was read up to the question.

use std::time::Duration;

use crate::command::{StreamId, StreamInfo};
use crate::time::Time;

/// A read that brought nothing is reason to ask, but not more often than this.
const AFTER_NOTHING: Duration = Duration::from_millis(500);
/// Reads that bring something say little of what is missing: it is asked all the same.
const AFTER_SOMETHING: Duration = Duration::from_secs(1);

/// What the answer about the stream means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is wrong, as far as can be told.
    Fine,
    /// It may be another stream than before: it is read from its start, to be sure.
    ReadAgain,
    /// It is another stream than before, or gone: it is read from its start.
    Anew,
    /// So many entries were removed before they were read.
    Trimmed(u64),
}

/// Which of the questions to the store an answer is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question(u64);

/// What was known when the store was asked.
#[derive(Debug)]
struct Asked {
    question: Question,
    high: StreamId,
    count: Option<u64>,
}

/// What the store had up to an entry.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: StreamId,
    added: u64,
    length: u64,
}

/// The reader's place in the reply stream.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The store is to keep about this many entries.
    limit: u64,
    /// The next read goes on after this entry.
    cursor: StreamId,
    /// It was started over since the last read left: what that brings isn't where the next one goes on.
    stale: bool,
    /// The highest entry that was read of this stream.
    high: StreamId,
    /// How many were added to it up to that one; unknown for a stream that was there before.
    count: Option<u64>,
    /// There was another one before it, which this client has seen.
    lost_one: bool,
    /// When its first entry was read.
    first_read: Option<Time>,
    /// It was read again from its start, to be sure.
    read_again: bool,
    /// How many had been added up to which entry, and how many of them were there, as the store has said.
    mark: Option<Mark>,
    /// More is there than was read, below what was read: it is another stream than before.
    skipped: bool,
    asked: Option<Asked>,
    asked_at: Time,
    /// How many questions there were.
    questions: u64,
    /// The store doesn't answer such questions.
    refused: bool,
}

impl Watch {
    pub(crate) fn new(limit: u64, now: Time) -> Watch {
        Watch {
            limit,
            cursor: StreamId::MIN,
            stale: false,
            high: StreamId::MIN,
            count: Some(0),
            lost_one: false,
            first_read: None,
            read_again: false,
            mark: None,
            skipped: false,
            asked: None,
            asked_at: now,
            questions: 0,
            refused: false,
        }
    }

    /// The next read goes on after this entry.
    pub(crate) fn cursor(&self) -> StreamId {
        self.cursor
    }

    /// A read leaves. It goes on after this entry.
    pub(crate) fn leave(&mut self) -> StreamId {
        self.stale = false;
        self.cursor
    }

    /// Reads from the start. What was read before belongs to no call any more.
    pub(crate) fn start_over(&mut self) {
        self.cursor = StreamId::MIN;
        self.stale = true;
        self.asked = None;
        self.mark = None;
        self.skipped = false;
        self.refused = false;
    }

    /// An entry was read; `expected` says whether it was a reply to a call of this client. How many entries before it were
    /// removed unread.
    pub(crate) fn read(&mut self, now: Time, entry: StreamId, expected: bool) -> u64 {
        if self.stale {
            return 0;
        }
        self.cursor = entry;
        if entry <= self.high {
            return 0;
        }
        if self.first_read.is_none() {
            self.first_read = Some(now);
            // The stream was there before this client: nobody knows what was in it.
            if !expected && !self.lost_one {
                self.count = None;
            }
        }
        let mut lost = 0;
        if let Some(mark) = self.mark.filter(|mark| mark.at < entry) {
            lost = self.caught_up(mark);
        }
        self.high = entry;
        self.count = self.count.map(|count| count.saturating_add(1));
        if let Some(mark) = self.mark.filter(|mark| mark.at == entry) {
            lost = self.caught_up(mark);
        }
        lost
    }

    /// All up to the mark was read or is gone. How many are gone: none, if more is there than was read, since then the rest is below what
    /// was read of the stream before.
    fn caught_up(&mut self, mark: Mark) -> u64 {
        self.mark = None;
        self.high = self.high.max(mark.at);
        self.skipped |= self.count.is_some_and(|count| mark.length > count);
        let lost = self.count.map_or(0, |count| mark.added.saturating_sub(count));
        self.count = Some(mark.added);
        if self.skipped { 0 } else { lost }
    }

    /// Whether to ask about the stream after a read, which brought `nothing` or something.
    pub(crate) fn wants_to_ask(&self, now: Time, nothing: bool) -> bool {
        let every = if nothing { AFTER_NOTHING } else { AFTER_SOMETHING };
        !self.refused && self.asked.is_none() && now - self.asked_at >= every
    }

    /// The store is asked.
    pub(crate) fn ask(&mut self, now: Time) -> Question {
        self.asked_at = now;
        self.questions += 1;
        let question = Question(self.questions);
        self.asked = Some(Asked { question, high: self.high, count: self.count });
        question
    }

    /// Whether an answer to this question still counts: after a start over it doesn't, though it may be under way.
    pub(crate) fn awaits(&self, question: Question) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.question == question)
    }

    /// There is no answer. Whether it is worth asking again.
    pub(crate) fn unanswered(&mut self, again: bool) {
        self.asked = None;
        self.refused = !again;
    }

    /// The store has answered: there is no stream, or one like this.
    pub(crate) fn answered(&mut self, now: Time, info: Option<&StreamInfo>) -> Verdict {
        // Where it was started over meanwhile, the answer is about nothing that still counts.
        let Some(asked) = self.asked.take() else { return Verdict::Fine };
        let Some(info) = info else {
            if asked.high == StreamId::MIN {
                return Verdict::Fine;
            }
            self.forget();
            return Verdict::Anew;
        };
        let shrank = asked.count.is_some_and(|count| info.added.is_some_and(|added| added < count));
        if info.last_id < asked.high || shrank || self.skipped {
            self.forget();
            return Verdict::Anew;
        }
        // Before 7.0 nobody counts what was added. What is kept may be trimmed to less by others, so this is no proof.
        let kept = asked.count.map_or(0, |count| count.min(self.limit));
        if info.added.is_none() && info.length < kept {
            self.forget();
            return Verdict::ReadAgain;
        }
        if let Some(added) = info.added {
            let mark = Mark { at: info.last_id, added, length: info.length };
            // Where the stream was emptied, nothing is left to be read that would say so.
            if info.last_id == self.high || info.length == 0 && info.last_id > self.high {
                let lost = self.caught_up(mark);
                if self.skipped {
                    self.forget();
                    return Verdict::Anew;
                }
                if lost > 0 {
                    return Verdict::Trimmed(lost);
                }
            } else if info.last_id > self.high {
                self.mark = Some(mark);
            }
        }
        // One that is made anew within the millisecond in which the first entries of the old one came may look exactly like it.
        // So each one is read twice, once: when that millisecond is long over, and callers wait.
        let is_over = self.first_read.is_some_and(|first| now - first >= AFTER_SOMETHING);
        if is_over && !self.read_again {
            self.read_again = true;
            self.cursor = StreamId::MIN;
            self.stale = true;
            return Verdict::ReadAgain;
        }
        Verdict::Fine
    }

    /// What was known of the stream is not true any more.
    fn forget(&mut self) {
        self.start_over();
        self.high = StreamId::MIN;
        self.count = Some(0);
        self.lost_one = true;
        self.first_read = None;
        self.read_again = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{id, ms, secs};

    const AT: Time = Time::ZERO;

    /// One that has read these entries of its own stream.
    fn read(entries: impl IntoIterator<Item = u64>) -> Watch {
        let mut watch = Watch::new(10, AT);
        for entry in entries {
            assert_eq!(watch.read(AT, id(entry), true), 0);
        }
        watch
    }

    fn info(last: u64, length: u64, added: impl Into<Option<u64>>) -> StreamInfo {
        StreamInfo { last_id: id(last), length, added: added.into() }
    }

    fn verdict(watch: &mut Watch, info: Option<StreamInfo>) -> Verdict {
        watch.ask(AT);
        watch.answered(AT, info.as_ref())
    }

    /// What the store says, and whether it is the stream that entries 1, 2 and 3 were read from.
    #[test]
    fn a_stream_that_was_made_anew_is_told_from_the_old_one() {
        for (what, said, expected) in [
            ("it is gone", None, Verdict::Anew),
            ("the same", Some(info(3, 3, 3)), Verdict::Fine),
            ("it goes on", Some(info(5, 5, 5)), Verdict::Fine),
            ("it is trimmed", Some(info(3, 1, 3)), Verdict::Fine),
            ("its ids are lower", Some(info(2, 9, 9)), Verdict::Anew),
            ("fewer were added", Some(info(3, 2, 2)), Verdict::Anew),
            ("fewer were added, later", Some(info(9, 2, 2)), Verdict::Anew),
            ("6.2: the same", Some(info(3, 3, None)), Verdict::Fine),
            ("6.2: its ids are lower", Some(info(2, 9, None)), Verdict::Anew),
            ("6.2: it has fewer entries", Some(info(3, 2, None)), Verdict::ReadAgain),
        ] {
            let mut watch = read(1..=3);
            assert_eq!(verdict(&mut watch, said), expected, "{what}");
            let cursor = if expected == Verdict::Fine { id(3) } else { StreamId::MIN };
            assert_eq!(watch.cursor(), cursor, "{what}");
        }
    }

    #[test]
    fn a_read_that_left_before_it_was_started_over_does_not_move_its_place() {
        let mut watch = read(1..=3);
        watch.leave();
        assert_eq!(verdict(&mut watch, Some(info(2, 9, 9))), Verdict::Anew);
        assert_eq!(watch.read(AT, id(9), true), 0);
        assert_eq!(watch.leave(), StreamId::MIN);
        assert_eq!(watch.read(AT, id(1), true), 0);
        assert_eq!(watch.cursor(), id(1));
    }

    /// The store's clock went back, so that the first entries of the new stream came below those that were read of the old one.
    #[test]
    fn entries_below_the_place_in_it_tell_of_a_stream_that_was_made_anew() {
        let mut watch = read([100]);
        assert_eq!(watch.read(AT, id(114), true), 0);
        assert_eq!(verdict(&mut watch, Some(info(114, 7, 7))), Verdict::Anew);
        assert_eq!(watch.cursor(), StreamId::MIN);
        let mut watch = read([100]);
        assert_eq!(verdict(&mut watch, Some(info(114, 7, 7))), Verdict::Fine, "not read so far");
        assert_eq!(watch.read(AT, id(114), true), 0, "nothing of it is gone");
        assert_eq!(verdict(&mut watch, Some(info(114, 7, 7))), Verdict::Anew);
        assert_eq!(watch.read(AT, id(1), true), 0);
    }

    #[test]
    fn on_6_2_it_may_have_as_few_entries_as_servers_leave() {
        let mut watch = read(1..=30);
        assert_eq!(verdict(&mut watch, Some(info(30, 10, None))), Verdict::Fine);
        assert_eq!(verdict(&mut watch, Some(info(30, 9, None))), Verdict::ReadAgain);
        assert_eq!(watch.read(AT, id(22), true), 0);
        assert_eq!(verdict(&mut watch, Some(info(30, 9, None))), Verdict::Fine, "once");
    }

    #[test]
    fn nothing_is_wrong_before_there_is_a_stream() {
        let mut watch = read([]);
        assert_eq!(verdict(&mut watch, None), Verdict::Fine);
        assert_eq!(verdict(&mut watch, Some(info(1, 1, 1))), Verdict::Fine);
    }

    #[test]
    fn what_was_read_after_the_question_does_not_count_against_the_answer() {
        let mut watch = read(1..=3);
        watch.ask(AT);
        watch.read(AT, id(4), true);
        watch.read(AT, id(5), true);
        assert_eq!(watch.answered(AT, Some(&info(4, 4, 4))), Verdict::Fine);
        assert_eq!(verdict(&mut watch, Some(info(5, 5, 5))), Verdict::Fine);
    }

    #[test]
    fn a_store_that_tells_of_more_entries_than_there_can_be_does_no_harm() {
        let mut watch = read([1]);
        assert_eq!(verdict(&mut watch, Some(info(2, 2, u64::MAX))), Verdict::Fine);
        watch.read(AT, id(3), true);
        watch.read(AT, id(4), true);
    }

    #[test]
    fn an_answer_to_what_was_asked_before_it_started_over_means_nothing() {
        let mut watch = read(1..=3);
        watch.ask(AT);
        watch.start_over();
        assert_eq!(watch.answered(AT, None), Verdict::Fine);
        assert_eq!(watch.read(AT, id(1), false), 0, "read again");
        watch.ask(AT);
        assert_eq!(watch.answered(AT, Some(&info(3, 3, 3))), Verdict::Fine);
    }

    #[test]
    fn an_old_answer_is_none_to_a_new_question() {
        let mut watch = read(1..=3);
        let old = watch.ask(AT);
        assert!(watch.awaits(old));
        watch.start_over();
        assert!(!watch.awaits(old));
        let new = watch.ask(AT);
        assert!(watch.awaits(new) && !watch.awaits(old));
    }

    #[test]
    fn one_that_looks_exactly_like_the_old_one_is_read_again_once_that_may_be_so() {
        let mut watch = read([1]);
        let (before, now) = (AT + ms(999), AT + secs(1));
        watch.ask(before);
        assert_eq!(watch.answered(before, Some(&info(1, 1, 1))), Verdict::Fine);
        watch.ask(now);
        assert_eq!(watch.answered(now, Some(&info(1, 1, 1))), Verdict::ReadAgain);
        assert_eq!(watch.cursor(), StreamId::MIN);
        watch.read(now, id(1), true);
        watch.ask(now);
        assert_eq!(watch.answered(now, Some(&info(1, 1, 1))), Verdict::Fine, "once");
    }

    #[test]
    fn entries_that_were_removed_unread_are_counted_once() {
        let mut watch = read(1..=3);
        assert_eq!(verdict(&mut watch, Some(info(9, 2, 9))), Verdict::Fine, "not yet read");
        assert_eq!(watch.read(AT, id(8), true), 0);
        assert_eq!(watch.read(AT, id(9), true), 4, "4, 5, 6 and 7");
        assert_eq!(watch.read(AT, id(10), true), 0);
        assert_eq!(verdict(&mut watch, Some(info(10, 2, 10))), Verdict::Fine);
    }

    #[test]
    fn also_where_the_last_one_is_removed_too() {
        let mut watch = read(1..=3);
        assert_eq!(verdict(&mut watch, Some(info(9, 2, 9))), Verdict::Fine);
        assert_eq!(watch.read(AT, id(11), true), 6);
        assert_eq!(verdict(&mut watch, Some(info(11, 1, 10))), Verdict::Fine);

        let mut watch = read(1..=3);
        assert_eq!(verdict(&mut watch, Some(info(9, 0, 9))), Verdict::Trimmed(6));
        assert_eq!(verdict(&mut watch, Some(info(9, 0, 9))), Verdict::Fine);
    }

    #[test]
    fn also_when_it_is_asked_only_after_all_that_was_left_was_read() {
        let mut watch = read([1, 2, 3, 8, 9]);
        assert_eq!(verdict(&mut watch, Some(info(9, 2, 9))), Verdict::Trimmed(4));
    }

    #[test]
    fn also_while_there_was_no_connection() {
        let mut watch = read(1..=3);
        watch.start_over();
        watch.leave();
        watch.read(AT, id(8), true);
        assert_eq!(verdict(&mut watch, Some(info(8, 1, 8))), Verdict::Trimmed(4));
    }

    #[test]
    fn what_was_removed_before_this_client_began_is_nobody_s_loss() {
        let mut watch = Watch::new(10, AT);
        watch.read(AT, id(7), false);
        assert_eq!(verdict(&mut watch, Some(info(7, 1, 7))), Verdict::Fine);
        watch.read(AT, id(9), true);
        assert_eq!(verdict(&mut watch, Some(info(9, 2, 9))), Verdict::Trimmed(1), "from now on");
    }

    #[test]
    fn it_is_asked_twice_a_second_at_most_and_not_where_that_is_refused() {
        let mut watch = read([1]);
        watch.ask(AT);
        assert!(!watch.wants_to_ask(AT + secs(9), true), "it is being asked");
        watch.unanswered(true);
        for (after, nothing, something) in
            [(ms(499), false, false), (ms(500), true, false), (ms(1000), true, true)]
        {
            let now = AT + after;
            let wants = (watch.wants_to_ask(now, true), watch.wants_to_ask(now, false));
            assert_eq!(wants, (nothing, something), "{after:?}");
        }
        watch.unanswered(false);
        assert!(!watch.wants_to_ask(AT + secs(9), true));
        watch.start_over();
        assert!(watch.wants_to_ask(AT + secs(9), true), "another connection, another store");
    }
}
