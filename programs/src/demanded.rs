//! Accounts that Solana's instructions make clients declare although the programs here have no
//! need of them. Clients send them all the same, since the wire format is Solana's.

/// An account that is named, or named as writable, for no other reason than compatibility.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Demanded {
    /// The name of the program.
    pub program: &'static str,
    /// The name of the instruction.
    pub instruction: &'static str,
    /// The name of the account.
    pub account: &'static str,
    /// Why Solana's instruction has it, and why nothing is done to it here.
    pub reason: &'static str,
}

/// All of them. A test of `sdk/testing` calls every instruction of every program and fails if an
/// account is declared in vain and not listed here, and if one that is listed is needed.
pub const DEMANDED: &[Demanded] = &[
    demanded(
        ["system", "initialize_nonce_account", "recent_blockhashes"],
        BLOCKHASHES,
    ),
    demanded(["system", "initialize_nonce_account", "rent"], RENT),
    demanded(
        ["system", "advance_nonce_account", "recent_blockhashes"],
        BLOCKHASHES,
    ),
    demanded(
        ["system", "withdraw_nonce_account", "recent_blockhashes"],
        BLOCKHASHES,
    ),
    demanded(["system", "withdraw_nonce_account", "rent"], RENT),
    demanded(
        ["token", "initialize_account", "owner"],
        "The account passes the owner's address, of which alone a note is taken.",
    ),
    demanded(["token", "initialize_multisig", "signers"], SIGNERS),
    demanded(["token", "initialize_multisig2", "signers"], SIGNERS),
    demanded(["token", "approve", "delegate"], DELEGATE),
    demanded(["token", "approve_checked", "delegate"], DELEGATE),
    demanded(
        ["token", "initialize_immutable_owner", "account"],
        "Later token programs write the account; this one, like SPL Token, only checks it.",
    ),
    demanded(["associated-token", "create", "wallet"], WALLET),
    demanded(["associated-token", "create_idempotent", "wallet"], WALLET),
    demanded(
        ["address-lookup-table", "create", "authority"],
        "The account passes the authority's address, from which that of the table is derived.",
    ),
];

const BLOCKHASHES: &str = "The sysvar has to be named; the blockhashes in it are facts about the block, which lock nothing.";
const RENT: &str =
    "The sysvar has to be named; the rent in it is a fact about the block, which locks nothing.";
const SIGNERS: &str = "The accounts pass the signers' addresses, of which alone a note is taken.";
const DELEGATE: &str = "The account passes the delegate's address, of which alone a note is taken.";
const WALLET: &str = "The account passes the wallet's address, from which the new one is derived.";

const fn demanded(place: [&'static str; 3], reason: &'static str) -> Demanded {
    let [program, instruction, account] = place;
    Demanded {
        program,
        instruction,
        account,
        reason,
    }
}
