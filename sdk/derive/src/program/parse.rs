//! A program's source becomes its instructions.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Expr, FnArg, GenericArgument, Ident, ItemFn, Lit, LitStr, Pat, Path, PathArguments,
    Result, ReturnType, Signature, Token, Type, Visibility,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::{
    accounts::replace_lifetime,
    common::{docs, error, fresh, plain_name},
};

/// Arguments of an instruction, in [0, 12]; `lockstep_sdk::program` implements so many.
const ARGUMENTS_MAX: usize = 12;

/// What stands in the attribute.
pub(crate) struct Arguments {
    pub(super) id: LitStr,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let usage = "expected the program's address: `#[program(id = \"..\")]`";
        let key: Ident = input.parse().map_err(|_| input.error(usage))?;
        if key != "id" {
            return error(key, usage);
        }
        input.parse::<Token![=]>()?;
        Ok(Self { id: input.parse()? })
    }
}

/// One instruction.
pub(super) struct Instruction {
    pub(super) name: Ident,
    visibility: Visibility,
    pub(super) docs: Vec<String>,
    pub(super) discriminator: Vec<u8>,
    pub(super) compute_units: Option<Expr>,
    /// The account set as its parameter names it, with `'_`.
    pub(super) accounts: Path,
    pub(super) has_context: bool,
    pub(super) args: Vec<(Ident, Type)>,
    /// What it returns to callers; `None` for nothing.
    pub(super) returns: Option<Type>,
}

impl Instruction {
    pub(super) fn parse(attribute: &Attribute, function: &ItemFn) -> Result<Self> {
        let (discriminator, compute_units) = attribute.parse_args_with(instruction_arguments)?;
        let usage = "an instruction takes its accounts first: `accounts: &Set<'_>`";
        let anchor = "`Context<Set>` is Anchor's: an instruction takes its accounts, and the \
                      context if it needs it: `accounts: &Set<'_>, context: &mut Context<'_, '_>`";
        let mut inputs = function.sig.inputs.iter();
        let accounts = match inputs.next() {
            Some(FnArg::Typed(first)) => match &*first.ty {
                Type::Reference(reference) if reference.mutability.is_none() => &*reference.elem,
                other if is_context(other) => return error(other, anchor),
                other => return error(other, usage),
            },
            _ => return error(&function.sig, usage),
        };
        let accounts = match accounts {
            Type::Path(path) if has_lifetime(&path.path) => path.path.clone(),
            other => return error(other, usage),
        };
        let mut has_context = false;
        let mut args = Vec::new();
        for input in inputs {
            let FnArg::Typed(input) = input else {
                return error(input, usage);
            };
            if matches!(&*input.ty, Type::Reference(reference) if reference.mutability.is_some())
                && args.is_empty()
                && !has_context
            {
                has_context = true;
                continue;
            }
            let Pat::Ident(name) = &*input.pat else {
                return error(&input.pat, "an argument has a name: clients see it");
            };
            if let Type::Reference(_) = &*input.ty {
                return error(&input.ty, "arguments are values, not references");
            }
            args.push((name.ident.clone(), (*input.ty).clone()));
        }
        if args.len() > ARGUMENTS_MAX {
            return error(
                &function.sig.inputs,
                format!(
                    "an instruction takes at most {ARGUMENTS_MAX} arguments: put several into a \
                     structure with `#[derive(Data)]`"
                ),
            );
        }
        Ok(Self {
            name: function.sig.ident.clone(),
            visibility: function.vis.clone(),
            docs: docs(&function.attrs),
            discriminator,
            compute_units,
            accounts,
            has_context,
            args,
            returns: returned(&function.sig)?,
        })
    }

    /// The path of the structure of addresses, which stands beside the set.
    pub(super) fn addresses(&self) -> Path {
        let mut path = self.accounts.clone();
        if let Some(last) = path.segments.last_mut() {
            last.ident = format_ident!("{}Addresses", last.ident);
            last.arguments = PathArguments::None;
        }
        path
    }

