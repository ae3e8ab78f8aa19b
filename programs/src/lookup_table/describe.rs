//! The Address Lookup Table program's interface, for `lockstep idl`.

use lockstep_interface::address::program_ids;
use lockstep_sdk::{
    access::AccountAccess,
    idl::{InstructionDescription, ProgramDescription, TypeDescription},
};

use crate::describe::{
    ADDRESS, PAYING, READ, SIGNING, U8, U64, WRITABLE, field, instruction, named, program,
};

/// What the Address Lookup Table program can be asked to do.
///
/// ```
/// let json = lockstep_programs::lookup_table::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"extend\""));
/// ```
pub const DESCRIPTION: ProgramDescription = program(
    "address-lookup-table",
    program_ids::ADDRESS_LOOKUP_TABLE,
    INSTRUCTIONS,
    &[],
);

const TABLE: AccountAccess = named("table", WRITABLE);
const AUTHORITY: AccountAccess = named("authority", SIGNING);
const PAYER: AccountAccess = named("payer", PAYING);
const SYSTEM: AccountAccess = named("system", READ.fixed(program_ids::SYSTEM));

/// Addresses behind their number in eight bytes.
const ADDRESSES: TypeDescription = TypeDescription::Custom {
    name: "SizedAddresses",
    encoding: "bincode",
    content: &TypeDescription::List(&ADDRESS),
};

const INSTRUCTIONS: &[InstructionDescription] = &[
    instruction(
        "create",
        &["Creates a table at an address derived from its authority and a recent slot."],
        &[0, 0, 0, 0],
        &[TABLE, named("authority", READ), PAYER, SYSTEM],
        &[field("recent_slot", U64), field("bump", U8)],
    ),
    instruction(
        "freeze",
        &["Makes the table unchangeable for ever."],
        &[1, 0, 0, 0],
        &[TABLE, AUTHORITY],
        &[],
    ),
    instruction(
        "extend",
        &[
            "Adds addresses.",
            "Where the table holds enough lamports, neither payer nor System program is needed.",
        ],
        &[2, 0, 0, 0],
        &[TABLE, AUTHORITY, PAYER, SYSTEM],
        &[field("addresses", ADDRESSES)],
    ),
    instruction(
        "deactivate",
        &["Makes the table unusable after some 500 slots."],
        &[3, 0, 0, 0],
        &[TABLE, AUTHORITY],
        &[],
    ),
    instruction(
        "close",
        &["Deletes a table that cannot be used any longer."],
        &[4, 0, 0, 0],
        &[TABLE, AUTHORITY, named("receiver", WRITABLE)],
        &[],
    ),
];
