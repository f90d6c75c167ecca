//! Calls go out: who may call, what is sent when, and what the store's answer means for a call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::call::{Call, Progress};
use super::targets::Target;
use super::{CallKey, Caller, ClientCore, ClientOutput, For};
use crate::command::{Command, Outcome, Reply};
use crate::contract::MethodKind;
use crate::envelope::{self, Outgoing};
use crate::error::{CallError, Misuse};
use crate::lifecycle::Phase;
use crate::names::{Key, ServiceName};
use crate::options::{Disconnected, MissingService, QueueFull};
use crate::output::Output;
use crate::refusal::Meaning;
use crate::spare::Spare;

impl ClientCore {
    pub(super) fn call(
        &mut self,
        key: CallKey,
        outgoing: Outgoing,
        timeout: Option<Duration>,
        caller: Option<&Caller>,
    ) {
        match self.admit(key, &outgoing, caller) {
            Err(error) => self.settle(key, Err(error)),
            Ok(target) => {
                let size = outgoing.len();
                let timeout = timeout.unwrap_or(self.options.default_timeout);
                let times = match self.pending.room.claim(key) {
                    Some(times) => times,
                    None if self.pending.room.enter(&target.stream, size) => {
                        (self.now, self.now + timeout)
                    }
                    None => return self.no_room(key, outgoing, &target.stream, timeout),
                };
                let kind = outgoing.kind;
                let id = self.random.uuid();
                let envelope = match kind {
                    MethodKind::Request => outgoing.into_request(id, &mut self.spare),
                    MethodKind::Notification => outgoing.into_notification(&mut self.spare),
                };
                let call = Call::new(kind, target, envelope, size, id, times);
                if !self.commands.is_open() {
                    self.pending.insert(key, call);
                } else if let Some(call) = self.pending.insert_to_send(key, call) {
                    let append = append(call, &self.reply_to, &mut self.spare);
                    self.commands.send(self.now, append, sent(key, call), &mut self.out);
                }
            }
        }
    }

    /// So many calls wait that there is no room for this one.
    fn no_room(&mut self, key: CallKey, outgoing: Outgoing, stream: &Key, timeout: Duration) {
        match self.options.queue_full {
            QueueFull::Fail => {
                let error = self.pending.no_room(self.commands.fault());
                self.settle(key, Err(error));
            }
            QueueFull::Wait => {
                let times = (self.now, self.now + timeout);
                self.pending.room.stand(key, stream.clone(), outgoing.len(), times);
                self.out.push_back(Output::Role(ClientOutput::HandBack(key, outgoing)));
            }
        }
    }

    /// Callers that wait for room are let in.
    pub(super) fn let_in(&mut self) {
        while let Some(key) = self.pending.room.admit() {
            self.out.push_back(Output::Role(ClientOutput::Admit(key)));
        }
    }

    /// Where calls are not to wait for a connection, those that haven't left fail.
    pub(super) fn fail_unsent(&mut self) {
        if self.options.disconnected == Disconnected::Wait {
            return;
        }
        let Some(fault) = self.commands.fault().cloned() else { return };
        while let Some(key) = self.pending.pop_unsent() {
            let fault = fault.clone();
            self.settle_pending(key, Err(CallError::Transport { fault, may_have_executed: false }));
        }
    }

    /// Whether a call may be made at all, and to which stream it goes.
    fn admit(
        &mut self,
        key: CallKey,
        outgoing: &Outgoing,
        caller: Option<&Caller>,
    ) -> Result<Arc<Target>, CallError> {
        match self.phase {
            Phase::Idle | Phase::Starting => return Err(CallError::NotStarted),
            // It was made before the stop.
            Phase::Draining { .. } if self.pending.room.is_admitted(key) => {}
            Phase::Draining { .. } | Phase::Stopped => {
                return Err(CallError::Stopped { may_have_executed: false });
            }
            Phase::Running => {}
        }
        let limit = self.options.common.max_message_bytes;
        if outgoing.len() > limit {
            return Err(Misuse::TooLarge { bytes: outgoing.len(), limit }.into());
        }
        let target = self.targets.of(outgoing.name()).map_err(Misuse::Name)?;
        if let Some(caller) = caller
            && outgoing.kind == MethodKind::Request
            && caller.serial
            && caller.stream == target.stream
            && caller.address == self.options.common.address
        {
            let service = ServiceName::new(outgoing.service()).map_err(Misuse::Name)?;
            return Err(Misuse::Reentrant { service }.into());
        }
        if self.options.disconnected == Disconnected::Fail
            && let Some(fault) = self.commands.fault()
        {
            let fault = fault.clone();
            return Err(CallError::Transport { fault, may_have_executed: false });
        }
        Ok(target)
    }

