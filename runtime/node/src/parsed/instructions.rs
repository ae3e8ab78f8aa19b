//! Instructions: which program's, and what is common to all of them.

use lockstep_interface::{Address, address::program_ids};
use serde_json::{Map, Value, json};

use super::{associated, lookup_table, system, token};

/// An instruction and the accounts that its transaction names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'c> {
    /// The accounts of the transaction.
    pub(crate) keys: &'c [Address],
    /// Place of the program among them.
    pub(crate) program: u8,
    /// Places of the instruction's accounts.
    pub(crate) accounts: &'c [u8],
    /// Its data.
    pub(crate) data: &'c [u8],
}

impl Call<'_> {
    /// The account at a position of the instruction, as text.
    pub(super) fn account(&self, position: usize) -> Option<Value> {
        let place = *self.accounts.get(position)?;
        let address = self.keys.get(usize::from(place))?;
        Some(address.to_string().into())
    }

    /// Names for the first accounts, in their order; those of accounts that are not there are left
    /// out.
    pub(super) fn named(&self, names: &[&str]) -> Map<String, Value> {
        let named = names.iter().enumerate();
        named
            .filter_map(|(position, name)| Some(((*name).to_owned(), self.account(position)?)))
            .collect()
    }
}

/// Parses an instruction: the program's name and what it was asked to do. `None` if it is not one
/// that is known.
pub(crate) fn parse_instruction(call: &Call<'_>) -> Option<(&'static str, Value)> {
    let program = call.keys.get(usize::from(call.program))?;
    match *program {
        program_ids::SYSTEM => Some(("system", system::parse(call)?)),
        program_ids::TOKEN => Some(("spl-token", token::parse(call)?)),
        program_ids::ASSOCIATED_TOKEN => {
            Some(("spl-associated-token-account", associated::parse(call)?))
        }
        program_ids::ADDRESS_LOOKUP_TABLE => {
            Some(("address-lookup-table", lookup_table::parse(call)?))
        }
        program_ids::MEMO => {
            let text = std::str::from_utf8(call.data).ok()?;
            Some(("spl-memo", json!(text)))
        }
        _ => None,
    }
}
