//! Ids of entries.

use std::fmt;
use std::str::FromStr;

/// The id of a stream entry: milliseconds and a sequence number, ordered as Redis orders them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The milliseconds part.
    pub ms: u64,
    /// The sequence part.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, below every entry.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };

    /// An id from its two parts.
    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The greatest id below this one; `0-0` has none, and stays.
    #[must_use]
    pub const fn before(self) -> StreamId {
        match (self.ms, self.seq) {
            (0, 0) => self,
            (ms, 0) => StreamId { ms: ms - 1, seq: u64::MAX },
            (ms, seq) => StreamId { ms, seq: seq - 1 },
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// A text that is not a stream id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stream id of the form \"<ms>-<seq>\"")]
pub struct StreamIdError(String);

impl FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<StreamId, StreamIdError> {
        let parse = || {
            let (ms, seq) = text.split_once('-')?;
            Some(StreamId::new(ms.parse().ok()?, seq.parse().ok()?))
        };
        parse().ok_or_else(|| StreamIdError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_ids_are_ordered_and_read_as_redis_does() {
        let ids: Vec<StreamId> =
            ["1-2", "1-10", "2-0", "10-0"].iter().map(|id| id.parse().unwrap()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[1].to_string(), "1-10");
        assert_eq!("18446744073709551615-0".parse(), Ok(StreamId::new(u64::MAX, 0)));
        for bad in ["", "1", "-", "1-", "-1", "a-1", "1-2-3", "18446744073709551616-0"] {
            assert!(bad.parse::<StreamId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_id_but_the_least_has_one_before_it() {
        assert_eq!(StreamId::new(5, 3).before(), StreamId::new(5, 2));
        assert_eq!(StreamId::new(5, 0).before(), StreamId::new(4, u64::MAX));
        assert_eq!(StreamId::MIN.before(), StreamId::MIN);
    }
}
