//! A run from its start to its verdict.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clamator_testkit::RedisServer;

use crate::args::Options;
use crate::faults::Site;
use crate::history::History;
use crate::processes::Processes;
use crate::proof;
use crate::proxy::Proxy;
use crate::record::{self, Recorder, What};
use crate::report;
use crate::rest;
use crate::schedule::{Planned, draw};
use crate::setup::{CLIENTS, SERVERS};
use crate::watch;

const TICK: Duration = Duration::from_millis(10);
/// So many characters of the log of a Redis that has ended.
const LOG_SHOWN: usize = 6000;
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// Runs the bench. Whether no rule was violated.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let mut schedule = draw(options.seed, options.load);
    schedule.retain(|fault| options.only.as_ref().is_none_or(|only| only.contains(&fault.kind)));
    if options.schedule_only {
        print!("{}", report::schedule(&schedule));
        return Ok(true);
    }
    let (seed, fsync) = (options.seed, options.fsync.word());
    println!(
        "soak: seed {seed}, {:.0} s of load, {} faults, appendfsync {fsync}",
        options.load.as_secs_f64(),
        schedule.len(),
    );
    let folder = tempfile::Builder::new().prefix("clamator-soak-").tempdir();
    let folder = folder.map_err(|e| format!("no folder for the record: {e}"))?;
    play(options, &schedule, folder.path())?;

    let proven = judge(folder.path());
    if options.keep || !matches!(proven, Ok(true)) {
        println!("the record is kept in {}", kept(folder)?.display());
    }
    if !proven? {
        println!(
            "soak: VIOLATED; the same faults again: cargo xtask soak --seed {seed} --minutes {} --fsync {fsync}",
            options.load.as_secs_f64() / 60.0,
        );
        return Ok(false);
    }
    println!("soak: nothing violated; seed {seed}");
    Ok(true)
}

/// Goes through a record, and prints what it shows. Whether no rule was violated.
pub(crate) fn judge(folder: &Path) -> Result<bool, String> {
    let lines = record::read(folder).map_err(|e| format!("the record: {e}"))?;
    let history = History::new(lines);
    let violations = proof::all(&history);
    print!("{}", report::table(&history, &violations));
    if !violations.is_empty() {
        print!("{}", report::violations(&history, &violations));
    }
    Ok(violations.is_empty())
}

fn kept(folder: tempfile::TempDir) -> Result<PathBuf, String> {
    let path = folder.keep();
    fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}

/// Lets everything happen, and writes it down.
fn play(options: &Options, schedule: &[Planned], folder: &Path) -> Result<(), String> {
    let runtime = crate::runtime()?;
    let durable = ["--appendonly", "yes", "--appendfsync", options.fsync.word()];
    let redis = RedisServer::try_start(&options.redis_server, &durable)?;
    let recorder = Recorder::open(&folder.join("bench.jsonl")).map_err(|e| e.to_string())?;
    let (seed, seconds, fsync) = (options.seed, options.load.as_secs_f64(), options.fsync);
    recorder.write(What::Setup { seed, seconds, fsync });
    let mut processes = Processes::new(folder.to_owned(), options.seed, recorder.clone())?;
    let watch = Recorder::open(&folder.join(format!("{}.jsonl", watch::REDIS)));
    watch::begin(redis.address(), watch.map_err(|e| e.to_string())?);
    let wires = recorder.clone();
    let wire = move |slot: &str, port, text| {
        wires.write(What::Wire { slot: slot.to_owned(), port, text });
    };
    let mut proxy = Proxy::new(redis.address(), Arc::new(wire));
    for (role, letter, count) in [("server", 's', SERVERS), ("client", 'c', CLIENTS)] {
        for slot in (0..count).map(|number| format!("{letter}{number}")) {
            runtime.block_on(proxy.open(&slot)).map_err(|e| format!("the proxy: {e}"))?;
            processes.add(&slot, role, proxy.url(&slot));
        }
    }
    let mut site = Site::new(redis, proxy, processes, recorder);
    rest::wait_until_ready(&mut site, folder);
    under_load(&mut site, options.load, schedule);
    rest::come_to_rest(&mut site, folder);
    redis_is_there(&site)
}

/// A Redis that has ended by itself (a full disk, a crash) proves nothing about those who lost it.
fn redis_is_there(site: &Site) -> Result<(), String> {
    let Err(error) = site.redis.try_command(&["PING"]) else { return Ok(()) };
    let log = site.redis.log();
    let from = log.char_indices().rev().nth(LOG_SHOWN).map_or(0, |(at, _)| at);
    Err(format!(
        "Redis has ended by itself ({error}), and with it the run; its log:\n{}",
        &log[from..]
    ))
}

fn under_load(site: &mut Site, load: Duration, schedule: &[Planned]) {
    let start = Instant::now();
    let mut progress = Progress::new(load);
    let mut next_sample = start;
    let mut planned = schedule.iter().peekable();
    while start.elapsed() < load {
        if let Some(fault) = planned.next_if(|fault| fault.at <= start.elapsed()) {
            site.begin(fault);
            progress.faults += 1;
        }
        site.go_on();
        site.processes.poll();
        if Instant::now() >= next_sample {
            site.processes.sample();
            next_sample = Instant::now() + SAMPLE_EVERY;
        }
        progress.show(start.elapsed());
        sleep(TICK);
    }
    progress.end();
    while site.go_on() {
        sleep(TICK);
    }
}

/// A bar on a terminal, else a line now and then.
struct Progress {
    load: Duration,
    faults: usize,
    bar: bool,
    next: Duration,
}

impl Progress {
    fn new(load: Duration) -> Progress {
        let bar = std::io::stdout().is_terminal();
        Progress { load, faults: 0, bar, next: Duration::ZERO }
    }

    fn show(&mut self, elapsed: Duration) {
        if elapsed < self.next {
            return;
        }
        let share = elapsed.as_secs_f64() / self.load.as_secs_f64().max(0.001);
        let (seconds, all) = (elapsed.as_secs(), self.load.as_secs());
        if self.bar {
            let filled = "#".repeat((share * 30.0) as usize);
            print!("\r[{filled:<30}] {seconds} of {all} s, {} faults ", self.faults);
            let _ = std::io::stdout().flush();
            self.next = elapsed + Duration::from_millis(250);
        } else {
            println!("soak: {seconds} of {all} s, {} faults", self.faults);
            self.next = elapsed + (self.load / 4).max(Duration::from_secs(5));
        }
    }

    fn end(&self) {
        if self.bar {
            println!();
        }
    }
}
