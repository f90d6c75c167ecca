//! Commands about several entries, of which only the first one is looked at: with one request at a time that goes unnoticed for
//! long.

use clamator_core::Command;
use clamator_memory::Memory;

use crate::bent::{Altered, Flaw};

macro_rules! firsts {
    ($($(#[$doc:meta])* $name:ident: $command:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Default)]
            pub(crate) struct $name;

            impl Flaw for $name {
                fn alter(&self, mut command: Command, _: &Memory) -> Altered {
                    if let Command::$command { ids, .. } = &mut command {
                        ids.truncate(1);
                    }
                    Altered::Run(vec![command])
                }
            }
        )*
    };
}

firsts! {
    /// Renews the first entry.
    RenewsTheFirst: Renew;
    /// Hands the first entry back.
    ReleasesTheFirst: Release;
    /// Acks the first entry.
    AcksTheFirst: Ack;
}
