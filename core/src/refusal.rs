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
    /// What is under this key is no stream.
    NoStream,
    /// The store runs no scripts, for this user or for anybody.
    NoScripts,
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
            "WRONGTYPE" => Meaning::NoStream,
            "ERR" if refusal.message == "no such key" => Meaning::NoSuchKey,
            "ERR" if is_unknown_eval(&refusal.message) => Meaning::NoScripts,
            "NOPERM" if refusal.message.to_ascii_lowercase().contains("'eval' command") => {
                Meaning::NoScripts
            }
            _ => Meaning::Final,
        }
    }
}

/// ``unknown command `EVAL`, with args …`` or `unknown command 'EVAL', with args …`: what follows is the script itself.
fn is_unknown_eval(message: &str) -> bool {
    let Some((begin, rest)) = message.split_at_checked("unknown command".len()) else {
        return false;
    };
    let mut words =
        rest.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    begin.eq_ignore_ascii_case("unknown command")
        && words.next().is_some_and(|word| word.eq_ignore_ascii_case("eval"))
}

/// What to do about a refusal, where that can be told.
pub(crate) fn advice(refusal: &Refusal) -> &'static str {
    match Meaning::of(refusal) {
        Meaning::NoScripts => {
            "; allow EVAL, or say `Redis::without_scripts()`, which says what is given up"
        }
        _ => "",
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
            ("WRONGTYPE", Meaning::NoStream),
            ("NOPERM", Meaning::Final),
            ("ERR", Meaning::Final),
        ] {
            let refusal = Refusal::new(code, "x");
            assert_eq!(Meaning::of(&refusal), meaning, "{code}");
            assert_eq!(is_demoted(&refusal), code == "READONLY", "{code}");
        }
        assert_eq!(Meaning::of(&Refusal::new("ERR", "no such key")), Meaning::NoSuchKey);
    }

    #[test]
    fn a_store_without_scripts_is_recognised_in_every_version_and_no_other_command_is_taken_for_one()
     {
        for (code, message, is) in [
            ("ERR", "unknown command `EVAL`, with args beginning with: `local", true),
            ("ERR", "unknown command 'EVAL', with args beginning with: 'local", true),
            ("ERR", "unknown command 'eval'", true),
            (
                "NOPERM",
                "this user has no permissions to run the 'eval' command or its subcommand",
                true,
            ),
            ("NOPERM", "User default has no permissions to run the 'eval' command", true),
            ("ERR", "unknown command 'XAUTOCLAIM', with args beginning with: 'eval'", false),
            ("ERR", "unknown command", false),
            ("ERR", "", false),
            ("NOPERM", "User a has no permissions to access the 'eval' key", false),
            ("NOPERM", "this user has no permissions to run the 'evalsha' command", false),
            ("WRONGTYPE", "unknown command 'EVAL'", false),
        ] {
            let refusal = Refusal::new(code, message);
            assert_eq!(Meaning::of(&refusal) == Meaning::NoScripts, is, "{refusal}");
            assert_eq!(advice(&refusal).contains("Redis::without_scripts()"), is, "{refusal}");
        }
    }
}
