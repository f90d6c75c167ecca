//! What was found: as a table, as Markdown, and as JUnit XML.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::case::{Finding, Severity, Verdict};

const BEGIN: &str = "<!-- what stands from here to the end of the report is generated -->";
const END: &str = "<!-- end of the report -->";

/// What a run has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How the server was started.
    pub server_cmd: Option<String>,
    /// How the client was started.
    pub client_cmd: Option<String>,
    /// What Redis says of itself.
    pub redis_version: String,
    /// One for each case.
    pub findings: Vec<Finding>,
    /// How long all of it took.
    pub took: Duration,
}

impl Report {
    /// Whether nothing failed, and something was tried.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures().next().is_none() && self.count("passed") > 0
    }

    /// What failed, with the reasons.
    pub fn failures(&self) -> impl Iterator<Item = (&Finding, &str)> {
        self.findings.iter().filter_map(|finding| match &finding.verdict {
            Verdict::Failed(why) => Some((finding, why.as_str())),
            _ => None,
        })
    }

    /// The full names of what failed.
    #[must_use]
    pub fn failed_names(&self) -> Vec<String> {
        self.failures().map(|(finding, _)| finding.case.full_name()).collect()
    }

    fn count(&self, word: &str) -> usize {
        self.findings.iter().filter(|finding| word_of(&finding.verdict) == word).count()
    }

    fn failed_of(&self, severity: Severity) -> usize {
        self.failures().filter(|(finding, _)| finding.case.severity == severity).count()
    }

    /// One line: how many of what.
    #[must_use]
    pub fn summary(&self) -> String {
        format!(
            "{} passed, {} failed ({} must, {} should), {} skipped",
            self.count("passed"),
            self.count("failed"),
            self.failed_of(Severity::Must),
            self.failed_of(Severity::Should),
            self.count("skipped"),
        )
    }

    /// For a terminal.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = String::new();
        for (group, findings) in self.groups() {
            _ = writeln!(table, "\n{group}");
            for finding in findings {
                let (word, case) = (word_of(&finding.verdict), &finding.case);
                let rules = case.rules.join(" ");
                let line = format!("  {word:<7}  {:<6}  {}  {rules}", case.severity, case.name);
                _ = writeln!(table, "{}", line.trim_end());
                if let Some(why) = reason(&finding.verdict) {
                    _ = writeln!(table, "                   {why}");
                }
            }
        }
        _ = writeln!(table, "\n{}, in {:.1} s", self.summary(), self.took.as_secs_f64());
        table
    }

    /// For people to read, and to be kept with its date.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("{BEGIN}\n\n");
        _ = writeln!(text, "{} · Redis {}", today(), self.redis_version);
        for (side, command) in [("server", &self.server_cmd), ("client", &self.client_cmd)] {
            if let Some(command) = command {
                _ = write!(text, "\n- {side}: `{command}`");
            }
        }
        _ = writeln!(text, "\n\n**{}**", self.summary());
        for (group, findings) in self.groups() {
            _ = writeln!(text, "\n### {group}\n\n| | | case | rules |\n|---|---|---|---|");
            for Finding { case, verdict, .. } in findings {
                let why = reason(verdict).map(|why| format!("<br>{}", markdown_text(why)));
                let word = match verdict {
                    Verdict::Failed(_) => "**failed**",
                    other => word_of(other),
                };
                let name = case.name.replace('_', " ");
                let (rules, why) = (case.rules.join(" "), why.unwrap_or_default());
                _ = writeln!(text, "| {word} | {} | {name}{why} | {rules} |", case.severity);
            }
        }
        text + "\n" + END + "\n"
    }

    /// Writes the Markdown. In a file that has a report already only that part is replaced.
    ///
    /// # Errors
    ///
    /// What writing the file gives.
    pub fn write_markdown(&self, path: &Path) -> io::Result<()> {
        let old = fs::read_to_string(path).unwrap_or_default();
        fs::write(path, spliced(&old, &self.markdown()))
    }

    /// For build servers.
    #[must_use]
    pub fn junit(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let count = |word: &str| self.count(word);
        _ = writeln!(
            xml,
            "<testsuites name=\"clamator-conformance\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
            self.findings.len(),
            count("failed"),
            count("skipped"),
            self.took.as_secs_f64(),
        );
        for (group, findings) in self.groups() {
            let is = |word: &str| findings.iter().filter(|it| word_of(&it.verdict) == word).count();
            let time: f64 = findings.iter().map(|it| it.took.as_secs_f64()).sum();
            _ = writeln!(
                xml,
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{time:.3}\">",
                xml_text(&group),
                findings.len(),
                is("failed"),
                is("skipped"),
            );
            for Finding { case, verdict, took } in findings {
                let (class, time) = (xml_text(&group), took.as_secs_f64());
                let open = format!(
                    "<testcase classname=\"{class}\" name=\"{}\" time=\"{time:.3}\"",
                    case.name
                );
                _ = match verdict {
                    Verdict::Passed => writeln!(xml, "    {open}/>"),
                    Verdict::Skipped(why) => {
                        let why = xml_text(why);
                        writeln!(xml, "    {open}><skipped message=\"{why}\"/></testcase>")
                    }
                    Verdict::Failed(why) => {
                        let (kind, why) = (case.severity, xml_text(why));
                        let failure = format!("<failure type=\"{kind}\" message=\"{why}\"/>");
                        writeln!(xml, "    {open}>{failure}</testcase>")
                    }
                };
            }
            xml.push_str("  </testsuite>\n");
        }
        xml + "</testsuites>\n"
    }

    /// Findings that stand together, with what they have in common.
    fn groups(&self) -> Vec<(String, Vec<&Finding>)> {
        let mut groups: Vec<(String, Vec<&Finding>)> = Vec::new();
        for finding in &self.findings {
            let name = format!("{}: {}", finding.case.side, finding.case.group);
            match groups.iter_mut().find(|(group, _)| *group == name) {
                Some((_, findings)) => findings.push(finding),
                None => groups.push((name, vec![finding])),
            }
        }
        groups
    }
}

