//! The rules that changed over time, as one typed set that the bank chooses.

use solana_instruction_error::InstructionError;

/// Which of Solana's historic rule sets a bank follows.
///
/// A set is greater than those that it follows, and has what they brought. All differences between
/// the sets are answered by their order and by methods here; no other flag exists.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RuleSet {
    /// The rules of December 2024 (Agave 2.1), which recorded test cases follow.
    December2024,
    /// Today's rules (Agave 4).
    Current,
    /// Today's rules, and of compiled programs only those of version 3 of SBPF are new (SIMD-0500).
    SbpfVersion3,
}

impl RuleSet {
    /// The error of an instruction that names too few accounts.
    #[expect(deprecated, reason = "the older rules report the older error")]
    pub fn missing_account_error(self) -> InstructionError {
        match self {
            Self::December2024 => InstructionError::NotEnoughAccountKeys,
            Self::Current | Self::SbpfVersion3 => InstructionError::MissingAccount,
        }
    }

    /// True if executable accounts refuse every change (dropped by SIMD-0162).
    pub fn freezes_executable_accounts(self) -> bool {
        self == Self::December2024
    }

    /// True if the System program can create accounts that hold lamports already (added by
    /// SIMD-0312).
    pub fn allows_prefunded_creation(self) -> bool {
        self >= Self::Current
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
            Self::Current | Self::SbpfVersion3 => 3_000,
        }
    }

    /// True if a file of an SBPF version before the third is not deployed, and a program that has
    /// one keeps its authority; what is there goes on running (added by SIMD-0500).
    pub fn refuses_older_bytecode(self) -> bool {
        self >= Self::SbpfVersion3
    }
}
