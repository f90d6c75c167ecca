//! Figures against budgets. Pure.

use super::budgets::{Budgets, Figure, Tools};

/// By how much a figure may differ from its budget, either way, without a word.
const MARGIN: f64 = 0.05;

/// What is to be said of the figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Counted with other tools than the budgets: nothing was compared. What differs.
    NotCompared(String),
    Compared {
        /// What fails the step.
        exceeded: Vec<Finding>,
        /// What was gained and isn't in the budgets yet.
        better: Vec<Finding>,
    },
}

/// One figure that is not what its budget says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) scenario: String,
    pub(crate) text: String,
}

pub(crate) fn judge(budgets: &Budgets, tools: &Tools, figures: &[Figure]) -> Verdict {
    if budgets.tools != *tools {
        return Verdict::NotCompared(difference(&budgets.tools, tools));
    }
    let (mut exceeded, mut better) = (Vec::new(), Vec::new());
    for figure in figures {
        let Figure { scenario, unit, value } = figure;
        let finding = |text| Finding { scenario: scenario.clone(), text };
        let Some(budget) = budget(budgets, figure) else {
            exceeded.push(finding(format!("{scenario}: {unit} have no budget")));
            continue;
        };
        let percent = (value / budget - 1.0) * 100.0;
        let says = |word| format!("{scenario}: {value} {unit}, {percent:+.1} % {word} {budget}");
        if *value > budget * (1.0 + MARGIN) {
            exceeded.push(finding(says("over the budget of")));
        } else if *value < budget * (1.0 - MARGIN) {
            better.push(finding(says("against the budget of")));
        }
    }
    for Figure { scenario, unit, .. } in &budgets.figures {
        if !figures.iter().any(|it| it.scenario == *scenario && it.unit == *unit) {
            let text = format!("{scenario}: {unit} have a budget, but were not counted");
            exceeded.push(Finding { scenario: scenario.clone(), text });
        }
    }
    Verdict::Compared { exceeded, better }
}

/// The same figure among the budgets.
pub(crate) fn budget(budgets: &Budgets, figure: &Figure) -> Option<f64> {
    let same = |it: &&Figure| it.scenario == figure.scenario && it.unit == figure.unit;
    budgets.figures.iter().find(same).map(|it| it.value)
}

fn difference(budgets: &Tools, here: &Tools) -> String {
    let pairs = [
        (&budgets.rustc, &here.rustc),
        (&budgets.target, &here.target),
        (&budgets.valgrind, &here.valgrind),
        (&budgets.libc, &here.libc),
    ];
    let others = pairs.into_iter().filter(|(theirs, ours)| theirs != ours);
    others
        .map(|(theirs, ours)| format!("{ours} here, {theirs} there"))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(rustc: &str) -> Tools {
        let (target, valgrind, libc) = ("t".to_owned(), "v".to_owned(), "l".to_owned());
        Tools { rustc: rustc.to_owned(), target, valgrind, libc }
    }

    /// The budget is 1000 instructions and 10 allocations.
    fn judged(figures: &[(&str, f64)]) -> (Vec<String>, Vec<String>) {
        let of = |figures: &[(&str, f64)]| -> Vec<Figure> {
            figures.iter().map(|(unit, value)| Figure::new("core", unit, *value)).collect()
        };
        let figures = of(figures);
        let budgets = of(&[("instructions", 1000.0), ("allocations", 10.0)]);
        let budgets = Budgets { tools: tools("1.95"), figures: budgets };
        let texts = |findings: Vec<Finding>| findings.into_iter().map(|it| it.text).collect();
        match judge(&budgets, &tools("1.95"), &figures) {
            Verdict::Compared { exceeded, better } => (texts(exceeded), texts(better)),
            Verdict::NotCompared(why) => panic!("{why}"),
        }
    }

    #[test]
    fn up_to_five_percent_either_way_is_silent() {
        let nothing = (Vec::new(), Vec::new());
        assert_eq!(judged(&[("instructions", 1000.0), ("allocations", 10.0)]), nothing);
        assert_eq!(judged(&[("instructions", 1050.0), ("allocations", 9.5)]), nothing);
    }

    #[test]
    fn more_than_five_percent_over_the_budget_fails() {
        let (exceeded, better) = judged(&[("instructions", 1051.0), ("allocations", 10.0)]);
        assert_eq!(exceeded, ["core: 1051 instructions, +5.1 % over the budget of 1000"]);
        assert!(better.is_empty());
        let (exceeded, _) = judged(&[("instructions", 1000.0), ("allocations", 11.0)]);
        assert_eq!(exceeded, ["core: 11 allocations, +10.0 % over the budget of 10"]);
    }

    #[test]
    fn what_is_better_is_told_and_doesnt_fail() {
        let (exceeded, better) = judged(&[("instructions", 900.0), ("allocations", 10.0)]);
        assert!(exceeded.is_empty());
        assert_eq!(better, ["core: 900 instructions, -10.0 % against the budget of 1000"]);
    }

    #[test]
    fn a_figure_without_a_budget_fails_and_so_does_a_budget_without_a_figure() {
        let (exceeded, _) = judged(&[("instructions", 1000.0), ("syscalls", 1.0)]);
        let expected = [
            "core: syscalls have no budget",
            "core: allocations have a budget, but were not counted",
        ];
        assert_eq!(exceeded, expected);
    }

    #[test]
    fn with_other_tools_nothing_is_compared() {
        let budgets = Budgets { tools: tools("1.95"), figures: Vec::new() };
        let verdict = judge(&budgets, &tools("1.96"), &[Figure::new("core", "instructions", 9e9)]);
        assert_eq!(verdict, Verdict::NotCompared("1.96 here, 1.95 there".to_owned()));
    }
}
