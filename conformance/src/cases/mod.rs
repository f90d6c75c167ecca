//! The cases, one file a group. [`list`] names them all, once.

mod cancellation;
mod connections;
mod contract;
mod drain;
mod envelopes;
mod errors;
mod hostile;
mod lifecycle;
mod list;
mod losses;
mod ordering;
mod poison;
mod pools;
mod queueing;
mod reclaim;
mod replies;
mod retention;
mod timeouts;

use std::fmt;

use clamator_driver::{CallError, GroupStart};
use futures_util::future::LocalBoxFuture;
use serde_json::json;

use crate::world::{Guest, Json, Task, World, envelope};

/// One case.
pub struct Case {
    /// The group that it is in.
    pub group: &'static str,
    /// Its name, unique in its group.
    pub name: &'static str,
    /// What it proves, in a line.
    pub proves: &'static str,
    /// The rules of `docs/wire.md` that it holds.
    pub rules: &'static [&'static str],
    /// Runs it; it panics if the adapter fails it.
    pub(crate) run: for<'w> fn(&'w World) -> LocalBoxFuture<'w, ()>,
}

impl Case {
    /// `group::name`
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}::{}", self.group, self.name)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("path", &self.path()).finish_non_exhaustive()
    }
}

macro_rules! table {
    ($($group:ident { $($name:ident [$($rule:ident)*] $proves:literal)* })*) => {
        /// Every case, in the order of the groups.
        pub const CASES: &[Case] = &[$($(Case {
            group: stringify!($group),
            name: stringify!($name),
            proves: $proves,
            rules: &[$(stringify!($rule)),*],
            run: |world| Box::pin($group::$name(world)),
        },)*)*];
    };
}

crate::for_each_case!(table);

/// Makes one `#[test]` of each case, in a module for each group: `suite!(MyHarness);`
#[macro_export]
macro_rules! suite {
    ($harness:ident) => {
        $crate::for_each_case!($crate::__tests, $harness);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ($harness:ident: $($group:ident { $($name:ident [$($rule:ident)*] $proves:literal)* })*) => {
        $(mod $group {
            use super::$harness;
            $(
                #[doc = $proves]
                #[test]
                fn $name() {
                    $crate::__private::test::<$harness>(
                        concat!(stringify!($group), "::", stringify!($name)),
                    );
                }
            )*
        })*
    };
}

/// Makes the stream and the group of a service that nobody serves.
fn unserved(world: &World, service: &str) {
    let stream = world.commands(service);
    world.probe().create_group(&stream, service, GroupStart::Beginning);
}

/// A call of `conf` that nobody serves: its id, and the call in the background.
async fn unanswered(world: &World, guest: &Guest) -> (String, Task<Result<Json, CallError>>) {
    let stream = world.commands("conf");
    let before = world.probe().entries(&stream).len();
    let call = world.calls(guest.ask("add", json!({})));
    let look = || world.probe().entries(&stream).get(before).map(envelope);
    let request = world.eventually_some("the request is in the stream", look).await;
    let request: Json = serde_json::from_str(&request).unwrap_or_default();
    (request["id"].as_str().unwrap_or_default().to_owned(), call)
}
