//! `#[program]`: a module becomes a program.
//!
//! `parse` reads the instructions, `describe` and `calls` make what others see of them; the
//! program's identity and its dispatch are here.

mod calls;
mod describe;
mod parse;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Ident, Item, ItemMod, LitStr, Path, Result};

use crate::common::{Errors, camel_case, error, fresh, is, plain_name, sdk, strip};

pub(crate) use parse::Arguments;
use parse::{Instruction, check_discriminator};

/// A program as declared.
struct Program {
    sdk: Path,
    id: LitStr,
    /// The name of its type.
    name: Ident,
    /// Its name for people.
    text: String,
    instructions: Vec<Instruction>,
    states: Vec<Ident>,
    events: Vec<Ident>,
    errors: Vec<Ident>,
}

/// The macro.
pub(crate) fn expand(arguments: &Arguments, mut module: ItemMod) -> Result<TokenStream> {
    let sdk = sdk(&module.attrs)?;
    strip(&mut module.attrs, &["lockstep"]);
    let Some((_, items)) = &mut module.content else {
        return error(
            &module.ident,
            "a program's module has its content here: `mod name { .. }`",
        );
    };
    let mut errors = Errors::default();
    let program = Program {
        sdk,
        id: arguments.id.clone(),
        name: format_ident!("{}Program", camel_case(&module.ident)),
        text: plain_name(&module.ident),
        instructions: instructions(items, &mut errors),
        states: tagged(items, "state"),
        events: tagged(items, "event"),
        errors: error_enums(items),
    };
    let generated = [
        identity(&program),
        dispatch(&program),
        describe::expand(&program),
        calls::expand(&program),
    ];
    items.push(Item::Verbatim(generated.into_iter().collect()));
    let errors = errors.to_tokens();
    Ok(quote!(#module #errors))
}

/// The functions that are instructions; their attributes are taken away. One that is refused does
/// not hide the others.
fn instructions(items: &mut [Item], errors: &mut Errors) -> Vec<Instruction> {
    let mut instructions = Vec::new();
    for item in items {
        if let Item::Fn(function) = item
            && let Some(attribute) = function.attrs.iter().find(|known| is(known, "instruction"))
        {
            match Instruction::parse(attribute, function) {
                Ok(instruction) => {
                    errors.collect(check_discriminator(&instruction, &instructions));
                    instructions.push(instruction);
                }
                Err(error) => errors.collect(Err(error)),
            }
            strip(&mut function.attrs, &["instruction"]);
        }
    }
    instructions
}

fn identity(program: &Program) -> TokenStream {
    let Program {
        sdk,
        id,
        name,
        text,
        ..
    } = program;
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

/// The way of one instruction from its data to its function.
fn arm(sdk: &Path, type_name: &Ident, instruction: &Instruction) -> TokenStream {
    let Instruction {
        name,
        discriminator,
        accounts,
        ..
    } = instruction;
    let (names, tuple_type) = (instruction.fresh_args(), instruction.tuple_type());
    let first = instruction.first();
    let [context, accounts_local, rest] = ["context", "accounts", "rest"].map(fresh);
    let passed = instruction.has_context.then(|| quote!(#context,));
    let units = match &instruction.compute_units {
        Some(units) => quote!(#units),
        None => quote!(#sdk::program::COMPUTE_UNITS_DEFAULT),
    };
    quote! {
        [#(#discriminator,)* #rest @ ..] => #sdk::program::run::<#accounts, #tuple_type, _>(
            #context,
            #rest,
            #units,
            #type_name::#first,
            |#accounts_local, #context, (#(#names,)*)| {
                let _ = &#context;
                #name(#accounts_local, #passed #(#names),*)
            },
        ),
    }
}

fn dispatch(program: &Program) -> TokenStream {
    let sdk = &program.sdk;
    let (type_name, text) = (&program.name, &program.text);
    let arms = program.instructions.iter();
    let arms = arms.map(|instruction| arm(sdk, type_name, instruction));
    let firsts = program.instructions.iter();
    let firsts = firsts.map(|instruction| instruction.first_arguments(sdk));
    let errors = &program.errors;
    let [context, result] = ["context", "result"].map(fresh);
    let declarations = declarations(program);
    quote! {
        impl #type_name {
            #(#firsts)*
        }

        impl #sdk::interface::Program for #type_name {
            fn address(&self) -> #sdk::interface::Address {
                ID
            }

            fn name(&self) -> &'static str {
                #text
            }

            fn process(
                &self,
                #context: &mut #sdk::interface::InvokeContext<'_, '_>,
            ) -> #sdk::Result {
                #[allow(unreachable_patterns, reason = "a clash of discriminators has its error")]
                let #result = match #context.data() {
                    #(#arms)*
                    _ => ::core::result::Result::Err(#sdk::program::refuse_discriminator(#context)),
                };
                #sdk::program::end(
                    #context,
                    #result,
                    &[#(<#errors as #sdk::error::ErrorCode>::ERRORS),*],
                )
            }

            fn names(&self) -> ::core::option::Option<&'static dyn #sdk::interface::Names> {
                ::core::option::Option::Some(&Self::DESCRIPTION)
            }

            #declarations
        }
    }
}

