//! Calls that handlers make while they run, through a client of their own process.

use std::sync::Arc;

use clamator_core::Key;
use clamator_driver::{Client, Runtime as _};

use super::{Gauge, Order, PREFIX, Process, client};
use crate::book::{Life, Role};
use crate::event::{CallId, Event};

/// The client of a server's process.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) process: Arc<Process>,
    pub(super) client: Client,
}

/// Takes down that nobody waits for a call any more, unless it is settled.
struct Waiting<'a> {
    process: &'a Process,
    call: CallId,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.process.watch.see(&Event::Forgotten { call: self.call });
        }
    }
}

impl Inner {
    /// One for this server, if any handler of the world makes calls. In the book it is a life of its own.
    pub(super) fn new(server: &mut Process) -> Result<Option<Inner>, String> {
        if server.plan.calls.iter().all(|call| call.inner.is_none()) {
            return Ok(None);
        }
        let instance = format!("{}c", server.instance);
        let life = server.watch.book(|book| {
            let of = &book.lives[server.life];
            let (name, node) = (format!("{}c", of.name), of.node);
            let (services, up, stopping, ended) = (Vec::new(), None, None, None);
            let (role, instance) = (Role::Client, instance.clone());
            book.replies.push((Key::from(format!("{PREFIX}:replies:{instance}").as_str()), node));
            book.lives.push(Life { name, node, role, instance, up, services, stopping, ended });
            book.lives.len() - 1
        });
        server.watch.see(&Event::Born { life });
        let dice = server.dice.fork();
        let (gauge, order) = (Gauge::default(), Order::default());
        let mut process = Process { life, instance, dice, gauge, order, ..server.clone() };
        let client = client::build(&mut process)?;
        Ok(Some(Inner { process: Arc::new(process), client }))
    }

    /// Starts it next to its server.
    pub(super) fn start(&self) {
        let own = self.clone();
        self.process.host.spawn(async move {
            let Process { life, host, watch, .. } = &*own.process;
            while own.client.start().await.is_err() {
                if watch.book(|book| book.lives[*life].stopping.is_some()) {
                    return;
                }
                host.sleep(std::time::Duration::from_millis(100)).await;
            }
            watch.see(&Event::Up { life: *life });
        });
    }

    /// A handler makes this call, if it is the first that gets so far.
    pub(super) async fn call(&self, call: CallId) {
        let process = &*self.process;
        let may_call = process.watch.book(|book| {
            let life = &book.lives[process.life];
            life.up.is_some() && life.stopping.is_none() && !book.call(call).made
        });
        if may_call && !process.plan.calls[call as usize].skipped {
            let mut waiting = Waiting { process, call, is_over: false };
            client::make_call(process, &self.client, call).await;
            waiting.is_over = true;
        }
    }
}
