//! The service that a handler becomes.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

use super::{allow, cfgs, client_name, params, service_name};
use crate::parse::{Contract, Method};

/// The type, and what goes next to the params types.
pub(super) fn expand(contract: &Contract) -> (TokenStream, TokenStream) {
    let Contract { private, service, vis, ident, .. } = contract;
    let (name, allow, cfgs) = (service_name(contract), allow(), cfgs(&contract.attrs));
    let client = client_name(contract);

    let doc = format!(
        "Makes the service `{}` out of a handler that implements [`{ident}`].",
        service.value()
    );
    let service_type = quote! {
        #(#cfgs)*
        #[doc = #doc]
        #allow
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #vis struct #name;
    };

    let methods = contract.methods.iter().map(|method| entry(contract, method));
    let new_doc = "The service, ready to be registered on a server.\n\nAn `Arc` of a handler will do too, so that \
                   one can keep hold of it.";
    let contract_doc = "The names of the service and its methods, as they stand on the wire.";
    let service_impl = quote! {
        #allow
        impl #name {
            #[doc = #new_doc]
            #vis fn new<__H: #ident>(handler: __H) -> #private::Service {
                let handler = ::std::sync::Arc::new(handler);
                let service = #private::checked(#private::Service::new(#service));
                #(#methods)*
                service
            }

            #[doc = #contract_doc]
            #vis fn contract() -> #private::Contract {
                #client::contract()
            }
        }
    };
    (service_type, service_impl)
}

fn entry(contract: &Contract, method: &Method) -> TokenStream {
    let (private, handler) = (&contract.private, &contract.ident);
    let Method { ident, wire, output, .. } = method;
    let cfgs = cfgs(&method.attrs);
    let params_type = params::ty(method);
    let arguments = params::to_arguments(method);
    let context = method.context.as_ref().map(|_| quote!(&context,));
    let add = if method.notification { "notification" } else { "method" };
    let add = Ident::new(add, output.span());
    // A result that can't be written is the declaration's fault, so that is where the error points.
    let call = quote_spanned! {output.span()=>
        move |params: #params_type, context: #private::CallContext| {
            let handler = ::std::sync::Arc::clone(&handler);
            async move { <__H as #handler>::#ident(&*handler, #context #(#arguments),*).await }
        }
    };
    let add = quote_spanned!(output.span()=> service.#add(#wire, #call));
    quote! {
        #(#cfgs)*
        let service = {
            let handler = ::std::sync::Arc::clone(&handler);
            #private::checked(#add)
        };
    }
}
