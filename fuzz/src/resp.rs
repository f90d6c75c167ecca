//! Answers of Redis as bytes, in pieces: where they end, and what a connection makes of them.

use bytes::Bytes;
use clamator_core::{Command, Outcome};
use clamator_redis::fuzzing::{self, Scanned};
use redis::parse_redis_value;

use crate::commands::every;
use crate::memory::within;
use crate::reader::Reader;

/// So much is asked for at once for a value of which only the length has come: this, and, once some of it has come, as much
/// again, while the first is still there.
const AHEAD: usize = 16 * 1024 * 1024;

/// Looks for the end of an answer that comes in pieces.
pub type Scanner = fn(&[u8], &[usize]) -> Scanned;

/// The target.
pub fn run(data: &[u8]) {
    compare(data, |bytes, pieces| fuzzing::scan(bytes, pieces.iter().copied()));
    connect(data);
}

/// The lengths of pieces, and what comes in them.
fn split(data: &[u8]) -> (Vec<usize>, &[u8]) {
    let count = usize::from(data.first().copied().unwrap_or_default() % 16);
    let lengths = data.iter().skip(1).take(count);
    let lengths = lengths.map(|length| usize::from(*length)).collect();
    (lengths, data.get(1 + count..).unwrap_or_default())
}

/// Panics if the scanner finds something else than `redis` does, or something else in pieces than at once.
pub fn compare(data: &[u8], scan: Scanner) {
    let (pieces, bytes) = split(data);
    let found = within(1024, || scan(bytes, &pieces));
    assert_eq!(found, scan(bytes, &[]), "in pieces, and at once");
    match found {
        // Where this parser takes it, its end is the same: it needs no more, and without its last byte it isn't whole.
        Some(Ok(length)) => {
            let takes = |bytes: &[u8]| parse_redis_value(bytes).is_ok();
            assert!(!takes(&bytes[..length - 1]), "it ends earlier");
            assert!(takes(&bytes[..length]) || !takes(bytes), "it ends later");
        }
        Some(Err(length)) => {
            assert!(length > bytes.len(), "it waits for what is there");
            assert!(parse_redis_value(bytes).is_err(), "it is whole");
        }
        None => {}
    }
}

/// Pipelines on a connection that says this: each command has one outcome, that of its own answer.
fn connect(data: &[u8]) {
    let (lengths, bytes) = split(data);
    let commands = every();
    let mut reader = Reader::new(bytes);
    let choice: Vec<Command> =
        (0..4).filter_map(|_| commands.get(reader.below(commands.len())).cloned()).collect();
    // These say for themselves which command they answer.
    let bytes = &bytes[bytes.len().min(4)..];
    let mut pieces = Vec::new();
    let mut rest = Bytes::copy_from_slice(bytes);
    // What comes before it was asked for ends a connection, so that it is silent first.
    pieces.push(Bytes::new());
    for length in lengths {
        pieces.push(rest.split_to(length.min(rest.len())));
    }
    pieces.push(rest);
    let pipelines = choice.chunks(2).map(<[Command]>::to_vec).collect();
    let outcomes =
        within(3 * AHEAD + 64 * 1024 + 64 * data.len(), || fuzzing::pipelines(pieces, pipelines));
    let counts: Vec<usize> = outcomes.iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 2]);
    // The first ones are those of the answers, up to where they are none.
    let (mut rest, mut is_lost) = (bytes, false);
    for (command, outcome) in choice.iter().zip(outcomes.concat()) {
        // Nothing is asked for these: the connections aren't there.
        let known = matches!(command, Command::Unblock { .. } | Command::Kill { .. });
        let expected = if known {
            fuzzing::outcome(command, true, &[])
        } else {
            let answer = if is_lost { None } else { answer(&mut rest) };
            is_lost |= answer.is_none();
            answer.and_then(|answer| fuzzing::outcome(command, true, &[answer]))
        };
        let without = matches!(outcome, Outcome::Unknown(_) | Outcome::NotSent(_));
        let is_right = if without { is_lost } else { expected.as_ref() == Some(&outcome) };
        assert!(is_right, "{command:?}: {outcome:?} instead of {expected:?}");
    }
}

/// The next answer that isn't a push.
fn answer(rest: &mut &[u8]) -> Option<Bytes> {
    loop {
        let Some(Ok(length)) = fuzzing::scan(rest, std::iter::empty()) else { return None };
        let (answer, after) = rest.split_at(length);
        *rest = after;
        if answer[0] != b'>' {
            return Some(Bytes::copy_from_slice(answer));
        }
    }
}
