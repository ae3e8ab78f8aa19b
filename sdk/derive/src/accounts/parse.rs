//! A structure's source becomes the declaration of an account set.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Data, DeriveInput, Expr, Fields, GenericArgument, GenericParam, Ident, Lifetime,
    Path, PathArguments, Result, Token, Type, Visibility, meta::ParseNestedMeta,
    parse::ParseStream, punctuated::Punctuated, spanned::Spanned,
};

use super::{route::Route, words};
use crate::common::{Errors, docs, error, fresh, is, plain_name, sdk};

/// Types of values, which people write where an account is to stand.
const VALUES: [&str; 17] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "bool",
    "str", "String", "Vec", "Address",
];
/// Account types that clients name by one address.
const SINGLE: [&str; 10] = [
    "Signer",
    "Signed",
    "Wallet",
    "Unchecked",
    "Credit",
    "Mut",
    "State",
    "Tally",
    "Init",
    "InitIfNeeded",
];
/// Account types with a state.
const STATEFUL: [&str; 4] = ["State", "Tally", "Init", "InitIfNeeded"];

/// An account set as declared.
#[derive(Clone)]
pub(super) struct Set {
    pub(super) sdk: Path,
    pub(super) name: Ident,
    pub(super) visibility: Visibility,
    pub(super) lifetime: Lifetime,
    pub(super) args: Vec<Argument>,
    pub(super) fields: Vec<Field>,
}

/// An argument that seeds can name.
#[derive(Clone)]
pub(super) struct Argument {
    pub(super) name: Ident,
    pub(super) ty: Type,
}

/// A condition of the author's own, and what is said where it does not hold.
#[derive(Clone)]
pub(super) struct Condition {
    pub(super) holds: Expr,
    pub(super) otherwise: Expr,
}

/// A field as declared.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) name: Ident,
    pub(super) docs: Vec<String>,
    pub(super) ty: Type,
    pub(super) seeds: Option<Vec<Expr>>,
    pub(super) payer: Option<Route>,
    pub(super) has_one: Vec<Route>,
    pub(super) address: Option<Expr>,
    pub(super) close: Option<Route>,
    pub(super) checks: Vec<Condition>,
    pub(super) realloc: Option<Expr>,
    pub(super) size: Option<Expr>,
    /// The arguments that a set in the set takes, where they are not the first ones.
    pub(super) args: Option<Vec<Ident>>,
    pub(super) may_repeat: bool,
    pub(super) repeats: bool,
    pub(super) associated: bool,
    pub(super) mint: Option<Route>,
    pub(super) authority: Option<Route>,
    pub(super) freeze: Option<Route>,
    pub(super) decimals: Option<Expr>,
    /// Names of the types from the outside in: `Mut`, `State`, `Vault`.
    pub(super) wrappers: Vec<String>,
    /// Where the last of these stands: what the compiler is to point at.
    pub(super) span: Span,
}

impl Field {
    fn new(source: &syn::Field) -> Self {
        let mut names = Vec::new();
        wrappers(&source.ty, &mut names);
        Self {
            name: source.ident.clone().expect("fields have names"),
            docs: docs(&source.attrs),
            ty: source.ty.clone(),
            seeds: None,
            payer: None,
            has_one: Vec::new(),
            address: None,
            close: None,
            checks: Vec::new(),
            realloc: None,
            size: None,
            args: None,
            may_repeat: false,
            repeats: false,
            associated: false,
            mint: None,
            authority: None,
            freeze: None,
            decimals: None,
            span: names.last().map_or(source.ty.span(), Ident::span),
            wrappers: names.iter().map(Ident::to_string).collect(),
        }
    }

    pub(super) fn has(&self, wrapper: &str) -> bool {
        self.wrappers.iter().any(|known| known == wrapper)
    }

    fn outer(&self) -> &str {
        self.wrappers.first().map_or("", String::as_str)
    }

    /// What the account holds, as far as its type says so by name.
    pub(super) fn content(&self) -> &str {
        self.wrappers.last().map_or("", String::as_str)
    }

    pub(super) fn is_program(&self) -> bool {
        self.outer() == "Program"
    }

    pub(super) fn is_optional(&self) -> bool {
        self.outer() == "Option"
    }

    pub(super) fn is_rest(&self) -> bool {
        self.outer() == "Rest"
    }

    /// True if the instruction may create the account.
    pub(super) fn is_created(&self) -> bool {
        self.has("Init") || self.has("InitIfNeeded")
    }

    /// True if it says something that only states of the Token program know.
    pub(super) fn is_of_token(&self) -> bool {
        let routes = [&self.mint, &self.authority, &self.freeze];
        let names_account = routes.into_iter().any(Option::is_some);
        names_account || self.associated || self.decimals.is_some()
    }

