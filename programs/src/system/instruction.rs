//! What the System program can be asked to do, and the instructions that clients send to it.
//!
//! Every function here lists the accounts in the order the program expects them. Kinds, field
//! order and account order are those of Solana's System program, so that its clients work
//! unchanged.

use lockstep_interface::{
    AccountMeta, Address, Instruction,
    address::{program_ids, sysvar_ids},
    nonce::NONCE_ACCOUNT_SIZE,
};

/// A decoded System instruction. Seeds are borrowed from the instruction data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SystemInstruction<'a> {
    /// Creates an account that does not exist. Accounts: payer (writable, signer), new account
    /// (writable, signer).
    CreateAccount {
        /// Lamports from the payer to the new account.
        lamports: u64,
        /// Bytes of data, in [0, 10 MiB].
        space: u64,
        /// The program that will own it.
        owner: Address,
    },
    /// Gives an account to another program. Accounts: the account (writable, signer).
    Assign {
        /// The program that will own it.
        owner: Address,
    },
    /// Moves lamports. Accounts: source (writable, signer), target (writable).
    Transfer {
        /// How many.
        lamports: u64,
    },
    /// Creates an account at a seed address. Accounts: payer (writable, signer), new account
    /// (writable), base (signer).
    CreateAccountWithSeed {
        /// The address that signs in place of the new account.
        base: Address,
        /// The seed, at most 32 bytes.
        seed: &'a str,
        /// Lamports from the payer to the new account.
        lamports: u64,
        /// Bytes of data, in [0, 10 MiB].
        space: u64,
        /// The program that will own it.
        owner: Address,
    },
    /// Stores the present blockhash in a nonce account. Accounts: nonce account (writable),
    /// RecentBlockhashes, authority (signer).
    AdvanceNonceAccount,
    /// Takes lamports out of a nonce account; all of them close it. Accounts: nonce account
    /// (writable), target (writable), RecentBlockhashes, Rent, authority (signer).
    WithdrawNonceAccount {
        /// How many.
        lamports: u64,
    },
    /// Makes an account of 80 bytes a nonce account. Accounts: nonce account (writable),
    /// RecentBlockhashes, Rent.
    InitializeNonceAccount {
        /// The address that will have to sign for it.
        authority: Address,
    },
    /// Names another authority. Accounts: nonce account (writable), authority (signer).
    AuthorizeNonceAccount {
        /// The address that will have to sign for it.
        authority: Address,
    },
    /// Gives an account data of zeros. Accounts: the account (writable, signer).
    Allocate {
        /// Bytes of data, in [0, 10 MiB].
        space: u64,
    },
    /// Gives an account at a seed address data and an owner. Accounts: the account (writable),
    /// base (signer).
    AllocateWithSeed {
        /// The address that signs in place of the account.
        base: Address,
        /// The seed, at most 32 bytes.
        seed: &'a str,
        /// Bytes of data, in [0, 10 MiB].
        space: u64,
        /// The program that will own it.
        owner: Address,
    },
    /// Gives an account at a seed address an owner. Accounts: the account (writable), base
    /// (signer).
    AssignWithSeed {
        /// The address that signs in place of the account.
        base: Address,
        /// The seed, at most 32 bytes.
        seed: &'a str,
        /// The program that will own it.
        owner: Address,
    },
    /// Moves lamports out of a seed address. Accounts: source (writable), base (signer), target
    /// (writable).
    TransferWithSeed {
        /// How many.
        lamports: u64,
        /// The source's seed, at most 32 bytes.
        seed: &'a str,
        /// The owner from which the source's address was derived.
        owner: Address,
    },
    /// Moves a nonce account of the legacy version into today's. Accounts: nonce account
    /// (writable).
    UpgradeNonceAccount,
    /// Creates an account that may hold lamports already (SIMD-0312). Accounts: new account
    /// (writable, signer), payer (writable, signer; only if lamports are to be paid).
    CreateAccountAllowPrefund {
        /// Lamports from the payer to the new account.
        lamports: u64,
        /// Bytes of data, in [0, 10 MiB].
        space: u64,
        /// The program that will own it.
        owner: Address,
    },
}

