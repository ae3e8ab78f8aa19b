//! Limits and price of a transaction: from its compute-budget instructions, or from the
//! configuration inside a v1 message.

use lockstep_interface::{InstructionError, RuleSet, TransactionError, address::program_ids};

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
    /// Lamports for the signatures.
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

/// What compute-budget instructions asked for.
#[derive(Default)]
struct Requests {
    heap_size: Option<u32>,
    compute_unit_limit: Option<u32>,
    compute_unit_price: Option<u64>,
    loaded_data_size: Option<u32>,
}

/// Reads the budget of a parsed transaction.
///
/// # Errors
/// `DuplicateInstruction` for a second request of a kind; `InstructionError` with
/// `InvalidInstructionData` for a request that cannot be decoded or granted;
/// `InvalidLoadedAccountsDataSizeLimit` for a size of zero.
pub(super) fn budget(
    view: &TransactionView<'_>,
    rules: RuleSet,
) -> Result<Budget, TransactionError> {
    let mut requests = Requests::default();
    let mut default_units = 0u32;
    let keys = view.static_keys();
    for (index, instruction) in (0u8..=u8::MAX).zip(view.instructions()) {
        let program = keys.get(usize::from(instruction.program_index));
        let program = program.ok_or(TransactionError::SanitizeFailure)?;
        let is_budget = program == program_ids::COMPUTE_BUDGET.as_array();
        if is_budget && view.version() != Version::V1 {
            requests.add(instruction.data, index)?;
        }
        default_units = default_units.saturating_add(match rules {
            RuleSet::December2024 if is_budget => 0,
            _ if is_builtin(program) => rules.builtin_compute_units(),
            _ => INSTRUCTION_COMPUTE_UNITS,
        });
    }
    let signatures = u64::from(view.required_signatures());
    let signature_fee = LAMPORTS_PER_SIGNATURE.saturating_mul(signatures);
    if view.version() == Version::V1 {
        return v1_budget(view, default_units, signature_fee);
    }
    let compute_unit_limit = requests
        .compute_unit_limit
        .unwrap_or(default_units)
        .min(COMPUTE_UNITS_MAX);
    let price = u128::from(requests.compute_unit_price.unwrap_or(0));
    let micro_lamports = price.saturating_mul(u128::from(compute_unit_limit));
    let priority_fee = micro_lamports.div_ceil(MICRO_LAMPORTS);
    Ok(Budget {
        compute_unit_limit,
        loaded_data_size_max: loaded_data_size_max(requests.loaded_data_size)?,
        signature_fee,
        priority_fee: u64::try_from(priority_fee).unwrap_or(u64::MAX),
    })
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

impl Requests {
    /// Adds one compute-budget instruction. Bytes behind the request are ignored, as Agave does.
    fn add(&mut self, data: &[u8], index: u8) -> Result<(), TransactionError> {
        let invalid =
            TransactionError::InstructionError(index, InstructionError::InvalidInstructionData);
        let (tag, rest) = data.split_first().ok_or(invalid.clone())?;
        let small = rest
            .first_chunk::<4>()
            .map(|bytes| u32::from_le_bytes(*bytes));
        let is_repeated = match tag {
            1 => {
                let size = small.filter(|size| is_heap_size(*size)).ok_or(invalid)?;
                self.heap_size.replace(size).is_some()
            }
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
}

fn is_heap_size(size: u32) -> bool {
    (HEAP_SIZE_MIN..=HEAP_SIZE_MAX).contains(&size) && size.is_multiple_of(HEAP_SIZE_STEP)
}

/// True for the programs whose instructions get few compute units by default (SIMD-0170).
fn is_builtin(program: &[u8; 32]) -> bool {
    const BUILTINS: [[u8; 32]; 7] = [
        program_ids::SYSTEM.to_bytes(),
        program_ids::COMPUTE_BUDGET.to_bytes(),
        program_ids::VOTE.to_bytes(),
        program_ids::UPGRADEABLE_LOADER.to_bytes(),
        program_ids::LOADER_1.to_bytes(),
        program_ids::LOADER_2.to_bytes(),
        program_ids::LOADER_4.to_bytes(),
    ];
    BUILTINS.contains(program)
}
