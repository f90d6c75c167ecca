//! A run: the scenarios that were asked for, and where their findings go.

use crate::args::Options;
use crate::docs;
use crate::grid::Grid;
use crate::report::Report;
use crate::scenario::{self, Scenario};
use crate::site::{Site, machine};

pub(crate) fn bench(options: &Options) -> Result<(), String> {
    let site = Site::new(&options.redis_server)?;
    let all = scenario::ALL.iter();
    let wanted: Vec<&Scenario> = match (options.write_docs, options.scenarios.is_empty()) {
        (true, true) => all.collect(),
        (false, true) => all.take(1).collect(),
        (_, false) => {
            all.filter(|it| options.scenarios.iter().any(|name| name == it.name)).collect()
        }
    };
    let mut reports = Vec::new();
    for scenario in wanted {
        let report = (scenario.run)(&site, options)?;
        if !options.json {
            println!("\n## {}: {}\n\n{}", scenario.name, scenario.about, report.text);
        }
        reports.push(report);
    }
    if options.json {
        let all = serde_json::json!({ "machine": machine(&site), "scenarios": reports });
        println!("{}", serde_json::to_string_pretty(&all).map_err(|e| e.to_string())?);
    } else {
        println!("{}", goals(&reports));
    }
    if options.write_docs {
        let rounds = options.rounds;
        docs::write(&format!("{}; {rounds} rounds.", machine(&site)), &reports)?;
    }
    Ok(())
}

/// What was promised, and what came out.
pub(crate) fn goals(reports: &[Report]) -> String {
    let mut grid = Grid::new(["what", "goal", "measured", "met"]);
    for goal in reports.iter().flat_map(|report| &report.goals) {
        let met = if goal.met { "yes" } else { "no" };
        grid.row([goal.what, goal.goal, &goal.measured, met]);
    }
    grid.text()
}
