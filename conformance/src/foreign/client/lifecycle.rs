//! The end of a client, what it leaves, and lost connections.

use serde_json::json;

use super::{Calling, reply};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::server::CONF;
use crate::foreign::site::{Bench, Deadline, PATIENCE, check, same};
use crate::foreign::store::Store;

cases! { CASES: Client "lifecycle" Own;
    Must [] a_client_settles_everything_before_it_ends,
    Must ["C9"] a_client_that_stops_deletes_its_reply_stream,
    Must ["K2", "K6"] two_clients_have_streams_of_their_own,
    Must ["K4"] the_prefix_is_taken_literally,
    Must ["U9"] a_reply_stream_that_was_deleted_goes_on,
}

// These need all connections, or all counters, of a Redis.
cases! { EXCLUSIVE: Client "lifecycle" Exclusive;
    Must ["U9"] a_reply_after_a_lost_connection_arrives,
    Should ["U9"] a_reply_in_a_store_that_came_back_empty_arrives,
    Must ["U1"] a_request_is_not_sent_again,
    Should ["C1"] a_call_waits_for_its_first_server,
}

fn a_client_settles_everything_before_it_ends(bench: &Bench) -> Outcome {
    let mut calling = Calling::start(bench)?;
    let tag = calling.call("echo", json!({"value": 1}))?;
    let request = calling.request()?;
    calling.client.close_input();
    calling.answer(&request, r#""result":{"value":1}"#)?;
    calling.result(tag)?;
    ends_cleanly(calling.client, calling.deadline)
}

fn ends_cleanly(client: crate::foreign::process::ClientProcess, deadline: Deadline) -> Outcome {
    same("the exit code", client.finish(deadline)?, Some(0))
}

fn a_client_that_stops_deletes_its_reply_stream(bench: &Bench) -> Outcome {
    let mut calling = Calling::start(bench)?;
    let tag = calling.call("echo", json!({"value": 1}))?;
    let request = calling.request()?;
    calling.answer(&request, r#""result":{"value":1}"#)?;
    calling.result(tag)?;
    let reply_to = request.reply_to.unwrap_or_default();
    ends_cleanly(calling.client, calling.deadline)?;
    let left = calling.store.int(&["EXISTS", &reply_to])?;
    same(&format!("reply streams {reply_to:?} that are left"), left, 0)
}

fn two_clients_have_streams_of_their_own(bench: &Bench) -> Outcome {
    let mut one = Calling::start(bench)?;
    let mut two = bench.start_client(&one.prefix, None)?;
    let op = || json!({"op": "call", "method": "seen", "params": {}, "timeoutMs": 60_000});
    let first = one.client.send(op())?;
    let of_one = one.request()?;
    let second = two.send(op())?;
    let of_two = one.request()?;
    check(of_one.reply_to != of_two.reply_to, || format!("both have {:?}", of_one.reply_to))?;
    // The other's reply in one's own stream is nobody's.
    let misled = reply(&of_two, r#""result":"wrong""#)?;
    one.append(&of_one, &[vec![("type", b"rpc"), ("envelope", misled.as_bytes())]])?;
    one.answer(&of_two, r#""result":"two""#)?;
    one.answer(&of_one, r#""result":"one""#)?;
    same("the first one's result", one.result(first)?, json!("one"))?;
    same("the other one's result", &two.settled(second, one.deadline)?["result"], &json!("two"))
}

fn the_prefix_is_taken_literally(bench: &Bench) -> Outcome {
    let prefix = format!("{}/a b:{{c}}:*?[é]", bench.prefix());
    let mut calling = Calling::start_at(bench, prefix, None)?;
    let tag = calling.call("echo", json!({"value": 1}))?;
    let request = calling.request()?;
    let beginning = format!("{}:replies:", calling.prefix);
    check(request.reply_to.as_ref().is_some_and(|it| it.starts_with(&beginning)), || {
        format!("reply-to is {:?}", request.reply_to)
    })?;
    calling.answer(&request, r#""result":null"#)?;
    calling.result(tag).map(drop)
}

fn a_reply_stream_that_was_deleted_goes_on(bench: &Bench) -> Outcome {
    let mut calling = Calling::start(bench)?;
    calling.works()?;
    let tag = calling.call("echo", json!({"value": 1}))?;
    let request = calling.request()?;
    let reply_to = request.reply_to.clone().unwrap_or_default();
    calling.store.command(&["DEL", &reply_to])?;
    calling.answer(&request, r#""result":{"value":1}"#)?;
    same("the result", calling.result(tag)?, json!({"value": 1}))?;
    calling.works()
}

/// How often the command was run on this Redis.
fn calls_of(store: &mut Store, command: &str) -> Outcome<u64> {
    let stats = store.command(&["INFO", "commandstats"])?;
    let stats = String::from_utf8_lossy(stats.as_bytes()).into_owned();
    let line = stats.lines().find_map(|it| it.strip_prefix(&format!("cmdstat_{command}:calls=")));
    Ok(line.and_then(|it| it.split(',').next()?.parse().ok()).unwrap_or(0))
}

fn a_call_waits_for_its_first_server(bench: &Bench) -> Outcome {
    let mut calling = Calling::without_server(bench, bench.prefix(), None)?;
    let before = calls_of(&mut calling.store, "xadd")?;
    let tag = calling.call("echo", json!({"value": 1}))?;
    let deadline = calling.deadline;
    deadline.until("the client's first attempt", || {
        Ok(calls_of(&mut calling.store, "xadd")? > before)
    })?;
    // As every implementation but this project's makes its group.
    calling.make_group()?;
    let patience = calling.deadline.within(PATIENCE);
    let Some(request) = calling.request_before(patience)? else {
        return Err("it was sent where no server would ever read it".to_owned());
    };
    calling.answer(&request, r#""result":{"value":1}"#)?;
    same("the result", calling.result(tag)?, json!({"value": 1}))
}

const KILL: [&str; 6] = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];

fn a_reply_after_a_lost_connection_arrives(bench: &Bench) -> Outcome {
    let mut calling = Calling::start(bench)?;
    calling.works()?;
    let tag = calling.call("echo", json!({"value": 1}))?;
    let request = calling.request()?;
    calling.store.command(&KILL)?;
    calling.answer(&request, r#""result":{"value":1}"#)?;
    same("the result", calling.result(tag)?, json!({"value": 1}))?;
    calling.works()
}

fn a_reply_in_a_store_that_came_back_empty_arrives(bench: &Bench) -> Outcome {
    let mut calling = Calling::start(bench)?;
    calling.works()?;
    let tag = calling.call_within("echo", json!({"value": 1}), 4000)?;
    let request = calling.request()?;
    let reply_to = request.reply_to.clone().unwrap_or_default();
    calling.store.command(&["DEL", &reply_to])?;
    calling.store.command(&KILL)?;
    // Its clock may have been set back, too: ids begin below those that the client has read.
    let envelope = reply(&request, r#""result":{"value":1}"#)?;
    let words = ["XADD", &reply_to, "1-1", "type", "rpc", "envelope", &envelope];
    calling.store.command(&words)?;
    same("the result", calling.result(tag)?, json!({"value": 1}))
}

fn a_request_is_not_sent_again(bench: &Bench) -> Outcome {
    let mut calling = Calling::start(bench)?;
    calling.works()?;
    let tag = calling.call("push", json!({"item": 1}))?;
    let request = calling.request()?;
    calling.store.command(&KILL)?;
    // Whoever would send it again has done so once it is seen to be connected again and well.
    calling.answer(&request, r#""result":{"items":[1]}"#)?;
    calling.result(tag)?;
    let next = calling.call("push", json!({"item": 2}))?;
    let request = calling.request()?;
    same("the next request's item", request.params["item"].as_f64(), Some(2.0))?;
    calling.answer(&request, r#""result":{"items":[1,2]}"#)?;
    calling.result(next)?;
    let stream = calling.stream();
    let more = calling.store.read_group(&stream, CONF, PATIENCE / 10)?;
    same("further requests", more.len(), 0)
}
