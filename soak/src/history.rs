//! What happened, put together from the lines of the record: the only thing that the proof looks at.

use std::collections::BTreeMap;

use crate::args::Fsync;
use crate::kind::Kind;
use crate::record::{How, Line, Micros, What};
use crate::setup::{Discipline, FRAGILE, POISONED, discipline};

/// A call or a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) client: String,
    pub(crate) notification: bool,
    /// Its handler ends its server.
    pub(crate) poison: bool,
    pub(crate) at: Micros,
    pub(crate) outcomes: Vec<(Micros, How)>,
}

impl Call {
    /// Its outcome, if it has exactly one.
    pub(crate) fn outcome(&self) -> Option<(Micros, How)> {
        self.outcomes.first().copied().filter(|_| self.outcomes.len() == 1)
    }
}

/// How a run of a handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finished,
    Aborted,
    /// Its process was gone first.
    Cut,
}

/// One run of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) server: String,
    pub(crate) key: Option<u64>,
    /// Of the stream: milliseconds and number.
    pub(crate) entry: (u64, u64),
    pub(crate) deliveries: u64,
    pub(crate) begin: Micros,
    pub(crate) end: Micros,
    pub(crate) how: End,
}

/// What a run follows within its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// All that its service has run before.
    Service,
    /// What its service has run of its key.
    Key(u64),
}

impl Run {
    /// Nothing, if it follows nothing.
    pub(crate) fn lane(&self) -> Option<Lane> {
        match discipline(&self.service)? {
            Discipline::Serial => Some(Lane::Service),
            Discipline::Concurrent(_) => None,
            Discipline::Ordered(_) => self.key.map(Lane::Key),
        }
    }
}

/// A fault that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) target: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) from: Micros,
    pub(crate) to: Micros,
}

impl Fault {
    /// Whether it was done to this process: by its name, its place, or as one of all.
    pub(crate) fn hits(&self, process: &str) -> bool {
        match &self.target {
            None => true,
            Some(target) => target == process || target == place(process),
        }
    }
}

/// The place of a process: `s1` for `s1.3`.
pub(crate) fn place(process: &str) -> &str {
    process.split_once('.').map_or(process, |(place, _)| place)
}

/// What a process used at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) at: Micros,
    pub(crate) rss_kb: u64,
    pub(crate) fds: u64,
    pub(crate) threads: u64,
}

/// A process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub(crate) ended: Option<Micros>,
    pub(crate) code: Option<i32>,
    /// It was told to end.
    pub(crate) told: bool,
    pub(crate) killed: bool,
    /// When it didn't get on.
    pub(crate) late: Vec<(Micros, Micros)>,
    pub(crate) usage: Vec<Usage>,
    pub(crate) tasks: Vec<(Micros, u64)>,
    pub(crate) connections: Option<u64>,
}

impl Process {
    pub(crate) fn is_server(name: &str) -> bool {
        name.starts_with('s')
    }
}

/// All that happened.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) fsync: Fsync,
    pub(crate) start: Micros,
    /// When the load and the faults had ended.
    pub(crate) calm: Micros,
    pub(crate) calls: Vec<Call>,
    /// In the order of their beginnings.
    pub(crate) runs: Vec<Run>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) processes: BTreeMap<String, Process>,
    pub(crate) lines: Vec<(String, Line)>,
    runs_of: BTreeMap<String, Vec<usize>>,
}

impl History {
    pub(crate) fn new(lines: Vec<(String, Line)>) -> History {
        let at = |line: Option<&(String, Line)>| line.map_or(0, |(_, line)| line.t);
        let (start, last) = (at(lines.first()), at(lines.last()));
        let mut history = History {
            fsync: Fsync::Always,
            start,
            calm: last,
            calls: Vec::new(),
            runs: Vec::new(),
            faults: Vec::new(),
            processes: BTreeMap::new(),
            lines: Vec::new(),
            runs_of: BTreeMap::new(),
        };
        let mut open = Open::default();
        for (process, line) in &lines {
            history.take(process, line, &mut open);
        }
        for ((server, _), index) in open.runs {
            let ended = history.processes.get(&server).and_then(|process| process.ended);
            history.runs[index].end = ended.unwrap_or(last);
        }
        history.find_poisoned();
        for (index, run) in history.runs.iter().enumerate() {
            history.runs_of.entry(run.id.clone()).or_default().push(index);
        }
        history.lines = lines;
        history
    }

    /// The runs of a call, in the order of their beginnings.
    pub(crate) fn runs_of(&self, id: &str) -> impl Iterator<Item = &Run> {
        self.runs_of.get(id).into_iter().flatten().map(|index| &self.runs[*index])
    }

    /// All calls with their runs, where there are any.
    pub(crate) fn each_runs(&self) -> impl Iterator<Item = Vec<&Run>> {
        self.runs_of.values().map(|indexes| indexes.iter().map(|at| &self.runs[*at]).collect())
    }

    pub(crate) fn client_was_killed(&self, call: &Call) -> bool {
        self.processes.get(&call.client).is_some_and(|process| process.killed)
    }

    /// The deaths by poison: faults that nobody but the load has done.
    fn find_poisoned(&mut self) {
        let killers = self.runs.iter().filter(|run| {
            let code = self.processes.get(&run.server).and_then(|process| process.code);
            run.how == End::Cut
                && code == Some(POISONED)
                && self.calls.iter().any(|call| call.poison && call.id == run.id)
        });
        let faults = killers.map(|run| Fault {
            kind: Kind::Poison,
            target: Some(run.server.clone()),
            service: None,
            from: run.begin,
            to: run.end,
        });
        self.faults.extend(faults.collect::<Vec<_>>());
    }

