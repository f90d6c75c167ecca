//! What a fault may explain. All excuses of all rules are here.

use std::time::Duration;

use crate::args::Fsync;
use crate::history::{Call, End, Fault, History, Process, Run};
use crate::kind::Kind;
use crate::record::Micros;
use crate::setup::{CLAIM_IDLE, POISON_TIMEOUT, RECOVERY, SETTLE};
use crate::watch::REDIS;

/// A request may have been delivered to its server, and wait there, for so long before its handler begins: behind a long
/// handler, and the quick ones that were read ahead with it.
const QUEUE: Duration = Duration::from_secs(4);

/// What nothing holds up is done within this: a reply that is written and read, a request that is sent, an ack.
const DUE: Duration = Duration::from_secs(1);

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
/// the death of Redis. It came while the call must still have been under way: before it could be run, or, once a handler had
/// finished, before its reply could be read.
pub(crate) fn taken<'a>(history: &'a History, call: &Call) -> Option<&'a Fault> {
    let finished = history.runs_of(&call.id).filter(|run| run.how == End::Finished);
    let patience = if call.poison { POISON_TIMEOUT } else { SETTLE };
    let until = finished
        .map(|run| due(history, run.end, &[&run.server, &call.client]))
        .max()
        .unwrap_or(call.at + micros(patience));
    history.faults.iter().find(|fault| {
        fault.kind.may_take_data()
            && !(fault.kind == Kind::KillRedis && history.fsync == Fsync::Always)
            && concerns(fault, &call.service)
            && meets(fault, call.at, until)
    })
}

/// A fault that made the group anew, after the first of two runs may have been delivered and before the second one began. The
/// second one's entry was there already: what came later the new group knows once only.
pub(crate) fn reset_between<'a>(
    history: &'a History,
    first: &Run,
    second: &Run,
) -> Option<&'a Fault> {
    let from = first.begin.saturating_sub(micros(QUEUE));
    history.faults.iter().find(|fault| {
        fault.kind.may_reset_groups()
            && !(fault.kind == Kind::KillRedis && history.fsync == Fsync::Always)
            && concerns(fault, &first.service)
            && meets(fault, from, second.begin)
            && second.entry.0.saturating_mul(1000) <= fault.to
    })
}

/// Whether a client was cut off, or Redis away, when the request may have been on its way.
pub(crate) fn was_cut_off(history: &History, call: &Call) -> bool {
    let (from, until) = (call.at, due(history, call.at, &[&call.client]));
    silences(history, &call.client).iter().any(|(silent, to)| *silent <= until && from <= *to)
}

