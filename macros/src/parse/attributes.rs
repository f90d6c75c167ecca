//! What stands in the attributes: `#[contract(…)]`, `#[method(…)]`, `#[notification]`.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Attribute, LitStr, Meta, Path, Result};

use super::Errors;
use crate::names;

/// How an argument that is `None` goes out.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum WriteNone {
    #[default]
    Omitted,
    Null,
}

#[derive(Default)]
pub(super) struct ContractArgs {
    pub(super) service: Option<LitStr>,
    pub(super) none: WriteNone,
    pub(super) root: Option<Path>,
}

pub(super) fn contract(args: TokenStream, errors: &mut Errors) -> ContractArgs {
    let mut found = ContractArgs::default();
    if let Ok(name) = syn::parse2::<LitStr>(args.clone()) {
        errors.push(&name, format!("say what it is: #[contract(service = {:?})]", name.value()));
        return found;
    }
    let mut none = None;
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("service") {
            let name: LitStr = meta.value()?.parse()?;
            if !names::is_service(&name.value()) {
                errors.push(
                    &name,
                    format!(
                        "{:?} is not a service name: start with a lowercase letter, go on with lowercase letters, \
                         digits and hyphens",
                        name.value()
                    ),
                );
            }
            once(&mut found.service, name, &meta)
        } else if meta.path.is_ident("none") {
            once(&mut none, write_none(&meta)?, &meta)
        } else if meta.path.is_ident("crate") {
            let path = meta.value()?.call(Path::parse_mod_style)?;
            once(&mut found.root, path, &meta)
        } else {
            Err(meta
                .error("a contract takes `service = \"…\"`, `none = \"null\"` and `crate = path`"))
        }
    });
    if let Err(error) = parser.parse2(args) {
        errors.add(error);
    }
    found.none = none.unwrap_or_default();
    found
}

/// What the attributes of a method say.
#[derive(Default)]
pub(super) struct MethodAttrs {
    pub(super) name: Option<LitStr>,
    pub(super) none: Option<WriteNone>,
    pub(super) notification: bool,
    /// The attributes that aren't the contract's own.
    pub(super) rest: Vec<Attribute>,
}

pub(super) fn method(attrs: Vec<Attribute>, errors: &mut Errors) -> MethodAttrs {
    let mut found = MethodAttrs::default();
    for attr in attrs {
        if attr.path().is_ident("notification") {
            bare(&attr, errors);
            found.notification = true;
        } else if attr.path().is_ident("method") {
            if let Err(error) = attr.parse_nested_meta(|meta| found.read(&meta)) {
                errors.add(error);
            }
        } else {
            found.rest.push(attr);
        }
    }
    if let Some(name) = &found.name
        && !names::is_method(&name.value())
    {
        errors.push(name, not_a_method(&name.value()));
    }
    found
}

impl MethodAttrs {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("name") {
            once(&mut self.name, meta.value()?.parse()?, meta)
        } else if meta.path.is_ident("none") {
            once(&mut self.none, write_none(meta)?, meta)
        } else {
            Err(meta.error("a method takes `name = \"…\"` and `none = \"null\"`"))
        }
    }
}

pub(super) fn not_a_method(name: &str) -> String {
    format!(
        "{name:?} is not a method name: start with a lowercase letter, go on with letters and digits (camelCase on \
         the wire); #[method(name = \"…\")] sets another"
    )
}

/// Takes note of an attribute's error if it isn't just a word.
pub(super) fn bare(attr: &Attribute, errors: &mut Errors) {
    if !matches!(attr.meta, Meta::Path(_)) {
        errors.push(attr, "this attribute takes no arguments");
    }
}

fn once<T>(place: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match place.replace(value) {
        Some(_) => Err(meta.error("this is said twice")),
        None => Ok(()),
    }
}

fn write_none(meta: &ParseNestedMeta<'_>) -> Result<WriteNone> {
    let text: LitStr = meta.value()?.parse()?;
    match text.value().as_str() {
        "omit" => Ok(WriteNone::Omitted),
        "null" => Ok(WriteNone::Null),
        _ => Err(syn::Error::new_spanned(
            text,
            "an argument that is None is left out (\"omit\", the default) or written as null (\"null\")",
        )),
    }
}
