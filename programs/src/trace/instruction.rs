//! The trace program's one instruction: how long to work, and whether to fail in the end.
//!
//! Layout, little endian, 9 bytes: `cost: u32` in compute units, `fails: u8` (0 or 1),
//! `code: u32` (0 where it does not fail). Bytes behind these are passed over: a client puts a
//! number there to tell apart two transactions that are the same otherwise.

use lockstep_interface::{AccountMeta, Instruction};

use super::ADDRESS;

const SIZE: usize = 9;

/// What a recorded transaction cost, and how it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceInstruction {
    /// Compute units to spend, about a nanosecond of work each.
    pub cost: u32,
    /// Fails with this custom error after all work is done.
    pub failure: Option<u32>,
}

impl TraceInstruction {
    /// Decodes instruction data; `None` if it is malformed.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (bytes, _) = bytes.split_first_chunk::<SIZE>()?;
        let (cost, rest) = bytes.split_first_chunk()?;
        let (fails, rest) = rest.split_first()?;
        let code = u32::from_le_bytes(*rest.first_chunk()?);
        let failure = match (*fails, code) {
            (0, 0) => None,
            (1, code) => Some(code),
            _ => return None,
        };
        Some(Self {
            cost: u32::from_le_bytes(*cost),
            failure,
        })
    }

    /// The instruction data, as [`TraceInstruction::decode`] reads it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.cost.to_le_bytes().to_vec();
        bytes.push(u8::from(self.failure.is_some()));
        bytes.extend_from_slice(&self.failure.unwrap_or(0).to_le_bytes());
        bytes
    }
}

/// An instruction that replays one recorded transaction.
///
/// # Arguments
/// `accounts` as recorded; the fee payer first, since it pays for credits that no other account
/// can pay, and then the System program among them. `cost` in compute units. `failure` makes it
/// fail with that custom error once its work is done.
///
/// ```
/// use lockstep_interface::{AccountMeta, Address};
/// let payer = AccountMeta::writable(Address::new_from_array([1; 32]), true);
/// let replay = lockstep_programs::trace::instruction(vec![payer], 300, None);
/// assert_eq!(replay.data, [44, 1, 0, 0, 0, 0, 0, 0, 0]);
/// ```
pub fn instruction(accounts: Vec<AccountMeta>, cost: u32, failure: Option<u32>) -> Instruction {
    Instruction {
        program: ADDRESS,
        accounts,
        data: TraceInstruction { cost, failure }.encode(),
    }
}
