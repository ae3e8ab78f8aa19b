//! `#[tally]`: fields of a plain-old-data state that are only added to.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Field, Fields, Ident, Path, Result, spanned::Spanned};

use crate::common::{error, plain_name};

/// Counters of one state; the runtime's limit.
const COUNT_MAX: usize = 4;

/// Whether a field has the attribute.
pub(crate) fn is_counter(field: &Field) -> bool {
    field
        .attrs
        .iter()
        .any(|attribute| attribute.path().is_ident("tally"))
}

/// A constant of each counter, and the state as one with counters; nothing if it has none.
pub(crate) fn expand(sdk: &Path, state: &Ident, fields: &Fields) -> Result<TokenStream> {
    let (counters, stable): (Vec<&Field>, Vec<&Field>) =
        fields.iter().partition(|field| is_counter(field));
    if let Some(field) = counters.get(COUNT_MAX) {
        return error(field, "a state has at most 4 counters");
    }
    let mut names = Vec::new();
    for field in &counters {
        match &field.ident {
            Some(name) => names.push(name),
            None => return error(field, "a counter has a name"),
        }
    }
    if names.is_empty() {
        return Ok(TokenStream::new());
    }
    let offset = |name: &Ident| {
        let place = quote!(::core::mem::offset_of!(Self, #name));
        quote!(#sdk::account::tally_offset::<Self>(#place))
    };
    let offsets: Vec<TokenStream> = names.iter().map(|name| offset(name)).collect();
    let constants = counters.iter().zip(&names).zip(&offsets);
    let constants = constants.map(|((field, name), offset)| {
        let constant = format_ident!("{}", plain_name(name).to_uppercase(), span = name.span());
        let (visibility, text) = (&field.vis, format!("The counter `{}`.", plain_name(name)));
        quote! {
            #[doc = #text]
            #[allow(dead_code, reason = "a counter may wait for its first use")]
            #visibility const #constant: #sdk::account::TallyField<Self> =
                #sdk::account::TallyField::at(#offset);
        }
    });
    let types = counters.iter().zip(&names).map(|(field, name)| {
        let ty = &field.ty;
        quote_spanned! { ty.span() =>
            const _: fn(&#state) -> &#sdk::pod::U64 = |state| &state.#name;
        }
    });
    let stable_names: Vec<_> = stable.iter().map(|field| &field.ident).collect();
    let stable_types = stable.iter().map(|field| &field.ty);
    Ok(quote! {
        impl #state {
            #(#constants)*
        }

        #(#types)*

        const _: () = {
            #[doc(hidden)]
            #[derive(Clone, Copy, Debug)]
            #[allow(dead_code, unnameable_types, missing_docs, reason = "seen as a type of `Tally`")]
            pub struct __Stable {
                #(pub #stable_names: #stable_types,)*
            }

            impl #sdk::account::Tallied for #state {
                const COUNTERS: #sdk::interface::Counters =
                    #sdk::interface::Counters::at(&[#(#offsets),*]);
                type Stable = __Stable;

                fn stable(&self) -> __Stable {
                    __Stable {
                        #(#stable_names: self.#stable_names,)*
                    }
                }
            }
        };
    })
}
