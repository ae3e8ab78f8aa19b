//! A transaction before it has a blockhash and a signature.

use std::sync::LazyLock;

use lockstep_interface::address::program_ids;
use lockstep_interface::{Address, Instruction, Positions, ProgramTable};
use lockstep_market::market_programs;
use lockstep_programs::compute_budget::instruction::{
    SET_COMPUTE_UNIT_LIMIT, SET_COMPUTE_UNIT_PRICE,
};
use lockstep_runtime::limits::{COMPUTE_UNITS_MAX, INSTRUCTION_COMPUTE_UNITS, TRANSACTION_COST};
use lockstep_runtime::wire::{LookupTable, Message, MessageBuilder, MessageError};

use super::keys::Keyring;
use crate::access::AccessList;

/// Where a transaction stands in its stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// The block, from 0.
    pub block: usize,
    /// Index in the block.
    pub index: usize,
    /// Index in the stream.
    pub number: usize,
}

/// Tags; more than one stretch of blocks with one blockhash has transactions.
const TAG_COUNT: usize = 1 << 21;

impl Place {
    /// A number that tells a transaction apart from the 2^21 before and after it, among
    /// which are all with the same blockhash.
    pub fn tag(&self) -> u32 {
        let tag = self.number.checked_rem(TAG_COUNT).unwrap_or(0);
        u32::try_from(tag).expect("there are fewer tags than 2^32")
    }
}

/// A transaction of which only blockhash and signature are missing. The fee payer is the only
/// signer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Draft {
    /// Number of the fee payer's key pair.
    pub payer: usize,
    /// The instructions.
    pub instructions: Vec<Instruction>,
    /// `None` for a legacy message; for v0 the numbers of the lookup tables it may use.
    pub tables: Option<Vec<usize>>,
    /// Estimated cost in compute units.
    pub cost: u64,
}

impl Draft {
    /// The message under this blockhash.
    pub(super) fn message(
        &self,
        keys: &Keyring,
        tables: &[LookupTable],
        blockhash: [u8; 32],
    ) -> Result<Message, MessageError> {
        let payer = keys.address(self.payer);
        let builder = MessageBuilder::new(payer, blockhash, &self.instructions);
        let Some(numbers) = &self.tables else {
            return builder.compile();
        };
        let used: Vec<LookupTable> = numbers
            .iter()
            .map(|&number| tables[number].clone())
            .collect();
        builder.v0(&used).compile()
    }

    /// The priority fee in micro-lamports: price x compute-unit limit, as the compute-budget
    /// instructions ask. Without a limit, the default of each other instruction counts.
    pub fn priority_fee(&self) -> u64 {
        let (mut price, mut limit, mut default) = (0, None, 0_u64);
        for instruction in &self.instructions {
            let data = instruction.data.as_slice();
            match data.split_first() {
                _ if instruction.program != program_ids::COMPUTE_BUDGET => {
                    default = default.saturating_add(u64::from(INSTRUCTION_COMPUTE_UNITS));
                }
                Some((&SET_COMPUTE_UNIT_PRICE, value)) => {
                    price = value.try_into().map_or(0, u64::from_le_bytes);
                }
                Some((&SET_COMPUTE_UNIT_LIMIT, value)) => {
                    limit = value.try_into().ok().map(u32::from_le_bytes);
                }
                _ => {}
            }
        }
        let limit = limit.map_or(default, u64::from);
        price.saturating_mul(limit.min(u64::from(COMPUTE_UNITS_MAX)))
    }

    /// The accounts that the message declares: written if the payer or written by any
    /// instruction, invoked programs read. Written ones are credited if all instructions that name
    /// them do nothing else.
    pub fn access_list(&self, keys: &Keyring) -> AccessList {
        let mut list = AccessList {
            writes: vec![keys.address(self.payer)],
            reads: Vec::new(),
            credits: Vec::new(),
            programs: Vec::new(),
            cost: TRANSACTION_COST.saturating_add(self.cost),
        };
        let metas = || {
            self.instructions
                .iter()
                .flat_map(|instruction| &instruction.accounts)
        };
        let mut add = |address: Address, is_writable: bool| {
            if list.writes.contains(&address) || list.reads.contains(&address) {
                return;
            }
            if is_writable {
                list.writes.push(address);
            } else {
                list.reads.push(address);
            }
        };
        // Written ones first, so that an account in both lists counts as written.
        metas()
            .filter(|meta| meta.is_writable)
            .for_each(|meta| add(meta.address, true));
        metas()
            .filter(|meta| !meta.is_writable)
            .for_each(|meta| add(meta.address, false));
        self.instructions
            .iter()
            .for_each(|instruction| add(instruction.program, false));
        for instruction in &self.instructions {
            if !list.programs.contains(&instruction.program) {
                list.programs.push(instruction.program);
            }
        }
        let written = list.writes.iter().enumerate().skip(1);
        list.credits = written
            .filter(|(_, address)| self.only_credits(address))
            .map(|(position, _)| position)
            .collect();
        list
    }

    /// True if every instruction that names the account declares that it only credits it.
    fn only_credits(&self, address: &Address) -> bool {
        static PROGRAMS: LazyLock<ProgramTable> = LazyLock::new(market_programs);
        self.instructions.iter().all(|instruction| {
            let mut metas = instruction.accounts.iter().enumerate();
            let program = PROGRAMS.get(&instruction.program);
            let declared = program.map_or(Positions::NONE, |program| {
                program.credit_only(&instruction.data, instruction.accounts.len())
            });
            metas.all(|(position, meta)| meta.address != *address || declared.contains(position))
        })
    }
}