    /// True if the account has a state whose fields can be named.
    pub(super) fn is_stateful(&self) -> bool {
        STATEFUL.iter().any(|wrapper| self.has(wrapper))
    }

    /// True if its type is one of the SDK's for a single account.
    pub(super) fn is_single(&self) -> bool {
        SINGLE.contains(&self.outer())
    }

    /// True if its type was refused.
    pub(super) fn is_no_account(&self) -> bool {
        let outer = self.outer();
        outer.is_empty() || VALUES.contains(&outer) || words::type_instead(outer).is_some()
    }

    /// True if it is another set, in an `Option` or not.
    pub(super) fn is_set(&self) -> bool {
        let inner = self.wrappers.get(usize::from(self.is_optional()));
        let inner = inner.map_or("", String::as_str);
        !SINGLE.contains(&inner) && inner != "Program" && inner != "Rest"
    }

    pub(super) fn is_writable(&self) -> bool {
        ["Mut", "Credit", "Init", "InitIfNeeded"]
            .iter()
            .any(|wrapper| self.has(wrapper))
    }

    /// A name for the field's type in derived code. Its span is one point, so that whatever the
    /// compiler finds wrong with the type, wherever it is used, is one error.
    pub(super) fn alias(&self, set: &Set) -> TokenStream {
        let (alias, lifetime, ty) = (self.alias_name(), &set.lifetime, &self.ty);
        quote! {
            #[allow(non_camel_case_types, reason = "the name of the field is part of it")]
            type #alias<#lifetime> = #ty;
        }
    }

