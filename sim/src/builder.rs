//! Worlds with somebody's own handlers and callers in them.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clamator_driver::{Client, Service};

use crate::cast::custom::Script;
use crate::dice::Dice;
use crate::plan::faults::{self, Allowed};
use crate::plan::{ClientPlan, Plan, RECONNECTED, ServerPlan};
use crate::site::Site;
use crate::world;

type Services<S> = Arc<dyn Fn(&Site, &Arc<S>) -> Vec<Service> + Send + Sync>;
type Calls<S> =
    Arc<dyn Fn(Site, Client, Arc<S>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;
type Check<S> = Arc<dyn Fn(&S) -> Result<(), String> + Send + Sync>;

/// The way into simulated worlds from tests of one's own: handlers are put into a pool of servers that crash, stand still and lose
/// their connections, and afterwards a check looks at what they did.
///
/// The protocol promises that a request which was accepted runs *at least* once. Whether handlers bear it to run twice is what
/// such a world shows:
///
/// ```
/// use std::sync::Mutex;
/// use std::time::Duration;
///
/// use clamator_driver::{CallContext, RpcError, Service};
/// use clamator_sim::World;
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct Deposit { receipt: u32, cents: u64 }
///
/// // What survives a crash: the database.
/// #[derive(Default)]
/// struct Ledger { deposits: Mutex<Vec<u32>> }
///
/// let outcome = World::builder(Ledger::default)
///     .servers(2, |site, ledger| {
///         let (site, ledger) = (site.clone(), ledger.clone());
///         let deposit = move |deposit: Deposit, _: CallContext| {
///             let (site, ledger) = (site.clone(), ledger.clone());
///             async move {
///                 // Not idempotent: the receipt isn't looked for first.
///                 ledger.deposits.lock().unwrap().push(deposit.receipt);
///                 site.sleep(Duration::from_millis(20)).await;
///                 Ok::<_, RpcError>(deposit.cents)
///             }
///         };
///         vec![Service::new("ledger").unwrap().method("deposit", deposit).unwrap()]
///     })
///     .clients(1, |site, client, _| async move {
///         for receipt in 0..50 {
///             let deposit = Deposit { receipt, cents: 100 };
///             _ = client.call::<u64>("ledger", "deposit", &deposit).await;
///             site.sleep(Duration::from_millis(200)).await;
///         }
///     })
///     .check(|ledger| {
///         let mut receipts = ledger.deposits.lock().unwrap().clone();
///         let deposits = receipts.len();
///         receipts.sort_unstable();
///         receipts.dedup();
///         match deposits - receipts.len() {
///             0 => Ok(()),
///             twice => Err(format!("{twice} deposits were booked twice")),
///         }
///     })
///     .run(0..200);
/// let failure = outcome.unwrap_err(); // its text has the seed and the story
/// assert!(failure.what().contains("booked twice"), "{failure}");
/// ```
#[must_use = "a builder does nothing until its worlds are run"]
pub struct WorldBuilder<S> {
    state: Arc<dyn Fn() -> S + Send + Sync>,
    servers: Vec<Services<S>>,
    clients: Vec<Calls<S>>,
    check: Check<S>,
    lasts: Duration,
    settles_within: Duration,
    claim_idle: Duration,
    loses_data: bool,
}

/// A simulated world. See [`WorldBuilder`].
#[derive(Debug)]
pub struct World;

impl World {
    /// Begins with what outlives processes in each world, such as a database: it is made anew for each seed.
    pub fn builder<S: Send + Sync + 'static>(
        state: impl Fn() -> S + Send + Sync + 'static,
    ) -> WorldBuilder<S> {
        WorldBuilder {
            state: Arc::new(state),
            servers: Vec::new(),
            clients: Vec::new(),
            check: Arc::new(|_| Ok(())),
            lasts: Duration::from_secs(30),
            settles_within: Duration::from_secs(600),
            claim_idle: Duration::from_secs(5),
            loses_data: false,
        }
    }
}

