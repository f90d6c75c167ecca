//! What can be chosen, with the defaults that the other implementations have.

use std::time::Duration;

use crate::command::GroupStart;
use crate::names::{InstanceId, KeyPrefix};

/// What a client does while no server has made a service's stream yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingService {
    /// Try again up to the call's deadline, so that a client may start before its server.
    Wait,
    /// Fail at once.
    Fail,
}

/// What becomes of calls while the client has no connection for its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnected {
    /// They wait for it up to their deadlines.
    Wait,
    /// They fail at once: new ones, and those that haven't left.
    Fail,
}

/// What becomes of a call when so many others wait to be sent that there is no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFull {
    /// It waits for room up to its deadline, behind those that came before.
    Wait,
    /// It fails at once.
    Fail,
}

/// Whether what every group on a command stream is done with is removed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Trim in the background: the stream stays small.
    TrimDone,
    /// Remove nothing, as the TypeScript and Python implementations do: the stream grows for ever.
    KeepAll,
}

/// How long to wait between attempts to connect: doubled from `min` up to `max`, less a random part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffOptions {
    /// The first wait.
    pub min: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Default for BackoffOptions {
    fn default() -> BackoffOptions {
        BackoffOptions { min: Duration::from_millis(100), max: Duration::from_secs(30) }
    }
}

/// What clients and servers have in common.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CommonOptions {
    /// The literal beginning of every key.
    pub key_prefix: KeyPrefix,
    /// What tells this instance from others under the same prefix.
    pub instance_id: InstanceId,
    /// Replies kept unread in one client's stream, about. 1024.
    pub reply_stream_max_len: u64,
    /// After how long a reply stream that nobody writes to vanishes. One hour.
    pub reply_stream_ttl: Duration,
    /// The largest envelope that is sent or accepted, in bytes. 16 MiB.
    pub max_message_bytes: usize,
    /// A connection that gives no answer for this long, on top of what it was asked to wait, is replaced. 10 s.
    pub response_timeout: Duration,
    /// How long to wait between attempts to connect.
    pub backoff: BackoffOptions,
    /// Where the store is, for messages; without credentials.
    pub address: String,
}

impl CommonOptions {
    fn new(key_prefix: KeyPrefix, instance_id: InstanceId) -> CommonOptions {
        CommonOptions {
            key_prefix,
            instance_id,
            reply_stream_max_len: 1024,
            reply_stream_ttl: Duration::from_secs(60 * 60),
            max_message_bytes: 16 * 1024 * 1024,
            response_timeout: Duration::from_secs(10),
            backoff: BackoffOptions::default(),
            address: "the store".to_owned(),
        }
    }
}

/// How many requests of one service a server runs at once, and which of them in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// One at a time, in the order of the stream.
    #[default]
    Serial,
    /// Up to so many at once, in no order.
    Concurrent(usize),
    /// Up to so many at once; those of one key one at a time, in the order of the stream.
    Ordered(usize),
}

impl Concurrency {
    /// The most that may run at once: half of what a server holds of a service, so that there is room for what is done and
    /// not acked yet.
    pub const MOST: usize = 512;

    /// How many may run at once.
    #[must_use]
    pub fn slots(self) -> usize {
        match self {
            Concurrency::Serial => 1,
            Concurrency::Concurrent(slots) | Concurrency::Ordered(slots) => slots,
        }
    }
}

/// What a client can be told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// What clients and servers have in common.
    pub common: CommonOptions,
    /// The timeout of calls that don't set their own. 30 s.
    pub default_timeout: Duration,
    /// What to do while no server has made a service's stream yet.
    pub missing_service: MissingService,
    /// What becomes of calls while there is no connection for commands.
    pub disconnected: Disconnected,
    /// How many calls that the store hasn't taken yet may be held. 131,072. The last eighth is shared: there, a service gets
    /// only what leaves as much to the others, so that one that doesn't take its calls holds up nobody else.
    pub max_queued_calls: usize,
    /// How many bytes these may have together, shared alike; one call is always taken. 256 MiB.
    pub max_queued_bytes: usize,
    /// What becomes of a call beyond that.
    pub queue_full: QueueFull,
}

impl ClientOptions {
    /// The defaults.
    #[must_use]
    pub fn new(key_prefix: KeyPrefix, instance_id: InstanceId) -> ClientOptions {
        ClientOptions {
            common: CommonOptions::new(key_prefix, instance_id),
            default_timeout: Duration::from_secs(30),
            missing_service: MissingService::Wait,
            disconnected: Disconnected::Wait,
            max_queued_calls: 128 * 1024,
            max_queued_bytes: 256 * 1024 * 1024,
            queue_full: QueueFull::Fail,
        }
    }
}

/// What a server can be told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// What clients and servers have in common.
    pub common: CommonOptions,
    /// After how long without a sign of life an entry is taken from its consumer. 60 s. The same in a whole pool.
    pub consumer_claim_idle: Duration,
    /// How long `stop` waits for running handlers. 5 s.
    pub shutdown_grace: Duration,
    /// Where a group begins that didn't exist yet.
    pub group_start: GroupStart,
    /// Whether done entries are removed.
    pub retention: Retention,
    /// How often an entry is begun before it is put aside as a dead letter; never if `None`. At least 2: an entry that was read
    /// ahead by a server that died counts as begun.
    pub max_deliveries: Option<u64>,
    /// Whether the store does in one step what must be atomic. Without, nothing is removed from it, and what is handed back is
    /// only what is certainly ours. The driver asks the link.
    pub scripts: bool,
}

impl ServerOptions {
    /// The defaults.
    #[must_use]
    pub fn new(key_prefix: KeyPrefix, instance_id: InstanceId) -> ServerOptions {
        ServerOptions {
            common: CommonOptions::new(key_prefix, instance_id),
            consumer_claim_idle: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(5),
            group_start: GroupStart::Beginning,
            retention: Retention::TrimDone,
            max_deliveries: None,
            scripts: true,
        }
    }
}
