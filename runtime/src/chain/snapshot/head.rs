//! The head: what a chain goes on with besides blocks and accounts, and how many of these there
//! are.

use lockstep_interface::{Hash, Rent, RuleSet, sysvar::RecentBlockhash};

use super::{BLOCKS_MAX, error::Fault};
use crate::{
    bank::{CostTable, Genesis},
    chain::parameters::{
        ParameterMismatch, check_blockhashes, check_rent, check_rules, rules_number, rules_of,
    },
    limits::BLOCKHASHES_MAX,
};

/// Bytes before the list of blockhashes.
const FIXED_SIZE: usize = 64;
/// Bytes of a blockhash in the list.
const BLOCKHASH_SIZE: usize = 40;

/// The head of a snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Head {
    /// Id of the newest block.
    pub(super) tip: Hash,
    pub(super) account_count: u64,
    pub(super) block_count: u32,
    pub(super) rules: RuleSet,
    pub(super) rent: Rent,
    /// Blockhashes that are valid still and older than the first block.
    pub(super) blockhashes: Vec<RecentBlockhash>,
    pub(super) costs: CostTable,
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let rent = &self.rent;
        let mut bytes = self.tip.to_bytes().to_vec();
        bytes.extend(self.account_count.to_le_bytes());
        bytes.extend(self.block_count.to_le_bytes());
        bytes.push(rules_number(self.rules));
        bytes.extend(rent.lamports_per_byte.to_le_bytes());
        bytes.extend(rent.exemption_threshold_bits.to_le_bytes());
        bytes.push(rent.burn_percent);
        let count = u16::try_from(self.blockhashes.len()).expect("a queue has at most 151");
        bytes.extend(count.to_le_bytes());
        for known in &self.blockhashes {
            bytes.extend(known.blockhash.to_bytes());
            bytes.extend(known.lamports_per_signature.to_le_bytes());
        }
        bytes.extend(self.costs.encode());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let wrong_fields = || Fault::Fields { found: bytes.len() };
        let (fixed, rest) = bytes
            .split_first_chunk::<FIXED_SIZE>()
            .ok_or_else(wrong_fields)?;
        let array = |start: usize| *fixed[start..].first_chunk().expect("within the fixed part");
        let block_count = u32::from_le_bytes(*fixed[40..].first_chunk().expect("four bytes"));
        if !(1..=BLOCKS_MAX).contains(&(block_count as usize)) {
            let found = block_count;
            return Err(Fault::BlockCount { found });
        }
        let found = fixed[44];
        let rules = rules_of(found).ok_or(Fault::Rules { found })?;
        let count = usize::from(u16::from_le_bytes([fixed[62], fixed[63]]));
        let (blockhashes, costs) = rest
            .split_at_checked(count.saturating_mul(BLOCKHASH_SIZE))
            .filter(|_| count < BLOCKHASHES_MAX)
            .ok_or_else(wrong_fields)?;
        let blockhashes = blockhashes.as_chunks::<BLOCKHASH_SIZE>().0.iter();
        Ok(Self {
            tip: Hash::new_from_array(*fixed.first_chunk().expect("the first 32 bytes")),
            account_count: u64::from_le_bytes(array(32)),
            block_count,
            rules,
            rent: Rent {
                lamports_per_byte: u64::from_le_bytes(array(45)),
                exemption_threshold_bits: u64::from_le_bytes(array(53)),
                burn_percent: fixed[61],
            },
            blockhashes: blockhashes.map(decode_blockhash).collect(),
            costs: CostTable::decode(costs).ok_or(Fault::Costs)?,
        })
    }

    /// Compares the head with the genesis of the chain; `first_slot` is that of the first block.
    pub(super) fn check(
        &self,
        genesis: &Genesis,
        first_slot: u64,
    ) -> Result<(), ParameterMismatch> {
        check_rules(self.rules, genesis.rules)?;
        check_rent(&self.rent, &genesis.rent)?;
        check_blockhashes(
            &self.blockhashes,
            self.expected_blockhashes(genesis, first_slot),
        )
    }

    /// The blockhashes before that of the genesis that are still valid after these blocks.
    fn expected_blockhashes<'g>(
        &self,
        genesis: &'g Genesis,
        first_slot: u64,
    ) -> &'g [RecentBlockhash] {
        match genesis.blockhashes.split_last() {
            Some((_, older)) if first_slot == genesis.slot => {
                let room = BLOCKHASHES_MAX.saturating_sub(self.block_count as usize);
                &older[older.len().saturating_sub(room)..]
            }
            _ => &[],
        }
    }
}

fn decode_blockhash(bytes: &[u8; BLOCKHASH_SIZE]) -> RecentBlockhash {
    let (hash, lamports) = bytes.split_at(32);
    RecentBlockhash {
        blockhash: Hash::new_from_array(*hash.first_chunk().expect("32 bytes")),
        lamports_per_signature: u64::from_le_bytes(*lamports.first_chunk().expect("8 bytes")),
    }
}
