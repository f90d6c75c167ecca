//! Files stay small enough to hold in the head, and runtime adapters fit on a page or two.

use super::files::{Source, Sources};

/// Lines of a source file without its unit tests.
const MAX_CODE: usize = 400;
/// Lines of a source file with them, or of a file that is all tests.
const MAX_FILE: usize = 700;
/// Lines of all sources of one runtime adapter.
const MAX_ADAPTER: usize = 200;

pub(crate) fn check(sources: &Sources) -> Vec<String> {
    let mut findings: Vec<String> = sources.iter().filter_map(file_length).collect();
    findings.extend(adapter_lengths(sources));
    findings
}

fn file_length(source: &Source) -> Option<String> {
    if !source.path.ends_with(".rs") && !source.path.ends_with(".py") {
        return None;
    }
    let path = &source.path;
    let all = source.text.lines().count();
    let code = if is_test(path) { 0 } else { all - test_lines(&source.text) };
    if code > MAX_CODE {
        Some(format!("{path}: {code} lines of code; at most {MAX_CODE}"))
    } else if all > MAX_FILE {
        Some(format!("{path}: {all} lines with its tests; at most {MAX_FILE}"))
    } else {
        None
    }
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// Lines of the modules that begin with `#[cfg(test)]` and `mod`, and end with a brace at the margin.
fn test_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let mut count = 0;
    let mut at = 0;
    while at < lines.len() {
        let module =
            lines.get(at + 1).is_some_and(|it| it.starts_with("mod ") && it.ends_with('{'));
        if lines[at] == "#[cfg(test)]" && module {
            let length = lines[at..].iter().position(|line| *line == "}").map_or(0, |end| end + 1);
            count += length;
            at += length.max(1);
        } else {
            at += 1;
        }
    }
    count
}

fn adapter_lengths(sources: &Sources) -> Vec<String> {
    let mut adapters: Vec<(&str, usize)> = Vec::new();
    for source in sources.iter() {
        let Some((folder, file)) = source.path.split_once("/src/") else { continue };
        if !folder.starts_with("runtime-") || !file.ends_with(".rs") {
            continue;
        }
        let lines = source.text.lines().count();
        match adapters.iter_mut().find(|it| it.0 == folder) {
            Some(adapter) => adapter.1 += lines,
            None => adapters.push((folder, lines)),
        }
    }
    let long = adapters.into_iter().filter(|it| it.1 > MAX_ADAPTER);
    long.map(|(folder, lines)| format!("{folder}/src: {lines} lines; at most {MAX_ADAPTER}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        "fn f() {}\n".repeat(count)
    }

    fn check_one(path: &str, text: &str) -> Vec<String> {
        check(&Sources::of(&[(path, text)]))
    }

    #[test]
    fn unit_tests_are_counted_apart() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    a();\n".repeat(200));
        assert_eq!(test_lines(&tests), 203);
        assert_eq!(test_lines("#[cfg(test)]\nmod tests;\nfn a() {\n}\n"), 0);
        assert!(check_one("core/src/a.rs", &format!("{}{tests}", lines(400))).is_empty());
        assert!(
            check_one("core/src/a.rs", &format!("{}{tests}{}", lines(200), lines(200))).is_empty()
        );
        let long = check_one("core/src/a.rs", &format!("{}{tests}", lines(401)));
        assert_eq!(long, ["core/src/a.rs: 401 lines of code; at most 400"]);
        let long = check_one("core/src/a.rs", &format!("{}{tests}{tests}", lines(300)));
        assert_eq!(long, ["core/src/a.rs: 706 lines with its tests; at most 700"]);
    }

    #[test]
    fn test_files_may_be_longer_and_data_may_be_any_length() {
        assert!(check_one("core/tests/a.rs", &lines(700)).is_empty());
        assert_eq!(check_one("core/src/a/tests.rs", &lines(701)).len(), 1);
        assert!(check_one("Cargo.lock", &lines(5000)).is_empty());
    }

    #[test]
    fn adapters_are_counted_as_a_whole() {
        let (half, more) = (lines(100), lines(101));
        let files = |second| [("runtime-x/src/a.rs", &*half), ("runtime-x/src/b/c.rs", second)];
        assert!(check(&Sources::of(&files(&half))).is_empty());
        assert_eq!(check(&Sources::of(&files(&more))), ["runtime-x/src: 201 lines; at most 200"]);
        assert!(
            check(&Sources::of(&[("runtime-x/tests/a.rs", &more), ("a/src/b.rs", &more)]))
                .is_empty()
        );
    }
}
