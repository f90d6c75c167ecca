//! A primary that Redis Sentinel watches: both sides follow it to where it is.

use std::time::Duration;

use clamator_testkit::{RedisServer, eventually, free_port};
use clamator_tokio::{Client, Redis, Server, StartError};

use crate::site::{SOON, Site};
use crate::work::WorkClient;

/// As long as a failover may take here.
const FAILOVER: Duration = Duration::from_secs(25);

/// A primary, which is the site's own Redis, its replica and their sentinel.
struct Watched {
    site: Site,
    replica: RedisServer,
    sentinel: RedisServer,
}

impl Watched {
    fn new(name: &str) -> Watched {
        let site = Site::new(name);
        let port = site.redis.port().to_string();
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port.to_string()]);
        eventually(SOON, "the replica follows", || is_in_step(&replica));
        let sentinel = RedisServer::start_sentinel("main", site.redis.address());
        eventually(FAILOVER, "the sentinel knows the replica", || {
            let replicas = sentinel.command(&["SENTINEL", "REPLICAS", "main"]);
            replicas.as_error().is_none() && !replicas.as_array().is_empty()
        });
        Watched { site, replica, sentinel }
    }

    fn at(&self) -> Redis {
        // One that isn't there is passed over.
        let gone = format!("redis://127.0.0.1:{}", free_port());
        Redis::sentinel("main", [gone, self.sentinel.url()])
    }

    async fn started(&self) -> (Server, Client) {
        let (first, longest) = (Duration::from_millis(10), Duration::from_millis(200));
        let builder = self.site.server_builder().over(self.at()).reconnect_backoff(first, longest);
        let server = self.site.worker("a", builder);
        server.start().await.unwrap();
        let builder = self.site.client_builder().over(self.at()).reconnect_backoff(first, longest);
        let client = builder.build().unwrap();
        client.start().await.unwrap();
        (server, client)
    }

    fn primary(&self) -> u16 {
        let address = self.sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]);
        address.as_array()[1].as_str().parse().unwrap()
    }
}

fn is_in_step(replica: &RedisServer) -> bool {
    let info = replica.command(&["INFO", "replication"]);
    info.as_str().contains("master_link_status:up")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_primary_dies_calls_go_on_at_the_next_one() {
    let watched = Watched::new("sentinel-dies");
    let (server, client) = watched.started().await;
    let work = WorkClient::new(&client);
    assert_eq!(work.quick(1).await.unwrap().by, "a");
    watched.site.redis.kill9();
    let across = work.quick(2).timeout(FAILOVER).await.unwrap();
    assert_eq!(across.by, "a");
    assert_eq!(watched.primary(), watched.replica.port());
    client.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_became_a_replica_is_left() {
    let watched = Watched::new("sentinel-demoted");
    let (server, client) = watched.started().await;
    let work = WorkClient::new(&client);
    assert_eq!(work.quick(1).await.unwrap().by, "a");
    // Not before it has heard from the replica lately.
    eventually(FAILOVER, "it agrees to a failover", || {
        watched.sentinel.command(&["SENTINEL", "FAILOVER", "main"]).as_error().is_none()
    });
    eventually(FAILOVER, "the other one is the primary", || {
        watched.primary() == watched.replica.port()
    });
    for item in 2..20 {
        assert_eq!(work.quick(item).timeout(FAILOVER).await.unwrap().by, "a");
    }
    let clients = |server: &RedisServer| {
        // A connection of the test's own doesn't outlive a change of roles.
        let list = server.connect().and_then(|mut own| own.command(&["CLIENT", "LIST"]));
        let Ok(list) = list else { return usize::MAX };
        list.as_str().lines().filter(|line| line.contains("cmd=xread")).count()
    };
    eventually(FAILOVER, "both read from the new one", || {
        clients(&watched.replica) == 2 && clients(&watched.site.redis) == 0
    });
    client.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_primary_that_no_sentinel_knows_is_named() {
    let watched = Watched::new("sentinel-unknown");
    let client = watched.site.client_builder();
    let client = client.over(Redis::sentinel("other", [watched.sentinel.url()])).build().unwrap();
    let Err(StartError::Unreachable(fault)) = client.start().await else { panic!("it started") };
    let error = fault.to_string();
    assert!(
        error.contains("\"other\"") && error.contains(&watched.sentinel.port().to_string()),
        "{error}"
    );
}
