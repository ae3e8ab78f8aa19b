//! A structure's source becomes the declaration of an account set.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Data, DeriveInput, Expr, Fields, GenericArgument, GenericParam, Ident, Lifetime,
    Path, PathArguments, Result, Token, Type, Visibility, parse::ParseStream,
    punctuated::Punctuated, spanned::Spanned,
};

use crate::common::{error, is, plain_name, sdk};

/// Types of values, which people write where an account is to stand.
const VALUES: [&str; 17] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "bool",
    "str", "String", "Vec", "Address",
];
/// Account types that clients name by one address.
const SINGLE: [&str; 8] = [
    "Signer",
    "Signed",
    "Wallet",
    "Unchecked",
    "Credit",
    "Mut",
    "State",
    "Init",
];

/// An account set as declared.
pub(super) struct Set {
    pub(super) sdk: Path,
    pub(super) name: Ident,
    pub(super) visibility: Visibility,
    pub(super) lifetime: Lifetime,
    pub(super) args: Vec<Argument>,
    pub(super) fields: Vec<Field>,
}

/// An argument that seeds can name.
pub(super) struct Argument {
    pub(super) name: Ident,
    pub(super) ty: Type,
}

/// A field as declared.
pub(super) struct Field {
    pub(super) name: Ident,
    pub(super) ty: Type,
    pub(super) seeds: Option<Vec<Expr>>,
    pub(super) payer: Option<Ident>,
    pub(super) has_one: Vec<Ident>,
    pub(super) address: Option<Expr>,
    pub(super) close: Option<Ident>,
    pub(super) may_repeat: bool,
    /// Names of the types from the outside in: `Mut`, `State`, `Vault`.
    pub(super) wrappers: Vec<String>,
    /// Where the last of these stands: what the compiler is to point at.
    pub(super) span: Span,
}

impl Field {
    pub(super) fn has(&self, wrapper: &str) -> bool {
        self.wrappers.iter().any(|known| known == wrapper)
    }

    /// True if clients do not name the account.
    pub(super) fn is_known(&self) -> bool {
        self.seeds.is_some() || self.address.is_some() || self.is_program()
    }

    pub(super) fn is_program(&self) -> bool {
        self.wrappers
            .first()
            .is_some_and(|outer| outer == "Program")
    }

    /// True if its type is one of the SDK's for a single account.
    pub(super) fn is_single(&self) -> bool {
        let outer = self.wrappers.first();
        outer.is_some_and(|outer| SINGLE.contains(&outer.as_str()))
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

    /// The field's type as an account set.
    pub(super) fn as_set(&self, set: &Set) -> TokenStream {
        let (alias, lifetime, sdk) = (self.alias_name(), &set.lifetime, &set.sdk);
        quote_spanned!(self.span => <#alias<#lifetime> as #sdk::set::AccountSet<#lifetime>>)
    }

    fn alias_name(&self) -> Ident {
        Ident::new(&format!("TypeOf_{}", plain_name(&self.name)), self.span)
    }

    fn is_writable(&self) -> bool {
        ["Mut", "Credit", "Init"]
            .iter()
            .any(|wrapper| self.has(wrapper))
    }
}

impl Set {
    pub(super) fn parse(input: &DeriveInput) -> Result<Self> {
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
        let fields = named.named.iter().map(field).collect::<Result<_>>()?;
        let set = Self {
            sdk: sdk(&input.attrs)?,
            name: input.ident.clone(),
            visibility: input.vis.clone(),
            lifetime: lifetime.lifetime.clone(),
            args: arguments(&input.attrs)?,
            fields,
        };
        set.check_references()?;
        set.check_creation()?;
        set.check_distinct()?;
        Ok(set)
    }

    pub(super) fn field(&self, name: &Ident) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == *name)
    }

    /// A type with `'static` in place of the set's lifetime, for constants.
    pub(super) fn in_constants(&self, ty: &Type) -> TokenStream {
        replace_lifetime(ty.to_token_stream(), &self.lifetime.ident)
    }

    /// Every field that an attribute names is there.
    fn check_references(&self) -> Result<()> {
        for field in &self.fields {
            let named = field.payer.iter().chain(&field.has_one).chain(&field.close);
            for name in named {
                if self.field(name).is_none() {
                    return error(name, format!("the set has no field `{name}`"));
                }
            }
            let has_relations = field.seeds.is_some()
                || field.address.is_some()
                || field.close.is_some()
                || !field.has_one.is_empty();
            if has_relations && (field.has("Option") || field.has("Rest")) {
                return error(
                    &field.name,
                    "relations need an account that is always there, not an `Option` or a `Rest`",
                );
            }
            if field.close.is_some() && !field.has("Mut") {
                return error(&field.ty, "an account that is closed is a `Mut<State<..>>`");
            }
        }
        Ok(())
    }

