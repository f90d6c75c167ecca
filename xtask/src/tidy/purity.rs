//! The core reads no clock, waits for nothing, opens nothing and prints nothing.

use super::files::Sources;

/// Sockets, but not all of `std::net`: an address is mere data.
const FORBIDDEN: [&str; 15] = [
    "Instant",
    "SystemTime",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::fs",
    "std::env",
    "std::process",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "dbg!",
    "getrandom",
];

pub(crate) fn check(sources: &Sources) -> Vec<String> {
    let core = sources.iter().filter(|it| it.path.starts_with("core/src/"));
    core.flat_map(|source| {
        source.text.lines().enumerate().flat_map(move |(index, line)| {
            let code = without_comment(line);
            let found = FORBIDDEN.into_iter().filter(move |word| mentions(code, word));
            found.map(move |word| format!("{}:{}: `{word}` in the core", source.path, index + 1))
        })
    })
    .collect()
}

/// What comes before a `//` that isn't inside a string, as far as one line shows.
fn without_comment(line: &str) -> &str {
    let outside = |at: &usize| line[..*at].matches('"').count().is_multiple_of(2);
    let comment = line.match_indices("//").map(|(at, _)| at).find(outside);
    &line[..comment.unwrap_or(line.len())]
}

/// Whether `word` stands in `code` as a whole: `Instant` isn't in `Instantly`.
fn mentions(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !(before.is_some_and(part) || after.is_some_and(part) && word.ends_with(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_line(path: &str, line: &str) -> Vec<String> {
        check(&Sources::of(&[(path, line)]))
    }

    #[test]
    fn a_clock_in_the_core_is_found() {
        let found = check_line("core/src/time.rs", "\nlet now = std::time::Instant::now();");
        assert_eq!(found, ["core/src/time.rs:2: `Instant` in the core"]);
        assert_eq!(check_line("core/src/a.rs", "use std::thread;").len(), 1);
        assert_eq!(check_line("core/src/a.rs", "println!(\"{x}\");").len(), 1);
        assert_eq!(check_line("core/src/a.rs", "f(\"redis://x\", Instant::now()) // why").len(), 1);
    }

    #[test]
    fn comments_other_words_and_other_crates_are_free() {
        assert!(check_line("core/src/a.rs", "/// `Instant` needs a clock.").is_empty());
        assert!(check_line("core/src/a.rs", "let a = 1; // not an Instant").is_empty());
        assert!(check_line("core/src/a.rs", "struct InstantReply;").is_empty());
        assert!(check_line("driver/src/a.rs", "Instant::now()").is_empty());
    }
}
