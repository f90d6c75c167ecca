//! One answer, taken for that to each of the commands: what is read without `redis` is what is read with it.

use bytes::Bytes;
use clamator_core::{Command, Outcome, Refusal};
use clamator_redis::{fuzzing, translate};
use redis::parse_redis_value;

use crate::commands::every;
use crate::memory::within;

/// Reads whole answers to a command, with or without scripts.
pub type Decoder = fn(&Command, bool, &[Bytes]) -> Option<Outcome>;

/// The target.
pub fn run(data: &[u8]) {
    compare(data, fuzzing::outcome);
}

/// Panics if the decoder makes something else of an answer than the longer way does.
pub fn compare(data: &[u8], decode: Decoder) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let commands = every();
    let Some(command) = commands.get(usize::from(*choice) % commands.len()) else { return };
    let mut answers = Vec::new();
    while answers.len() < 2
        && let Some(Ok(length)) = fuzzing::scan(rest, std::iter::empty())
    {
        answers.push(Bytes::copy_from_slice(&rest[..length]));
        rest = &rest[length..];
    }
    let Some(answer) = answers.first() else { return };
    if matches!(command, Command::Unblock { .. } | Command::Kill { .. }) {
        return;
    }
    // A value of `redis` has 56 bytes, and the least of them comes as three.
    let most = 64 * 1024 + 256 * data.len();
    let short = within(most, || decode(command, true, std::slice::from_ref(answer)));
    let unreadable =
        || Outcome::Refused(Refusal::new("UNREADABLE", "the answer has an unknown form"));
    let long = match parse_redis_value(answer) {
        Ok(value) => translate::decode(command, value),
        Err(_) => unreadable(),
    };
    assert_eq!(short, Some(long), "{command:?}");
    let plain = within(most, || decode(command, false, &answers));
    let wanted = translate::encode_plain(command).len();
    assert_eq!(plain.is_some(), answers.len() >= wanted, "{command:?}");
    let mut wanted = answers.iter().take(wanted);
    if plain.is_some() && wanted.any(|answer| parse_redis_value(answer).is_err()) {
        assert_eq!(plain, Some(unreadable()), "{command:?}");
    }
}
