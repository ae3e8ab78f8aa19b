//! A program's instructions from outside: as clients call them, and as other programs invoke them.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Program, parse::Instruction};
use crate::common::fresh;

/// The modules `call` and `invoke`.
pub(super) fn expand(program: &Program) -> TokenStream {
    let calls = program
        .instructions
        .iter()
        .map(|known| call(program, known));
    let invokes = program
        .instructions
        .iter()
        .map(|known| invoke(program, known));
    quote! {
        /// The calls of the program's instructions, as clients make them.
        #[allow(dead_code, unused_imports, reason = "the program itself needs none of them")]
        pub mod call {
            use super::*;
            #(#calls)*
        }

        /// The program's instructions, as other programs invoke them.
        #[allow(dead_code, unused_imports, reason = "the program itself needs none of them")]
        pub mod invoke {
            use super::*;
            #(#invokes)*
        }
    }
}

fn call(program: &Program, instruction: &Instruction) -> TokenStream {
    let sdk = &program.sdk;
    let (name, accounts) = (&instruction.name, &instruction.accounts);
    let discriminator = &instruction.discriminator;
    let (addresses, parameters) = (instruction.addresses(), instruction.parameters());
    let (tuple, visibility) = (instruction.tuple(), instruction.outer_visibility());
    let (program_type, first) = (&program.name, instruction.first());
    let doc = instruction.doc("The call of");
    let [given, args, start] = ["addresses", "args", "first"].map(fresh);
    quote! {
        #doc
        #visibility fn #name(
            #given: &#addresses,
            #parameters
        ) -> #sdk::interface::Instruction {
            let #args = #tuple;
            let #start = #program_type::#first(&#args);
            #sdk::program::call::<#accounts, _>(
                ID,
                &[#(#discriminator),*],
                #given,
                &#start,
                &#args,
            )
        }
    }
}

fn invoke(program: &Program, instruction: &Instruction) -> TokenStream {
    let sdk = &program.sdk;
    let (name, accounts) = (&instruction.name, &instruction.accounts);
    let discriminator = &instruction.discriminator;
    let (tuple, parameters) = (instruction.tuple(), instruction.parameters());
    let visibility = instruction.outer_visibility();
    let doc = instruction.doc("Calls, from another program,");
    let [context, given] = ["context", "accounts"].map(fresh);
    let (returns, value) = match &instruction.returns {
        Some(ty) => (
            quote!(<#ty>),
            quote!(#sdk::program::returned(#context, &ID)),
        ),
        None => (quote!(), quote!(::core::result::Result::Ok(()))),
    };
    quote! {
        #doc
        ///
        /// # Errors
        /// What the program reports, or the runtime where the call is not allowed.
        #visibility fn #name(
            #context: &mut #sdk::interface::InvokeContext<'_, '_>,
            #given: &#sdk::forward::Forward<#accounts>,
            #parameters
        ) -> #sdk::Result #returns {
            #given.invoke(#context, &[#(#discriminator),*], &#tuple)?;
            #value
        }
    }
}
