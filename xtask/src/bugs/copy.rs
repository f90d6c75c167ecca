//! A copy of the workspace, in which the code may be broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bug::Change;
use crate::process::{Outcome, cargo, output, root};
use crate::servers::use_server;

/// Lies in `target/bugs`, and is used again by the next run: what didn't change isn't built again.
pub(super) struct Copy {
    work: PathBuf,
    target: PathBuf,
    redis_server: Option<PathBuf>,
}

impl Copy {
    /// Makes it, or brings it up to date. Only what is in git's index is copied, as it is on disk.
    pub(super) fn make(redis_server: Option<&Path>) -> Outcome<Copy> {
        let (root, home) = (root(), root().join("target/bugs"));
        let redis_server = redis_server.map(Path::to_path_buf);
        let copy = Copy { work: home.join("work"), target: home.join("target"), redis_server };
        let listed = output(Command::new("git").args(["ls-files", "-z"]).current_dir(&root))?;
        let files: Vec<&str> = listed.split('\0').filter(|file| !file.is_empty()).collect();
        for file in files {
            let Ok(now) = fs::read(root.join(file)) else { continue };
            let to = copy.work.join(file);
            // One that is the same keeps its time.
            if fs::read(&to).is_ok_and(|then| then == now) {
                continue;
            }
            let folder = to.parent().unwrap_or(&copy.work);
            fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            write(&to, &now)?;
        }
        Ok(copy)
    }

    /// Whether all that a bug changes is there.
    pub(super) fn fits(&self, name: &str, changes: &[Change]) -> Outcome {
        for change in changes {
            let found = change.found_in(&self.work)?;
            if found != 1 {
                let (old, file) = (change.old, change.file);
                return Err(format!(
                    "bug {name}: {file} has this {found} times, not once: {old:?}\n\
                     The code has changed: adapt the lists in xtask/src/bugs."
                ));
            }
        }
        Ok(())
    }

    /// Puts the bug in, does something, and takes it out again.
    pub(super) fn with<T>(
        &self,
        changes: &[Change],
        run: impl FnOnce() -> Outcome<T>,
    ) -> Outcome<T> {
        let mut before = Vec::new();
        for change in changes {
            let path = self.work.join(change.file);
            let text = read(&path)?;
            write(&path, text.replacen(change.old, change.new, 1).as_bytes())?;
            before.push((path, text));
        }
        let outcome = run();
        // The last one first: two changes may be in one file.
        for (path, text) in before.iter().rev() {
            write(path, text.as_bytes())?;
        }
        outcome
    }

    /// A program that was built in it, in the release profile.
    pub(super) fn program(&self, name: &str) -> Command {
        Command::new(self.target.join("release").join(name))
    }

    /// `cargo …` in it.
    pub(super) fn cargo(&self, arguments: &str) -> Command {
        let mut command = cargo(arguments);
        command.current_dir(&self.work).env("CARGO_TARGET_DIR", &self.target);
        // Nobody debugs it: half of the time is linking.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_TEST_DEBUG", "0");
        command.env("CARGO_INCREMENTAL", "1").env("CARGO_TERM_COLOR", "never");
        if let Some(program) = &self.redis_server {
            use_server(&mut command, program);
        }
        command
    }
}

impl Change {
    /// How often the file has the text that is to be replaced.
    pub(super) fn found_in(&self, workspace: &Path) -> Outcome<usize> {
        Ok(read(&workspace.join(self.file))?.matches(self.old).count())
    }
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &[u8]) -> Outcome {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
