//! The Instructions sysvar: a transaction's instructions, as programs that read it find them.
//!
//! ```text
//! count u16 | offset u16 of each instruction | instruction ... | running instruction u16
//! instruction: count u16 | (flags u8 | address 32) of each account | program 32 | size u16 | data
//! ```

use lockstep_interface::{Account, Address, address::sysvar_ids};

use crate::prepare::SanitizedTransaction;

const IS_SIGNER: u8 = 1;
const IS_WRITABLE: u8 = 2;

/// The account for a transaction with these accounts, in message order.
///
/// Source: Agave's `construct_instructions_data`.
pub(super) fn account(
    transaction: &SanitizedTransaction<'_>,
    addresses: impl Fn(usize) -> Address,
) -> Account {
    let view = &transaction.view;
    let instructions = view.instructions();
    let count = instructions.len();
    let mut data = number(count).to_vec();
    let offsets = data.len();
    data.resize(offsets.saturating_add(count.saturating_mul(2)), 0);
    for (index, instruction) in instructions.enumerate() {
        let offset = number(data.len());
        let place = offsets.saturating_add(index.saturating_mul(2));
        data[place..][..2].copy_from_slice(&offset);
        data.extend(number(instruction.accounts.len()));
        for account in instruction.accounts {
            let account = usize::from(*account);
            let mut flags = 0;
            if view.is_signer(account) {
                flags |= IS_SIGNER;
            }
            if transaction.writable.contains(account) {
                flags |= IS_WRITABLE;
            }
            data.push(flags);
            data.extend(addresses(account).as_array());
        }
        let program = addresses(usize::from(instruction.program_index));
        data.extend(program.as_array());
        data.extend(number(instruction.data.len()));
        data.extend(instruction.data);
    }
    data.extend(number(0));
    Account {
        lamports: 0,
        data: data.into(),
        owner: sysvar_ids::OWNER,
        executable: false,
    }
}

/// A number that a transaction's size keeps below 2^16.
fn number(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes()
}
