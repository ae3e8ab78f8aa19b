//! The instructions that clients send to the Compute Budget program.
//!
//! Layout (borsh): the kind as `u8`, then the value, little endian. None names an account. Each
//! may stand in a transaction once, anywhere.

use lockstep_interface::{Instruction, address::program_ids};

/// First byte of a heap request.
pub const REQUEST_HEAP_FRAME: u8 = 1;
/// First byte of a compute limit.
pub const SET_COMPUTE_UNIT_LIMIT: u8 = 2;
/// First byte of a price.
pub const SET_COMPUTE_UNIT_PRICE: u8 = 3;
/// First byte of a limit of loaded data.
pub const SET_LOADED_ACCOUNTS_DATA_SIZE_LIMIT: u8 = 4;

/// Asks for a heap of `bytes`, in [32 KiB, 256 KiB] and a multiple of 1 KiB. Native programs use
/// none of it; the rule is kept so that the same transactions are accepted.
pub fn request_heap_frame(bytes: u32) -> Instruction {
    call(REQUEST_HEAP_FRAME, &bytes.to_le_bytes())
}

/// Limits the transaction to `units` compute units; above 1.4 million means 1.4 million.
///
/// ```
/// let limit = lockstep_programs::compute_budget::instruction::set_compute_unit_limit(300);
/// assert_eq!(limit.data, [2, 44, 1, 0, 0]);
/// ```
pub fn set_compute_unit_limit(units: u32) -> Instruction {
    call(SET_COMPUTE_UNIT_LIMIT, &units.to_le_bytes())
}

/// Offers `micro_lamports` (10^-6 lamports) per compute unit of the limit for priority.
pub fn set_compute_unit_price(micro_lamports: u64) -> Instruction {
    call(SET_COMPUTE_UNIT_PRICE, &micro_lamports.to_le_bytes())
}

/// Limits the data of all accounts that the transaction loads to `bytes`, in [1, 64 MiB].
pub fn set_loaded_accounts_data_size_limit(bytes: u32) -> Instruction {
    call(SET_LOADED_ACCOUNTS_DATA_SIZE_LIMIT, &bytes.to_le_bytes())
}

fn call(kind: u8, value: &[u8]) -> Instruction {
    let mut data = vec![kind];
    data.extend_from_slice(value);
    Instruction {
        program: program_ids::COMPUTE_BUDGET,
        accounts: Vec::new(),
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_solanas() {
        assert_eq!(request_heap_frame(65_536).data, [1, 0, 0, 1, 0]);
        assert_eq!(
            set_compute_unit_price(258).data,
            [3, 2, 1, 0, 0, 0, 0, 0, 0]
        );
        let limit = set_loaded_accounts_data_size_limit(u32::MAX);
        assert_eq!(limit.data, [4, 255, 255, 255, 255]);
        assert!(limit.accounts.is_empty());
    }
}
