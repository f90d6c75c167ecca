//! `counts/budgets.toml`: what a call may cost, and with which tools that was counted.

use std::fmt::Write as _;

use crate::process::Outcome;

/// What the figures depend on besides the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tools {
    pub(crate) rustc: String,
    pub(crate) target: String,
    pub(crate) valgrind: String,
    /// Its `malloc` and `memcpy` are a good part of a call.
    pub(crate) libc: String,
}

/// One number of one scenario.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) scenario: String,
    /// `instructions` or `allocations`, of one call.
    pub(crate) unit: String,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(scenario: &str, unit: &str, value: f64) -> Figure {
        Figure { scenario: scenario.to_owned(), unit: unit.to_owned(), value }
    }
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Budgets {
    pub(crate) tools: Tools,
    pub(crate) figures: Vec<Figure>,
}

const HEAD: &str = "\
# What a call may cost. `cargo xtask test` fails when one of these is exceeded by more than 5 %, if the tools are those
# named here. Written by `cargo xtask counts --update`.
";

const TOOLS: &str = "tools";

impl Budgets {
    /// The few things of TOML that [`render`](Budgets::render) writes.
    pub(crate) fn parse(text: &str) -> Outcome<Budgets> {
        let mut budgets = Budgets::default();
        let mut section = "";
        for (index, line) in text.lines().map(str::trim).enumerate() {
            let wrong = || format!("counts/budgets.toml:{}: `{line}`", index + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                section = name.strip_suffix(']').ok_or_else(wrong)?;
                continue;
            }
            let (key, value) = line.split_once(" = ").ok_or_else(wrong)?;
            if section != TOOLS {
                let value = value.parse().map_err(|_| wrong())?;
                budgets.figures.push(Figure::new(section, key, value));
                continue;
            }
            let tool = match key {
                "rustc" => &mut budgets.tools.rustc,
                "target" => &mut budgets.tools.target,
                "valgrind" => &mut budgets.tools.valgrind,
                "libc" => &mut budgets.tools.libc,
                _ => return Err(wrong()),
            };
            *tool = value.trim_matches('"').to_owned();
        }
        Ok(budgets)
    }

    pub(crate) fn render(&self) -> String {
        let Tools { rustc, target, valgrind, libc } = &self.tools;
        let mut text = format!(
            "{HEAD}\n[{TOOLS}]\nrustc = \"{rustc}\"\ntarget = \"{target}\"\nvalgrind = \"{valgrind}\"\nlibc = \"{libc}\"\n"
        );
        let mut section = "";
        for Figure { scenario, unit, value } in &self.figures {
            if section != scenario {
                _ = write!(text, "\n[{scenario}]\n");
                section = scenario;
            }
            _ = writeln!(text, "{unit} = {value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let tools = Tools {
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            valgrind: "valgrind-3.19.0".to_owned(),
            libc: "glibc 2.36".to_owned(),
        };
        let figures = [
            Figure::new("core-1", "instructions", 20311.0),
            Figure::new("core-1", "allocations", 12.04),
            Figure::new("core-256", "instructions", 19000.0),
        ];
        let budgets = Budgets { tools, figures: figures.into() };
        let text = budgets.render();
        assert!(text.contains("\n[core-1]\ninstructions = 20311\nallocations = 12.04\n"), "{text}");
        assert_eq!(Budgets::parse(&text), Ok(budgets));
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_line() {
        let error = Budgets::parse("\n[core-1]\ninstructions = many\n").unwrap_err();
        assert_eq!(error, "counts/budgets.toml:3: `instructions = many`");
    }

    #[test]
    fn the_committed_file_can_be_read() {
        let path = crate::process::root().join("counts/budgets.toml");
        let budgets = Budgets::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(!budgets.tools.rustc.is_empty() && !budgets.figures.is_empty());
    }
}
