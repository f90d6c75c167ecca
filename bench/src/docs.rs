//! Figures in the documentation: tables between two marks, and plots next to it.

use std::fs;

use clamator_testkit::workspace_root;

use crate::report::Report;
use crate::run::goals;
use crate::scenario;

const PAGE: &str = "docs/performance.md";
const PLOTS: &str = "docs/performance";

/// Writes what was found over what was there. If that isn't all, the rest stays, and so do the goals.
pub(crate) fn write(machine: &str, reports: &[Report]) -> Result<(), String> {
    let root = workspace_root();
    let page = root.join(PAGE);
    let mut text = fs::read_to_string(&page).map_err(|e| format!("{PAGE}: {e}"))?;
    if reports.len() == scenario::ALL.len() {
        text = replaced(&text, "machine", machine)?;
        text = replaced(&text, "goals", &goals(reports))?;
    }
    for report in reports {
        text = replaced(&text, report.name, &report.text)?;
        for plot in &report.plots {
            let path = root.join(PLOTS).join(format!("{}.svg", plot.file));
            fs::create_dir_all(root.join(PLOTS)).map_err(|e| format!("{PLOTS}: {e}"))?;
            fs::write(&path, plot.svg()).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    fs::write(&page, text).map_err(|e| format!("{PAGE}: {e}"))
}

/// The text with something else between `<!-- name -->` and `<!-- end -->`.
fn replaced(text: &str, name: &str, with: &str) -> Result<String, String> {
    let (mark, end) = (format!("<!-- {name} -->\n"), "<!-- end -->");
    let parts = text.split_once(&mark).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(end)?;
        Some(format!("{before}{mark}\n{}\n\n{end}{after}", with.trim()))
    });
    parts.ok_or_else(|| format!("{PAGE} has no mark {}", mark.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced() {
        let text = "a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\n<!-- end -->\n";
        let new = replaced(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- x -->\n\nnew\n\n<!-- end -->\nb\n<!-- y -->\n<!-- end -->\n");
        assert_eq!(replaced(&new, "x", "new").unwrap(), new);
        assert!(replaced(text, "z", "").is_err());
    }
}
