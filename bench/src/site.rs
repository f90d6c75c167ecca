//! What contenders run on: a Redis and a NATS of the benchmark's own, and a pair of processes for each measurement.

use std::ffi::OsString;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clamator_testkit::{Guarded, PeerServer, PythonPeer, RedisServer, free_port, workspace_root};
use tempfile::TempDir;

use crate::contender::{Broker, Contender};
use crate::measure::{RedisUse, cpu};
use crate::order::{Order, Tally, Until};
use crate::process::Process;
use crate::sample::Sample;

/// That of a pair which has Redis for itself.
pub(crate) const PREFIX: &str = "bench";
const START: Duration = Duration::from_secs(5);
/// Where Debian puts a server is not in everybody's PATH.
const NATS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];

/// The servers.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) redis: RedisServer,
    nats: Option<Nats>,
    /// What else the machine had to do before.
    load_before: String,
}

#[derive(Debug)]
struct Nats {
    process: Guarded,
    address: String,
    _folder: TempDir,
}

impl Site {
    pub(crate) fn new(redis_server: &OsString) -> Result<Site, String> {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load_before = load.split(' ').next().unwrap_or_default().to_owned();
        let redis = RedisServer::try_start(redis_server, &[])?;
        Ok(Site { redis, nats: Nats::start()?, load_before })
    }

    /// What is missing for a contender, if anything is.
    pub(crate) fn lacks(&self, contender: Contender) -> Option<&'static str> {
        match contender {
            Contender::Nats | Contender::NatsTokio if self.nats.is_none() => {
                Some("not installed: apt-get install nats-server")
            }
            Contender::Python if !python().exists() => Some("not prepared: cargo xtask setup"),
            _ => None,
        }
    }

    fn broker_cpu(&self, contender: Contender) -> Result<u64, String> {
        match (contender.broker(), &self.nats) {
            (Broker::Nats, Some(nats)) => cpu(nats.process.pid()),
            _ => Ok(0),
        }
    }

    fn url(&self, contender: Contender) -> String {
        match (contender.broker(), &self.nats) {
            (Broker::Nats, Some(nats)) => nats.address.clone(),
            _ => self.redis.url(),
        }
    }
}

impl Nats {
    /// Nothing if it isn't installed.
    fn start() -> Result<Option<Nats>, String> {
        let Some(program) = NATS.into_iter().find(|program| runs(program)) else { return Ok(None) };
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let port = free_port().to_string();
        let arguments = ["-a", "127.0.0.1", "-p", &port].map(OsString::from);
        let log = folder.path().join("nats.log");
        let (mut process, _) = Guarded::start(program.as_ref(), &arguments, &log);
        let address = format!("127.0.0.1:{port}");
        let began = Instant::now();
        while TcpStream::connect(&address).is_err() {
            if began.elapsed() > START || process.exit_code().is_some() {
                return Err(format!("nats-server doesn't answer: {}", process.log()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(Nats { process, address, _folder: folder }))
    }
}

fn runs(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

fn python() -> std::path::PathBuf {
    workspace_root().join("target/peers/python/bin/python")
}

/// A client and its servers.
pub(crate) struct Pair<'a> {
    site: &'a Site,
    contender: Contender,
    pub(crate) client: Process,
    pub(crate) servers: Vec<Process>,
    peer: Option<PeerServer>,
}

impl Site {
    /// Makes Redis empty. Whoever has something in it is done.
    pub(crate) fn clear(&self) {
        self.redis.command(&["FLUSHALL"]);
    }

    /// Starts them over an empty Redis.
    pub(crate) fn pair(&self, contender: Contender) -> Result<Pair<'_>, String> {
        self.clear();
        self.pair_with(contender, PREFIX, 1, &[])
    }

    /// Starts them next to what is there, with so many servers and in a layout of their own.
    pub(crate) fn pair_with(
        &self,
        contender: Contender,
        prefix: &str,
        servers: usize,
        layout: &[&str],
    ) -> Result<Pair<'_>, String> {
        if contender == Contender::Python {
            return self.python_pair(prefix);
        }
        let url = self.url(contender);
        let common = ["--contender", contender.name(), "--url", &url, "--prefix", prefix];
        let common = [&common, layout].concat();
        let role = |name| Process::role(&[&[name], &common[..]].concat());
        let servers = match contender.broker() {
            Broker::None => Vec::new(),
            _ => (0..servers).map(|_| role("server")).collect::<Result<_, _>>()?,
        };
        Ok(Pair { site: self, contender, client: role("client")?, servers, peer: None })
    }

    fn python_pair(&self, prefix: &str) -> Result<Pair<'_>, String> {
        let peer = Some(PythonPeer::server(&self.redis, prefix));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/client.py");
        let mut line: Vec<OsString> = vec![python().into(), "-B".into(), script.into()];
        let url = self.redis.url();
        line.extend(["--redis", &url, "--prefix", prefix].map(OsString::from));
        let client = Process::start(&line)?;
        Ok(Pair { site: self, contender: Contender::Python, client, servers: vec![], peer })
    }
}

impl Pair<'_> {
    /// Carries out an order, after one that isn't measured.
    pub(crate) fn measure(&mut self, order: &Order) -> Result<Sample, String> {
        let warm_up = match order.until {
            Until::Calls(calls) => Until::Calls(calls / 4),
            Until::Millis(millis) => Until::Millis(millis / 4),
        };
        self.client.carry_out(&Order { until: warm_up, ..order.clone() })?;
        self.measure_at_once(order)
    }

    pub(crate) fn measure_at_once(&mut self, order: &Order) -> Result<Sample, String> {
        let redis = self.of_redis();
        let before = self.cpu()?;
        let tally: Tally = self.client.carry_out(order)?;
        let after = self.cpu()?;
        let redis = self.of_redis().since(&redis);
        let broker_nanos = match self.contender.broker() {
            Broker::Redis => redis.cpu_nanos,
            Broker::Nats | Broker::None => after.broker - before.broker,
        };
        Ok(Sample {
            tally,
            broker_nanos,
            client_nanos: after.client - before.client,
            server_nanos: after.server - before.server,
            commands: redis.commands,
        })
    }

    fn of_redis(&self) -> RedisUse {
        match self.contender.broker() {
            Broker::Redis => RedisUse::of(&self.site.redis),
            Broker::Nats | Broker::None => RedisUse::default(),
        }
    }

    fn cpu(&self) -> Result<Cpu, String> {
        let peer = self.peer.as_ref().map(PeerServer::pid);
        let servers = self.servers.iter().map(Process::pid).chain(peer);
        Ok(Cpu {
            broker: self.site.broker_cpu(self.contender)?,
            client: cpu(self.client.pid())?,
            server: servers.map(cpu).sum::<Result<u64, String>>()?,
        })
    }
}

/// What each has used so far, in nanoseconds.
struct Cpu {
    broker: u64,
    client: u64,
    server: u64,
}

/// What was measured on, for the record.
pub(crate) fn machine(site: &Site) -> String {
    let server = site.redis.command(&["INFO", "server"]);
    let version = server.as_str().lines().find_map(|line| line.strip_prefix("redis_version:"));
    let redis = version.unwrap_or("of some version").trim();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unnamed processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (kernel, load) = (kernel.trim(), &site.load_before);
    format!("{cores} × {model}, Linux {kernel}, Redis {redis}; load average before: {load}")
}
