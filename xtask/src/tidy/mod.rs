//! `cargo xtask tidy`: what the project promises about its own sources, held by code.

mod dependencies;
mod files;
mod length;
mod mentions;
mod purity;

use crate::process::{Outcome, root};
use files::Sources;

/// Runs all checks and reports everything they find.
pub(crate) fn run() -> Outcome {
    let sources = Sources::read(&root())?;
    let mut findings = dependencies::check()?;
    findings.extend(length::check(&sources));
    findings.extend(mentions::check(&sources));
    findings.extend(purity::check(&sources));
    if findings.is_empty() {
        println!("tidy: {} files, nothing found", sources.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    Err(format!("{} finding(s)", findings.len()))
}
