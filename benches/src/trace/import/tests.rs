//! The same transaction in every encoding is the same line; bad blocks say where.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{AccountMeta, Instruction};
use lockstep_runtime::wire::{LookupTable, MessageBuilder};
use serde_json::json;

use super::*;
use crate::trace::{Trace, TraceOptions, TraceTransaction};

fn address(byte: u8) -> Address {
    Address::new_from_array([byte; 32])
}

/// A call of program 9 that writes 2 and 9, and reads 3.
fn call() -> Instruction {
    Instruction {
        program: address(9),
        accounts: vec![
            AccountMeta::writable(address(2), false),
            AccountMeta::readonly(address(3), false),
            AccountMeta::writable(address(9), false),
        ],
        data: vec![7],
    }
}

fn budget(tag: u8, rest: &[u8]) -> Instruction {
    Instruction {
        program: lockstep_interface::address::program_ids::COMPUTE_BUDGET,
        accounts: Vec::new(),
        data: [&[tag], rest].concat(),
    }
}

fn read(block: &Value) -> Result<Vec<TraceTransaction>, ImportError> {
    let options = ImportOptions::default();
    let (_, block) = import_value(block, &options)?;
    Ok(block.transactions)
}

fn block(transaction: &Value, meta: &Value) -> Value {
    json!({ "parentSlot": 6, "transactions": [{ "transaction": transaction, "meta": meta }] })
}

fn texts(bytes: &[u8]) -> Vec<String> {
    bytes
        .iter()
        .map(|byte| address(*byte).to_string())
        .collect()
}

#[test]
fn every_encoding_gives_the_same_line() {
    let calls = [
        budget(2, &90u32.to_le_bytes()),
        budget(3, &4u64.to_le_bytes()),
        call(),
    ];
    let message = MessageBuilder::new(address(1), [0; 32], &calls).compile();
    let message = message.unwrap();
    let wire = message.with_signatures(&[[5; 64]]).unwrap();
    let signature = bs58::encode([5; 64]).into_string();
    let meta = json!({ "err": { "InstructionError": [2, { "Custom": 1 }] }, "fee": 5_000,
        "computeUnitsConsumed": 70 });
    let keys: Vec<String> = message.static_keys.iter().map(Address::to_string).collect();
    let header = message.header;
    let plain = json!({
        "signatures": [signature],
        "message": {
            "header": {
                "numRequiredSignatures": header.required_signatures,
                "numReadonlySignedAccounts": header.readonly_signed,
                "numReadonlyUnsignedAccounts": header.readonly_unsigned,
            },
            "accountKeys": keys,
            "instructions": message.instructions.iter().map(|one| json!({
                "programIdIndex": one.program_index,
                "accounts": one.accounts,
                "data": bs58::encode(&one.data).into_string(),
            })).collect::<Vec<_>>(),
        },
    });
    let listed: Vec<Value> = keys
        .iter()
        .map(|key| {
            let is_written = [1, 2].iter().any(|byte| address(*byte).to_string() == *key);
            json!({ "pubkey": key, "writable": is_written, "source": "transaction" })
        })
        .collect();
    let parsed = json!({
        "signatures": [signature],
        "message": {
            "accountKeys": listed,
            "instructions": calls.iter().map(|one| json!({
                "programId": one.program.to_string(),
                "data": bs58::encode(&one.data).into_string(),
            })).collect::<Vec<_>>(),
        },
    });
    let encodings = [
        json!([BASE64_STANDARD.encode(&wire), "base64"]),
        json!([bs58::encode(&wire).into_string(), "base58"]),
        json!(bs58::encode(&wire).into_string()),
        plain,
        parsed,
    ];
    let budget = lockstep_interface::address::program_ids::COMPUTE_BUDGET;
    for encoding in &encodings {
        let [found] = <[_; 1]>::try_from(read(&block(encoding, &meta)).unwrap()).unwrap();
        let mut reads = found.reads.clone();
        reads.sort();
        let mut expected = vec![address(3), address(9), budget];
        expected.sort();
        assert_eq!(found.writes, [address(1), address(2)], "{encoding}");
        assert_eq!(reads, expected, "{encoding}: an invoked program is read");
        assert_eq!(found.programs, [budget, address(9)]);
        assert_eq!(
            (found.slot, found.cu, found.fee),
            (7, Some(70), Some(5_000))
        );
        assert_eq!((found.cu_limit, found.cu_price), (Some(90), Some(4)));
        assert_eq!(found.signature.as_deref(), Some(signature.as_str()));
        let failure = r#"{"InstructionError":[2,{"Custom":1}]}"#;
        assert_eq!(found.failure.as_deref(), Some(failure));
    }
    let accounts = json!({ "signatures": [signature], "accountKeys": listed });
    let found = read(&block(&accounts, &meta)).unwrap();
    assert_eq!(found[0].writes, [address(1), address(2)]);
    assert!(found[0].programs.is_empty());
}

#[test]
fn what_lookups_load_is_locked() {
    let tables = [LookupTable {
        address: address(20),
        addresses: vec![address(2), address(3)],
    }];
    let calls = [call()];
    let message = MessageBuilder::new(address(1), [0; 32], &calls).v0(&tables);
    let wire = message.compile().unwrap().with_signatures(&[[5; 64]]);
    let transaction = json!([BASE64_STANDARD.encode(wire.unwrap()), "base64"]);
    let loaded = json!({ "loadedAddresses": { "writable": texts(&[2]), "readonly": texts(&[3]) } });
    let found = read(&block(&transaction, &loaded)).unwrap();
    assert_eq!(found[0].writes, [address(1), address(2)]);
    assert_eq!(found[0].reads, [address(9), address(3)]);
    let lost = read(&block(&transaction, &Value::Null)).unwrap_err();
    let text = lost.to_string();
    assert!(
        text.starts_with("transaction 0: expected `loadedAddresses`"),
        "{text}"
    );
}

