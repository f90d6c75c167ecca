//! From Rust's names to the wire's, and which ones the wire allows.
//!
//! The rules are those of `clamator_core::names`, said again: a macro that depended on the core would hold up the build
//! of everything that uses it.

/// `placeOrder` for `place_order`; underscores in front, at the end and doubled vanish.
pub(crate) fn camel_case(ident: &str) -> String {
    let ident = ident.strip_prefix("r#").unwrap_or(ident);
    let mut camel = String::with_capacity(ident.len());
    for word in ident.split('_') {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if !camel.is_empty() => camel.extend(first.to_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(letters.as_str());
    }
    camel
}

/// `PlaceOrder` for `placeOrder`.
pub(crate) fn pascal_case(camel: &str) -> String {
    let mut letters = camel.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Whether the wire allows `name` for a service: `^[a-z][a-z0-9-]*$`.
pub(crate) fn is_service(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether the wire allows `name` for a method: `^[a-z][a-zA-Z0-9]*$`.
pub(crate) fn is_method(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether `name`, made from an argument's, is fit to be a key of the params: it begins with a letter.
pub(crate) fn is_key(name: &str) -> bool {
    name.starts_with(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_becomes_camel_case() {
        for (rust, wire) in [
            ("add", "add"),
            ("place_order", "placeOrder"),
            ("a_b_c", "aBC"),
            ("v2_add", "v2Add"),
            ("add_2", "add2"),
            ("item_2nd", "item2nd"),
            ("r#type", "type"),
            ("r#async_fn", "asyncFn"),
            ("_n", "n"),
            ("__n_", "n"),
            ("trailing_", "trailing"),
            ("double__under", "doubleUnder"),
            ("alreadyCamel", "alreadyCamel"),
            ("größen_übersicht", "größenÜbersicht"),
            ("straße_ß", "straßeSS"),
            ("_", ""),
            ("__", ""),
        ] {
            assert_eq!(camel_case(rust), wire, "{rust}");
        }
    }

    #[test]
    fn types_are_named_in_pascal_case() {
        assert_eq!(pascal_case("placeOrder"), "PlaceOrder");
        assert_eq!(pascal_case("a"), "A");
        assert_eq!(pascal_case(""), "");
    }

    #[test]
    fn service_names_are_lowercase_with_digits_and_hyphens() {
        for good in ["a", "arith", "custom-commands", "s3", "a-"] {
            assert!(is_service(good), "{good}");
        }
        for bad in ["", "Arith", "1a", "-a", "a_b", "a.b", "a b", "ä", "aÄ"] {
            assert!(!is_service(bad), "{bad}");
        }
    }

    #[test]
    fn method_names_are_camel_case() {
        for good in ["a", "add", "placeOrder", "v2"] {
            assert!(is_method(good), "{good}");
        }
        for bad in ["", "Add", "place-order", "place_order", "2v", "a.b", "é", "aé"] {
            assert!(!is_method(bad), "{bad}");
        }
    }

    #[test]
    fn keys_begin_with_a_letter() {
        assert!(is_key("a") && is_key("A1") && is_key("größe"));
        assert!(!is_key("") && !is_key("1") && !is_key("2nd"));
    }
}
