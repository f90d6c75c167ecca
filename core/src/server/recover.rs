//! A group that is missing or was lost, and what a connection that was lost may have swallowed.

use std::time::Duration;

use super::service::{OWN_PAGE, Reading, Service};
use super::{For, Shared};
use crate::command::{Command, ConnectionId, GroupStart, Outcome, Refusal, StreamId};
use crate::error::StartError;
use crate::event::Event;
use crate::lifecycle::Phase;
use crate::options::Retention;
use crate::refusal::Meaning;
use crate::time::Time;

/// Whether the group is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Missing,
    Creating,
    Ready,
}

/// What must happen after a reconnect before new entries are read: the old connection's blocked read may still take one
/// (so it is killed), and what was delivered to it is in this consumer's own pending list (so that is read).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    Nothing,
    Kill(ConnectionId),
    Killing(ConnectionId),
    /// The old connection can't be killed: its read is over at this time.
    Until(Time),
    /// The own pending list is to be read after this id.
    Scan(StreamId),
    /// A page of so many is being read; `again` from the start, if entries may have come in below it.
    Scanning {
        again: bool,
        asked: u32,
    },
}

/// How long after its `BLOCK` a read on a dead connection is certainly over.
const SLACK: Duration = Duration::from_secs(1);

impl Resume {
    pub(super) fn timeout(&self) -> Option<Time> {
        match self {
            Resume::Until(at) => Some(*at),
            _ => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.timeout().is_some_and(|at| at <= now) {
            *self = Resume::Scan(StreamId::MIN);
        }
    }
}

impl Service {
    /// Whether the start has nothing left to do here.
    pub(super) fn is_set_up(&self) -> bool {
        self.setup == Setup::Ready && self.reader.is_open()
    }

    /// Makes the group if it is missing.
    pub(super) fn set_up_group(&mut self, shared: &mut Shared) {
        if self.setup != Setup::Missing || !shared.commands.is_open() || !self.reading.is_open() {
            return;
        }
        self.setup = Setup::Creating;
        let create = Command::CreateGroup {
            stream: self.stream.clone(),
            group: self.group.clone(),
            start: self.group_start(shared),
        };
        shared.send(create, For::Group(self.at));
    }

    /// Where a new group begins. One that was lost begins where nothing that the stream still has is skipped:
    /// at its start, which retention keeps small; else after what was certainly done.
    fn group_start(&self, shared: &Shared) -> GroupStart {
        if !self.was_set_up {
            return shared.options.group_start;
        }
        match (shared.options.retention, self.last_delivered) {
            (Retention::TrimDone, _) | (Retention::KeepAll, StreamId::MIN) => GroupStart::Beginning,
            (Retention::KeepAll, delivered) => {
                let held = self.held.first().map_or(delivered, StreamId::before);
                GroupStart::After(held.min(delivered))
            }
        }
    }

    /// The store has answered. Returns why the start fails, if it does.
    pub(super) fn group_answered(
        &mut self,
        shared: &mut Shared,
        outcome: Outcome,
    ) -> Option<StartError> {
        match outcome {
            Outcome::Reply(_) => {
                if std::mem::replace(&mut self.was_set_up, true) {
                    shared.event(Event::GroupRecreated { service: self.name() });
                }
                self.setup = Setup::Ready;
            }
            Outcome::Refused(refusal) if Meaning::of(&refusal) == Meaning::GroupExists => {
                self.was_set_up = true;
                self.setup = Setup::Ready;
            }
            Outcome::Refused(refusal)
                if shared.phase == Phase::Starting
                    && Meaning::of(&refusal) == Meaning::NoScripts =>
            {
                return Some(StartError::NoScripts { refusal });
            }
            Outcome::Refused(refusal) if shared.phase == Phase::Starting => {
                let what = format!("the group of service {} on {}", self.group, self.stream);
                return Some(StartError::Refused { what, refusal });
            }
            Outcome::Refused(refusal) => {
                self.setup = Setup::Missing;
                self.trouble(shared, refusal);
            }
            Outcome::Unknown(fault) | Outcome::NotSent(fault) => {
                self.setup = Setup::Missing;
                if shared.phase == Phase::Starting {
                    return Some(StartError::Unreachable(fault));
                }
            }
        }
        None
    }