#[test]
fn wrong_blocks_say_what_was_expected() {
    let check = |value: Value, expected: &str| {
        let text = read(&value).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    };
    check(
        json!({ "error": { "code": -32007 } }),
        "the error of a node: {\"code\":-32007}",
    );
    check(json!({ "result": null }), "the node has no such block");
    check(
        json!({ "slot": 5 }),
        "found an object without `transactions`",
    );
    check(json!(5), "found a number");
    check(json!({ "transactions": 5 }), "no list");
    check(
        block(&json!(["!", "base64"]), &Value::Null),
        "transaction 0: expected a transaction in base64",
    );
    check(block(&json!("11"), &Value::Null), "expected the wire bytes");
    check(
        block(&json!({ "message": {} }), &Value::Null),
        "expected `accountKeys`, a list",
    );
    check(
        json!([{ "address": "5" }]),
        "account 0 of the access list: expected `address`",
    );
    let options = ImportOptions::default();
    assert!(matches!(import(b"{", &options), Err(ImportError::Json(_))));
    assert!(matches!(
        import(b"0xc2", &options),
        Err(ImportError::Rlp(_))
    ));
}

/// A list of RLP.
fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut out = Vec::new();
    let header = alloy_rlp::Header {
        list: true,
        payload_length: payload.len(),
    };
    header.encode(&mut out);
    [out, payload].concat()
}

fn number(number: u64) -> Vec<u8> {
    alloy_rlp::encode(number)
}

#[test]
fn access_lists_say_what_each_transaction_changes() {
    let account = |byte: u8| format!("0x{}", hex::encode([byte; 20]));
    let at = |index: u64| json!([{ "blockAccessIndex": format!("0x{index:x}"), "postNonce": 1 }]);
    let both = json!([
        { "blockAccessIndex": "0x1", "postBalance": "0x5" },
        { "blockAccessIndex": 2, "postBalance": "0x6" },
    ]);
    let json = json!([
        { "address": account(1), "nonceChanges": at(1), "balanceChanges": both },
        { "address": account(2), "storageChanges": [
            { "slot": "0x0", "slotChanges": [{ "blockAccessIndex": "0x0", "postValue": "0x1" }] },
            { "slot": "0x1", "slotChanges": [{ "blockAccessIndex": "0x2", "postValue": "0x1" }] },
        ], "storageReads": ["0x2"] },
    ]);
    let change = |index: u64| list(&[number(index), number(5)]);
    let empty = || list(&[]);
    let slot = |index: u64| list(&[number(7), list(&[change(index)])]);
    let rlp = list(&[
        list(&[
            alloy_rlp::encode([1u8; 20]),
            empty(),
            empty(),
            list(&[change(1), change(2)]),
            list(&[change(1)]),
            empty(),
        ]),
        list(&[
            alloy_rlp::encode([2u8; 20]),
            list(&[slot(0), slot(2)]),
            list(&[number(2)]),
            empty(),
            empty(),
            empty(),
        ]),
    ]);
    let options = ImportOptions {
        slot: Some(9),
        ..ImportOptions::default()
    };
    let texts = [
        json.to_string().into_bytes(),
        format!("0x{}", hex::encode(&rlp)).into_bytes(),
        json!({ "result": format!("0x{}", hex::encode(&rlp)) })
            .to_string()
            .into_bytes(),
        rlp,
    ];
    let mut one = [1; 32];
    one[20..].fill(0);
    one[31] = 20;
    let first = Address::new_from_array(one);
    for text in &texts {
        let (kind, block) = import(text, &options).unwrap();
        assert_eq!((kind, block.number), (ChainKind::Ethereum, 9));
        let rows = block.transactions.iter();
        let rows = rows.map(|row| (row.index, row.writes.len()));
        assert_eq!(rows.collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        assert_eq!(block.transactions[0].writes, [first]);
    }
    let without = ImportOptions {
        fee_recipient: Some(first),
        ..options
    };
    let (_, block) = import(&texts[0], &without).unwrap();
    let sizes = block.transactions.iter().map(|row| row.writes.len());
    assert_eq!(
        sizes.collect::<Vec<_>>(),
        [1, 1],
        "a nonce is more than a credit"
    );
}

#[test]
fn what_is_written_is_read_again() {
    let short = format!("0x{}", hex::encode([3; 20]));
    let text = format!(
        r#"{{"slot":5,"i":3,"sig":"abc","w":["{}","{short}"],"r":["{}"],"p":["{}"],"cu":70,
        "cl":90,"cp":4,"fee":5000,"err":"bad","vote":1,"c":["{short}"],
        "names":{{"{short}":"the pot"}}}}"#,
        address(1),
        address(2),
        address(9)
    )
    .replace('\n', "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    std::fs::write(&path, &text).unwrap();
    let options = TraceOptions {
        keeps_votes: true,
        ..TraceOptions::default()
    };
    let first = Trace::read(&path, &options).unwrap();
    let row = &first.blocks[0].transactions[0];
    assert_eq!((row.credits.len(), row.names.len()), (1, 1));
    let mut out = Vec::new();
    first.blocks[0].write(&mut out).unwrap();
    assert!(String::from_utf8_lossy(&out).contains(&short));
    std::fs::write(&path, &out).unwrap();
    assert_eq!(Trace::read(&path, &options).unwrap(), first);
}
