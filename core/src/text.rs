//! Text from outside, cut to what a log line or an error message bears.

use std::borrow::Cow;

/// The most characters of a foreign text that are repeated anywhere.
const MOST: usize = 200;

/// The beginning of a text; all of it if it is short.
pub(crate) fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shorten("short"), "short");
        let exact = "é".repeat(MOST);
        assert_eq!(shorten(&exact), exact);
        assert_eq!(shorten(&"é".repeat(MOST + 1)), format!("{exact}…"));
    }
}
