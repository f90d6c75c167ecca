//! A client, and its callers.

use std::future::Future;
use std::time::Duration;

use clamator_driver::{CallError, Client, ClientBuilder, Misuse};
use futures_util::future::{Either, select};

use super::handler::Params;
use super::{PREFIX, Process};
use crate::event::{CallId, Event, Told};
use crate::plan::{BACKOFF_MAX, BACKOFF_MIN, NOTE_TIMEOUT, RESPONSE_TIMEOUT};

pub(super) async fn live(mut process: Process, at: usize) {
    match build(&mut process) {
        Ok(client) => {
            let (caller, own) = (process.clone(), client.clone());
            let calls = async move { make_calls(&caller, &own, at).await };
            call_until_told(&process, &client, calls).await;
        }
        Err(error) => process.watch.violate("a client can be made", error.into()),
    }
}

/// Starts, lets calls be made, and stops when it is told to.
pub(super) async fn call_until_told(
    process: &Process,
    client: &Client,
    calls: impl Future<Output = ()>,
) {
    let life = process.life;
    let own = client.clone();
    process.gauge.reads(move || own.load());
    let mut told = process.order.told();
    loop {
        let starting = Box::pin(client.start());
        match select(starting, &mut told).await {
            Either::Left((Ok(()), _)) => break,
            Either::Left((Err(_), _)) => process.host.sleep(Duration::from_millis(100)).await,
            Either::Right((grace, starting)) => {
                drop(starting);
                return stop(process, client, grace).await;
            }
        }
    }
    process.watch.see(&Event::Up { life });
    let grace = match select(Box::pin(calls), &mut told).await {
        Either::Left(((), _)) => told.await,
        Either::Right((grace, _)) => grace,
    };
    stop(process, client, grace).await;
}

pub(super) async fn stop(process: &Process, client: &Client, grace: Duration) {
    let life = process.life;
    process.gauge.reads_nothing();
    process.watch.see(&Event::Stopping { life, grace: grace.as_nanos() as u64 });
    let report = client.stop_within(grace).await;
    process.watch.see(&Event::Stopped { life, report });
}

pub(super) fn build(process: &mut Process) -> Result<Client, String> {
    ClientBuilder::with(PREFIX, process.host.clone(), process.net.link(process.life))
        .instance_id(process.instance.clone())
        .default_timeout(Duration::from_nanos(NOTE_TIMEOUT))
        .reply_stream_max_len(process.plan.reply_max_len)
        .response_timeout(RESPONSE_TIMEOUT)
        .reconnect_backoff(BACKOFF_MIN, BACKOFF_MAX)
        .seed(process.dice.seed())
        .build()
        .map_err(|error| error.to_string())
}

/// Makes the client's calls when they are due; those that were due before it began are never made.
async fn make_calls(process: &Process, client: &Client, at: usize) {
    let began = process.host.stage().now();
    let calls = process.plan.calls.iter().enumerate();
    for (number, plan) in
        calls.filter(|(_, plan)| plan.client == at && plan.at >= began && !plan.skipped)
    {
        // Its own clock may jump meanwhile.
        while let Some(left) = plan.at.checked_sub(process.host.stage().now()).filter(|it| *it > 0)
        {
            process.host.sleep(Duration::from_nanos(left)).await;
        }
        let (process, client) = (process.clone(), client.clone());
        let host = process.host.clone();
        clamator_driver::Runtime::spawn(&host, async move {
            make_call(&process, &client, number as CallId).await;
        });
    }
}

pub(super) async fn make_call(process: &Process, client: &Client, number: CallId) {
    let (life, plan) = (process.life, &process.plan.calls[number as usize]);
    process.watch.book(|book| {
        let now = book.now;
        let call = &mut book.calls[number as usize];
        (call.life, call.at, call.made) = (life, now, true);
    });
    process.watch.see(&Event::Called { life, call: number });
    process.watch.count(1);
    let service = &process.plan.services[plan.service].name;
    let params = Params { n: number, key: plan.key };
    let timeout = Duration::from_nanos(plan.timeout);
    let call = async {
        if plan.notification {
            let note = client.notify(service, "note", &params);
            note.await.map_or_else(|error| told(&error), |()| Told::Queued)
        } else {
            let call = client.call::<CallId>(service, "run", &params).timeout(timeout);
            let answered = |result| Told::Answered { right: result == number };
            call.await.map_or_else(|error| told(&error), answered)
        }
    };
    let outcome = match plan.forgotten_after {
        None => Some(call.await),
        Some(after) => {
            let forget = process.host.sleep(Duration::from_nanos(after));
            match select(Box::pin(call), Box::pin(forget)).await {
                Either::Left((told, _)) => Some(told),
                Either::Right(_) => None,
            }
        }
    };
    match outcome {
        Some(told) => process.watch.see(&Event::Settled { call: number, told }),
        None => process.watch.see(&Event::Forgotten { call: number }),
    }
}

fn told(error: &CallError) -> Told {
    match error {
        CallError::Rpc(error) if error.code == -32001 => Told::Failed,
        CallError::Rpc(error) if error.code == -32603 => {
            let name = error.data.as_ref().and_then(|data| data["name"].as_str());
            if name == Some("DeliveryLimit") { Told::GivenUp } else { Told::Failed }
        }
        CallError::Timeout { .. } => Told::Timeout,
        CallError::Transport { may_have_executed, .. } => {
            Told::Lost { may_have_executed: *may_have_executed }
        }
        CallError::NoSuchService { .. } => Told::NoService,
        CallError::Misuse(Misuse::Reentrant { .. }) => Told::Reentrant,
        CallError::Refused(_) => Told::Refused,
        CallError::TooManyCalls { .. } => Told::TooMany,
        CallError::Stopped { .. } | CallError::Ended => Told::Stopped,
        _ => Told::Strange,
    }
}
