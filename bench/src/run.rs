//! The rounds: each contender in turn, again and again, so that what disturbs the machine disturbs all of them.

use clamator_testkit::RedisServer;

use crate::args::Options;
use crate::contender::Contender;
use crate::measure::{RedisUse, cpu};
use crate::order::{Order, Tally, Until};
use crate::process::Process;
use crate::table;

/// Windows of the table.
const WINDOWS: [usize; 2] = [256, 1];

/// What was counted in one measurement.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) tally: Tally,
    pub(crate) redis: RedisUse,
    pub(crate) client_nanos: u64,
    pub(crate) server_nanos: u64,
}

/// All measurements of a contender with a window.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) contender: Contender,
    pub(crate) window: usize,
    pub(crate) samples: Vec<Sample>,
}

pub(crate) fn bench(options: &Options) -> Result<(), String> {
    let contenders = options.only.clone().unwrap_or(Contender::ALL.to_vec());
    let redis = RedisServer::try_start("redis-server", &[])?;
    let mut rows: Vec<Row> = Vec::new();
    for window in WINDOWS {
        let row = |contender: &Contender| Row { contender: *contender, window, samples: vec![] };
        rows.extend(contenders.iter().map(row));
    }
    for _ in 0..options.rounds {
        for contender in &contenders {
            for (window, sample) in measure(&redis, *contender, options.until)? {
                let row =
                    rows.iter_mut().find(|it| (it.contender, it.window) == (*contender, window));
                row.expect("there is one for each").samples.push(sample);
            }
        }
    }
    print!("{}", table::render(&rows));
    Ok(())
}

/// Measures a contender with each window.
fn measure(
    redis: &RedisServer,
    contender: Contender,
    until: Until,
) -> Result<Vec<(usize, Sample)>, String> {
    redis.command(&["FLUSHALL"]);
    let url = redis.url();
    let common = ["--contender", contender.name(), "--url", &url];
    let server = Process::role(&[&["server"], &common[..]].concat())?;
    let mut client = Process::role(&[&["client"], &common[..]].concat())?;
    let mut samples = Vec::new();
    for window in WINDOWS {
        client.carry_out(&Order { window, until: warm_up(until), payload: 0 })?;
        let redis_before = RedisUse::of(redis);
        let before = (cpu(client.pid())?, cpu(server.pid())?);
        let tally = client.carry_out(&Order { window, until, payload: 0 })?;
        let after = (cpu(client.pid())?, cpu(server.pid())?);
        let redis = RedisUse::of(redis).since(&redis_before);
        let (client_nanos, server_nanos) = (after.0 - before.0, after.1 - before.1);
        samples.push((window, Sample { tally, redis, client_nanos, server_nanos }));
    }
    Ok(samples)
}

fn warm_up(until: Until) -> Until {
    match until {
        Until::Calls(calls) => Until::Calls(calls / 4),
        Until::Millis(millis) => Until::Millis(millis / 4),
    }
}
