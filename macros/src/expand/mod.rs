//! From the model of a contract to the code.
//!
//! The params types and everything that needs them are in a `const` block, so that they can't meet a name of the user's.

mod client;
mod handler;
mod params;
mod service;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Ident};

use crate::names;
use crate::parse::{Contract, Method};

pub(crate) fn contract(contract: &Contract) -> TokenStream {
    let handler = handler::expand(contract);
    let client = client::expand(contract);
    let service = service::expand(contract);
    let params = contract.methods.iter().map(|method| params::expand(contract, method));
    let cfgs = cfgs(&contract.attrs);
    let (client_type, client_impl) = client;
    let (service_type, service_impl) = service;
    quote! {
        #handler
        #client_type
        #service_type

        #(#cfgs)*
        const _: () = {
            #(#params)*
            #client_impl
            #service_impl
        };
    }
}

/// For every generated item: what the user's lints say about the contract is for the contract itself.
fn allow() -> TokenStream {
    quote! {
        #[allow(
            dead_code, deprecated, unused_qualifications, unused_variables, clippy::all, clippy::pedantic
        )]
    }
}

fn client_name(contract: &Contract) -> Ident {
    format_ident!("{}Client", contract.ident)
}

fn service_name(contract: &Contract) -> Ident {
    format_ident!("{}Service", contract.ident)
}

/// The name of the type that holds a method's params.
fn params_name(method: &Method) -> Ident {
    format_ident!("__{}Params", names::pascal_case(&method.wire.value()))
}

/// What makes a method, or the contract, conditional makes everything conditional that is made from it.
fn cfgs(attrs: &[Attribute]) -> Vec<&Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect()
}
