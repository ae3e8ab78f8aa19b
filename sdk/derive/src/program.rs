//! `#[program]`: a module becomes a program with its dispatch, its client calls, its invokes and
//! its description.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Attribute, Expr, FnArg, Ident, Item, ItemFn, ItemMod, Lit, LitStr, Pat, Path, PathArguments,
    Result, Token, Type, Visibility,
    parse::{Parse, ParseStream},
};

use crate::{
    accounts::replace_lifetime,
    common::{camel_case, docs, error, is, plain_name, sdk, strip},
    data::description,
};

/// What stands in the attribute.
pub(crate) struct Arguments {
    id: LitStr,
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
struct Instruction {
    name: Ident,
    visibility: Visibility,
    docs: Vec<String>,
    discriminator: Vec<u8>,
    compute_units: Option<Expr>,
    /// The account set as its parameter names it, with `'_`.
    accounts: Path,
    has_context: bool,
    args: Vec<(Ident, Type)>,
}

/// The macro.
pub(crate) fn expand(arguments: &Arguments, mut module: ItemMod) -> Result<TokenStream> {
    let sdk = sdk(&module.attrs)?;
    strip(&mut module.attrs, &["lockstep"]);
    let module_name = module.ident.clone();
    let Some((_, items)) = &mut module.content else {
        return error(
            &module_name,
            "a program's module has its content here: `mod name { .. }`",
        );
    };
    let mut instructions = Vec::new();
    for item in items.iter_mut() {
        if let Item::Fn(function) = item
            && let Some(attribute) = function.attrs.iter().find(|known| is(known, "instruction"))
        {
            let instruction = Instruction::parse(attribute, function)?;
            check_discriminator(&instruction, &instructions)?;
            instructions.push(instruction);
            strip(&mut function.attrs, &["instruction"]);
        }
    }
    let generated = [
        identity(&sdk, arguments, &module_name),
        dispatch(&sdk, &module_name, &instructions, items),
        describe(&sdk, &module_name, &instructions, items),
        calls(&sdk, &instructions),
        invokes(&sdk, &instructions),
    ];
    items.push(Item::Verbatim(generated.into_iter().collect()));
    Ok(quote!(#module))
}

impl Instruction {
    fn parse(attribute: &Attribute, function: &ItemFn) -> Result<Self> {
        let (discriminator, compute_units) = attribute.parse_args_with(instruction_arguments)?;
        let usage = "an instruction takes its accounts first: `accounts: &Set<'_>`";
        let mut inputs = function.sig.inputs.iter();
        let accounts = match inputs.next() {
            Some(FnArg::Typed(first)) => match &*first.ty {
                Type::Reference(reference) if reference.mutability.is_none() => &*reference.elem,
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
        if args.len() > 8 {
            return error(
                &function.sig.inputs,
                "an instruction takes at most 8 arguments",
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
        })
    }

    /// The path of the structure of addresses, which stands beside the set.
    fn addresses(&self) -> Path {
        let mut path = self.accounts.clone();
        if let Some(last) = path.segments.last_mut() {
            last.ident = format_ident!("{}Addresses", last.ident);
            last.arguments = PathArguments::None;
        }
        path
    }

    /// The set without a lifetime to infer.
    fn accounts_in_constants(&self) -> TokenStream {
        let path = &self.accounts;
        replace_lifetime(quote!(#path), &format_ident!("a"))
    }

    fn parameters(&self) -> TokenStream {
        let args = self.args.iter().map(|(name, ty)| quote!(#name: #ty));
        quote!(#(#args),*)
    }

    fn tuple(&self) -> TokenStream {
        let names = self.args.iter().map(|(name, _)| name);
        quote!((#(#names,)*))
    }

    fn tuple_type(&self) -> TokenStream {
        let types = self.args.iter().map(|(_, ty)| ty);
        quote!((#(#types,)*))
    }

    /// The visibility that the function would have one module further in.
    fn outer_visibility(&self) -> TokenStream {
        match &self.visibility {
            Visibility::Inherited => quote!(pub(super)),
            Visibility::Restricted(restricted) if restricted.path.is_ident("super") => {
                quote!(pub(in super::super))
            }
            other => quote!(#other),
        }
    }

    /// Documentation for a function that stands for this instruction.
    fn doc(&self, what: &str) -> TokenStream {
        let first = format!("{what} `{}`.", plain_name(&self.name));
        let lines = self.docs.iter();
        quote!(#[doc = #first] #[doc = ""] #(#[doc = #lines])*)
    }
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
fn check_discriminator(instruction: &Instruction, others: &[Instruction]) -> Result<()> {
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

fn type_name(module: &Ident) -> Ident {
    format_ident!("{}Program", camel_case(module))
}

fn identity(sdk: &Path, arguments: &Arguments, module: &Ident) -> TokenStream {
    let (id, name) = (&arguments.id, type_name(module));
    let text = plain_name(module);
    let doc = format!("The program `{text}`, to be handed to a runtime.");
    quote! {
        /// Where the program lives.
        pub const ID: #sdk::interface::Address = #sdk::interface::Address::from_str_const(#id);

        #[doc = #doc]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct #name;

        impl #sdk::account::ProgramId for #name {
            const ID: #sdk::interface::Address = ID;
            const NAME: &'static str = #text;
        }
    }
}

fn dispatch(
    sdk: &Path,
    module: &Ident,
    instructions: &[Instruction],
    items: &[Item],
) -> TokenStream {
    let (name, text) = (type_name(module), plain_name(module));
    let arms = instructions.iter().map(|instruction| {
        let Instruction {
            name,
            discriminator,
            accounts,
            ..
        } = instruction;
        let (tuple, tuple_type) = (instruction.tuple(), instruction.tuple_type());
        let names = instruction.args.iter().map(|(name, _)| name);
        let context = instruction.has_context.then(|| quote!(context,));
        let units = match &instruction.compute_units {
            Some(units) => quote!(#units),
            None => quote!(#sdk::program::COMPUTE_UNITS_DEFAULT),
        };
        quote! {
            [#(#discriminator,)* rest @ ..] => #sdk::program::run::<#accounts, #tuple_type>(
                context,
                rest,
                #units,
                |accounts, context, #tuple| {
                    let _ = &context;
                    #name(accounts, #context #(#names),*)
                },
            ),
        }
    });
    let credits = instructions.iter().map(|instruction| {
        let discriminator = &instruction.discriminator;
        let accounts = instruction.accounts_in_constants();
        quote! {
            [#(#discriminator,)* ..] => const {
                let access = <#accounts as #sdk::set::AccountSet<'static>>::ACCESS;
                #sdk::access::credit_only(access)
            },
        }
    });
    let errors = error_enums(items);
    quote! {
        impl #sdk::interface::Program for #name {
            fn address(&self) -> #sdk::interface::Address {
                ID
            }

            fn name(&self) -> &'static str {
                #text
            }

            fn process(
                &self,
                context: &mut #sdk::interface::InvokeContext<'_, '_>,
            ) -> #sdk::Result {
                let result = match context.data() {
                    #(#arms)*
                    _ => ::core::result::Result::Err(#sdk::program::refuse_discriminator(context)),
                };
                let errors = &[#(<#errors as #sdk::error::ErrorCode>::ERRORS),*];
                #sdk::program::end(context, result, errors)
            }

            fn credit_only(&self, data: &[u8], _: usize) -> #sdk::interface::Positions {
                match data {
                    #(#credits)*
                    _ => #sdk::interface::Positions::NONE,
                }
            }
        }
    }
}

fn describe(
    sdk: &Path,
    module: &Ident,
    instructions: &[Instruction],
    items: &[Item],
) -> TokenStream {
    let (type_name, text) = (type_name(module), plain_name(module));
    let calls = instructions.iter().map(|instruction| {
        let Instruction {
            name,
            docs,
            discriminator,
            args,
            ..
        } = instruction;
        let (name, accounts) = (plain_name(name), instruction.accounts_in_constants());
        let args = args
            .iter()
            .map(|(name, ty)| description(sdk, &plain_name(name), ty));
        quote! {
            #sdk::idl::InstructionDescription {
                name: #name,
                docs: &[#(#docs),*],
                discriminator: &[#(#discriminator),*],
                access: <#accounts as #sdk::set::AccountSet<'static>>::ACCESS,
                args: &[#(#args),*],
            }
        }
    });
    let states = tagged(items, "state").map(|state| {
        quote! {
            #sdk::idl::TaggedDescription {
                name: <#state as #sdk::state::StateData>::NAME,
                discriminator: <#state as #sdk::state::StateData>::DISCRIMINATOR,
                layout: <#state as #sdk::state::StateData>::TYPE,
            }
        }
    });
    let events = tagged(items, "event").map(|event| {
        let name = plain_name(event);
        quote! {
            #sdk::idl::TaggedDescription {
                name: #name,
                discriminator: ::core::option::Option::Some(
                    <#event as #sdk::event::Event>::DISCRIMINATOR,
                ),
                layout: <#event as #sdk::data::Data>::TYPE,
            }
        }
    });
    let errors = error_enums(items);
    quote! {
        impl #type_name {
            /// The program's interface: what an interface description in JSON is written from.
            pub const DESCRIPTION: #sdk::idl::ProgramDescription = #sdk::idl::ProgramDescription {
                name: #text,
                version: ::core::env!("CARGO_PKG_VERSION"),
                address: ID,
                instructions: &[#(#calls),*],
                states: &[#(#states),*],
                events: &[#(#events),*],
                errors: &[#(<#errors as #sdk::error::ErrorCode>::ERRORS),*],
            };
        }
    }
}

fn calls(sdk: &Path, instructions: &[Instruction]) -> TokenStream {
    let functions = instructions.iter().map(|instruction| {
        let Instruction {
            name,
            accounts,
            discriminator,
            ..
        } = instruction;
        let (addresses, parameters) = (instruction.addresses(), instruction.parameters());
        let (tuple, visibility) = (instruction.tuple(), instruction.outer_visibility());
        let doc = instruction.doc("The call of");
        quote! {
            #doc
            #visibility fn #name(
                addresses: &#addresses,
                #parameters
            ) -> #sdk::interface::Instruction {
                let discriminator = &[#(#discriminator),*];
                #sdk::program::call::<#accounts, _>(ID, discriminator, addresses, &#tuple)
            }
        }
    });
    quote! {
        /// The calls of the program's instructions, as clients make them.
        #[allow(dead_code, unused_imports, reason = "the program itself needs none of them")]
        pub mod call {
            use super::*;
            #(#functions)*
        }
    }
}

fn invokes(sdk: &Path, instructions: &[Instruction]) -> TokenStream {
    let functions = instructions.iter().map(|instruction| {
        let Instruction {
            name,
            accounts,
            discriminator,
            ..
        } = instruction;
        let (tuple, parameters) = (instruction.tuple(), instruction.parameters());
        let visibility = instruction.outer_visibility();
        let doc = instruction.doc("Calls, from another program,");
        quote! {
            #doc
            ///
            /// # Errors
            /// What the program reports, or the runtime where the call is not allowed.
            #visibility fn #name(
                context: &mut #sdk::interface::InvokeContext<'_, '_>,
                accounts: &#sdk::forward::Forward<#accounts>,
                #parameters
            ) -> #sdk::Result {
                accounts.invoke(context, &[#(#discriminator),*], &#tuple)
            }
        }
    });
    quote! {
        /// The program's instructions, as other programs invoke them.
        #[allow(dead_code, unused_imports, reason = "the program itself needs none of them")]
        pub mod invoke {
            use super::*;
            #(#functions)*
        }
    }
}

/// Names of the module's items with an attribute.
fn tagged<'i>(items: &'i [Item], attribute: &'static str) -> impl Iterator<Item = &'i Ident> {
    items.iter().filter_map(move |item| {
        let (attributes, name) = match item {
            Item::Struct(item) => (&item.attrs, &item.ident),
            Item::Enum(item) => (&item.attrs, &item.ident),
            _ => return None,
        };
        attributes
            .iter()
            .any(|known| is(known, attribute))
            .then_some(name)
    })
}

/// Names of the module's enums that derive `ErrorCode`.
fn error_enums(items: &[Item]) -> Vec<&Ident> {
    let enums = items.iter().filter_map(|item| match item {
        Item::Enum(item) => Some(item),
        _ => None,
    });
    let derives = |attribute: &Attribute| {
        let mut found = false;
        if is(attribute, "derive") {
            let parsed = attribute.parse_nested_meta(|meta| {
                let last = meta.path.segments.last();
                found |= last.is_some_and(|last| last.ident == "ErrorCode");
                Ok(())
            });
            // What is not a list of paths is for the compiler to refuse.
            found &= parsed.is_ok();
        }
        found
    };
    enums
        .filter(|item| item.attrs.iter().any(derives))
        .map(|item| &item.ident)
        .collect()
}
