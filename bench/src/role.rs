//! The processes that are measured: a client or a server, of one contender.
//!
//! Under control they are told what to do by lines on their standard input, and end with it. By hand, a client carries out one
//! order and prints what became of it, and a server runs until it is killed.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::contender::Contender;
use crate::floor;
use crate::order::{Order, Tally};
use crate::ours::{self, Executor, Layout};
use crate::rivals::{by_hand, nats, nats_tokio};

/// What a process is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Role {
    pub(crate) kind: Kind,
    pub(crate) contender: Contender,
    pub(crate) url: String,
    pub(crate) prefix: String,
    pub(crate) layout: Layout,
    /// Lines on standard input say what to do.
    pub(crate) controlled: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Server,
    /// With what it does without control.
    Client(Order),
}

/// What a process says when it serves, or may call.
pub(crate) const READY: &str = "READY";

pub(crate) fn run(role: &Role) -> Result<(), String> {
    match &role.kind {
        Kind::Server => serve(role),
        Kind::Client(order) => {
            let mut client = Client::connect(role)?;
            if role.controlled { carry_out(&mut client) } else { tell(&client.run(order)?) }
        }
    }
}

fn serve(role: &Role) -> Result<(), String> {
    let controlled = role.controlled;
    let end = move || if controlled { wait_for_the_end() } else { sleep_for_ever() };
    let (url, prefix) = (role.url.as_str(), role.prefix.as_str());
    if let Some(executor) = executor(role.contender)? {
        return ours::serve(&executor, (url, prefix), &role.layout, say_ready, end);
    }
    // The others end with their process.
    thread::spawn(move || {
        end();
        std::process::exit(0);
    });
    match role.contender {
        Contender::ByHand => by_hand::serve(url, prefix, say_ready),
        Contender::Nats => nats::serve(address(url), prefix, say_ready).map_err(|e| e.to_string()),
        Contender::NatsTokio => {
            nats_tokio::serve(address(url), prefix, say_ready).map_err(|e| e.to_string())
        }
        Contender::Floor => {
            floor::server::serve(address(url), prefix, say_ready).map_err(|e| e.to_string())
        }
        other => Err(format!("{other} is another program")),
    }
}

/// That of this project's own.
fn executor(contender: Contender) -> Result<Option<Executor>, String> {
    Ok(match contender {
        Contender::OursTokio | Contender::OursTokioOneTask => Some(Executor::tokio()?),
        Contender::OursTokioOne => Some(Executor::tokio_of_one_thread()?),
        Contender::OursSmol => Some(Executor::Smol),
        Contender::OursAsyncStd => Some(Executor::AsyncStd),
        Contender::OursMemory => Some(Executor::memory()?),
        _ => None,
    })
}

enum Client {
    Floor(floor::client::Client),
    Ours(ours::Client),
    ByHand(by_hand::Client),
    Nats(nats::Client),
    NatsTokio(nats_tokio::Client),
}

impl Client {
    fn connect(role: &Role) -> Result<Client, String> {
        let (url, prefix) = (role.url.as_str(), role.prefix.as_str());
        if let Some(executor) = executor(role.contender)? {
            let mut layout = role.layout.clone();
            layout.one_task |= role.contender == Contender::OursTokioOneTask;
            return ours::Client::connect(executor, (url, prefix), layout).map(Client::Ours);
        }
        match role.contender {
            Contender::ByHand => by_hand::Client::connect(url, prefix).map(Client::ByHand),
            Contender::Nats => nats::Client::connect(address(url), prefix)
                .map(Client::Nats)
                .map_err(|e| e.to_string()),
            Contender::NatsTokio => {
                let client = nats_tokio::Client::connect(address(url), prefix);
                client.map(Client::NatsTokio).map_err(|e| e.to_string())
            }
            Contender::Floor => {
                let client = floor::client::Client::connect(address(url), prefix);
                client.map(Client::Floor).map_err(|e| e.to_string())
            }
            other => Err(format!("{other} is another program")),
        }
    }

    fn run(&mut self, order: &Order) -> Result<Tally, String> {
        match self {
            Client::Floor(client) => client.run(order).map_err(|e| e.to_string()),
            Client::Nats(client) => client.run(order).map_err(|e| e.to_string()),
            Client::Ours(client) => Ok(client.run(order)),
            Client::ByHand(client) => Ok(client.run(order)),
            Client::NatsTokio(client) => Ok(client.run(order)),
        }
    }
}

/// Carries out an order a line. Without anybody to give orders it ends, at once if one is under way.
fn carry_out(client: &mut Client) -> Result<(), String> {
    let (sender, lines) = mpsc::channel();
    let open = Arc::new(AtomicUsize::new(0));
    let read = open.clone();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            read.fetch_add(1, Ordering::SeqCst);
            if sender.send(line).is_err() {
                return;
            }
        }
        if read.load(Ordering::SeqCst) > 0 {
            std::process::exit(1);
        }
    });
    say_ready();
    for line in lines {
        let order = serde_json::from_str(&line).map_err(|e| format!("{line}: {e}"))?;
        tell(&client.run(&order)?)?;
        open.fetch_sub(1, Ordering::SeqCst);
    }
    Ok(())
}

fn tell(tally: &Tally) -> Result<(), String> {
    say(&serde_json::to_string(tally).map_err(|e| e.to_string())?);
    Ok(())
}

fn say_ready() {
    say(READY);
}

/// If nobody listens any more, the input has ended, too.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn wait_for_the_end() {
    std::io::stdin().lock().lines().map_while(Result::ok).for_each(drop);
}

fn sleep_for_ever() {
    loop {
        thread::park();
    }
}

/// `host:port` of an URL.
fn address(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, address)| address)
}
