//! What stands for a set that was refused: enough for the rest of the program to be checked, so
//! that the author sees the mistakes that there are and no others.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use super::{client, parse::Set, seeds::seeds};

/// Implementations that never run.
pub(super) fn expand(set: &Set) -> TokenStream {
    let (sdk, name, lifetime) = (&set.sdk, &set.name, &set.lifetime);
    let set = &with_plain_types(set);
    let addresses = client::addresses(set);
    let helpers = client::helpers(set).unwrap_or_default();
    let addresses_name = client::addresses_name(set);
    let args = set.args.iter().map(|argument| &argument.ty);
    quote! {
        impl<#lifetime> #sdk::set::AccountSet<#lifetime> for #name<#lifetime> {
            const ACCESS: &'static [#sdk::access::AccountAccess] = &[];
            type Args = (#(#args,)*);
            type Addresses = #addresses_name;

            fn take(_: &mut #sdk::set::Cursor<'_, '_, #lifetime>) -> #sdk::Result<Self> {
                ::core::unreachable!()
            }

            fn check(
                &self,
                _: &mut #sdk::interface::InvokeContext<'_, '_>,
                _: &Self::Args,
            ) -> #sdk::Result {
                ::core::unreachable!()
            }

            fn metas(
                _: &Self::Addresses,
                _: &Self::Args,
                _: &mut ::std::vec::Vec<#sdk::interface::AccountMeta>,
            ) {
            }
        }

        impl<#lifetime> #sdk::set::Accounts<#lifetime> for #name<#lifetime> {
            const PROGRAM: #sdk::interface::Address =
                #sdk::interface::Address::new_from_array([0; 32]);
            const FORWARDED: &'static [#sdk::access::AccountAccess] = &[];
        }

        impl #sdk::set::Reach for #name<'_> {
            type Inside<'c>
                = &'c Self
            where
                Self: 'c;

            fn reach<'c>(
                &'c self,
                _: &'c #sdk::interface::InvokeContext<'_, '_>,
            ) -> #sdk::Result<&'c Self> {
                ::core::unreachable!()
            }
        }

        #addresses
        #helpers
    }
}

/// The set with an account type in the place of each type that is none, and without seeds that are
/// none.
fn with_plain_types(set: &Set) -> Set {
    let mut plain = set.clone();
    for (index, field) in set.fields.iter().enumerate() {
        let own = &mut plain.fields[index];
        if field.is_no_account() {
            own.wrappers = vec!["Signer".to_owned()];
        }
        if seeds(set, field).is_err() {
            own.seeds = None;
            own.address = Some(parse_quote!(()));
        }
    }
    plain
}
