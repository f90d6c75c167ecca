//! How a world comes to rest, and to its end.

use clamator_core::Key;

use super::{Cue, World};
use crate::book::{Book, Role};
use crate::event::Event;
use crate::plan::{Fault, SECOND};
use crate::rules::Broken;

/// How often it is looked whether all is done.
const LOOK: u64 = SECOND;
/// Once everything has stopped, or could have: what a stop may take beyond its grace, and ways.
const LEAVE: u64 = 3 * SECOND;

impl World {
    /// From here on nothing goes wrong any more.
    pub(super) fn calm(&mut self) {
        self.watch.see(&Event::Calm);
        let now = self.stage.now();
        // The last fault may last beyond this.
        let faults = self.plan.faults.iter();
        let over = faults.map(|fault| fault.at + fault.what.lasts()).max().unwrap_or(0);
        self.faults_over = over.max(now) + self.plan.lingers;
        let bound = self
            .script
            .as_ref()
            .map_or(self.plan.settles_within(), |script| script.settles_within());
        self.rest_by = self.faults_over + bound;
        self.net.calm_down();
        self.put(now + LOOK, Cue::LookAtRest);
    }

    pub(super) fn look_at_rest(&mut self) {
        let now = self.stage.now();
        match self.restless() {
            None if now > self.faults_over => self.stop_all(),
            None => self.put(now + LOOK, Cue::LookAtRest),
            Some(broken) if now >= self.rest_by => {
                self.watch.violate("once faults end, everything settles within its bound", broken);
            }
            Some(_) => self.put(now + LOOK, Cue::LookAtRest),
        }
    }

    /// What isn't done yet.
    fn restless(&self) -> Option<Broken> {
        let unsettled = self.watch.book(|book| {
            book.calls.iter().enumerate().find_map(|(number, call)| {
                let alive = book.lives.get(call.life).is_some_and(|life| life.ended.is_none());
                let waits = call.made && call.settled.is_none() && !call.forgotten && alive;
                waits.then(|| (number as u32, book.call_name(number as u32)))
            })
        });
        if let Some((call, name)) = unsettled {
            return Some(Broken { what: format!("{name} still waits"), call: Some(call) });
        }
        let all_up = self.machines.iter().skip(1).all(|machine| {
            machine
                .living
                .as_ref()
                .is_some_and(|(life, ..)| self.watch.book(|book| book.lives[*life].up.is_some()))
        });
        if !all_up {
            return Some("not everybody is up".to_owned().into());
        }
        if let Some(name) = self.unconnected() {
            return Some(format!("{name} isn't connected").into());
        }
        if self.script.as_ref().is_some_and(|script| !script.is_done()) {
            return Some("a client isn't done".to_owned().into());
        }
        self.left_in_store().or_else(|| self.left_on_the_way()).or_else(|| self.left_in_mind())
    }

    /// Which server hasn't got its connections back: it couldn't say farewell. A client that has nothing to say may never notice
    /// that its own are gone.
    fn unconnected(&self) -> Option<String> {
        let living = self.machines.iter().filter_map(|machine| machine.living.as_ref());
        self.watch.book(|book| {
            let lives = living.map(|(life, ..)| (*life, &book.lives[*life]));
            let mut servers = lives.filter(|(_, life)| life.role == Role::Server);
            let lost =
                servers.find(|(number, life)| !self.net.is_connected(*number, life.services.len()));
            lost.map(|(_, life)| life.name.clone())
        })
    }

    /// Whose core still has something in mind, though nothing is under way.
    fn left_in_mind(&self) -> Option<Broken> {
        let living = self.machines.iter().filter_map(|machine| machine.living.as_ref());
        let (life, load) =
            living.map(|(life, _, gauge)| (*life, gauge.read())).find(|(_, load)| *load > 0)?;
        let name = self.watch.book(|book| book.lives[life].name.clone());
        Some(format!("{name} has {load} things in mind, and nothing is under way").into())
    }

    /// No core may have more in mind than there is: at any time, each call costs it a few notes at most.
    pub(super) fn look_at_minds(&self) {
        const NOTES: usize = 8;
        let calls = self.plan.calls.len() + 64;
        let living = self.machines.iter().filter_map(|machine| machine.living.as_ref());
        for (life, load) in living.map(|(life, _, gauge)| (*life, gauge.read())) {
            if load > NOTES * calls {
                let name = self.watch.book(|book| book.lives[life].name.clone());
                let what = format!("{name} has {load} things in mind, for {calls} calls in all");
                self.watch
                    .violate("the memory of a core is bounded by what is under way", what.into());
            }
        }
    }

    /// Late requests: what a machine that was out of reach has sent still arrives.
    fn left_on_the_way(&self) -> Option<Broken> {
        (!self.net.is_quiet()).then(|| "something is on its way".to_owned().into())
    }

