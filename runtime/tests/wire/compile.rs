//! Compiled messages against those of `solana-message`.

use ed25519_zebra::{SigningKey, VerificationKey, VerificationKeyBytes};
use lockstep_interface::instruction::{AccountMeta, Instruction};
use lockstep_runtime::wire::{
    LookupTable, Message, MessageBuilder, MessageError, TransactionView, Version,
};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use solana_address::Address;
use solana_hash::Hash;
use solana_message::{AddressLookupTableAccount, VersionedMessage, v0, v1};

use crate::generate;
use crate::oracle::assert_agreement;

/// Instructions over a few addresses, so that accounts repeat with different accesses. The System
/// program and durable nonces occur.
struct Case {
    payer: Address,
    instructions: Vec<Instruction>,
    tables: Vec<LookupTable>,
}

fn case(rng: &mut ChaCha8Rng) -> Case {
    let pool_size = rng.random_range(1..12);
    let mut pool: Vec<Address> = (0..pool_size).map(|_| generate::address(rng)).collect();
    pool.push(Address::new_from_array([0; 32]));
    let pick = |rng: &mut ChaCha8Rng| *pool.choose(rng).expect("not empty");
    let meta = |rng: &mut ChaCha8Rng| AccountMeta {
        address: pick(rng),
        is_signer: rng.random_bool(0.2),
        is_writable: rng.random_bool(0.5),
    };
    let instruction = |rng: &mut ChaCha8Rng| Instruction {
        program: pick(rng),
        accounts: (0..rng.random_range(0..6)).map(|_| meta(rng)).collect(),
        data: (0..rng.random_range(0..7))
            .map(|position| [4, 0][usize::from(position > 0)])
            .collect(),
    };
    let table = |rng: &mut ChaCha8Rng| LookupTable {
        address: generate::address(rng),
        addresses: (0..rng.random_range(0..9)).map(|_| pick(rng)).collect(),
    };
    Case {
        payer: pick(rng),
        instructions: (0..rng.random_range(0..4))
            .map(|_| instruction(rng))
            .collect(),
        tables: (0..rng.random_range(0..4)).map(|_| table(rng)).collect(),
    }
}

fn theirs(instruction: &Instruction) -> solana_instruction::Instruction {
    let metas = instruction.accounts.iter();
    solana_instruction::Instruction {
        program_id: instruction.program,
        accounts: metas
            .map(|meta| solana_instruction::AccountMeta {
                pubkey: meta.address,
                is_signer: meta.is_signer,
                is_writable: meta.is_writable,
            })
            .collect(),
        data: instruction.data.clone(),
    }
}

#[test]
fn compiles_as_solana_does() {
    let mut looked_up = 0;
    for seed in 0..20_000 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let Case {
            payer,
            instructions,
            tables,
        } = case(rng);
        let blockhash = [5; 32];
        let hash = Hash::new_from_array(blockhash);
        let builder = MessageBuilder::new(payer, blockhash, &instructions);
        let encode = |builder: MessageBuilder<'_>| {
            let message = builder.compile().expect("few accounts");
            message.encode().expect("short lists")
        };
        let their_instructions: Vec<_> = instructions.iter().map(theirs).collect();

        let legacy =
            solana_message::Message::new_with_blockhash(&their_instructions, Some(&payer), &hash);
        let legacy = VersionedMessage::Legacy(legacy).serialize();
        assert_eq!(encode(builder), legacy, "SEED={seed} legacy");

        let their_tables: Vec<_> = tables
            .iter()
            .map(|table| AddressLookupTableAccount {
                key: table.address,
                addresses: table.addresses.clone(),
            })
            .collect();
        let v0 = v0::Message::try_compile(&payer, &their_instructions, &their_tables, hash)
            .expect("few accounts");
        looked_up += usize::from(!v0.address_table_lookups.is_empty());
        let v0 = VersionedMessage::V0(v0).serialize();
        assert_eq!(encode(builder.v0(&tables)), v0, "SEED={seed} v0");

        let config = generate::config(rng);
        let their_config = v1::TransactionConfig {
            priority_fee: config.priority_fee,
            compute_unit_limit: config.compute_unit_limit,
            loaded_accounts_data_size_limit: config.loaded_accounts_data_size_limit,
            heap_size: config.heap_size,
        };
        let v1 =
            v1::Message::try_compile_with_config(&payer, &their_instructions, hash, their_config);
        let v1 = VersionedMessage::V1(v1.expect("few accounts")).serialize();
        assert_eq!(encode(builder.v1(config)), v1, "SEED={seed} v1");
    }
    assert!(looked_up > 5_000, "{looked_up} messages with lookups");
}