    /// The field's type.
    pub(super) fn as_type(&self, set: &Set) -> TokenStream {
        let (alias, lifetime) = (self.alias_name(), &set.lifetime);
        quote_spanned!(self.span => #alias<#lifetime>)
    }

    /// The field's type as an account set.
    pub(super) fn as_set(&self, set: &Set) -> TokenStream {
        let (ty, lifetime, sdk) = (self.as_type(set), &set.lifetime, &set.sdk);
        quote_spanned!(self.span => <#ty as #sdk::set::AccountSet<#lifetime>>)
    }

    /// The same in constants.
    pub(super) fn as_static_set(&self, set: &Set) -> TokenStream {
        let (alias, sdk) = (self.alias_name(), &set.sdk);
        quote_spanned!(self.span => <#alias<'static> as #sdk::set::AccountSet<'static>>)
    }

    /// The arguments that the field's type takes, from `args`, a reference to those of the set.
    pub(super) fn args_of(&self, set: &Set) -> TokenStream {
        let (sdk, args) = (&set.sdk, fresh("args"));
        match &self.args {
            _ if !self.is_set() => quote!(()),
            Some(names) => {
                let places = names.iter().filter_map(|name| set.argument(name));
                let places = places.map(|(place, _)| syn::Index::from(place));
                quote_spanned!(self.span => (#(::core::clone::Clone::clone(&#args.#places),)*))
            }
            None => quote_spanned!(self.span => #sdk::program::StartsWith::first(#args)),
        }
    }

    fn alias_name(&self) -> Ident {
        Ident::new(
            &format!("TypeOf_{}", plain_name(&self.name)),
            self.span.resolved_at(Span::mixed_site()),
        )
    }
}

impl Set {
    /// The declaration, and what is wrong with it as far as one part does not depend on another.
    pub(super) fn parse(input: &DeriveInput, errors: &mut Errors) -> Result<Self> {
        let Data::Struct(data) = &input.data else {
            return error(&input.ident, "an account set is a structure");
        };
        let Fields::Named(named) = &data.fields else {
            return error(
                &input.ident,
                "the accounts of a set have names: `struct Set<'a> { .. }`",
            );
        };
        let params: Vec<&GenericParam> = input.generics.params.iter().collect();
        let [GenericParam::Lifetime(lifetime)] = params[..] else {
            return error(
                &input.ident,
                "an account set has one lifetime, that of the addresses, and is not generic \
                 otherwise: `struct Set<'a> { .. }`",
            );
        };
        errors.collect(words::check_attributes(&input.attrs));
        let fields = named.named.iter().map(|source| {
            let mut field = Field::new(source);
            errors.collect(read(source, &mut field));
            field
        });
        Ok(Self {
            fields: fields.collect(),
            sdk: sdk(&input.attrs)?,
            name: input.ident.clone(),
            visibility: input.vis.clone(),
            lifetime: lifetime.lifetime.clone(),
            args: arguments(&input.attrs)?,
        })
    }

    pub(super) fn field(&self, name: &Ident) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == *name)
    }

    /// Place and declaration of an argument.
    pub(super) fn argument(&self, name: &Ident) -> Option<(usize, &Argument)> {
        let mut all = self.args.iter().enumerate();
        all.find(|(_, known)| known.name == *name)
    }

    /// A type with `'static` in place of the set's lifetime, for constants.
    pub(super) fn in_constants(&self, ty: &Type) -> TokenStream {
        replace_lifetime(ty.to_token_stream(), &self.lifetime.ident)
    }
}

fn arguments(attributes: &[Attribute]) -> Result<Vec<Argument>> {
    let mut found = Vec::new();
    for attribute in attributes.iter().filter(|known| is(known, "args")) {
        let parse = |input: ParseStream<'_>| {
            let one = |input: ParseStream<'_>| {
                let name = input.parse()?;
                input.parse::<Token![:]>()?;
                let ty = input.parse()?;
                Ok(Argument { name, ty })
            };
            Punctuated::<Argument, Token![,]>::parse_terminated_with(input, one)
        };
        found.extend(attribute.parse_args_with(parse)?);
    }
    Ok(found)
}

/// Reads type and attributes of a field.
fn read(source: &syn::Field, field: &mut Field) -> Result<()> {
    let outer = field.outer();
    if let Some(instead) = words::type_instead(outer) {
        return error(&source.ty, instead);
    }
    if outer.is_empty() || VALUES.contains(&outer) {
        return error(
            &source.ty,
            format!(
                "`{}` is not an account type: the accounts of an instruction are declared by types \
                 such as `Signer<'a>` or `Mut<State<'a, T>>`, and values that a client sends are \
                 arguments of the instruction's function",
                source.ty.to_token_stream()
            ),
        );
    }
    for attribute in source.attrs.iter().filter(|known| is(known, "account")) {
        attribute.parse_nested_meta(|meta| relation(&meta, field))?;
    }
    Ok(())
}

/// Reads one relation.
fn relation(meta: &ParseNestedMeta<'_>, field: &mut Field) -> Result<()> {
    let words = meta.path.segments.iter();
    let words: Vec<String> = words.map(|word| plain_name(&word.ident)).collect();
    match words.join("::").as_str() {
        "seeds" => {
            let list: syn::ExprArray = meta.value()?.parse()?;
            field.seeds = Some(list.elems.into_iter().collect());
        }
        "payer" => field.payer = Some(meta.value()?.parse()?),
        "has_one" => field.has_one.push(meta.value()?.parse()?),
        "address" => field.address = Some(meta.value()?.parse()?),
        "close" => field.close = Some(meta.value()?.parse()?),
        "check" => {
            let usage = "a check has a condition and what to say where it does not hold: \
                         `check(state.count.get() > 0, \"nothing is left\")`, or an error of the \
                         program's";
            if !meta.input.peek(syn::token::Paren) {
                return Err(meta.error(usage));
            }
            let content;
            syn::parenthesized!(content in meta.input);
            let holds = content.parse()?;
            content
                .parse::<Token![,]>()
                .map_err(|error| syn::Error::new(error.span(), usage))?;
            let otherwise = content.parse()?;
            content.parse::<Option<Token![,]>>()?;
            field.checks.push(Condition { holds, otherwise });
        }
        "realloc" => field.realloc = Some(meta.value()?.parse()?),
        "size" => field.size = Some(meta.value()?.parse()?),
        "args" => {
            let content;
            syn::parenthesized!(content in meta.input);
            let names = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
            field.args = Some(names.into_iter().collect());
        }
        "may_repeat" => field.may_repeat = true,
        "repeats" => field.repeats = true,
        "associated" => field.associated = true,
        "mint" => field.mint = Some(meta.value()?.parse()?),
        "authority" => field.authority = Some(meta.value()?.parse()?),
        "freeze" => field.freeze = Some(meta.value()?.parse()?),
        "decimals" => field.decimals = Some(meta.value()?.parse()?),
        word => return Err(meta.error(words::unknown(word))),
    }
    Ok(())
}

/// The names of a type and of its last type arguments, from the outside in.
fn wrappers(ty: &Type, names: &mut Vec<Ident>) {
    let Type::Path(path) = ty else {
        return;
    };
    let Some(last) = path.path.segments.last() else {
        return;
    };
    names.push(last.ident.clone());
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return;
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    for ty in types {
        wrappers(ty, names);
    }
}

/// Puts `'static` in the place of a lifetime, and of `'_`.
pub(crate) fn replace_lifetime(tokens: TokenStream, lifetime: &Ident) -> TokenStream {
    let mut after_quote = false;
    let replace = |token: TokenTree| match token {
        TokenTree::Group(group) => {
            let inner = replace_lifetime(group.stream(), lifetime);
            let mut replaced = proc_macro2::Group::new(group.delimiter(), inner);
            replaced.set_span(group.span());
            TokenTree::Group(replaced)
        }
        TokenTree::Ident(ident) if after_quote && (ident == *lifetime || ident == "_") => {
            after_quote = false;
            TokenTree::Ident(Ident::new("static", ident.span()))
        }
        other => {
            after_quote = matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '\'');
            other
        }
    };
    tokens.into_iter().map(replace).collect()
}
