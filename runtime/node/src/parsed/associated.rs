//! Instructions of the Associated Token Account program.

use lockstep_programs::associated_token::instruction::AssociatedTokenInstruction;
use serde_json::Value;

use super::{Call, typed};

pub(super) fn parse(call: &Call<'_>) -> Option<Value> {
    const CREATE: &[&str] = &[
        "source",
        "account",
        "wallet",
        "mint",
        "systemProgram",
        "tokenProgram",
    ];
    let (kind, names) = match AssociatedTokenInstruction::decode(call.data)? {
        AssociatedTokenInstruction::Create => ("create", CREATE),
        AssociatedTokenInstruction::CreateIdempotent => ("createIdempotent", CREATE),
        AssociatedTokenInstruction::RecoverNested => (
            "recoverNested",
            &[
                "nestedSource",
                "nestedMint",
                "destination",
                "nestedOwner",
                "ownerMint",
                "wallet",
                "tokenProgram",
            ][..],
        ),
    };
    Some(typed(kind, call.named(names).into()))
}
