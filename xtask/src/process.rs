//! Running other programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a task gives: an error is one line that says what to do, or what failed.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The directory of the workspace.
pub(crate) fn root() -> PathBuf {
    // Asked at run time first: the checkout may have been moved since this was built.
    let manifest = env::var("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").to_owned());
    let root = Path::new(&manifest).parent();
    root.expect("xtask lies in the workspace").to_path_buf()
}

/// `cargo …` in the workspace, with the arguments split at spaces.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(arguments.split_whitespace()).current_dir(root());
    // What `cargo run` tells about xtask itself makes some build scripts run again.
    for (name, _) in env::vars_os() {
        let about_xtask = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if name.to_str().is_some_and(|name| about_xtask.iter().any(|it| name.starts_with(it))) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs it with this process' own output.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` failed ({status})", shown(command))),
        Err(e) => Err(format!("`{}` can't be started: {e}", shown(command))),
    }
}

/// Its standard output; its standard error goes where ours goes.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    match command.stdin(Stdio::null()).stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => Err(format!("`{}` failed ({})", shown(command), output.status)),
        Err(e) => Err(format!("`{}` can't be started: {e}", shown(command))),
    }
}

/// Its standard output if it is there and succeeds, without a word if not.
pub(crate) fn probe(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let words = [program.file_name().unwrap_or(program.as_os_str())].into_iter();
    let words = words.chain(command.get_args()).map(|word| word.to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}
