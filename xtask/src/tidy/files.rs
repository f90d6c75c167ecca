//! The text files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::Outcome;

/// What is built or fetched, and what git keeps.
const SKIPPED: [&str; 6] =
    ["target", ".git", ".venv", "node_modules", "__pycache__", "mutants.out"];

/// One text file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All of them, in the order of their paths.
#[derive(Debug)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    pub(crate) fn read(root: &Path) -> Outcome<Self> {
        let mut sources = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let unreadable = |e| format!("{} can't be read: {e}", root.join(&folder).display());
            for entry in fs::read_dir(root.join(&folder)).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?;
                let path = folder.join(entry.file_name());
                let kind = entry.file_type().map_err(unreadable)?;
                // In a worktree of git, `.git` is a file.
                if is_skipped(&entry.file_name().to_string_lossy()) {
                    continue;
                }
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file()
                    && let Ok(text) = fs::read_to_string(entry.path())
                {
                    let path = path.to_string_lossy().replace('\\', "/");
                    sources.push(Source { path, text });
                }
            }
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self(sources))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn is_skipped(name: &str) -> bool {
    SKIPPED.contains(&name)
}

#[cfg(test)]
impl Sources {
    /// Made up, for the tests of the checks.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let source = |(path, text): &(&str, &str)| Source {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self(files.iter().map(source).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_file_is_found_and_what_is_built_is_not() {
        let sources = Sources::read(&crate::process::root()).unwrap();
        assert!(sources.iter().any(|it| it.path == "xtask/src/tidy/files.rs"));
        assert!(!sources.iter().any(|it| it.path.starts_with("target/")));
    }
}
