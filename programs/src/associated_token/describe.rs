//! The Associated Token Account program's interface, for `lockstep idl`.

use lockstep_interface::address::program_ids;
use lockstep_sdk::{
    access::AccountAccess,
    error::ErrorCode,
    idl::{InstructionDescription, ProgramDescription},
};

use super::AssociatedTokenError;
use crate::describe::{PAYING, READ, WRITABLE, instruction, named, program};

/// What the Associated Token Account program can be asked to do.
///
/// ```
/// let json = lockstep_programs::associated_token::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"create_idempotent\""));
/// ```
pub const DESCRIPTION: ProgramDescription = program(
    "associated-token",
    program_ids::ASSOCIATED_TOKEN,
    INSTRUCTIONS,
    &[AssociatedTokenError::ERRORS],
);

const TOKEN: AccountAccess = named("token", READ.fixed(program_ids::TOKEN));
const CREATED: &[AccountAccess] = &[
    named("payer", PAYING),
    named("account", WRITABLE),
    named("wallet", READ),
    named("mint", READ),
    named("system", READ.fixed(program_ids::SYSTEM)),
    TOKEN,
];

const INSTRUCTIONS: &[InstructionDescription] = &[
    instruction(
        "create",
        &["Creates a wallet's account of a mint."],
        &[0],
        CREATED,
        &[],
    ),
    instruction(
        "create_idempotent",
        &["Creates a wallet's account of a mint, unless it is there."],
        &[1],
        CREATED,
        &[],
    ),
    instruction(
        "recover_nested",
        &["Moves tokens of an account that belongs to an associated account to the wallet's own."],
        &[2],
        &[
            named("nested", WRITABLE),
            named("nested_mint", READ),
            named("target", WRITABLE),
            named("owner", READ),
            named("owner_mint", READ),
            named("wallet", PAYING),
            TOKEN,
        ],
        &[],
    ),
];
