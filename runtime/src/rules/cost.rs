//! Cost: what a transaction takes of a block's limits, known before anything runs.
//!
//! Source: Agave's `CostModel::calculate_cost` and `block_cost_limits.rs`.

use lockstep_interface::{Address, RuleSet, address::program_ids, limits::ACCOUNT_DATA_SIZE_MAX};

use super::Budget;
use crate::limits::{
    ALLOCATED_SIZE_MAX, ED25519_COST, INSTRUCTION_BYTES_PER_COST, LOADED_PAGE_COST,
    LOADED_PAGE_SIZE, SECP256K1_COST, SECP256R1_COST, SIGNATURE_COST, WRITE_LOCK_COST,
};

/// What a transaction takes of a block's limits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cost {
    /// Compute units: its limit, and those of its signatures, write locks, instruction data and
    /// loaded data.
    pub compute_units: u64,
    /// Bytes of accounts that its own instructions allocate, at most 20 MiB. Those that programs
    /// ask for on their way are not known yet.
    pub allocated_size: u64,
}

/// Signatures that instructions of precompiled programs verify: the first byte of their data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PrecompileSignatures {
    ed25519: u64,
    secp256k1: u64,
    secp256r1: u64,
}

/// The System program's instructions that allocate, by their numbers.
mod allocating {
    pub(super) const CREATE_ACCOUNT: u32 = 0;
    pub(super) const CREATE_ACCOUNT_WITH_SEED: u32 = 3;
    pub(super) const ALLOCATE: u32 = 8;
    pub(super) const ALLOCATE_WITH_SEED: u32 = 9;
    pub(super) const CREATE_ACCOUNT_ALLOW_PREFUND: u32 = 13;
}

/// The instructions of a transaction as far as they have a cost besides their compute units.
#[derive(Debug)]
pub(crate) struct CostSums {
    rules: RuleSet,
    write_lock_count: u64,
    data_size: u64,
    signatures: PrecompileSignatures,
    /// `None` once an instruction asks for more than an account can hold: the transaction fails,
    /// and nothing stays allocated.
    allocated_size: Option<u64>,
}

impl CostSums {
    /// No instruction yet. A write lock counts as the message asks for it.
    pub(crate) fn new(rules: RuleSet, write_lock_count: usize) -> Self {
        Self {
            rules,
            write_lock_count: u64::try_from(write_lock_count).unwrap_or(u64::MAX),
            data_size: 0,
            signatures: PrecompileSignatures::default(),
            allocated_size: Some(0),
        }
    }

    /// Adds the next instruction.
    pub(crate) fn add(&mut self, program: &Address, data: &[u8]) {
        let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.data_size = self.data_size.saturating_add(size);
        if *program == program_ids::SYSTEM {
            self.allocate(data);
        } else {
            self.signatures.add(self.rules, program, data);
        }
    }

    fn allocate(&mut self, data: &[u8]) {
        let asked = allocated(data, self.rules);
        let asked = asked.filter(|size| *size <= ACCOUNT_DATA_SIZE_MAX as u64);
        let sum = self.allocated_size.zip(asked);
        self.allocated_size = sum.map(|(sum, size)| sum.saturating_add(size));
    }

    /// The signatures that instructions verify.
    pub(crate) fn signatures(&self) -> PrecompileSignatures {
        self.signatures
    }

    /// The cost of the transaction with these instructions.
    pub(crate) fn cost(&self, signature_count: u64, budget: &Budget) -> Cost {
        let pages = u64::from(budget.loaded_data_size_max).div_ceil(LOADED_PAGE_SIZE);
        let PrecompileSignatures {
            ed25519,
            secp256k1,
            secp256r1,
        } = self.signatures;
        let parts = [
            (signature_count, SIGNATURE_COST),
            (ed25519, ED25519_COST),
            (secp256k1, SECP256K1_COST),
            (secp256r1, SECP256R1_COST),
            (self.write_lock_count, WRITE_LOCK_COST),
            (self.data_size / INSTRUCTION_BYTES_PER_COST, 1),
            (pages, LOADED_PAGE_COST),
            (u64::from(budget.compute_unit_limit), 1),
        ];
        let parts = parts.map(|(count, each)| count.saturating_mul(each));
        Cost {
            compute_units: parts.into_iter().fold(0, u64::saturating_add),
            allocated_size: self.allocated_size.unwrap_or(0).min(ALLOCATED_SIZE_MAX),
        }
    }
}

impl PrecompileSignatures {
    fn add(&mut self, rules: RuleSet, program: &Address, data: &[u8]) {
        let kind = match *program {
            program_ids::ED25519 => &mut self.ed25519,
            program_ids::SECP256K1 => &mut self.secp256k1,
            program_ids::SECP256R1 if rules >= RuleSet::Current => &mut self.secp256r1,
            _ => return,
        };
        let count = data.first().copied().unwrap_or(0);
        *kind = kind.saturating_add(u64::from(count));
    }

