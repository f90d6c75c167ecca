//! What a fault may explain. All excuses of all rules are here.

use std::time::Duration;

use crate::args::Fsync;
use crate::history::{Call, Fault, History, Run};
use crate::kind::Kind;
use crate::record::Micros;
use crate::setup::{CLAIM_IDLE, RECOVERY, SETTLE};

/// A request may have been delivered to its server, and wait there, for so long before its handler begins.
const QUEUE: Duration = Duration::from_secs(10);

pub(crate) fn micros(duration: Duration) -> Micros {
    duration.as_micros() as Micros
}

fn meets(fault: &Fault, from: Micros, to: Micros) -> bool {
    fault.from <= to && from <= fault.to
}

fn concerns(fault: &Fault, service: &str) -> bool {
    fault.service.as_deref().is_none_or(|name| name == service)
}

/// A fault that took the request, or its reply, out of Redis: FLUSHALL, XTRIM of its stream, or, unless Redis writes always,
/// the death of Redis. It came while the call must still have been under way.
pub(crate) fn taken<'a>(history: &'a History, call: &Call) -> Option<&'a Fault> {
    let until = call.at + micros(SETTLE);
    history.faults.iter().find(|fault| {
        fault.kind.may_take_data()
            && !(fault.kind == Kind::KillRedis && history.fsync == Fsync::Always)
            && concerns(fault, &call.service)
            && meets(fault, call.at, until)
    })
}

/// A fault that made the group of a service anew: what was delivered in the time before may be delivered again.
pub(crate) fn reset<'a>(
    history: &'a History,
    service: &str,
    from: Micros,
    to: Micros,
) -> Option<&'a Fault> {
    history.faults.iter().find(|fault| {
        fault.kind.may_reset_groups()
            && !(fault.kind == Kind::KillRedis && history.fsync == Fsync::Always)
            && concerns(fault, service)
            && meets(fault, from, to)
    })
}

/// A reset after the first of two runs may have been delivered, and before the second one began.
pub(crate) fn reset_between<'a>(
    history: &'a History,
    first: &Run,
    second: &Run,
) -> Option<&'a Fault> {
    let from = first.begin.saturating_sub(micros(QUEUE));
    reset(history, &first.service, from, second.begin)
}

/// A fault that cut a client off, or Redis, when the request may have been on its way.
pub(crate) fn cut_off<'a>(history: &'a History, call: &Call) -> Option<&'a Fault> {
    let from = call.at.saturating_sub(micros(RECOVERY));
    let until = call.at + micros(SETTLE);
    history.faults.iter().find(|fault| {
        fault.kind.silences() && fault.hits(&call.client) && meets(fault, from, until)
    })
}

/// The times in which a server couldn't renew anything: each fault with the recovery from it, and the times in which the
/// process didn't get on by itself. Those that touch are one.
fn silences(history: &History, server: &str) -> Vec<(Micros, Micros)> {
    let recovery = micros(RECOVERY);
    let faults = history.faults.iter().filter(|it| it.kind.silences() && it.hits(server));
    let faults = faults.map(|fault| (fault.from, fault.to + recovery));
    let late = history.processes.get(server).into_iter().flat_map(|it| it.late.iter().copied());
    let mut all: Vec<(Micros, Micros)> = faults.chain(late).collect();
    all.sort_unstable();
    let mut merged: Vec<(Micros, Micros)> = Vec::new();
    for (from, to) in all {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Whether the holder of the first run was silent for so long that its request could be taken over before the second run
/// began. Its requests are renewed each third of the claim idle, seen every sixth: when the silence begins, the last
/// renewal may be half a claim idle old.
pub(crate) fn was_silent(history: &History, first: &Run, second: &Run) -> bool {
    let enough = micros(CLAIM_IDLE) / 2;
    silences(history, &first.server).iter().any(|(from, to)| {
        let until = (*to).min(second.begin);
        until.saturating_sub(*from) >= enough
            && *to + micros(QUEUE) >= first.begin
            && *from <= second.begin
    })
}

/// Whether anything at all was done to the holder of a run before another one began: the least that explains a redelivery.
pub(crate) fn was_disturbed(history: &History, first: &Run, second: &Run) -> bool {
    let from = first.begin.saturating_sub(micros(QUEUE));
    let ends_it = [Kind::KillServer, Kind::RollServers];
    let fault = history.faults.iter().any(|fault| {
        (fault.kind.silences() || ends_it.contains(&fault.kind))
            && fault.hits(&first.server)
            && meets(fault, from, second.begin)
    });
    let process = history.processes.get(&first.server);
    let late =
        process.is_some_and(|it| it.late.iter().any(|it| it.0 <= second.begin && from <= it.1));
    fault || late
}
