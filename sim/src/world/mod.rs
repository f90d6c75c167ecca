//! A world: it is made from a plan, and lives until everything has settled, or a rule is broken.

mod doom;
mod gone;
mod rest;

use std::sync::Arc;
use std::time::Duration;

use clamator_core::Key;
use clamator_memory::Store;
use rustc_hash::FxHashMap;

use crate::book::{Book, Call, Life, Role, Service, Trouble};
use crate::cast::custom::Script;
use crate::cast::{self, Gauge, Order, PREFIX, Process};
use crate::dice::Dice;
use crate::event::{Event, LifeId};
use crate::net::Net;
use crate::plan::{Plan, SECOND};
use crate::rules::Rules;
use crate::stage::{Due, NodeId, STORE, Stage, Step};
use crate::story::Story;
use crate::watch::{Violation, Watch};

/// What is due that concerns the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cue {
    Fault(usize),
    /// What a fault has put somewhere is taken away again.
    Mended,
    Birth(NodeId),
    Poisoned(NodeId),
    Snapshot,
    StoreIsBack,
    Calm,
    LookAtRest,
    LookAtEnd,
}

/// What may happen at the same time. More is a loop.
const MOST_STEPS: usize = 1_000_000;
/// So many machines there may be.
const NODES: usize = 64;

/// The cue that a handler has ended its process.
pub(crate) fn poisoned(node: NodeId) -> usize {
    number(Cue::Poisoned(node))
}

fn number(cue: Cue) -> usize {
    let (kind, detail) = match cue {
        Cue::Calm => (0, 0),
        Cue::Snapshot => (0, 1),
        Cue::StoreIsBack => (0, 2),
        Cue::LookAtRest => (0, 3),
        Cue::LookAtEnd => (0, 4),
        Cue::Mended => (0, 5),
        Cue::Birth(node) => (1, node),
        Cue::Poisoned(node) => (2, node),
        Cue::Fault(at) => (3 + at / NODES, at % NODES),
    };
    kind * NODES + detail
}

fn cue(number: usize) -> Cue {
    let (kind, detail) = (number / NODES, number % NODES);
    match (kind, detail) {
        (0, 0) => Cue::Calm,
        (0, 1) => Cue::Snapshot,
        (0, 2) => Cue::StoreIsBack,
        (0, 3) => Cue::LookAtRest,
        (0, 4) => Cue::LookAtEnd,
        (0, _) => Cue::Mended,
        (1, node) => Cue::Birth(node),
        (2, node) => Cue::Poisoned(node),
        (kind, rest) => Cue::Fault((kind - 3) * NODES + rest),
    }
}

/// How a world went.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) violation: Option<Violation>,
    /// What all cores together were told.
    pub(crate) inputs: u64,
    /// The same for the same plan.
    pub(crate) fingerprint: u64,
    /// For how long it lived, in nanoseconds of its own time.
    pub(crate) lived: u64,
    pub(crate) story: Option<Story>,
    /// The columns of the story.
    pub(crate) names: Vec<String>,
}

/// One machine, and the process on it.
#[derive(Debug, Default)]
struct Machine {
    lives: usize,
    living: Option<(LifeId, Order, Gauge)>,
    /// How it is to be after a stop: down for a while, or for ever.
    down: Option<u64>,
}

pub(crate) struct World {
    plan: Arc<Plan>,
    stage: Arc<Stage>,
    watch: Arc<Watch>,
    net: Arc<Net>,
    machines: Vec<Machine>,
    dice: Dice,
    snapshot: Store,
    store_down_until: u64,
    /// Since when, at least, consumers have had nothing pending, by their service.
    empty_since: FxHashMap<(usize, String), u64>,
    /// When the last fault is over, for all that it lasts.
    faults_over: u64,
    /// By when everything must have settled.
    rest_by: u64,
    /// Everybody was asked to stop; by when they must have.
    end_by: Option<u64>,
    over: bool,
    script: Option<Arc<dyn Script>>,
}

/// Lets a plan come true. With `tell`, the story is told.
pub(crate) fn run(plan: &Plan, tell: bool) -> Report {
    World::new(plan, tell).live()
}