    /// All of them; each pays the fee of a signature.
    pub(crate) fn count(self) -> u64 {
        let both = self.ed25519.saturating_add(self.secp256k1);
        both.saturating_add(self.secp256r1)
    }
}

/// The bytes that an instruction of the System program allocates; `None` if it cannot be decoded.
fn allocated(data: &[u8], rules: RuleSet) -> Option<u64> {
    let (tag, rest) = data.split_first_chunk()?;
    match u32::from_le_bytes(*tag) {
        allocating::ALLOCATE => number(rest),
        allocating::CREATE_ACCOUNT => number(rest.get(8..)?),
        allocating::CREATE_ACCOUNT_ALLOW_PREFUND if rules >= RuleSet::Current => {
            number(rest.get(8..)?)
        }
        allocating::CREATE_ACCOUNT_WITH_SEED => number(behind_seed(rest)?.get(8..)?),
        allocating::ALLOCATE_WITH_SEED => number(behind_seed(rest)?),
        _ => Some(0),
    }
}

/// What stands behind a base address and a seed with its length.
fn behind_seed(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.get(32..)?.split_first_chunk()?;
    rest.get(usize::try_from(u64::from_le_bytes(*length)).ok()?..)
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget {
        compute_unit_limit: 3_000,
        loaded_data_size_max: 64 << 20,
        heap_size: 32 << 10,
        signature_fee: 0,
        priority_fee: 0,
    };

    fn cost(write_lock_count: usize, instructions: &[(Address, &[u8])]) -> Cost {
        let mut sums = CostSums::new(RuleSet::Current, write_lock_count);
        for (program, data) in instructions {
            sums.add(program, data);
        }
        sums.cost(1, &BUDGET)
    }

    /// Agave's figures: 720 for a signature, 300 for a write lock, a quarter for a byte of
    /// instruction data, 8 for 32 KiB that may be loaded.
    #[test]
    fn a_transfer_costs_what_agave_says() {
        let transfer = [&[2, 0, 0, 0][..], &7u64.to_le_bytes()].concat();
        let found = cost(2, &[(program_ids::SYSTEM, &transfer)]);
        assert_eq!(found.compute_units, 720 + 2 * 300 + 12 / 4 + 16_384 + 3_000);
        assert_eq!(found.allocated_size, 0);
    }

    #[test]
    fn signatures_of_precompiles_count_by_their_kind() {
        let none = cost(0, &[]).compute_units;
        for (program, each) in [
            (program_ids::ED25519, 2_400),
            (program_ids::SECP256K1, 6_690),
            (program_ids::SECP256R1, 4_800),
            (program_ids::MEMO, 0),
        ] {
            let found = cost(
                0,
                &[(program, &[255, 0]), (program, &[3, 0]), (program, &[])],
            );
            assert_eq!(found.compute_units, none + 258 * each + 1, "{program}");
        }
    }

    #[test]
    fn allocations_are_summed_unless_one_cannot_be() {
        let system = program_ids::SYSTEM;
        let size = |size: u64| size.to_le_bytes().to_vec();
        let allocate = |bytes| [vec![8, 0, 0, 0], size(bytes)].concat();
        let create = |tag: u8, bytes| [vec![tag, 0, 0, 0], size(1), size(bytes)].concat();
        let seeded = |tag: u8, between: &[u8], bytes| {
            let seed = [vec![9; 32], size(2), vec![b'a', b'b']].concat();
            [vec![tag, 0, 0, 0], seed, between.to_vec(), size(bytes)].concat()
        };
        let all = [
            allocate(1),
            create(0, 20),
            create(13, 300),
            seeded(3, &[0; 8], 4_000),
            seeded(9, &[], 50_000),
            vec![2, 0, 0, 0],
        ];
        let each: Vec<(Address, &[u8])> = all.iter().map(|data| (system, &data[..])).collect();
        assert_eq!(cost(0, &each).allocated_size, 54_321);
        let full = allocate(10 << 20);
        let many = vec![(system, &full[..]); 3];
        assert_eq!(cost(0, &many).allocated_size, 20 << 20);
        for broken in [allocate((10 << 20) + 1), vec![8, 0, 0, 0, 1], vec![1]] {
            let with = [&each[..], &[(system, &broken[..])]].concat();
            assert_eq!(cost(0, &with).allocated_size, 0, "{broken:?}");
        }
        let elsewhere = [(program_ids::MEMO, &full[..])];
        assert_eq!(cost(0, &elsewhere).allocated_size, 0);
    }
}