    /// A start failed: the next one begins anew.
    pub(super) fn forget_setup(&mut self) {
        self.setup = Setup::Missing;
    }

    /// The store refused something that a healthy group allows. The group is made anew if it is gone: at once
    /// the first time, then with growing waits.
    pub(super) fn trouble(&mut self, shared: &mut Shared, refusal: Refusal) {
        let again = std::mem::replace(&mut self.in_trouble, true);
        let group_gone = Meaning::of(&refusal) == Meaning::GroupGone;
        if self.setup != Setup::Creating || !group_gone {
            self.setup = Setup::Missing;
        }
        if again || !group_gone {
            self.reading.shut(shared.now, &mut shared.random);
        }
        if !group_gone && self.reading.tell() {
            let stream = self.stream.as_str().to_owned();
            shared.event(Event::ReadRefused { stream, refusal });
        }
    }

    /// A read went well.
    pub(super) fn no_trouble(&mut self) {
        self.in_trouble = false;
        self.reading.went_well();
    }

    /// The commands lane is open (again): what its loss left undone is done.
    pub(super) fn commands_up(&mut self, shared: &Shared) {
        self.lease_at = self.lease_at.map(|_| shared.now);
    }

    /// The reader is open again. It was lost in a read: nothing else goes over it.
    pub(super) fn reader_back(&mut self, shared: &Shared, lost: Option<ConnectionId>) {
        self.resume = match lost {
            None => Resume::Until(shared.now + shared.block() + SLACK),
            // Numbers only grow: with a lower one the store was restarted, and the old read is gone with it. Its number may
            // belong to anybody by now.
            Some(lost) if self.reader.connection().is_some_and(|new| new <= lost) => {
                Resume::Scan(StreamId::MIN)
            }
            Some(lost) => Resume::Kill(lost),
        };
    }

    /// Goes on with what must happen before new entries are read.
    pub(super) fn resume(&mut self, shared: &mut Shared) {
        match self.resume {
            Resume::Kill(connection) if shared.commands.is_open() => {
                self.resume = Resume::Killing(connection);
                shared.send(Command::Kill { connection }, For::Kill(self.at));
            }
            Resume::Scan(after)
                if self.setup == Setup::Ready
                    && self.reader.is_open()
                    && self.reader.is_idle()
                    && self.room() >= OWN_PAGE as usize =>
            {
                let asked = OWN_PAGE.min(self.appetite.fits());
                self.resume = Resume::Scanning { again: false, asked };
                let read = Command::ReadOwnPending {
                    stream: self.stream.clone(),
                    group: self.group.clone(),
                    consumer: self.consumer.clone(),
                    after,
                    count: asked,
                };
                self.reader.send(shared.now, read, Reading::Own(shared.now), &mut shared.out);
            }
            _ => {}
        }
    }

    /// The store has answered a kill.
    pub(super) fn kill_answered(&mut self, shared: &mut Shared, outcome: Outcome) {
        let Resume::Killing(connection) = self.resume else { return };
        self.resume = match outcome {
            Outcome::Reply(_) => Resume::Scan(StreamId::MIN),
            Outcome::Refused(_) => Resume::Until(shared.now + shared.block() + SLACK),
            Outcome::Unknown(_) | Outcome::NotSent(_) => Resume::Kill(connection),
        };
    }

    /// A page of the own pending list came: whether there is another one.
    pub(super) fn resume_after_page(&mut self, len: usize, last: Option<StreamId>) {
        let Resume::Scanning { again, asked } = self.resume else { return };
        self.resume = match last {
            _ if again => Resume::Scan(StreamId::MIN),
            Some(last) if len >= asked as usize => Resume::Scan(last),
            _ => Resume::Nothing,
        };
    }

    /// Entries may have been given to this consumer without an answer: its own pending list tells.
    pub(super) fn scan_own_pending(&mut self) {
        self.resume = match self.resume {
            Resume::Nothing | Resume::Scan(_) => Resume::Scan(StreamId::MIN),
            Resume::Scanning { asked, .. } => Resume::Scanning { again: true, asked },
            // These end with a scan.
            resume @ (Resume::Kill(_) | Resume::Killing(_) | Resume::Until(_)) => resume,
        };
    }
}
