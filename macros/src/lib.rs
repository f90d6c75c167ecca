//! The attribute that makes a typed client and a service out of one Rust trait.
//!
//! Every runtime crate re-exports the variant of its own as `contract`; they differ in nothing but the path that the
//! generated code refers to. Use those rather than this crate.

mod expand;
mod names;
mod parse;

use proc_macro::TokenStream;
use quote::quote;

macro_rules! variants {
    ($($name:ident => $root:path;)*) => {$(
        #[doc = include_str!("contract.md")]
        #[proc_macro_attribute]
        pub fn $name(args: TokenStream, item: TokenStream) -> TokenStream {
            contract(args, item, quote!($root))
        }
    )*};
}

variants! {
    contract_driver => ::clamator_driver;
    contract_memory => ::clamator_memory;
    contract_tokio => ::clamator_tokio;
    contract_smol => ::clamator_smol;
    contract_async_std => ::clamator_async_std;
}

fn contract(args: TokenStream, item: TokenStream, root: proc_macro2::TokenStream) -> TokenStream {
    match parse::contract(args.into(), item.into(), root) {
        Ok(contract) => expand::contract(&contract).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
