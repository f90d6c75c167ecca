//! How each kind of fault is done, and undone.

use std::time::{Duration, Instant};

use clamator_testkit::{RedisServer, Value};

use crate::kind::Kind;
use crate::processes::Processes;
use crate::proxy::{Mode, Proxy};
use crate::record::{Micros, Recorder, What, now};
use crate::schedule::{Direction, Planned};
use crate::setup::{GRACE, command_stream};
use crate::vitals::{Connection, connections};

/// For so long a process gets no answers before it is killed, half of the time.
const BEFORE_DEATH: Duration = Duration::from_millis(150);

/// Everything that faults are done to.
pub(crate) struct Site {
    pub(crate) redis: RedisServer,
    pub(crate) proxy: Proxy,
    pub(crate) processes: Processes,
    pub(crate) recorder: Recorder,
    later: Vec<(Instant, Later)>,
}

/// What is still to be done about a fault that has begun.
#[derive(Debug)]
enum Later {
    Kill { kind: Kind, slot: String, away: Duration, from: Micros },
    Destroy { service: &'static str },
    Continue { name: String, from: Micros },
    Terminate { slot: String },
    StartRedis { from: Micros },
    Through { kind: Kind, slot: String, from: Micros },
}

impl Site {
    pub(crate) fn new(
        redis: RedisServer,
        proxy: Proxy,
        processes: Processes,
        recorder: Recorder,
    ) -> Site {
        Site { redis, proxy, processes, recorder, later: Vec::new() }
    }

    /// Does a fault, or begins it. One that has no target just now isn't done, and isn't counted.
    pub(crate) fn begin(&mut self, planned: &Planned) {
        let (kind, from) = (planned.kind, now());
        let slot = planned.slot.as_deref().unwrap_or_default();
        match kind {
            Kind::KillServer | Kind::KillClient => {
                let kill = Later::Kill { kind, slot: slot.to_owned(), away: planned.lasts, from };
                if planned.amount.is_multiple_of(2) {
                    self.carry_on(kill);
                } else {
                    // Between two commands: it gets no more answers, and dies with the next command unsent.
                    self.proxy.set(slot, Mode::Stall(planned.direction));
                    self.after(BEFORE_DEATH, kill);
                }
            }
            Kind::StopServer => {
                if let Some(name) = self.processes.name(slot) {
                    self.processes.signal(&name, "STOP");
                    self.after(planned.lasts, Later::Continue { name, from });
                }
            }
            Kind::RollServers => {
                for (slot, index) in self.processes.slots("server").into_iter().zip(0..) {
                    self.after(planned.lasts * index, Later::Terminate { slot });
                }
            }
            Kind::CutServerCommands | Kind::CutClientCommands => self.cut(planned, false),
            Kind::CutServerReader | Kind::CutClientReader => self.cut(planned, true),
            Kind::PauseClients => self.pause(planned),
            Kind::KillRedis => {
                self.redis.kill9();
                self.after(planned.lasts, Later::StartRedis { from });
            }
            Kind::FlushAll => self.ask(kind, None, &["FLUSHALL"]),
            Kind::DestroyGroup => {
                // Half of the time requests have piled up that nobody was given yet. (So short a silence excuses nothing.)
                let destroy = Later::Destroy { service: planned.service.unwrap_or_default() };
                if planned.amount.is_multiple_of(2) {
                    self.carry_on(destroy);
                } else {
                    self.set_servers(Mode::Stall(Direction::Both));
                    self.after(BEFORE_DEATH, destroy);
                }
            }
            Kind::TrimStream => {
                let stream = command_stream(planned.service.unwrap_or_default());
                let keep = planned.amount.to_string();
                self.ask(kind, planned.service, &["XTRIM", &stream, "MAXLEN", &keep]);
            }
            Kind::Delay => {
                let wait = Duration::from_millis(planned.amount);
                self.disturb(planned, Mode::Delay(planned.direction, wait));
            }
            Kind::Stall => self.disturb(planned, Mode::Stall(planned.direction)),
            Kind::CutFrame => {
                let bytes = usize::try_from(planned.amount).unwrap_or(0);
                self.disturb(planned, Mode::Cut(planned.direction, bytes));
            }
            Kind::Reset => self.disturb(planned, Mode::Reset),
            // The signal would end a client that doesn't listen yet. The deaths that follow are in the record.
            Kind::Poison => {
                let client = self.processes.name(slot);
                if let Some(name) = client.filter(|name| self.processes.is_ready(name)) {
                    self.processes.signal(&name, "USR2");
                }
            }
        }
    }

