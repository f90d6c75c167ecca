//! A server as the other implementations are: it reads 16 requests at a time, runs them one after the other, renews nothing, trims
//! nothing, takes over from the beginning, which counts as a delivery of each entry, and makes no group anew.

use std::time::Duration;

use clamator_core::{
    Command, Entry, GroupStart, Key, Lane, Name, Outcome, Reply, StopReport, StreamId,
};
use clamator_driver::{Connection, Link, Runtime as _};
use futures_util::future::{Either, select};

use super::handler::handle;
use super::{PREFIX, Process};
use crate::event::Event;
use crate::net::SimLink;
use crate::request;

pub(super) async fn live(process: Process) {
    let life = process.life;
    let mut told = process.order.told();
    let grace = match select(Box::pin(serve(process.clone())), &mut told).await {
        Either::Left(((), _)) => told.await,
        Either::Right((grace, _)) => grace,
    };
    process.watch.see(&Event::Stopping { life, grace: grace.as_nanos() as u64 });
    process.watch.see(&Event::Stopped { life, report: StopReport::default() });
}

async fn serve(process: Process) {
    let link = process.net.link(process.life);
    let name = Name::from(process.plan.services[0].name.as_str());
    let stream = Key::from(format!("{PREFIX}:cmds:{name}").as_str());
    let consumer = Name::from(format!("{name}:{}", process.instance));
    loop {
        if let Some((mut reader, mut writer)) = connect(&link, &process).await {
            let create = Command::CreateGroup {
                stream: stream.clone(),
                group: name.clone(),
                start: GroupStart::End,
            };
            ask(&mut writer, create).await;
            process.watch.see(&Event::Up { life: process.life });
            let idle = Duration::from_nanos(process.plan.claim_idle);
            let mut claim_at = process.host.now() + (idle / 4).max(Duration::from_secs(1));
            loop {
                let read = Command::ReadGroup {
                    stream: stream.clone(),
                    group: name.clone(),
                    consumer: consumer.clone(),
                    count: 16,
                    block: Duration::from_secs(1),
                };
                let mut found = match ask(&mut reader, read).await {
                    Outcome::Reply(Reply::Entries(entries)) => entries,
                    Outcome::Refused(_) => {
                        process.host.sleep(Duration::from_millis(100)).await;
                        Vec::new()
                    }
                    _ => break,
                };
                if claim_at <= process.host.now() {
                    claim_at = process.host.now() + (idle / 4).max(Duration::from_secs(1));
                    let claim = Command::AutoClaim {
                        stream: stream.clone(),
                        group: name.clone(),
                        consumer: consumer.clone(),
                        min_idle: idle,
                        cursor: StreamId::MIN,
                        count: 32,
                    };
                    if let Outcome::Reply(Reply::Claimed { entries, .. }) =
                        ask(&mut writer, claim).await
                    {
                        found.extend(entries);
                    }
                }
                for entry in found {
                    serve_one(&process, &mut writer, &stream, &name, entry).await;
                }
            }
        }
        process.host.sleep(Duration::from_millis(100)).await;
    }
}

async fn connect(
    link: &SimLink,
    process: &Process,
) -> Option<(impl Connection + use<>, impl Connection + use<>)> {
    let reader = link.connect(&process.host, Lane::Reader(0)).await.ok()?;
    let writer = link.connect(&process.host, Lane::Commands).await.ok()?;
    Some((reader, writer))
}

async fn ask(connection: &mut impl Connection, command: Command) -> Outcome {
    let lost = || Outcome::Unknown(crate::net::fault("no answer"));
    connection.run(vec![command]).await.pop().unwrap_or_else(lost)
}

async fn serve_one(
    process: &Process,
    writer: &mut impl Connection,
    stream: &Key,
    group: &Name,
    entry: Entry,
) {
    let fields = entry.fields.unwrap_or_default();
    let call = request::envelope(&fields).and_then(request::number);
    if let Some(call) = call {
        use futures_util::FutureExt as _;
        let handling = std::panic::AssertUnwindSafe(handle(process, None, call, entry.id, 1));
        let result = handling.catch_unwind().await;
        let reply_to = fields.iter().find(|(name, _)| name.as_ref() == b"reply-to");
        let id = request::envelope(&fields).and_then(request::id_text);
        if let (Some((_, reply_to)), Some(id)) = (reply_to, id) {
            let body = match result {
                Ok(Ok(result)) => format!(r#""result":{result}"#),
                Ok(Err(error)) => {
                    format!(
                        r#""error":{{"code":{},"message":"as planned","data":null}}"#,
                        error.code
                    )
                }
                Err(_) => {
                    r#""error":{"code":-32603,"message":"Internal error","data":null}"#.to_owned()
                }
            };
            let envelope = format!(r#"{{"jsonrpc":"2.0","id":"{id}",{body}}}"#);
            let append = Command::Append {
                stream: Key::from(String::from_utf8_lossy(reply_to).as_ref()),
                fields: vec![("type".into(), "rpc".into()), ("envelope".into(), envelope.into())],
                max_len: Some(process.plan.reply_max_len),
                create: true,
            };
            if !matches!(ask(writer, append).await, Outcome::Reply(_)) {
                return;
            }
        }
    }
    let ack = Command::Ack { stream: stream.clone(), group: group.clone(), ids: vec![entry.id] };
    ask(writer, ack).await;
}
