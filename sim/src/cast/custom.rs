//! Processes whose services and callers are somebody's own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use clamator_core::Key;
use clamator_driver::{Client, Service};

use super::{PREFIX, Process, client, server};
use crate::book::{self, Discipline};
use crate::site::Site;

/// What servers have, and what clients do.
pub(crate) trait Script: Send + Sync + std::fmt::Debug {
    fn services(&self, at: usize, site: &Site) -> Vec<Service>;

    fn calls(
        &self,
        at: usize,
        site: Site,
        client: Client,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// A client has made its calls.
    fn done(&self, at: usize);

    /// Whether all have.
    fn is_done(&self) -> bool;

    /// How long everything may take to settle once nothing goes wrong any more, in nanoseconds.
    fn settles_within(&self) -> u64;
}

pub(super) async fn live_as_server(mut process: Process, at: usize, script: Arc<dyn Script>) {
    let services = script.services(at, &Site::new(&process));
    process.watch.book(|book| {
        for service in &services {
            introduce(book, service.contract().service().as_str());
        }
    });
    match server::build(&mut process, services) {
        Ok(server) => server::serve(&process, &server, None).await,
        Err(error) => process.watch.violate("a server can be made", error.into()),
    }
}

pub(super) async fn live_as_client(mut process: Process, at: usize, script: Arc<dyn Script>) {
    match client::build(&mut process) {
        Ok(client) => {
            let site = Site::new(&process);
            let own = client.clone();
            let calls = async {
                script.calls(at, site, own).await;
                script.done(at);
            };
            client::call_until_told(&process, &client, calls).await;
        }
        Err(error) => process.watch.violate("a client can be made", error.into()),
    }
}

/// The book learns of a service: what is left of it in the store is looked at in the end.
fn introduce(book: &mut book::Book, name: &str) {
    if book.services.iter().any(|service| service.name == name) {
        return;
    }
    book.services.push(book::Service {
        stream: Key::from(format!("{PREFIX}:cmds:{name}").as_str()),
        dead: Key::from(format!("{PREFIX}:dead:{name}").as_str()),
        name: name.to_owned(),
        discipline: Discipline::Concurrent(usize::MAX),
        limit: None,
        entries: Default::default(),
        resets: Vec::new(),
    });
}
