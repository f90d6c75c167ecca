//! How faults are done.

use clamator_core::{Command, Key};
use clamator_memory::Store;

use super::{Cue, World};
use crate::book::Service;
use crate::event::Event;
use crate::net::Cut;
use crate::plan::{Fault, Overwritten, RECONNECTED, SECOND};
use crate::stage::{NodeId, STORE};

/// For how long after a cut a process may not be itself: until it has noticed, and has its connections again.
const RECOVERY: u64 = RECONNECTED;

impl World {
    pub(super) fn fault(&mut self, at: usize) {
        let fault = self.plan.faults[at].what.clone();
        self.watch.see(&Event::Fault { what: &fault.to_string() });
        let now = self.stage.now();
        let over = now + fault.lasts() + RECOVERY;
        match fault {
            Fault::Cut { node, all, arrive, torn, answers, unnoticed } => {
                self.trouble(node, now, over);
                let cut = Cut::of_network(arrive, torn, answers, unnoticed);
                self.cut(node, all, &cut);
            }
            Fault::Stall { node, lasts } => {
                self.trouble(node, now, over);
                self.net.stall(node, now + lasts);
            }
            Fault::Pause { node, lasts } => {
                self.trouble(node, now, over);
                self.stage.pause(node, now + lasts);
            }
            Fault::Crash { node, arrive, down } => self.crash(node, arrive, down),
            Fault::Stop { node, down } => {
                self.trouble(node, now, over + self.plan.grace + SECOND);
                self.stop(node, Some(down));
            }
            Fault::Jump { node, by } => {
                // What waits there has waited for so long.
                self.trouble(node, now.saturating_sub(by), over);
                self.stage.jump(node, by as i64);
            }
            Fault::StoreJump { by } => {
                self.trouble_with_clock(
                    STORE,
                    now.saturating_sub(by.unsigned_abs()),
                    over + by.unsigned_abs(),
                );
                self.watch.book(|book| book.jumps.push(book.now));
                self.stage.jump(STORE, by);
            }
            Fault::DestroyGroup { service } => {
                self.reset(Some(service));
                self.net.memory().with(|store| {
                    let (stream, group) = self.watch.book(|book| {
                        let service = &book.services[service];
                        (service.stream.clone(), service.name.clone())
                    });
                    store.destroy_group(&stream, &group)
                });
            }
            Fault::FlushAll => {
                self.take(None);
                self.net.memory().with(Store::flush_all);
            }
            Fault::Trim { service, keep } => {
                self.take(Some(service));
                let stream = self.watch.book(|book| book.services[service].stream.clone());
                self.net.memory().with(|store| store.trim_to(&stream, keep));
            }
            Fault::Restart { down, empty } => self.restart(down, empty, over),
            Fault::Overwrite { what, lasts } => {
                self.trouble(STORE, now, over);
                self.overwrite(what);
                self.put(now + lasts, Cue::Mended);
            }
            Fault::Refuse { how, lasts } => {
                self.trouble(STORE, now, over);
                self.net.refuse(how, now + lasts);
            }
        }
    }

    /// Puts a string in the place of a stream: what that had is lost.
    fn overwrite(&mut self, what: Overwritten) {
        let Some(key) = self.key_of(what) else { return };
        match what {
            Overwritten::Requests(service) => self.take(Some(service)),
            Overwritten::PutAside(_) => {}
            Overwritten::Replies(node) => self.watch.book(|book| {
                let (now, lives) = (book.now, &book.lives);
                let calls = book.calls.iter_mut().filter(|call| call.made);
                for call in calls.filter(|call| lives[call.life].node == node) {
                    if call.settled.is_none() {
                        call.taken.get_or_insert(now);
                    }
                }
            }),
        }
        self.net.memory().with(|store| store.set_string(&key, "somebody's own"));
    }

    fn key_of(&self, what: Overwritten) -> Option<Key> {
        self.watch.book(|book| match what {
            Overwritten::Requests(service) => Some(book.services[service].stream.clone()),
            Overwritten::PutAside(service) => Some(book.services[service].dead.clone()),
            Overwritten::Replies(node) => {
                let last = book.replies.iter().rev().find(|(_, of)| *of == node);
                last.map(|(key, _)| key.clone())
            }
        })
    }

    /// Somebody takes their string away again, and all others that are there.
    pub(super) fn mend(&mut self) {
        let now = self.stage.now();
        self.watch.see(&Event::Fault { what: "no string is in the place of a stream any more" });
        let faults = self.plan.faults.iter();
        let there = faults.filter(|it| it.at <= now && now <= it.at + it.what.lasts());
        let services = there.filter_map(|it| match it.what {
            Fault::Overwrite { what: Overwritten::Requests(service), .. } => Some(service),
            _ => None,
        });
        for service in services.collect::<Vec<_>>() {
            self.reset(Some(service));
        }
        self.net.memory().with(remove_strings);
    }