/// The same with others on stage than those of the plan.
pub(crate) fn run_script(plan: &Plan, script: Arc<dyn Script>, tell: bool) -> Report {
    let mut world = World::new(plan, tell);
    world.script = Some(script);
    world.live()
}

impl World {
    fn new(plan: &Plan, tell: bool) -> World {
        let mut dice = Dice::new(plan.seed ^ 0x5eed);
        let nodes = 1 + plan.servers.len() + plan.clients.len();
        let stage = Stage::new(dice.fork(), nodes);
        // Long enough after its beginning that its clock may go back.
        stage.jump(STORE, 100_000 * SECOND as i64);
        let watch = Watch::new(stage.clone(), book(plan), Rules::default(), tell);
        let net = Net::new(stage.clone(), watch.clone(), dice.fork(), nodes);
        World {
            plan: Arc::new(plan.clone()),
            stage,
            watch,
            net,
            machines: (0..nodes).map(|_| Machine::default()).collect(),
            dice,
            snapshot: Store::new(),
            store_down_until: 0,
            empty_since: FxHashMap::default(),
            faults_over: u64::MAX,
            rest_by: u64::MAX,
            end_by: None,
            over: false,
            script: None,
        }
    }

    fn live(mut self) -> Report {
        let servers = self.plan.servers.iter().map(|server| server.born_at);
        let clients = self.plan.clients.iter().map(|client| client.born_at);
        for (at, born_at) in servers.chain(clients).enumerate() {
            self.put(born_at, Cue::Birth(at + 1));
        }
        for (at, fault) in self.plan.faults.iter().enumerate() {
            self.put(fault.at, Cue::Fault(at));
            // What it comes back with is from some time before.
            self.put(fault.at / 2, Cue::Snapshot);
        }
        self.put(self.plan.calm_at, Cue::Calm);
        let (mut then, mut steps) = (0, 0);
        while !self.over && !self.watch.is_violated() {
            if std::mem::replace(&mut then, self.stage.now()) < self.stage.now() {
                steps = 0;
            }
            steps += 1;
            if steps > MOST_STEPS {
                self.watch
                    .violate("time goes on", "something is done again and again".to_owned().into());
            }
            if self.net.ask_woken() {
                continue;
            }
            match self.stage.step() {
                Step::Done => {}
                Step::Due(Due::Arrive(pipe)) => self.net.arrive(pipe),
                Step::Due(Due::Return(pipe)) => self.net.come_back(pipe),
                Step::Due(Due::Close(pipe)) => self.net.close(pipe),
                Step::Due(Due::Cue(number)) => self.on(cue(number)),
                Step::Due(Due::Timer(_) | Due::Resume(_)) => {}
                Step::Still => break,
            }
        }
        if !self.watch.is_violated() {
            self.watch.end();
        }
        self.report()
    }

    fn put(&self, at: u64, cue: Cue) {
        self.stage.at(at, Due::Cue(number(cue)));
    }

    fn on(&mut self, cue: Cue) {
        match cue {
            Cue::Birth(node) => self.give_birth(node),
            Cue::Fault(at) => {
                self.look_at_minds();
                self.look_at_the_dead();
                self.fault(at);
            }
            Cue::Mended => self.mend(),
            Cue::Poisoned(node) => self.poison(node),
            Cue::Snapshot => self.snapshot = self.net.memory().with(|store| store.clone()),
            Cue::StoreIsBack => self.store_is_back(),
            Cue::Calm => self.calm(),
            Cue::LookAtRest => {
                self.look_at_minds();
                self.look_at_the_dead();
                self.look_at_rest();
            }
            Cue::LookAtEnd => self.look_at_end(),
        }
    }

