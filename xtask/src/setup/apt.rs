//! Installing Debian packages, where that is allowed without asking.

use std::process::Command;

use crate::process::{probe, run};

/// Installs the packages if this is a machine with apt and we may; says whether they are there now.
pub(crate) fn install(packages: &[&str]) -> bool {
    if probe(Command::new("apt-get").arg("--version")).is_none() {
        return false;
    }
    let Some(sudo) = privilege() else { return false };
    println!("installing {} with apt-get", packages.join(" "));
    // A stale list may do when a mirror is away, so it is the install that decides.
    _ = run(apt_get(sudo).args(["update", "--quiet"]));
    let options = ["install", "--quiet", "--yes", "--no-install-recommends"];
    match run(apt_get(sudo).args(options).args(packages)) {
        Ok(()) => true,
        Err(message) => {
            eprintln!("{message}");
            false
        }
    }
}

/// What comes before a command that root must run; `None` if we may not.
fn privilege() -> Option<&'static [&'static str]> {
    let root = probe(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
    let sudo = || probe(Command::new("sudo").args(["-n", "true"])).is_some();
    if root {
        Some(&[])
    } else if sudo() {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

/// `RUNLEVEL=1` keeps a package from starting its daemon: the tests start their own.
fn apt_get(sudo: &[&str]) -> Command {
    let mut words = sudo.iter().copied().chain(["env"]);
    let mut command = Command::new(words.next().expect("env at least"));
    command.args(words).args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]);
    // A machine that has just booted may be updating itself.
    command.args(["-o", "DPkg::Lock::Timeout=120"]);
    command
}
