//! Limits and price of a transaction: from its compute-budget instructions, or from the
//! configuration inside a v1 message.
//!
//! Source: Agave's `process_compute_budget_instructions`.

use lockstep_interface::{
    Address, InstructionError, RuleSet, TransactionError, address::program_ids,
};

use super::{cost::PrecompileSignatures, schemes::signature_count};
use crate::{
    limits::{
        COMPUTE_UNITS_MAX, HEAP_SIZE_MAX, HEAP_SIZE_MIN, HEAP_SIZE_STEP, INSTRUCTION_COMPUTE_UNITS,
        LAMPORTS_PER_SIGNATURE, LOADED_DATA_SIZE_MAX, MICRO_LAMPORTS,
    },
    wire::{TransactionView, Version},
};

/// What a transaction may use, and what it pays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budget {
    /// Compute units, in [0, 1.4 M].
    pub compute_unit_limit: u32,
    /// Bytes of account data it may load, in [1, 64 MiB].
    pub loaded_data_size_max: u32,
    /// Bytes of heap of each program out of an account, in [32 KiB, 256 KiB].
    pub heap_size: u32,
    /// Lamports for the signatures, those that precompiled programs verify included.
    pub signature_fee: u64,
    /// Lamports for priority.
    pub priority_fee: u64,
}

impl Budget {
    /// Lamports the transaction pays in all.
    pub fn fee(&self) -> u64 {
        self.signature_fee.saturating_add(self.priority_fee)
    }
}

/// What compute-budget instructions ask for, and what the others get by default.
pub(crate) struct Requests {
    rules: RuleSet,
    version: Version,
    instruction_count: u8,
    /// The instruction that asks for a heap, and its size. Judged behind all requests.
    heap_size: Option<(u8, u32)>,
    compute_unit_limit: Option<u32>,
    compute_unit_price: Option<u64>,
    loaded_data_size: Option<u32>,
    default_units: u32,
    /// The first request that cannot be granted.
    failure: Option<TransactionError>,
}

impl Requests {
    /// No instruction yet.
    pub(crate) fn new(rules: RuleSet, version: Version) -> Self {
        Self {
            rules,
            version,
            instruction_count: 0,
            heap_size: None,
            compute_unit_limit: None,
            compute_unit_price: None,
            loaded_data_size: None,
            default_units: 0,
            failure: None,
        }
    }

    /// Adds the next instruction.
    pub(crate) fn add(&mut self, program: &Address, data: &[u8]) {
        let is_budget = *program == program_ids::COMPUTE_BUDGET;
        if is_budget && self.version != Version::V1 && self.failure.is_none() {
            self.failure = self.request(data).err();
        }
        self.default_units = self.default_units.saturating_add(match self.rules {
            RuleSet::December2024 if is_budget => 0,
            _ if is_budget || is_builtin(program) => self.rules.builtin_compute_units(),
            _ => INSTRUCTION_COMPUTE_UNITS,
        });
        self.instruction_count = self.instruction_count.saturating_add(1);
    }

    /// Adds one compute-budget instruction. Bytes behind the request are ignored, as Agave does.
    fn request(&mut self, data: &[u8]) -> Result<(), TransactionError> {
        let index = self.instruction_count;
        let invalid =
            TransactionError::InstructionError(index, InstructionError::InvalidInstructionData);
        let (tag, rest) = data.split_first().ok_or(invalid.clone())?;
        let small = rest
            .first_chunk::<4>()
            .map(|bytes| u32::from_le_bytes(*bytes));
        let is_repeated = match tag {
            1 => self
                .heap_size
                .replace((index, small.ok_or(invalid)?))
                .is_some(),
            2 => self
                .compute_unit_limit
                .replace(small.ok_or(invalid)?)
                .is_some(),
            3 => {
                let price = rest.first_chunk::<8>().ok_or(invalid)?;
                self.compute_unit_price
                    .replace(u64::from_le_bytes(*price))
                    .is_some()
            }
            4 => self
                .loaded_data_size
                .replace(small.ok_or(invalid)?)
                .is_some(),
            _ => return Err(invalid),
        };
        if is_repeated {
            return Err(TransactionError::DuplicateInstruction(index));
        }
        Ok(())
    }

