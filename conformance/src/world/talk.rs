//! Short words for what nearly every case says.

use std::future::IntoFuture;
use std::ops::RangeInclusive;
use std::time::Duration;

use clamator_core::Lane;
use clamator_driver::{Call, CallError, RpcError, StopReport};
use serde_json::json;

use super::{Guest, Host, Json, Task, What, World};

impl Guest {
    /// A call of `conf`.
    pub(crate) fn ask(&self, method: &str, params: Json) -> Call<Json> {
        self.client.call("conf", method, &params)
    }

    /// Calls `conf.add`, and sees to it that it works.
    pub(crate) async fn adds(&self) {
        let sum = self.ask("add", json!({ "a": 2, "b": 3 })).await;
        assert_eq!(sum.unwrap_or_else(|error| panic!("{error}")), json!({ "sum": 5.0 }));
    }
}

impl World {
    /// A server and a client of `conf`, both started.
    pub(crate) async fn served(&self) -> (Host, Guest) {
        (self.server("s").start().await, self.client("c").start().await)
    }

    /// A call that is under way in the background.
    pub(crate) fn calls(&self, call: Call<Json>) -> Task<Result<Json, CallError>> {
        self.spawn(call.into_future())
    }

    /// Calls `conf.hold` in the background, and waits until it runs.
    pub(crate) async fn holds(&self, guest: &Guest, item: u64) -> Task<Result<Json, CallError>> {
        let call = self.calls(guest.ask("hold", json!({ "item": item })));
        self.began(item).await;
        call
    }

    /// Lets the servers see how fast their handlers are, so that they take more than one entry at once.
    pub(crate) async fn warm(&self, guest: &Guest) {
        for _ in 0..12 {
            guest.adds().await;
        }
    }

    /// Puts requests into the stream of `conf` that a server, once it starts, takes all at once: one that it holds, and `waiting` that wait
    /// behind it. Their replies go to `held`, and to `c` and the item's number.
    pub(crate) fn queue(&self, held: u64, waiting: RangeInclusive<u64>) {
        // Servers take more than one entry only once they know that their handlers are fast.
        for _ in 0..40 {
            self.request("conf", "add", json!({ "a": 2, "b": 3 }), "warm");
        }
        self.request("conf", "hold", json!({ "item": held }), "held");
        for item in waiting {
            self.request("conf", "quick", json!({ "item": item }), &format!("c{item}"));
        }
    }

    /// Waits until a server runs this item and holds the last so many entries of the stream, and is done with the rest.
    pub(crate) async fn are_held(&self, held: u64, number: usize) {
        self.began(held).await;
        let what = format!("the last {number} entries are held, and no others");
        let stream = self.commands("conf");
        self.eventually(&what, || {
            let pending = self.pending("conf").into_iter().map(|entry| entry.id);
            let entries = self.probe().entries(&stream);
            let last = entries.iter().skip(entries.len().saturating_sub(number));
            pending.eq(last.map(|entry| entry.id)) && entries.len() >= number
        })
        .await;
    }

    /// A stop in the background.
    pub(crate) fn stops(&self, host: &Host, grace: Duration) -> Task<StopReport> {
        let server = host.server.clone();
        self.spawn(async move { server.stop_within(grace).await })
    }

    /// Cuts a client off, and waits until it knows.
    pub(crate) async fn cut_off(&self, guest: &Guest) {
        guest.faults.crash();
        let has_noticed = || guest.faults.has_noticed(Lane::Commands);
        self.eventually("the client has noticed", has_noticed).await;
    }

    /// Waits until a handler has begun with an item.
    pub(crate) async fn began(&self, item: u64) {
        self.eventually(&format!("item {item} runs"), || self.book().count(What::Began, item) > 0)
            .await;
    }

    /// Waits until a handler has ended with an item.
    pub(crate) async fn ended(&self, item: u64) {
        self.eventually(&format!("item {item} ends"), || self.book().count(What::Ended, item) > 0)
            .await;
    }

    /// How often an item was begun.
    pub(crate) fn runs(&self, item: u64) -> usize {
        self.book().count(What::Began, item)
    }
}

/// The RPC error of a call.
#[track_caller]
pub(crate) fn rpc_error<T: std::fmt::Debug>(outcome: Result<T, CallError>) -> RpcError {
    match outcome {
        Err(CallError::Rpc(error)) => error,
        other => panic!("not an RPC error: {other:?}"),
    }
}

/// The result of a call.
#[track_caller]
pub(crate) fn good<T>(outcome: Result<T, CallError>) -> T {
    outcome.unwrap_or_else(|error| panic!("the call failed: {error}"))
}
