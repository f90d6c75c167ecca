//! From tokens to the model of a contract. Everything that can be wrong with one is said here, at the token that is
//! wrong, and all of it at once.

mod argument;
mod attributes;
mod method;
mod types;

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Ident, Item, ItemTrait, LitStr, Result, Token, TraitItem, TypeParamBound,
    Visibility,
};

pub(crate) use argument::Argument;
pub(crate) use method::{Method, Params};

/// A contract that is right.
pub(crate) struct Contract {
    /// The path of what the generated code refers to.
    pub(crate) private: TokenStream,
    pub(crate) service: LitStr,
    /// The trait's attributes, this one excepted.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) supertraits: Punctuated<TypeParamBound, Token![+]>,
    pub(crate) methods: Vec<Method>,
}

/// Reads `#[contract(args)] item`. `root` is the crate to refer to where `args` name no other.
pub(crate) fn contract(
    args: TokenStream,
    item: TokenStream,
    root: TokenStream,
) -> Result<Contract> {
    let mut errors = Errors::default();
    let args = attributes::contract(args, &mut errors);
    let item = trait_of(item)?;
    if args.service.is_none() && errors.is_empty() {
        let message = "name the service: #[contract(service = \"my-service\")]";
        errors.add(Error::new(Span::call_site(), message));
    }
    check_trait(&item, &mut errors);

    let mut methods: Vec<Method> = Vec::new();
    for item in item.items {
        let TraitItem::Fn(function) = item else {
            errors.push(
                item,
                "a contract has methods only: write `async fn …(&self, …) -> Result<…, …>;`",
            );
            continue;
        };
        if let Some(method) = method::read(function, args.none, &mut errors) {
            if methods.iter().any(|other| other.clashes_with(&method)) {
                errors.push(
                    &method.wire,
                    format!(
                        "there is a method named {:?} on the wire already",
                        method.wire.value()
                    ),
                );
            }
            methods.push(method);
        }
    }
    errors.into_result()?;

    let root = args.root.map_or(root, ToTokens::into_token_stream);
    Ok(Contract {
        private: quote!(#root::__private),
        service: args.service.unwrap_or_else(|| LitStr::new("", Span::call_site())),
        attrs: item.attrs,
        vis: item.vis,
        ident: item.ident,
        supertraits: item.supertraits,
        methods,
    })
}

fn trait_of(item: TokenStream) -> Result<ItemTrait> {
    match syn::parse2(item.clone()) {
        Ok(Item::Trait(item)) => Ok(item),
        Ok(_) => Err(Error::new_spanned(item, "a contract is a trait: write #[contract] on one")),
        Err(error) => Err(error),
    }
}

fn check_trait(item: &ItemTrait, errors: &mut Errors) {
    let what = "a contract has no generics: on the wire there are no types to choose";
    if !item.generics.params.is_empty() {
        errors.push(&item.generics, what);
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.push(clause, what);
    }
    if let Some(token) = &item.unsafety {
        errors.push(token, "a contract is a safe trait: anybody may implement it");
    }
    if let Some(token) = &item.modifiers.auto_token {
        errors.push(token, "a contract is implemented, never automatic");
    }
}

/// What was found wrong so far.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    /// Adds an error that points at all of `place`.
    fn push(&mut self, place: impl ToTokens, message: impl Display) {
        self.add(Error::new_spanned(place, message));
    }

    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
