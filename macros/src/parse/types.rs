//! What can be told about a type from its tokens alone.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, Type};

/// What is under parentheses and invisible groups.
pub(super) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        other => other,
    }
}

fn path_of(ty: &Type) -> Option<&Path> {
    match bare(ty) {
        Type::Path(path) if path.qself.is_none() => Some(&path.path),
        _ => None,
    }
}

/// Whether it is `CallContext`, by whatever path.
pub(super) fn is_context(ty: &Type) -> bool {
    path_of(ty)
        .and_then(|path| path.segments.last())
        .is_some_and(|last| last.ident == "CallContext")
}

/// Whether it is `Option<…>`.
pub(super) fn is_option(ty: &Type) -> bool {
    std_name(ty).is_some_and(|(name, _)| name == "Option")
}

/// Whether it is the standard library's (or serde_json's), as far as one can see, so that it is one value and not the
/// params as a whole, even where serde takes it for a struct or a map.
pub(super) fn is_std(ty: &Type) -> bool {
    const NAMES: &[&str] = &[
        "bool",
        "char",
        "f32",
        "f64",
        "i8",
        "i16",
        "i32",
        "i64",
        "i128",
        "isize",
        "u8",
        "u16",
        "u32",
        "u64",
        "u128",
        "usize",
        "str",
        "String",
        "Option",
        "Result",
        "Vec",
        "VecDeque",
        "LinkedList",
        "BinaryHeap",
        "HashMap",
        "BTreeMap",
        "IndexMap",
        "HashSet",
        "BTreeSet",
        "IndexSet",
        "Duration",
        "SystemTime",
        "Range",
        "RangeInclusive",
        "RangeFrom",
        "RangeTo",
        "Map",
        "Value",
    ];
    match std_name(ty) {
        Some((name, Some(inner))) if ["Box", "Rc", "Arc"].contains(&name.as_str()) => is_std(inner),
        Some((name, _)) => NAMES.contains(&name.as_str()),
        None => matches!(bare(ty), Type::Array(_) | Type::Tuple(_)),
    }
}

/// The last name of a path that is bare, or of a well-known crate or module; and its first argument.
fn std_name(ty: &Type) -> Option<(String, Option<&Type>)> {
    let path = path_of(ty)?;
    let first = path.segments.first()?;
    let known = ["std", "core", "alloc", "serde_json", "option", "collections", "time", "indexmap"];
    if path.segments.len() > 1 && !known.iter().any(|name| first.ident == name) {
        return None;
    }
    let last = path.segments.last()?;
    let argument = match &last.arguments {
        PathArguments::AngleBracketed(list) => {
            list.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    };
    Some((last.ident.to_string(), argument))
}

/// Why a type can't stand in a contract, other than as `&CallContext`; `None` if it can.
pub(super) fn unfit(ty: &Type) -> Option<&'static str> {
    unfit_tokens(ty.to_token_stream())
}

fn unfit_tokens(tokens: TokenStream) -> Option<&'static str> {
    let mut lifetime = false;
    for token in tokens {
        let found = match token {
            // What is left of a lifetime's two tokens.
            TokenTree::Ident(ident) if lifetime => (ident != "static").then_some(BORROWED),
            TokenTree::Ident(ident) if ident == "impl" => Some(GENERIC),
            TokenTree::Ident(ident) if ident == "dyn" => Some(DYN),
            TokenTree::Ident(ident) if ident == "Self" => Some(SELF),
            TokenTree::Punct(punct) if punct.as_char() == '&' => Some(BORROWED),
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                lifetime = true;
                continue;
            }
            TokenTree::Group(group) => unfit_tokens(group.stream()),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
        lifetime = false;
    }
    None
}

const BORROWED: &str = "what goes over the wire is owned: take `String` for `&str`, `Vec<T>` for `&[T]` (the one \
                        reference is `&CallContext`, first after `&self`)";
const GENERIC: &str = "a contract has no generics: on the wire there are no types to choose";
const DYN: &str = "`dyn` types can't go over the wire: name a type. For an error that may be anything (`Box<dyn Error>`) return \
                   `RpcError`, with `.map_err(|e| RpcError::internal(\"Error\", e))` in the handler";
const SELF: &str = "`Self` is another type in the client: name the type";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Type {
        syn::parse_str(text).unwrap()
    }

    #[test]
    fn std_s_types_are_known_by_name() {
        for ty in [
            "u8",
            "String",
            "(String)",
            "std::string::String",
            "::std::time::Duration",
            "time::Duration",
            "Vec<Order>",
            "Option<Order>",
            "option::Option<Order>",
            "HashMap<String, Order>",
            "std::collections::BTreeMap<u8, Order>",
            "[Order; 3]",
            "(Order, Order)",
            "()",
            "Box<String>",
            "Box<Vec<Order>>",
            "std::sync::Arc<str>",
            "serde_json::Value",
            "Value",
            "serde_json::Map<String, Value>",
            "Box<(u8, u8)>",
        ] {
            assert!(is_std(&parse(ty)), "{ty}");
        }
        for ty in [
            "Order",
            "orders::Value",
            "my::time::Duration",
            "Box<Order>",
            "Box",
            "<A as B>::String",
            "Page<u8>",
        ] {
            assert!(!is_std(&parse(ty)), "{ty}");
        }
    }

    #[test]
    fn options_are_known_by_name() {
        for ty in
            ["Option<u8>", "std::option::Option<u8>", "::core::option::Option<u8>", "(Option<u8>)"]
        {
            assert!(is_option(&parse(ty)), "{ty}");
        }
        for ty in ["Vec<Option<u8>>", "my::Option<u8>", "Optional<u8>", "(Option<u8>,)"] {
            assert!(!is_option(&parse(ty)), "{ty}");
        }
    }

    #[test]
    fn the_context_is_known_by_its_last_name() {
        assert!(is_context(&parse("CallContext")));
        assert!(is_context(&parse("::clamator_tokio::CallContext")));
        assert!(!is_context(&parse("Context")));
        assert!(!is_context(&parse("CallContext::Inner")));
    }

    #[test]
    fn what_is_borrowed_or_generic_is_unfit_at_any_depth() {
        for ty in ["&str", "Option<&str>", "Vec<(u8, [&'a u8; 1])>", "Cow<'_, str>", "Page<'a>"] {
            assert_eq!(unfit(&parse(ty)), Some(BORROWED), "{ty}");
        }
        assert_eq!(unfit(&parse("impl Into<String>")), Some(GENERIC));
        assert_eq!(unfit(&parse("Box<dyn Any>")), Some(DYN));
        assert_eq!(unfit(&parse("Result<u8, Box<dyn Error>>")), Some(DYN));
        assert_eq!(unfit(&parse("Vec<Self>")), Some(SELF));
        for ty in ["u8", "Cow<'static, str>", "Vec<(u8, [Order; 3])>", "Selfish"] {
            assert_eq!(unfit(&parse(ty)), None, "{ty}");
        }
    }
}
