//! What a client and a server cost, which connections they use, and what is left when they are gone: nothing.

use std::process::Command;
use std::time::Duration;

use clamator_testkit::{RedisServer, eventually, unique_prefix};
use clamator_tokio::{
    CallError, ClientBuilder, ConfigError, Redis, ServerBuilder, StartError, redis,
};
use tokio::runtime::Runtime;

use crate::common::{
    ConfClient, ConfHandler, ConfService, at, conf_server, conf_server_with, started_client,
    started_server,
};
use crate::site::{SOON, Site};
use crate::work::{What, WorkClient};

fn keys(site: &Site) -> Vec<String> {
    let keys = site.redis.command(&["KEYS", "*"]);
    let mut keys: Vec<String> = keys.as_array().iter().map(|key| key.as_str().to_owned()).collect();
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_costs_two_connections_and_one_key() {
    let site = Site::new("client-costs");
    let client = site.started_client().await;
    assert_eq!(site.connections().len(), 2);
    assert!(keys(&site).is_empty());
    let server = started_server(&site.redis, &site.prefix).await;
    ConfClient::new(&client).add(1.0, 2.0).await.unwrap();
    ConfClient::new(client.clone()).add(1.0, 2.0).await.unwrap();
    server.stop().await;
    site.eventually_connections(2);
    let keys_now = keys(&site);
    assert_eq!(keys_now.len(), 2, "{keys_now:?}");
    assert_eq!(keys_now[0], site.commands("conf"));
    assert!(keys_now[1].starts_with(&format!("{}:replies:", site.prefix)));
    client.stop().await;
    site.eventually_connections(0);
    assert_eq!(keys(&site), [site.commands("conf")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_costs_one_connection_and_one_more_for_each_service() {
    let site = Site::new("server-costs");
    let server = site.server_builder().build().unwrap();
    server.start().await.unwrap();
    assert_eq!(site.connections().len(), 1);
    server.stop().await;
    let server = site.worker("a", site.server_builder());
    server.register(ConfService::new(ConfHandler::default())).unwrap();
    server.start().await.unwrap();
    site.eventually_connections(3);
    assert_eq!(keys(&site), [site.commands("conf"), site.commands("work")]);
    server.stop().await;
    site.eventually_connections(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_last_handle_stops_a_client_and_a_server() {
    let site = Site::new("dropped");
    let server = site.started_worker("a").await;
    let client = site.started_client().await;
    let work = WorkClient::new(&client);
    assert_eq!(work.quick(1).await.unwrap().by, "a");
    let held = tokio::spawn(work.hold(2).into_future());
    site.book.eventually(What::Began, 2);
    drop((server.clone(), client.clone()));
    assert_eq!(site.connections().len(), 4, "there are other handles");
    drop((client, work));
    drop(server);
    // A call is a handle too, and the handler has its grace.
    site.book.let_go(1);
    assert_eq!(held.await.unwrap().unwrap().by, "a");
    site.eventually_connections(0);
    assert_eq!(keys(&site), [site.commands("work")], "the reply stream is gone");
    assert_eq!(site.consumers("work"), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_takes_nothing_in_leaves_no_task_behind() {
    let site = Site::new("stuck");
    let server = started_server(&site.redis, &site.prefix).await;
    let client = site.started_client().await;
    let conf = ConfClient::new(&client);
    conf.add(1.0, 2.0).await.unwrap();
    site.redis.pause();
    // More than fits between here and there.
    let large = conf.echo("x".repeat(15_000_000).into()).timeout(Duration::from_millis(100));
    assert!(matches!(large.await, Err(CallError::Timeout { .. })));
    client.stop().await;
    server.stop_within(Duration::ZERO).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    eventually(SOON, "no task is left", || metrics.num_alive_tasks() == 0);
    site.redis.resume();
    site.eventually_connections(0);
}

#[test]
fn dropping_the_runtime_closes_every_connection() {
    let site = Site::new("runtime-dropped");
    let runtime = Runtime::new().unwrap();
    let handles =
        runtime.block_on(async { (site.started_client().await, site.started_worker("a").await) });
    assert_eq!(site.connections().len(), 4);
    drop(runtime);
    site.eventually_connections(0);
    drop(handles);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_handed_in_is_used_and_never_closed() {
    let site = Site::new("shared");
    let own = redis::Client::open(site.redis.url()).unwrap();
    let mut shared = own.get_multiplexed_async_connection().await.unwrap();
    let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut shared).await.unwrap();
    let over = || at(&site.redis).with_shared_connection(shared.clone());
    let server = conf_server_with(ServerBuilder::new(&site.prefix).over(over()));
    let client = ClientBuilder::new(&site.prefix).over(over()).build().unwrap();
    server.start().await.unwrap();
    client.start().await.unwrap();
    assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
    let others = site.connections().into_iter().filter(|connection| connection.id != id);
    assert_eq!(others.count(), 2, "only those that block in reads");

    // Once it is lost, connections of their own take its place. Whether a call was sent on it nobody can tell.
    site.redis.command(&["CLIENT", "KILL", "ID", &id.to_string()]);
    let call = ConfClient::new(&client).add(1.0, 2.0).timeout(Duration::from_millis(500));
    let unknown = call.await.unwrap_err();
    assert!(matches!(unknown, CallError::Transport { may_have_executed: true, .. }), "{unknown}");
    assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
    client.stop().await;
    server.stop().await;
    site.eventually_connections(0);

    let mut shared = own.get_multiplexed_async_connection().await.unwrap();
    let over = at(&site.redis).with_shared_connection(shared.clone());
    let client = ClientBuilder::new(&site.prefix).over(over).build().unwrap();
    client.start().await.unwrap();
    client.stop().await;
    drop(client);
    site.eventually_connections(1);
    let answer: String = redis::cmd("PING").query_async(&mut shared).await.unwrap();
    assert_eq!(answer, "PONG");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_client_that_was_handed_in_says_where_redis_is() {
    let site = Site::new("redis-client");
    let own = redis::Client::open(format!("{}/3", site.redis.url())).unwrap();
    let over = || Redis::client(own.clone());
    let server = conf_server_with(ServerBuilder::new(&site.prefix).over(over()));
    let client = ClientBuilder::new(&site.prefix).over(over()).build().unwrap();
    server.start().await.unwrap();
    client.start().await.unwrap();
    assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
    assert_eq!(keys(&site), [] as [&str; 0], "it is another database");
    client.stop().await;
    server.stop().await;
    let both = over().with_url(site.redis.url());
    assert_eq!(ClientBuilder::new("p").over(both).build().unwrap_err(), ConfigError::UrlAndClient);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newer_protocol_of_redis_and_credentials_work_too() {
    let site = Site::new("resp3");
    site.redis.command(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all"]);
    let url = |password: &str| {
        format!("redis://app:{password}@127.0.0.1:{}/?protocol=resp3", site.redis.port())
    };
    let server = conf_server_with(ServerBuilder::new(&site.prefix).over(Redis::url(url("secret"))));
    let client = ClientBuilder::new(&site.prefix).over(Redis::url(url("secret"))).build().unwrap();
    server.start().await.unwrap();
    client.start().await.unwrap();
    let conf = ConfClient::new(&client);
    for item in 1..=3 {
        assert_eq!(conf.push(item).await.unwrap().items.len() as i64, item);
    }
    client.stop().await;
    assert_eq!(server.stop().await.aborted, 0);
    assert_eq!(site.pending("conf"), 0);

    let client = ClientBuilder::new(&site.prefix).over(Redis::url(url("wr0ng"))).build().unwrap();
    let error = client.start().await.unwrap_err();
    assert!(matches!(error, StartError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains("WRONGPASS"), "{error}");
    assert!(!error.to_string().contains("wr0ng"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_use_client_commands_still_gets_along() {
    let site = Site::new("acl");
    site.redis.command(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "-client"]);
    let url = format!("redis://app:secret@127.0.0.1:{}", site.redis.port());
    let server = conf_server_with(ServerBuilder::new(&site.prefix).over(Redis::url(&url)));
    let client = ClientBuilder::new(&site.prefix).over(Redis::url(&url)).build().unwrap();
    server.start().await.unwrap();
    client.start().await.unwrap();
    assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
    client.stop().await;
    // A blocked read can't be ended: it ends by itself.
    tokio::time::timeout(SOON, server.stop()).await.unwrap();
    site.eventually_connections(0);
    assert_eq!(site.consumers("conf"), [] as [&str; 0]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_works_too() {
    let socket = std::env::temp_dir().join(unique_prefix("clamator"));
    let path = socket.to_str().unwrap();
    let redis = RedisServer::start_with(&["--unixsocket", path]);
    let over = || Redis::url(format!("redis+unix://{path}"));
    let prefix = unique_prefix("unix");
    let server = conf_server_with(ServerBuilder::new(&prefix).over(over()));
    let client = ClientBuilder::new(&prefix).over(over()).build().unwrap();
    server.start().await.unwrap();
    client.start().await.unwrap();
    assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
    client.stop().await;
    server.stop().await;
    drop(redis);
    let _ = std::fs::remove_file(socket);
}

/// The environment belongs to a whole process, so this test runs itself in another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_where_the_environment_says_unless_a_url_is_given() {
    const NAME: &str = "connections::redis_is_where_the_environment_says_unless_a_url_is_given";
    let prefix = "by-environment";
    if std::env::var_os("CLAMATOR_TEST_CHILD").is_some() {
        let client = <ClientBuilder>::new(prefix).build().unwrap();
        client.start().await.unwrap();
        assert_eq!(ConfClient::new(&client).add(1.0, 2.0).await.unwrap().sum, 3.0);
        client.stop().await;
        let elsewhere = format!("redis://127.0.0.1:{}", clamator_testkit::free_port());
        let client = ClientBuilder::new(prefix).over(Redis::url(&elsewhere)).build().unwrap();
        let error = client.start().await.unwrap_err().to_string();
        assert!(error.contains(elsewhere.trim_start_matches("redis://")), "{error}");
        return;
    }
    let redis = RedisServer::start();
    let server = conf_server(&redis, prefix);
    server.start().await.unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env("CLAMATOR_TEST_CHILD", "1")
        .env("REDIS_URL", redis.url())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_serves_many_proxies_and_one_redis_many_prefixes() {
    let site = Site::new("many");
    let other = unique_prefix("other");
    let server = site.server_builder().build().unwrap();
    server.register(ConfService::new(ConfHandler::default())).unwrap();
    server.register(site.service("a")).unwrap();
    server.start().await.unwrap();
    let elsewhere = started_server(&site.redis, &other).await;
    let (client, stranger) =
        (site.started_client().await, started_client(&site.redis, &other).await);
    let (conf, work) = (ConfClient::new(&client), WorkClient::new(&client));
    let (sum, done) = tokio::join!(conf.add(1.0, 2.0).into_future(), work.quick(1).into_future());
    assert_eq!((sum.unwrap().sum, done.unwrap().by.as_str()), (3.0, "a"));
    assert_eq!(ConfClient::new(&stranger).push(1).await.unwrap().items, [1]);
    assert_eq!(conf.push(2).await.unwrap().items, [2], "the prefixes have nothing in common");
    let missing = WorkClient::new(&stranger).quick(1).timeout(Duration::from_millis(500)).await;
    assert!(missing.unwrap_err().to_string().contains(&format!("{other}:cmds:work")));
    client.stop().await;
    stranger.stop().await;
    server.stop().await;
    elsewhere.stop().await;
}
