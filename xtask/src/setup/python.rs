//! Virtual environments: of the Python peer, and of packages that carry servers.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::apt;
use crate::process::{Outcome, probe, root, run};

/// The Python package asks for 3.11, a virtual environment for these modules.
const IS_FIT: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

pub(crate) fn prepare() -> Outcome {
    let home = root().join("target/peers/python");
    environment(&home, &root().join("conformance/peers/python/requirements.txt"))
}

/// A virtual environment with what is required, unless it is there.
pub(crate) fn environment(home: &Path, requirements: &Path) -> Outcome {
    let wanted = fs::read_to_string(requirements)
        .map_err(|e| format!("{} can't be read: {e}", requirements.display()))?;
    // Written last, so that what was broken off is begun anew.
    let stamp = home.join("requirements.stamp");
    let python = home.join("bin/python");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let shown = home.strip_prefix(root()).unwrap_or(home);
    println!("preparing {}", shown.display());
    let system = system_python()?;
    run(Command::new(system).args(["-m", "venv", "--clear"]).arg(home))?;
    install(&python, requirements)?;
    fs::write(&stamp, wanted).map_err(|e| format!("{} can't be written: {e}", stamp.display()))
}

fn system_python() -> Outcome<&'static str> {
    let candidates = ["python3", "/usr/bin/python3"];
    let is_fit = |it: &&str| probe(Command::new(it).args(["-c", IS_FIT])).is_some();
    let find = || candidates.into_iter().find(is_fit);
    if let Some(found) = find() {
        return Ok(found);
    }
    if apt::install(&["python3", "python3-venv"])
        && let Some(found) = find()
    {
        return Ok(found);
    }
    Err("Python 3.11 or newer with venv is missing: install it (Debian 12 or newer: `apt-get install \
         python3 python3-venv`)"
        .to_owned())
}

/// Registries have their bad moments, so a failure is tried once more.
fn install(python: &Path, requirements: &Path) -> Outcome {
    let pip = || {
        let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(python).args(options).arg("--requirement").arg(requirements))
    };
    pip().or_else(|_| pip())
}
