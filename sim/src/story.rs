//! What happened, for people: a line for each event, in a column for each machine.

use std::fmt::Write as _;

use clamator_core::{Command, Entry, Outcome, Reply};

use crate::book::Book;
use crate::event::{About, CallId, End, Event};
use crate::stage::{NodeId, STORE};

/// A line of it.
#[derive(Clone, Debug)]
struct Line {
    at: u64,
    node: Option<NodeId>,
    text: String,
    /// The calls that it is about; none: it is about everybody.
    calls: Vec<CallId>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    lines: Vec<Line>,
}

/// The name of a command.
pub(crate) fn verb(command: &Command) -> &'static str {
    match command {
        Command::Append { .. } => "append",
        Command::CreateGroup { .. } => "create group",
        Command::ReadGroup { .. } => "read group",
        Command::ReadOwnPending { .. } => "read own pending",
        Command::Read { .. } => "read",
        Command::Info { .. } => "info",
        Command::Ack { .. } => "ack",
        Command::AutoClaim { .. } => "take over",
        Command::CountDelivery { .. } => "count delivery",
        Command::Renew { .. } => "renew",
        Command::Release { .. } => "hand back",
        Command::TrimDone { .. } => "trim",
        Command::RemoveConsumer { .. } => "remove consumer",
        Command::RemoveIdleConsumers { .. } => "remove idle consumers",
        Command::Delete { .. } => "delete",
        Command::Expire { .. } => "expire",
        Command::Unblock { .. } => "unblock",
        Command::Kill { .. } => "kill connection",
        Command::Ping => "ping",
    }
}

impl Story {
    /// Takes down an event. What happens all the time and brings nothing is left out.
    pub(crate) fn tell(&mut self, book: &Book, event: &Event<'_>) {
        let of_life = |life: &usize| Some(book.lives[*life].node);
        let of_call = |call: &CallId| of_life(&book.call(*call).life);
        let (node, text, calls) = match event {
            Event::Born { life } => {
                (of_life(life), format!("{} begins", book.lives[*life].name), vec![])
            }
            Event::Up { life } => {
                (of_life(life), format!("{} is up", book.lives[*life].name), vec![])
            }
            Event::Stopping { life, grace } => {
                (of_life(life), format!("is told to stop within {} ms", grace / 1_000_000), vec![])
            }
            Event::Stopped { life, report } => (
                of_life(life),
                format!(
                    "has stopped: {} finished, {} handed back, {} aborted",
                    report.finished, report.handed_back, report.aborted
                ),
                vec![],
            ),
            Event::Killed { life } => {
                (of_life(life), format!("{} DIES", book.lives[*life].name), vec![])
            }
            Event::Called { life, call } => {
                let timeout = book.call(*call).timeout / 1_000_000;
                let text = format!(
                    "makes {} (key {}, timeout {timeout} ms)",
                    book.call_name(*call),
                    book.call(*call).key
                );
                (of_life(life), text, vec![*call])
            }
            Event::Settled { call, told } => (
                of_call(call),
                format!("{} is settled: {told:?}", book.call_name(*call)),
                vec![*call],
            ),
            Event::Forgotten { call } => {
                (of_call(call), format!("{} is forgotten", book.call_name(*call)), vec![*call])
            }
            Event::Began { life, call, entry, deliveries, .. } => {
                let text =
                    format!("BEGINS {} ({entry}, delivery {deliveries})", book.call_name(*call));
                (of_life(life), text, vec![*call])
            }
            Event::Ended { run, how } => {
                let run = &book.runs[*run];
                let verb = match how {
                    End::Finished => "FINISHES",
                    End::Failed => "fails",
                    End::Panicked => "panics at",
                    End::Dropped => "drops",
                };
                (of_life(&run.life), format!("{verb} {}", book.call_name(run.call)), vec![run.call])
            }
            Event::Sent { life, lane, command } => {
                let (what, calls) = about(book, command);
                if calls.is_empty() {
                    return;
                }
                (of_life(life), format!("sends on {lane}: {what}"), calls)
            }
            Event::Executed { life, command, outcome, .. } => {
                let (what, mut calls) = about(book, command);
                let Some(result) = result(book, command, outcome, &mut calls) else { return };
                (Some(STORE), format!("for {}: {what} → {result}", book.lives[*life].name), calls)
            }
            Event::Answered { life, lane, about, outcome } => {
                let text = match outcome {
                    Outcome::Unknown(fault) => {
                        format!("never learns what became of: {} ({})", topic(about), fault.cause)
                    }
                    Outcome::NotSent(fault) => {
                        format!("couldn't send: {} ({})", topic(about), fault.cause)
                    }
                    _ => match about {
                        About::Reply(call) => {
                            let text =
                                format!("learns on {lane} that its reply to {call} was taken in");
                            self.push(book, of_life(life), text, vec![*call]);
                            return;
                        }
                        _ => return,
                    },
                };
                (of_life(life), text, vec![])
            }
            Event::Connecting { life, lane } => {
                (of_life(life), format!("connects: {lane}"), vec![])
            }
            Event::Note { life, what } => (of_life(life), (*what).to_owned(), vec![]),
            Event::Fault { what } => (None, format!("*** {what}"), vec![]),
            Event::Calm => {
                (None, "*** from here on nothing goes wrong any more".to_owned(), vec![])
            }
        };
        self.push(book, node, text, calls);
    }