/// Creates the account `to`, which does not exist, with `space` bytes of zeros.
///
/// A balance under [`Rent::minimum_balance`](lockstep_interface::Rent::minimum_balance) of the
/// space makes the transaction fail.
pub fn create_account(
    from: &Address,
    to: &Address,
    lamports: u64,
    space: u64,
    owner: &Address,
) -> Instruction {
    let instruction = SystemInstruction::CreateAccount {
        lamports,
        space,
        owner: *owner,
    };
    call(&instruction, vec![signing(from), signing(to)])
}

/// Creates the account `to`, which may hold lamports already; `payment` adds to them.
pub fn create_account_allow_prefund(
    to: &Address,
    payment: Option<(&Address, u64)>,
    space: u64,
    owner: &Address,
) -> Instruction {
    let mut accounts = vec![signing(to)];
    accounts.extend(payment.map(|(from, _)| signing(from)));
    let instruction = SystemInstruction::CreateAccountAllowPrefund {
        lamports: payment.map_or(0, |(_, lamports)| lamports),
        space,
        owner: *owner,
    };
    call(&instruction, accounts)
}

/// Creates the account `to`, whose address follows from `base`, `seed` and `owner`
/// ([`create_with_seed`](lockstep_interface::address::create_with_seed)).
pub fn create_account_with_seed(
    from: &Address,
    to: &Address,
    base: &Address,
    seed: &str,
    lamports: u64,
    space: u64,
    owner: &Address,
) -> Instruction {
    let mut accounts = vec![signing(from), writable(to)];
    if base != from {
        accounts.push(AccountMeta::readonly(*base, true));
    }
    let instruction = SystemInstruction::CreateAccountWithSeed {
        base: *base,
        seed,
        lamports,
        space,
        owner: *owner,
    };
    call(&instruction, accounts)
}

/// Gives `account` to the program `owner`.
pub fn assign(account: &Address, owner: &Address) -> Instruction {
    let instruction = SystemInstruction::Assign { owner: *owner };
    call(&instruction, vec![signing(account)])
}

/// Gives `account`, whose address follows from `base`, `seed` and `owner`, to the program
/// `owner`.
pub fn assign_with_seed(
    account: &Address,
    base: &Address,
    seed: &str,
    owner: &Address,
) -> Instruction {
    let instruction = SystemInstruction::AssignWithSeed {
        base: *base,
        seed,
        owner: *owner,
    };
    let base = AccountMeta::readonly(*base, true);
    call(&instruction, vec![writable(account), base])
}

/// Moves lamports.
///
/// ```
/// use lockstep_interface::{Address, address::program_ids};
/// use lockstep_programs::system::instruction;
/// let (alice, bob) = (Address::new_from_array([1; 32]), Address::new_from_array([2; 32]));
/// let payment = instruction::transfer(&alice, &bob, 5);
/// assert_eq!(payment.program, program_ids::SYSTEM);
/// assert_eq!(payment.data, [2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
/// ```
pub fn transfer(from: &Address, to: &Address, lamports: u64) -> Instruction {
    let instruction = SystemInstruction::Transfer { lamports };
    call(&instruction, vec![signing(from), writable(to)])
}

/// One [`transfer`] per target.
pub fn transfer_many(from: &Address, targets: &[(Address, u64)]) -> Vec<Instruction> {
    let pay = |(to, lamports): &(Address, u64)| transfer(from, to, *lamports);
    targets.iter().map(pay).collect()
}

/// Moves lamports out of `from`, whose address follows from `base`, `seed` and `owner`.
pub fn transfer_with_seed(
    from: &Address,
    base: &Address,
    seed: &str,
    owner: &Address,
    to: &Address,
    lamports: u64,
) -> Instruction {
    let instruction = SystemInstruction::TransferWithSeed {
        lamports,
        seed,
        owner: *owner,
    };
    let base = AccountMeta::readonly(*base, true);
    call(&instruction, vec![writable(from), base, writable(to)])
}

