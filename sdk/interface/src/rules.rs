//! The rules that changed over time, as one typed set that the bank chooses.

use solana_instruction_error::InstructionError;

/// Which of Solana's historic rule sets a bank follows.
///
/// All differences between the sets are answered by methods here; no other flag exists.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RuleSet {
    /// The rules of December 2024 (Agave 2.1), which recorded test cases follow.
    December2024,
    /// Today's rules (Agave 4).
    Current,
}

impl RuleSet {
    /// The error of an instruction that names too few accounts.
    #[expect(deprecated, reason = "the older rules report the older error")]
    pub fn missing_account_error(self) -> InstructionError {
        match self {
            Self::December2024 => InstructionError::NotEnoughAccountKeys,
            Self::Current => InstructionError::MissingAccount,
        }
    }

    /// True if executable accounts refuse every change (dropped by SIMD-0162).
    pub fn freezes_executable_accounts(self) -> bool {
        self == Self::December2024
    }

    /// True if the System program can create accounts that hold lamports already (added by
    /// SIMD-0312).
    pub fn allows_prefunded_creation(self) -> bool {
        self == Self::Current
    }

    /// True if the nonce account of a durable transaction may come from a lookup table
    /// (dropped by SIMD-0242).
    pub fn allows_nonce_from_lookup_table(self) -> bool {
        self == Self::December2024
    }

    /// Default compute units of an instruction that calls a built-in program (SIMD-0170).
    pub fn builtin_compute_units(self) -> u32 {
        match self {
            Self::December2024 => 200_000,
            Self::Current => 3_000,
        }
    }
}
