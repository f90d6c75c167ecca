//! Replies come back: the reply stream is read, and each reply finds its call.

use std::time::Duration;

use bytes::Bytes;

use super::pending::Answered;
use super::{ClientCore, For};
use crate::command::{Command, Entry, Outcome, Refusal, Reply};
use crate::envelope::{ENVELOPE, parse_response};
use crate::error::CallError;
use crate::event::Event;
use crate::refusal::{Meaning, unexpected};

/// How many replies are read at once.
const READ_COUNT: u32 = 512;

impl ClientCore {
    pub(super) fn read(&mut self) {
        if !self.replies.is_open() || !self.replies.is_idle() || !self.reading.is_open() {
            return;
        }
        let read = Command::Read {
            stream: self.reply_stream.clone(),
            after: self.last_reply,
            count: READ_COUNT,
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
                for entry in entries {
                    self.reply(entry);
                }
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

    fn reply(&mut self, entry: Entry) {
        self.last_reply = entry.id;
        let envelope = entry.fields.into_iter().flatten().find(|(name, _)| name == ENVELOPE);
        let Some((_, envelope)) = envelope else { return };
        let response = parse_response(&envelope);
        let answered = response.id.map_or(Answered::Nobody, |id| self.pending.answered(id));
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
