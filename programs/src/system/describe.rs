//! The System program's interface, for `lockstep idl`.
//!
//! Instructions with a seed are left out: their text is preceded by eight bytes of length, where
//! the format that describes it has four.

use lockstep_interface::address::{program_ids, sysvar_ids};
use lockstep_sdk::{
    access::{AccountAccess, FieldPath},
    idl::{FieldDescription, InstructionDescription, ProgramDescription, TypeDescription},
};

/// What the System program can be asked to do by clients that generate their calls.
///
/// ```
/// let json = lockstep_programs::system::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"transfer\""));
/// ```
pub const DESCRIPTION: ProgramDescription = ProgramDescription {
    name: "system",
    version: env!("CARGO_PKG_VERSION"),
    address: program_ids::SYSTEM,
    instructions: &INSTRUCTIONS,
    states: &[],
    events: &[],
    errors: &[],
};

const SIGNING: AccountAccess = AccountAccess::READ.signing();
const WRITABLE: AccountAccess = AccountAccess::READ.writable();
const PAYING: AccountAccess = SIGNING.writable();
const RECENT_BLOCKHASHES: AccountAccess = named(
    "recent_blockhashes",
    AccountAccess::READ.fixed(sysvar_ids::RECENT_BLOCKHASHES),
);
const RENT: AccountAccess = named("rent", AccountAccess::READ.fixed(sysvar_ids::RENT));

const LAMPORTS: FieldDescription = field("lamports", "u64");
const SPACE: FieldDescription = field("space", "u64");
const OWNER: FieldDescription = field("owner", "pubkey");
const AUTHORITY: FieldDescription = field("authority", "pubkey");

const INSTRUCTIONS: [InstructionDescription; 9] = [
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
        &[
            named("source", PAYING),
            named("target", AccountAccess::READ.credited()),
        ],
        &[LAMPORTS],
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
        &[field("successor", "pubkey")],
    ),
    instruction(
        "allocate",
        &["Gives an account data of zeros."],
        &[8, 0, 0, 0],
        &[named("account", PAYING)],
        &[SPACE],
    ),
    instruction(
        "upgrade_nonce_account",
        &["Moves a nonce account of the legacy version into today's."],
        &[12, 0, 0, 0],
        &[named("nonce", WRITABLE)],
        &[],
    ),
];

const fn instruction(
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
    }
}

const fn named(name: &'static str, access: AccountAccess) -> AccountAccess {
    AccountAccess {
        path: FieldPath::of(name),
        ..access
    }
}

const fn field(name: &'static str, layout: &'static str) -> FieldDescription {
    FieldDescription {
        name,
        layout: TypeDescription::Named(layout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{SystemInstruction, instruction as call};
    use lockstep_interface::{Address, Instruction};
    use lockstep_sdk::access::AddressSource;

    #[test]
    fn descriptions_are_what_clients_send() {
        let [a, b, c] = [1, 2, 3].map(|byte| Address::new_from_array([byte; 32]));
        let sent: [(Instruction, usize); 9] = [
            (call::create_account(&a, &b, 1, 2, &c), 48),
            (call::assign(&a, &c), 32),
            (call::transfer(&a, &b, 1), 8),
            (call::advance_nonce_account(&a, &b), 0),
            (call::withdraw_nonce_account(&a, &b, &c, 1), 8),
            (call::initialize_nonce_account(&a, &b), 32),
            (call::authorize_nonce_account(&a, &b, &c), 32),
            (call::allocate(&a, 1), 8),
            (call::upgrade_nonce_account(&a), 0),
        ];
        for ((sent, args_size), described) in sent.iter().zip(&INSTRUCTIONS) {
            let decoded = SystemInstruction::decode(&sent.data).unwrap();
            assert_eq!(decoded.name().replace('-', "_"), described.name);
            assert_eq!(sent.data[..4], *described.discriminator);
            assert_eq!(sent.data.len() - 4, *args_size, "{}", described.name);
            let sizes = described.args.iter().map(|arg| match arg.layout {
                TypeDescription::Named("u64") => 8,
                _ => 32,
            });
            assert_eq!(sizes.sum::<usize>(), *args_size, "{}", described.name);
            assert_eq!(sent.accounts.len(), described.access.len());
            for (meta, access) in sent.accounts.iter().zip(described.access) {
                let rights = (meta.is_signer, meta.is_writable);
                assert_eq!(rights, (access.is_signer, access.is_writable));
                if let AddressSource::Fixed(address) = access.source {
                    assert_eq!(meta.address, address);
                }
            }
        }
    }
}