    pub(super) fn send_waiting(&mut self) {
        while self.commands.is_open() {
            let Some((key, call)) = self.pending.next_to_send() else { return };
            let append = append(call, &self.reply_to, &mut self.spare);
            self.commands.send(self.now, append, sent(key, call), &mut self.out);
        }
    }

    fn settle(&mut self, key: CallKey, result: Result<Bytes, CallError>) {
        self.out.push_back(Output::Role(ClientOutput::Settle(key, result)));
    }

    /// The outcome of a call that was taken. A stop counts it.
    pub(super) fn settle_pending(&mut self, key: CallKey, result: Result<Bytes, CallError>) {
        if let Phase::Draining { .. } = self.phase {
            match result {
                Ok(_) | Err(CallError::Rpc(_)) => self.report.finished += 1,
                Err(_) => self.report.aborted += 1,
            }
        }
        self.settle(key, result);
    }

    fn finish_call(&mut self, key: CallKey, result: Result<Bytes, CallError>) {
        if self.pending.remove(key).is_some() {
            self.settle_pending(key, result);
        }
    }

    pub(super) fn appended(&mut self, key: CallKey, stream: &Key, size: usize, outcome: Outcome) {
        self.pending.probed(stream, key, &outcome);
        self.judge(key, outcome);
        // Its message is held no longer, unless it waits again.
        if !self.pending.is_unsent(key) {
            self.pending.room.leave(stream, size);
        }
    }

    fn judge(&mut self, key: CallKey, outcome: Outcome) {
        let Some(call) = self.pending.get_mut(key) else { return };
        let notification = call.kind == MethodKind::Notification;
        match outcome {
            Outcome::Reply(Reply::Nil) => {
                if self.options.missing_service == MissingService::Fail {
                    let error = call.no_such_service(self.now);
                    self.finish_call(key, Err(error));
                } else {
                    self.pending.wait_for_stream(self.now, key);
                }
            }
            Outcome::Reply(_) if notification => self.finish_call(key, Ok(Bytes::new())),
            Outcome::Reply(_) => {
                call.progress = Progress::Accepted;
                call.envelope = Bytes::new();
            }
            Outcome::Refused(refusal) => match Meaning::of(&refusal) {
                Meaning::Passing => {
                    self.pending.retry_later(self.now, key, Progress::Refused(refusal.into()));
                }
                _ => self.finish_call(key, Err(CallError::Refused(refusal))),
            },
            Outcome::NotSent(_) => self.pending.wait_for_connection(key),
            Outcome::Unknown(fault) if notification => {
                self.finish_call(key, Err(CallError::Transport { fault, may_have_executed: true }));
            }
            // Never sent again by itself: its reply may be on its way.
            Outcome::Unknown(fault) => {
                call.progress = Progress::Unknown(fault.into());
                call.envelope = Bytes::new();
            }
        }
    }
}

/// The command that puts a call's message into its stream.
fn append(call: &Call, reply_to: &Bytes, spare: &mut Spare) -> Command {
    let reply_to = (call.kind == MethodKind::Request).then(|| reply_to.clone());
    Command::Append {
        stream: call.stream().clone(),
        fields: envelope::fields(call.envelope.clone(), reply_to, spare),
        max_len: None,
        create: false,
    }
}

fn sent(key: CallKey, call: &Call) -> For {
    For::Call(key, call.target.clone(), call.size)
}
