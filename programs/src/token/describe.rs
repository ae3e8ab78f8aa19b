//! The Token program's interface, for `lockstep idl`.

use lockstep_interface::address::program_ids;
use lockstep_sdk::{
    access::AccountAccess,
    error::ErrorCode,
    idl::{
        FieldDescription, InstructionDescription, ProgramDescription, TaggedDescription,
        TypeDescription, VariantDescription,
    },
    state::StateData,
};

use super::{MINTED, Mint, RECEIVED, TokenAccount, TokenError};
use crate::describe::{
    ADDRESS, READ, RENT, SIGNING, TEXT_TO_END, U8, U64, WRITABLE, field, instruction, named,
    program,
};

/// What the Token program can be asked to do.
///
/// Where a multisig stands in for an owner or an authority, it does not sign itself; its signers
/// do, and come last.
///
/// ```
/// let json = lockstep_programs::token::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"transfer_checked\",\"docs\":[\"Moves tokens"));
/// ```
pub const DESCRIPTION: ProgramDescription = ProgramDescription {
    states: &[state::<Mint>(), state::<TokenAccount>()],
    ..program(
        "token",
        program_ids::TOKEN,
        INSTRUCTIONS,
        &[TokenError::ERRORS],
    )
};

const fn state<T: StateData>() -> TaggedDescription {
    TaggedDescription {
        name: T::NAME,
        discriminator: T::DISCRIMINATOR,
        layout: T::TYPE,
    }
}

const NEW: AccountAccess = named("account", WRITABLE);
const SOURCE: AccountAccess = named("source", WRITABLE);
const TARGET: AccountAccess = named("target", READ.adding(RECEIVED));
const MINT: AccountAccess = named("mint", READ);
const CHANGED_MINT: AccountAccess = named("mint", WRITABLE);
/// One whose supply grows.
const MINTING: AccountAccess = named("mint", READ.adding(MINTED));
const MULTISIG: AccountAccess = named("multisig", WRITABLE);
const DELEGATE: AccountAccess = named("delegate", READ);
const HOLDER: AccountAccess = named("owner", SIGNING);
const AUTHORITY_ACCOUNT: AccountAccess = named("authority", SIGNING);
/// Of a multisig that stands for owner or authority.
const SIGNERS: AccountAccess = named("signers", SIGNING.repeated(11));
/// Of a multisig to be: they need not sign.
const NAMED_SIGNERS: AccountAccess = named("signers", READ.repeated(11));

const AMOUNT: FieldDescription = field("amount", U64);
const DECIMALS: FieldDescription = field("decimals", U8);
const OWNER: FieldDescription = field("owner", ADDRESS);
const REQUIRED: FieldDescription = field("required", U8);
const MINT_AUTHORITY: FieldDescription = field("mint_authority", ADDRESS);
const FREEZE_AUTHORITY: FieldDescription = field("freeze_authority", OPTIONAL_ADDRESS);
const OPTIONAL_ADDRESS: TypeDescription = TypeDescription::Option(&ADDRESS);
const KIND: TypeDescription = TypeDescription::Enum(
    "AuthorityKind",
    &[
        variant("MintTokens"),
        variant("FreezeAccount"),
        variant("AccountOwner"),
        variant("CloseAccount"),
    ],
);

const fn variant(name: &'static str) -> VariantDescription {
    VariantDescription { name, fields: &[] }
}

