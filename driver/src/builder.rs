//! Builders: what a client or a server is told before it exists.

use std::sync::Arc;
use std::time::Duration;

use clamator_core::{
    Caller, ClientCore, ClientOptions, Disconnected, GroupStart, MissingService, QueueFull,
    Retention, ServerCore, ServerOptions,
};

use crate::adapter::{Adapter, Link, Runtime, Transport};
use crate::client::{Calls, Client, ClientHub, Launcher, NoWork};
use crate::error::ConfigError;
use crate::handlers::Handlers;
use crate::hub::Hub;
use crate::options::{Common, Edit, apply, check_duration, check_option};
use crate::run_loop::RunLoop;
use crate::server::{Jobs, Server, ServerHub};

/// The options that clients and servers share, once for both builders.
macro_rules! common_options {
    ($builder:ident) => {
        impl<A: Adapter> $builder<A, A::Transport> {
            /// Begins with a key prefix: the literal beginning of every key, the same for all who are to find each other.
            pub fn new(key_prefix: impl Into<String>) -> Self {
                Self::with(key_prefix, A::default(), A::Transport::default())
            }
        }

        impl<R: Runtime, T: Transport<R>> $builder<R, T> {
            /// Talks over another transport than the runtime's default one.
            pub fn over<U: Transport<R>>(self, transport: U) -> $builder<R, U> {
                self.map(|common| common.over(transport))
            }

            /// What tells this instance from others under the same prefix. Default: a random UUID. Two that run at the
            /// same time must not share one.
            pub fn instance_id(mut self, id: impl Into<String>) -> Self {
                self.common.instance_id = Some(id.into());
                self
            }

            /// About how many unread replies one client's stream keeps: servers trim it to that, and clients have no more calls
            /// under way. Default: 1024, and the same in a whole system.
            pub fn reply_stream_max_len(self, entries: u64) -> Self {
                self.edit(Edit::ReplyStreamMaxLen(entries))
            }

            /// After how long a reply stream vanishes that nobody writes to. Default: one hour. Longer than any call takes.
            pub fn reply_stream_ttl(self, ttl: Duration) -> Self {
                self.edit(Edit::ReplyStreamTtl(ttl))
            }

            /// The largest envelope that is sent or accepted, in bytes. Default: 16 MiB.
            pub fn max_message_bytes(self, bytes: usize) -> Self {
                self.edit(Edit::MaxMessageBytes(bytes))
            }

            /// A connection that gives no answer for this long is replaced. Default: 10 s.
            pub fn response_timeout(self, timeout: Duration) -> Self {
                self.edit(Edit::ResponseTimeout(timeout))
            }

            /// How long to wait between attempts to connect: doubled from the first to the longest, less a random part.
            /// Default: 100 ms to 30 s.
            pub fn reconnect_backoff(self, first: Duration, longest: Duration) -> Self {
                self.edit(Edit::Reconnect(first, longest))
            }

            /// Draws all randomness from this seed instead of the operating system. For tests: two with the same seed
            /// must not meet.
            pub fn seed(mut self, seed: [u8; 32]) -> Self {
                self.common.seed = Some(seed);
                self
            }

            fn edit(mut self, edit: Edit) -> Self {
                self.common.edits.push(edit);
                self
            }
        }
    };
}

/// Builds a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use clamator_memory::{ClientBuilder, Memory, VirtualTime};
///
/// let client = ClientBuilder::with("my-app", VirtualTime::new(), Memory::new())
///     .default_timeout(Duration::from_secs(5))
///     .build()?;
/// # drop(client);
/// # Ok::<(), clamator_driver::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder<R, T> {
    common: Common<R, T>,
    own: ClientEdits,
}

/// Those of a client's own options that are not their defaults.
#[derive(Clone, Debug, Default)]
struct ClientEdits {
    default_timeout: Option<Duration>,
    missing_service: Option<MissingService>,
    disconnected: Option<Disconnected>,
    max_queued_calls: Option<usize>,
    max_queued_bytes: Option<usize>,
    queue_full: Option<QueueFull>,
}

common_options!(ClientBuilder);

impl<R: Runtime, T: Transport<R>> ClientBuilder<R, T> {
    /// Begins with a prefix, a runtime and a transport. A runtime's crate has a shorter way.
    pub fn with(key_prefix: impl Into<String>, runtime: R, transport: T) -> Self {
        let common = Common::new(key_prefix.into(), runtime, transport);
        ClientBuilder { common, own: ClientEdits::default() }
    }

