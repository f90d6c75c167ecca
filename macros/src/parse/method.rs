//! One method of a contract.

use syn::{
    Attribute, FnArg, Ident, LitStr, Pat, PatType, Receiver, ReceiverKind, ReturnType, Signature,
    TraitItemFn, Type,
};

use super::argument::{self, Argument, Shape};
use super::attributes::{self, WriteNone, not_a_method};
use super::{Errors, types};
use crate::names;

/// A method that is right.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    /// The name on the wire, where it comes from.
    pub(crate) wire: LitStr,
    /// All attributes but the contract's own.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) notification: bool,
    /// Whether the first argument is `&CallContext`, and its pattern and type as they were written.
    pub(crate) context: Option<PatType>,
    pub(crate) params: Params,
    /// Whether an argument that is `None` is left out.
    pub(crate) omits_none: bool,
    /// What it returns: `Result<…>`, or `()`.
    pub(crate) output: Type,
}

/// What the params object of a method is made of.
pub(crate) enum Params {
    /// A key for each argument.
    Named(Vec<Argument>),
    /// The one argument.
    Whole(Argument),
    /// The one argument if its type is a struct, else it is a key.
    ByType(Argument),
}

impl Params {
    pub(crate) fn arguments(&self) -> &[Argument] {
        match self {
            Params::Named(all) => all,
            Params::Whole(one) | Params::ByType(one) => std::slice::from_ref(one),
        }
    }
}

impl Method {
    /// Whether both would have the same name on the wire. With `#[cfg]` there may be one of the two.
    pub(super) fn clashes_with(&self, other: &Method) -> bool {
        let conditional =
            |method: &Method| method.attrs.iter().any(|attr| attr.path().is_ident("cfg"));
        self.wire.value() == other.wire.value() && !(conditional(self) && conditional(other))
    }
}

/// Reads a method; `None` where it is so wrong that there is nothing to go on with.
pub(super) fn read(function: TraitItemFn, none: WriteNone, errors: &mut Errors) -> Option<Method> {
    let TraitItemFn { attrs, sig, default, .. } = function;
    let attrs = attributes::method(attrs, errors);
    if let Some(body) = default {
        errors.push(body, "a contract's methods have no bodies: write them in the implementation");
    }
    check_signature(&sig, errors);

    let output = output(&sig, attrs.notification, errors);
    let wire = attrs.name.unwrap_or_else(|| wire_name(&sig.ident, errors));
    let (context, arguments) = arguments(sig.inputs, errors);
    Some(Method {
        ident: sig.ident,
        wire,
        attrs: attrs.rest,
        notification: attrs.notification,
        context,
        params: params(arguments, errors),
        omits_none: attrs.none.unwrap_or(none) == WriteNone::Omitted,
        output: output?,
    })
}

fn check_signature(sig: &Signature, errors: &mut Errors) {
    if sig.asyncness.is_none() {
        errors.push(sig.fn_token, "a contract's methods are async: write `async fn`");
    }
    if !sig.generics.params.is_empty() {
        errors.push(
            &sig.generics,
            "a contract has no generics: on the wire there are no types to choose",
        );
    }
    if let Some(clause) = &sig.generics.where_clause {
        errors.push(clause, "a contract has no generics, and so nothing to demand of them");
    }
    if sig.constness.is_some() || sig.abi.is_some() || !matches!(sig.safety, syn::Safety::Default) {
        errors.push(sig.fn_token, "a contract's methods are plain: write `async fn`");
    }
    if let Some(variadic) = &sig.variadic {
        errors.push(variadic, "a contract's arguments have names");
    }
    if sig.ident == "new" || sig.ident == "contract" {
        errors.push(
            &sig.ident,
            format!(
                "the client has a function `{0}` of its own: call the method something else, and set \
                 #[method(name = \"{0}\")]",
                sig.ident
            ),
        );
    }
    match sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => check_receiver(receiver, errors),
        _ => errors.push(&sig.ident, "a contract's methods take `&self` first"),
    }
}

fn check_receiver(receiver: &Receiver, errors: &mut Errors) {
    if !matches!(receiver.kind, ReceiverKind::Reference(_, None, None)) {
        errors.push(
            receiver,
            "take `&self`: one handler serves all calls (keep what changes in an atomic or behind a Mutex)",
        );
    }
    for attr in &receiver.attrs {
        errors.push(attr, "`&self` takes no attributes here");
    }
}

fn output(sig: &Signature, notification: bool, errors: &mut Errors) -> Option<Type> {
    match &sig.output {
        ReturnType::Default if notification => Some(Type::Tuple(syn::TypeTuple {
            attrs: Vec::new(),
            paren_token: syn::token::Paren(sig.ident.span()),
            elems: Default::default(),
        })),
        ReturnType::Default => {
            errors.push(&sig.ident, "return Result<T, E>, or mark it #[notification]");
            None
        }
        ReturnType::Type(_, ty) => {
            let unit = matches!(types::bare(ty), Type::Tuple(tuple) if tuple.elems.is_empty());
            if notification && !unit {
                errors.push(
                    ty,
                    "a notification has no result, since nobody waits for one: return nothing",
                );
            } else if !notification && unit {
                errors.push(ty, "return Result<T, E>, or mark it #[notification]");
            } else if let Some(why) = types::unfit(ty) {
                errors.push(ty, why);
            }
            Some((**ty).clone())
        }
    }
}

fn wire_name(ident: &Ident, errors: &mut Errors) -> LitStr {
    let name = names::camel_case(&ident.to_string());
    if !names::is_method(&name) {
        errors.push(ident, not_a_method(&name));
    }
    LitStr::new(&name, ident.span())
}

fn arguments(
    inputs: impl IntoIterator<Item = FnArg>,
    errors: &mut Errors,
) -> (Option<PatType>, Vec<Argument>) {
    let mut context = None;
    let mut arguments: Vec<Argument> = Vec::new();
    let typed = inputs.into_iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    for (position, typed) in typed.enumerate() {
        if is_about_context(&typed.ty) {
            if !is_context_reference(&typed.ty) || position > 0 {
                errors.push(&typed.ty, "take the context as `&CallContext`, first after `&self`");
            } else if !matches!(*typed.pat, Pat::Ident(_) | Pat::Wild(_)) || !typed.attrs.is_empty()
            {
                errors.push(&typed, "the context is just a name here");
            } else {
                context = Some(typed);
            }
        } else if let Some(argument) = argument::read(typed, errors) {
            if arguments.iter().any(|other| other.wire == argument.wire) {
                errors.push(
                    &argument.ident,
                    format!("there is an argument named {:?} on the wire already", argument.wire),
                );
            }
            arguments.push(argument);
        }
    }
    (context, arguments)
}

fn is_about_context(ty: &Type) -> bool {
    match types::bare(ty) {
        Type::Reference(reference) => types::is_context(&reference.elem),
        other => types::is_context(other),
    }
}

fn is_context_reference(ty: &Type) -> bool {
    matches!(types::bare(ty), Type::Reference(to) if to.mutability.is_none() && to.lifetime.is_none())
}

fn params(arguments: Vec<Argument>, errors: &mut Errors) -> Params {
    match <[Argument; 1]>::try_from(arguments) {
        Ok([one]) => match one.shape {
            Shape::Named => Params::Named(vec![one]),
            Shape::Whole => Params::Whole(one),
            Shape::ByType => Params::ByType(one),
        },
        Err(all) => {
            for one in all.iter().filter(|one| one.shape == Shape::Whole) {
                let message = "#[params] makes an argument the whole object: there can't be others";
                errors.push(&one.ident, message);
            }
            Params::Named(all)
        }
    }
}
