//! Who is measured.

use std::fmt;
use std::str::FromStr;

/// One way to make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    Floor,
    OursTokio,
    OursTokioOne,
    OursSmol,
    OursAsyncStd,
}

impl Contender {
    pub(crate) const ALL: [Contender; 5] = [
        Contender::Floor,
        Contender::OursTokio,
        Contender::OursTokioOne,
        Contender::OursSmol,
        Contender::OursAsyncStd,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Contender::Floor => "floor",
            Contender::OursTokio => "ours-tokio",
            Contender::OursTokioOne => "ours-tokio-1",
            Contender::OursSmol => "ours-smol",
            Contender::OursAsyncStd => "ours-async-std",
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Contender {
    type Err = String;

    fn from_str(name: &str) -> Result<Contender, String> {
        let found = Contender::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| {
            let names = Contender::ALL.map(Contender::name).join(", ");
            format!("there is no contender {name}; there are {names}")
        })
    }
}