fn key(byte: u8) -> (SigningKey, Address) {
    let key = SigningKey::from([byte; 32]);
    let address: [u8; 32] = VerificationKeyBytes::from(&key).into();
    (key, Address::new_from_array(address))
}

#[test]
fn signs_for_every_signer_in_key_order() {
    let (payer_key, payer) = key(1);
    let (other_key, other) = key(2);
    let (stranger_key, _) = key(3);
    let instructions = [Instruction {
        program: Address::new_from_array([8; 32]),
        accounts: vec![AccountMeta::readonly(other, true)],
        data: vec![1],
    }];
    let builder = MessageBuilder::new(payer, [5; 32], &instructions);
    for builder in [builder, builder.v0(&[]), builder.v1(Default::default())] {
        let message = builder.compile().expect("three accounts");
        let keys = [&stranger_key, &other_key, &payer_key];
        let bytes = message.sign(&keys).expect("both keys are given");
        assert!(assert_agreement(&bytes));
        let view = TransactionView::parse(&bytes).expect("agreed on");
        assert_eq!(view.signatures().len(), 2);
        for (signature, key) in view.signatures().iter().zip(view.static_keys()) {
            let key = VerificationKey::try_from(*key).expect("made from a signing key");
            key.verify(&(*signature).into(), view.message_bytes())
                .expect("it signed this");
        }
        let missing = Err(MessageError::MissingSigner { address: other });
        assert_eq!(message.sign(&[&payer_key]), missing);
    }
}

#[test]
fn what_a_format_cannot_say_is_an_error() {
    let lookups = vec![lockstep_runtime::wire::TableLookup {
        table: Address::new_from_array([4; 32]),
        writable: vec![1],
        readonly: vec![],
    }];
    for version in [Version::Legacy, Version::V1] {
        let message = Message {
            lookups: lookups.clone(),
            ..Message::new(version)
        };
        let what = "table lookups";
        assert_eq!(
            message.encode(),
            Err(MessageError::Unsupported { what, version })
        );
    }
    let mut message = Message::new(Version::V0);
    message.config.heap_size = Some(1);
    assert!(matches!(
        message.encode(),
        Err(MessageError::Unsupported { .. })
    ));
    let mut message = Message::new(Version::Legacy);
    message.header.required_signatures = 127;
    assert!(message.encode().is_ok());
    message.header.required_signatures = 128;
    assert!(matches!(
        message.encode(),
        Err(MessageError::Unsupported { .. })
    ));
    let mut message = Message::new(Version::V1);
    message.static_keys = vec![Address::default(); 256];
    let too_many = MessageError::TooMany {
        what: "static keys",
        found: 256,
        limit: 255,
    };
    assert_eq!(message.encode(), Err(too_many));
    message.static_keys.pop();
    assert!(message.encode().is_ok());
}

#[test]
fn more_accounts_than_a_byte_can_name() {
    let accounts = |count: u16| {
        let address = |index: u16| {
            let mut bytes = [9; 32];
            bytes[..2].copy_from_slice(&index.to_le_bytes());
            AccountMeta::writable(Address::new_from_array(bytes), false)
        };
        [Instruction {
            program: Address::new_from_array([8; 32]),
            accounts: (0..count).map(address).collect(),
            data: vec![],
        }]
    };
    let payer = Address::new_from_array([7; 32]);
    let compile = |count| MessageBuilder::new(payer, [5; 32], &accounts(count)).compile();
    assert_eq!(
        compile(254).map(|message| message.static_keys.len()),
        Ok(256)
    );
    let found = 257;
    let what = "accounts";
    let limit = 256;
    assert_eq!(
        compile(255),
        Err(MessageError::TooMany { what, found, limit })
    );
}

#[test]
fn accounts_beyond_a_tables_last_position() {
    let wanted = Address::new_from_array([9; 32]);
    let instructions = [Instruction {
        program: Address::new_from_array([8; 32]),
        accounts: vec![AccountMeta::writable(wanted, false)],
        data: vec![],
    }];
    let mut tables = [LookupTable {
        address: Address::new_from_array([4; 32]),
        addresses: vec![Address::default(); 255],
    }];
    tables[0].addresses.push(wanted);
    let payer = Address::new_from_array([7; 32]);
    let compile = |tables: &_| {
        MessageBuilder::new(payer, [5; 32], &instructions)
            .v0(tables)
            .compile()
    };
    let message = compile(&tables).expect("255 fits a byte");
    assert_eq!(message.lookups[0].writable, [255]);
    tables[0].addresses.insert(0, Address::default());
    let expected = MessageError::LookupPosition {
        address: wanted,
        position: 256,
    };
    assert_eq!(compile(&tables), Err(expected));
}
