//! A program's description, as a constant of its type.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Program, parse::Instruction};
use crate::{common::plain_name, data::description};

/// The constant `DESCRIPTION`.
pub(super) fn expand(program: &Program) -> TokenStream {
    let sdk = &program.sdk;
    let (type_name, text) = (&program.name, &program.text);
    let calls = program.instructions.iter().map(|instruction| {
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
        let returns = match &instruction.returns {
            Some(ty) => quote! {
                ::core::option::Option::Some(<#ty as #sdk::data::Data>::TYPE)
            },
            None => quote!(::core::option::Option::None),
        };
        quote! {
            #sdk::idl::InstructionDescription {
                name: #name,
                docs: &[#(#docs),*],
                discriminator: &[#(#discriminator),*],
                access: <#accounts as #sdk::set::AccountSet<'static>>::ACCESS,
                args: &[#(#args),*],
                returns: #returns,
            }
        }
    });
    let states = program.states.iter().map(|state| {
        quote! {
            #sdk::idl::TaggedDescription {
                name: <#state as #sdk::state::StateData>::NAME,
                discriminator: <#state as #sdk::state::StateData>::DISCRIMINATOR,
                layout: <#state as #sdk::state::StateData>::TYPE,
            }
        }
    });
    let events = program.events.iter().map(|event| {
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
    let errors = &program.errors;
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