    /// The set without a lifetime to infer.
    pub(super) fn accounts_in_constants(&self) -> TokenStream {
        let path = &self.accounts;
        replace_lifetime(quote!(#path), &format_ident!("a"))
    }

    pub(super) fn parameters(&self) -> TokenStream {
        let args = self.args.iter().map(|(name, ty)| quote!(#name: #ty));
        quote!(#(#args),*)
    }

    pub(super) fn tuple(&self) -> TokenStream {
        let names = self.args.iter().map(|(name, _)| name);
        quote!((#(#names,)*))
    }

    /// Names for the arguments that no source can pick.
    pub(super) fn fresh_args(&self) -> Vec<Ident> {
        let places = 0..self.args.len();
        places
            .map(|place| fresh(&format!("argument_{place}")))
            .collect()
    }

    pub(super) fn tuple_type(&self) -> TokenStream {
        let types = self.args.iter().map(|(_, ty)| ty);
        quote!((#(#types,)*))
    }

    /// The name of the function that gives the set's arguments.
    pub(super) fn first(&self) -> Ident {
        format_ident!("first_arguments_of_{}", plain_name(&self.name))
    }

    /// That function. It alone asks that the instruction's arguments begin with those of the set,
    /// so that a program in which they do not has one error, and has it there.
    pub(super) fn first_arguments(&self, sdk: &Path) -> TokenStream {
        let (first, set) = (self.first(), self.accounts_in_constants());
        let place = self.args.first();
        let place = place.map_or(self.name.span(), |(_, ty)| ty.span());
        let types = self.args.iter().map(|(_, ty)| ty);
        let tuple = quote_spanned!(place=> (#(#types,)*));
        let expected = quote!(<#set as #sdk::set::AccountSet<'static>>::Args);
        let args = fresh("args");
        let begins = quote_spanned!(place=> #sdk::program::StartsWith::first(#args));
        quote! {
            #[inline]
            fn #first(#args: &#tuple) -> #expected {
                #begins
            }
        }
    }

    /// The visibility that the function would have one module further in.
    pub(super) fn outer_visibility(&self) -> TokenStream {
        match &self.visibility {
            Visibility::Inherited => quote!(pub(super)),
            Visibility::Restricted(restricted) if restricted.path.is_ident("super") => {
                quote!(pub(in super::super))
            }
            other => quote!(#other),
        }
    }

    /// Documentation for a function that stands for this instruction.
    pub(super) fn doc(&self, what: &str) -> TokenStream {
        let first = format!("{what} `{}`.", plain_name(&self.name));
        let lines = self.docs.iter();
        quote!(#[doc = #first] #[doc = ""] #(#[doc = #lines])*)
    }
}

/// What an instruction returns to callers: the `T` of `Result<T>`.
fn returned(signature: &Signature) -> Result<Option<Type>> {
    let usage = "an instruction returns `Result`, or `Result<T>` with a value for its caller";
    let ReturnType::Type(_, ty) = &signature.output else {
        return error(signature, usage);
    };
    let Type::Path(path) = &**ty else {
        return error(ty, usage);
    };
    let last = path.path.segments.last();
    let arguments = last.map(|last| &last.arguments);
    let Some(PathArguments::AngleBracketed(arguments)) = arguments else {
        return Ok(None);
    };
    let first = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    Ok(first.filter(|ty| !matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())))
}

/// True for Anchor's `Context<..>`.
fn is_context(ty: &Type) -> bool {
    let Type::Path(path) = ty else {
        return false;
    };
    let last = path.path.segments.last();
    last.is_some_and(|last| last.ident == "Context")
}

fn has_lifetime(path: &Path) -> bool {
    let last = path.segments.last();
    last.is_some_and(|last| matches!(last.arguments, PathArguments::AngleBracketed(_)))
}

/// A discriminator, and perhaps the cost.
fn instruction_arguments(input: ParseStream<'_>) -> Result<(Vec<u8>, Option<Expr>)> {
    let usage = "expected a discriminator: `#[instruction(0)]`, `#[instruction(b\"..\")]` or \
                 `#[instruction([1, 2])]`";
    let expression: Expr = input.parse().map_err(|_| input.error(usage))?;
    let discriminator = match &expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => vec![number.base10_parse()?],
            Lit::ByteStr(bytes) => bytes.value(),
            other => return error(other, usage),
        },
        Expr::Array(list) => {
            let byte = |item: &Expr| match item {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Int(number) => number.base10_parse(),
                    other => error(other, usage),
                },
                other => error(other, usage),
            };
            list.elems.iter().map(byte).collect::<Result<_>>()?
        }
        other => return error(other, usage),
    };
    if discriminator.is_empty() {
        return error(&expression, usage);
    }
    let mut compute_units = None;
    if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
        let key: Ident = input.parse()?;
        if key != "compute_units" {
            return error(key, "expected `compute_units = ..`");
        }
        input.parse::<Token![=]>()?;
        compute_units = Some(input.parse::<Expr>()?);
    }
    Ok((discriminator, compute_units))
}

/// No instruction's discriminator begins with another's.
pub(super) fn check_discriminator(instruction: &Instruction, others: &[Instruction]) -> Result<()> {
    let own = &instruction.discriminator;
    let clash = others.iter().find(|other| {
        own.starts_with(&other.discriminator) || other.discriminator.starts_with(own)
    });
    match clash {
        Some(other) => error(
            &instruction.name,
            format!(
                "the discriminator {own:?} cannot be told from {:?} of `{}`",
                other.discriminator, other.name
            ),
        ),
        None => Ok(()),
    }
}
