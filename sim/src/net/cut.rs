//! How connections end.

use clamator_core::{Lane, Outcome};
use clamator_driver::Connection;

use super::{Net, fault};
use crate::event::LifeId;
use crate::plan::SECOND;
use crate::stage::{Due, NodeId};

/// A connection that was opened so long ago is known to its process, once everything is quick.
const KNOWN: u64 = SECOND / 10;

/// What a cut does to what is on its way.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    /// So many pipelines that are on their way still arrive, in thousandths of all.
    pub(crate) arrive: u64,
    /// Whether the next one arrives in part.
    pub(crate) torn: bool,
    /// Whether answers that are on their way still arrive: no, if it is the answer that is lost.
    pub(crate) answers: bool,
    /// For how long the store doesn't notice, in nanoseconds.
    pub(crate) unnoticed: u64,
    why: &'static str,
}

impl Cut {
    pub(crate) fn of_network(arrive: u64, torn: bool, answers: bool, unnoticed: u64) -> Cut {
        Cut { arrive, torn, answers, unnoticed, why: "connection reset" }
    }

    /// The store has closed it.
    pub(super) fn by_store() -> Cut {
        Cut { arrive: 0, torn: false, answers: true, unnoticed: 0, why: "closed by the store" }
    }

    /// Its process has let go of it: what has left arrives.
    pub(super) fn by_process() -> Cut {
        Cut { arrive: 1000, torn: false, answers: false, unnoticed: 0, why: "closed" }
    }
}

impl Net {
    /// The connections of a machine, or all, that are open, with their lanes.
    pub(crate) fn open_pipes(&self, node: Option<NodeId>) -> Vec<(usize, LifeId, Lane)> {
        let inner = self.lock();
        let open = inner.pipes.iter().filter(|(_, pipe)| pipe.is_open);
        let open = open.filter(|(_, pipe)| node.is_none_or(|node| node == pipe.node));
        open.map(|(slot, pipe)| (slot, pipe.life, pipe.lane)).collect()
    }

    /// Whether a process has been connected again for as long as it may take it to know: for commands, and by so many that read.
    pub(crate) fn is_connected(&self, life: LifeId, readers: usize) -> bool {
        let latest = self.stage.now().saturating_sub(KNOWN);
        let inner = self.lock();
        let pipes = inner.pipes.iter().map(|(_, pipe)| pipe);
        let open = pipes.filter(|pipe| pipe.is_open && pipe.life == life);
        let known = open.filter(|pipe| pipe.opened_at <= latest);
        let (commands, reading): (Vec<_>, Vec<_>) =
            known.partition(|pipe| pipe.lane == Lane::Commands);
        !commands.is_empty() && reading.len() >= readers
    }

    /// Ends a connection for its process.
    pub(crate) fn cut(&self, pipe: usize, cut: &Cut) {
        let now = self.stage.now();
        let mut inner = self.lock();
        let Some(found) = inner.pipes.get_mut(pipe) else { return };
        if !found.is_open {
            return;
        }
        found.is_open = false;
        self.watch.given_up(found.end.as_ref().and_then(Connection::id));
        // What arrives in spite of it: nobody awaits its answer any more.
        let on_way = found.there.len();
        let arrive = usize::try_from(on_way as u64 * cut.arrive / 1000).unwrap_or(on_way);
        let mut unsent = Vec::new();
        for (at, (run, commands)) in found.there.iter_mut().enumerate() {
            if at < arrive {
                *run = None;
            } else if at == arrive && cut.torn {
                commands.truncate(commands.len() / 2);
                *run = None;
            } else if at > arrive {
                unsent.extend(run.take());
            }
        }
        found.there.truncate(arrive + usize::from(cut.torn));
        for (run, _) in &mut found.at_store {
            *run = None;
        }
        let mut answered = Vec::new();
        while let Some(back) = found.back.pop_front() {
            if cut.answers {
                answered.push(back);
            }
        }
        let closes = found.last_there.max(now) + cut.unnoticed + 1;
        let runs: Vec<(usize, usize)> = inner
            .runs
            .iter()
            .filter(|(_, run)| run.pipe == pipe && run.outcomes.is_none())
            .map(|(slot, run)| (slot, run.abouts.len()))
            .collect();
        drop(inner);
        self.stage.at(closes, Due::Close(pipe));
        for (run, outcomes) in answered {
            self.give(run, outcomes);
        }
        for (run, count) in runs {
            let still = self.lock().runs.get(run).is_some_and(|run| run.outcomes.is_none());
            if still {
                let outcome = match unsent.contains(&run) {
                    true => Outcome::NotSent(fault(cut.why)),
                    false => Outcome::Unknown(fault(cut.why)),
                };
                self.give(run, vec![outcome; count]);
            }
        }
    }
}
