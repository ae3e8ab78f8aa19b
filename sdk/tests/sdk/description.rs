//! What one declaration yields besides checks: the access list and the interface description.

use lockstep_sdk::{
    access::{AccountAccess, AddressSource, SeedSource, credit_only},
    interface::{Positions, Program as _},
    prelude::*,
};
use serde_json::{Value, json};

use crate::{
    examples::{
        escrow_example::escrow::{EscrowProgram, Take},
        forward_example::turnstile::Pass,
        vault_example::vault::{self, Deposit, Withdraw},
    },
    programs::club::{ClubProgram, Enter},
};

/// Name, signer, writable, credit.
type Line = (String, bool, bool, bool);

fn lines(access: &[AccountAccess]) -> Vec<Line> {
    let line = |entry: &AccountAccess| {
        let name = entry.path.to_string();
        (name, entry.is_signer, entry.is_writable, entry.is_credit)
    };
    access.iter().map(line).collect()
}

fn line(name: &str, is_signer: bool, is_writable: bool, is_credit: bool) -> Line {
    (name.to_owned(), is_signer, is_writable, is_credit)
}

#[test]
fn access_lists_are_constants() {
    const DEPOSIT: &[AccountAccess] = Deposit::ACCESS;
    let expected = [
        line("owner", true, true, false),
        line("vault", false, true, true),
        line("system", false, false, false),
    ];
    assert_eq!(lines(DEPOSIT), expected);
    let seeds = &[SeedSource::Constant(b"vault"), SeedSource::Account("owner")];
    assert_eq!(DEPOSIT[1].source, AddressSource::Derived(seeds));
    assert_eq!(
        lines(Withdraw::ACCESS)[1],
        line("vault", false, true, false)
    );
    let credits = |data: &[u8]| vault::VaultProgram.credit_only(data, 3);
    assert_eq!(credits(&[0]), Positions::only(1));
    assert_eq!(credits(&[1]), Positions::NONE);
    assert_eq!(credits(&[]), Positions::NONE);
    assert_eq!(credit_only(Enter::ACCESS), Positions::only(3));
    let forwarded = [
        line("tally.program", false, false, false),
        line("tally.visitor", true, false, false),
        line("tally.tally", false, true, false),
    ];
    assert_eq!(lines(Pass::ACCESS), forwarded);
    let nested = lines(Enter::ACCESS);
    assert_eq!(nested[0].0, "owned.owner");
    assert_eq!(nested[1].0, "owned.club");
    assert!(Enter::ACCESS[2].is_optional);
    assert_eq!(Enter::ACCESS[4].count_max, 2);
}

#[test]
fn client_calls_follow_the_access_lists() {
    let owner = Address::new_from_array([5; 32]);
    let call = vault::call::deposit(&vault::DepositAddresses { owner }, 258);
    assert_eq!(call.data, [0, 2, 1, 0, 0, 0, 0, 0, 0]);
    let rights: Vec<_> = call
        .accounts
        .iter()
        .map(|meta| (meta.is_signer, meta.is_writable))
        .collect();
    let access = Deposit::ACCESS.iter();
    let declared: Vec<_> = access
        .map(|entry| (entry.is_signer, entry.is_writable))
        .collect();
    assert_eq!(rights, declared);
    assert_eq!(call.accounts[1].address, Deposit::vault_address(&owner).0);
    assert_eq!(call.accounts[2].address, System::ID);
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("the description is JSON")
}

#[test]
fn the_description_of_the_escrow_is_complete() {
    let idl = parse(&EscrowProgram::DESCRIPTION.to_json());
    assert_eq!(idl["metadata"]["name"], "escrow");
    assert_eq!(idl["instructions"].as_array().map(Vec::len), Some(2));
    let take = &idl["instructions"][1];
    assert_eq!(
        take["docs"],
        json!(["Pays the price and gets the lamports."])
    );
    assert_eq!(take["discriminator"], json!([1]));
    assert_eq!(
        take["accounts"][2],
        json!({
            "name": "offer",
            "docs": ["The offer, which ends here."],
            "writable": true,
            "pda": { "seeds": [
                { "kind": "const", "value": b"offer" },
                { "kind": "account", "path": "maker" },
                { "kind": "arg", "path": "number" },
            ] },
        })
    );
    assert_eq!(
        take["accounts"][3],
        json!({
            "name": "system",
            "docs": ["Moves lamports."],
            "address": System::ID.to_string(),
        })
    );
    assert_eq!(take["accounts"][1]["relations"], json!(["offer"]));
    assert_eq!(
        take["accounts"].as_array().map(Vec::len),
        Some(Take::ACCESS.len())
    );
    let price = json!({ "name": "price", "type": "u64" });
    assert_eq!(take["args"][1], price);
    assert_eq!(
        idl["accounts"],
        json!([{ "name": "Offer", "discriminator": [1] }])
    );
    assert_eq!(
        idl["events"],
        json!([{ "name": "Taken", "discriminator": [1] }])
    );
    assert_eq!(
        idl["errors"][1],
        json!({ "code": 2, "name": "Empty", "msg": "an offer is of one lamport at least" })
    );
    let offer = json!({ "name": "Offer", "type": { "kind": "struct", "fields": [
        { "name": "bump", "type": "u8" },
        { "name": "maker", "type": "pubkey" },
        { "name": "lamports", "type": "u64" },
        { "name": "price", "type": "u64" },
    ] } });
    assert_eq!(idl["types"][0], offer);
}

#[test]
fn the_description_of_the_club_names_each_type_once() {
    let idl = parse(&ClubProgram::DESCRIPTION.to_json());
    let types = idl["types"].as_array().expect("types are a list");
    let names: Vec<_> = types.iter().map(|known| &known["name"]).collect();
    assert_eq!(names, ["Club", "Rank", "Ledger"]);
    assert_eq!(
        types[1]["type"]["variants"][1],
        json!({ "name": "Member", "fields": [{ "name": "years", "type": "u16" }] })
    );
    assert_eq!(
        types[0]["type"]["fields"][3],
        json!({ "name": "ranks", "type": { "vec": { "defined": { "name": "Rank" } } } })
    );
    assert_eq!(types[2]["type"]["fields"].as_array().map(Vec::len), Some(1));
    let enter = &idl["instructions"][1];
    assert_eq!(enter["discriminator"], json!(b"in"));
    let owned = &enter["accounts"][0];
    assert_eq!(owned["name"], "owned");
    assert_eq!(owned["accounts"][0]["name"], "owner");
    assert_eq!(owned["accounts"][0]["relations"], json!(["club"]));
    assert_eq!(enter["accounts"][2]["credit"], json!(true));
    assert_eq!(enter["accounts"].as_array().map(Vec::len), Some(3));
    let rest = &enter["remainingAccounts"][0];
    assert_eq!(
        (&rest["name"], &rest["max"]),
        (&json!("witnesses"), &json!(2))
    );
    assert_eq!(idl["errors"][0]["msg"], "the club \"is\" full");
}
