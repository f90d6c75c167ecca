//! `cargo xtask test`: every check and test, one step after the other.

mod steps;

use std::path::{self, PathBuf};
use std::time::{Duration, Instant};

use crate::process::Outcome;
use crate::setup;
use steps::{STEPS, Step, Verdict};

/// What to run.
#[derive(Debug)]
pub(crate) struct Plan {
    options: Options,
    steps: Vec<&'static Step>,
}

/// How to run it.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Tests may take longer.
    full: bool,
    /// What they start instead of `redis-server`.
    redis_server: Option<PathBuf>,
}

impl Plan {
    pub(crate) fn parse(arguments: &[&str]) -> Outcome<Self> {
        let (mut options, mut names) = (Options::default(), Vec::new());
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--full" => options.full = true,
                "--redis-server" => {
                    let path = arguments.next().ok_or("--redis-server needs a path")?;
                    // Tests run in the folders of their packages.
                    let path = path::absolute(path).map_err(|e| format!("{path}: {e}"))?;
                    options.redis_server = Some(path);
                }
                unknown if unknown.starts_with('-') => {
                    return Err(format!("test has no option `{unknown}`"));
                }
                name => names.push(name),
            }
        }
        if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|it| it.name != **name)) {
            return Err(format!("test has no step `{unknown}`"));
        }
        let wanted = |step: &&Step| names.is_empty() || names.contains(&step.name);
        Ok(Self { options, steps: STEPS.iter().filter(wanted).collect() })
    }

    pub(crate) fn run(&self) -> Outcome {
        let mut table = Vec::new();
        if self.steps.iter().any(|step| step.needs_setup) {
            let start = Instant::now();
            header("setup");
            setup::run().map_err(|e| format!("setup failed: {e}"))?;
            table.push(Row { name: "setup", took: start.elapsed(), note: String::new() });
        }
        for step in &self.steps {
            let start = Instant::now();
            header(step.name);
            let verdict = (step.run)(&self.options).map_err(|e| {
                format!("step {0} failed: {e}\nrun it alone: cargo xtask test {0}", step.name)
            })?;
            let note = match verdict {
                Verdict::Passed => String::new(),
                Verdict::NotRun(why) => format!("not run: {why}"),
            };
            table.push(Row { name: step.name, took: start.elapsed(), note });
        }
        header("all passed");
        print!("{}", render(&table));
        Ok(())
    }
}

/// The names, for the help.
pub(crate) fn step_names() -> String {
    STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", ")
}

struct Row {
    name: &'static str,
    took: Duration,
    note: String,
}

fn header(name: &str) {
    println!("\n== {name}");
}

fn render(table: &[Row]) -> String {
    let line = |name: &str, took: Duration, note: &str| {
        let line = format!("{name:<10}{:>8.1} s  {note}", took.as_secs_f64());
        format!("{}\n", line.trim_end())
    };
    let total = table.iter().map(|row| row.took).sum();
    let rows: String = table.iter().map(|row| line(row.name, row.took, &row.note)).collect();
    rows + &line("total", total, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        Plan::parse(arguments).unwrap().steps.iter().map(|step| step.name).collect()
    }

    #[test]
    fn without_names_all_steps_run() {
        assert_eq!(names(&[]).len(), STEPS.len());
        assert_eq!(names(&["--full"]).len(), STEPS.len());
        assert!(Plan::parse(&["--full"]).unwrap().options.full);
    }

    #[test]
    fn named_steps_run_in_the_usual_order() {
        assert_eq!(names(&["clippy", "fmt"]), ["fmt", "clippy"]);
    }

    #[test]
    fn another_server_is_named_by_its_path() {
        let plan = Plan::parse(&["--redis-server", "/opt/redis-server", "test"]).unwrap();
        assert_eq!(plan.options.redis_server.as_deref(), Some("/opt/redis-server".as_ref()));
        assert_eq!(plan.steps.len(), 1);
        assert!(Plan::parse(&["--redis-server"]).unwrap_err().contains("a path"));
    }

    #[test]
    fn unknown_words_are_refused() {
        assert_eq!(Plan::parse(&["lint"]).unwrap_err(), "test has no step `lint`");
        assert_eq!(Plan::parse(&["--fast"]).unwrap_err(), "test has no option `--fast`");
    }

    #[test]
    fn the_table_adds_up() {
        let row = |name, millis, note: &str| Row {
            name,
            took: Duration::from_millis(millis),
            note: note.to_owned(),
        };
        let table = render(&[row("fmt", 500, ""), row("deny", 1500, "not run: why")]);
        let expected = "\
fmt            0.5 s
deny           1.5 s  not run: why
total          2.0 s
";
        assert_eq!(table, expected);
    }
}