    /// What an account that is created needs: somebody who pays, an address of its own, and the
    /// System program.
    fn check_creation(&self) -> Result<()> {
        for field in &self.fields {
            if !field.has("Init") {
                if let Some(payer) = &field.payer {
                    return error(
                        payer,
                        "only an account that is created (`Init`) has a payer",
                    );
                }
                continue;
            }
            let Some(payer) = &field.payer else {
                return error(
                    &field.ty,
                    "somebody pays for an account that is created: `#[account(payer = ..)]`",
                );
            };
            if self.field(payer).is_some_and(|payer| !payer.has("Mut")) {
                return error(
                    payer,
                    "who pays is debited: declare the field as `Mut<Signer<'a>>`",
                );
            }
            if field.seeds.is_none() && !field.has("Signed") {
                return error(
                    &field.ty,
                    "an account is created at an address that is derived, `#[account(seeds = \
                     [..])]`, or that signs, `Signed<Init<..>>`",
                );
            }
            let has_system = self.fields.iter().any(|field| {
                field.is_program() && field.wrappers.last().is_some_and(|inner| inner == "System")
            });
            if !has_system {
                return error(
                    &field.ty,
                    "creating an account calls the System program: add the field `system: \
                     Program<'a, System>`",
                );
            }
        }
        Ok(())
    }

    /// Two writable fields are two accounts.
    fn check_distinct(&self) -> Result<()> {
        let keys = self.fields.iter().filter_map(|field| {
            let key = match (&field.seeds, &field.address) {
                (Some(seeds), _) => seeds.iter().map(text).collect::<Vec<_>>().join(", "),
                (None, Some(address)) => format!("address {}", text(address)),
                (None, None) => return None,
            };
            (field.is_writable() && !field.may_repeat).then_some((field, key))
        });
        let keys: Vec<(&Field, String)> = keys.collect();
        for (index, (field, key)) in keys.iter().enumerate() {
            let same = keys.iter().take(index).find(|(_, earlier)| earlier == key);
            if let Some((earlier, _)) = same {
                return error(
                    &field.name,
                    format!(
                        "`{}` and `{}` are writable and the same account: `{key}`",
                        earlier.name, field.name
                    ),
                );
            }
        }
        Ok(())
    }
}

fn text(expression: &Expr) -> String {
    expression.to_token_stream().to_string()
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

fn field(source: &syn::Field) -> Result<Field> {
    let name = source.ident.clone().expect("fields have names");
    let mut field = Field {
        name,
        ty: source.ty.clone(),
        seeds: None,
        payer: None,
        has_one: Vec::new(),
        address: None,
        close: None,
        may_repeat: false,
        wrappers: Vec::new(),
        span: source.ty.span(),
    };
    let mut names = Vec::new();
    wrappers(&source.ty, &mut names);
    if let Some(last) = names.last() {
        field.span = last.span();
    }
    field.wrappers = names.iter().map(Ident::to_string).collect();
    let outer = field.wrappers.first().map(String::as_str);
    if outer.is_none_or(|outer| VALUES.contains(&outer)) {
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
        attribute.parse_nested_meta(|meta| {
            let known = meta.path.get_ident().map(plain_name).unwrap_or_default();
            match known.as_str() {
                "seeds" => {
                    let list: syn::ExprArray = meta.value()?.parse()?;
                    field.seeds = Some(list.elems.into_iter().collect());
                }
                "payer" => field.payer = Some(meta.value()?.parse()?),
                "has_one" => field.has_one.push(meta.value()?.parse()?),
                "address" => field.address = Some(meta.value()?.parse()?),
                "close" => field.close = Some(meta.value()?.parse()?),
                "may_repeat" => field.may_repeat = true,
                _ => {
                    return Err(meta.error(
                        "unknown relation: there are `seeds`, `payer`, `has_one`, `address`, \
                         `close` and `may_repeat`",
                    ));
                }
            }
            Ok(())
        })?;
    }
    if let (Some(_), Some(address)) = (&field.seeds, &field.address) {
        return error(
            address,
            "an address is derived from seeds or given, not both",
        );
    }
    Ok(field)
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
