//! A command in one text, split into words as a shell would, without a shell.

use std::ffi::OsString;

/// Splits at spaces; quotes of both kinds and backslashes hold words together.
pub(crate) fn split(line: &str) -> Result<Vec<OsString>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(end), _) if character == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                let next = characters.next().ok_or("a backslash at the end")?;
                word.get_or_insert_default().push(next);
            }
            (None, _) if character.is_whitespace() => words.extend(word.take().map(OsString::from)),
            _ => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err("a quote without an end".to_owned());
    }
    words.extend(word.map(OsString::from));
    if words.is_empty() { Err("no command".to_owned()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        let words = split(r#" python  'a b'/"c\"d" e\ f "" "#).unwrap();
        assert_eq!(words, ["python", "a b/c\"d", "e f", ""]);
    }

    #[test]
    fn what_has_no_end_is_refused() {
        for line in ["", "  ", "a 'b", "a \\"] {
            assert!(split(line).is_err(), "{line:?}");
        }
    }
}
