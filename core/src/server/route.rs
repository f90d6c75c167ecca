//! What comes back from the link, and whom it is for.

use super::ServerCore;
use super::shared::For;
use crate::command::{Fault, Lane, Outcome};
use crate::error::StartError;
use crate::lane::LaneChange;
use crate::lifecycle::Phase;
use crate::output::LinkInput;

impl ServerCore {
    pub(super) fn link(&mut self, input: LinkInput) {
        let (LinkInput::Opened(lane, _) | LinkInput::Completed(lane, _)) = input;
        match input {
            LinkInput::Opened(Lane::Commands, result) => {
                let shared = &mut self.shared;
                match shared.commands.opened(
                    shared.now,
                    result,
                    &mut shared.random,
                    &mut shared.out,
                ) {
                    Some(LaneChange::Up { .. }) => {
                        for service in &mut self.services {
                            service.commands_up(&self.shared);
                        }
                        self.step_all();
                    }
                    Some(LaneChange::Down(fault)) => self.connect_failed(fault),
                    None => {}
                }
            }
            LinkInput::Opened(Lane::Reader(at), result) => {
                let at = usize::from(at);
                let Some(service) = self.services.get_mut(at) else { return };
                let shared = &mut self.shared;
                match service.reader.opened(shared.now, result, &mut shared.random, &mut shared.out)
                {
                    Some(LaneChange::Up { again: true, lost }) => service.reader_back(shared, lost),
                    Some(LaneChange::Down(fault)) => self.connect_failed(fault),
                    Some(LaneChange::Up { again: false, .. }) | None => {}
                }
                self.step(at);
            }
            LinkInput::Completed(Lane::Commands, outcome) => {
                let shared = &mut self.shared;
                let what = shared.commands.completed(
                    shared.now,
                    &outcome,
                    &mut shared.random,
                    &mut shared.out,
                );
                if let Some(what) = what {
                    self.completed(what, outcome);
                }
            }
            LinkInput::Completed(Lane::Reader(at), outcome) => {
                let at = usize::from(at);
                let Some(service) = self.services.get_mut(at) else { return };
                let shared = &mut self.shared;
                let what = service.reader.completed(
                    shared.now,
                    &outcome,
                    &mut shared.random,
                    &mut shared.out,
                );
                if let Some(what) = what {
                    service.read_answered(shared, what, outcome);
                }
                self.step(at);
            }
        }
        self.hurry(lane);
        self.finish_start();
    }

    /// A start fails with the first connection that does; later, attempts go on.
    pub(super) fn connect_failed(&mut self, fault: Fault) {
        if self.shared.phase == Phase::Starting {
            self.start_failed(StartError::Unreachable(fault));
        }
    }

    pub(super) fn completed(&mut self, what: For, outcome: Outcome) {
        let Some(at) = what.service() else {
            return self.shared.background_answered(what, outcome);
        };
        let Some(service) = self.services.get_mut(at) else { return };
        let shared = &mut self.shared;
        match what {
            For::Group(_) => {
                if let Some(error) = service.group_answered(shared, outcome) {
                    return self.start_failed(error);
                }
            }
            For::Reply(_, reply) => {
                service.reply_answered(shared, reply, outcome);
                return self.step_later(at);
            }
            For::DeadLetter(_, letter) => service.dead_letter_answered(shared, letter, outcome),
            For::Ack(_, count) => service.ack_answered(shared, count, outcome),
            For::Claim(_, issued) => service.claim_answered(shared, issued, outcome),
            For::Count(_, id) => service.count_answered(shared, id, outcome),
            For::Renew(_, ids, issued) => service.renew_answered(shared, &ids, issued, outcome),
            For::Release(_, ids) => service.release_answered(shared, ids, outcome),
            For::Trim(_) => service.trim_answered(shared, outcome),
            For::Consumers(_) => service.consumers_answered(shared, outcome),
            For::Remove(_) => service.remove_answered(outcome),
            For::Kill(_) => service.kill_answered(shared, outcome),
            For::TimeToLive(_) | For::Background(_) => {}
        }
        self.step(at);
    }
}
