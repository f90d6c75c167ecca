//! The wire's own test suite, over this project's driver program on each runtime, as server and as client.

use clamator_conformance::foreign::{Options, cases, run};

/// What this project is known to fail, each with the reason.
const KNOWN: &[&str] = &[];

fn passes_on(runtime: &str) {
    let program = env!("CARGO_BIN_EXE_clamator-peer");
    let command = format!("'{program}' --runtime {runtime}");
    let options = Options {
        server_cmd: Some(command.clone()),
        client_cmd: Some(command),
        ..Options::default()
    };
    let report = run(&options).unwrap();
    assert_eq!(report.failed_names(), KNOWN, "{}", report.table());
    assert_eq!(report.findings.len(), cases().len());
}

#[test]
fn tokio_passes() {
    passes_on("tokio");
}

#[test]
fn smol_passes() {
    passes_on("smol");
}

#[test]
fn async_std_passes() {
    passes_on("async-std");
}
