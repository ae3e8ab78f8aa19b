//! `#[derive(Data)]`: a structure or an enum becomes encoding, decoding, size and layout.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Data, DeriveInput, Expr, Field, Fields, Ident, Path, Result, Type, spanned::Spanned};

use crate::common::{error, is, or_stub, plain_name, sdk};

/// The macro; where it refuses something, the error and a stub.
pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let sdk = sdk(&input.attrs)?;
    Ok(or_stub(expand(input), || stub(&sdk, &input.ident)))
}

/// Stands for an encoding that was refused.
pub(crate) fn stub(sdk: &Path, name: &Ident) -> TokenStream {
    quote! {
        impl #sdk::data::Data for #name {
            const SIZE_MIN: usize = 0;
            const SIZE_MAX: ::core::option::Option<usize> = ::core::option::Option::Some(0);
            const TYPE: #sdk::idl::TypeDescription = #sdk::idl::TypeDescription::Named("");

            fn encode<W: ::std::io::Write>(&self, _: &mut W) -> ::std::io::Result<()> {
                ::core::unreachable!()
            }

            fn decode(_: &mut &[u8]) -> ::core::option::Option<Self> {
                ::core::unreachable!()
            }
        }
    }
}

/// The encoding alone.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let sdk = sdk(&input.attrs)?;
    if !input.generics.params.is_empty() {
        return error(&input.generics, "data cannot be generic");
    }
    let body = match &input.data {
        Data::Struct(data) => of_struct(&sdk, input, &data.fields)?,
        Data::Enum(data) => of_enum(&sdk, input, data)?,
        Data::Union(data) => return error(data.union_token, "a union has no encoding"),
    };
    let name = &input.ident;
    Ok(quote! {
        impl #sdk::data::Data for #name {
            #body
        }
    })
}

fn of_struct(sdk: &Path, input: &DeriveInput, fields: &Fields) -> Result<TokenStream> {
    let (sizes, least) = (sizes(sdk, fields)?, sizes_min(sdk, fields));
    let layout = layout(sdk, input, fields);
    let members: Vec<_> = fields.members().collect();
    let types = fields.iter().map(|field| &field.ty);
    Ok(quote! {
        const SIZE_MIN: usize = 0 #(+ #least)*;
        const SIZE_MAX: ::core::option::Option<usize> = #sdk::data::sum(&[#(#sizes),*]);
        const TYPE: #sdk::idl::TypeDescription = #layout;

        fn encode<W: ::std::io::Write>(&self, _out: &mut W) -> ::std::io::Result<()> {
            #(#sdk::data::Data::encode(&self.#members, _out)?;)*
            ::core::result::Result::Ok(())
        }

        fn decode(_bytes: &mut &[u8]) -> ::core::option::Option<Self> {
            ::core::option::Option::Some(Self {
                #(#members: <#types as #sdk::data::Data>::decode(_bytes)?,)*
            })
        }
    })
}

