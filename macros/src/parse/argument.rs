//! One argument of a method: a key of the params, or all of them.

use syn::{Attribute, Ident, LitStr, Meta, Pat, PatType, Token, Type};

use super::attributes::bare;
use super::{Errors, types};
use crate::names;

/// An argument that travels.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// Its key on the wire.
    pub(crate) wire: String,
    /// The user's `#[serde(…)]`.
    pub(crate) serde: Vec<Attribute>,
    /// Which of serde's settings are the user's, so that they aren't set again.
    pub(crate) set: SerdeSettings,
    pub(crate) shape: Shape,
}

#[derive(Default)]
pub(crate) struct SerdeSettings {
    pub(crate) rename: bool,
    pub(crate) default: bool,
    pub(crate) skip_serializing_if: bool,
}

/// What a single argument is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// A key of the params object.
    Named,
    /// The params object.
    Whole,
    /// The params object if its type turns out to be a struct, else a key.
    ByType,
}

impl Argument {
    pub(crate) fn is_option(&self) -> bool {
        types::is_option(&self.ty)
    }
}

pub(super) fn read(argument: PatType, errors: &mut Errors) -> Option<Argument> {
    if let Some(why) = types::unfit(&argument.ty) {
        errors.push(&argument.ty, why);
        return None;
    }
    let Pat::Ident(pattern) = &*argument.pat else {
        errors.push(&argument.pat, "an argument's name is its key on the wire: give it one");
        return None;
    };
    if pattern.by_ref.is_some() || pattern.mutability.is_some() || pattern.subpat.is_some() {
        errors.push(
            pattern,
            "an argument is just a name here: patterns belong in the implementation",
        );
        return None;
    }

    let mut found = Argument {
        ident: pattern.ident.clone(),
        wire: names::camel_case(&pattern.ident.to_string()),
        serde: Vec::new(),
        set: SerdeSettings::default(),
        shape: if types::is_std(&argument.ty) { Shape::Named } else { Shape::ByType },
        ty: *argument.ty,
    };
    let mut forced: Option<Attribute> = None;
    for attr in argument.attrs {
        if attr.path().is_ident("serde") {
            found.read_serde(&attr, errors);
            found.serde.push(attr);
        } else if attr.path().is_ident("params") || attr.path().is_ident("named") {
            bare(&attr, errors);
            found.shape = if attr.path().is_ident("params") { Shape::Whole } else { Shape::Named };
            if forced.is_some() {
                errors.push(&attr, "an argument is #[params] or #[named], once");
            }
            forced = Some(attr);
        } else if !attr.path().is_ident("doc") {
            errors.push(&attr, "an argument takes #[serde(…)], #[params] and #[named]");
        }
    }
    if let Some(first) = found.serde.first() {
        // A field's settings need a field.
        if found.shape == Shape::Whole {
            errors.push(
                first,
                "#[serde] is for the key that an argument is, and #[params] makes it all of them",
            );
        }
        found.shape = Shape::Named;
    }
    if !found.set.rename && !names::is_key(&found.wire) {
        errors.push(
            &found.ident,
            format!(
                "{:?} is not fit to be a key on the wire: begin with a letter, or set #[serde(rename = \"…\")]",
                found.wire
            ),
        );
    }
    Some(found)
}

impl Argument {
    /// Takes note of what the user sets, and leaves it to serde whether it is right.
    fn read_serde(&mut self, attr: &Attribute, errors: &mut Errors) {
        let Meta::List(list) = &attr.meta else {
            errors.push(attr, "write #[serde(…)]");
            return;
        };
        let parser = syn::punctuated::Punctuated::<Meta, Token![,]>::parse_terminated;
        let settings = match list.parse_args_with(parser) {
            Ok(settings) => settings,
            Err(error) => return errors.add(error),
        };
        for setting in settings {
            let path = setting.path();
            self.set.default |= path.is_ident("default");
            self.set.skip_serializing_if |= path.is_ident("skip_serializing_if");
            if path.is_ident("flatten")
                || path.is_ident("skip")
                || path.is_ident("skip_serializing")
            {
                errors.push(
                    &setting,
                    "an argument is sent under its own key: #[params] makes it the whole object",
                );
            }
            if path.is_ident("rename") {
                self.set.rename = true;
                match rename_of(&setting) {
                    Some(name) => self.wire = name.value(),
                    None => {
                        errors.push(&setting, "both sides use this contract: write rename = \"…\"")
                    }
                }
            }
        }
    }
}

fn rename_of(setting: &Meta) -> Option<LitStr> {
    let Meta::NameValue(pair) = setting else { return None };
    syn::parse2(quote::ToTokens::to_token_stream(&pair.value)).ok()
}
