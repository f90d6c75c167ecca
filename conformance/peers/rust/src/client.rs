//! The program as the client: JSON lines in, JSON lines out.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::thread;
use std::time::Duration;

use clamator_driver::{CallError, Client};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, select_biased};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use smol::channel::{Receiver, bounded};

/// How many lines may wait; a writer that is faster than Redis waits then.
const LINES: usize = 1024;

/// One line of input.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    op: String,
    #[serde(default)]
    tag: Value,
    #[serde(default)]
    method: String,
    params: Option<Box<RawValue>>,
    timeout_ms: Option<u64>,
}

/// One line of output.
#[derive(Debug, Default, Serialize)]
struct Answer {
    tag: Value,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    kind: &'static str,
    code: Option<i64>,
    message: String,
    data: Option<Value>,
}

/// Runs what comes in, all at once, until the input ends and everything has settled.
pub(crate) async fn converse(client: Client) -> Result<(), Box<dyn Error>> {
    client.start().await?;
    let lines = read_lines();
    let mut running = FuturesUnordered::new();
    loop {
        select_biased! {
            answer = running.select_next_some() => write(&answer)?,
            line = lines.recv().fuse() => match line {
                Err(_) => break,
                Ok(line) => match serde_json::from_slice::<Request>(&line?) {
                    Ok(request) if request.op == "barrier" => settle_all(&mut running).await?,
                    Ok(request) => running.push(settle(&client, request)),
                    Err(error) => write(&failed(Value::Null, "protocol", error.to_string()))?,
                }
            },
        }
    }
    settle_all(&mut running).await?;
    client.stop().await;
    Ok(())
}

/// A thread reads the lines, so that pipes, files and terminals all work as the input, on any runtime.
fn read_lines() -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = bounded(LINES);
    thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n') {
            if line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty()) {
                continue;
            }
            if sender.send_blocking(line).is_err() {
                break;
            }
        }
    });
    receiver
}

async fn settle_all<F: Future<Output = Answer>>(
    running: &mut FuturesUnordered<F>,
) -> io::Result<()> {
    while let Some(answer) = running.next().await {
        write(&answer)?;
    }
    Ok(())
}

async fn settle(client: &Client, request: Request) -> Answer {
    let Request { op, tag, method, params, timeout_ms } = request;
    let params = params.unwrap_or_else(|| RawValue::from_string("{}".into()).unwrap_or_default());
    match op.as_str() {
        "call" => {
            let mut call = client.call::<Box<RawValue>>("conf", &method, &params);
            if let Some(ms) = timeout_ms {
                call = call.timeout(Duration::from_millis(ms));
            }
            match call.await {
                Ok(result) => Answer { tag, ok: true, result: Some(result), failure: None },
                Err(error) => refused(tag, error),
            }
        }
        "notify" => match client.notify("conf", &method, &params).await {
            Ok(()) => Answer { tag, ok: true, ..Answer::default() },
            Err(error) => refused(tag, error),
        },
        _ => failed(tag, "protocol", format!("unknown op {op:?}")),
    }
}

fn refused(tag: Value, error: CallError) -> Answer {
    let kind = match &error {
        CallError::Rpc(error) => {
            let mut answer = failed(tag, "rpc", error.message.clone());
            if let Some(failure) = &mut answer.failure {
                failure.code = Some(error.code);
                failure.data.clone_from(&error.data);
            }
            return answer;
        }
        CallError::Timeout { .. } => "timeout",
        CallError::Protocol { .. } | CallError::Misuse(_) => "protocol",
        _ => "transport",
    };
    failed(tag, kind, error.to_string())
}

fn failed(tag: Value, kind: &'static str, message: String) -> Answer {
    let failure = Failure { kind, code: None, message, data: None };
    Answer { tag, ok: false, result: None, failure: Some(failure) }
}

fn write(answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}