    fn cut(&mut self, node: NodeId, all: bool, cut: &Cut) {
        let mut pipes = self.net.open_pipes(Some(node));
        if !all && !pipes.is_empty() {
            let chosen = self.dice.index(pipes.len());
            pipes = vec![pipes[chosen]];
        }
        for (pipe, _, _) in pipes {
            self.net.cut(pipe, cut);
        }
    }

    fn crash(&mut self, node: NodeId, arrive: u64, down: u64) {
        let Some((life, ..)) = self.machines[node].living.take() else { return };
        let now = self.stage.now();
        self.trouble(node, now, now + down + RECOVERY);
        self.watch.see(&Event::Killed { life });
        // The client that its handlers call through dies with it.
        let others = self.watch.book(|book| {
            let lives = book.lives.iter().enumerate();
            let of_node = lives.filter(|(_, it)| it.node == node && it.ended.is_none());
            of_node.map(|(at, _)| at).collect::<Vec<_>>()
        });
        for life in others {
            self.watch.see(&Event::Killed { life });
        }
        self.cut(node, true, &Cut::of_network(arrive, false, false, 0));
        self.stage.kill(node);
        self.put(now + down, Cue::Birth(node));
    }

    /// A handler has ended its process.
    pub(super) fn poison(&mut self, node: NodeId) {
        if self.watch.book(|book| book.calm_since.is_none()) {
            self.watch.see(&Event::Fault { what: "a handler ends its process" });
            self.crash(node, 1000, SECOND);
        }
    }

    fn restart(&mut self, down: u64, empty: bool, over: u64) {
        let now = self.stage.now();
        self.trouble(STORE, now, over);
        self.take(None);
        self.net.store_is_down(true);
        for (pipe, _, _) in self.net.open_pipes(None) {
            let arrive = self.dice.number(0..4) * 333;
            self.net.cut(pipe, &Cut::of_network(arrive, false, false, 0));
            self.net.close(pipe);
        }
        let mut back = if empty { Store::new() } else { self.snapshot.clone() };
        remove_strings(&mut back);
        self.undo_acks(&back);
        self.net.memory().with(|store| *store = back);
        self.store_down_until = self.store_down_until.max(now + down);
        self.put(now + down, Cue::StoreIsBack);
    }

    pub(super) fn store_is_back(&mut self) {
        if self.store_down_until <= self.stage.now() {
            self.net.store_is_down(false);
        }
    }

    /// Takes down that the groups of a service, or of all, begin anew.
    fn reset(&self, service: Option<usize>) {
        self.watch.book(|book| {
            let now = book.now;
            for (at, found) in book.services.iter_mut().enumerate() {
                if service.is_none_or(|service| service == at) {
                    found.resets.push(now);
                }
            }
        });
    }

    /// Takes down which acks an earlier state of the store doesn't have.
    fn undo_acks(&self, back: &Store) {
        self.watch.book(|book| {
            for at in 0..book.services.len() {
                let Service { stream, name, .. } = &book.services[at];
                let last = back.last_delivered(stream, name);
                let pending = back.pending(stream, name);
                let open: Vec<_> = back
                    .entries(stream)
                    .into_iter()
                    .filter(|it| {
                        last.is_none_or(|last| it.id > last)
                            || pending.iter().any(|p| p.id == it.id)
                    })
                    .filter_map(|it| Some((it.id, book.call_of(it.fields.as_deref()?)?)))
                    .collect();
                for (id, call) in open {
                    let entries = &mut book.services[at].entries;
                    if let Some(entry) = entries.get_mut(&id).filter(|entry| entry.call == call) {
                        entry.acked = false;
                        book.calls[call as usize].acked = false;
                    }
                }
            }
        });
    }

    /// Takes down that the store loses what it has: requests that nobody has acked, and replies that nobody may have read.
    fn take(&self, service: Option<usize>) {
        if service.is_none() {
            self.reset(None);
        }
        self.watch.book(|book| {
            let now = book.now;
            for call in &mut book.calls {
                let concerns = service.is_none_or(|service| service == call.service);
                if concerns && call.made && (!call.acked || call.settled.is_none()) {
                    call.taken.get_or_insert(now);
                }
            }
        });
    }
}

/// No stream's place is taken any more.
fn remove_strings(store: &mut Store) {
    for key in store.keys() {
        if store.string(&key).is_some() {
            _ = store.execute(store.now_ms(), &Command::Delete { key });
        }
    }
}