    fn map<U>(self, change: impl FnOnce(Common<R, T>) -> Common<R, U>) -> ClientBuilder<R, U> {
        ClientBuilder { common: change(self.common), own: self.own }
    }

    /// The timeout of calls that don't set their own. Default: 30 s.
    pub fn default_timeout(mut self, timeout: Duration) -> Self {
        self.own.default_timeout = Some(timeout);
        self
    }

    /// What to do while no server has made a service's stream yet. Default: over Redis, wait up to the call's timeout;
    /// in memory, fail at once.
    pub fn missing_service(mut self, missing: MissingService) -> Self {
        self.own.missing_service = Some(missing);
        self
    }

    /// What becomes of calls while the connection for commands is lost. Default: they wait for it up to their timeouts.
    /// With [`Disconnected::Fail`], new ones and those that haven't left fail at once, as not executed.
    pub fn disconnected(mut self, disconnected: Disconnected) -> Self {
        self.own.disconnected = Some(disconnected);
        self
    }

    /// How many calls may be held here that Redis hasn't taken yet: for want of a connection, a service, or a place in the
    /// reply stream. Default: 131,072.
    pub fn max_queued_calls(mut self, calls: usize) -> Self {
        self.own.max_queued_calls = Some(calls);
        self
    }

    /// How many bytes the messages of these calls may have together. One is always taken, however large. Default: 256 MiB.
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.own.max_queued_bytes = Some(bytes);
        self
    }

    /// What becomes of a call when there is no room among these. Default: it fails at once with
    /// [`CallError::QueueFull`](crate::CallError::QueueFull). With [`QueueFull::Wait`] it waits for room up to its timeout,
    /// in the order of the calls, and nothing of it is held here but its caller's future.
    pub fn queue_full(mut self, full: QueueFull) -> Self {
        self.own.queue_full = Some(full);
        self
    }

    /// Makes the client. Nothing is opened before [`Client::start`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::Name`] for an empty prefix or instance id, [`ConfigError::Option`] for an option that makes no sense,
    /// [`ConfigError::Url`] and others when the transport can't be used.
    pub fn build(self) -> Result<Client, ConfigError> {
        let checked = self.common.check()?;
        let (runtime, link) = (checked.runtime, checked.link);
        let mut options = ClientOptions::new(checked.key_prefix, checked.instance_id);
        apply(checked.edits, link.address(), &mut options.common)?;
        let own = self.own;
        options.default_timeout = own.default_timeout.unwrap_or(options.default_timeout);
        options.missing_service = own.missing_service.unwrap_or(link.missing_service());
        options.disconnected = own.disconnected.unwrap_or(options.disconnected);
        options.max_queued_calls = own.max_queued_calls.unwrap_or(options.max_queued_calls);
        options.max_queued_bytes = own.max_queued_bytes.unwrap_or(options.max_queued_bytes);
        options.queue_full = own.queue_full.unwrap_or(options.queue_full);
        let calls = options.max_queued_calls;
        check_option("max_queued_calls", calls > 0, calls, "take one call at least")?;
        let name = format!("client {}", options.common.instance_id);
        let core = ClientCore::new(options, checked.seed, (checked.clock)());
        let hub = Hub::new(core, Calls::default(), checked.clock, name);
        let mut link = Some(link);
        let launcher = Launcher::new(Box::new(move |hub: &Arc<ClientHub>| {
            let runtime = runtime.bind()?;
            if let Some(link) = link.take() {
                runtime.spawn(RunLoop::new(runtime.clone(), link, hub.clone(), NoWork).run());
            }
            Ok(())
        }));
        Ok(Client::new(hub, launcher))
    }
}

/// Builds a [`Server`].
///
/// ```
/// use std::time::Duration;
/// use clamator_memory::{Memory, ServerBuilder, VirtualTime};
///
/// let server = ServerBuilder::with("my-app", VirtualTime::new(), Memory::new())
///     .shutdown_grace(Duration::from_secs(30))
///     .build()?;
/// # drop(server);
/// # Ok::<(), clamator_driver::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct ServerBuilder<R, T> {
    common: Common<R, T>,
    consumer_claim_idle: Option<Duration>,
    shutdown_grace: Option<Duration>,
    group_start: Option<GroupStart>,
    retention: Option<Retention>,
    max_deliveries: Option<u64>,
}

common_options!(ServerBuilder);

