//! NATS' request and reply as client libraries make it: on tokio, a task that writes what has gathered, one that reads, a waiter for
//! each call, JSON read and written. This is what a user of NATS gets; `nats` is what the protocol allows.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use crate::order::{Order, Permits, Tally, Times};
use crate::ours::Sum;

/// So many messages wait to be written at most.
const QUEUE: usize = 2048;

#[derive(Serialize, Deserialize)]
struct Operands {
    a: f64,
    b: f64,
}

struct Message {
    subject: String,
    reply_to: String,
    body: Vec<u8>,
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Vec<u8>>>>>;

#[derive(Clone)]
struct Caller {
    out: mpsc::Sender<Vec<u8>>,
    waiting: Waiting,
    made: Arc<AtomicU64>,
    /// How the subjects of replies begin.
    inbox: Arc<str>,
    subject: Arc<str>,
}

pub(crate) struct Client {
    runtime: Runtime,
    caller: Caller,
}

impl Client {
    pub(crate) fn connect(address: &str, prefix: &str) -> io::Result<Client> {
        let runtime = Runtime::new()?;
        let caller = runtime.block_on(Caller::connect(address, prefix))?;
        Ok(Client { runtime, caller })
    }

    pub(crate) fn run(&mut self, order: &Order) -> Tally {
        let permits = Arc::new(Permits::of(order));
        let times = Arc::new(Mutex::new(Times::new()));
        let began = Instant::now();
        self.runtime.block_on(async {
            let callers = (0..order.window).map(|_| {
                let caller = self.caller.clone();
                tokio::spawn(caller.call_in_a_loop(permits.clone(), times.clone()))
            });
            for caller in callers.collect::<Vec<_>>() {
                if let Err(error) = caller.await {
                    lock(&times).fail(error);
                }
            }
        });
        let times = std::mem::take(&mut *lock(&times));
        times.tally(began)
    }
}

impl Caller {
    async fn connect(address: &str, prefix: &str) -> io::Result<Caller> {
        let inbox: Arc<str> = format!("_INBOX.{prefix}.").into();
        let (mut reader, out) = open(address, &format!("{inbox}*")).await?;
        let waiting = Waiting::default();
        let caller = Caller {
            out: out.clone(),
            waiting: waiting.clone(),
            made: Arc::default(),
            inbox: inbox.clone(),
            subject: subject(prefix).into(),
        };
        tokio::spawn(async move {
            while let Ok(message) = receive(&mut reader, &out).await {
                let token = message.subject.strip_prefix(&*inbox).and_then(|it| it.parse().ok());
                if let Some(sender) = token.and_then(|token| lock(&waiting).remove(&token)) {
                    // Its caller may be gone.
                    _ = sender.send(message.body);
                }
            }
            lock(&waiting).clear();
        });
        Ok(caller)
    }

    async fn call_in_a_loop(self, permits: Arc<Permits>, times: Arc<Mutex<Times>>) {
        let mut began = Instant::now();
        while permits.take(began) {
            let outcome = self.add(2.0, 3.0).await;
            let now = Instant::now();
            match outcome {
                Ok(5.0) => lock(&times).record(now - began),
                Ok(other) => lock(&times).fail(other),
                Err(error) => lock(&times).fail(error),
            }
            began = now;
        }
    }

    async fn add(&self, a: f64, b: f64) -> Result<f64, String> {
        let token = self.made.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        lock(&self.waiting).insert(token, sender);
        let body = serde_json::to_vec(&Operands { a, b }).map_err(|e| e.to_string())?;
        let message = publish(&self.subject, &format!("{}{token}", self.inbox), &body);
        self.out.send(message).await.map_err(|e| e.to_string())?;
        let reply = reply.await.map_err(|e| e.to_string())?;
        let sum: Sum = serde_json::from_slice(&reply).map_err(|e| e.to_string())?;
        Ok(sum.sum)
    }
}

/// Serves until the connection is lost.
pub(crate) fn serve(address: &str, prefix: &str, ready: impl FnOnce()) -> io::Result<()> {
    Runtime::new()?.block_on(async {
        let (mut reader, out) = open(address, &subject(prefix)).await?;
        ready();
        loop {
            let message = receive(&mut reader, &out).await?;
            let it: Operands = serde_json::from_slice(&message.body)?;
            let body = serde_json::to_vec(&Sum { sum: it.a + it.b })?;
            let reply = publish(&message.reply_to, "", &body);
            out.send(reply).await.map_err(io::Error::other)?;
        }
    })
}

fn subject(prefix: &str) -> String {
    format!("{prefix}.arith.add")
}

fn publish(subject: &str, reply_to: &str, body: &[u8]) -> Vec<u8> {
    let space = if reply_to.is_empty() { "" } else { " " };
    let mut message = format!("PUB {subject} {reply_to}{space}{}\r\n", body.len()).into_bytes();
    message.extend_from_slice(body);
    message.extend_from_slice(b"\r\n");
    message
}

/// Connects and subscribes. What is sent on the channel is written, all that is there at once.
async fn open(
    address: &str,
    subject: &str,
) -> io::Result<(BufReader<OwnedReadHalf>, mpsc::Sender<Vec<u8>>)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let hello = r#"CONNECT {"verbose":false,"pedantic":false,"lang":"rust","version":"0"}"#;
    let hello = format!("{hello}\r\nSUB {subject} 1\r\nPING\r\n");
    writer.write_all(hello.as_bytes()).await?;
    let mut reader = BufReader::with_capacity(64 * 1024, reader);
    let mut line = String::new();
    while line != "PONG\r\n" {
        line.clear();
        if reader.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let (out, messages) = mpsc::channel(QUEUE);
    tokio::spawn(write(writer, messages));
    Ok((reader, out))
}

async fn write(mut writer: OwnedWriteHalf, mut messages: mpsc::Receiver<Vec<u8>>) {
    let (mut gathered, mut bytes) = (Vec::new(), Vec::new());
    while messages.recv_many(&mut gathered, QUEUE).await > 0 {
        bytes.clear();
        gathered.drain(..).for_each(|message| bytes.extend_from_slice(&message));
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn receive(
    reader: &mut BufReader<OwnedReadHalf>,
    out: &mpsc::Sender<Vec<u8>>,
) -> io::Result<Message> {
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (subject, reply_to, length) = match words[..] {
            ["MSG", subject, _, length] => (subject, "", length),
            ["MSG", subject, _, reply_to, length] => (subject, reply_to, length),
            ["PING"] => {
                out.send(b"PONG\r\n".to_vec()).await.map_err(io::Error::other)?;
                continue;
            }
            _ => continue,
        };
        let length: usize = length.parse().map_err(io::Error::other)?;
        let mut body = vec![0; length + 2];
        reader.read_exact(&mut body).await?;
        body.truncate(length);
        return Ok(Message { subject: subject.to_owned(), reply_to: reply_to.to_owned(), body });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
