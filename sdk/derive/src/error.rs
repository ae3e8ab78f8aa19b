//! `#[derive(ErrorCode)]`: an enum becomes the errors of a program.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Expr, ExprLit, Fields, Ident, Lit, Path, Result, Variant};

use crate::common::{docs, error, or_stub, plain_name, sdk};

/// The macro; where it refuses something, the error and a stub.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let sdk = sdk(&input.attrs)?;
    let stub = || implementation(&sdk, &input.ident, &[], &quote!(::core::unreachable!()));
    Ok(or_stub(errors(&sdk, input), stub))
}

fn errors(sdk: &Path, input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return error(&input.ident, "errors are the variants of an enum");
    };
    let (mut descriptions, mut arms) = (Vec::new(), Vec::new());
    let mut codes: Vec<u32> = Vec::new();
    for variant in &data.variants {
        let code = code(variant, codes.last().copied())?;
        if codes.contains(&code) {
            return error(variant, format!("the code {code} is taken already"));
        }
        let index = codes.len();
        codes.push(code);
        let message = docs(&variant.attrs).join(" ");
        if message.is_empty() {
            return error(variant, "an error needs documentation: it is its message");
        }
        let ident = &variant.ident;
        let name = plain_name(ident);
        descriptions.push(quote! {
            #sdk::error::ErrorDescription { code: #code, name: #name, message: #message }
        });
        arms.push(quote!(Self::#ident => &Self::ERRORS[#index]));
    }
    if codes.is_empty() {
        return error(&input.ident, "an enum of errors needs variants");
    }
    let place = quote!(match self { #(#arms,)* });
    Ok(implementation(sdk, &input.ident, &descriptions, &place))
}

/// The implementations; `description` is the body of the function of that name.
fn implementation(
    sdk: &Path,
    name: &Ident,
    descriptions: &[TokenStream],
    description: &TokenStream,
) -> TokenStream {
    quote! {
        impl #sdk::error::ErrorCode for #name {
            const ERRORS: &'static [#sdk::error::ErrorDescription] = &[#(#descriptions),*];

            fn description(self) -> &'static #sdk::error::ErrorDescription {
                #description
            }
        }

        impl ::core::fmt::Display for #name {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.write_str(#sdk::error::ErrorCode::description(*self).message)
            }
        }

        impl ::core::error::Error for #name {}

        impl ::core::convert::From<#name> for #sdk::interface::InstructionError {
            fn from(error: #name) -> Self {
                Self::Custom(#sdk::error::ErrorCode::description(error).code)
            }
        }
    }
}

/// The variant's number: its own, or the one after its predecessor's.
fn code(variant: &Variant, before: Option<u32>) -> Result<u32> {
    if !matches!(variant.fields, Fields::Unit) {
        return error(&variant.fields, "an error carries nothing but its code");
    }
    match &variant.discriminant {
        Some((
            _,
            Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            }),
        )) => number.base10_parse(),
        Some((_, other)) => error(other, "an error's code is an integer literal"),
        None => match before.map_or(Some(0), |before| before.checked_add(1)) {
            Some(code) => Ok(code),
            None => error(variant, "the code exceeds 32 bits"),
        },
    }
}
