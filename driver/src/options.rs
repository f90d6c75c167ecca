//! What both builders are told, and whether it makes sense.

use std::sync::Arc;
use std::time::Duration;

use clamator_core::{CommonOptions, InstanceId, KeyPrefix};

use crate::adapter::{Runtime, Transport};
use crate::error::ConfigError;
use crate::hub::Clock;

/// What both builders are told.
#[derive(Clone, Debug)]
pub(crate) struct Common<R, T> {
    pub(crate) runtime: R,
    pub(crate) transport: T,
    pub(crate) key_prefix: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) seed: Option<[u8; 32]>,
    pub(crate) edits: Vec<Edit>,
}

/// One option that is not its default.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    ReplyStreamMaxLen(u64),
    ReplyStreamTtl(Duration),
    MaxMessageBytes(usize),
    ResponseTimeout(Duration),
    Reconnect(Duration, Duration),
}

impl<R: Runtime, T: Transport<R>> Common<R, T> {
    pub(crate) fn new(key_prefix: String, runtime: R, transport: T) -> Common<R, T> {
        Common { runtime, transport, key_prefix, instance_id: None, seed: None, edits: Vec::new() }
    }

    pub(crate) fn over<U>(self, transport: U) -> Common<R, U> {
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
    pub(crate) fn check(self) -> Result<Checked<R, T::Link>, ConfigError> {
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

pub(crate) struct Checked<R, L> {
    pub(crate) runtime: R,
    pub(crate) link: L,
    pub(crate) key_prefix: KeyPrefix,
    pub(crate) instance_id: InstanceId,
    pub(crate) seed: [u8; 32],
    pub(crate) clock: Clock,
    pub(crate) edits: Vec<Edit>,
}

pub(crate) fn random_seed() -> Result<[u8; 32], ConfigError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| ConfigError::NoEntropy(error.to_string()))?;
    Ok(seed)
}

pub(crate) fn apply(
    edits: Vec<Edit>,
    address: String,
    common: &mut CommonOptions,
) -> Result<(), ConfigError> {
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

pub(crate) fn check_duration(option: &'static str, duration: Duration) -> Result<(), ConfigError> {
    let enough = duration >= Duration::from_millis(1);
    check_option(option, enough, format!("{duration:?}"), "give a millisecond at least")
}

pub(crate) fn check_option(
    option: &'static str,
    ok: bool,
    value: impl ToString,
    advice: &'static str,
) -> Result<(), ConfigError> {
    if ok { Ok(()) } else { Err(ConfigError::Option { option, value: value.to_string(), advice }) }
}
