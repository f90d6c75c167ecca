//! The type of a method's params object, for the client to write and the service to read.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

use super::{allow, cfgs, params_name};
use crate::parse::{Argument, Contract, Method, Params};

/// The types that a method needs; none where the argument's own is all.
pub(super) fn expand(contract: &Contract, method: &Method) -> TokenStream {
    let name = params_name(method);
    match &method.params {
        Params::Named(arguments) => named(contract, method, &name, arguments),
        Params::ByType(argument) => {
            let inner = inner_name(&name);
            let inner_type = named(contract, method, &inner, std::slice::from_ref(argument));
            let choice = by_type(contract, method, &name, argument);
            quote!(#inner_type #choice)
        }
        Params::Whole(_) => TokenStream::new(),
    }
}

/// What the service reads.
pub(super) fn ty(method: &Method) -> TokenStream {
    match &method.params {
        Params::Named(_) | Params::ByType(_) => params_name(method).into_token_stream(),
        Params::Whole(argument) => argument.ty.to_token_stream(),
    }
}

/// The params, where the arguments are in scope under their names.
pub(super) fn from_arguments(method: &Method) -> TokenStream {
    let name = params_name(method);
    let idents = method.params.arguments().iter().map(|argument| &argument.ident);
    match &method.params {
        Params::Named(_) => quote!(#name { #(#idents),* }),
        Params::ByType(_) => {
            let inner = inner_name(&name);
            quote!(#name(#inner { #(#idents),* }))
        }
        Params::Whole(_) => quote!(#(#idents)*),
    }
}

/// The arguments, where `params` is in scope.
pub(super) fn to_arguments(method: &Method) -> Vec<TokenStream> {
    let idents = method.params.arguments().iter().map(|argument| &argument.ident);
    match &method.params {
        Params::Named(_) => idents.map(|ident| quote!(params.#ident)).collect(),
        Params::ByType(_) => idents.map(|ident| quote!(params.0.#ident)).collect(),
        Params::Whole(_) => vec![quote!(params)],
    }
}

fn inner_name(name: &Ident) -> Ident {
    format_ident!("{name}Named")
}

/// A struct with a key for each argument.
fn named(
    contract: &Contract,
    method: &Method,
    name: &Ident,
    arguments: &[Argument],
) -> TokenStream {
    let private = &contract.private;
    let (allow, cfgs) = (allow(), cfgs(&method.attrs));
    let serde = quote!(#private::serde).to_string().replace(' ', "");
    let fields = arguments.iter().map(|argument| {
        let Argument { ident, ty, wire, serde, set, .. } = argument;
        // All of it at the type, where serde's errors then point to.
        let at = ty.span();
        let rename = (!set.rename).then(|| quote_spanned!(at=> #[serde(rename = #wire)]));
        // serde knows by itself that an Option may be absent, unless it has a `with`.
        let default = (argument.is_option() && !set.default)
            .then(|| quote_spanned!(at=> #[serde(default)]));
        let skip = (argument.is_option() && method.omits_none && !set.skip_serializing_if)
            .then(|| quote_spanned!(at=> #[serde(skip_serializing_if = "::core::option::Option::is_none")]));
        quote!(#rename #default #skip #(#serde)* #ident: #ty)
    });
    quote! {
        #(#cfgs)*
        #allow
        #[derive(#private::serde::Serialize, #private::serde::Deserialize)]
        #[serde(crate = #serde, expecting = "the params as an object")]
        struct #name {
            #(#fields),*
        }
    }
}

/// A wrapper that is the argument itself or the object with its key, whichever the argument's type calls for.
fn by_type(contract: &Contract, method: &Method, name: &Ident, argument: &Argument) -> TokenStream {
    let private = &contract.private;
    let (allow, cfgs) = (allow(), cfgs(&method.attrs));
    let inner = inner_name(name);
    let Argument { ident, ty, .. } = argument;
    // A type that serde can't handle is the argument's fault, so that is where the error points.
    let is_struct = quote_spanned!(ty.span()=> #private::codec::is_struct::<#ty>);
    let write = quote_spanned!(ty.span()=> <#ty as #private::serde::Serialize>::serialize);
    let read = quote_spanned!(ty.span()=> <#ty as #private::serde::Deserialize<'de>>::deserialize);
    quote! {
        #(#cfgs)*
        #allow
        struct #name(#inner);

        #(#cfgs)*
        #allow
        impl #name {
            fn is_whole() -> bool {
                static IS_WHOLE: ::std::sync::OnceLock<bool> = ::std::sync::OnceLock::new();
                *IS_WHOLE.get_or_init(#is_struct)
            }
        }

        #(#cfgs)*
        #allow
        impl #private::serde::Serialize for #name {
            fn serialize<__S: #private::serde::Serializer>(
                &self,
                serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                if Self::is_whole() {
                    #write(&self.0.#ident, serializer)
                } else {
                    #private::serde::Serialize::serialize(&self.0, serializer)
                }
            }
        }

        #(#cfgs)*
        #allow
        impl<'de> #private::serde::Deserialize<'de> for #name {
            fn deserialize<__D: #private::serde::Deserializer<'de>>(
                deserializer: __D,
            ) -> ::core::result::Result<Self, __D::Error> {
                if Self::is_whole() {
                    let #ident = #read(deserializer)?;
                    ::core::result::Result::Ok(#name(#inner { #ident }))
                } else {
                    #private::serde::Deserialize::deserialize(deserializer).map(#name)
                }
            }
        }
    }
}
