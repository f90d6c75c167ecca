//! The processes of clients and servers: started, ended, stopped and started again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clamator_testkit::Guarded;

use crate::record::{Recorder, What};
use crate::vitals;

/// All of them, each at its place.
#[derive(Debug)]
pub(crate) struct Processes {
    program: PathBuf,
    record: PathBuf,
    seed: u64,
    recorder: Recorder,
    slots: BTreeMap<String, Slot>,
    /// Nothing is started any more.
    closing: bool,
}

#[derive(Debug)]
struct Slot {
    role: &'static str,
    url: String,
    filled: u32,
    running: Option<Running>,
    start_at: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    name: String,
    process: Guarded,
    /// It was told to end.
    told: bool,
}

impl Processes {
    pub(crate) fn new(record: PathBuf, seed: u64, recorder: Recorder) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|e| format!("where is this program? {e}"))?;
        let (slots, closing) = (BTreeMap::new(), false);
        Ok(Processes { program, record, seed, recorder, slots, closing })
    }

    /// Makes a place, and starts its first process.
    pub(crate) fn add(&mut self, slot: &str, role: &'static str, url: String) {
        let new = Slot { role, url, filled: 0, running: None, start_at: Some(Instant::now()) };
        self.slots.insert(slot.to_owned(), new);
        self.poll();
    }

    /// Takes note of what has ended, and starts what is due. What ends unasked is started again, too.
    pub(crate) fn poll(&mut self) {
        let names: Vec<String> = self.slots.keys().cloned().collect();
        for name in names {
            self.reap(&name);
            self.start_if_due(&name);
        }
    }

    fn reap(&mut self, slot: &str) {
        let Some(place) = self.slots.get_mut(slot) else { return };
        let Some(running) = &mut place.running else { return };
        if let Some(code) = running.process.exit_code() {
            let log = running.process.log();
            if !log.is_empty() {
                self.recorder.write(What::Log { text: format!("{}: {log}", running.name) });
            }
            let ended = What::Ended { process: running.name.clone(), code, told: running.told };
            self.recorder.write(ended);
            place.running = None;
            place.start_at.get_or_insert_with(Instant::now);
        }
    }

    fn start_if_due(&mut self, slot: &str) {
        let Some(place) = self.slots.get_mut(slot) else { return };
        let due = place.start_at.is_some_and(|at| at <= Instant::now());
        if self.closing || place.running.is_some() || !due {
            return;
        }
        place.start_at = None;
        place.filled += 1;
        let name = format!("{slot}.{}", place.filled);
        let arguments = [
            place.role.into(),
            "--name".into(),
            OsString::from(&name),
            "--url".into(),
            OsString::from(&place.url),
            "--record".into(),
            self.record.clone().into_os_string(),
            "--seed".into(),
            self.seed.to_string().into(),
        ];
        self.recorder.write(What::Started { process: name.clone() });
        let log = self.record.join(format!("{name}.stderr"));
        let (process, _) = Guarded::start(self.program.as_os_str(), &arguments, &log);
        place.running = Some(Running { name, process, told: false });
    }

    /// The name of the process at a place, if there is one.
    pub(crate) fn name(&self, slot: &str) -> Option<String> {
        self.slots.get(slot)?.running.as_ref().map(|running| running.name.clone())
    }

    /// Whether a process has written that it serves, or may call.
    pub(crate) fn is_ready(&self, name: &str) -> bool {
        let record = std::fs::read_to_string(self.record.join(format!("{name}.jsonl")));
        record.is_ok_and(|text| text.contains("\"e\":\"ready\""))
    }

    /// The names of all that run in a role.
    pub(crate) fn running(&self, role: &str) -> Vec<String> {
        let slots = self.slots.values().filter(|slot| slot.role == role);
        slots.filter_map(|slot| slot.running.as_ref()).map(|it| it.name.clone()).collect()
    }

    /// Whether every place has its process.
    pub(crate) fn complete(&self) -> bool {
        self.slots.values().all(|slot| slot.running.is_some())
    }

    pub(crate) fn slots(&self, role: &str) -> Vec<String> {
        self.slots.iter().filter(|(_, it)| it.role == role).map(|(name, _)| name.clone()).collect()
    }

    /// Kills by SIGKILL; another one comes after a while. Gives its name.
    pub(crate) fn kill(&mut self, slot: &str, away: Duration) -> Option<String> {
        let place = self.slots.get_mut(slot)?;
        let running = place.running.as_mut()?;
        running.told = true;
        running.process.kill();
        place.start_at = Some(Instant::now() + away);
        let name = running.name.clone();
        self.reap(slot);
        Some(name)
    }

    /// Sends a signal, if the process of that name is still there.
    pub(crate) fn signal(&mut self, name: &str, signal: &str) {
        let running = self.slots.values_mut().filter_map(|slot| slot.running.as_mut());
        for running in running.filter(|running| running.name == name) {
            running.told |= signal == "TERM";
            running.process.signal(signal);
        }
    }

    /// From here on nothing is started any more.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// Writes down what each process uses.
    pub(crate) fn sample(&self) {
        for running in self.slots.values().filter_map(|slot| slot.running.as_ref()) {
            if let Some(usage) = vitals::usage(&running.name, running.process.pid()) {
                self.recorder.write(usage);
            }
        }
    }
}