fn word_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed(_) => "failed",
        Verdict::Skipped(_) => "skipped",
    }
}

fn reason(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Passed => None,
        Verdict::Failed(why) => Some(why.trim_end()),
        Verdict::Skipped(why) => Some(why),
    }
}

fn spliced(old: &str, report: &str) -> String {
    let parts = old.split_once(BEGIN).and_then(|(before, rest)| {
        rest.split_once(END).map(|(_, after)| (before, after.strip_prefix('\n').unwrap_or(after)))
    });
    match parts {
        Some((before, after)) => format!("{before}{report}{after}"),
        None => report.to_owned(),
    }
}

fn markdown_text(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\n' | '\r' => escaped.push(' '),
            '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' => {
                escaped.extend(['\\', character]);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

fn xml_text(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            // XML has no way to write them.
            '\0'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The date in UTC: `2026-07-30`.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    date((seconds / 86_400) as i64)
}

/// The date, so many days after 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign::cases;

    fn report() -> Report {
        let verdicts = [
            Verdict::Passed,
            Verdict::Failed("got \"a|b\" & <c>\nand \u{1}".into()),
            Verdict::Skipped("why not"),
        ];
        let findings = cases().into_iter().zip(verdicts).map(|(case, verdict)| Finding {
            case,
            verdict,
            took: Duration::from_millis(1500),
        });
        Report {
            server_cmd: Some("python driver.py".into()),
            client_cmd: None,
            redis_version: "7.0.15".into(),
            findings: findings.collect(),
            took: Duration::from_secs(5),
        }
    }

    #[test]
    fn dates_are_right() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_663), "2026-07-29");
    }

    #[test]
    fn the_table_counts_and_says_why() {
        let table = report().table();
        assert!(table.contains("failed   must    a_request_with_spaces_and_escapes_is_answered"));
        assert!(table.contains("1 passed, 1 failed (1 must, 0 should), 1 skipped, in 5.0 s"));
        assert!(!report().passed());
    }

    #[test]
    fn xml_is_escaped() {
        let xml = report().junit();
        let failure = "message=\"got &quot;a|b&quot; &amp; &lt;c&gt;&#10;and \u{fffd}\"";
        assert!(xml.contains(failure), "{xml}");
        assert!(
            xml.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"4.500\"")
        );
        assert!(xml.contains("<skipped message=\"why not\"/>"));
    }

    #[test]
    fn markdown_is_escaped_and_spliced_into_what_is_there() {
        let markdown = report().markdown();
        assert!(markdown.contains(r#"got "a\|b" & \<c\> and"#), "{markdown}");
        assert!(markdown.contains("- server: `python driver.py`\n"));
        let old = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nWhat it means.\n");
        let new = spliced(&old, &markdown);
        assert!(
            new.starts_with("# Title\n\n") && new.ends_with(&format!("{END}\n\nWhat it means.\n"))
        );
        assert!(!new.contains("\nold\n"));
        assert_eq!(spliced("something else", &markdown), markdown);
    }
}
