//! The fuzzer as a program: the fuzz targets, told to report which code they reach.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{Outcome, cargo, output, root, run};

/// What cargo-fuzz sets without a sanitizer: coverage comes from a pass of LLVM that the stable compiler has, too.
const FLAGS: &str = "--cfg fuzzing \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 \
    -Cdebug-assertions \
    -Coverflow-checks";

pub(super) fn fuzzer() -> Outcome<PathBuf> {
    let host = host()?;
    let folder = root().join("target/fuzz/build");
    let mut command = cargo("build --release --package clamator-fuzz --bin clamator-fuzz");
    // With a target, build scripts and macros are built without these flags.
    command.args(["--target", &host]).arg("--target-dir").arg(&folder);
    command.env("RUSTFLAGS", FLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS");
    run(&mut command).map_err(|error| {
        format!("{error}; libFuzzer needs a C++ compiler (Debian: `apt-get install g++`)")
    })?;
    Ok(folder.join(host).join("release/clamator-fuzz"))
}

fn host() -> Outcome<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let about = output(Command::new(rustc).arg("-vV").current_dir(root()))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc doesn't say for which host it is".to_owned())
}
