//! What all macros need: the path of the SDK, documentation, and the end of an expansion.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, Meta, Path, Result, Token, parse_quote};

/// The expansion, or one compiler error for each mistake.
pub(crate) fn finish(expansion: Result<TokenStream>) -> proc_macro::TokenStream {
    expansion.unwrap_or_else(Error::into_compile_error).into()
}

/// The path of the SDK: that of `#[lockstep(crate = path)]`, or `::lockstep_sdk`.
pub(crate) fn sdk(attributes: &[Attribute]) -> Result<Path> {
    let mut path = parse_quote!(::lockstep_sdk);
    for attribute in attributes.iter().filter(|known| is(known, "lockstep")) {
        attribute.parse_args_with(|input: syn::parse::ParseStream<'_>| {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            path = input.call(Path::parse_mod_style)?;
            Ok(())
        })?;
    }
    Ok(path)
}

/// True for the attribute of this name.
pub(crate) fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.path().is_ident(name)
}

/// Takes away the attributes that only our macros understand.
pub(crate) fn strip(attributes: &mut Vec<Attribute>, names: &[&str]) {
    attributes.retain(|attribute| !names.iter().any(|name| is(attribute, name)));
}

/// The lines of an item's documentation.
pub(crate) fn docs(attributes: &[Attribute]) -> Vec<String> {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(doc) = &attribute.meta else {
            return None;
        };
        let Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) = &doc.value
        else {
            return None;
        };
        is(attribute, "doc").then(|| text.value().trim().to_owned())
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// An error at some tokens.
pub(crate) fn error<T>(at: impl ToTokens, message: impl std::fmt::Display) -> Result<T> {
    Err(Error::new_spanned(at, message))
}

/// `vault_state` as the name of a type: `VaultState`.
pub(crate) fn camel_case(ident: &Ident) -> Ident {
    let plain = plain_name(ident);
    let words = plain.split('_').filter(|word| !word.is_empty());
    let camel: String = words
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_uppercase() + rest
        })
        .collect();
    format_ident!("{camel}", span = ident.span())
}

/// The name without `r#`.
pub(crate) fn plain_name(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

/// A name that no source can pick: generated code's own.
pub(crate) fn fresh(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Mistakes that were found, each of which the author sees at once.
#[derive(Default)]
pub(crate) struct Errors(Vec<Error>);

impl Errors {
    /// Keeps an error.
    pub(crate) fn collect(&mut self, result: Result<()>) {
        self.0.extend(result.err());
    }

    /// True if nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The errors for the compiler.
    pub(crate) fn to_tokens(&self) -> TokenStream {
        self.0.iter().map(Error::to_compile_error).collect()
    }
}

/// An expansion, or the error and what stands for it, so that the compiler finds nothing else.
pub(crate) fn or_stub(
    expansion: Result<TokenStream>,
    stub: impl FnOnce() -> TokenStream,
) -> TokenStream {
    expansion.unwrap_or_else(|error| {
        let mut tokens = error.to_compile_error();
        tokens.extend(stub());
        tokens
    })
}
