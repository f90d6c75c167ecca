//! The command line of `clamator-conformance`.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;

use super::case::Severity;
use super::cases;
use super::runner::{Options, RedisAt, run};

const HELP: &str = "\
Usage: clamator-conformance run --server-cmd \"CMD\" [--client-cmd \"CMD\"] [option]…

Puts an implementation of the clamator wire to the test, over a real Redis. CMD starts its driver
program, which speaks the surface that docs/peers.md describes; it is split into words as a shell
does.

  --server-cmd \"CMD\"      the driver program, to be run as `CMD server …`
  --client-cmd \"CMD\"      the driver program, to be run as `CMD client …`
  --redis URL             a Redis that runs; by default one is started on a free port
  --redis-server PATH     the program to start; default: redis-server
  --filter TEXT           only cases with TEXT in their names
  --only must|should      only cases of this severity
  --jobs N                how many cases run at a time; default: 4
  --timeout-s N           how long a case may take; default: 20
  --junit FILE            writes the report as JUnit XML
  --markdown FILE         writes the report as Markdown; of a file that has one, only that part
  --list                  lists the cases and runs nothing

Exit code: 0 if all cases passed, 1 if one failed or nothing could be run, 2 on a usage error.";

#[derive(Debug)]
enum Task {
    Help,
    List(Options),
    Run(Options, Files),
}

#[derive(Debug, Default)]
struct Files {
    junit: Option<PathBuf>,
    markdown: Option<PathBuf>,
}

/// Does what the arguments (without the program's name) ask for, and prints what comes of it.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(lexopt::Parser::from_args(arguments)) {
        Ok(Task::Help) => println!("{HELP}"),
        Ok(Task::List(options)) => list(&options),
        Ok(Task::Run(options, files)) => return run_and_write(&options, &files),
        Err(error) => {
            eprintln!("error: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn list(options: &Options) {
    for case in cases().iter().filter(|case| options.matches(case)) {
        let line = format!("{:<6}  {}  {}", case.severity, case.full_name(), case.rules.join(" "));
        println!("{}", line.trim_end());
    }
}

fn run_and_write(options: &Options, files: &Files) -> ExitCode {
    let report = match run(options) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", report.table());
    let junit = files.junit.as_ref().map(|path| (path, fs::write(path, report.junit())));
    let markdown = files.markdown.as_ref().map(|path| (path, report.write_markdown(path)));
    let mut written = true;
    for (path, outcome) in junit.into_iter().chain(markdown) {
        if let Err(error) = outcome {
            eprintln!("error: {} can't be written: {error}", path.display());
            written = false;
        }
    }
    if report.passed() && written { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut parser: lexopt::Parser) -> Result<Task, lexopt::Error> {
    let (mut options, mut files) = (Options::default(), Files::default());
    let (mut run, mut list, mut url, mut program) = (false, false, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) if word == "run" && !run => run = true,
            Long("server-cmd") => options.server_cmd = Some(command(&mut parser)?),
            Long("client-cmd") => options.client_cmd = Some(command(&mut parser)?),
            Long("redis") => url = Some(parser.value()?.string()?),
            Long("redis-server") => program = Some(parser.value()?),
            Long("filter") => options.filter = Some(parser.value()?.string()?),
            Long("only") => options.only = Some(severity(&parser.value()?.string()?)?),
            Long("jobs") => options.jobs = parser.value()?.parse()?,
            Long("timeout-s") => options.timeout = Duration::from_secs(parser.value()?.parse()?),
            Long("junit") => files.junit = Some(parser.value()?.into()),
            Long("markdown") => files.markdown = Some(parser.value()?.into()),
            Long("list") => list = true,
            Long("help") | Short('h') => return Ok(Task::Help),
            other => return Err(other.unexpected()),
        }
    }
    match (url, program) {
        (Some(_), Some(_)) => return Err("either --redis or --redis-server".into()),
        (Some(url), None) => {
            super::store::Address::parse(&url).map_err(|e| format!("--redis {url}: {e}"))?;
            options.redis = RedisAt::Url(url);
        }
        (None, Some(program)) => options.redis = RedisAt::Program(program),
        (None, None) => {}
    }
    if list {
        return Ok(Task::List(options));
    }
    if !run {
        return Err("what to do? Say `run`".into());
    }
    if options.jobs == 0 || options.timeout.is_zero() {
        return Err("--jobs and --timeout-s are 1 at least".into());
    }
    if options.server_cmd.is_none() && options.client_cmd.is_none() {
        return Err("--server-cmd, --client-cmd or both are needed".into());
    }
    if !cases().iter().any(|case| options.includes(case)) {
        return Err("no case is left to be run: see --list".into());
    }
    Ok(Task::Run(options, files))
}

fn command(parser: &mut lexopt::Parser) -> Result<String, lexopt::Error> {
    let line = parser.value()?.string()?;
    super::words::split(&line).map_err(|e| format!("{line:?}: {e}"))?;
    Ok(line)
}

fn severity(word: &str) -> Result<Severity, lexopt::Error> {
    match word {
        "must" => Ok(Severity::Must),
        "should" => Ok(Severity::Should),
        _ => Err(format!("{word:?} is no severity: must or should?").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Task, String> {
        parse(lexopt::Parser::from_args(words)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_full_line_is_read() {
        let words = [
            "run",
            "--server-cmd",
            "a b",
            "--client-cmd=c",
            "--redis",
            "redis://127.0.0.1:1",
            "--filter",
            "ids",
            "--only",
            "must",
            "--jobs",
            "2",
            "--timeout-s",
            "7",
            "--junit",
            "j",
            "--markdown",
            "m",
        ];
        let Ok(Task::Run(options, files)) = parsed(&words) else { panic!("it isn't run") };
        assert_eq!(options.server_cmd.as_deref(), Some("a b"));
        assert_eq!(options.client_cmd.as_deref(), Some("c"));
        assert_eq!((options.jobs, options.timeout), (2, Duration::from_secs(7)));
        assert_eq!(options.only, Some(Severity::Must));
        assert!(matches!(options.redis, RedisAt::Url(_)));
        assert_eq!((files.junit, files.markdown), (Some("j".into()), Some("m".into())));
        assert!(matches!(parsed(&["--list"]), Ok(Task::List(_))));
        assert!(matches!(parsed(&["run", "--help"]), Ok(Task::Help)));
    }

    #[test]
    fn what_cannot_be_run_is_a_usage_error() {
        for (words, why) in [
            (&[][..], "run"),
            (&["run"], "--server-cmd"),
            (&["run", "run", "--server-cmd", "a"], "run"),
            (&["run", "--server-cmd", "'a"], "quote"),
            (&["run", "--server-cmd", ""], "no command"),
            (&["run", "--server-cmd", "a", "--filter", "nothing like it"], "no case"),
            (&["run", "--server-cmd", "a", "--filter", "client/"], "no case"),
            (&["run", "--server-cmd", "a", "--timeout-s", "soon"], "soon"),
            (&["run", "--server-cmd", "a", "--jobs", "0"], "--jobs"),
            (&["run", "--server-cmd", "a", "--only", "may"], "may"),
            (&["run", "--server-cmd", "a", "--redis", "localhost"], "redis://"),
            (&["run", "--server-cmd", "a", "--fast"], "--fast"),
            (
                &[
                    "run",
                    "--server-cmd",
                    "a",
                    "--redis",
                    "redis://127.0.0.1",
                    "--redis-server",
                    "b",
                ],
                "either",
            ),
        ] {
            let error = parsed(words).unwrap_err();
            assert!(error.contains(why), "{words:?}: {error}");
        }
    }
}
