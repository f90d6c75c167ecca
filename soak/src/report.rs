//! What is printed: the schedule, the tables, and the evidence for what was violated.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::history::{End, History, place};
use crate::kind::Kind;
use crate::proof::{Violation, legal_overlaps, notifications_taken};
use crate::record::{How, Line, Micros, What};
use crate::schedule::Planned;
use crate::setup::PREFIX;
use crate::watch::REDIS;

/// So many violations are shown with their evidence, the earliest first.
const SHOWN: usize = 5;
/// Lines of evidence for each.
const LINES: usize = 60;

/// The faults to come.
pub(crate) fn schedule(planned: &[Planned]) -> String {
    let line = |fault: &Planned| {
        let target = fault.slot.as_deref().or(fault.service).unwrap_or("");
        let (at, lasts) = (fault.at.as_millis(), fault.lasts.as_millis());
        format!("{at:>8} ms  {:<42} {target:<8} {lasts} ms\n", fault.kind.name())
    };
    planned.iter().map(line).collect()
}

/// What was done, and what came of it.
pub(crate) fn table(history: &History, violations: &[Violation]) -> String {
    let mut text = String::from("\nfaults\n");
    for kind in Kind::ALL {
        let count = history.faults.iter().filter(|fault| fault.kind == kind).count();
        row(&mut text, kind.name(), count);
    }
    text.push_str("\ncalls\n");
    outcomes(&mut text, history, false);
    text.push_str("\nnotifications\n");
    outcomes(&mut text, history, true);
    row(&mut text, "accepted, and taken by a fault", notifications_taken(history));
    text.push_str("\nhandlers\n");
    handlers(&mut text, history, violations);
    text.push_str("\nprocesses at rest\n");
    processes(&mut text, history);
    text
}

fn row(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "  {name:<42}{value:>12}");
}

fn outcomes(text: &mut String, history: &History, notifications: bool) {
    let calls = history.calls.iter().filter(|call| call.notification == notifications);
    let mut counts: BTreeMap<How, usize> = BTreeMap::new();
    let (mut all, mut killed, mut took) = (0, 0, Vec::new());
    for call in calls {
        all += 1;
        match call.outcomes.first() {
            Some((at, how)) => {
                *counts.entry(*how).or_default() += 1;
                if *how == How::Ok {
                    took.push(at.saturating_sub(call.at));
                }
            }
            None => killed += 1,
        }
    }
    row(text, "made", all);
    for (how, count) in counts {
        row(text, &format!("{how:?}").to_lowercase(), count);
    }
    row(text, "without outcome (their client was killed)", killed);
    took.sort_unstable();
    for (name, share) in [("p50", 50), ("p99", 99)] {
        let at = took.len() * share / 100;
        let took = took.get(at).map_or(0.0, |took| *took as f64 / 1000.0);
        row(text, &format!("latency {name}"), format!("{took:.1} ms"));
    }
}

fn handlers(text: &mut String, history: &History, violations: &[Violation]) {
    let count = |how| history.runs.iter().filter(|run| run.how == how).count();
    row(text, "runs", history.runs.len());
    row(text, "dropped at the end of a grace", count(End::Aborted));
    row(text, "ended with their process", count(End::Cut));
    let again: usize = history.each_runs().map(|runs| runs.len() - 1).sum();
    row(text, "runs of what had run before", again);
    row(text, "overlaps, legal", legal_overlaps(history));
    let illegal = violations.iter().filter(|it| it.rule.starts_with("runs twice")).count();
    row(text, "overlaps, illegal", illegal);
    let late: usize = history.processes.values().map(|process| process.late.len()).sum();
    row(text, "times a process or Redis didn't get on", late);
}

fn processes(text: &mut String, history: &History) {
    for (name, process) in &history.processes {
        let Some(connections) = process.connections else { continue };
        let peak = process.usage.iter().map(|usage| usage.rss_kb).max().unwrap_or(0);
        let Some(last) = process.usage.last() else { continue };
        let tasks = process.tasks.last().map_or(0, |(_, tasks)| *tasks);
        let _ = writeln!(
            text,
            "  {name:<8}{:>7} kB (peak {peak} kB), {connections} connections, {tasks} tasks, {} threads, {} files",
            last.rss_kb, last.threads, last.fds,
        );
    }
    for (_, line) in &history.lines {
        if let What::Group { stream, pending, consumers, .. } = &line.what {
            let _ = writeln!(
                text,
                "  {stream}: {pending} pending, {consumers} consumers, {} entries at most",
                longest(history, stream),
            );
        }
    }
    let replies = format!("{PREFIX}:replies:");
    let _ = writeln!(text, "  {replies}*: {} entries at most", longest(history, &replies));
}

