//! The client's side of a set: the addresses it names, and helpers for those that follow.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Result, spanned::Spanned};

use super::{
    parse::{Field, Set},
    seeds::{Seed, derivation_order, seeds, slices},
};

/// The name of the structure of addresses.
pub(super) fn addresses_name(set: &Set) -> Ident {
    format_ident!("{}Addresses", set.name)
}

/// The structure of the addresses that nobody can derive.
pub(super) fn addresses(set: &Set) -> TokenStream {
    let (sdk, visibility, set_name) = (&set.sdk, &set.visibility, &set.name);
    let name = addresses_name(set);
    let doc = format!("The addresses that a client names for [`{set_name}`].");
    let given = set.fields.iter().filter(|field| !field.is_known());
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
    let mut derived = TokenStream::new();
    for field in derivation_order(set)? {
        let helper = address_helper_name(field);
        let (set_name, name) = (&set.name, &field.name);
        let seeds = seeds(set, field)?.unwrap_or_default();
        let arguments = seeds.iter().filter_map(|seed| match seed {
            Seed::Constant(_) => None,
            Seed::Account(name) => Some(address_of(set, name)),
            Seed::Argument(place, _, _) => {
                let place = syn::Index::from(*place);
                Some(quote!(::core::clone::Clone::clone(&args.#place)))
            }
        });
        derived.extend(quote! {
            let #name = #set_name::#helper(#(#arguments),*).0;
        });
    }
    let pushes = set.fields.iter().map(|field| {
        let accounts_of = field.as_set(set);
        let addresses = match &field.address {
            Some(address) => quote!(&(#address)),
            None if field.is_program() => quote!(&()),
            None => address_of(set, &field.name),
        };
        quote_spanned!(field.span => #accounts_of::metas(#addresses, &(), metas);)
    });
    Ok(quote! {
        #derived
        #(#pushes)*
    })
}

/// A reference to a field's address, derived in a local of its name or named by the client.
fn address_of(set: &Set, name: &Ident) -> TokenStream {
    let field = set.field(name);
    if field.is_some_and(|field| field.seeds.is_some()) {
        return quote!(&#name);
    }
    match field.and_then(|field| field.address.as_ref()) {
        Some(address) => quote!(&(#address)),
        None => quote!(&addresses.#name),
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
        functions.extend(seeds_helper(set, field, &seeds));
    }
    let name = &set.name;
    Ok(quote! {
        #[allow(dead_code, reason = "a program may need none of the helpers")]
        impl #name<'_> {
            #functions
        }
    })
}

fn address_helper(set: &Set, field: &Field, seeds: &[Seed<'_>]) -> TokenStream {
    let (sdk, visibility) = (&set.sdk, &set.visibility);
    let name = address_helper_name(field);
    let doc = format!(
        "The address of the field `{}`, and its bump seed.",
        field.name
    );
    let parameters = seeds.iter().filter_map(|seed| match seed {
        Seed::Constant(_) => None,
        Seed::Account(name) => Some(quote!(#name: &#sdk::interface::Address)),
        Seed::Argument(_, name, ty) => Some(quote!(#name: #ty)),
    });
    let account = |name: &Ident| quote!(#name);
    let (kept, slices) = slices(set, seeds, account, |_, name| quote!(#name));
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
    let parameters = seeds.iter().filter_map(|seed| match seed {
        Seed::Argument(_, name, ty) => Some(quote!(#name: #ty)),
        _ => None,
    });
    let account = |name: &Ident| quote!(self.#name.address());
    let (kept, slices) = slices(set, seeds, account, |_, name| quote!(#name));
    let count = seeds.len();
    let with_bump = count.saturating_add(1);
    let locals: Vec<Ident> = (0..count)
        .map(|index| format_ident!("slice_{index}"))
        .collect();
    quote! {
        #[doc = #doc]
        ///
        /// # Errors
        /// `AccountBorrowFailed` while the account is borrowed for writing.
        #visibility fn #name(
            &self,
            context: &#sdk::interface::InvokeContext<'_, '_>,
            #(#parameters,)*
        ) -> #sdk::Result<#sdk::relation::SignerSeeds<#with_bump>> {
            #kept
            let seeds: [&[u8]; #count] = [#(#slices),*];
            let bump = #sdk::account::Account::bump(&self.#field_name, context)?;
            let handle = #sdk::account::Account::handle(&self.#field_name);
            let bump = #sdk::relation::check_seeds(context, handle, &ID, &seeds, bump)?;
            let [#(#locals,)*] = seeds;
            let signer = #sdk::relation::SignerSeeds::new([#(#locals,)* &[bump]]);
            ::core::result::Result::Ok(signer)
        }
    }
}
