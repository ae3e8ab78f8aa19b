//! The System program's interface, for `lockstep idl`.

use lockstep_interface::address::program_ids;
use lockstep_sdk::{
    access::AccountAccess,
    error::ErrorCode,
    idl::{FieldDescription, InstructionDescription, ProgramDescription},
};

use super::SystemError;
use crate::describe::{
    ADDRESS, CREDITED, PAYING, RECENT_BLOCKHASHES, RENT, SIGNING, SIZED_TEXT, U64, WRITABLE, field,
    instruction, named, program,
};

/// What the System program can be asked to do.
///
/// ```
/// let json = lockstep_programs::system::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"transfer\""));
/// ```
pub const DESCRIPTION: ProgramDescription = program(
    "system",
    program_ids::SYSTEM,
    INSTRUCTIONS,
    &[SystemError::ERRORS],
);

const BASE_ACCOUNT: AccountAccess = named("base", SIGNING);
const BASE: FieldDescription = field("base", ADDRESS);
const SEED: FieldDescription = field("seed", SIZED_TEXT);
const LAMPORTS: FieldDescription = field("lamports", U64);
const SPACE: FieldDescription = field("space", U64);
const OWNER: FieldDescription = field("owner", ADDRESS);
const AUTHORITY: FieldDescription = field("authority", ADDRESS);

const INSTRUCTIONS: &[InstructionDescription] = &[
    instruction(
        "create_account",
        &["Creates an account that does not exist."],
        &[0, 0, 0, 0],
        &[named("payer", PAYING), named("account", PAYING)],
        &[LAMPORTS, SPACE, OWNER],
    ),
    instruction(
        "assign",
        &["Gives an account to another program."],
        &[1, 0, 0, 0],
        &[named("account", PAYING)],
        &[OWNER],
    ),
    instruction(
        "transfer",
        &["Moves lamports."],
        &[2, 0, 0, 0],
        &[named("source", PAYING), named("target", CREDITED)],
        &[LAMPORTS],
    ),
    instruction(
        "create_account_with_seed",
        &["Creates an account at an address derived from base, seed and owner."],
        &[3, 0, 0, 0],
        &[
            named("payer", PAYING),
            named("account", WRITABLE),
            BASE_ACCOUNT,
        ],
        &[BASE, SEED, LAMPORTS, SPACE, OWNER],
    ),
    instruction(
        "advance_nonce_account",
        &["Stores the present blockhash in a nonce account."],
        &[4, 0, 0, 0],
        &[
            named("nonce", WRITABLE),
            RECENT_BLOCKHASHES,
            named("authority", SIGNING),
        ],
        &[],
    ),
    instruction(
        "withdraw_nonce_account",
        &["Takes lamports out of a nonce account; all of them close it."],
        &[5, 0, 0, 0],
        &[
            named("nonce", WRITABLE),
            named("target", WRITABLE),
            RECENT_BLOCKHASHES,
            RENT,
            named("authority", SIGNING),
        ],
        &[LAMPORTS],
    ),
    instruction(
        "initialize_nonce_account",
        &["Makes an account of 80 bytes a nonce account."],
        &[6, 0, 0, 0],
        &[named("nonce", WRITABLE), RECENT_BLOCKHASHES, RENT],
        &[AUTHORITY],
    ),
    instruction(
        "authorize_nonce_account",
        &["Names another authority of a nonce account."],
        &[7, 0, 0, 0],
        &[named("nonce", WRITABLE), named("authority", SIGNING)],
        &[field("successor", ADDRESS)],
    ),
    instruction(
        "allocate",
        &["Gives an account data of zeros."],
        &[8, 0, 0, 0],
        &[named("account", PAYING)],
        &[SPACE],
    ),
    instruction(
        "allocate_with_seed",
        &["Gives an account at an address derived from base, seed and owner data and that owner."],
        &[9, 0, 0, 0],
        &[named("account", WRITABLE), BASE_ACCOUNT],
        &[BASE, SEED, SPACE, OWNER],
    ),
    instruction(
        "assign_with_seed",
        &["Gives an account at an address derived from base, seed and owner to that owner."],
        &[10, 0, 0, 0],
        &[named("account", WRITABLE), BASE_ACCOUNT],
        &[BASE, SEED, OWNER],
    ),
    instruction(
        "transfer_with_seed",
        &["Moves lamports out of an account at an address derived from base, seed and owner."],
        &[11, 0, 0, 0],
        &[
            named("source", WRITABLE),
            BASE_ACCOUNT,
            named("target", CREDITED),
        ],
        &[LAMPORTS, SEED, OWNER],
    ),
    instruction(
        "upgrade_nonce_account",
        &["Moves a nonce account of the legacy version into today's."],
        &[12, 0, 0, 0],
        &[named("nonce", WRITABLE)],
        &[],
    ),
    instruction(
        "create_account_allow_prefund",
        &[
            "Creates an account that may hold lamports already.",
            "Where no lamports are to be paid, no payer is needed.",
        ],
        &[13, 0, 0, 0],
        &[named("account", PAYING), named("payer", PAYING)],
        &[LAMPORTS, SPACE, OWNER],
    ),
];