/// The most entries that a stream was seen to have under load, of all whose names begin so.
fn longest(history: &History, prefix: &str) -> u64 {
    let lengths = history.lines.iter().filter_map(|(_, line)| match &line.what {
        What::Length { key, len } if key.starts_with(prefix) => Some(*len),
        _ => None,
    });
    lengths.max().unwrap_or(0)
}

/// The rules that were violated, with the lines of the record that show it.
pub(crate) fn violations(history: &History, violations: &[Violation]) -> String {
    let mut text = String::from("\nviolated\n");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for violation in violations {
        *counts.entry(violation.rule).or_default() += 1;
    }
    for (rule, count) in counts {
        let _ = writeln!(text, "  {count:>6} × {rule}");
    }
    let mut first: Vec<&Violation> = violations.iter().collect();
    first.sort_by_key(|violation| violation.at);
    for violation in first.into_iter().take(SHOWN) {
        let at = millis(history, violation.at);
        let id = violation.id.as_deref().unwrap_or("");
        let _ = writeln!(text, "\n{at:>9} ms  {}: {id} {}", violation.rule, violation.what);
        for line in evidence(history, violation).iter().take(LINES) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn millis(history: &History, at: Micros) -> u64 {
    at.saturating_sub(history.start) / 1000
}

/// The lines about the call, and what was done to and logged by those who had to do with it meanwhile.
fn evidence(history: &History, violation: &Violation) -> Vec<String> {
    let Some(id) = &violation.id else { return Vec::new() };
    let own = |line: &Line| match &line.what {
        What::Call { id: it, .. }
        | What::Note { id: it, .. }
        | What::Poison { id: it }
        | What::Dead { id: it, .. }
        | What::Settled { id: it, .. }
        | What::Begin { id: it, .. }
        | What::Finish { id: it, .. }
        | What::Abort { id: it, .. } => it == id,
        _ => false,
    };
    let own_lines: Vec<&(String, Line)> =
        history.lines.iter().filter(|(_, line)| own(line)).collect();
    let times = || own_lines.iter().map(|(_, line)| line.t);
    let from = times().min().unwrap_or(violation.at).saturating_sub(3_000_000);
    let to = times().max().unwrap_or(violation.at);
    let involved = |process: &str| own_lines.iter().any(|(it, _)| it == process);
    let meanwhile = |process: &str, line: &Line| match &line.what {
        What::Fault { target, from: begin, to: end, .. } => {
            let hits = target.as_deref().is_none_or(|target| {
                own_lines.iter().any(|(it, _)| it == target || place(it) == target)
            });
            hits && *begin <= to && from <= *end
        }
        What::Log { .. } | What::Late { .. } | What::Down => {
            (involved(process) || process == REDIS) && (from..=to).contains(&line.t)
        }
        What::Wire { slot, .. } => {
            own_lines.iter().any(|(it, _)| place(it) == slot) && (from..=to).contains(&line.t)
        }
        What::Ended { process, .. } => involved(process) && (from..=to).contains(&line.t),
        _ => false,
    };
    let shown =
        history.lines.iter().filter(|(process, line)| own(line) || meanwhile(process, line));
    shown
        .map(|(process, line)| {
            format!("{:>9} ms  {process:<6} {}", millis(history, line.t), told(history, &line.what))
        })
        .collect()
}

fn told(history: &History, what: &What) -> String {
    match what {
        What::Fault { kind, target, from, to, .. } => {
            let target = target.as_deref().unwrap_or("all");
            let (from, to) = (millis(history, *from), millis(history, *to));
            format!("FAULT {} at {target}, from {from} ms to {to} ms", kind.name())
        }
        What::Wire { slot, port, text } => format!("proxy: {slot} by port {port} {text}"),
        What::Log { text } => format!("logs: {text}"),
        what => serde_json::to_string(what).unwrap_or_default(),
    }
}
