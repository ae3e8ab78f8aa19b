//! `#[event]`: a structure or enum becomes a value that receipts carry.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, LitInt, Result};

use crate::{
    common::{or_stub, sdk, strip},
    data,
};

/// The macro.
pub(crate) fn expand(discriminator: &LitInt, mut item: DeriveInput) -> Result<TokenStream> {
    let sdk = sdk(&item.attrs)?;
    let tag: u8 = discriminator.base10_parse()?;
    let name = item.ident.clone();
    let data = or_stub(data::expand(&item), || data::stub(&sdk, &name));
    strip(&mut item.attrs, &["lockstep"]);
    if let Data::Struct(body) = &mut item.data {
        for field in &mut body.fields {
            strip(&mut field.attrs, &["max"]);
        }
    }
    Ok(quote! {
        #[derive(Debug)]
        #item

        impl #sdk::event::Event for #name {
            const DISCRIMINATOR: u8 = #tag;
            const PROGRAM: #sdk::interface::Address = ID;
        }

        #data
    })
}
