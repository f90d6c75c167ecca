//! Runs cases, several at a time, each within its time.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clamator_testkit::RedisServer;

use super::case::{Case, Finding, Outcome, Run, Severity, Side, Verdict};
use super::client::Calling;
use super::report::Report;
use super::server::Served;
use super::site::Bench;
use super::store::Address;
use super::{cases, words};

/// Which Redis to use.
#[derive(Clone, Debug)]
pub enum RedisAt {
    /// One that runs. Cases that would harm others who use it are skipped.
    Url(String),
    /// One of our own: this program is started on a free port.
    Program(OsString),
}

/// What to run, and on what.
#[derive(Clone, Debug)]
pub struct Options {
    /// The command that starts the program as a server, without its arguments; none: no server is put to the test.
    pub server_cmd: Option<String>,
    /// The same for the client.
    pub client_cmd: Option<String>,
    /// Which Redis to use.
    pub redis: RedisAt,
    /// Only cases whose full name has this text in it.
    pub filter: Option<String>,
    /// Only cases of this severity.
    pub only: Option<Severity>,
    /// How long a case may take.
    pub timeout: Duration,
    /// How many cases run at a time.
    pub jobs: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            server_cmd: None,
            client_cmd: None,
            redis: RedisAt::Program("redis-server".into()),
            filter: None,
            only: None,
            timeout: Duration::from_secs(20),
            jobs: 4,
        }
    }
}

impl Options {
    /// Whether a case is asked for.
    #[must_use]
    pub fn includes(&self, case: &Case) -> bool {
        let command = match case.side {
            Side::Server => &self.server_cmd,
            Side::Client => &self.client_cmd,
        };
        command.is_some() && self.matches(case)
    }

    /// Whether a case would be asked for if there were commands for both sides.
    #[must_use]
    pub fn matches(&self, case: &Case) -> bool {
        let named = |text: &String| case.full_name().contains(text.as_str());
        self.filter.as_ref().is_none_or(named) && self.only.is_none_or(|it| it == case.severity)
    }
}

/// Runs all cases that are asked for.
///
/// # Errors
///
/// A text, when nothing could be run: a command that is none, or no Redis.
pub fn run(options: &Options) -> Result<Report, String> {
    let begin = Instant::now();
    let command = |line: &Option<String>| -> Outcome<Vec<OsString>> {
        line.as_ref()
            .map_or(Ok(vec![]), |line| words::split(line).map_err(|e| format!("{line:?}: {e}")))
    };
    let (server, client) = (command(&options.server_cmd)?, command(&options.client_cmd)?);
    let (own_redis, url) = match &options.redis {
        RedisAt::Url(url) => (None, url.clone()),
        RedisAt::Program(program) => {
            let redis = RedisServer::try_start(program, &[])?;
            let url = redis.url();
            (Some(redis), url)
        }
    };
    let bench = Bench {
        address: Address::parse(&url)?,
        url,
        server,
        client,
        limit: options.timeout,
        redis_is_own: own_redis.is_some(),
    };
    let redis_version = bench.connect()?.version()?;
    let chosen: Vec<Case> = cases().into_iter().filter(|case| options.includes(case)).collect();
    let findings = run_all(&bench, &chosen, options.jobs.max(1));
    Ok(Report {
        server_cmd: options.server_cmd.clone(),
        client_cmd: options.client_cmd.clone(),
        redis_version,
        findings,
        took: begin.elapsed(),
    })
}

fn run_all(bench: &Bench, chosen: &[Case], jobs: usize) -> Vec<Finding> {
    let is_exclusive = |case: &Case| matches!(case.run, Run::Exclusive(_));
    let mut order: Vec<usize> = (0..chosen.len()).collect();
    // Those with programs of their own take longest, so that they come first.
    order.sort_by_key(|at| !matches!(chosen[*at].run, Run::Own(_)));
    let (last, first): (VecDeque<usize>, VecDeque<usize>) =
        order.into_iter().partition(|at| is_exclusive(&chosen[*at]));
    let findings = Mutex::new(Vec::new());
    for (queue, jobs) in [(first, jobs), (last, 1)] {
        let queue = Mutex::new(queue);
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    let mut worker = Worker { bench, served: None, calling: None };
                    loop {
                        let next = lock(&queue).pop_front();
                        let Some(at) = next else { break };
                        let finding = worker.run(chosen[at]);
                        lock(&findings).push((at, finding));
                    }
                });
            }
        });
    }
    let mut findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    findings.sort_by_key(|(at, _)| *at);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one case after the other. Cases that do no harm share a program; one that failed is replaced.
struct Worker<'a> {
    bench: &'a Bench,
    served: Option<Served>,
    calling: Option<Calling>,
}

impl Worker<'_> {
    fn run(&mut self, case: Case) -> Finding {
        let begin = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.attempt(&case)));
        let verdict = match outcome {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(why)) => Verdict::Failed(scrub(&why)),
            Err(panic) => Verdict::Failed(scrub(&panic_text(panic.as_ref()))),
        };
        if verdict != Verdict::Passed {
            (self.served, self.calling) = (None, None);
        }
        Finding { case, verdict, took: begin.elapsed() }
    }

    fn attempt(&mut self, case: &Case) -> Outcome<Verdict> {
        let bench = self.bench;
        match case.run {
            Run::Served(run) => {
                let served = match &mut self.served {
                    Some(served) => {
                        served.renew(bench);
                        served
                    }
                    none => none.insert(Served::start(bench)?),
                };
                run(served)?;
            }
            Run::Calling(run) => {
                let calling = match &mut self.calling {
                    Some(calling) => {
                        calling.renew(bench);
                        calling
                    }
                    none => none.insert(Calling::start(bench)?),
                };
                run(calling)?;
            }
            Run::Own(run) => run(bench)?,
            Run::Exclusive(_) if !bench.redis_is_own => {
                return Ok(Verdict::Skipped("it would harm others: it needs a Redis of its own"));
            }
            Run::Exclusive(run) => {
                // Their connections would be lost, too.
                (self.served, self.calling) = (None, None);
                run(bench)?;
            }
        }
        Ok(Verdict::Passed)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the case panicked: {}", text.unwrap_or("it doesn't say why"))
}

/// Names that were made up for one run say nothing in a report, and make it differ from the last one.
fn scrub(text: &str) -> String {
    let mut scrubbed = text.to_owned();
    for (made_up, name) in [("conformance-", "PREFIX"), ("case-", "CASE")] {
        while let Some(begin) = scrubbed.find(made_up) {
            let rest = &scrubbed[begin + made_up.len()..];
            let part = |c: char| c.is_ascii_hexdigit() || c == '-';
            let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
            scrubbed.replace_range(begin..begin + made_up.len() + end, name);
        }
    }
    scrubbed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_are_scrubbed() {
        let text = "no key \"conformance-12-18ab-3:replies:case-12-18ac-4\": expected one";
        assert_eq!(scrub(text), "no key \"PREFIX:replies:CASE\": expected one");
    }

    #[test]
    fn cases_are_chosen_by_side_name_and_severity() {
        let chosen = |options: &Options| cases().iter().filter(|it| options.includes(it)).count();
        let mut options = Options::default();
        assert_eq!(chosen(&options), 0);
        options.server_cmd = Some("x".into());
        let servers = chosen(&options);
        options.client_cmd = Some("x".into());
        assert!(servers > 0 && chosen(&options) > servers);
        options.filter = Some("server/ids/".into());
        assert_eq!(chosen(&options), 9);
        options.only = Some(Severity::Should);
        assert_eq!(chosen(&options), 0);
    }
}
