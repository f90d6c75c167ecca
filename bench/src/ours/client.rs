//! Clients, and the tasks that call: as many as calls are under way, each in a loop.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use clamator_tokio::Server;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use super::calls::{Book, Caller};
use super::{ArithClient, Executor, Layout, service_name};
use crate::measure::resident;
use crate::order::{Order, Permits, Tally, Until, What};

/// Longer than anything waits here.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) struct Client {
    executor: Executor,
    clients: Vec<clamator_tokio::Client>,
    layout: Layout,
    /// That of a client in memory, which serves itself.
    server: Option<Server>,
}

impl Client {
    pub(crate) fn connect(
        executor: Executor,
        (url, prefix): (&str, &str),
        layout: Layout,
    ) -> Result<Client, String> {
        let server = match executor {
            Executor::Memory(..) => Some(super::begin(&executor, (url, prefix), &layout)?),
            _ => None,
        };
        let mut clients = Vec::new();
        for _ in 0..layout.clients {
            let client = executor.client(url, prefix).map_err(|e| e.to_string())?;
            executor.block_on(client.start()).map_err(|e| e.to_string())?;
            clients.push(client);
        }
        Ok(Client { executor, clients, layout, server })
    }

    pub(crate) fn run(&mut self, order: &Order) -> Tally {
        if let What::Nobody { tasks } = order.what {
            return self.wait_for_nobody(order.window, tasks);
        }
        let book = Book::new(Permits::of(order));
        let began = Instant::now();
        if order.a_second > 0 {
            self.call_at_a_rate(order, &book);
        } else if self.layout.one_task {
            let callers =
                (0..order.window).map(|at| book.clone().call_in_a_loop(self.caller(at, order)));
            let all = callers.collect::<FuturesUnordered<_>>().collect::<Vec<()>>();
            let task = self.executor.spawn(all);
            self.executor.block_on(task);
        } else {
            self.executor.block_on(async {
                let call = |at| book.clone().call_in_a_loop(self.caller(at, order));
                let callers = (0..order.window).map(|at| self.executor.spawn(call(at)));
                for caller in callers.collect::<Vec<_>>() {
                    caller.await;
                }
            });
        }
        book.times().tally(began)
    }

    /// Callers are shared out to clients first, and to services then.
    fn caller(&self, at: usize, order: &Order) -> Caller {
        let client = self.clients[at % self.clients.len()].clone();
        let service = at / self.clients.len() % self.layout.services;
        let named = || Arc::from(service_name(service));
        Caller {
            arith: ArithClient::new(&client),
            client,
            service: (service > 0).then(named),
            what: order.what,
        }
    }

    /// Calls begin when they are due, which is when their time begins to count.
    fn call_at_a_rate(&self, order: &Order, book: &Book) {
        let Until::Millis(millis) = order.until else { return };
        let every = Duration::from_secs(1) / u32::try_from(order.a_second).unwrap_or(u32::MAX);
        let count = Duration::from_millis(millis).as_nanos() / every.as_nanos().max(1);
        let under_way = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut tasks = Vec::new();
        thread::scope(|scope| {
            let pace = scope.spawn(|| {
                for number in 0..count {
                    let due = began + every * number as u32;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    if under_way.load(Ordering::Relaxed) >= order.window {
                        book.write(
                            Duration::ZERO,
                            Err("more than the window are under way".into()),
                        );
                        continue;
                    }
                    under_way.fetch_add(1, Ordering::Relaxed);
                    let (caller, book) = (self.caller(0, order), book.clone());
                    let under_way = under_way.clone();
                    tasks.push(self.executor.spawn(async move {
                        let outcome = caller.call().await;
                        book.write(due.elapsed(), outcome);
                        under_way.fetch_sub(1, Ordering::Relaxed);
                    }));
                }
            });
            // It doesn't panic, and if it did, nothing would be counted.
            _ = pace.join();
        });
        self.executor.block_on(async {
            for task in tasks {
                task.await;
            }
        });
    }

    /// Lets so many calls wait, and tells how much more memory that takes. They go on waiting: the process is of no more use.
    fn wait_for_nobody(&mut self, window: usize, tasks: bool) -> Tally {
        let before = resident();
        let waiting = Arc::new(AtomicUsize::new(0));
        let client = &self.clients[0];
        let call = || {
            let call = client.call::<Value>("nobody", "add", &json!({ "a": 2.0, "b": 3.0 }));
            call.timeout(PATIENCE).into_future()
        };
        if tasks {
            for _ in 0..window {
                let (call, waiting) = (call(), waiting.clone());
                drop(self.executor.spawn(async move {
                    waiting.fetch_add(1, Ordering::Relaxed);
                    _ = call.await;
                    waiting.fetch_sub(1, Ordering::Relaxed);
                }));
            }
        } else {
            let mut calls: Vec<_> = (0..window).map(|_| call()).collect();
            let polled = waiting.clone();
            drop(self.executor.spawn(std::future::poll_fn(move |context| {
                let pending = calls.iter_mut().map(|call| Pin::new(call).poll(context));
                polled.store(pending.filter(Poll::is_pending).count(), Ordering::Relaxed);
                Poll::<()>::Pending
            })));
        }
        let began = Instant::now();
        while waiting.load(Ordering::Relaxed) < window && began.elapsed() < Duration::from_secs(20)
        {
            thread::sleep(Duration::from_millis(10));
        }
        // The store takes what it takes.
        thread::sleep(Duration::from_secs(1));
        let (grown, waiting) = (resident().saturating_sub(before), waiting.load(Ordering::Relaxed));
        let (calls, errors) = (waiting as u64, (window - waiting) as u64);
        Tally { calls, errors, grown_bytes: grown, ..Tally::default() }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.executor.block_on(async {
            for client in &self.clients {
                client.stop().await;
            }
            if let Some(server) = &self.server {
                server.stop().await;
            }
        });
    }
}
