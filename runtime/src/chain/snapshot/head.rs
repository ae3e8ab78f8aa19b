//! The head: what a chain goes on with besides blocks and accounts, and how many of these there
//! are.

use lockstep_interface::{Hash, sysvar::RecentBlockhash};

use super::{BLOCKS_MAX, error::Fault};
use crate::{
    bank::{CostTable, Genesis},
    chain::parameters::{ParameterMismatch, Parameters, ParametersError, check_blockhashes},
    limits::BLOCKHASHES_MAX,
};

/// Bytes of a blockhash in the list.
const BLOCKHASH_SIZE: usize = 40;

/// The head of a snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Head {
    /// Id of the newest block.
    pub(super) tip: Hash,
    pub(super) account_count: u64,
    pub(super) block_count: u32,
    pub(super) parameters: Parameters,
    /// Blockhashes that are valid still and older than the first block.
    pub(super) blockhashes: Vec<RecentBlockhash>,
    pub(super) costs: CostTable,
}

impl Head {
    pub(super) fn encode(&self) -> Result<Vec<u8>, ParametersError> {
        let parameters = self.parameters.encode()?;
        let mut bytes = self.tip.to_bytes().to_vec();
        bytes.extend(self.account_count.to_le_bytes());
        bytes.extend(self.block_count.to_le_bytes());
        let size = u32::try_from(parameters.len()).expect("at most 64 KiB");
        bytes.extend(size.to_le_bytes());
        bytes.extend(parameters);
        let count = u16::try_from(self.blockhashes.len()).expect("a queue has at most 151");
        bytes.extend(count.to_le_bytes());
        for known in &self.blockhashes {
            bytes.extend(known.blockhash.to_bytes());
            bytes.extend(known.lamports_per_signature.to_le_bytes());
        }
        bytes.extend(self.costs.encode());
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let fault = Fault::Fields { found: bytes.len() };
        let mut rest = bytes;
        let tip: [u8; 32] = take(&mut rest).ok_or_else(|| fault.clone())?;
        let account_count = take(&mut rest).ok_or_else(|| fault.clone())?;
        let found = take(&mut rest).map(u32::from_le_bytes);
        let found = found.ok_or_else(|| fault.clone())?;
        if !(1..=BLOCKS_MAX).contains(&(found as usize)) {
            return Err(Fault::BlockCount { found });
        }
        let size = take(&mut rest).map(u32::from_le_bytes);
        let parameters = size.and_then(|size| rest.split_at_checked(size as usize));
        let (parameters, mut rest) = parameters.ok_or_else(|| fault.clone())?;
        let parameters = Parameters::decode(parameters).map_err(Fault::Parameters)?;
        let count = take(&mut rest).map(u16::from_le_bytes).map(usize::from);
        let lists = count
            .filter(|count| *count < BLOCKHASHES_MAX)
            .and_then(|count| rest.split_at_checked(count.saturating_mul(BLOCKHASH_SIZE)));
        let (blockhashes, costs) = lists.ok_or(fault)?;
        let blockhashes = blockhashes.as_chunks::<BLOCKHASH_SIZE>().0.iter();
        Ok(Self {
            tip: Hash::new_from_array(tip),
            account_count: u64::from_le_bytes(account_count),
            block_count: found,
            parameters,
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
        self.parameters.check(genesis)?;
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

/// The next bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

fn decode_blockhash(bytes: &[u8; BLOCKHASH_SIZE]) -> RecentBlockhash {
    let (hash, lamports) = bytes.split_at(32);
    RecentBlockhash {
        blockhash: Hash::new_from_array(*hash.first_chunk().expect("32 bytes")),
        lamports_per_signature: u64::from_le_bytes(*lamports.first_chunk().expect("8 bytes")),
    }
}
