//! Nothing in the repository depends on one machine: no absolute home, no package index of one's own.

use super::files::Sources;

/// Absolute paths that are at home on one machine. In two parts, so that they aren't found here.
const PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Hosts and settings of package indexes: which one to use is the machine's business.
const INDEXES: [&str; 8] = [
    concat!("py", "pi.org"),
    concat!("files.python", "hosted.org"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("--index", "-url"),
    concat!("--find", "-links"),
    concat!("replace", "-with"),
];

pub(crate) fn check(sources: &Sources) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter() {
        for (index, line) in source.text.lines().enumerate() {
            let paths = PATHS.into_iter().filter(|path| names_path(line, path));
            let indexes = INDEXES.into_iter().filter(|name| line.contains(name));
            let found = paths.chain(indexes);
            findings.extend(found.map(|word| {
                format!("{}:{}: `{word}` belongs to one machine", source.path, index + 1)
            }));
        }
    }
    findings
}

/// Whether the line has the path at its start, rather than as a part of another path.
fn names_path(line: &str, path: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "_-./}*".contains(c);
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(line: &str) -> bool {
        !check(&Sources::of(&[("a.md", line)])).is_empty()
    }

    #[test]
    fn homes_are_found_and_other_paths_are_not() {
        assert!(is_found(&format!("see {}x.md", PATHS[0])));
        assert!(is_found(&format!("{}x", PATHS[1])));
        assert!(!is_found(&format!("network{}x", PATHS[0])));
        assert!(!is_found(&format!("./target{}x", PATHS[0])));
        assert!(!is_found("https://docs.rs/redis and https://crates.io/crates/redis"));
    }

    #[test]
    fn indexes_are_found() {
        assert!(is_found(&format!("{} https://mirror/simple", INDEXES[5])));
        assert!(is_found(&format!("https://{}/simple", INDEXES[0])));
    }
}
