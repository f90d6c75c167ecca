//! Replies come back: the reply stream is read, and each reply finds its call.

use std::time::Duration;

use super::{ClientCore, For};
use crate::command::{Command, Entry, Outcome, Refusal, Reply};
use crate::envelope::{ENVELOPE, parse_response};
use crate::error::CallError;
use crate::event::Event;
use crate::lifecycle::Phase;
use crate::refusal::Meaning;

/// How many replies are read at once.
const READ_COUNT: u32 = 512;

impl ClientCore {
    pub(super) fn read(&mut self) {
        if !self.replies.is_open() || !self.replies.is_idle() || self.read_at.is_some() {
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
                self.read_backoff.reset();
                self.read_refused = false;
                if !entries.is_empty() && !std::mem::replace(&mut self.reply_stream_expires, true) {
                    self.renew_reply_stream();
                }
                for entry in entries {
                    self.reply(entry);
                }
            }
            Outcome::Refused(refusal) => self.read_was_refused(refusal),
            _ => {}
        }
    }

    fn read_was_refused(&mut self, refusal: Refusal) {
        // The stream vanished under a blocked read: read on.
        if Meaning::of(&refusal) == Meaning::GroupGone {
            return;
        }
        self.read_at = Some(self.now + self.read_backoff.wait(&mut self.random));
        if !std::mem::replace(&mut self.read_refused, true) {
            let stream = self.reply_stream.as_str().to_owned();
            self.event(Event::ReadRefused { stream, refusal });
        }
    }

    fn reply(&mut self, entry: Entry) {
        self.last_reply = entry.id;
        let envelope = entry.fields.into_iter().flatten().find(|(name, _)| name == ENVELOPE);
        let Some((_, envelope)) = envelope else { return };
        let response = parse_response(&envelope);
        match (response.id.and_then(|id| self.pending.remove_by_id(id)), response.body) {
            // A late reply, or one to an earlier life of this instance.
            (None, Ok(_)) => {}
            (None, Err(reason)) => self.event(Event::ReplyMalformed { entry: entry.id, reason }),
            (Some((key, _)), Ok(result)) => {
                if matches!(self.phase, Phase::Draining { .. }) {
                    self.report.finished += 1;
                }
                self.settle(key, result.map_err(CallError::Rpc));
            }
            (Some((key, call)), Err(reason)) => self.settle(key, Err(call.bad_reply(reason))),
        }
    }

    /// Lets the reply stream outlive this client by its time to live only, should it crash.
    pub(super) fn renew_reply_stream(&mut self) {
        let ttl = self.options.common.reply_stream_ttl;
        self.renew_at = Some(self.now + ttl / 3);
        if self.commands.is_open() {
            let expire = Command::Expire { key: self.reply_stream.clone(), ttl };
            let what = For::Background("the renewal of the reply stream");
            self.commands.send(self.now, expire, what, &mut self.out);
        }
    }
}
