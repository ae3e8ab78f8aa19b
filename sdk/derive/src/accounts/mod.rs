//! `#[derive(Accounts)]`: a structure becomes the accounts of an instruction.
//!
//! `parse` reads the declaration, `words` knows what other frameworks would have said, `route` and
//! `seeds` resolve names, and `rules` refuses what cannot be meant; `checks` makes the program's
//! side and `client` the client's. Where something is refused, `stub` stands for all of it, so that
//! the compiler finds nothing else.

mod checks;
mod client;
mod parse;
mod route;
mod rules;
mod seeds;
mod stub;
mod words;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{DeriveInput, Ident, Result};

pub(crate) use parse::replace_lifetime;
use parse::{Field, Set};
use route::Route;
use seeds::{seeds, source, sources};

use crate::common::{Errors, fresh, plain_name};

/// The macro.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let set = Set::parse(input, &mut errors)?;
    set.check(&mut errors);
    if !errors.is_empty() {
        let (errors, stub) = (errors.to_tokens(), stub::expand(&set));
        return Ok(quote!(#errors #stub));
    }
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
    let [accounts, context, args, named, metas_list] =
        ["accounts", "context", "args", "addresses", "metas"].map(fresh);
    let metas = client::metas(set)?;
    let addresses = client::addresses_name(set);
    let arg_types = set.args.iter().map(|argument| &argument.ty);
    let names: Vec<&Ident> = set.fields.iter().map(|field| &field.name).collect();
    let locals: Vec<Ident> = (0..names.len())
        .map(|index| fresh(&format!("field_{index}")))
        .collect();
    let takes = set.fields.iter().zip(&locals).map(|(field, local)| {
        let accounts_of = field.as_set(set);
        quote_spanned!(field.span => let #local = #accounts_of::take(#accounts)?;)
    });
    let checks = set.fields.iter().map(|field| checks::check(set, field));
    let checks = checks.collect::<Result<Vec<_>>>()?;
    let finishes = set.fields.iter().map(|field| checks::finish(set, field));
    let access = access(set)?;
    Ok(quote! {
        #[automatically_derived]
        impl<#lifetime> #sdk::set::AccountSet<#lifetime> for #name<#lifetime> {
            #access
            type Args = (#(#arg_types,)*);
            type Addresses = #addresses;

            #[inline]
            fn take(#accounts: &mut #sdk::set::Cursor<'_, '_, #lifetime>) -> #sdk::Result<Self> {
                #(#takes)*
                ::core::result::Result::Ok(Self { #(#names: #locals),* })
            }

            #[inline]
            fn check(
                &self,
                #context: &mut #sdk::interface::InvokeContext<'_, '_>,
                #args: &Self::Args,
            ) -> #sdk::Result {
                let _ = #args;
                #(#checks)*
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn finish(
                &self,
                #context: &mut #sdk::interface::InvokeContext<'_, '_>,
            ) -> #sdk::Result {
                #(#finishes)*
                ::core::result::Result::Ok(())
            }

            fn metas(
                #named: &Self::Addresses,
                #args: &Self::Args,
                #metas_list: &mut ::std::vec::Vec<#sdk::interface::AccountMeta>,
            ) {
                let _ = (#named, #args);
                #metas
            }
        }
    })
}

/// The access list, joined at compile time.
fn access(set: &Set) -> Result<TokenStream> {
    let sdk = &set.sdk;
    let fields = fields(set)?;
    let payers = payers(set);
    Ok(quote! {
        const ACCESS: &'static [#sdk::access::AccountAccess] = {
            // Items have no names that the author's cannot be, so that these are long.
            const LOCKSTEP_FIELDS: &[#sdk::access::Field] = &[#(#fields),*];
            const LOCKSTEP_LIST: [
                #sdk::access::AccountAccess; #sdk::access::count(LOCKSTEP_FIELDS)
            ] = #sdk::access::join(LOCKSTEP_FIELDS);
            #(#payers)*
            &LOCKSTEP_LIST
        };
    })
}

/// Payers in sets of the set: the compiler knows their rights.
fn payers(set: &Set) -> Vec<TokenStream> {
    let sdk = &set.sdk;
    let routes = set.fields.iter().filter_map(|field| field.payer.as_ref());
    let nested = routes.filter(|route| route.names.len() > 1);
    let checks = nested.map(|route| {
        let names = route.names.iter().map(plain_name);
        quote_spanned! { route.span() =>
            const _: () = #sdk::access::check_payer(&LOCKSTEP_LIST, &[#(#names),*]);
        }
    });
    checks.collect()
}

/// What sets and programs around this one need of it.
fn constants(set: &Set) -> Result<TokenStream> {
    let Set {
        sdk,
        name,
        lifetime,
        ..
    } = set;
    Ok(quote! {
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

        #[automatically_derived]
        impl #sdk::set::Reach for #name<'_> {
            type Inside<'c>
                = &'c Self
            where
                Self: 'c;

            fn reach<'c>(
                &'c self,
                _: &'c #sdk::interface::InvokeContext<'_, '_>,
            ) -> #sdk::Result<&'c Self> {
                ::core::result::Result::Ok(self)
            }
        }
    })
}

/// The fields, of which the access list is joined at compile time.
fn fields(set: &Set) -> Result<Vec<TokenStream>> {
    let sdk = &set.sdk;
    let mut fields = Vec::new();
    for field in &set.fields {
        let accounts_of = field.as_static_set(set);
        let (name, may_repeat, repeats) =
            (plain_name(&field.name), field.may_repeat, field.repeats);
        let source = address_source(set, field)?;
        let source = match source {
            Some(source) => quote!(::core::option::Option::Some(#source)),
            None => quote!(::core::option::Option::None),
        };
        let related = field.has_one.iter().map(Route::text);
        let docs = &field.docs;
        fields.push(quote_spanned! { field.span =>
            #sdk::access::Field {
                name: #name,
                access: #accounts_of::ACCESS,
                may_repeat: #may_repeat,
                repeats: #repeats,
                source: #source,
                related: &[#(#related),*],
                docs: &[#(#docs),*],
            }
        });
    }
    Ok(fields)
}

/// Where the field's address comes from, if the field says more than its type.
fn address_source(set: &Set, field: &Field) -> Result<Option<TokenStream>> {
    let sdk = &set.sdk;
    if let Some(seeds) = seeds(set, field)? {
        return Ok(Some(sources(set, &seeds)));
    }
    if let (true, Some(authority), Some(mint)) = (field.associated, &field.authority, &field.mint) {
        let of_route = |route: &Route| -> Result<TokenStream> {
            let target = route.target(set, field)?;
            let seed = match target {
                route::Target::Account => seeds::Seed::Account(route.clone()),
                route::Target::Value => seeds::Seed::Value(route.clone()),
            };
            Ok(source(set, &seed))
        };
        let (authority, mint) = (of_route(authority)?, of_route(mint)?);
        return Ok(Some(quote! {
            #sdk::access::AddressSource::Associated(&#authority, &#mint)
        }));
    }
    Ok(field.address.as_ref().map(|address| {
        if let Some(route) = Route::of(set, address) {
            let path = route.text();
            return quote!(#sdk::access::AddressSource::Named(#path));
        }
        quote!(#sdk::access::AddressSource::Fixed(#address))
    }))
}
