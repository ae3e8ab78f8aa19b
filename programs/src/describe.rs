//! What the descriptions of this crate's programs are written with.

use lockstep_interface::{Address, address::sysvar_ids};
use lockstep_sdk::{
    access::{AccountAccess, FieldPath},
    error::ErrorDescription,
    idl::{FieldDescription, InstructionDescription, ProgramDescription, TypeDescription},
};

pub(crate) const READ: AccountAccess = AccountAccess::READ;
pub(crate) const WRITABLE: AccountAccess = READ.writable();
pub(crate) const CREDITED: AccountAccess = READ.credited();
pub(crate) const SIGNING: AccountAccess = READ.signing();
pub(crate) const PAYING: AccountAccess = SIGNING.writable();

pub(crate) const RENT: AccountAccess = named("rent", READ.fixed(sysvar_ids::RENT));
pub(crate) const RECENT_BLOCKHASHES: AccountAccess = named(
    "recent_blockhashes",
    READ.fixed(sysvar_ids::RECENT_BLOCKHASHES),
);

pub(crate) const U8: TypeDescription = TypeDescription::Named("u8");
pub(crate) const U32: TypeDescription = TypeDescription::Named("u32");
pub(crate) const U64: TypeDescription = TypeDescription::Named("u64");
pub(crate) const ADDRESS: TypeDescription = TypeDescription::Named("pubkey");
const TEXT: TypeDescription = TypeDescription::Named("string");

/// A text behind its size in eight bytes.
pub(crate) const SIZED_TEXT: TypeDescription = TypeDescription::Custom {
    name: "SizedText",
    encoding: "bincode",
    content: &TEXT,
};

/// A text that goes on to the end of the data.
pub(crate) const TEXT_TO_END: TypeDescription = TypeDescription::Custom {
    name: "TextToEnd",
    encoding: "rest",
    content: &TEXT,
};

/// Bytes that go on to the end of the data.
pub(crate) const BYTES_TO_END: TypeDescription = TypeDescription::Custom {
    name: "BytesToEnd",
    encoding: "rest",
    content: &TypeDescription::Named("bytes"),
};

/// A program without states and events.
pub(crate) const fn program(
    name: &'static str,
    address: Address,
    instructions: &'static [InstructionDescription],
    errors: &'static [&'static [ErrorDescription]],
) -> ProgramDescription {
    ProgramDescription {
        name,
        version: env!("CARGO_PKG_VERSION"),
        address,
        instructions,
        states: &[],
        events: &[],
        errors,
    }
}

pub(crate) const fn instruction(
    name: &'static str,
    docs: &'static [&'static str],
    discriminator: &'static [u8],
    access: &'static [AccountAccess],
    args: &'static [FieldDescription],
) -> InstructionDescription {
    InstructionDescription {
        name,
        docs,
        discriminator,
        access,
        args,
        returns: None,
    }
}

pub(crate) const fn named(name: &'static str, access: AccountAccess) -> AccountAccess {
    AccountAccess {
        path: FieldPath::of(name),
        ..access
    }
}

pub(crate) const fn field(name: &'static str, layout: TypeDescription) -> FieldDescription {
    FieldDescription { name, layout }
}
