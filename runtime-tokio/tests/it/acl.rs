//! A client and servers with no more rights than `acl` gives them: they miss nothing, whatever happens.

use std::time::Duration;

use clamator_testkit::eventually;
use clamator_tokio::{ClientBuilder, Redis, Server, ServerBuilder, acl};

use crate::site::{SOON, Site};
use crate::work::{What, WorkClient};

/// Makes a user of this name; false if this Redis is older than 7.0 and has no such rules.
fn add_user(site: &Site, name: &str, rules: &acl::Rules) -> bool {
    let mut words = ["ACL", "SETUSER", name, "on", ">secret"].map(str::to_owned).to_vec();
    words.extend_from_slice(rules.words());
    let answer = site.redis.command(&words);
    if let Some(error) = answer.as_error() {
        let info = site.redis.command(&["INFO", "server"]);
        assert!(info.as_str().contains("redis_version:6."), "{error}");
    }
    answer.as_error().is_none()
}

fn as_user(site: &Site, name: &str) -> Redis {
    Redis::url(format!("redis://{name}:secret@{}", site.redis.address()))
}

async fn started_worker(site: &Site, name: &'static str) -> Server {
    let builder = ServerBuilder::new(&site.prefix)
        .over(as_user(site, "server"))
        .consumer_claim_idle(Duration::from_millis(300));
    let server = site.worker(name, builder);
    server.start().await.unwrap();
    server
}

/// What was denied to whom: `server: xadd`.
fn denied(site: &Site) -> Vec<String> {
    let log = site.redis.command(&["ACL", "LOG"]);
    let text =
        |entry: &clamator_testkit::Value, field| entry.field(field).unwrap().as_str().to_owned();
    let all = log
        .as_array()
        .iter()
        .map(|entry| format!("{}: {}", text(entry, "username"), text(entry, "object")));
    // From 7.2 on the library introduces itself, and does without.
    all.filter(|denied| !denied.ends_with("client|setinfo")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_are_enough_for_everything() {
    let site = Site::new("acl");
    let services = acl::Services::Only(&["work"]);
    let of_a_server = acl::server_rules(&site.prefix, &["work"]).unwrap();
    let instances = acl::Instances::StartingWith("web-");
    let of_a_client = acl::client_rules(&site.prefix, instances, services).unwrap();
    if !add_user(&site, "server", &of_a_server) {
        return;
    }
    assert!(add_user(&site, "client", &of_a_client));

    // A request that a worker left behind is taken over.
    site.request("work", "quick", serde_json::json!({"item": 1}), "nobody");
    let stream = site.commands("work");
    site.redis.command(&["XGROUP", "CREATE", &stream, "work", "0"]);
    site.redis.command(&["XREADGROUP", "GROUP", "work", "gone", "STREAMS", &stream, ">"]);
    let a = started_worker(&site, "a").await;
    site.book.eventually(What::Ended, 1);

    // Calls and notifications, and a handler that outlasts its lease several times.
    let client = ClientBuilder::new(&site.prefix)
        .over(as_user(&site, "client"))
        .instance_id("web-1")
        .build()
        .unwrap();
    client.start().await.unwrap();
    let work = WorkClient::new(&client);
    work.tell(2).await.unwrap();
    for item in 10..20 {
        work.quick(item).await.unwrap();
    }
    let held = tokio::spawn(work.hold(3).into_future());
    site.book.eventually(What::Began, 3);
    let b = started_worker(&site, "b").await;
    eventually(SOON, "its lease was renewed", || {
        let pending = site.redis.command(&["XPENDING", &stream, "work", "-", "+", "9"]);
        let deliveries = pending.as_array().iter().map(|entry| entry.as_array()[3].as_int());
        let evals = site.redis.command(&["INFO", "commandstats"]);
        let claims =
            evals.as_str().lines().find_map(|line| line.strip_prefix("cmdstat_xclaim:calls="));
        let claims = claims.and_then(|rest| rest.split(',').next()).and_then(|n| n.parse().ok());
        deliveries.sum::<i64>() == 1 && claims.unwrap_or(0) >= 5
    });

    // Every connection is lost, and replaced; the call is still under way.
    site.redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    site.book.let_go(1);
    assert_eq!(held.await.unwrap().unwrap().by, "a");
    assert_eq!(site.book.workers_of(3), ["a"]);

    // Everything is lost, and made anew.
    site.redis.command(&["FLUSHALL"]);
    eventually(SOON, "the group is there again", || {
        site.redis.command(&["XINFO", "GROUPS", &stream]).as_error().is_none()
    });
    work.quick(21).await.unwrap();
    eventually(SOON, "done requests are removed", || {
        site.redis.command(&["XLEN", &stream]).as_int() == 0
    });

    // One hands back what it can't finish, one leaves nothing.
    let stuck = tokio::spawn(work.hold(4).into_future());
    site.book.eventually(What::Began, 4);
    let (stopped, other) = if site.book.workers_of(4) == ["a"] { (a, b) } else { (b, a) };
    let report = stopped.stop_within(Duration::ZERO).await;
    assert_eq!(report.handed_back, 1, "{report:?}");
    site.book.let_go(1);
    stuck.await.unwrap().unwrap();
    other.stop().await;
    client.stop().await;
    let replies = site.redis.command(&["EXISTS", &site.reply_to("web-1")]);
    assert_eq!(replies.as_int(), 0);
    assert_eq!(denied(&site), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_may_do_what_the_other_does() {
    let site = Site::new("acl-denied");
    let of_a_server = acl::server_rules(&site.prefix, &["work"]).unwrap();
    if !add_user(&site, "server", &of_a_server) {
        return;
    }
    let services = acl::Services::Only(&["work"]);
    let instances = acl::Instances::StartingWith("web-");
    let of_a_client = acl::client_rules(&site.prefix, instances, services).unwrap();
    assert!(add_user(&site, "client", &of_a_client));

    // A client that serves.
    let builder = ServerBuilder::new(&site.prefix).over(as_user(&site, "client"));
    let error = site.worker("a", builder).start().await.unwrap_err().to_string();
    assert!(error.contains("NOPERM"), "{error}");

    // A server that calls, and a client that would read another one's replies.
    let worker = started_worker(&site, "b").await;
    for (user, instance, permitted) in
        [("client", "web-1", true), ("client", "shop-1", false), ("server", "web-2", false)]
    {
        let builder = ClientBuilder::new(&site.prefix).over(as_user(&site, user));
        let builder = builder.instance_id(instance).default_timeout(Duration::from_millis(500));
        let client = builder.build().unwrap();
        let started = client.start().await;
        let answer = WorkClient::new(&client).quick(1).await;
        assert_eq!(
            started.is_ok() && answer.is_ok(),
            permitted,
            "{user} as {instance}: {answer:?}"
        );
        client.stop().await;
    }
    worker.stop().await;
}
