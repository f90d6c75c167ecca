//! What a bug is that can be put back.

/// A bug of the peers.
#[derive(Debug)]
pub(super) struct Bug {
    /// The point, with a letter where it has several sides.
    pub(super) number: &'static str,
    pub(super) what: &'static str,
    pub(super) changes: &'static [Change],
    /// Each of them must fail.
    pub(super) tests: &'static [Test],
}

impl Bug {
    /// Whether it is this one, or a side of this point.
    pub(super) fn is(&self, number: &str) -> bool {
        self.number == number
            || self.number.strip_suffix(|last: char| last.is_ascii_lowercase()) == Some(number)
    }
}

/// A text that is there exactly once, and what comes in its place.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) file: &'static str,
    pub(super) old: &'static str,
    pub(super) new: &'static str,
}

/// A test by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Test {
    /// A case of the conformance suite, over memory.
    Case(&'static str),
    /// A test of the core.
    Core(&'static str),
    /// A case of the conformance suite on tokio and a real Redis, for what its scripts decide.
    OnRedis(&'static str),
}

impl Test {
    pub(super) fn name(self) -> &'static str {
        match self {
            Test::Case(name) | Test::Core(name) | Test::OnRedis(name) => name,
        }
    }

    /// Where it is, for `cargo test`.
    pub(super) fn place(self) -> &'static str {
        match self {
            Test::Case(_) => "-p clamator-conformance --test memory",
            Test::Core(_) => "-p clamator-core --lib",
            Test::OnRedis(_) => "-p clamator-conformance --test tokio",
        }
    }
}

pub(super) const fn change(file: &'static str, old: &'static str, new: &'static str) -> Change {
    Change { file, old, new }
}