const INSTRUCTIONS: &[InstructionDescription] = &[
    instruction(
        "initialize_mint",
        &["Makes an account of 82 bytes a mint."],
        &[0],
        &[CHANGED_MINT, RENT],
        &[DECIMALS, MINT_AUTHORITY, FREEZE_AUTHORITY],
    ),
    instruction(
        "initialize_account",
        &["Makes an account of 165 bytes a token account."],
        &[1],
        &[NEW, MINT, named("owner", READ), RENT],
        &[],
    ),
    instruction(
        "initialize_multisig",
        &["Makes an account of 355 bytes a multisig."],
        &[2],
        &[MULTISIG, RENT, NAMED_SIGNERS],
        &[REQUIRED],
    ),
    instruction(
        "transfer",
        &["Moves tokens."],
        &[3],
        &[SOURCE, TARGET, AUTHORITY_ACCOUNT, SIGNERS],
        &[AMOUNT],
    ),
    instruction(
        "approve",
        &["Lets a delegate move tokens."],
        &[4],
        &[SOURCE, DELEGATE, HOLDER, SIGNERS],
        &[AMOUNT],
    ),
    instruction(
        "revoke",
        &["Takes the delegate away."],
        &[5],
        &[SOURCE, HOLDER, SIGNERS],
        &[],
    ),
    instruction(
        "set_authority",
        &["Replaces an authority of a mint or a token account."],
        &[6],
        &[NEW, AUTHORITY_ACCOUNT, SIGNERS],
        &[field("kind", KIND), field("successor", OPTIONAL_ADDRESS)],
    ),
    instruction(
        "mint_to",
        &["Makes new tokens."],
        &[7],
        &[MINTING, TARGET, AUTHORITY_ACCOUNT, SIGNERS],
        &[AMOUNT],
    ),
    instruction(
        "burn",
        &["Destroys tokens."],
        &[8],
        &[SOURCE, CHANGED_MINT, AUTHORITY_ACCOUNT, SIGNERS],
        &[AMOUNT],
    ),
    instruction(
        "close_account",
        &["Deletes an account without tokens, or one of wrapped lamports."],
        &[9],
        &[NEW, named("receiver", WRITABLE), AUTHORITY_ACCOUNT, SIGNERS],
        &[],
    ),
    instruction(
        "freeze_account",
        &["Forbids an account's tokens to move."],
        &[10],
        &[NEW, MINT, AUTHORITY_ACCOUNT, SIGNERS],
        &[],
    ),
    instruction(
        "thaw_account",
        &["Allows a frozen account's tokens to move again."],
        &[11],
        &[NEW, MINT, AUTHORITY_ACCOUNT, SIGNERS],
        &[],
    ),
    instruction(
        "transfer_checked",
        &["Moves tokens of a mint with these decimals."],
        &[12],
        &[SOURCE, MINT, TARGET, AUTHORITY_ACCOUNT, SIGNERS],
        &[AMOUNT, DECIMALS],
    ),
    instruction(
        "approve_checked",
        &["Lets a delegate move tokens of a mint with these decimals."],
        &[13],
        &[SOURCE, MINT, DELEGATE, HOLDER, SIGNERS],
        &[AMOUNT, DECIMALS],
    ),
    instruction(
        "mint_to_checked",
        &["Makes new tokens of a mint with these decimals."],
        &[14],
        &[MINTING, TARGET, AUTHORITY_ACCOUNT, SIGNERS],
        &[AMOUNT, DECIMALS],
    ),
    instruction(
        "burn_checked",
        &["Destroys tokens of a mint with these decimals."],
        &[15],
        &[SOURCE, CHANGED_MINT, AUTHORITY_ACCOUNT, SIGNERS],
        &[AMOUNT, DECIMALS],
    ),
    instruction(
        "initialize_account2",
        &["Makes an account of 165 bytes a token account; the owner is an argument."],
        &[16],
        &[NEW, MINT, RENT],
        &[OWNER],
    ),
    instruction(
        "sync_native",
        &["Counts lamports that were sent to an account of wrapped lamports."],
        &[17],
        &[NEW],
        &[],
    ),
    instruction(
        "initialize_account3",
        &["Makes an account of 165 bytes a token account, without naming the rent."],
        &[18],
        &[NEW, MINT],
        &[OWNER],
    ),
    instruction(
        "initialize_multisig2",
        &["Makes an account of 355 bytes a multisig, without naming the rent."],
        &[19],
        &[MULTISIG, NAMED_SIGNERS],
        &[REQUIRED],
    ),
    instruction(
        "initialize_mint2",
        &["Makes an account of 82 bytes a mint, without naming the rent."],
        &[20],
        &[CHANGED_MINT],
        &[DECIMALS, MINT_AUTHORITY, FREEZE_AUTHORITY],
    ),
    instruction(
        "get_account_data_size",
        &["Returns the size of a token account."],
        &[21],
        &[MINT],
        &[],
    ),
    instruction(
        "initialize_immutable_owner",
        &["Does nothing to an account that is not in use yet."],
        &[22],
        &[NEW],
        &[],
    ),
    instruction(
        "amount_to_ui_amount",
        &["Returns an amount as decimal text."],
        &[23],
        &[MINT],
        &[AMOUNT],
    ),
    instruction(
        "ui_amount_to_amount",
        &["Returns the amount that a decimal text stands for."],
        &[24],
        &[MINT],
        &[field("text", TEXT_TO_END)],
    ),
];
