//! Instructions of the System program.

use lockstep_programs::system::SystemInstruction;
use serde_json::{Map, Value};

use super::{Call, typed};

pub(super) fn parse(call: &Call<'_>) -> Option<Value> {
    let instruction = SystemInstruction::decode(call.data)?;
    let (kind, names) = shape(&instruction);
    let mut info = call.named(names);
    add_fields(&instruction, &mut info);
    Some(typed(kind, info.into()))
}

/// The name of an instruction, and those of its accounts.
fn shape(instruction: &SystemInstruction<'_>) -> (&'static str, &'static [&'static str]) {
    use SystemInstruction as Known;
    const HASHES: &str = "recentBlockhashesSysvar";
    match instruction {
        Known::CreateAccount { .. } => ("createAccount", &["source", "newAccount"]),
        Known::Assign { .. } => ("assign", &["account"]),
        Known::Transfer { .. } => ("transfer", &["source", "destination"]),
        Known::CreateAccountWithSeed { .. } => ("createAccountWithSeed", &["source", "newAccount"]),
        Known::AdvanceNonceAccount => ("advanceNonce", &["nonceAccount", HASHES, "nonceAuthority"]),
        Known::WithdrawNonceAccount { .. } => (
            "withdrawFromNonce",
            &[
                "nonceAccount",
                "destination",
                HASHES,
                "rentSysvar",
                "nonceAuthority",
            ],
        ),
        Known::InitializeNonceAccount { .. } => {
            ("initializeNonce", &["nonceAccount", HASHES, "rentSysvar"])
        }
        Known::AuthorizeNonceAccount { .. } => {
            ("authorizeNonce", &["nonceAccount", "nonceAuthority"])
        }
        Known::Allocate { .. } => ("allocate", &["account"]),
        Known::AllocateWithSeed { .. } => ("allocateWithSeed", &["account"]),
        Known::AssignWithSeed { .. } => ("assignWithSeed", &["account"]),
        Known::TransferWithSeed { .. } => {
            ("transferWithSeed", &["source", "sourceBase", "destination"])
        }
        Known::UpgradeNonceAccount => ("upgradeNonce", &["nonceAccount"]),
        Known::CreateAccountAllowPrefund { .. } => {
            ("createAccountAllowPrefund", &["newAccount", "source"])
        }
    }
}

fn add_fields(instruction: &SystemInstruction<'_>, info: &mut Map<String, Value>) {
    use SystemInstruction as Known;
    let mut add = |name: &str, value: Value| {
        info.insert(name.to_owned(), value);
    };
    match *instruction {
        Known::CreateAccount {
            lamports,
            space,
            owner,
        }
        | Known::CreateAccountAllowPrefund {
            lamports,
            space,
            owner,
        } => {
            add("lamports", lamports.into());
            add("space", space.into());
            add("owner", owner.to_string().into());
        }
        Known::Assign { owner } => add("owner", owner.to_string().into()),
        Known::Transfer { lamports } | Known::WithdrawNonceAccount { lamports } => {
            add("lamports", lamports.into());
        }
        Known::CreateAccountWithSeed {
            base,
            seed,
            lamports,
            space,
            owner,
        } => {
            add("base", base.to_string().into());
            add("seed", seed.into());
            add("lamports", lamports.into());
            add("space", space.into());
            add("owner", owner.to_string().into());
        }
        Known::InitializeNonceAccount { authority } => {
            add("nonceAuthority", authority.to_string().into());
        }
        Known::AuthorizeNonceAccount { authority } => {
            add("newAuthorized", authority.to_string().into());
        }
        Known::Allocate { space } => add("space", space.into()),
        Known::AllocateWithSeed {
            base,
            seed,
            space,
            owner,
        } => {
            add("base", base.to_string().into());
            add("seed", seed.into());
            add("space", space.into());
            add("owner", owner.to_string().into());
        }
        Known::AssignWithSeed { base, seed, owner } => {
            add("base", base.to_string().into());
            add("seed", seed.into());
            add("owner", owner.to_string().into());
        }
        Known::TransferWithSeed {
            lamports,
            seed,
            owner,
        } => {
            add("lamports", lamports.into());
            add("sourceSeed", seed.into());
            add("sourceOwner", owner.to_string().into());
        }
        Known::AdvanceNonceAccount | Known::UpgradeNonceAccount => {}
    }
}