    /// Goes on with the faults that have begun. Returns whether there are any.
    pub(crate) fn go_on(&mut self) -> bool {
        let now = Instant::now();
        let later = std::mem::take(&mut self.later);
        let (due, later): (Vec<_>, Vec<_>) = later.into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        for (_, what) in due {
            self.carry_on(what);
        }
        !self.later.is_empty()
    }

    fn carry_on(&mut self, what: Later) {
        match what {
            Later::Kill { kind, slot, away, from } => {
                if let Some(name) = self.processes.kill(&slot, away) {
                    self.note(kind, Some(name), None, from, now());
                }
                self.proxy.set(&slot, Mode::Through);
            }
            Later::Destroy { service } => {
                let destroy = ["XGROUP", "DESTROY", &command_stream(service), service];
                self.ask(Kind::DestroyGroup, Some(service), &destroy);
                self.set_servers(Mode::Through);
            }
            Later::Continue { name, from } => {
                self.processes.signal(&name, "CONT");
                self.note(Kind::StopServer, Some(name), None, from, now());
            }
            Later::Terminate { slot } => {
                // One that was started a moment ago doesn't listen yet: it would end as any program does.
                let name = self.processes.name(&slot);
                if let Some(name) = name.filter(|name| self.processes.is_ready(name)) {
                    let from = now();
                    self.processes.signal(&name, "TERM");
                    let to = now() + GRACE.as_micros() as u64;
                    self.note(Kind::RollServers, Some(name), None, from, to);
                }
            }
            Later::StartRedis { from } => {
                self.redis.start_again();
                self.note(Kind::KillRedis, None, None, from, now());
            }
            Later::Through { kind, slot, from } => {
                self.proxy.set(&slot, Mode::Through);
                self.note(kind, Some(slot), None, from, now());
            }
        }
    }

    /// The connections of a place, as Redis sees them. None if Redis is away.
    pub(crate) fn connections(&self, slot: &str) -> Vec<Connection> {
        let Ok(Value::Bulk(list)) = self.redis.try_command(&["CLIENT", "LIST"]) else {
            return Vec::new();
        };
        let mut found = connections(&String::from_utf8_lossy(&list));
        found.retain(|it| self.proxy.owner(&it.address).as_deref() == Some(slot));
        found
    }

    fn cut(&mut self, planned: &Planned, reads: bool) {
        let slot = planned.slot.as_deref().unwrap_or_default();
        let mut found = self.connections(slot);
        found.retain(|connection| connection.reads == reads);
        let index = planned.amount.checked_rem(found.len() as u64).unwrap_or(0);
        let Some(connection) = found.get(usize::try_from(index).unwrap_or(0)) else { return };
        let from = now();
        if let Ok(Value::Int(1)) = self.redis.try_command(&["CLIENT", "KILL", "ID", &connection.id])
        {
            self.note(planned.kind, planned.slot.clone(), None, from, now());
        }
    }

    fn pause(&mut self, planned: &Planned) {
        let millis = planned.lasts.as_millis().to_string();
        let what = if planned.direction == Direction::ToRedis { "WRITE" } else { "ALL" };
        let from = now();
        if let Ok(Value::Simple(_)) = self.redis.try_command(&["CLIENT", "PAUSE", &millis, what]) {
            let to = now() + planned.lasts.as_micros() as u64;
            self.note(planned.kind, None, None, from, to);
        }
    }

    fn ask(&mut self, kind: Kind, service: Option<&str>, command: &[&str]) {
        let from = now();
        // 0 or an error: there was nothing to take.
        let done = match self.redis.try_command(command) {
            Ok(Value::Int(count)) => count > 0,
            Ok(Value::Error(_)) | Err(_) => false,
            Ok(_) => true,
        };
        if done {
            self.note(kind, None, service.map(str::to_owned), from, now());
        }
    }

    fn disturb(&mut self, planned: &Planned, mode: Mode) {
        let Some(slot) = planned.slot.clone() else { return };
        self.proxy.set(&slot, mode);
        self.after(planned.lasts, Later::Through { kind: planned.kind, slot, from: now() });
    }

    fn set_servers(&self, mode: Mode) {
        for slot in self.processes.slots("server") {
            self.proxy.set(&slot, mode);
        }
    }

    fn after(&mut self, wait: Duration, what: Later) {
        self.later.push((Instant::now() + wait, what));
    }

    fn note(
        &self,
        kind: Kind,
        target: Option<String>,
        service: Option<String>,
        from: Micros,
        to: Micros,
    ) {
        self.recorder.write(What::Fault { kind, target, service, from, to });
    }
}
