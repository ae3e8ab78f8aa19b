//! What the seeds of a field mean, and in which order addresses can be derived.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Expr, ExprLit, Ident, Lit, Result, Type, spanned::Spanned};

use super::parse::{Field, Set};
use crate::common::{error, plain_name};

/// Bytes of one seed.
const SEED_SIZE_MAX: usize = 32;
/// Seeds of one address, besides the bump seed.
const SEEDS_MAX: usize = 15;

/// A seed that was understood.
pub(super) enum Seed<'s> {
    /// A literal or the path of a constant.
    Constant(TokenStream),
    /// The address of another field.
    Account(&'s Ident),
    /// An argument: its place, name and type.
    Argument(usize, &'s Ident, &'s Type),
}

/// The seeds of a field.
///
/// # Errors
/// A seed that is none.
pub(super) fn seeds<'s>(set: &'s Set, field: &'s Field) -> Result<Option<Vec<Seed<'s>>>> {
    let Some(expressions) = &field.seeds else {
        return Ok(None);
    };
    if expressions.len() > SEEDS_MAX {
        return error(&expressions[SEEDS_MAX], "an address has at most 15 seeds");
    }
    let seeds = expressions.iter().map(|seed| resolve(set, field, seed));
    seeds.collect::<Result<_>>().map(Some)
}

fn resolve<'s>(set: &'s Set, field: &Field, seed: &'s Expr) -> Result<Seed<'s>> {
    match seed {
        Expr::Lit(ExprLit { lit, .. }) => {
            let bytes = match lit {
                Lit::ByteStr(text) => text.value(),
                Lit::Str(text) => text.value().into_bytes(),
                other => return error(other, "a literal seed is a text or a byte text"),
            };
            if bytes.len() > SEED_SIZE_MAX {
                return error(lit, "a seed has at most 32 bytes");
            }
            let literal = proc_macro2::Literal::byte_string(&bytes);
            Ok(Seed::Constant(quote!(#literal)))
        }
        Expr::Path(path) => {
            let Some(name) = path.path.get_ident() else {
                return Ok(Seed::Constant(quote!(#path)));
            };
            if *name == field.name {
                return error(name, "an account's address cannot be its own seed");
            }
            if let Some(other) = set.field(name) {
                if other.is_program() {
                    return error(
                        name,
                        "the address of a program is no seed: it never differs",
                    );
                }
                return Ok(Seed::Account(&other.name));
            }
            let argument = set
                .args
                .iter()
                .enumerate()
                .find(|(_, known)| known.name == *name);
            if let Some((place, argument)) = argument {
                return Ok(Seed::Argument(place, &argument.name, &argument.ty));
            }
            let text = plain_name(name);
            if text.chars().all(|character| !character.is_lowercase()) {
                return Ok(Seed::Constant(quote!(#path)));
            }
            let known: Vec<String> = set
                .fields
                .iter()
                .map(|known| &known.name)
                .chain(set.args.iter().map(|argument| &argument.name))
                .filter(|known| **known != field.name)
                .map(|known| format!("`{known}`"))
                .collect();
            error(
                name,
                format!(
                    "unknown seed `{name}`: neither a field of the set nor one of its \
                     `#[args(..)]`; there are {}",
                    known.join(", ")
                ),
            )
        }
        other => error(
            other,
            "a seed is a literal, a constant, a field of the set or one of its `#[args(..)]`",
        ),
    }
}

/// Slices of the seeds, where fields and arguments are what `account` and `argument` say.
///
/// Gives statements that keep values alive, and the slices.
pub(super) fn slices(
    set: &Set,
    seeds: &[Seed<'_>],
    account: impl Fn(&Ident) -> TokenStream,
    argument: impl Fn(usize, &Ident) -> TokenStream,
) -> (TokenStream, Vec<TokenStream>) {
    let sdk = &set.sdk;
    let mut kept = TokenStream::new();
    let mut slices = Vec::new();
    for (index, seed) in seeds.iter().enumerate() {
        slices.push(match seed {
            Seed::Constant(bytes) => quote!({
                const SEED: &[u8] = #bytes;
                SEED
            }),
            Seed::Account(name) => {
                let address = account(name);
                quote_spanned!(name.span() => #address.as_array().as_slice())
            }
            Seed::Argument(place, name, ty) => {
                let local = format_ident!("seed_{index}");
                let value = argument(*place, name);
                kept.extend(quote_spanned! { ty.span() =>
                    let #local = #sdk::relation::Seed::seed(&#value);
                });
                quote!(::core::convert::AsRef::<[u8]>::as_ref(&#local))
            }
        });
    }
    (kept, slices)
}

/// What the interface description says about the seeds.
pub(super) fn sources(set: &Set, seeds: &[Seed<'_>]) -> TokenStream {
    let sdk = &set.sdk;
    let sources = seeds.iter().map(|seed| match seed {
        Seed::Constant(bytes) => quote!(#sdk::access::SeedSource::Constant(#bytes)),
        Seed::Account(name) => {
            let name = plain_name(name);
            quote!(#sdk::access::SeedSource::Account(#name))
        }
        Seed::Argument(_, name, _) => {
            let name = plain_name(name);
            quote!(#sdk::access::SeedSource::Argument(#name))
        }
    });
    quote!(#sdk::access::AddressSource::Derived(&[#(#sources),*]))
}

/// The derived fields in an order in which each follows those that it is derived from.
///
/// # Errors
/// Addresses that are derived from each other.
pub(super) fn derivation_order(set: &Set) -> Result<Vec<&Field>> {
    let mut waiting: Vec<&Field> = set
        .fields
        .iter()
        .filter(|field| field.seeds.is_some())
        .collect();
    let mut ordered: Vec<&Field> = Vec::new();
    while let Some(first) = waiting.first() {
        let mut ready = None;
        for (index, field) in waiting.iter().enumerate() {
            let seeds = seeds(set, field)?.unwrap_or_default();
            let is_blocked = seeds.iter().any(|seed| {
                matches!(seed, Seed::Account(name)
                    if waiting.iter().any(|other| other.name == **name))
            });
            if !is_blocked {
                ready = Some(index);
                break;
            }
        }
        let Some(index) = ready else {
            return error(
                &first.name,
                "the address is derived from one that is derived from it",
            );
        };
        ordered.push(waiting.remove(index));
    }
    Ok(ordered)
}