/// What the program declares of instructions by their data.
fn declarations(program: &Program) -> TokenStream {
    let sdk = &program.sdk;
    let [data, position] = ["data", "position"].map(fresh);
    let credits = program.instructions.iter().map(|instruction| {
        let discriminator = &instruction.discriminator;
        let accounts = instruction.accounts_in_constants();
        quote! {
            [#(#discriminator,)* ..] => const {
                let access = <#accounts as #sdk::set::AccountSet<'static>>::ACCESS;
                #sdk::access::credit_only(access)
            },
        }
    });
    let counters = program.instructions.iter().map(|instruction| {
        let discriminator = &instruction.discriminator;
        let accounts = instruction.accounts_in_constants();
        quote! {
            [#(#discriminator,)* ..] => #sdk::access::counters_at(
                <#accounts as #sdk::set::AccountSet<'static>>::ACCESS,
                #position,
            ),
        }
    });
    let tags = program.instructions.iter().map(|instruction| {
        let discriminator = &instruction.discriminator;
        let size = discriminator.len();
        quote!([#(#discriminator,)* ..] => #size,)
    });
    quote! {
        fn credit_only(&self, #data: &[u8], _: usize) -> #sdk::interface::Positions {
            #[allow(unreachable_patterns, reason = "a clash of discriminators has its error")]
            match #data {
                #(#credits)*
                _ => #sdk::interface::Positions::NONE,
            }
        }

        fn counters(&self, #data: &[u8], #position: usize) -> #sdk::interface::Counters {
            #[allow(unreachable_patterns, reason = "a clash of discriminators has its error")]
            match #data {
                #(#counters)*
                _ => #sdk::interface::Counters::NONE,
            }
        }

        fn tag_size(&self, #data: &[u8]) -> usize {
            #[allow(unreachable_patterns, reason = "a clash of discriminators has its error")]
            match #data {
                #(#tags)*
                _ => #sdk::interface::program::TAG_SIZE_MAX,
            }
        }
    }
}

/// Names of the module's items with an attribute.
fn tagged(items: &[Item], attribute: &str) -> Vec<Ident> {
    let names = items.iter().filter_map(|item| {
        let (attributes, name) = match item {
            Item::Struct(item) => (&item.attrs, &item.ident),
            Item::Enum(item) => (&item.attrs, &item.ident),
            _ => return None,
        };
        attributes
            .iter()
            .any(|known| is(known, attribute))
            .then_some(name)
    });
    names.cloned().collect()
}

/// Names of the module's enums that derive `ErrorCode`.
fn error_enums(items: &[Item]) -> Vec<Ident> {
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
        .map(|item| item.ident.clone())
        .collect()
}
