//! The head: what a chain goes on with besides blocks and accounts, and how many of these there
//! are.

use lockstep_interface::Hash;

use super::{BLOCKS_MAX, error::Fault};
use crate::{
    bank::CostTable,
    chain::parameters::{Parameters, ParametersError},
};

/// The head of a snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Head {
    /// Id of the newest block.
    pub(super) tip: Hash,
    pub(super) account_count: u64,
    pub(super) block_count: u32,
    pub(super) parameters: Parameters,
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
        let (parameters, costs) = parameters.ok_or(fault)?;
        let parameters = Parameters::decode(parameters).map_err(Fault::Parameters)?;
        Ok(Self {
            tip: Hash::new_from_array(tip),
            account_count: u64::from_le_bytes(account_count),
            block_count: found,
            parameters,
            costs: CostTable::decode(costs).ok_or(Fault::Costs)?,
        })
    }
}

/// The next bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}
