//! `#[state]`: a structure becomes the state of an account.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Data, DeriveInput, Fields, Ident, LitInt, LitStr, Path, Result, Token, Type,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::{
    common::{error, or_stub, plain_name, sdk, strip},
    data, tally,
};

/// What stands in the attribute.
pub(crate) struct Arguments {
    discriminator: Option<u8>,
    layout: Layout,
}

/// How the state lies in the account.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Layout {
    /// In the borsh format, with room for the longest.
    Borsh,
    /// In the borsh format, in an account as large as the state.
    Growing,
    /// As plain old data.
    Pod,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let usage = "expected a discriminator or `untagged`, then perhaps `pod` or `growing`: `#[state(1, \
             pod)]`";
        let discriminator = if input.peek(LitInt) {
            let number: LitInt = input.parse()?;
            match number.base10_parse() {
                Ok(0) => {
                    return error(number, "0 is what empty accounts begin with; use 1 to 255");
                }
                parsed => Some(parsed?),
            }
        } else {
            let word: Ident = input.parse().map_err(|_| input.error(usage))?;
            if word != "untagged" {
                return error(word, usage);
            }
            None
        };
        let mut layout = Layout::Borsh;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
            let word: Ident = input.parse()?;
            layout = match word.to_string().as_str() {
                "pod" => Layout::Pod,
                "growing" if discriminator.is_some() => Layout::Growing,
                "growing" => {
                    return error(
                        word,
                        "untagged states are told apart by their size, so that none can grow: give \
                         the state a discriminator",
                    );
                }
                _ => return error(word, usage),
            };
        }
        Ok(Self {
            discriminator,
            layout,
        })
    }
}

/// The macro; where it refuses something, the error, the item and a stub.
pub(crate) fn expand(arguments: &Arguments, item: DeriveInput) -> Result<TokenStream> {
    let sdk = sdk(&item.attrs)?;
    let plain = item.clone();
    Ok(or_stub(state(&sdk, arguments, item), || stub(&sdk, plain)))
}

/// Stands for a state that was refused.
fn stub(sdk: &Path, mut item: DeriveInput) -> TokenStream {
    strip_all(&mut item);
    item.generics = syn::Generics::default();
    let (name, data) = (&item.ident, data::stub(sdk, &item.ident));
    quote! {
        #[derive(Debug)]
        #item

        impl #sdk::state::StateData for #name {
            type Codec = #sdk::state::Borsh;
            const NAME: &'static str = "";
            const DISCRIMINATOR: ::core::option::Option<u8> = ::core::option::Option::None;
            const SIZE: usize = 0;
            const OWNER: #sdk::interface::Address =
                #sdk::interface::Address::new_from_array([0; 32]);
            const TYPE: #sdk::idl::TypeDescription = #sdk::idl::TypeDescription::Named("");
        }

        impl #sdk::state::OwnState for #name {}

        #data
    }
}

/// Takes away what only our macros understand.
fn strip_all(item: &mut DeriveInput) {
    strip(&mut item.attrs, &["lockstep"]);
    if let Data::Struct(body) = &mut item.data {
        for field in &mut body.fields {
            strip(&mut field.attrs, &["max", "tally"]);
        }
    }
}