    /// A process begins.
    fn give_birth(&mut self, node: NodeId) {
        if self.machines[node].living.is_some() || self.end_by.is_some() {
            return;
        }
        self.machines[node].lives += 1;
        let (name, role, keeps_id) = self.kind(node);
        let number = self.machines[node].lives;
        let instance = if keeps_id { name.clone() } else { format!("{name}.{number}") };
        let services = self.plan.servers.get(node - 1).map_or(Vec::new(), |it| it.services.clone());
        let life = self.watch.book(|book| {
            let name = format!("{name}.{number}");
            let (instance, up, stopping, ended) = (instance.clone(), None, None, None);
            book.lives.push(Life { name, node, role, instance, up, services, stopping, ended });
            if role == Role::Client {
                let key = Key::from(
                    format!("{PREFIX}:replies:{}", book.lives[book.lives.len() - 1].instance)
                        .as_str(),
                );
                book.replies.push((key, node));
            }
            book.lives.len() - 1
        });
        self.watch.see(&Event::Born { life });
        self.watch.count(1);
        let process = Process {
            life,
            host: self.stage.host(node),
            net: self.net.clone(),
            watch: self.watch.clone(),
            plan: self.plan.clone(),
            order: Order::default(),
            gauge: Gauge::default(),
            instance,
            dice: self.dice.fork(),
            script: self.script.clone(),
        };
        self.machines[node].living = Some((life, process.order.clone(), process.gauge.clone()));
        clamator_driver::Runtime::spawn(&process.host.clone(), cast::live(process));
    }

    fn kind(&self, node: NodeId) -> (String, Role, bool) {
        let servers = self.plan.servers.len();
        match (node - 1).checked_sub(servers) {
            Some(client) => {
                (format!("client{client}"), Role::Client, self.plan.clients[client].keeps_id)
            }
            None => {
                let server = &self.plan.servers[node - 1];
                let role = if server.is_peer { Role::Peer } else { Role::Server };
                let name =
                    if server.is_peer { "peer".to_owned() } else { format!("server{}", node - 1) };
                (name, role, server.keeps_id)
            }
        }
    }

    /// Asks a process to stop.
    fn stop(&mut self, node: NodeId, down: Option<u64>) {
        let grace = Duration::from_nanos(self.plan.grace);
        if let Some((_, order, _)) = &self.machines[node].living {
            order.stop(grace);
        }
        self.machines[node].down = down;
        self.put(self.stage.now() + SECOND / 10, Cue::LookAtEnd);
    }

    /// Takes down that something is wrong with a machine.
    fn trouble(&self, node: NodeId, from: u64, to: u64) {
        self.watch.book(|book| book.troubles.push(Trouble { node, from, to, clock: false }));
    }

    /// Takes down that a clock jumped.
    fn trouble_with_clock(&self, node: NodeId, from: u64, to: u64) {
        self.watch.book(|book| book.troubles.push(Trouble { node, from, to, clock: true }));
    }

    fn report(self) -> Report {
        let lived = self.stage.now();
        let names = (0..self.machines.len())
            .map(|node| if node == STORE { "store".to_owned() } else { self.kind(node).0 })
            .collect();
        let inputs = self.watch.inputs() + self.stage.fired();
        self.stage.clear();
        self.net.clear();
        let (violation, fingerprint, story) = self.watch.verdict();
        Report { violation, inputs, fingerprint, lived, story, names }
    }
}

/// The book of a world that hasn't begun.
fn book(plan: &Plan) -> Book {
    let service = |service: &crate::plan::ServicePlan| Service {
        stream: Key::from(format!("{PREFIX}:cmds:{}", service.name).as_str()),
        dead: Key::from(format!("{PREFIX}:dead:{}", service.name).as_str()),
        name: service.name.clone(),
        discipline: service.discipline,
        limit: service.limit,
        entries: Default::default(),
        resets: Vec::new(),
    };
    let call = |call: &crate::plan::CallPlan| Call {
        life: 0,
        service: call.service,
        key: call.key,
        notification: call.notification,
        at: 0,
        within: call.within,
        timeout: call.timeout,
        made: false,
        entries: Vec::new(),
        added_at: 0,
        settled: None,
        forgotten: false,
        runs: Vec::new(),
        replies: 0,
        replied_at: 0,
        acked: false,
        put_aside: false,
        taken: None,
    };
    Book {
        claim_idle: plan.claim_idle,
        reply_max_len: plan.reply_max_len,
        services: plan.services.iter().map(service).collect(),
        calls: plan.calls.iter().map(call).collect(),
        ..Book::default()
    }
}