fn of_enum(sdk: &Path, input: &DeriveInput, data: &syn::DataEnum) -> Result<TokenStream> {
    let name = plain_name(&input.ident);
    let (mut sizes_of, mut layouts, mut encode, mut decode) = (vec![], vec![], vec![], vec![]);
    let first = data.variants.first();
    let least = first.map(|first| sizes_min(sdk, &first.fields));
    let least = least.unwrap_or_default();
    for (index, variant) in data.variants.iter().enumerate() {
        let Ok(tag) = u8::try_from(index) else {
            return error(variant, "an encoded enum has at most 256 variants");
        };
        if let Some((_, discriminant)) = &variant.discriminant {
            return error(
                discriminant,
                "variants are encoded by their position, not by a number of their own",
            );
        }
        let ident = &variant.ident;
        let sizes = sizes(sdk, &variant.fields)?;
        sizes_of.push(quote!(#sdk::data::sum(&[#(#sizes),*])));
        let text = plain_name(ident);
        let fields = descriptions(sdk, &variant.fields);
        layouts.push(quote!(#sdk::idl::VariantDescription { name: #text, fields: &[#fields] }));
        let members: Vec<_> = variant.fields.members().collect();
        let types = variant.fields.iter().map(|field| &field.ty);
        let locals: Vec<_> = (0..members.len())
            .map(|index| format_ident!("f{index}"))
            .collect();
        encode.push(quote! {
            Self::#ident { #(#members: #locals),* } => {
                #sdk::data::Data::encode(&#tag, _out)?;
                #(#sdk::data::Data::encode(#locals, _out)?;)*
            }
        });
        decode.push(quote! {
            #tag => ::core::option::Option::Some(Self::#ident {
                #(#members: <#types as #sdk::data::Data>::decode(_bytes)?,)*
            }),
        });
    }
    if data.variants.is_empty() {
        return error(&input.ident, "an enum without variants has no encoding");
    }
    Ok(quote! {
        // That of zeros: the first variant.
        const SIZE_MIN: usize = 1 #(+ #least)*;
        const SIZE_MAX: ::core::option::Option<usize> =
            #sdk::data::sum(&[
                ::core::option::Option::Some(1),
                #sdk::data::largest(&[#(#sizes_of),*]),
            ]);
        const TYPE: #sdk::idl::TypeDescription =
            #sdk::idl::TypeDescription::Enum(#name, &[#(#layouts),*]);

        fn encode<W: ::std::io::Write>(&self, _out: &mut W) -> ::std::io::Result<()> {
            match self {
                #(#encode)*
            }
            ::core::result::Result::Ok(())
        }

        fn decode(_bytes: &mut &[u8]) -> ::core::option::Option<Self> {
            match <u8 as #sdk::data::Data>::decode(_bytes)? {
                #(#decode)*
                _ => ::core::option::Option::None,
            }
        }
    })
}

/// The layout of a structure.
pub(crate) fn layout(sdk: &Path, input: &DeriveInput, fields: &Fields) -> TokenStream {
    let name = plain_name(&input.ident);
    let fields = descriptions(sdk, fields);
    quote!(#sdk::idl::TypeDescription::Struct(#name, &[#fields]))
}

fn descriptions(sdk: &Path, fields: &Fields) -> TokenStream {
    let all = fields.iter().enumerate().map(|(index, field)| {
        let name = match &field.ident {
            Some(ident) => plain_name(ident),
            None => index.to_string(),
        };
        description(sdk, &name, &field.ty)
    });
    quote!(#(#all),*)
}

/// Name and layout of a field or an argument.
pub(crate) fn description(sdk: &Path, name: &str, ty: &Type) -> TokenStream {
    quote! {
        #sdk::idl::FieldDescription { name: #name, layout: <#ty as #sdk::data::Data>::TYPE }
    }
}

/// The longest encodings of the fields.
pub(crate) fn sizes(sdk: &Path, fields: &Fields) -> Result<Vec<TokenStream>> {
    fields.iter().map(|field| size(sdk, field)).collect()
}

/// The encodings of zeros.
fn sizes_min(sdk: &Path, fields: &Fields) -> Vec<TokenStream> {
    let sizes = fields.iter().map(|field| {
        let ty = &field.ty;
        quote_spanned!(ty.span() => <#ty as #sdk::data::Data>::SIZE_MIN)
    });
    sizes.collect()
}

/// The longest encoding of a field.
pub(crate) fn size(sdk: &Path, field: &Field) -> Result<TokenStream> {
    let ty = &field.ty;
    let max = field.attrs.iter().find(|attribute| is(attribute, "max"));
    Ok(match max {
        Some(max) => {
            let count: Expr = max.parse_args()?;
            quote_spanned! { ty.span() =>
                #sdk::data::list_size(<#ty as #sdk::data::Collection>::ITEM_SIZE_MAX, #count)
            }
        }
        None => quote_spanned!(ty.span() => <#ty as #sdk::data::Data>::SIZE_MAX),
    })
}