impl<R: Runtime, T: Transport<R>> ServerBuilder<R, T> {
    /// Begins with a prefix, a runtime and a transport. A runtime's crate has a shorter way.
    pub fn with(key_prefix: impl Into<String>, runtime: R, transport: T) -> Self {
        ServerBuilder {
            common: Common::new(key_prefix.into(), runtime, transport),
            consumer_claim_idle: None,
            shutdown_grace: None,
            group_start: None,
            retention: None,
            max_deliveries: None,
        }
    }

    fn map<U>(self, change: impl FnOnce(Common<R, T>) -> Common<R, U>) -> ServerBuilder<R, U> {
        ServerBuilder {
            common: change(self.common),
            consumer_claim_idle: self.consumer_claim_idle,
            shutdown_grace: self.shutdown_grace,
            group_start: self.group_start,
            retention: self.retention,
            max_deliveries: self.max_deliveries,
        }
    }

    /// After how long without a sign of life a request is taken from its server and given to another. Default: 60 s. The
    /// same in a whole pool. A handler may run longer: its request is renewed meanwhile.
    pub fn consumer_claim_idle(mut self, idle: Duration) -> Self {
        self.consumer_claim_idle = Some(idle);
        self
    }

    /// How long [`Server::stop`] waits for running handlers. Default: 5 s.
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.shutdown_grace = Some(grace);
        self
    }

    /// Where a service's group begins that didn't exist yet. Default: at the first request that is there.
    pub fn group_start(mut self, start: GroupStart) -> Self {
        self.group_start = Some(start);
        self
    }

    /// Whether done requests are removed from the stream. Default: they are.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How often a request is begun before it is put aside: one whose handler kills its process is given to server after server
    /// otherwise. Beyond the limit it goes to the stream `<prefix>:dead:<service>`, and its caller gets an error. Default: no
    /// limit, as the TypeScript and Python implementations have none. Recommended: 5, and the same in a whole pool; 2 at least.
    ///
    /// Under a limit, requests that were begun before run one at a time on a server, so that a death is counted against the
    /// request that caused it.
    pub fn max_deliveries(mut self, deliveries: u64) -> Self {
        self.max_deliveries = Some(deliveries);
        self
    }

    /// Makes the server. Nothing is opened before [`Server::start`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::Name`] for an empty prefix or instance id, [`ConfigError::Option`] for an option that makes no sense,
    /// [`ConfigError::Url`] and others when the transport can't be used.
    pub fn build(self) -> Result<Server, ConfigError> {
        let checked = self.common.check()?;
        let (runtime, link) = (checked.runtime, checked.link);
        let mut options = ServerOptions::new(checked.key_prefix, checked.instance_id);
        apply(checked.edits, link.address(), &mut options.common)?;
        if let Some(idle) = self.consumer_claim_idle {
            check_duration("consumer_claim_idle", idle)?;
            options.consumer_claim_idle = idle;
        }
        if let Some(deliveries) = self.max_deliveries {
            let advice = "allow two at least: a request that was only read ahead counts as begun";
            check_option("max_deliveries", deliveries >= 2, deliveries, advice)?;
            let advice = "leave it out: without scripts, deliveries can't be counted";
            check_option("max_deliveries", link.scripts(), deliveries, advice)?;
            options.max_deliveries = Some(deliveries);
        }
        options.scripts = link.scripts();
        options.shutdown_grace = self.shutdown_grace.unwrap_or(options.shutdown_grace);
        options.group_start = self.group_start.unwrap_or(options.group_start);
        options.retention = self.retention.unwrap_or(options.retention);
        let name = format!("server {}", options.common.instance_id);
        let (prefix, address) = (options.common.key_prefix.clone(), options.common.address.clone());
        let core = ServerCore::new(options, checked.seed, (checked.clock)());
        let hub = Hub::new(core, Jobs::default(), checked.clock, name);
        let caller = move |service: &clamator_core::ServiceName, serial| Caller {
            stream: prefix.command_stream(service),
            address: address.clone(),
            serial,
        };
        let mut once = Some((link, caller));
        let launcher = Launcher::new(Box::new(move |hub: &Arc<ServerHub>| {
            let runtime = runtime.bind()?;
            if let Some((link, caller)) = once.take() {
                let handlers = Handlers::new(runtime.clone(), caller);
                runtime.spawn(RunLoop::new(runtime.clone(), link, hub.clone(), handlers).run());
            }
            Ok(())
        }));
        Ok(Server::new(hub, launcher))
    }
}
