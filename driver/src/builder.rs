//! Builders: what a client or a server is told before it exists.

use std::sync::Arc;
use std::time::Duration;

use clamator_core::{
    Caller, ClientCore, ClientOptions, CommonOptions, GroupStart, InstanceId, KeyPrefix,
    MissingService, Retention, ServerCore, ServerOptions,
};

use crate::adapter::{Adapter, Link, Runtime, Transport};
use crate::client::{Calls, Client, ClientHub, Launcher, NoWork};
use crate::error::ConfigError;
use crate::handlers::Handlers;
use crate::hub::{Clock, Hub};
use crate::run_loop::RunLoop;
use crate::server::{Jobs, Server, ServerHub};

/// What both builders are told.
#[derive(Clone, Debug)]
struct Common<R, T> {
    runtime: R,
    transport: T,
    key_prefix: String,
    instance_id: Option<String>,
    seed: Option<[u8; 32]>,
    edits: Vec<Edit>,
}

/// One option that is not its default.
#[derive(Clone, Debug)]
enum Edit {
    ReplyStreamMaxLen(u64),
    ReplyStreamTtl(Duration),
    MaxMessageBytes(usize),
    ResponseTimeout(Duration),
    Reconnect(Duration, Duration),
}

impl<R: Runtime, T: Transport<R>> Common<R, T> {
    fn new(key_prefix: String, runtime: R, transport: T) -> Common<R, T> {
        Common { runtime, transport, key_prefix, instance_id: None, seed: None, edits: Vec::new() }
    }

    fn over<U>(self, transport: U) -> Common<R, U> {
        Common {
            runtime: self.runtime,
            transport,
            key_prefix: self.key_prefix,
            instance_id: self.instance_id,
            seed: self.seed,
            edits: self.edits,
        }
    }

    /// Checks everything that both have in common.
    fn check(self) -> Result<Checked<R, T::Link>, ConfigError> {
        let seed = match self.seed {
            Some(seed) => seed,
            None => random_seed()?,
        };
        let key_prefix = KeyPrefix::new(&self.key_prefix)?;
        let instance_id = match &self.instance_id {
            Some(id) => InstanceId::new(id)?,
            // The core draws from the same seed: what it draws must not follow from the public id.
            None => InstanceId::from_seed(seed.map(|byte| !byte)),
        };
        let link = self.transport.into_link()?;
        let runtime = self.runtime;
        let clock: Clock = {
            let runtime = runtime.clone();
            Arc::new(move || runtime.now())
        };
        Ok(Checked { runtime, link, key_prefix, instance_id, seed, clock, edits: self.edits })
    }
}

struct Checked<R, L> {
    runtime: R,
    link: L,
    key_prefix: KeyPrefix,
    instance_id: InstanceId,
    seed: [u8; 32],
    clock: Clock,
    edits: Vec<Edit>,
}

fn random_seed() -> Result<[u8; 32], ConfigError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| ConfigError::NoEntropy(error.to_string()))?;
    Ok(seed)
}

fn apply(edits: Vec<Edit>, address: String, common: &mut CommonOptions) -> Result<(), ConfigError> {
    common.address = address;
    for edit in edits {
        match edit {
            Edit::ReplyStreamMaxLen(len) => {
                check_option("reply_stream_max_len", len > 0, len, "keep one reply at least")?;
                common.reply_stream_max_len = len;
            }
            Edit::ReplyStreamTtl(ttl) => {
                check_duration("reply_stream_ttl", ttl)?;
                common.reply_stream_ttl = ttl;
            }
            Edit::MaxMessageBytes(bytes) => {
                check_option("max_message_bytes", bytes > 0, bytes, "allow one byte at least")?;
                common.max_message_bytes = bytes;
            }
            Edit::ResponseTimeout(timeout) => {
                check_duration("response_timeout", timeout)?;
                common.response_timeout = timeout;
            }
            Edit::Reconnect(min, max) => {
                check_duration("the first wait of reconnect_backoff", min)?;
                let order = format!("{min:?} to {max:?}");
                let advice = "the longest wait is at least the first one";
                check_option("reconnect_backoff", min <= max, order, advice)?;
                (common.backoff.min, common.backoff.max) = (min, max);
            }
        }
    }
    Ok(())
}

fn check_duration(option: &'static str, duration: Duration) -> Result<(), ConfigError> {
    let enough = duration >= Duration::from_millis(1);
    check_option(option, enough, format!("{duration:?}"), "give a millisecond at least")
}

fn check_option(
    option: &'static str,
    ok: bool,
    value: impl ToString,
    advice: &'static str,
) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError::Option { option, value: value.to_string(), advice }) }
}

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
    default_timeout: Option<Duration>,
    missing_service: Option<MissingService>,
}

common_options!(ClientBuilder);

impl<R: Runtime, T: Transport<R>> ClientBuilder<R, T> {
    /// Begins with a prefix, a runtime and a transport. A runtime's crate has a shorter way.
    pub fn with(key_prefix: impl Into<String>, runtime: R, transport: T) -> Self {
        let common = Common::new(key_prefix.into(), runtime, transport);
        ClientBuilder { common, default_timeout: None, missing_service: None }
    }

    fn map<U>(self, change: impl FnOnce(Common<R, T>) -> Common<R, U>) -> ClientBuilder<R, U> {
        ClientBuilder {
            common: change(self.common),
            default_timeout: self.default_timeout,
            missing_service: self.missing_service,
        }
    }

    /// The timeout of calls that don't set their own. Default: 30 s.
    pub fn default_timeout(mut self, timeout: Duration) -> Self {
        self.default_timeout = Some(timeout);
        self
    }

    /// What to do while no server has made a service's stream yet. Default: over Redis, wait up to the call's timeout;
    /// in memory, fail at once.
    pub fn missing_service(mut self, missing: MissingService) -> Self {
        self.missing_service = Some(missing);
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
        options.default_timeout = self.default_timeout.unwrap_or(options.default_timeout);
        options.missing_service = self.missing_service.unwrap_or(link.missing_service());
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
        }
    }

    fn map<U>(self, change: impl FnOnce(Common<R, T>) -> Common<R, U>) -> ServerBuilder<R, U> {
        ServerBuilder {
            common: change(self.common),
            consumer_claim_idle: self.consumer_claim_idle,
            shutdown_grace: self.shutdown_grace,
            group_start: self.group_start,
            retention: self.retention,
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