fn state(sdk: &Path, arguments: &Arguments, mut item: DeriveInput) -> Result<TokenStream> {
    let Data::Struct(body) = &item.data else {
        return error(&item.ident, "a state is a structure");
    };
    if !item.generics.params.is_empty() {
        return error(&item.generics, "a state cannot be generic");
    }
    let fields = body.fields.clone();
    let encoding = match arguments.layout {
        Layout::Pod => pod(sdk, &item, &fields)?,
        layout => borsh(sdk, &item, &fields, layout)?,
    };
    let Encoding {
        attributes,
        implementations,
        codec,
        size,
    } = encoding;
    strip_all(&mut item);
    let (name, text) = (&item.ident, plain_name(&item.ident));
    let layout = data::layout(sdk, &item, &fields);
    let is_growing = arguments.layout == Layout::Growing;
    let discriminator = match arguments.discriminator {
        Some(tag) => quote!(::core::option::Option::Some(#tag)),
        None => quote!(::core::option::Option::None),
    };
    Ok(quote! {
        #attributes
        #item

        impl #sdk::state::StateData for #name {
            type Codec = #codec;
            const NAME: &'static str = #text;
            const DISCRIMINATOR: ::core::option::Option<u8> = #discriminator;
            const SIZE: usize = #sdk::state::header_size::<Self>() + #size;
            const GROWS: bool = #is_growing;
            const OWNER: #sdk::interface::Address = ID;
            const TYPE: #sdk::idl::TypeDescription = #layout;
        }

        impl #sdk::state::OwnState for #name {}

        #implementations
    })
}

/// How the state lies in the account.
struct Encoding {
    attributes: TokenStream,
    implementations: TokenStream,
    codec: TokenStream,
    size: TokenStream,
}

fn borsh(sdk: &Path, item: &DeriveInput, fields: &Fields, layout: Layout) -> Result<Encoding> {
    if let Some(field) = fields.iter().find(|field| tally::is_counter(field)) {
        return error(
            field,
            "counters have fixed places, which plain old data has: `#[state(1, pod)]`",
        );
    }
    let data = data::expand(item)?;
    if layout == Layout::Growing {
        return Ok(Encoding {
            attributes: quote!(#[derive(Debug)]),
            implementations: data,
            codec: quote!(#sdk::state::Borsh),
            size: quote!(<Self as #sdk::data::Data>::SIZE_MIN),
        });
    }
    let mut limits = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let size = data::size(sdk, field)?;
        let name = match &field.ident {
            Some(ident) => plain_name(ident),
            None => index.to_string(),
        };
        let message = format!(
            "the field `{name}` of a state has no longest encoding: add `#[max(n)]`, or \
                     let the account grow: `#[state(1, growing)]`"
        );
        limits.push(quote_spanned! { field.ty.span() =>
            const _: () = ::core::assert!(::core::option::Option::is_some(&#size), #message);
        });
    }
    Ok(Encoding {
        attributes: quote!(#[derive(Debug)]),
        implementations: quote!(#data #(#limits)*),
        codec: quote!(#sdk::state::Borsh),
        size: quote! {
            match <Self as #sdk::data::Data>::SIZE_MAX {
                ::core::option::Option::Some(size) => size,
                ::core::option::Option::None => 0,
            }
        },
    })
}

/// The numbers that machines want aligned, and what stands for each in plain old data.
const ALIGNED: [(&str, &str); 10] = [
    ("u16", "U16"),
    ("u32", "U32"),
    ("u64", "U64"),
    ("u128", "U128"),
    ("i16", "I16"),
    ("i32", "I32"),
    ("i64", "I64"),
    ("i128", "I128"),
    ("bool", "Bool"),
    ("usize", "U64"),
];

/// Refuses the types of the language that plain old data cannot hold, also as items of arrays.
fn check_plain(ty: &Type) -> Result<()> {
    match ty {
        Type::Array(array) => check_plain(&array.elem),
        Type::Path(path) => {
            let is = |(name, _): &&(&str, &str)| path.path.is_ident(name);
            match ALIGNED.iter().find(is) {
                Some((name, instead)) => error(
                    ty,
                    format!("plain old data has alignment 1: use `{instead}` instead of `{name}`"),
                ),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn pod(sdk: &Path, item: &DeriveInput, fields: &Fields) -> Result<Encoding> {
    let counters = tally::expand(sdk, &item.ident, fields)?;
    fields.iter().try_for_each(|field| check_plain(&field.ty))?;
    let bytemuck = quote!(#sdk::bytemuck).to_token_stream();
    let path = LitStr::new(&bytemuck.to_string().replace(' ', ""), item.ident.span());
    let types = fields.iter().map(|field| {
        let ty = &field.ty;
        quote_spanned! { ty.span() =>
            const _: () = ::core::assert!(
                ::core::mem::align_of::<#ty>() == 1,
                "plain old data has alignment 1: every field is of bytes, as `U64` is",
            );
        }
    });
    Ok(Encoding {
        attributes: quote! {
            #[repr(C)]
            #[derive(Clone, Copy, Debug, #bytemuck::Pod, #bytemuck::Zeroable)]
            #[bytemuck(crate = #path)]
        },
        implementations: quote!(#(#types)* #counters),
        codec: quote!(#sdk::state::Pod),
        size: quote!(::core::mem::size_of::<Self>()),
    })
}
