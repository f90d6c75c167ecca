//! A `redis-server` of the test's own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::guarded::Guarded;
use crate::resp::{Connection, Value};
use crate::support::{free_port, holds_within, lock};

const START_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How often another port is tried when somebody takes the free one first.
const PORT_ATTEMPTS: u32 = 5;

/// A `redis-server` on a free port of 127.0.0.1, in a temporary directory, that writes nothing to disk.
///
/// It ends when it is dropped, and when the test process ends in whatever way. `CLAMATOR_REDIS_SERVER`
/// may name another program (an older Redis, Valkey) to start instead.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    program: OsString,
    arguments: Vec<String>,
    /// The configuration of a sentinel, which is a file that it writes to.
    sentinel: Option<String>,
    process: Mutex<Option<Guarded>>,
    // A lock of its own: a command that waits for a paused server must not hold up `resume`.
    connection: Mutex<Option<Connection>>,
    dir: TempDir,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    ///
    /// If `redis-server` is missing or doesn't answer within 10 s; the message has its log.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Like [`start`](Self::start), with further arguments: `["--maxmemory", "10mb"]`.
    pub fn start_with(arguments: &[&str]) -> Self {
        let program = env::var_os("CLAMATOR_REDIS_SERVER").unwrap_or("redis-server".into());
        Self::try_start(program, arguments).unwrap_or_else(|no_start| panic!("{no_start}"))
    }

    /// Starts a server that also speaks TLS, and gives that port. `clients` is what it asks of them: `yes` or `no`
    /// certificates. Servers that were built without TLS leave it to the machine's own `redis-server`.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_tls(certificates: &Certificates, clients: &str) -> (Self, u16) {
        let port = free_port();
        let arguments = certificates.arguments(port, clients);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let server = match env::var_os("CLAMATOR_REDIS_SERVER") {
            Some(program) => Self::try_start(program, &arguments)
                .or_else(|_| Self::try_start("redis-server", &arguments)),
            None => Self::try_start("redis-server", &arguments),
        };
        (server.unwrap_or_else(|no_start| panic!("{no_start}")), port)
    }

    /// Starts a sentinel that watches a primary by this name: alone it decides, half a second after the primary fell silent.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_sentinel(name: &str, primary: SocketAddr) -> Self {
        let (ip, port) = (primary.ip(), primary.port());
        let config = format!(
            "sentinel monitor {name} {ip} {port} 1\nsentinel down-after-milliseconds {name} 500\n\
             sentinel failover-timeout {name} 2000\n"
        );
        let program = env::var_os("CLAMATOR_REDIS_SERVER").unwrap_or("redis-server".into());
        Self::launched(program, &[], Some(config)).unwrap_or_else(|no_start| panic!("{no_start}"))
    }

    /// Starts `program`, a `redis-server` of whatever version, with further arguments.
    ///
    /// # Errors
    ///
    /// A text, with its log, if it is missing or doesn't answer within 10 s.
    pub fn try_start(program: impl Into<OsString>, arguments: &[&str]) -> Result<Self, String> {
        Self::launched(program.into(), arguments, None)
    }

    fn launched(
        program: OsString,
        arguments: &[&str],
        sentinel: Option<String>,
    ) -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (process, connection) = Default::default();
        let mut server = Self { port: 0, program, arguments, sentinel, process, connection, dir };
        for attempt in 1.. {
            server.port = free_port();
            match server.launch() {
                Ok(process) => {
                    *server.process() = Some(process);
                    break;
                }
                Err(NoStart { port_taken: true, .. }) if attempt < PORT_ATTEMPTS => {}
                Err(no_start) => return Err(no_start.to_string()),
            }
        }
        Ok(server)
    }

    /// `redis://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The port; it stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of `redis-server`; panics if it isn't running.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        running(&mut self.process()).pid()
    }

    /// Runs one command, on a connection that is kept for this purpose. An error that Redis gives is a
    /// [`Value::Error`]; panics when there is no reply.
    #[track_caller]
    pub fn command<A: AsRef<[u8]>>(&self, words: &[A]) -> Value {
        match self.try_command(words) {
            Ok(value) => value,
            Err(e) => panic!("{}: no reply from Redis: {e}", text(words)),
        }
    }

    /// Like [`command`](Self::command), but without a panic. Nothing is tried twice.
    pub fn try_command<A: AsRef<[u8]>>(&self, words: &[A]) -> io::Result<Value> {
        let mut kept = lock(&self.connection);
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let value = connection.command(words)?;
        *kept = Some(connection);
        Ok(value)
    }

    /// A connection of one's own, for commands that block or belong together.
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address())
    }

    /// Stops it cleanly and starts it again on the same port: it is empty then.
    #[track_caller]
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Stops it cleanly, as `SIGTERM` does. Does nothing if it isn't running.
    pub fn stop(&self) {
        if let Some(mut process) = self.process().take() {
            process.signal("CONT");
            process.signal("TERM");
            process.wait(STOP_TIMEOUT);
        }
        *lock(&self.connection) = None;
    }

    /// Kills it by `SIGKILL` and waits until it is gone. Does nothing if it isn't running.
    pub fn kill9(&self) {
        *self.process() = None;
        *lock(&self.connection) = None;
    }

    /// Starts it on the same port after [`stop`](Self::stop) or [`kill9`](Self::kill9).
    ///
    /// # Panics
    ///
    /// If it still runs, or doesn't answer within 10 s.
    #[track_caller]
    pub fn start_again(&self) {
        let mut process = self.process();
        let runs = process.as_mut().is_some_and(|process| process.exit_code().is_none());
        assert!(!runs, "redis-server is running already");
        *lock(&self.connection) = None;
        // An outgoing connection of some other process may have borrowed the port for a moment.
        let mut outcome = self.launch();
        holds_within(START_TIMEOUT, || {
            let again = matches!(outcome, Err(NoStart { port_taken: true, .. }));
            if again {
                outcome = self.launch();
            }
            !again
        });
        match outcome {
            Ok(started) => *process = Some(started),
            Err(no_start) => panic!("{no_start}"),
        }
    }

    /// Stops the process where it is (`SIGSTOP`): connections stay open and get no answer.
    #[track_caller]
    pub fn pause(&self) {
        running(&mut self.process()).signal("STOP");
    }

    /// Lets it go on after [`pause`](Self::pause).
    #[track_caller]
    pub fn resume(&self) {
        running(&mut self.process()).signal("CONT");
    }

    /// What the server has logged since it was started last.
    pub fn log(&self) -> String {
        let path = self.dir.path().join("redis.log");
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    }

    fn launch(&self) -> Result<Guarded, NoStart> {
        if !can_be_run(&self.program) {
            let program = self.program.to_string_lossy();
            let message = format!("{program} is missing: run `cargo xtask setup`");
            return Err(NoStart { port_taken: false, message });
        }
        _ = fs::remove_file(self.dir.path().join("redis.log"));
        let stderr = self.dir.path().join("stderr.log");
        let (mut process, _) = Guarded::start(&self.program, &self.command_line(), &stderr);
        let mut answers = false;
        holds_within(START_TIMEOUT, || {
            answers = self.answers_as(process.pid());
            answers || process.exit_code().is_some()
        });
        if answers {
            return Ok(process);
        }
        let log = format!("{}{}", self.log(), process.log());
        let message = format!("redis-server doesn't answer on {}:\n{log}", self.address());
        Err(NoStart { port_taken: log.contains("Address already in use"), message })
    }

    fn command_line(&self) -> Vec<OsString> {
        let port = self.port.to_string();
        // The directory comes first: older versions open the log where they are when they read its name.
        let mut line: Vec<OsString> = vec!["--dir".into(), self.dir.path().into()];
        if let Some(config) = &self.sentinel {
            let file = self.dir.path().join("sentinel.conf");
            fs::write(&file, config).expect("a temporary file can be written");
            line = [vec![file.into(), "--sentinel".into()], line].concat();
            let own = ["--port", &port, "--bind", "127.0.0.1", "--logfile", "redis.log"];
            line.extend(own.map(OsString::from));
            return line;
        }
        let own = ["--port", &port, "--bind", "127.0.0.1", "--logfile", "redis.log"];
        line.extend(own.map(OsString::from));
        line.extend(["--save", "", "--appendonly", "no"].map(OsString::from));
        line.extend(self.arguments.iter().map(OsString::from));
        line
    }

    /// Somebody else's server may be the one that answers on the port.
    fn answers_as(&self, pid: u32) -> bool {
        let Ok(mut connection) = self.connect() else { return false };
        match connection.command(&["INFO", "server"]) {
            Ok(Value::Bulk(info)) => String::from_utf8_lossy(&info)
                .lines()
                .any(|line| line.strip_prefix("process_id:") == Some(&pid.to_string())),
            _ => false,
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Guarded>> {
        lock(&self.process)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill9();
    }
}

#[track_caller]
fn running(process: &mut Option<Guarded>) -> &mut Guarded {
    process.as_mut().expect("redis-server isn't running")
}

#[derive(Debug)]
struct NoStart {
    port_taken: bool,
    message: String,
}

impl std::fmt::Display for NoStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

fn can_be_run(program: &OsString) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

fn text<A: AsRef<[u8]>>(words: &[A]) -> String {
    let words: Vec<_> = words.iter().map(|w| String::from_utf8_lossy(w.as_ref())).collect();
    words.join(" ")
}
