//! The names of keys, groups and consumers, and where a group begins.

use clamator_testkit::{ServerOptions, Value};

use super::{CONF, Served, request};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{Bench, check, same};
use crate::foreign::store::Store;

cases! { CASES: Server "keys and groups" Own;
    Must ["K1", "K3", "S1"] the_group_is_there_when_the_server_is_ready,
    Must ["K3", "K6"] the_consumer_is_named_after_service_and_instance,
    Must ["K4"] the_prefix_is_taken_literally,
    Must ["S1"] a_group_that_is_there_is_taken_as_it_is,
    Must ["S1", "K3"] two_servers_start_on_one_group,
    Should ["S2"] a_request_that_was_there_before_any_server_is_run,
}

fn names(lines: &[Value]) -> Vec<String> {
    lines.iter().filter_map(|line| Some(line.field("name")?.as_str().to_owned())).collect()
}

fn groups(store: &mut Store, stream: &str) -> Outcome<Vec<String>> {
    Ok(names(&store.info(&["XINFO", "GROUPS", stream])?))
}

fn the_group_is_there_when_the_server_is_ready(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    let stream = served.stream();
    same("the groups", groups(&mut served.store, &stream)?, vec![CONF.to_owned()])?;
    // So that a request that comes right then is not lost.
    served.result("add", r#"{"a":1,"b":2}"#).map(drop)
}

fn the_consumer_is_named_after_service_and_instance(bench: &Bench) -> Outcome {
    let options = ServerOptions { instance: Some("worker 7".into()), ..ServerOptions::default() };
    let mut served = Served::start_with(bench, &options)?;
    served.result("add", r#"{"a":1,"b":2}"#)?;
    let lines = served.store.info(&["XINFO", "CONSUMERS", &served.stream(), CONF])?;
    same("the consumers", names(&lines), vec!["conf:worker 7".to_owned()])
}

fn the_prefix_is_taken_literally(bench: &Bench) -> Outcome {
    let prefix = format!("{}/a b:{{c}}:*?[é]", bench.prefix());
    let mut served = Served::start_at(bench, prefix, &ServerOptions::default())?;
    served.result("add", r#"{"a":1,"b":2}"#).map(drop)
}

fn a_group_that_is_there_is_taken_as_it_is(bench: &Bench) -> Outcome {
    let (mut store, prefix) = (bench.connect()?, bench.prefix());
    let stream = format!("{prefix}:cmds:{CONF}");
    store.command(&["XGROUP", "CREATE", &stream, CONF, "$", "MKSTREAM"])?;
    // It waits for the first server, as it does when all servers of a pool are restarted.
    let reply_to = format!("{prefix}:replies:early");
    let envelope = request("push", r#"{"item":1}"#, "\"early\"");
    let fields = [("envelope", envelope.as_bytes()), ("reply-to", reply_to.as_bytes())];
    store.append(&stream, &fields)?;
    let mut served = Served::start_at(bench, prefix, &ServerOptions::default())?;
    served.reply_to = reply_to;
    served.reply_to("\"early\"")?.result()?;
    let items = served.result("push", r#"{"item":2}"#)?;
    same("how many were pushed", items["items"].as_array().map(Vec::len), Some(2))
}

fn two_servers_start_on_one_group(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    let _second = bench.start_server(&served.prefix, &ServerOptions::default())?;
    let stream = served.stream();
    same("the groups", groups(&mut served.store, &stream)?, vec![CONF.to_owned()])?;
    served.result("add", r#"{"a":1,"b":2}"#).map(drop)
}

fn a_request_that_was_there_before_any_server_is_run(bench: &Bench) -> Outcome {
    let (mut store, prefix) = (bench.connect()?, bench.prefix());
    let reply_to = format!("{prefix}:replies:early");
    let envelope = request("add", r#"{"a":1,"b":2}"#, "\"early\"");
    let fields = [("envelope", envelope.as_bytes()), ("reply-to", reply_to.as_bytes())];
    store.append(&format!("{prefix}:cmds:{CONF}"), &fields)?;
    let mut served = Served::start_at(bench, prefix, &ServerOptions::default())?;
    // What comes after it is answered later, so that the reply to the first can't be missing by then.
    served.result("add", r#"{"a":1,"b":2}"#)?;
    let early = served.store.int(&["XLEN", &reply_to])?;
    check(early == 1, || "a request from before the first server was not run".to_owned())
}