    fn push(&mut self, book: &Book, node: Option<NodeId>, text: String, calls: Vec<CallId>) {
        self.lines.push(Line { at: book.now, node, text, calls });
    }

    /// The whole story, or that of one call with what concerns everybody.
    pub(crate) fn print(&self, names: &[String], of: Option<CallId>) -> String {
        let lines = self.lines.iter().filter(|line| {
            of.is_none_or(|call| line.calls.is_empty() || line.calls.contains(&call))
        });
        let mut text = format!("{:>14}  ", "");
        for name in names {
            _ = write!(text, "{name:<LANE$}");
        }
        text.push('\n');
        for line in lines {
            _ = write!(text, "{:>12.6} s  ", line.at as f64 / 1e9);
            match line.node {
                Some(node) => {
                    text.push_str(&format!("{:<LANE$}", "│").repeat(node));
                    _ = writeln!(text, "{}", line.text);
                }
                None => _ = writeln!(text, "{}", line.text),
            }
        }
        text
    }
}

/// How wide a column is.
const LANE: usize = 10;

fn topic(about: &About) -> String {
    match about {
        About::Other(what) => (*what).to_owned(),
        About::Reply(call) => format!("the reply to {call}"),
        About::Renewal { ids, .. } => format!("the renewal of {} entries", ids.len()),
    }
}

/// A command in words, and the calls that it is about.
fn about(book: &Book, command: &Command) -> (String, Vec<CallId>) {
    let of_ids = |stream, ids: &[clamator_core::StreamId]| {
        let service = book.service_of(stream);
        let entries = service.map(|service| &book.services[service].entries);
        let known = ids.iter().filter_map(|id| entries?.get(id)).map(|entry| entry.call);
        known.collect::<Vec<_>>()
    };
    let calls = match command {
        Command::Append { fields, .. } => book.call_of(fields).into_iter().collect(),
        Command::Ack { stream, ids, .. }
        | Command::Renew { stream, ids, .. }
        | Command::Release { stream, ids, .. } => of_ids(stream, ids),
        Command::CountDelivery { stream, id, .. } => of_ids(stream, &[*id]),
        _ => Vec::new(),
    };
    let what = match command {
        Command::Append { stream, .. } => format!("append to {stream}"),
        Command::TrimDone { stream } | Command::CreateGroup { stream, .. } => {
            format!("{} of {stream}", verb(command))
        }
        Command::Delete { key } | Command::Expire { key, .. } => format!("{} {key}", verb(command)),
        _ => verb(command).to_owned(),
    };
    (if calls.is_empty() { what } else { format!("{what} {calls:?}") }, calls)
}

/// What the store answered, if that is worth a line.
fn result(
    book: &Book,
    command: &Command,
    outcome: &Outcome,
    calls: &mut Vec<CallId>,
) -> Option<String> {
    let mut entries = |entries: &[Entry]| {
        let stream = match command {
            Command::ReadGroup { stream, .. }
            | Command::ReadOwnPending { stream, .. }
            | Command::AutoClaim { stream, .. } => Some(stream),
            _ => None,
        };
        let service = stream.and_then(|stream| book.service_of(stream));
        for entry in entries {
            let call = match service {
                Some(service) => book.services[service].entries.get(&entry.id).map(|it| it.call),
                None => entry.fields.as_deref().and_then(|fields| book.call_of(fields)),
            };
            calls.extend(call);
        }
        (!entries.is_empty()).then(|| format!("{calls:?}"))
    };
    match outcome {
        Outcome::Refused(refusal) => Some(format!("REFUSED: {refusal}")),
        Outcome::Reply(Reply::Entries(found) | Reply::Claimed { entries: found, .. }) => {
            entries(found)
        }
        Outcome::Reply(Reply::Added(id)) => Some(id.to_string()),
        Outcome::Reply(Reply::Nil) => Some("no such stream".to_owned()),
        Outcome::Reply(Reply::Ids(ids)) => Some(format!("{} of its own", ids.len())),
        Outcome::Reply(Reply::Deliveries(count)) => Some(format!("{count:?}")),
        Outcome::Reply(Reply::Trimmed(trimmed)) if trimmed.removed == 0 => None,
        Outcome::Reply(Reply::Trimmed(trimmed)) => Some(format!("{} removed", trimmed.removed)),
        Outcome::Reply(Reply::Count(count)) => match command {
            Command::RemoveIdleConsumers { .. } => None,
            _ => Some(count.to_string()),
        },
        Outcome::Reply(Reply::Done) if matches!(command, Command::Ping) => None,
        Outcome::Reply(Reply::Done) => Some("done".to_owned()),
        _ => None,
    }
}
