//! Entries that killed server after server: beyond the delivery limit they are put aside, where a person can look at them.
//!
//! First the copy in the dead letter stream, then the answer to the caller, then the ack: wherever this is interrupted, the
//! entry is in one place at least, and whoever takes it over goes on.

use bytes::Bytes;

use super::entry::{Stage, Work};
use super::service::Service;
use super::settle::PendingReply;
use super::{For, Shared};
use crate::command::{Command, Fields, Outcome, StreamId};
use crate::envelope::error_response;
use crate::error::RpcError;
use crate::event::Event;

/// Dead letters that are kept, about: the newest ones.
const MAX_DEAD: u64 = 10_000;

/// A dead letter that the store hasn't accepted yet.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    entry: StreamId,
    deliveries: u64,
    fields: Fields,
    reply: Option<PendingReply>,
}

impl Service {
    /// Puts an entry aside that was begun `deliveries` times in vain.
    pub(super) fn give_up(&mut self, id: StreamId, deliveries: u64) {
        let Some(work) = self.held.take_queued(id, Stage::Replying) else { return };
        let Work { id: request, method, reply_to, fields, .. } = work;
        let reason = format!("{method} was begun {deliveries} times and never ended");
        let reply = reply_to.zip(request).map(|(stream, request)| {
            let error = RpcError::internal("DeliveryLimit", reason.clone());
            PendingReply { entry: id, stream, envelope: error_response(&request, &error) }
        });
        let mut fields = fields.unwrap_or_default();
        let text = |text: String| Bytes::from(text.into_bytes());
        for (name, value) in [
            ("dead-entry", id.to_string()),
            ("dead-reason", reason),
            ("dead-deliveries", deliveries.to_string()),
        ] {
            fields.push((Bytes::from_static(name.as_bytes()), text(value)));
        }
        self.dead.push_back(DeadLetter { entry: id, deliveries, fields, reply });
    }

    /// Sends every dead letter that waits.
    pub(super) fn send_dead_letters(&mut self, shared: &mut Shared) {
        while shared.commands.is_open() && self.burying.is_open() {
            let Some(letter) = self.dead.pop_front() else { return };
            let append = Command::Append {
                stream: self.dead_stream.clone(),
                fields: letter.fields.clone(),
                max_len: Some(MAX_DEAD),
                create: true,
            };
            shared.send(append, For::DeadLetter(self.at, letter));
        }
    }

    /// The store has answered a dead letter. As long as it has none, the entry stays pending.
    pub(super) fn dead_letter_answered(
        &mut self,
        shared: &mut Shared,
        letter: DeadLetter,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::Reply(_) => {
                self.burying.went_well();
                shared.event(Event::DeadLettered {
                    service: self.name(),
                    entry: letter.entry,
                    deliveries: letter.deliveries,
                    stream: self.dead_stream.as_str().to_owned(),
                });
                match letter.reply {
                    Some(reply) => self.outbox.push_back(reply),
                    None => self.ack(letter.entry),
                }
            }
            // Twice is better than not at all.
            Outcome::Unknown(_) | Outcome::NotSent(_) => self.dead.push_back(letter),
            Outcome::Refused(refusal) => {
                self.dead.push_back(letter);
                self.burying.shut(shared.now, &mut shared.random);
                if self.burying.tell() {
                    shared.event(Event::CommandRefused { what: "a dead letter", refusal });
                }
            }
        }
    }
}
