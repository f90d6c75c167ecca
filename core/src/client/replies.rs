//! Replies come back: the reply stream is read, and each reply finds its call.

use std::time::Duration;

use bytes::Bytes;

use super::pending::Answered;
use super::watch::{Question, Verdict};
use super::{ClientCore, For};
use crate::command::{Command, Entry, Outcome, Refusal, Reply, StreamId};
use crate::envelope::{ENVELOPE, parse_response};
use crate::error::CallError;
use crate::event::Event;
use crate::lifecycle::Phase;
use crate::refusal::{Meaning, unexpected};

/// How many replies are read at once, at most. Their callers make their next calls while the store is at the next page: were all
/// replies read at once, the store would wait for the callers, and then they for it.
pub(super) const MAX_COUNT: u32 = 64;
/// How long reading waits for an answer about the stream.
const HOLD: Duration = Duration::from_millis(250);

impl ClientCore {
    pub(super) fn read(&mut self) {
        let may_read = self.replies.is_open()
            && self.replies.is_idle()
            && self.reading.is_open()
            && self.hold_until.is_none();
        if !may_read {
            return;
        }
        let read = Command::Read {
            stream: self.reply_stream.clone(),
            after: self.watch.leave(),
            count: self.appetite.count(),
            block: Duration::from_secs(1),
        };
        self.replies.send(self.now, read, For::Replies, &mut self.out);
    }

    pub(super) fn replies_read(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Reply(Reply::Entries(entries)) => {
                self.reading.went_well();
                // A time to live can be set only once there is a stream.
                if !entries.is_empty() && !std::mem::replace(&mut self.reply_stream_seen, true) {
                    self.renew_reply_stream();
                }
                self.appetite.took(&entries);
                let nothing = entries.is_empty();
                for entry in entries {
                    self.reply(entry);
                }
                self.ask_about_stream(nothing);
            }
            Outcome::Refused(refusal) => self.read_was_refused(refusal),
            Outcome::Reply(_) => self.read_was_refused(unexpected()),
            Outcome::Unknown(_) | Outcome::NotSent(_) => {}
        }
    }

    fn read_was_refused(&mut self, refusal: Refusal) {
        // The stream vanished under a blocked read: read on.
        if Meaning::of(&refusal) == Meaning::GroupGone {
            return;
        }
        self.reading.shut(self.now, &mut self.random);
        if self.reading.tell() {
            let stream = self.reply_stream.as_str().to_owned();
            self.event(Event::ReadRefused { stream, refusal });
        }
    }

    /// While callers wait, the stream that is read may have been lost and made anew, and a read would not show it.
    fn ask_about_stream(&mut self, nothing: bool) {
        let asks = self.phase == Phase::Running
            && self.commands.is_open()
            && self.pending.awaits_replies()
            && self.watch.wants_to_ask(self.now, nothing);
        if asks {
            let question = self.watch.ask(self.now);
            let info = Command::Info { stream: self.reply_stream.clone() };
            self.commands.send(self.now, info, For::Watch(question), &mut self.out);
            // The next read would block at the old place. One from the start misses nothing.
            let holds = nothing && self.watch.cursor() > StreamId::MIN;
            self.hold_until = holds.then(|| self.now + HOLD);
        }
    }

    pub(super) fn watched(&mut self, question: Question, outcome: Outcome) {
        if !self.watch.awaits(question) {
            return;
        }
        self.hold_until = None;
        let verdict = match outcome {
            Outcome::Reply(Reply::Stream(info)) => self.watch.answered(self.now, Some(&info)),
            Outcome::Refused(refusal) => match Meaning::of(&refusal) {
                Meaning::NoSuchKey | Meaning::NoStream => self.watch.answered(self.now, None),
                Meaning::Passing => return self.watch.unanswered(true),
                _ => {
                    self.watch.unanswered(false);
                    let what = "to look after the reply stream (XINFO STREAM)";
                    return self.event(Event::CommandRefused { what, refusal });
                }
            },
            _ => return self.watch.unanswered(true),
        };
        match verdict {
            Verdict::Fine => {}
            Verdict::ReadAgain => self.reply_stream_seen = false,
            Verdict::Anew => {
                self.reply_stream_seen = false;
                let stream = self.reply_stream.as_str().to_owned();
                self.event(Event::ReplyStreamAnew { stream });
            }
            Verdict::Trimmed(replies) => self.trimmed(replies),
        }
    }

    fn trimmed(&mut self, replies: u64) {
        if replies > 0 {
            self.gap = Some(self.now);
            let stream = self.reply_stream.as_str().to_owned();
            self.event(Event::RepliesTrimmed { stream, replies });
        }
    }

    fn reply(&mut self, entry: Entry) {
        let mut fields = entry.fields.unwrap_or_default();
        let Some(at) = fields.iter().position(|(name, _)| name == ENVELOPE) else {
            return self.read_on(entry.id, false);
        };
        let (_, envelope) = fields.swap_remove(at);
        self.spare.keep(fields);
        let response = parse_response(&envelope);
        let answered = response.id.map_or(Answered::Nobody, |id| self.pending.answered(id));
        self.read_on(entry.id, !matches!(answered, Answered::Nobody));
        match (answered, self.within_limit(&envelope).and(response.body)) {
            (Answered::Call(key, _), Ok(result)) => {
                self.settle_pending(key, result.map_err(CallError::Rpc));
            }
            (Answered::Call(key, call), Err(reason)) => {
                self.settle_pending(key, Err(call.bad_reply(reason)));
            }
            (_, Ok(_)) => {}
            (_, Err(reason)) => self.event(Event::ReplyMalformed { entry: entry.id, reason }),
        }
    }

    /// An entry was read, which was a reply to a call or not.
    fn read_on(&mut self, entry: StreamId, expected: bool) {
        let trimmed = self.watch.read(self.now, entry, expected);
        self.trimmed(trimmed);
    }

    fn within_limit(&self, envelope: &Bytes) -> Result<(), String> {
        let (len, limit) = (envelope.len(), self.options.common.max_message_bytes);
        if len > limit {
            return Err(format!("it has {len} bytes, more than max_message_bytes ({limit})"));
        }
        Ok(())
    }

    /// Lets the reply stream outlive this client by its time to live only, should it crash.
    pub(super) fn renew_reply_stream(&mut self) {
        self.renew_at = Some(self.now + self.renew_every());
        self.renewal_due = true;
    }

    pub(super) fn renew_every(&self) -> Duration {
        (self.options.common.reply_stream_ttl / 3).max(Duration::from_millis(1))
    }

    pub(super) fn send_renewal(&mut self) {
        if self.commands.is_open() && std::mem::take(&mut self.renewal_due) {
            let ttl = self.options.common.reply_stream_ttl;
            let expire = Command::Expire { key: self.reply_stream.clone(), ttl };
            self.commands.send(self.now, expire, For::TimeToLive, &mut self.out);
        }
    }

    pub(super) fn renewed(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Reply(_) => {}
            Outcome::Refused(refusal) => {
                let what = "the time to live of the reply stream";
                self.event(Event::CommandRefused { what, refusal });
            }
            // It may not have happened: again, unless the stream is about to be deleted.
            Outcome::Unknown(_) | Outcome::NotSent(_) => self.renewal_due = !self.said_goodbye,
        }
    }
}