impl<S: Send + Sync + 'static> WorldBuilder<S> {
    /// Adds a pool of servers, each with these services. They are made anew for each process.
    pub fn servers(
        mut self,
        count: usize,
        services: impl Fn(&Site, &Arc<S>) -> Vec<Service> + Send + Sync + 'static,
    ) -> Self {
        let services: Services<S> = Arc::new(services);
        self.servers.extend((0..count).map(|_| services.clone()));
        self
    }

    /// Adds clients, each of which does this once. Clients lose connections and stand still, but don't crash: a check may rely on
    /// what they saw.
    pub fn clients<F: Future<Output = ()> + Send + 'static>(
        mut self,
        count: usize,
        calls: impl Fn(Site, Client, Arc<S>) -> F + Send + Sync + 'static,
    ) -> Self {
        let calls: Calls<S> =
            Arc::new(move |site, client, state| Box::pin(calls(site, client, state)));
        self.clients.extend((0..count).map(|_| calls.clone()));
        self
    }

    /// What must be true once everything has settled.
    pub fn check(
        mut self,
        check: impl Fn(&S) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.check = Arc::new(check);
        self
    }

    /// For how long things go wrong: 30 s, unless it is set. Calls may go on beyond it.
    pub fn lasts(mut self, lasts: Duration) -> Self {
        self.lasts = lasts.max(Duration::from_millis(1));
        self
    }

    /// How long clients may take to be done, and requests to be served, after that: ten minutes, unless it is set.
    pub fn settles_within(mut self, bound: Duration) -> Self {
        self.settles_within = bound;
        self
    }

    /// After how long a request of a dead server is taken over: 5 s, unless it is set.
    pub fn consumer_claim_idle(mut self, idle: Duration) -> Self {
        self.claim_idle = idle.max(Duration::from_millis(1));
        self
    }

    /// Lets the store lose data, too: it is emptied, comes back with an earlier state, or its clock jumps.
    pub fn losing_data(mut self) -> Self {
        self.loses_data = true;
        self
    }

    /// Lives through a world for each seed, and stops at the first that fails: the check fails, or a rule of the protocol is
    /// broken, or it doesn't settle. The same seed gives the same world.
    ///
    /// # Errors
    ///
    /// [`Failure`], which tells the seed and the whole story.
    pub fn run(self, seeds: Range<u64>) -> Result<(), Failure> {
        for seed in seeds {
            self.run_one(seed)?;
        }
        Ok(())
    }

    fn run_one(&self, seed: u64) -> Result<(), Failure> {
        let plan = self.plan(seed);
        let live = |tell| {
            let state = Arc::new((self.state)());
            let script = Arc::new(Own {
                state: state.clone(),
                servers: self.servers.clone(),
                clients: self.clients.clone(),
                done: AtomicUsize::new(0),
                settles_within: nanos(self.settles_within),
            });
            let report = world::run_script(&plan, script, tell);
            let what = match &report.violation {
                Some(violation) => Some(format!("{}: {}", violation.rule, violation.what)),
                None => (self.check)(&state).err(),
            };
            what.map(|what| (what, report))
        };
        if live(false).is_none() {
            return Ok(());
        }
        let told = live(true);
        let story = |report: &world::Report| {
            let story = report.story.as_ref();
            story.map(|story| story.print(&report.names, None)).unwrap_or_default()
        };
        Err(match told {
            Some((what, report)) => Failure { seed, what, story: story(&report) },
            None => Failure {
                seed,
                what: "it fails only sometimes: handlers, callers or the check depend on something besides the world".to_owned(),
                story: String::new(),
            },
        })
    }

    fn plan(&self, seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let server =
            |_| ServerPlan { services: Vec::new(), keeps_id: false, is_peer: false, born_at: 0 };
        let mut plan = Plan {
            seed,
            claim_idle: nanos(self.claim_idle),
            grace: nanos(Duration::from_secs(5)),
            reply_max_len: 1024,
            services: Vec::new(),
            servers: self.servers.iter().map(server).collect(),
            clients: self
                .clients
                .iter()
                .map(|_| ClientPlan { keeps_id: false, born_at: 0 })
                .collect(),
            calls: Vec::new(),
            faults: Vec::new(),
            calm_at: nanos(self.lasts),
            lingers: RECONNECTED,
        };
        if plan.servers.len() + plan.clients.len() > 0 {
            let allowed = Allowed { losses: self.loses_data, ends_of_clients: false };
            plan.faults = faults::draw_allowed(&mut dice, &plan, allowed);
        }
        plan
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}

impl<S> fmt::Debug for WorldBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldBuilder")
            .field("servers", &self.servers.len())
            .field("clients", &self.clients.len())
            .finish_non_exhaustive()
    }
}

/// A world in which something went wrong that mustn't.
#[derive(Clone, Debug)]
pub struct Failure {
    seed: u64,
    what: String,
    story: String,
}

impl Failure {
    /// The seed that gives this world again.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What the check said, or which rule was broken how.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Who did what when: a line for each event, a column for each machine.
    #[must_use]
    pub fn story(&self) -> &str {
        &self.story
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, what, story } = self;
        write!(
            f,
            "the world of seed {seed} fails: {what}\n\n{story}\nagain: run({seed}..{})",
            seed + 1
        )
    }
}

impl std::error::Error for Failure {}

/// What a builder was told, as a world's script.
struct Own<S> {
    state: Arc<S>,
    servers: Vec<Services<S>>,
    clients: Vec<Calls<S>>,
    done: AtomicUsize,
    settles_within: u64,
}

impl<S: Send + Sync + 'static> Script for Own<S> {
    fn services(&self, at: usize, site: &Site) -> Vec<Service> {
        (self.servers[at])(site, &self.state)
    }

    fn calls(
        &self,
        at: usize,
        site: Site,
        client: Client,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        (self.clients[at])(site, client, self.state.clone())
    }

    fn done(&self, _at: usize) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed) == self.clients.len()
    }

    fn settles_within(&self) -> u64 {
        self.settles_within
    }
}

impl<S> fmt::Debug for Own<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").finish_non_exhaustive()
    }
}
