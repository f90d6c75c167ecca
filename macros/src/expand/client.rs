//! The typed client.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

use super::{allow, cfgs, client_name, params};
use crate::parse::{Contract, Method};

/// The type, and what goes next to the params types.
pub(super) fn expand(contract: &Contract) -> (TokenStream, TokenStream) {
    let Contract { private, service, vis, ident, .. } = contract;
    let (client, allow, cfgs) = (client_name(contract), allow(), cfgs(&contract.attrs));

    let doc = format!(
        "Calls the service `{}`, whose contract is [`{ident}`].\n\nCheap to clone; all clones, and all other typed \
         clients over the same client, share its connections.",
        service.value(),
    );
    let client_type = quote! {
        #(#cfgs)*
        #[doc = #doc]
        #allow
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #vis struct #client {
            client: #private::Client,
        }
    };

    let methods = contract.methods.iter().map(|method| call(contract, method));
    let entries = contract.methods.iter().map(|method| entry(contract, method));
    let contract_doc = "The names of the service and its methods, as they stand on the wire.";
    let client_impl = quote! {
        #allow
        impl #client {
            #[doc = "Makes its calls over `client`, which may be shared."]
            #vis fn new(client: impl ::core::convert::Into<#private::Client>) -> Self {
                Self { client: ::core::convert::Into::into(client) }
            }

            #[doc = #contract_doc]
            #vis fn contract() -> #private::Contract {
                let contract = #private::checked(#private::Contract::new(#service));
                #(#entries)*
                contract
            }

            #(#methods)*
        }
    };
    (client_type, client_impl)
}

fn entry(contract: &Contract, method: &Method) -> TokenStream {
    let private = &contract.private;
    let (wire, cfgs) = (&method.wire, cfgs(&method.attrs));
    let kind = if method.notification { quote!(Notification) } else { quote!(Request) };
    quote! {
        #(#cfgs)*
        let contract =
            #private::checked(contract.with_method(#wire, #private::MethodKind::#kind));
    }
}

fn call(contract: &Contract, method: &Method) -> TokenStream {
    let Contract { private, service, vis, .. } = contract;
    let Method { ident, wire, output, .. } = method;
    let arguments = method.params.arguments().iter().map(|argument| {
        let (name, ty) = (&argument.ident, &argument.ty);
        quote!(#name: #ty)
    });
    let params = params::from_arguments(method);
    let (send, returns) = if method.notification {
        ("notify", quote!(#private::Notify))
    } else {
        // Here and below: what is wrong with a result is said where it is declared.
        let ok = quote_spanned!(output.span()=> <#output as #private::MethodResult>::Ok);
        ("call", quote!(#private::Call<#ok>))
    };
    let send = Ident::new(send, output.span());
    let body = quote_spanned!(output.span()=> self.client.#send(#service, #wire, &#params));

    // What says something about a method to those who call it.
    let mut shown: Vec<_> = method
        .attrs
        .iter()
        .filter(|attr| ["doc", "cfg", "deprecated"].iter().any(|name| attr.path().is_ident(name)))
        .map(|attr| quote!(#attr))
        .collect();
    if !method.attrs.iter().any(|attr| attr.path().is_ident("doc")) {
        let verb = if method.notification { "Notifies" } else { "Calls" };
        let doc = format!("{verb} `{}.{}`.", service.value(), wire.value());
        shown.push(quote!(#[doc = #doc]));
    }
    quote! {
        #(#shown)*
        #vis fn #ident(&self, #(#arguments),*) -> #returns {
            #body
        }
    }
}
