//! What a Rust user writes by hand with the `redis` crate: its multiplexed connection on tokio, one command for each call, a task
//! that reads replies, a loop that serves. Nothing is lost on purpose, and nothing is batched that the crate doesn't batch by itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::streams::{StreamId, StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, AsyncConnectionConfig, IntoConnectionInfo, RedisResult};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::order::{Order, Permits, Tally, Times};

const COUNT: usize = 128;
const BLOCK_MILLIS: usize = 5000;
const REPLIES_KEPT: usize = 1024;

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Value>>>>;

/// A client; its clones share everything.
#[derive(Clone)]
struct Caller {
    commands: MultiplexedConnection,
    requests: String,
    replies: String,
    waiting: Waiting,
    made: Arc<AtomicU64>,
}

pub(crate) struct Client {
    runtime: Runtime,
    caller: Caller,
}

impl Client {
    pub(crate) fn connect(url: &str, prefix: &str) -> Result<Client, String> {
        let runtime = Runtime::new().map_err(|e| e.to_string())?;
        let caller = runtime.block_on(Caller::connect(url, prefix)).map_err(|e| e.to_string())?;
        Ok(Client { runtime, caller })
    }

    pub(crate) fn run(&mut self, order: &Order) -> Tally {
        let permits = Arc::new(Permits::of(order));
        let times = Arc::new(Mutex::new(Times::new()));
        let began = Instant::now();
        self.runtime.block_on(async {
            let callers = (0..order.window).map(|_| {
                let (caller, permits, times) =
                    (self.caller.clone(), permits.clone(), times.clone());
                tokio::spawn(caller.call_in_a_loop(permits, times))
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
    async fn connect(url: &str, prefix: &str) -> RedisResult<Caller> {
        let caller = Caller {
            commands: connect(url).await?,
            requests: format!("{prefix}:cmds:arith"),
            replies: format!("{prefix}:replies:by-hand"),
            waiting: Waiting::default(),
            made: Arc::default(),
        };
        let connection = connect(url).await?;
        let (replies, waiting) = (caller.replies.clone(), caller.waiting.clone());
        tokio::spawn(async move {
            if let Err(error) = read_replies(connection, replies, waiting).await {
                eprintln!("the reader of replies has ended: {error}");
            }
        });
        Ok(caller)
    }

    async fn call_in_a_loop(mut self, permits: Arc<Permits>, times: Arc<Mutex<Times>>) {
        let mut began = Instant::now();
        while permits.take(began) {
            let outcome = self.add(2.0, 3.0).await;
            let now = Instant::now();
            match outcome {
                Ok(sum) if sum == json!(5.0) => lock(&times).record(now - began),
                Ok(other) => lock(&times).fail(other),
                Err(error) => lock(&times).fail(error),
            }
            began = now;
        }
    }

    async fn add(&mut self, a: f64, b: f64) -> Result<Value, String> {
        let id =
            format!("00000000-0000-4000-8000-{:012x}", self.made.fetch_add(1, Ordering::Relaxed));
        let envelope = json!({
            "jsonrpc": "2.0", "method": "arith.add", "params": { "a": a, "b": b }, "id": id,
        });
        let (sender, reply) = oneshot::channel();
        lock(&self.waiting).insert(id, sender);
        let fields =
            [("type", "rpc"), ("envelope", &envelope.to_string()), ("reply-to", &self.replies)];
        let added: RedisResult<String> = self.commands.xadd(&self.requests, "*", &fields).await;
        added.map_err(|e| e.to_string())?;
        let mut reply = reply.await.map_err(|e| e.to_string())?;
        Ok(reply["result"]["sum"].take())
    }
}

async fn read_replies(
    mut connection: MultiplexedConnection,
    replies: String,
    waiting: Waiting,
) -> RedisResult<()> {
    let options = StreamReadOptions::default().block(BLOCK_MILLIS).count(COUNT);
    let mut last = "0".to_owned();
    loop {
        let read: Option<StreamReadReply> =
            connection.xread_options(&[&replies], &[&last], &options).await?;
        for entry in entries(read) {
            if let Some(envelope) = envelope(&entry)
                && let Some(id) = envelope["id"].as_str()
                && let Some(sender) = lock(&waiting).remove(id)
            {
                // Its caller may be gone.
                _ = sender.send(envelope);
            }
            last = entry.id;
        }
    }
}

/// Serves until a connection is lost: one request after the other, its reply and its ack together.
pub(crate) fn serve(url: &str, prefix: &str, ready: impl FnOnce()) -> Result<(), String> {
    let runtime = Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(serve_requests(url, prefix, ready)).map_err(|e| e.to_string())
}

async fn serve_requests(url: &str, prefix: &str, ready: impl FnOnce()) -> RedisResult<()> {
    let (mut reader, mut writer) = (connect(url).await?, connect(url).await?);
    let stream = format!("{prefix}:cmds:arith");
    let _: () = writer.xgroup_create_mkstream(&stream, "arith", "0").await?;
    ready();
    let options = StreamReadOptions::default()
        .group("arith", "arith:by-hand")
        .block(BLOCK_MILLIS)
        .count(COUNT);
    loop {
        let read: Option<StreamReadReply> =
            reader.xread_options(&[&stream], &[">"], &options).await?;
        for entry in entries(read) {
            let mut pipeline = redis::pipe();
            if let (Some(request), Some(reply_to)) =
                (envelope(&entry), entry.get::<String>("reply-to"))
            {
                let number = |name: &str| request["params"][name].as_f64().unwrap_or(f64::NAN);
                let sum = number("a") + number("b");
                let reply =
                    json!({ "jsonrpc": "2.0", "id": request["id"], "result": { "sum": sum } });
                let fields = [("type", "rpc"), ("envelope", &reply.to_string())];
                let kept = redis::streams::StreamMaxlen::Approx(REPLIES_KEPT);
                pipeline.xadd_maxlen(reply_to, kept, "*", &fields).ignore();
            }
            pipeline.xack(&stream, "arith", &[&entry.id]).ignore();
            let _: () = pipeline.query_async(&mut writer).await?;
        }
    }
}

fn entries(read: Option<StreamReadReply>) -> impl Iterator<Item = StreamId> {
    read.into_iter().flat_map(|read| read.keys).flat_map(|key| key.ids)
}

fn envelope(entry: &StreamId) -> Option<Value> {
    serde_json::from_str(&entry.get::<String>("envelope")?).ok()
}

async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    // Without these, a call waits 40 ms for an acknowledgement now and then, and a read that blocks fails.
    let info = url.into_connection_info()?;
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    redis::Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
