//! The trait that a handler implements.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{allow, cfgs};
use crate::parse::{Contract, Method};

pub(super) fn expand(contract: &Contract) -> TokenStream {
    let Contract { attrs, vis, ident, supertraits, .. } = contract;
    let supertraits = supertraits.iter();
    let methods = contract.methods.iter().map(|method| {
        let attrs = &method.attrs;
        let signature = signature(method);
        quote!(#(#attrs)* #signature;)
    });
    let shared = shared(contract);
    quote! {
        #(#attrs)*
        #vis trait #ident:
            #(#supertraits +)* ::core::marker::Send + ::core::marker::Sync + 'static
        {
            #(#methods)*
        }

        #shared
    }
}

/// An `Arc` of a handler is one too, so that a test can keep hold of what it hands over.
fn shared(contract: &Contract) -> TokenStream {
    let trait_cfgs = cfgs(&contract.attrs);
    let ident = &contract.ident;
    let supertraits = &contract.supertraits;
    let bounds =
        (!supertraits.is_empty()).then(|| quote!(where ::std::sync::Arc<__H>: #supertraits));
    let allow = allow();
    let methods = contract.methods.iter().map(|method| {
        let name = &method.ident;
        let cfgs = cfgs(&method.attrs);
        let signature = signature_with(
            method,
            method.context.as_ref().map(|context| {
                let ty = &context.ty;
                quote!(__ctx: #ty)
            }),
        );
        let context = method.context.as_ref().map(|_| quote!(__ctx,));
        let arguments = method.params.arguments().iter().map(|argument| &argument.ident);
        quote! {
            #(#cfgs)*
            #signature {
                <__H as #ident>::#name(&**self, #context #(#arguments),*)
            }
        }
    });
    quote! {
        #(#trait_cfgs)*
        #allow
        impl<__H: #ident> #ident for ::std::sync::Arc<__H> #bounds {
            #(#methods)*
        }
    }
}

fn signature(method: &Method) -> TokenStream {
    signature_with(method, method.context.as_ref().map(|context| quote!(#context)))
}

/// The signature that an `async fn` of the same arguments implements, and that promises a future for any thread.
fn signature_with(method: &Method, context: Option<TokenStream>) -> TokenStream {
    let Method { ident, output, .. } = method;
    let context = context.map(|context| quote!(#context,));
    let arguments = method.params.arguments().iter().map(|argument| {
        let (name, ty) = (&argument.ident, &argument.ty);
        quote!(#name: #ty)
    });
    // At the method's name, where errors about its implementation point to.
    quote_spanned! {ident.span()=>
        fn #ident(&self, #context #(#arguments),*)
            -> impl ::core::future::Future<Output = #output> + ::core::marker::Send
    }
}
