//! What the seeds of a field mean, and in which order addresses can be derived.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Expr, ExprLit, Ident, Lit, Result, Type, spanned::Spanned};

use super::{
    parse::{Field, Set},
    route::{Route, Target},
};
use crate::common::{error, fresh, plain_name};

/// Bytes of one seed.
const SEED_SIZE_MAX: usize = 32;
/// Seeds of one address, besides the bump seed.
const SEEDS_MAX: usize = 15;

/// A seed that was understood.
pub(super) enum Seed<'s> {
    /// A literal or another constant.
    Constant(TokenStream),
    /// The address of an account of the set, or of a set in it.
    Account(Route),
    /// A value in the state of an account.
    Value(Route),
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
    if let Some(route) = Route::of(set, seed) {
        return of_route(set, field, route);
    }
    match seed {
        Expr::Lit(ExprLit { lit, .. }) => {
            let bytes = match lit {
                Lit::ByteStr(text) => text.value(),
                Lit::Str(text) => text.value().into_bytes(),
                Lit::Byte(byte) => vec![byte.value()],
                other => return error(other, "a literal seed is a text or a byte text"),
            };
            if bytes.len() > SEED_SIZE_MAX {
                return error(lit, "a seed has at most 32 bytes");
            }
            let literal = proc_macro2::Literal::byte_string(&bytes);
            Ok(Seed::Constant(quote!(#literal)))
        }
        Expr::Path(path) => match path.path.get_ident() {
            Some(name) => of_name(set, field, name, seed),
            None => Ok(Seed::Constant(quote!(#path))),
        },
        Expr::MethodCall(_) | Expr::Reference(_) | Expr::Field(_) | Expr::Index(_) => {
            match converted(set, seed) {
                Some(name) => error(
                    seed,
                    format!("a seed is turned into bytes by itself: write `{name}`"),
                ),
                None => Ok(Seed::Constant(quote!(#seed))),
            }
        }
        other => Ok(Seed::Constant(quote!(#other))),
    }
}

fn of_route<'s>(set: &'s Set, field: &Field, route: Route) -> Result<Seed<'s>> {
    let target = route.target(set, field)?;
    if target == Target::Account && *route.first() == field.name {
        return error(route, "an account's address cannot be its own seed");
    }
    if target == Target::Account && route.names.len() == 1 && route.field(set)?.is_program() {
        return error(
            route,
            "the address of a program is no seed: it never differs",
        );
    }
    Ok(match target {
        Target::Account => Seed::Account(route),
        Target::Value => Seed::Value(route),
    })
}

fn of_name<'s>(set: &'s Set, field: &Field, name: &Ident, seed: &'s Expr) -> Result<Seed<'s>> {
    if let Some((place, argument)) = set.argument(name) {
        return Ok(Seed::Argument(place, &argument.name, &argument.ty));
    }
    let text = plain_name(name);
    if text.chars().all(|character| !character.is_lowercase()) {
        return Ok(Seed::Constant(quote!(#seed)));
    }
    let fields = set.fields.iter().map(|known| &known.name);
    let known: Vec<String> = fields
        .chain(set.args.iter().map(|argument| &argument.name))
        .filter(|known| **known != field.name)
        .map(|known| format!("`{known}`"))
        .collect();
    error(
        name,
        format!(
            "unknown seed `{name}`: neither a field of the set nor one of its `#[args(..)]`; there \
             are {}",
            known.join(", ")
        ),
    )
}

/// The field or argument of which an expression takes the bytes, as Anchor's seeds do:
/// `owner.key().as_ref()`, `&id.to_le_bytes()`.
fn converted(set: &Set, expression: &Expr) -> Option<String> {
    let mut inner = expression;
    loop {
        inner = match inner {
            Expr::MethodCall(call) => &call.receiver,
            Expr::Reference(reference) => &reference.expr,
            Expr::Index(index) => &index.expr,
            Expr::Paren(paren) => &paren.expr,
            _ => break,
        };
    }
    if let Some(route) = Route::of(set, inner) {
        return Some(route.text());
    }
    let Expr::Path(path) = inner else {
        return None;
    };
    let name = path.path.get_ident()?;
    set.argument(name).map(|_| plain_name(name))
}

impl Seed<'_> {
    /// True if a client knows it from the addresses and arguments that it names.
    pub(super) fn is_known_to_clients(&self) -> bool {
        !matches!(self, Self::Value(_))
    }

    /// The parameter of functions that take the seed from outside, by name.
    pub(super) fn parameter(&self, set: &Set) -> Option<(String, TokenStream)> {
        let sdk = &set.sdk;
        let (name, ty) = match self {
            Self::Constant(_) => return None,
            Self::Account(route) => (route.joined(), quote!(&#sdk::interface::Address)),
            Self::Value(route) => (route.joined(), quote!(&impl #sdk::relation::Seed)),
            Self::Argument(_, name, ty) => ((*name).clone(), quote!(#ty)),
        };
        Some((name.to_string(), quote!(#name: #ty)))
    }
}

/// Where the values of seeds come from.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// The accounts and arguments of a running instruction.
    Instruction,
    /// The accounts of a running instruction, and parameters for arguments.
    Accounts,
    /// Parameters for all.
    Parameters,
}

/// Slices of the seeds: statements that keep values alive, and the slices.
pub(super) fn slices(
    set: &Set,
    field: &Field,
    seeds: &[Seed<'_>],
    origin: Origin,
) -> (TokenStream, Vec<TokenStream>) {
    let sdk = &set.sdk;
    let (mut kept, mut slices) = (TokenStream::new(), Vec::new());
    for (index, seed) in seeds.iter().enumerate() {
        let local = fresh(&format!("seed_{index}"));
        let slice = quote!(::core::convert::AsRef::<[u8]>::as_ref(&#local));
        match (seed, origin) {
            (Seed::Constant(bytes), _) => slices.push(constant(set, bytes)),
            (Seed::Account(route), Origin::Parameters) => {
                let name = route.joined();
                slices.push(quote_spanned!(name.span() => #name.as_array().as_slice()));
            }
            (Seed::Account(route), _) => {
                let address = route.address(field);
                slices.push(quote_spanned!(route.span() => #address.as_array().as_slice()));
            }
            (Seed::Value(route), Origin::Parameters) => {
                let name = route.joined();
                kept.extend(quote!(let #local = #sdk::relation::Seed::seed(#name);));
                slices.push(slice);
            }
            (Seed::Value(route), _) => {
                let (steps, value) = route.value(set, field);
                // Copied, so that the state is not borrowed any longer.
                kept.extend(quote_spanned! { route.span() =>
                    let #local = { #steps #sdk::relation::SeedBytes::of(#value)? };
                });
                slices.push(slice);
            }
            (Seed::Argument(place, _, ty), Origin::Instruction) => {
                let (args, place) = (fresh("args"), syn::Index::from(*place));
                kept.extend(quote_spanned! { ty.span() =>
                    let #local = #sdk::relation::Seed::seed(&#args.#place);
                });
                slices.push(slice);
            }
            (Seed::Argument(_, name, ty), _) => {
                kept.extend(quote_spanned! { ty.span() =>
                    let #local = #sdk::relation::Seed::seed(&#name);
                });
                slices.push(slice);
            }
        }
    }
    (kept, slices)
}

/// The bytes of a constant, made at compile time.
fn constant(set: &Set, bytes: &TokenStream) -> TokenStream {
    let sdk = &set.sdk;
    quote_spanned! { bytes.span() =>
        (&const { #sdk::relation::ConstantSeed(&#bytes).bytes() }).as_slice()
    }
}

/// The address of the sources from which the interface description is written.
pub(super) fn source(set: &Set, seed: &Seed<'_>) -> TokenStream {
    let sdk = &set.sdk;
    match seed {
        Seed::Constant(bytes) => {
            let bytes = constant(set, bytes);
            quote!(#sdk::access::SeedSource::Constant(#bytes))
        }
        Seed::Account(route) => {
            let path = route.text();
            quote!(#sdk::access::SeedSource::Account(#path))
        }
        Seed::Value(route) => {
            let path = route.text();
            let field = set.field(route.first()).map(Field::content);
            let state = field.unwrap_or_default();
            quote!(#sdk::access::SeedSource::Value(#path, #state))
        }
        Seed::Argument(_, name, _) => {
            let name = plain_name(name);
            quote!(#sdk::access::SeedSource::Argument(#name))
        }
    }
}

/// What the interface description says about the seeds.
pub(super) fn sources(set: &Set, seeds: &[Seed<'_>]) -> TokenStream {
    let sdk = &set.sdk;
    let sources = seeds.iter().map(|seed| source(set, seed));
    quote!(#sdk::access::AddressSource::Derived(&[#(#sources),*]))
}

/// The accounts of the set that clients need to derive the field's address.
fn needed(set: &Set, field: &Field) -> Result<Vec<Ident>> {
    let seeds = seeds(set, field)?.unwrap_or_default();
    let of_seeds = seeds.into_iter().filter_map(|seed| match seed {
        Seed::Account(route) => Some(route.first().clone()),
        _ => None,
    });
    let of_token = field.mint.iter().chain(&field.authority);
    let of_token = of_token.filter(|_| field.associated);
    Ok(of_seeds
        .chain(of_token.map(|route| route.first().clone()))
        .collect())
}

/// The fields that clients derive, in an order in which each follows those that it is derived from.
///
/// # Errors
/// Addresses that are derived from each other.
pub(super) fn derivation_order(set: &Set) -> Result<Vec<&Field>> {
    let mut waiting: Vec<&Field> = set
        .fields
        .iter()
        .filter(|field| field.is_derived_by_clients(set))
        .collect();
    let mut ordered: Vec<&Field> = Vec::new();
    while let Some(first) = waiting.first() {
        let mut ready = None;
        for (index, field) in waiting.iter().enumerate() {
            let needed = needed(set, field)?;
            let is_blocked = needed
                .iter()
                .any(|name| waiting.iter().any(|other| other.name == *name));
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

/// The name of a local of generated code that holds a derived address.
pub(super) fn derived(name: &Ident) -> Ident {
    fresh(&format_ident!("derived_{}", plain_name(name)).to_string())
}
