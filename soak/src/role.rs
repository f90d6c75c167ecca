//! What the processes of clients and servers have in common.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clamator_tokio::StartError;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::log::ToRecord;
use crate::record::{Recorder, What};

/// What a process is told.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// Its place and how often it was filled: `s0.3`. Also its instance id.
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) record: PathBuf,
    pub(crate) seed: u64,
}

/// How often a process looks whether it gets on.
const TICK: Duration = Duration::from_millis(50);
/// What is worth a line. Far below what makes a server look dead.
const LATE: Duration = Duration::from_millis(250);

impl Role {
    /// Opens its record, and lets everything that is logged go there.
    pub(crate) fn begin(&self) -> Result<Recorder, String> {
        let path = self.record.join(format!("{}.jsonl", self.name));
        let recorder =
            Recorder::open(&path).map_err(|e| format!("{} can't be made: {e}", path.display()))?;
        let set = tracing::subscriber::set_global_default(ToRecord(recorder.clone()));
        set.map_err(|e| format!("nothing can be logged: {e}"))?;
        tokio::spawn(watch(recorder.clone()));
        Ok(recorder)
    }
}

/// Tells when the process doesn't get on, and how many tasks it has.
async fn watch(recorder: Recorder) {
    for tick in 1_u64.. {
        let start = Instant::now();
        sleep(TICK).await;
        if let Some(late) = start.elapsed().checked_sub(TICK).filter(|late| *late > LATE) {
            recorder.write(What::Late { ms: u64::try_from(late.as_millis()).unwrap_or(0) });
        }
        if tick.is_multiple_of(20) {
            record_tasks(&recorder);
        }
    }
}

pub(crate) fn record_tasks(recorder: &Recorder) {
    let count = Handle::current().metrics().num_alive_tasks();
    recorder.write(What::Tasks { count: count as u64 });
}

/// Tries to start until it works: Redis may be away just now.
pub(crate) async fn started<F>(mut start: impl FnMut() -> F) -> Result<(), StartError>
where
    F: Future<Output = Result<(), StartError>>,
{
    loop {
        match start().await {
            Err(StartError::Unreachable(_) | StartError::Refused { .. }) => {
                sleep(TICK).await;
            }
            result => return result,
        }
    }
}
