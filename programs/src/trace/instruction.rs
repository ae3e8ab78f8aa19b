//! The trace program's one instruction: how long to work, what to leave alone, and whether to
//! fail in the end.
//!
//! Layout, little endian, 9 bytes: `cost: u32` in compute units, `flags: u8`, `code: u32`. Flag 1:
//! it fails with `code`, which is 0 without. Flag 2: two more bytes follow, `unwritten: u8` and
//! `untouched: u8`, not both 0. Bytes behind these are passed over: a client puts a number there
//! to tell apart two transactions that are the same otherwise.

use lockstep_interface::{AccountMeta, Instruction};

use super::ADDRESS;

const SIZE: usize = 9;
const FAILS: u8 = 1;
const SPARES: u8 = 2;

/// What a recorded transaction cost, what it declared in vain, and how it ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TraceInstruction {
    /// Compute units to spend, about a nanosecond of work each.
    pub cost: u32,
    /// Fails with this custom error after all work is done.
    pub failure: Option<u32>,
    /// Accounts that are read only, whatever was declared: those before the untouched ones.
    pub unwritten: u8,
    /// Accounts that are not looked at: the last ones.
    pub untouched: u8,
}

impl TraceInstruction {
    /// Decodes instruction data; `None` if it is malformed.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (bytes, rest) = bytes.split_first_chunk::<SIZE>()?;
        let (cost, tail) = bytes.split_first_chunk()?;
        let (flags, tail) = tail.split_first()?;
        let code = u32::from_le_bytes(*tail.first_chunk()?);
        if flags & !(FAILS | SPARES) != 0 {
            return None;
        }
        let failure = match (flags & FAILS, code) {
            (0, 0) => None,
            (0, _) => return None,
            (_, code) => Some(code),
        };
        let [unwritten, untouched] = match flags & SPARES {
            0 => [0, 0],
            _ => *rest.first_chunk()?,
        };
        if flags & SPARES != 0 && [unwritten, untouched] == [0, 0] {
            return None;
        }
        Some(Self {
            cost: u32::from_le_bytes(*cost),
            failure,
            unwritten,
            untouched,
        })
    }

    /// The instruction data, as [`TraceInstruction::decode`] reads it.
    pub fn encode(&self) -> Vec<u8> {
        let spared = [self.unwritten, self.untouched];
        let spares = if spared == [0, 0] { 0 } else { SPARES };
        let fails = self.failure.map_or(0, |_| FAILS);
        let mut bytes = self.cost.to_le_bytes().to_vec();
        bytes.push(fails | spares);
        bytes.extend_from_slice(&self.failure.unwrap_or(0).to_le_bytes());
        if spares != 0 {
            bytes.extend_from_slice(&spared);
        }
        bytes
    }
}

/// An instruction that replays one recorded transaction, of which all that was declared was used.
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
    let replayed = TraceInstruction {
        cost,
        failure,
        ..TraceInstruction::default()
    };
    Instruction {
        program: ADDRESS,
        accounts,
        data: replayed.encode(),
    }
}
