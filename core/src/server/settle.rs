//! When to reply and when to ack: an ack never leaves before its reply was accepted.

use bytes::Bytes;

use super::entry::{Stage, Work};
use super::service::Service;
use super::{For, JobId, JobOutcome, Shared};
use crate::command::{Command, Outcome, StreamId};
use crate::envelope::{error_response, fields};
use crate::error::{RpcError, codes};
use crate::event::Event;
use crate::names::Key;
use crate::refusal::Meaning;
use crate::text::shorten;

/// A reply that the store hasn't accepted yet.
#[derive(Clone, Debug)]
pub(super) struct PendingReply {
    pub(super) entry: StreamId,
    pub(super) stream: Key,
    pub(super) envelope: Bytes,
}

/// The most ids in one ack.
const ACK_CHUNK: usize = 512;

impl Service {
    /// Whether this handler's entry is one of this service's.
    pub(super) fn runs(&self, job: JobId) -> bool {
        self.held.runs(job)
    }

    /// A handler ended: its reply goes out, or, where nobody waits for one, its ack.
    pub(super) fn handler_ended(&mut self, shared: &mut Shared, job: JobId, outcome: JobOutcome) {
        let Some((entry, began, work)) = self.held.end(job) else { return };
        self.prefetch.finished(shared.now - began);
        shared.suspects.ended(self.at, entry);
        if shared.is_draining() {
            shared.report.finished += 1;
        }
        if let Some(work) = work {
            self.settle(shared, entry, work, outcome);
        }
    }

    /// What came of an entry that neither waits nor runs any more.
    pub(super) fn settle(
        &mut self,
        shared: &mut Shared,
        entry: StreamId,
        work: Work,
        outcome: JobOutcome,
    ) {
        let service = self.contract.service();
        let method = work.method;
        if let JobOutcome::Panicked(message) = &outcome {
            let (service, method) = (service.as_str().to_owned(), method.as_str().to_owned());
            shared.event(Event::HandlerPanicked { service, method, message: message.clone() });
        }
        let outcome = match outcome {
            JobOutcome::Panicked(message) => {
                JobOutcome::Failed(RpcError::internal("panic", message))
            }
            outcome => outcome,
        };
        let limit = shared.options.common.max_message_bytes;
        let to = work.reply_to.zip(work.id);
        let reply = match (outcome, to) {
            (JobOutcome::Done(Some(envelope)), Some((to, id))) if envelope.len() > limit => {
                let envelope = error_response(&id, &too_large(&envelope, limit));
                Some((to, envelope))
            }
            (JobOutcome::Done(Some(envelope)), Some((to, _))) => Some((to, envelope)),
            (JobOutcome::Failed(error), Some((to, id))) => {
                let whole = error_response(&id, &error);
                // What kind of error it was matters more than all that it has to say.
                let brief =
                    || error_response(&id, &RpcError::new(error.code, shorten(&error.message)));
                let envelope = if whole.len() > limit { brief() } else { whole };
                Some((to, envelope))
            }
            (JobOutcome::Failed(error), None) => {
                let reason = shorten(&error.to_string()).into_owned();
                let (service, method) = (service.as_str().to_owned(), method.as_str().to_owned());
                shared.event(Event::NotificationFailed { service, method, reason });
                None
            }
            _ => None,
        };
        match reply {
            Some((stream, envelope)) => {
                let envelope = shared.spare.share(envelope);
                self.held.resize(entry, envelope.len());
                self.outbox.push_back(PendingReply { entry, stream, envelope });
            }
            None => self.ack(entry),
        }
    }

    /// Sends every reply that waits.
    pub(super) fn send_replies(&mut self, shared: &mut Shared) {
        while shared.commands.is_open() && self.replying.is_open() {
            let Some(reply) = self.outbox.pop_front() else { return };
            let append = Command::Append {
                stream: reply.stream.clone(),
                fields: fields(reply.envelope.clone(), None, &mut shared.spare),
                max_len: Some(shared.options.common.reply_stream_max_len),
                create: true,
            };
            shared.send(append, For::Reply(self.at, reply));
        }
    }

    /// The store has answered a reply.
    pub(super) fn reply_answered(
        &mut self,
        shared: &mut Shared,
        reply: PendingReply,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::Reply(_) => {
                self.replying.went_well();
                shared.reply_written(reply.stream);
                self.ack(reply.entry);
            }
            // The caller drops a second reply; a missing one it would miss.
            Outcome::Unknown(_) | Outcome::NotSent(_) => self.outbox.push_back(reply),
            Outcome::Refused(refusal) if Meaning::of(&refusal) == Meaning::Passing => {
                self.outbox.push_back(reply);
                self.replying.shut(shared.now, &mut shared.random);
                if self.replying.tell() {
                    shared.event(Event::CommandRefused { what: "a reply", refusal });
                }
            }
            Outcome::Refused(refusal) => {
                let reply_to = reply.stream.as_str().to_owned();
                let reason = refusal.to_string();
                shared.event(Event::ReplyUndeliverable { entry: reply.entry, reply_to, reason });
                self.ack(reply.entry);
            }
        }
    }

    pub(super) fn ack(&mut self, entry: StreamId) {
        if self.held.advance(entry, Stage::Acking, 0) {
            self.acks.push(entry);
        }
    }

    /// Acks everything that is done, with one command.
    pub(super) fn send_acks(&mut self, shared: &mut Shared) {
        while shared.commands.is_open() && self.acking.is_open() && !self.acks.is_empty() {
            let count = self.acks.len().min(ACK_CHUNK);
            let ids: Vec<StreamId> = self.acks.drain(..count).collect();
            self.acked.extend(&ids);
            let ack = Command::Ack { stream: self.stream.clone(), group: self.group.clone(), ids };
            shared.send(ack, For::Ack(self.at, count));
        }
    }

    /// The store has answered an ack of the first `count` entries that are being acked.
    pub(super) fn ack_answered(&mut self, shared: &mut Shared, count: usize, outcome: Outcome) {
        match outcome {
            Outcome::Unknown(_) | Outcome::NotSent(_) => {
                return self.acks.extend(self.acked.drain(..count));
            }
            Outcome::Refused(refusal) if Meaning::of(&refusal) == Meaning::Passing => {
                self.acks.extend(self.acked.drain(..count));
                self.acking.shut(shared.now, &mut shared.random);
                if self.acking.tell() {
                    shared.event(Event::CommandRefused { what: "an ack", refusal });
                }
                return;
            }
            Outcome::Refused(refusal) => self.trouble(shared, refusal),
            Outcome::Reply(_) => {
                self.acking.went_well();
                self.removal.acked = true;
            }
        }
        for id in self.acked.drain(..count) {
            self.held.remove(id);
        }
    }
}

fn too_large(reply: &Bytes, limit: usize) -> RpcError {
    let reason =
        format!("the reply has {} bytes, more than max_message_bytes ({limit})", reply.len());
    RpcError::new(codes::INTERNAL_ERROR, "Reply too large").with_data(reason)
}