    /// The first request that could not be decoded, or was made before.
    pub(crate) fn failure(&self) -> Option<&TransactionError> {
        self.failure.as_ref()
    }

    /// The budget of the transaction whose instructions were added, and verify these signatures.
    /// Each pays like one of the transaction's own (Agave's `calculate_fee_details`).
    ///
    /// # Errors
    /// `DuplicateInstruction` for a second request of a kind; `InstructionError` with
    /// `InvalidInstructionData` for a request that cannot be decoded or granted;
    /// `InvalidLoadedAccountsDataSizeLimit` for a size of zero.
    pub(crate) fn budget(
        self,
        view: &TransactionView<'_>,
        precompiles: PrecompileSignatures,
    ) -> Result<Budget, TransactionError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Some((index, size)) = self.heap_size
            && !is_heap_size(size)
        {
            let invalid = InstructionError::InvalidInstructionData;
            return Err(TransactionError::InstructionError(index, invalid));
        }
        let signatures = signature_count(view).saturating_add(precompiles.count());
        let signature_fee = LAMPORTS_PER_SIGNATURE.saturating_mul(signatures);
        if self.version == Version::V1 {
            return v1_budget(view, self.default_units, signature_fee);
        }
        let compute_unit_limit = self
            .compute_unit_limit
            .unwrap_or(self.default_units)
            .min(COMPUTE_UNITS_MAX);
        let price = u128::from(self.compute_unit_price.unwrap_or(0));
        let micro_lamports = price.saturating_mul(u128::from(compute_unit_limit));
        let priority_fee = micro_lamports.div_ceil(MICRO_LAMPORTS);
        Ok(Budget {
            compute_unit_limit,
            loaded_data_size_max: loaded_data_size_max(self.loaded_data_size)?,
            heap_size: self.heap_size.map_or(HEAP_SIZE_MIN, |(_, size)| size),
            signature_fee,
            priority_fee: u64::try_from(priority_fee).unwrap_or(u64::MAX),
        })
    }
}

fn v1_budget(
    view: &TransactionView<'_>,
    default_units: u32,
    signature_fee: u64,
) -> Result<Budget, TransactionError> {
    let config = view.config();
    if config.heap_size.is_some_and(|size| !is_heap_size(size)) {
        return Err(TransactionError::SanitizeFailure);
    }
    Ok(Budget {
        compute_unit_limit: config
            .compute_unit_limit
            .unwrap_or(default_units)
            .min(COMPUTE_UNITS_MAX),
        loaded_data_size_max: loaded_data_size_max(config.loaded_accounts_data_size_limit)?,
        heap_size: config.heap_size.unwrap_or(HEAP_SIZE_MIN),
        signature_fee,
        priority_fee: config.priority_fee.unwrap_or(0),
    })
}

fn loaded_data_size_max(requested: Option<u32>) -> Result<u32, TransactionError> {
    match requested {
        None => Ok(LOADED_DATA_SIZE_MAX),
        Some(0) => Err(TransactionError::InvalidLoadedAccountsDataSizeLimit),
        Some(size) => Ok(size.min(LOADED_DATA_SIZE_MAX)),
    }
}

fn is_heap_size(size: u32) -> bool {
    (HEAP_SIZE_MIN..=HEAP_SIZE_MAX).contains(&size) && size.is_multiple_of(HEAP_SIZE_STEP)
}

/// True for the programs whose instructions get few compute units by default (SIMD-0170), besides
/// the Compute Budget program.
fn is_builtin(program: &Address) -> bool {
    const BUILTINS: [Address; 6] = [
        program_ids::SYSTEM,
        program_ids::VOTE,
        program_ids::UPGRADEABLE_LOADER,
        program_ids::LOADER_1,
        program_ids::LOADER_2,
        program_ids::LOADER_4,
    ];
    BUILTINS.contains(program)
}
