//! The client's side of a set: the addresses it names, and helpers for those that follow.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Result, spanned::Spanned};

use super::{
    parse::{Field, Set},
    route::{Route, Target},
    seeds::{Origin, Seed, derivation_order, derived, seeds, slices},
};
use crate::common::fresh;

impl Field {
    /// True if clients derive the address of the one account that the field is.
    pub(super) fn is_derived_by_clients(&self, set: &Set) -> bool {
        if self.is_optional() || self.is_rest() {
            return false;
        }
        if self.associated {
            let routes = self.mint.iter().chain(&self.authority);
            let mut targets = routes.map(|route| route.target(set, self));
            return targets.all(|target| matches!(target, Ok(Target::Account)));
        }
        match seeds(set, self) {
            Ok(Some(seeds)) => seeds.iter().all(Seed::is_known_to_clients),
            _ => false,
        }
    }

    /// True if clients do not name the account.
    pub(super) fn is_known(&self, set: &Set) -> bool {
        let is_fixed = self.address.as_ref().is_some_and(|address| {
            let route = Route::of(set, address);
            let target = route.map(|route| route.target(set, self));
            !matches!(target, Some(Ok(Target::Value)))
        });
        let is_fixed = is_fixed && !self.is_optional();
        is_fixed || self.is_program() || self.is_derived_by_clients(set)
    }
}

/// The name of the structure of addresses.
pub(super) fn addresses_name(set: &Set) -> Ident {
    format_ident!("{}Addresses", set.name)
}

/// The structure of the addresses that a client has to name.
pub(super) fn addresses(set: &Set) -> TokenStream {
    let (sdk, visibility, set_name) = (&set.sdk, &set.visibility, &set.name);
    let name = addresses_name(set);
    let doc = format!("The addresses that a client names for [`{set_name}`].");
    let given = set.fields.iter().filter(|field| !field.is_known(set));
    let fields = given.map(|field| {
        let ty = set.in_constants(&field.ty);
        let (name, doc) = (&field.name, format!("For the field `{}`.", field.name));
        let addresses = if field.is_single() {
            quote!(#sdk::interface::Address)
        } else {
            quote_spanned!(field.ty.span() => <#ty as #sdk::set::AccountSet<'static>>::Addresses)
        };
        quote! {
            #[doc = #doc]
            pub #name: #addresses
        }
    });
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug)]
        #visibility struct #name {
            #(#fields,)*
        }
    }
}