    fn process(&mut self, name: &str) -> &mut Process {
        self.processes.entry(name.to_owned()).or_default()
    }

    fn take(&mut self, process: &str, line: &Line, open: &mut Open) {
        let t = line.t;
        match line.what.clone() {
            What::Call { id, service, .. } => self.called(open, process, t, id, service),
            What::Poison { id } => {
                self.called(open, process, t, id, FRAGILE.to_owned());
                self.calls.last_mut().into_iter().for_each(|call| call.poison = true);
            }
            What::Note { id, service } => {
                self.called(open, process, t, id, service);
                self.calls.last_mut().into_iter().for_each(|call| call.notification = true);
            }
            What::Settled { id, how, .. } => {
                if let Some(index) = open.calls.get(&id) {
                    self.calls[*index].outcomes.push((t, how));
                }
            }
            What::Begin { run, id, service, key, entry, deliveries } => {
                open.runs.insert((process.to_owned(), run), self.runs.len());
                let (server, entry) = (process.to_owned(), parse_entry(&entry));
                let (begin, end, how) = (t, t, End::Cut);
                let run = Run { id, service, server, key, entry, deliveries, begin, end, how };
                self.runs.push(run);
            }
            What::Finish { run, .. } => self.ended(open, process, run, t, End::Finished),
            What::Abort { run, .. } => self.ended(open, process, run, t, End::Aborted),
            What::Late { ms } => self.process(process).late.push((t.saturating_sub(ms * 1000), t)),
            What::Tasks { count } => self.process(process).tasks.push((t, count)),
            What::Started { process } => {
                self.process(&process);
            }
            What::Ended { process, code, told } => {
                let ended = self.process(&process);
                (ended.ended, ended.code, ended.told) = (Some(t), Some(code), told);
            }
            What::Fault { kind, target, service, from, to } => {
                if let (Kind::KillServer | Kind::KillClient, Some(name)) = (kind, &target) {
                    self.process(name).killed = true;
                }
                self.faults.push(Fault { kind, target, service, from, to });
            }
            What::Usage { process, rss_kb, fds, threads } => {
                self.process(&process).usage.push(Usage { at: t, rss_kb, fds, threads });
            }
            What::Connections { process, count } => {
                self.process(&process).connections = Some(count);
            }
            What::Setup { fsync, .. } => self.fsync = fsync,
            What::Calm => self.calm = t,
            What::Ready
            | What::Quiet
            | What::Down
            | What::Log { .. }
            | What::Wire { .. }
            | What::Key { .. }
            | What::Group { .. }
            | What::Length { .. }
            | What::Consumer { .. }
            | What::Dead { .. }
            | What::Restless { .. } => {}
        }
    }

    fn called(&mut self, open: &mut Open, client: &str, at: Micros, id: String, service: String) {
        open.calls.insert(id.clone(), self.calls.len());
        let (client, outcomes) = (client.to_owned(), Vec::new());
        let (notification, poison) = (false, false);
        self.calls.push(Call { id, service, client, notification, poison, at, outcomes });
    }

    fn ended(&mut self, open: &mut Open, process: &str, run: u64, t: Micros, how: End) {
        if let Some(index) = open.runs.remove(&(process.to_owned(), run)) {
            (self.runs[index].end, self.runs[index].how) = (t, how);
        }
    }
}

/// What hasn't ended yet, by its place in the lists.
#[derive(Default)]
struct Open {
    calls: BTreeMap<String, usize>,
    runs: BTreeMap<(String, u64), usize>,
}

fn parse_entry(entry: &str) -> (u64, u64) {
    let (ms, number) = entry.split_once('-').unwrap_or((entry, "0"));
    (ms.parse().unwrap_or(0), number.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::testing::Tale;

    #[test]
    fn a_call_has_its_outcome_and_its_runs() {
        let history = Tale::new()
            .call(100, "c0.1-1", "work-a")
            .begin(200, "s0.1", "c0.1-1", "5-0", 1)
            .finish(300, "s0.1", "c0.1-1")
            .settled(400, "c0.1-1", How::Ok)
            .history();
        let call = &history.calls[0];
        assert_eq!((call.client.as_str(), call.outcome()), ("c0.1", Some((400_000, How::Ok))));
        let run = history.runs_of("c0.1-1").next().unwrap();
        assert_eq!((run.begin, run.end, run.how), (200_000, 300_000, End::Finished));
        assert_eq!(run.entry, (5, 0));
    }

    #[test]
    fn a_run_ends_with_its_process() {
        let history = Tale::new()
            .begin(200, "s0.1", "c0.1-1", "5-0", 1)
            .kill(500, "s0.1")
            .call(900, "c0.1-2", "work-a")
            .history();
        let run = &history.runs[0];
        assert_eq!((run.end, run.how), (500_000, End::Cut));
        assert!(history.processes["s0.1"].killed);
    }

    #[test]
    fn a_fault_hits_a_process_by_its_name_or_its_place() {
        let fault = |target: Option<&str>| Fault {
            kind: Kind::Stall,
            target: target.map(str::to_owned),
            service: None,
            from: 0,
            to: 1,
        };
        assert!(fault(None).hits("s1.3"));
        assert!(fault(Some("s1")).hits("s1.3") && fault(Some("s1.3")).hits("s1.3"));
        assert!(!fault(Some("s1.2")).hits("s1.3") && !fault(Some("s2")).hits("s1.3"));
    }
}
