//! When to reply and when to ack: an ack never leaves before its reply was accepted.

use bytes::Bytes;

use super::held::Stage;
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
        let Some((entry, held)) = self.held.end(job) else { return };
        self.prefetch.finished(shared.now - held.began);
        shared.suspects.ended(self.at, entry);
        if shared.is_draining() {
            shared.report.finished += 1;
        }
        self.settle(shared, entry, outcome);
    }

    /// What came of an entry that neither waits nor runs any more.
    pub(super) fn settle(&mut self, shared: &mut Shared, entry: StreamId, outcome: JobOutcome) {
        let service = self.contract.service();
        let Some(held) = self.held.get_mut(entry) else { return };
        held.stage = Stage::Replying;
        let Some(work) = held.work.take() else { return };
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
        let reply = match (outcome, work.reply_to) {
            (JobOutcome::Done(Some(envelope)), Some(to)) if envelope.len() > limit => {
                let envelope = error_response(&to.id, &too_large(&envelope, limit));
                Some((to, envelope))
            }
            (JobOutcome::Done(Some(envelope)), Some(to)) => Some((to, envelope)),
            (JobOutcome::Failed(error), Some(to)) => {
                let whole = error_response(&to.id, &error);
                // What kind of error it was matters more than all that it has to say.
                let brief =
                    || error_response(&to.id, &RpcError::new(error.code, shorten(&error.message)));
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
            Some((to, envelope)) => {
                self.held.resize(entry, envelope.len());
                self.outbox.push_back(PendingReply { entry, stream: to.stream, envelope });
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
                fields: fields(reply.envelope.clone(), None),
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
            let rest = self.acks.split_off(self.acks.len().min(ACK_CHUNK));
            let ids = std::mem::replace(&mut self.acks, rest);
            let ack = Command::Ack {
                stream: self.stream.clone(),
                group: self.group.clone(),
                ids: ids.clone(),
            };
            shared.send(ack, For::Ack(self.at, ids));
        }
    }

    /// The store has answered an ack.
    pub(super) fn ack_answered(
        &mut self,
        shared: &mut Shared,
        ids: Vec<StreamId>,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::Unknown(_) | Outcome::NotSent(_) => return self.acks.extend(ids),
            Outcome::Refused(refusal) if Meaning::of(&refusal) == Meaning::Passing => {
                self.acks.extend(ids);
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
        for id in ids {
            self.held.remove(id);
        }
    }
}

fn too_large(reply: &Bytes, limit: usize) -> RpcError {
    let reason =
        format!("the reply has {} bytes, more than max_message_bytes ({limit})", reply.len());
    RpcError::new(codes::INTERNAL_ERROR, "Reply too large").with_data(reason)
}
