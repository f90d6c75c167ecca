//! Asks Redis all the time whether it is there, and writes down when it wasn't: a machine that is busy, or a disk that is
//! slow, silences everybody, and a Redis that has come back still has to load its data. Now and then it also looks what Redis holds.

use std::net::SocketAddr;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use clamator_testkit::{Connection, Value};

use crate::record::{Recorder, What};
use crate::sight;

/// The name under which it is in the record.
pub(crate) const REDIS: &str = "redis";

/// Ticks between two looks.
const LOOK_EVERY: u64 = 20;
const TICK: Duration = Duration::from_millis(50);
/// What is worth a line.
const LATE: Duration = Duration::from_millis(250);

/// Watches in a thread of its own, until the process ends.
pub(crate) fn begin(redis: SocketAddr, recorder: Recorder) {
    thread::spawn(move || {
        let mut connection = None;
        let mut answered = Instant::now();
        for tick in 1_u64.. {
            connection = connection.or_else(|| Connection::open(redis).ok());
            match connection.as_mut().map(|it| it.command(&["PING"])) {
                Some(Ok(Value::Simple(_))) => {
                    let late = answered.elapsed();
                    if late > LATE {
                        let ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
                        recorder.write(What::Late { ms });
                    }
                    answered = Instant::now();
                    if tick.is_multiple_of(LOOK_EVERY) {
                        let mut ask = |command: &[&str]| connection.as_mut()?.command(command).ok();
                        let found = [sight::lengths(&mut ask), sight::consumers(&mut ask)].concat();
                        found.into_iter().for_each(|what| recorder.write(what));
                    }
                }
                // It takes commands again later.
                Some(Ok(_)) => {}
                Some(Err(_)) | None => connection = None,
            }
            sleep(TICK);
        }
    });
}