/// The body of `AccountSet::metas`.
pub(super) fn metas(set: &Set) -> Result<TokenStream> {
    let sdk = &set.sdk;
    let (args, metas) = (fresh("args"), fresh("metas"));
    let mut derivations = TokenStream::new();
    for field in derivation_order(set)? {
        let local = derived(&field.name);
        if let (true, Some(authority), Some(mint)) =
            (field.associated, &field.authority, &field.mint)
        {
            let [authority, mint] = [authority, mint].map(|route| route.client_address(set));
            derivations.extend(quote! {
                let #local = #sdk::token::associated_address(#authority, #mint);
            });
            continue;
        }
        let (set_name, helper) = (&set.name, address_helper_name(field));
        let mut said = Vec::new();
        let mut arguments = Vec::new();
        for seed in seeds(set, field)?.unwrap_or_default() {
            // Each parameter once, as the helper has it.
            match seed.parameter(set) {
                Some((name, _)) if !said.contains(&name) => said.push(name),
                _ => continue,
            }
            match &seed {
                Seed::Account(route) => arguments.push(route.client_address(set)),
                Seed::Argument(place, _, _) => {
                    let place = syn::Index::from(*place);
                    arguments.push(quote!(::core::clone::Clone::clone(&#args.#place)));
                }
                Seed::Constant(_) | Seed::Value(_) => {}
            }
        }
        derivations.extend(quote! {
            let #local = #set_name::#helper(#(#arguments),*).0;
        });
    }
    let pushes = set.fields.iter().map(|field| {
        let (accounts_of, own_args) = (field.as_set(set), field.args_of(set));
        let addresses = address_of(set, &field.name);
        quote_spanned!(field.span => #accounts_of::metas(#addresses, &#own_args, #metas);)
    });
    Ok(quote! {
        #derivations
        #(#pushes)*
    })
}

/// A reference to a field's address, or to the addresses of a set in the set, as clients have it.
pub(super) fn address_of(set: &Set, name: &Ident) -> TokenStream {
    let addresses = fresh("addresses");
    let Some(field) = set.field(name) else {
        return quote!(&#addresses.#name);
    };
    if field.is_derived_by_clients(set) {
        let local = derived(name);
        return quote!(&#local);
    }
    if field.is_program() {
        return quote!(&());
    }
    match &field.address {
        Some(address) if field.is_known(set) => match Route::of(set, address) {
            Some(route) => route.client_address(set),
            None => quote!(&(#address)),
        },
        _ => quote!(&#addresses.#name),
    }
}

fn address_helper_name(field: &Field) -> Ident {
    format_ident!("{}_address", field.name)
}

/// For each field with seeds: its address, and the seeds with which the program signs for it.
pub(super) fn helpers(set: &Set) -> Result<TokenStream> {
    let mut functions = TokenStream::new();
    for field in &set.fields {
        let Some(seeds) = seeds(set, field)? else {
            continue;
        };
        functions.extend(address_helper(set, field, &seeds));
        if !field.is_optional() && !field.is_rest() {
            functions.extend(seeds_helper(set, field, &seeds));
        }
    }
    let name = &set.name;
    Ok(quote! {
        #[allow(dead_code, reason = "a program may need none of the helpers")]
        impl #name<'_> {
            #functions
        }
    })
}

/// The parameters of these seeds, each once.
fn parameters<'s>(
    set: &Set,
    seeds: impl Iterator<Item = &'s Seed<'s>>,
) -> (Vec<String>, Vec<TokenStream>) {
    let (mut names, mut parameters) = (Vec::new(), Vec::new());
    for (name, parameter) in seeds.filter_map(|seed| seed.parameter(set)) {
        if !names.contains(&name) {
            names.push(name);
            parameters.push(parameter);
        }
    }
    (names, parameters)
}

fn address_helper(set: &Set, field: &Field, seeds: &[Seed<'_>]) -> TokenStream {
    let (sdk, visibility) = (&set.sdk, &set.visibility);
    let name = address_helper_name(field);
    let doc = format!(
        "The address of the field `{}`, and its bump seed.",
        field.name
    );
    let (_, parameters) = parameters(set, seeds.iter());
    let (kept, slices) = slices(set, field, seeds, Origin::Parameters);
    quote! {
        #[doc = #doc]
        #visibility fn #name(#(#parameters),*) -> (#sdk::interface::Address, u8) {
            #kept
            #sdk::relation::derive(&ID, &[#(#slices),*])
        }
    }
}

fn seeds_helper(set: &Set, field: &Field, seeds: &[Seed<'_>]) -> TokenStream {
    let (sdk, visibility) = (&set.sdk, &set.visibility);
    let (field_name, name) = (&field.name, format_ident!("{}_seeds", field.name));
    let doc = format!("The seeds with which the program signs for the field `{field_name}`.");
    let arguments = seeds
        .iter()
        .filter(|seed| matches!(seed, Seed::Argument(..)));
    let (_, parameters) = parameters(set, arguments);
    let (kept, slices) = slices(set, field, seeds, Origin::Accounts);
    let count = seeds.len();
    let with_bump = count.saturating_add(1);
    let locals: Vec<Ident> = (0..count)
        .map(|index| fresh(&format!("slice_{index}")))
        .collect();
    let [context, own, list, bump, handle] =
        ["context", "own", "list", "bump", "handle"].map(fresh);
    quote! {
        #[doc = #doc]
        ///
        /// # Errors
        /// `AccountBorrowFailed` while the account is borrowed for writing.
        #visibility fn #name(
            &self,
            #context: &#sdk::interface::InvokeContext<'_, '_>,
            #(#parameters,)*
        ) -> #sdk::Result<#sdk::relation::SignerSeeds<#with_bump>> {
            let #own = &self.#field_name;
            #kept
            let #list: [&[u8]; #count] = [#(#slices),*];
            let #bump = #sdk::account::Account::bump(#own, #context)?;
            let #handle = #sdk::account::Account::handle(#own);
            let #bump = #sdk::relation::check_seeds(#context, #handle, &ID, &#list, #bump)?;
            let [#(#locals,)*] = #list;
            ::core::result::Result::Ok(#sdk::relation::SignerSeeds::new([#(#locals,)* &[#bump]]))
        }
    }
}
