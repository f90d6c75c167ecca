//! The errors that Redis 7.0 gives, in its words.

use clamator_core::{Key, Refusal};

pub(super) fn wrong_type() -> Refusal {
    Refusal::new("WRONGTYPE", "Operation against a key holding the wrong kind of value")
}

pub(super) fn no_group(key: &Key, group: &str) -> Refusal {
    Refusal::new("NOGROUP", format!("No such key '{key}' or consumer group '{group}'"))
}

pub(super) fn no_group_to_read(key: &Key, group: &str) -> Refusal {
    Refusal::new(
        "NOGROUP",
        format!("No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP option"),
    )
}

/// What a blocked read gets when its group is destroyed.
pub(super) fn group_is_gone() -> Refusal {
    Refusal::new("NOGROUP", "the consumer group this client was blocked on no longer exists")
}

/// What a blocked read gets when its stream is deleted or overwritten.
pub(super) fn stream_is_gone() -> Refusal {
    Refusal::new("UNBLOCKED", "the stream key no longer exists")
}

pub(super) fn no_such_key() -> Refusal {
    error("no such key")
}

pub(super) fn busy_group() -> Refusal {
    Refusal::new("BUSYGROUP", "Consumer Group name already exists")
}

pub(super) fn ids_are_exhausted() -> Refusal {
    error("The stream has exhausted the last possible ID, unable to add more items")
}

pub(super) fn wrong_arity(command: &str) -> Refusal {
    error(format!("wrong number of arguments for '{command}' command"))
}

pub(super) fn count_is_zero() -> Refusal {
    error("COUNT must be > 0")
}

fn error(message: impl Into<String>) -> Refusal {
    Refusal::new("ERR", message)
}
