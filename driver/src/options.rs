//! Options that are not their defaults, and whether they make sense.

use std::time::Duration;

use clamator_core::CommonOptions;

use crate::error::ConfigError;

/// One option that is not its default.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    ReplyStreamMaxLen(u64),
    ReplyStreamTtl(Duration),
    MaxMessageBytes(usize),
    ResponseTimeout(Duration),
    Reconnect(Duration, Duration),
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
