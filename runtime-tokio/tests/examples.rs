//! Every example runs, and says what it promises. The README shows the quickstart as it is.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clamator_testkit::{RedisServer, free_port, unique_prefix, workspace_root};

#[test]
fn the_readme_shows_the_quickstart() {
    let readme = fs::read_to_string(workspace_root().join("README.md")).unwrap();
    let source = include_str!("../examples/quickstart.rs");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(shown, Some(source), "README.md differs from examples/quickstart.rs");
}

#[test]
fn quickstart() {
    assert_eq!(output_of("quickstart"), "2 + 3 = 5\n");
}

#[test]
fn several_services() {
    assert_eq!(
        output_of("several_services"),
        "soup with leek and potatoes\n\
         dishes: soup\n"
    );
}

#[test]
fn fire_and_forget() {
    assert_eq!(
        output_of("fire_and_forget"),
        "before the server: no such service: true\n\
         home was visited 2 times\n"
    );
}

#[test]
fn custom_commands() {
    assert_eq!(
        output_of("custom_commands"),
        "2 + 3 = 5\n\
         greet: Hello, Ada!\n\
         part: Farewell, Ada.\n\
         insult: Method not found (-32601)\n"
    );
}

#[test]
fn testing_handlers() {
    assert_eq!(
        output_of("testing_handlers"),
        "the handler alone: ok\n\
         the whole way on tokio: ok\n\
         a timeout in no time: ok\n"
    );
}

#[test]
fn lifecycle() {
    let mut server = Program::start(&mut example("lifecycle"));
    assert_eq!(server.line(), "job 1 begins");
    server.terminate();
    assert_eq!(
        server.end(),
        "stopping\n\
         job 1 is done\n\
         stopped: 1 finished, 0 handed back, 0 dropped\n"
    );
}

#[test]
fn redis_server_and_redis_client() {
    let redis = RedisServer::start();
    let prefix = unique_prefix("example");
    let over_redis = |name| {
        let mut command = example(name);
        command.arg(&prefix).env("REDIS_URL", redis.url());
        command
    };
    let answers = "2 + 3 = 5\n1 / 0: division by zero (code -32001)\n";

    // A client may be started first.
    let early = Program::start(&mut over_redis("redis_client"));
    let mut server = Program::start(&mut over_redis("redis_server"));
    assert_eq!(server.line(), "READY");
    assert_eq!(early.end(), answers);
    assert_eq!(Program::start(&mut over_redis("redis_client")).end(), answers);

    server.terminate();
    assert_eq!(server.end(), "stopped: 0 handlers were dropped\n");
    let keys = redis.command(&["KEYS", &format!("{prefix}*")]);
    let keys: Vec<&str> = keys.as_array().iter().map(|key| key.as_str()).collect();
    assert_eq!(keys, [format!("{prefix}:cmds:arith")], "nothing else is left behind");
}

#[test]
fn redis_examples_without_redis_say_where_they_looked() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    for name in ["redis_server", "redis_client"] {
        let output = example(name).env("REDIS_URL", &url).output().unwrap();
        assert!(!output.status.success(), "{name}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(url.trim_start_matches("redis://")), "{name}: {error}");
    }
}

fn output_of(name: &str) -> String {
    Program::start(&mut example(name)).end()
}

/// An example. Not every way to run tests builds examples, or builds them as programs: then it is built here.
fn example(name: &str) -> Command {
    // target/<profile>/deps/examples-<hash>
    let this = env::current_exe().unwrap();
    let profile = this.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    if !is_fresh(&program) {
        build(name, profile);
    }
    Command::new(program)
}

/// Whether it is there, and no source is newer, by the list that cargo keeps next to it.
fn is_fresh(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
    let Some(built) = modified(program) else { return false };
    let list = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let Some((_, sources)) = list.split_once(": ") else { return false };
    sources.split_whitespace().all(|it| modified(Path::new(it)).is_some_and(|it| it <= built))
}

fn build(name: &str, profile: &Path) {
    let mut build = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    // The whole workspace, so that dependencies have the features that they have in a run of all tests.
    build.current_dir(workspace_root()).args(["build", "--quiet", "--workspace"]);
    build.args(["--example", name]).arg("--target-dir").arg(profile.parent().unwrap());
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(other) => _ = build.args(["--profile", other]),
    }
    // What cargo tells this test about its package would make build scripts run again.
    let about_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (variable, _) in env::vars_os() {
        let variable = variable.to_string_lossy();
        if about_package.iter().any(|prefix| variable.starts_with(prefix)) {
            build.env_remove(&*variable);
        }
    }
    let built = build.stdin(Stdio::null()).output().unwrap();
    assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
}

/// A running example, which ends with the test.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start(command: &mut Command) -> Program {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Program { child, stdout }
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn terminate(&self) {
        // The program may have printed its line just before it listens to signals.
        thread::sleep(Duration::from_millis(100));
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for its end, which must be a good one, and gives what it has printed since the last line.
    fn end(mut self) -> String {
        let status = self.wait();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(status.success(), "{status}: {rest}");
        rest
    }

    /// What it prints fits into the pipe.
    fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status,
                None if Instant::now() > until => panic!("it doesn't end"),
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
