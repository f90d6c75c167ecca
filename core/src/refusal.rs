//! What an error of the store means: the only place where its words are read.

use crate::command::Refusal;

/// What to make of a [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The group is there already.
    GroupExists,
    /// The group or its stream is gone. A blocked read learns of it in different words: 7.0 says `UNBLOCKED`,
    /// 8.2 and Valkey say `NOGROUP`, or `WRONGTYPE` where another type of key took the stream's place.
    GroupGone,
    /// There is nothing under this key.
    NoSuchKey,
    /// It is refused for now: the store starts, fails over, or is full.
    Passing,
    /// It won't work by trying again.
    Final,
}

/// What an answer of the wrong kind counts as: a store that doesn't speak the protocol is not asked as fast as it answers.
pub(crate) fn unexpected() -> Refusal {
    Refusal::new("ERR", "the answer is not of the kind that was asked for")
}

impl Meaning {
    pub(crate) fn of(refusal: &Refusal) -> Meaning {
        match refusal.code.as_str() {
            "BUSYGROUP" => Meaning::GroupExists,
            "NOGROUP" | "UNBLOCKED" => Meaning::GroupGone,
            "LOADING" | "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" | "OOM"
            | "MISCONF" | "NOREPLICAS" => Meaning::Passing,
            "ERR" if refusal.message == "no such key" => Meaning::NoSuchKey,
            _ => Meaning::Final,
        }
    }
}

/// The store behind this connection takes no writes any more, because another one has become the primary: a new connection may
/// lead there, by Sentinel or by a name that follows the primary.
pub(crate) fn is_demoted(refusal: &Refusal) -> bool {
    refusal.code == "READONLY"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_version_are_understood() {
        for (code, meaning) in [
            ("BUSYGROUP", Meaning::GroupExists),
            ("NOGROUP", Meaning::GroupGone),
            ("UNBLOCKED", Meaning::GroupGone),
            ("LOADING", Meaning::Passing),
            ("READONLY", Meaning::Passing),
            ("OOM", Meaning::Passing),
            ("WRONGTYPE", Meaning::Final),
            ("NOPERM", Meaning::Final),
            ("ERR", Meaning::Final),
        ] {
            let refusal = Refusal::new(code, "x");
            assert_eq!(Meaning::of(&refusal), meaning, "{code}");
            assert_eq!(is_demoted(&refusal), code == "READONLY", "{code}");
        }
        assert_eq!(Meaning::of(&Refusal::new("ERR", "no such key")), Meaning::NoSuchKey);
    }
}
