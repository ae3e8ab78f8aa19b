//! `#[derive(Accounts)]`: a structure becomes the accounts of an instruction.
//!
//! `parse` reads the declaration and refuses what cannot be meant, `seeds` resolves seeds and
//! orders derivations, `client` makes the client's side; the program's side is here.

mod client;
mod parse;
mod seeds;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{DeriveInput, Ident, Result};

pub(crate) use parse::replace_lifetime;
use parse::{Field, Set};
use seeds::{seeds, slices, sources};

use crate::common::plain_name;

/// The macro.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let set = Set::parse(input)?;
    let implementation = implementation(&set)?;
    let constants = constants(&set)?;
    let addresses = client::addresses(&set);
    let helpers = client::helpers(&set)?;
    let aliases = set.fields.iter().map(|field| field.alias(&set));
    Ok(quote! {
        const _: () = {
            #(#aliases)*
            #implementation
            #constants
        };
        #addresses
        #helpers
    })
}

fn implementation(set: &Set) -> Result<TokenStream> {
    let Set {
        sdk,
        name,
        lifetime,
        ..
    } = set;
    let metas = client::metas(set)?;
    let addresses = client::addresses_name(set);
    let args = set.args.iter().map(|argument| &argument.ty);
    let names: Vec<&Ident> = set.fields.iter().map(|field| &field.name).collect();
    let takes = set.fields.iter().map(|field| {
        let (name, accounts_of) = (&field.name, field.as_set(set));
        quote_spanned!(field.span => let #name = #accounts_of::take(accounts)?;)
    });
    let checks = set.fields.iter().map(|field| check(set, field));
    let checks = checks.collect::<Result<Vec<_>>>()?;
    let closes = set.fields.iter().filter_map(|field| {
        let (name, receiver) = (&field.name, field.close.as_ref()?);
        Some(quote!(self.#name.close(context, self.#receiver.handle())?;))
    });
    let finishes = set.fields.iter().map(|field| {
        let (name, accounts_of) = (&field.name, field.as_set(set));
        quote_spanned!(field.span => #accounts_of::finish(&self.#name, context)?;)
    });
    Ok(quote! {
        #[automatically_derived]
        impl<#lifetime> #sdk::set::AccountSet<#lifetime> for #name<#lifetime> {
            const ACCESS: &'static [#sdk::access::AccountAccess] = {
                const FIELDS: &[#sdk::access::Field] = <#name<'static>>::FIELDS;
                const LIST: [#sdk::access::AccountAccess; #sdk::access::count(FIELDS)] =
                    #sdk::access::join(FIELDS);
                &LIST
            };
            type Args = (#(#args,)*);
            type Addresses = #addresses;

            #[inline]
            fn take(accounts: &mut #sdk::set::Cursor<'_, '_, #lifetime>) -> #sdk::Result<Self> {
                #(#takes)*
                ::core::result::Result::Ok(Self { #(#names),* })
            }

            #[inline]
            fn check(
                &self,
                context: &mut #sdk::interface::InvokeContext<'_, '_>,
                args: &Self::Args,
            ) -> #sdk::Result {
                let _ = args;
                #(#checks)*
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn finish(
                &self,
                context: &mut #sdk::interface::InvokeContext<'_, '_>,
            ) -> #sdk::Result {
                #(#finishes)*
                #(#closes)*
                ::core::result::Result::Ok(())
            }

            fn metas(
                addresses: &Self::Addresses,
                args: &Self::Args,
                metas: &mut ::std::vec::Vec<#sdk::interface::AccountMeta>,
            ) {
                let _ = (addresses, args);
                #metas
            }
        }
    })
}

/// The access list in its two forms.
fn constants(set: &Set) -> Result<TokenStream> {
    let Set {
        sdk,
        name,
        lifetime,
        ..
    } = set;
    let fields = fields(set)?;
    Ok(quote! {
        #[automatically_derived]
        impl<#lifetime> #name<#lifetime> {
            const FIELDS: &'static [#sdk::access::Field] = &[#(#fields),*];
        }

        #[automatically_derived]
        impl<#lifetime> #sdk::set::Accounts<#lifetime> for #name<#lifetime> {
            const PROGRAM: #sdk::interface::Address = ID;
            const FORWARDED: &'static [#sdk::access::AccountAccess] = {
                const ACCESS: &[#sdk::access::AccountAccess] =
                    <#name<'static> as #sdk::set::AccountSet<'static>>::ACCESS;
                const LIST: [#sdk::access::AccountAccess; ACCESS.len() + 1] =
                    #sdk::access::with_program(ID, ACCESS);
                &LIST
            };
        }
    })
}

/// The fields, of which the access list is joined at compile time.
fn fields(set: &Set) -> Result<Vec<TokenStream>> {
    let sdk = &set.sdk;
    let mut fields = Vec::new();
    for field in &set.fields {
        let accounts_of = field.as_set(set);
        let (name, may_repeat) = (plain_name(&field.name), field.may_repeat);
        let source = match (seeds(set, field)?, &field.address) {
            (Some(seeds), _) => {
                let sources = sources(set, &seeds);
                quote!(::core::option::Option::Some(#sources))
            }
            (None, Some(address)) => quote! {
                ::core::option::Option::Some(#sdk::access::AddressSource::Fixed(#address))
            },
            (None, None) => quote!(::core::option::Option::None),
        };
        fields.push(quote_spanned! { field.span =>
            #sdk::access::Field {
                name: #name,
                access: #accounts_of::ACCESS,
                may_repeat: #may_repeat,
                source: #source,
            }
        });
    }
    Ok(fields)
}

/// The checks of one field: its type's, then its relations.
fn check(set: &Set, field: &Field) -> Result<TokenStream> {
    let sdk = &set.sdk;
    let (name, accounts_of) = (&field.name, field.as_set(set));
    let mut checks = quote_spanned! { field.span =>
        #accounts_of::check(&self.#name, context, &())?;
    };
    let account = |name: &Ident| quote!(self.#name.address());
    let argument = |place: usize, _: &Ident| {
        let place = syn::Index::from(place);
        quote!(args.#place)
    };
    let seeds = seeds(set, field)?;
    let seeds = seeds.map(|seeds| slices(set, &seeds, account, argument));
    match (&field.payer, seeds) {
        (Some(payer), Some((kept, slices))) => checks.extend(quote! {{
            #kept
            let seeds = [#(#slices),*];
            self.#name.create_derived(context, self.#payer.handle(), &seeds)?;
        }}),
        (Some(payer), None) => checks.extend(quote! {
            self.#name.create(context, self.#payer.handle())?;
        }),
        (None, Some((kept, slices))) => checks.extend(quote! {{
            #kept
            let seeds = [#(#slices),*];
            let bump = #sdk::account::Account::bump(&self.#name, context)?;
            let handle = #sdk::account::Account::handle(&self.#name);
            #sdk::relation::check_seeds(context, handle, &ID, &seeds, bump)?;
        }}),
        (None, None) => {}
    }
    if let Some(address) = &field.address {
        checks.extend(quote! {
            let handle = #sdk::account::Account::handle(&self.#name);
            #sdk::relation::check_address(context, handle, &(#address))?;
        });
    }
    for target in &field.has_one {
        let text = plain_name(target);
        checks.extend(quote_spanned! { target.span() => {
            let state = self.#name.read(context)?;
            let (handle, target) = (self.#name.handle(), self.#target.handle());
            #sdk::relation::check_has_one(context, handle, #text, &state.#target, target)?;
        }});
    }
    Ok(checks)
}