/// Gives `account` `space` bytes of zeros.
pub fn allocate(account: &Address, space: u64) -> Instruction {
    call(
        &SystemInstruction::Allocate { space },
        vec![signing(account)],
    )
}

/// Gives `account`, whose address follows from `base`, `seed` and `owner`, `space` bytes of
/// zeros and the owner.
pub fn allocate_with_seed(
    account: &Address,
    base: &Address,
    seed: &str,
    space: u64,
    owner: &Address,
) -> Instruction {
    let instruction = SystemInstruction::AllocateWithSeed {
        base: *base,
        seed,
        space,
        owner: *owner,
    };
    let base = AccountMeta::readonly(*base, true);
    call(&instruction, vec![writable(account), base])
}

/// Creates and initializes the nonce account `nonce`, in two instructions.
pub fn create_nonce_account(
    from: &Address,
    nonce: &Address,
    authority: &Address,
    lamports: u64,
) -> [Instruction; 2] {
    let space = u64::try_from(NONCE_ACCOUNT_SIZE).expect("80 fits in 64 bits");
    [
        create_account(from, nonce, lamports, space, &program_ids::SYSTEM),
        initialize_nonce_account(nonce, authority),
    ]
}

/// Makes `nonce`, a System account of 80 bytes, a nonce account.
pub fn initialize_nonce_account(nonce: &Address, authority: &Address) -> Instruction {
    let instruction = SystemInstruction::InitializeNonceAccount {
        authority: *authority,
    };
    let accounts = vec![
        writable(nonce),
        AccountMeta::readonly(sysvar_ids::RECENT_BLOCKHASHES, false),
        AccountMeta::readonly(sysvar_ids::RENT, false),
    ];
    call(&instruction, accounts)
}

/// Stores the present blockhash in `nonce`; as a transaction's first instruction it makes the
/// stored nonce serve as the transaction's blockhash.
pub fn advance_nonce_account(nonce: &Address, authority: &Address) -> Instruction {
    let accounts = vec![
        writable(nonce),
        AccountMeta::readonly(sysvar_ids::RECENT_BLOCKHASHES, false),
        AccountMeta::readonly(*authority, true),
    ];
    call(&SystemInstruction::AdvanceNonceAccount, accounts)
}

/// Takes lamports out of `nonce`; all of them close it.
pub fn withdraw_nonce_account(
    nonce: &Address,
    authority: &Address,
    to: &Address,
    lamports: u64,
) -> Instruction {
    let accounts = vec![
        writable(nonce),
        writable(to),
        AccountMeta::readonly(sysvar_ids::RECENT_BLOCKHASHES, false),
        AccountMeta::readonly(sysvar_ids::RENT, false),
        AccountMeta::readonly(*authority, true),
    ];
    call(
        &SystemInstruction::WithdrawNonceAccount { lamports },
        accounts,
    )
}

/// Hands `nonce` from `authority` to `successor`.
pub fn authorize_nonce_account(
    nonce: &Address,
    authority: &Address,
    successor: &Address,
) -> Instruction {
    let instruction = SystemInstruction::AuthorizeNonceAccount {
        authority: *successor,
    };
    let authority = AccountMeta::readonly(*authority, true);
    call(&instruction, vec![writable(nonce), authority])
}

/// Moves `nonce` from the legacy version into today's.
pub fn upgrade_nonce_account(nonce: &Address) -> Instruction {
    call(
        &SystemInstruction::UpgradeNonceAccount,
        vec![writable(nonce)],
    )
}

fn call(instruction: &SystemInstruction<'_>, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program: program_ids::SYSTEM,
        accounts,
        data: instruction.encode(),
    }
}

fn signing(address: &Address) -> AccountMeta {
    AccountMeta::writable(*address, true)
}

fn writable(address: &Address) -> AccountMeta {
    AccountMeta::writable(*address, false)
}
