//! Records made by hand, for the tests of the rules. Times are in milliseconds.

use std::collections::BTreeMap;

use crate::args::Fsync;
use crate::history::{History, place};
use crate::kind::Kind;
use crate::record::{How, Line, What};
use crate::setup::FRAGILE;

/// A record in the making.
#[derive(Clone)]
pub(crate) struct Tale {
    lines: Vec<(String, Line)>,
    services: BTreeMap<String, String>,
    runs: BTreeMap<(String, String), u64>,
    key: Option<u64>,
}

impl Tale {
    pub(crate) fn new() -> Tale {
        let (services, runs) = Default::default();
        Tale { lines: Vec::new(), services, runs, key: None }
    }

    pub(crate) fn every_second(self) -> Tale {
        self.bench(0, What::Setup { seed: 1, seconds: 1.0, fsync: Fsync::EverySecond })
    }

    pub(crate) fn line(mut self, ms: u64, process: &str, what: What) -> Tale {
        self.lines.push((process.to_owned(), Line { t: ms * 1000, what }));
        self
    }

    pub(crate) fn bench(self, ms: u64, what: What) -> Tale {
        self.line(ms, "bench", what)
    }

    pub(crate) fn call(mut self, ms: u64, id: &str, service: &str) -> Tale {
        self.services.insert(id.to_owned(), service.to_owned());
        let what = What::Call { id: id.to_owned(), service: service.to_owned(), ms: 0 };
        self.line(ms, client(id), what)
    }

    pub(crate) fn poison(mut self, ms: u64, id: &str) -> Tale {
        self.services.insert(id.to_owned(), FRAGILE.to_owned());
        self.line(ms, client(id), What::Poison { id: id.to_owned() })
    }

    /// What begins from here on has this key.
    pub(crate) fn of_key(mut self, key: Option<u64>) -> Tale {
        self.key = key;
        self
    }

    pub(crate) fn note(mut self, ms: u64, id: &str, service: &str) -> Tale {
        self.services.insert(id.to_owned(), service.to_owned());
        let what = What::Note { id: id.to_owned(), service: service.to_owned() };
        self.line(ms, client(id), what)
    }

    pub(crate) fn settled(self, ms: u64, id: &str, how: How) -> Tale {
        self.line(ms, client(id), What::Settled { id: id.to_owned(), how, text: None })
    }

    /// Of the service that was called; without a call, of `work-a`.
    pub(crate) fn begin(
        mut self,
        ms: u64,
        server: &str,
        id: &str,
        entry: &str,
        deliveries: u64,
    ) -> Tale {
        let run = self.lines.len() as u64;
        self.runs.insert((server.to_owned(), id.to_owned()), run);
        let service = self.services.get(id).cloned().unwrap_or("work-a".to_owned());
        let (id, entry) = (id.to_owned(), entry.to_owned());
        let key = self.key;
        self.line(ms, server, What::Begin { run, id, service, key, entry, deliveries })
    }

    /// Ends the run of this request that began last on this server.
    pub(crate) fn finish(self, ms: u64, server: &str, id: &str) -> Tale {
        let run = self.runs[&(server.to_owned(), id.to_owned())];
        self.line(ms, server, What::Finish { run, id: id.to_owned() })
    }

    pub(crate) fn kill(self, ms: u64, process: &str) -> Tale {
        let kind = if process.starts_with('s') { Kind::KillServer } else { Kind::KillClient };
        self.ended(ms, process, 137, true).fault(kind, Some(process), ms, ms)
    }

    pub(crate) fn ended(self, ms: u64, process: &str, code: i32, told: bool) -> Tale {
        self.bench(ms, What::Ended { process: process.to_owned(), code, told })
    }

    pub(crate) fn late(self, ms: u64, process: &str, late: u64) -> Tale {
        self.line(ms, process, What::Late { ms: late })
    }

    pub(crate) fn fault(self, kind: Kind, target: Option<&str>, from: u64, to: u64) -> Tale {
        assert!(target.is_none_or(|target| place(target).len() == 2), "a process or a place");
        let target = target.map(str::to_owned);
        let what = What::Fault { kind, target, service: None, from: from * 1000, to: to * 1000 };
        self.bench(to, what)
    }

    pub(crate) fn on_service(self, kind: Kind, service: &str, at: u64) -> Tale {
        let service = Some(service.to_owned());
        let (from, to) = (at * 1000, at * 1000);
        self.bench(at, What::Fault { kind, target: None, service, from, to })
    }

    pub(crate) fn history(mut self) -> History {
        self.lines.sort_by_key(|(_, line)| line.t);
        History::new(self.lines)
    }
}

/// `c0.1` for `c0.1-7`.
fn client(id: &str) -> &str {
    id.split_once('-').map_or(id, |(client, _)| client)
}