    /// What the store still has of requests.
    fn left_in_store(&self) -> Option<Broken> {
        let services: Vec<(Key, String)> = self.watch.book(|book| {
            book.services.iter().map(|it| (it.stream.clone(), it.name.clone())).collect()
        });
        self.net.memory().with(|store| {
            for (at, (stream, group)) in services.iter().enumerate() {
                let call_of = |id| {
                    self.watch.book(|book: &mut Book| {
                        book.services[at].entries.get(&id).map(|it| it.call)
                    })
                };
                if let Some(entry) = store.pending(stream, group).first() {
                    let what =
                        format!("{stream}: {} is still pending for {}", entry.id, entry.consumer);
                    return Some(Broken { what, call: call_of(entry.id) });
                }
                let len = store.len(stream);
                if len > 0 {
                    let what = format!("{stream}: {len} entries are still there");
                    return Some(Broken {
                        what,
                        call: store.entries(stream).first().and_then(|it| call_of(it.id)),
                    });
                }
            }
            None
        })
    }

    fn stop_all(&mut self) {
        self.end_by = Some(self.stage.now() + self.plan.grace + LEAVE);
        for node in 1..self.machines.len() {
            self.stop(node, None);
        }
    }

    /// Looks who has stopped: those that were told to for a while begin again, and in the end all have.
    pub(super) fn look_at_end(&mut self) {
        let now = self.stage.now();
        for node in 1..self.machines.len() {
            let Some((life, ..)) = &self.machines[node].living else { continue };
            if self.watch.book(|book| book.lives[*life].ended.is_some()) {
                self.machines[node].living = None;
                if let Some(down) = self.machines[node].down.take() {
                    self.put(now + down, Cue::Birth(node));
                }
            }
        }
        let living = self.machines.iter().any(|machine| machine.living.is_some());
        let waits =
            self.machines.iter().any(|machine| machine.living.is_some() && machine.down.is_some());
        match self.end_by {
            Some(_) if !living => {
                self.over = true;
                self.look_at_leftovers();
            }
            Some(by) if now >= by => {
                self.watch.violate("a stop ends", "somebody hasn't stopped".to_owned().into());
            }
            Some(_) => self.put(now + LOOK / 10, Cue::LookAtEnd),
            None if waits => self.put(now + LOOK / 10, Cue::LookAtEnd),
            None => {}
        }
    }

    /// In the end the store has nothing that it needn't have.
    fn look_at_leftovers(&self) {
        const RULE: &str = "in the end nothing is left that needn't be";
        let (streams, peers, died, late) = self.watch.book(|book| {
            let streams = book.services.iter().flat_map(|it| [it.stream.clone(), it.dead.clone()]);
            let peers = book.lives.iter().any(|life| life.role == Role::Peer);
            // One that dies may leave a reply stream made anew that its next sweep would have found (ADR 4).
            let mut servers = book.lives.iter().filter(|life| life.role == Role::Server);
            let died = servers.any(|life| life.ended.is_some() && life.stopping.is_none());
            // So may a reply that comes when its server isn't there any more.
            let late = book.late_replies.clone();
            (streams.collect::<Vec<_>>(), peers, died, late)
        });
        let mut faults = self.plan.faults.iter();
        let came_back = faults.any(|it| matches!(it.what, Fault::Restart { empty: false, .. }));
        let found = self.net.memory().with(|store| {
            let mut others = store.keys().into_iter().filter(|key| !streams.contains(key));
            // Servers of another make give reply streams no time to live; an earlier state of the store may be one between a
            // reply and its time to live.
            let excused = peers || came_back || died;
            let for_ever =
                others.find(|key| !excused && !late.contains(key) && store.ttl(key).is_none());
            for_ever.map(|key| format!("{key} has no time to live"))
        });
        if let Some(what) = found.or_else(|| self.left_consumer()) {
            self.watch.violate(RULE, what.into());
        }
    }

    /// A consumer of a server that had nothing pending when it stopped.
    fn left_consumer(&self) -> Option<String> {
        let (services, stopped) = self.watch.book(|book| {
            let services = book.services.iter().map(|it| (it.stream.clone(), it.name.clone()));
            let last = book.lives.iter().filter(|life| {
                let in_the_end = life.stopping.is_some_and(|(at, _)| at > self.faults_over);
                life.role == Role::Server && in_the_end
            });
            let instances = last.map(|life| life.instance.clone()).collect::<Vec<_>>();
            (services.collect::<Vec<_>>(), instances)
        });
        self.net.memory().with(|store| {
            services.iter().find_map(|(stream, group)| {
                let consumers = store.consumers(stream, group);
                let left = stopped.iter().map(|instance| format!("{group}:{instance}"));
                let mut left = left.filter(|consumer| consumers.contains(consumer));
                left.next().map(|consumer| format!("{consumer} is still in its group"))
            })
        })
    }
}
