//! The program's side of a field: what is checked and created before the instruction runs, and
//! what is closed after it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, Result, spanned::Spanned};

use super::{
    parse::{Condition, Field, Set},
    route::{Route, Target},
    rules::mentions,
    seeds::{Origin, seeds, slices},
};
use crate::common::{fresh, plain_name};

/// The checks of one field: its type's, then its relations, for each account that is there.
pub(super) fn check(set: &Set, field: &Field) -> Result<TokenStream> {
    let (name, accounts_of, args) = (&field.name, field.as_set(set), field.args_of(set));
    let context = fresh("context");
    let of_type = quote_spanned! { field.span =>
        #accounts_of::check(&self.#name, #context, &#args)?;
    };
    let parts = [
        address(set, field)?,
        token(set, field)?,
        has_one(set, field),
        realloc(set, field),
        conditions(set, field),
    ];
    let relations: TokenStream = parts.into_iter().collect();
    let relations = each(field, relations);
    Ok(quote!(#of_type #relations))
}

/// What is done at the end of the instruction.
pub(super) fn finish(set: &Set, field: &Field) -> TokenStream {
    let (name, accounts_of) = (&field.name, field.as_set(set));
    let context = fresh("context");
    let of_type = quote_spanned! { field.span =>
        #accounts_of::finish(&self.#name, #context)?;
    };
    let Some(receiver) = &field.close else {
        return of_type;
    };
    let (own, receiver) = (fresh("own"), receiver.handle(field));
    let close = each(field, quote!(#own.close(#context, #receiver)?;));
    quote!(#of_type #close)
}

/// The statements for each account that the field is, which is `own` there.
fn each(field: &Field, statements: TokenStream) -> TokenStream {
    if statements.is_empty() {
        return statements;
    }
    let (name, own) = (&field.name, fresh("own"));
    if field.is_optional() {
        return quote!(if let ::core::option::Option::Some(#own) = &self.#name { #statements });
    }
    if field.is_rest() {
        return quote!(for #own in self.#name.iter() { let #own = &#own; #statements });
    }
    quote!({ let #own = &self.#name; #statements })
}

/// Creates the account, or checks where it lies.
fn address(set: &Set, field: &Field) -> Result<TokenStream> {
    let sdk = &set.sdk;
    let [own, context, list, bump, handle] =
        ["own", "context", "list", "bump", "handle"].map(fresh);
    let mut statements = TokenStream::new();
    let seeds = seeds(set, field)?;
    let seeds = seeds.map(|seeds| slices(set, field, &seeds, Origin::Instruction));
    match (&field.payer, seeds) {
        (Some(_), _) if field.associated => {}
        (Some(payer), seeds) if field.is_created() => {
            let (kept, list_of) = seeds.map_or_else(
                || (TokenStream::new(), quote!(::core::option::Option::None)),
                |(kept, slices)| (kept, quote!(::core::option::Option::Some(&[#(#slices),*]))),
            );
            let payer = payer.handle(field);
            let create = match field.is_of_token() {
                true => quote!(create_foreign),
                false => quote!(create),
            };
            let size = match &field.size {
                Some(size) => {
                    let size = evaluate(set, field, size, &quote!(usize));
                    quote!(::core::option::Option::Some(#size))
                }
                None => quote!(::core::option::Option::None),
            };
            statements.extend(quote! {
                #kept
                let #list: ::core::option::Option<&[&[u8]]> = #list_of;
                #own.#create(#context, #payer, #list, #size)?;
            });
        }
        (_, Some((kept, slices))) => statements.extend(quote! {
            #kept
            let #list: &[&[u8]] = &[#(#slices),*];
            let #bump = #sdk::account::Account::bump(#own, &*#context)?;
            let #handle = #sdk::account::Account::handle(#own);
            #sdk::relation::check_seeds(&*#context, #handle, &ID, #list, #bump)?;
        }),
        (_, None) => {}
    }
    if let Some(address) = &field.address {
        let expected = match Route::of(set, address) {
            Some(route) => address_at(set, field, &route)?,
            None => evaluate(set, field, address, &quote!(#sdk::interface::Address)),
        };
        statements.extend(quote! {
            let #handle = #own.handle();
            #sdk::relation::check_address(&*#context, #handle, &#expected)?;
        });
    }
    Ok(statements)
}

/// The address that a route leads to, by value.
fn address_at(set: &Set, field: &Field, route: &Route) -> Result<TokenStream> {
    let sdk = &set.sdk;
    Ok(match route.target(set, field)? {
        Target::Account => {
            let address = route.address(field);
            quote!(*#address)
        }
        Target::Value => {
            let (steps, value) = route.value(set, field);
            quote_spanned!(route.span() => { #steps #sdk::relation::named(#value)? })
        }
    })
}

/// Creates token accounts and mints, and checks whose they are.
fn token(set: &Set, field: &Field) -> Result<TokenStream> {
    let sdk = &set.sdk;
    let [own, context, mint, authority, freeze, state] =
        ["own", "context", "mint", "authority", "freeze", "state"].map(fresh);
    let mut statements = TokenStream::new();
    for (local, route) in [(&mint, &field.mint), (&authority, &field.authority)] {
        if let Some(route) = route {
            let address = address_at(set, field, route)?;
            statements.extend(quote!(let #local: #sdk::interface::Address = #address;));
        }
    }
    let mut checks = TokenStream::new();
    if field.mint.is_some() || field.authority.is_some() || field.decimals.is_some() {
        checks.extend(quote!(let #state = #own.read(&*#context)?;));
    }
    if field.associated {
        checks.extend(quote! {
            #sdk::token::check_associated(&*#context, #own.handle(), &#authority, &#mint)?;
        });
    }
    for (local, is_said, word) in [
        (&mint, field.mint.is_some(), "mint"),
        (&authority, field.authority.is_some(), "authority"),
    ] {
        if is_said {
            checks.extend(quote! {
                #sdk::token::check_named(&*#context, #own.handle(), &*#state, #word, &#local)?;
            });
        }
    }
    if let Some(decimals) = &field.decimals {
        let decimals = evaluate(set, field, decimals, &quote!(u8));
        checks.extend(quote! {
            #sdk::token::check_decimals(&*#context, #own.handle(), &*#state, #decimals)?;
        });
    }
    let checks = quote!({ #checks });
    if !field.is_created() || field.authority.is_none() {
        statements.extend(checks);
        return Ok(statements);
    }
    let creation = match (&field.payer, &field.decimals) {
        (Some(payer), _) if field.associated => {
            let payer = payer.handle(field);
            quote! {
                #sdk::token::create_associated(
                    #context, #payer, #own.handle(), &#authority, &#mint,
                )?;
            }
        }
        (_, Some(decimals)) => {
            let decimals = evaluate(set, field, decimals, &quote!(u8));
            let frozen = match &field.freeze {
                Some(route) => {
                    let address = address_at(set, field, route)?;
                    quote!(::core::option::Option::Some(#address))
                }
                None => quote!(::core::option::Option::None),
            };
            quote! {
                let #freeze: ::core::option::Option<#sdk::interface::Address> = #frozen;
                #sdk::token::initialize_mint(
                    #context, #own.handle(), #decimals, &#authority, #freeze.as_ref(),
                )?;
            }
        }
        _ => quote! {
            #sdk::token::initialize_account(#context, #own.handle(), &#mint, &#authority)?;
        },
    };
    statements.extend(quote!(if #own.is_new() { #creation } else { #checks }));
    Ok(statements)
}

/// Addresses in the state.
fn has_one(set: &Set, field: &Field) -> TokenStream {
    let sdk = &set.sdk;
    let [own, context, named] = ["own", "context", "named"].map(fresh);
    let checks = field.has_one.iter().map(|route| {
        let (name, text) = (route.last(), plain_name(route.last()));
        let target = route.handle(field);
        quote_spanned! { route.span() =>
            let #named = #sdk::relation::AddressField::named(
                &#own.read(&*#context)?.#name,
            ).copied();
            #sdk::relation::check_has_one(&*#context, #own.handle(), #text, #named, #target)?;
        }
    });
    checks.collect()
}

fn realloc(set: &Set, field: &Field) -> TokenStream {
    let (Some(size), Some(payer)) = (&field.realloc, &field.payer) else {
        return TokenStream::new();
    };
    let [own, context, local] = ["own", "context", "size"].map(fresh);
    let (size, payer) = (
        evaluate(set, field, size, &quote!(usize)),
        payer.handle(field),
    );
    quote! {
        let #local = #size;
        #own.resize(#context, #payer, #local)?;
    }
}

/// The author's own conditions.
fn conditions(set: &Set, field: &Field) -> TokenStream {
    let sdk = &set.sdk;
    let [own, context, holds_local] = ["own", "context", "holds"].map(fresh);
    let checks = field.checks.iter().map(|condition| {
        let Condition { holds, otherwise } = condition;
        let text = source_text(&holds.to_token_stream());
        let value = evaluate(set, field, holds, &quote!(bool));
        let error = match otherwise {
            Expr::Lit(ExprLit {
                lit: Lit::Str(message),
                ..
            }) => quote_spanned! { message.span() =>
                #sdk::relation::refuse_condition(&*#context, #own.handle(), #text, #message)
            },
            error => quote_spanned! { error.span() =>
                #sdk::relation::refuse_declared(
                    &*#context,
                    #own.handle(),
                    #text,
                    ::core::convert::Into::into(#error),
                )
            },
        };
        quote_spanned! { holds.span() =>
            let #holds_local = #value;
            if !#holds_local {
                return ::core::result::Result::Err(#error);
            }
        }
    });
    checks.collect()
}

/// The value of an expression of the author's, in which fields of the set and arguments stand for
/// themselves: a field with a state for its state.
fn evaluate(set: &Set, field: &Field, expression: &Expr, ty: &TokenStream) -> TokenStream {
    let sdk = &set.sdk;
    let [own, context, args, value] = ["own", "context", "args", "value"].map(fresh);
    let tokens = expression.to_token_stream();
    let mut bindings = TokenStream::new();
    for known in set
        .fields
        .iter()
        .filter(|known| mentions(tokens.clone(), &known.name))
    {
        let name = &known.name;
        let account = if known.name == field.name {
            quote!(#own)
        } else {
            quote!(self.#name)
        };
        let is_one = known.name == field.name || !(known.is_optional() || known.is_rest());
        bindings.extend(if known.is_stateful() && is_one {
            quote_spanned!(name.span() =>
                let #name = #sdk::relation::Seen::of(#account.handle(), #account.read(&*#context)?);
            )
        } else if known.name == field.name {
            quote!(let #name = #own;)
        } else {
            quote!(let #name = &self.#name;)
        });
    }
    for (place, argument) in set.args.iter().enumerate() {
        let (name, place) = (&argument.name, syn::Index::from(place));
        if mentions(tokens.clone(), name) && set.field(name).is_none() {
            bindings.extend(quote!(let #name = ::core::clone::Clone::clone(&#args.#place);));
        }
    }
    // The temporaries of the expression end before the bindings do, in every edition.
    quote_spanned!(expression.span() => {
        #bindings
        let #value: #ty = #expression;
        #value
    })
}

/// An expression as its author may have written it.
fn source_text(tokens: &TokenStream) -> String {
    let pairs = [
        (" . ", "."),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" :: ", "::"),
        (" ,", ","),
        ("! ", "!"),
        ("& ", "&"),
        ("&&", "&& "),
    ];
    let text = tokens.to_string();
    pairs
        .iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}
