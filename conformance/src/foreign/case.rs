//! What a case is, and how it ends.

use std::fmt;
use std::time::Duration;

use super::client::Calling;
use super::server::Served;
use super::site::Bench;

/// What a step of a case gives: an error says what was seen and what should have been.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Which side of a call is put to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The program as the server; the case is the client.
    Server,
    /// The program as the client; the case is the server.
    Client,
}

/// How much a failure matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The wire itself: who fails it can't be relied on in a mixed system.
    Must,
    /// Where implementations are known to fall short, and callers pay for it.
    Should,
}

/// What a case runs on.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// A server that other cases have used, too.
    Served(fn(&mut Served) -> Outcome),
    /// A client that other cases have used, too.
    Calling(fn(&mut Calling) -> Outcome),
    /// Programs of its own.
    Own(fn(&Bench) -> Outcome),
    /// Programs of its own on a Redis that nobody else uses meanwhile.
    Exclusive(fn(&Bench) -> Outcome),
}

/// One thing that must hold.
#[derive(Clone, Copy)]
pub struct Case {
    /// Which side is put to the test.
    pub side: Side,
    /// What it belongs to.
    pub group: &'static str,
    /// What must hold.
    pub name: &'static str,
    /// How much a failure matters.
    pub severity: Severity,
    /// The rules of `docs/wire.md` that it holds.
    pub rules: &'static [&'static str],
    pub(crate) run: Run,
}

impl Case {
    /// Side, group and name.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}/{}", self.side, self.group, self.name)
    }
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It doesn't, and this is what was seen.
    Failed(String),
    /// It wasn't tried, and this is why.
    Skipped(&'static str),
}

/// A case that was run.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which one.
    pub case: Case,
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// A table of cases whose functions have the names of the cases. The word before the rules is the severity.
macro_rules! cases {
    ($table:ident: $side:ident $group:literal $kind:ident; $($severity:ident $rules:tt $name:ident,)*) => {
        pub(crate) const $table: &[$crate::foreign::case::Case] = &[$(
            $crate::foreign::case::Case {
                side: $crate::foreign::case::Side::$side,
                group: $group,
                name: stringify!($name),
                severity: $crate::foreign::case::Severity::$severity,
                rules: &$rules,
                run: $crate::foreign::case::Run::$kind($name),
            },
        )*];
    };
}
pub(crate) use cases;

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Server => "server",
            Side::Client => "client",
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Must => "must",
            Severity::Should => "should",
        })
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.full_name()).finish_non_exhaustive()
    }
}
