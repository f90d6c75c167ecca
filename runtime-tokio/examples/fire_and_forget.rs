//! Notifications: the caller goes on as soon as the store has the message.
//!
//! That says nothing about whether a server has seen it. A notification is delivered at least once, like any call, so
//! its handler must bear to see one twice.
//!
//! `cargo run --example fire_and_forget`

use std::collections::BTreeSet;
use std::sync::Mutex;

use clamator_tokio::{CallContext, CallError, ClientBuilder, Memory, RpcError, ServerBuilder};

/// Counts who looks at what.
#[clamator_tokio::contract(service = "visits")]
pub trait Visits {
    /// Somebody looked at a page.
    #[notification]
    async fn visited(&self, ctx: &CallContext, page: String);
    /// How often somebody looked at a page.
    async fn count(&self, page: String) -> Result<usize, RpcError>;
}

/// Pages with the entries that told of them: the same entry twice counts once.
#[derive(Default)]
struct Counter {
    seen: Mutex<BTreeSet<(String, String)>>,
}

impl Visits for Counter {
    async fn visited(&self, ctx: &CallContext, page: String) {
        self.seen.lock().unwrap().insert((page, ctx.entry().to_string()));
    }

    async fn count(&self, page: String) -> Result<usize, RpcError> {
        Ok(self.seen.lock().unwrap().iter().filter(|(seen, _)| *seen == page).count())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory::new();
    let server = ServerBuilder::new("my-app").over(&memory).build()?;
    server.register(VisitsService::new(Counter::default()))?;
    let client = ClientBuilder::new("my-app").over(&memory).build()?;
    client.start().await?;
    let visits = VisitsClient::new(&client);

    // Nobody has made the stream yet: nothing is queued for nobody. (Over Redis it would wait for a server first.)
    let early = visits.visited("home".to_owned()).await;
    println!("before the server: no such service: {}", is_missing(&early));

    server.start().await?;
    for page in ["home", "about", "home"] {
        visits.visited(page.to_owned()).await?;
    }
    // One service works in order, so the count comes after the visits.
    println!("home was visited {} times", visits.count("home".to_owned()).await?);

    client.stop().await;
    server.stop().await;
    Ok(())
}

fn is_missing(outcome: &Result<(), CallError>) -> bool {
    matches!(outcome, Err(CallError::NoSuchService { .. }))
}