/// The times in which a server couldn't renew anything: each fault with the recovery from it, and the times in which the
/// process, or Redis, didn't get on by itself. Those that touch are one.
fn silences(history: &History, server: &str) -> Vec<(Micros, Micros)> {
    let recovery = micros(RECOVERY);
    let faults = history.faults.iter().filter(|it| it.kind.silences() && it.hits(server));
    let faults = faults.map(|fault| (fault.from, fault.to + recovery));
    let late =
        |name: &str| history.processes.get(name).into_iter().flat_map(|it| it.late.iter().copied());
    let redis = late(REDIS).map(|(from, to)| (from, to + recovery));
    let mut all: Vec<(Micros, Micros)> = faults.chain(late(server)).chain(redis).collect();
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

/// By when something is done that all of these have to do with: soon, or soon after a silence that came in between.
fn due(history: &History, from: Micros, processes: &[&str]) -> Micros {
    let mut all: Vec<_> = processes.iter().flat_map(|name| silences(history, name)).collect();
    all.sort_unstable();
    let meant = from + micros(DUE);
    all.iter().filter(|(_, to)| *to >= from).fold(meant, |due, (silent, to)| {
        if *silent <= due { due.max(to + micros(DUE)) } else { due }
    })
}

/// Whether the holder of the first run was silent for so long that its request could be taken over while it ran, before the
/// second run began. A server knows that what it begins is its own (it looks if that is in doubt), and renews it each third
/// of the claim idle, seen every sixth: when a silence begins, the last renewal may be half a claim idle old.
pub(crate) fn was_silent(history: &History, first: &Run, second: &Run) -> bool {
    let enough = micros(CLAIM_IDLE) / 2;
    silences(history, &first.server).iter().any(|(from, to)| {
        let until = (*to).min(second.begin);
        until.saturating_sub(*from) >= enough && until >= first.begin
    })
}

/// Whether anything was done to the holder of a run before it was acknowledged: the least that explains a redelivery.
pub(crate) fn was_disturbed(history: &History, first: &Run, second: &Run) -> bool {
    let from = first.begin.saturating_sub(micros(RECOVERY));
    let until = (first.end + micros(DUE)).min(second.begin);
    let ends_it = [Kind::KillServer, Kind::RollServers, Kind::Poison];
    let ended = history.faults.iter().any(|fault| {
        ends_it.contains(&fault.kind) && fault.hits(&first.server) && meets(fault, from, until)
    });
    let silent = silences(history, &first.server);
    ended || silent.iter().any(|(silent, to)| *silent <= until && from <= *to)
}

/// Whether a fault took what Redis had of a service after that time.
pub(crate) fn was_emptied_after(history: &History, from: Micros) -> bool {
    history.faults.iter().any(|fault| {
        let empties = fault.kind == Kind::FlushAll
            || fault.kind == Kind::KillRedis && history.fsync == Fsync::EverySecond;
        empties && fault.to >= from
    })
}

/// Whether a service's group was made anew in that time, so that it counts deliveries anew.
pub(crate) fn was_reset(history: &History, service: &str, from: Micros, to: Micros) -> bool {
    history.faults.iter().any(|fault| {
        fault.kind.may_reset_groups()
            && !(fault.kind == Kind::KillRedis && history.fsync == Fsync::Always)
            && concerns(fault, service)
            && meets(fault, from, to)
    })
}

/// How many faults there were in a time that may each have counted a beginning that wasn't one: a request that was read ahead,
/// or was about to run, when its server ended or was cut off.
pub(crate) fn miscounts(history: &History, from: Micros, to: Micros) -> u64 {
    let ends_it = [Kind::KillServer, Kind::RollServers, Kind::Poison];
    let ended = history.faults.iter().filter(|it| ends_it.contains(&it.kind));
    let ended = ended.filter(|fault| meets(fault, from, to)).count();
    let servers = history.processes.keys().filter(|name| Process::is_server(name));
    let silent = servers.flat_map(|name| silences(history, name));
    (ended + silent.filter(|(silent, end)| *silent <= to && from <= *end).count()) as u64
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    /// Finished on s0 at 10.1 s.
    fn finished() -> Tale {
        Tale::new()
            .call(10_000, "c0.1-1", "work-a")
            .begin(10_050, "s0.1", "c0.1-1", "10000-0", 1)
            .finish(10_100, "s0.1", "c0.1-1")
    }

    fn flushed(tale: Tale, at: u64) -> bool {
        let history = tale.fault(Kind::FlushAll, None, at, at).history();
        taken(&history, &history.calls[0]).is_some()
    }

    #[test]
    fn a_reply_that_must_have_been_read_can_not_be_taken_any_more() {
        assert!(flushed(finished(), 10_150));
        assert!(!flushed(finished(), 11_500));
        let waiting = Tale::new().call(10_000, "c0.1-1", "work-a");
        assert!(flushed(waiting, 11_500), "the request may still wait");
    }

    #[test]
    fn a_silence_of_its_server_or_its_reader_keeps_a_reply_on_its_way() {
        for place in ["s0", "c0"] {
            let stalled = finished().fault(Kind::Stall, Some(place), 10_090, 13_000);
            assert!(flushed(stalled, 13_500), "{place}");
        }
        assert!(!flushed(finished().fault(Kind::Stall, Some("s1"), 10_090, 13_000), 13_500));
        assert!(!flushed(finished().fault(Kind::Stall, Some("s0"), 12_000, 13_000), 13_500));
    }

    #[test]
    fn a_redis_that_is_still_loading_keeps_everybody_waiting() {
        assert!(flushed(finished().late(13_000, "redis", 2_950), 13_500));
        assert!(!flushed(finished().late(13_000, "redis", 500), 13_500));
    }

    #[test]
    fn a_new_group_delivers_again_only_what_was_there() {
        let runs = |entry: &str| {
            let tale = Tale::new()
                .begin(10_000, "s0.1", "c0.1-1", entry, 1)
                .finish(10_010, "s0.1", "c0.1-1")
                .begin(11_000, "s1.1", "c0.1-1", entry, 1);
            let history = tale.on_service(Kind::DestroyGroup, "work-a", 10_500).history();
            reset_between(&history, &history.runs[0], &history.runs[1]).is_some()
        };
        assert!(runs("10000-0"));
        assert!(!runs("10600-0"));
    }
}
