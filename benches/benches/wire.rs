//! Parsing, building and verifying transactions. Inputs are fixed, so there is no seed.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ed25519_zebra::{Signature, SigningKey, VerificationKey, VerificationKeyBytes};
use lockstep_interface::instruction::{AccountMeta, Instruction};
use lockstep_runtime::verify::verify;
use lockstep_runtime::wire::{LookupTable, MessageBuilder, TransactionView};
use solana_address::Address;

fn address(index: u64) -> Address {
    let mut bytes = [0x5a; 32];
    bytes[8..16].copy_from_slice(&index.to_le_bytes());
    Address::new_from_array(bytes)
}

fn key(index: u64) -> (SigningKey, Address) {
    let key = SigningKey::from(*address(index).as_array());
    let bytes: [u8; 32] = VerificationKeyBytes::from(&key).into();
    (key, Address::new_from_array(bytes))
}

/// A transfer by the System program.
fn transfer(from: Address, to: Address, lamports: u64) -> Instruction {
    Instruction {
        program: Address::new_from_array([0; 32]),
        accounts: vec![
            AccountMeta::writable(from, true),
            AccountMeta::writable(to, false),
        ],
        data: [&2_u32.to_le_bytes()[..], &lamports.to_le_bytes()].concat(),
    }
}

/// Three instructions over 12 accounts, 7 of them writable, half of them from a lookup table.
fn swap(payer: Address) -> (Vec<Instruction>, LookupTable) {
    let meta = |index| AccountMeta {
        address: address(index),
        is_signer: false,
        is_writable: index < 7,
    };
    let instruction = |program, accounts: &[u64], size| Instruction {
        program: address(program),
        accounts: accounts.iter().copied().map(meta).collect(),
        data: vec![7; size],
    };
    let mut instructions = vec![
        instruction(10, &[], 9),
        instruction(10, &[], 5),
        instruction(11, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 4, 5], 32),
    ];
    instructions[2]
        .accounts
        .push(AccountMeta::writable(payer, true));
    let table = LookupTable {
        address: address(100),
        addresses: (0..64).chain(4..9).map(address).collect(),
    };
    (instructions, table)
}

/// Walks over everything that planning reads.
fn walk(view: &TransactionView<'_>) -> usize {
    view.instructions()
        .map(|instruction| instruction.accounts.len() | usize::from(instruction.program_index))
        .fold(0, usize::max)
}

fn parse(c: &mut Criterion) {
    let (payer_key, payer) = key(1);
    let transfers = [transfer(payer, address(2), 5)];
    let transfer = MessageBuilder::new(payer, [1; 32], &transfers)
        .compile()
        .expect("small");
    let transfer = transfer.sign(&[&payer_key]).expect("the payer signs");
    let (instructions, table) = swap(payer);
    let tables = [table];
    let swap = MessageBuilder::new(payer, [1; 32], &instructions).v0(&tables);
    let swap = swap
        .compile()
        .expect("small")
        .sign(&[&payer_key])
        .expect("the payer signs");
    assert_eq!(
        TransactionView::parse(&swap)
            .expect("well formed")
            .account_count(),
        12
    );

    let mut group = c.benchmark_group("wire::parse");
    group.throughput(Throughput::Elements(1));
    for (name, bytes) in [("transfer", &transfer), ("swap", &swap)] {
        group.bench_function(BenchmarkId::from_parameter(format!("kind={name}")), |b| {
            b.iter(|| TransactionView::parse(black_box(bytes)).expect("well formed"));
        });
        group.bench_function(
            BenchmarkId::from_parameter(format!("kind={name} walk=1")),
            |b| {
                b.iter(|| walk(&TransactionView::parse(black_box(bytes)).expect("well formed")));
            },
        );
    }
    group.finish();
}

fn build(c: &mut Criterion) {
    let (payer_key, payer) = key(1);
    let (instructions, table) = swap(payer);
    let tables = [table];
    let transfers = [transfer(payer, address(2), 5)];
    let transfer = MessageBuilder::new(payer, [1; 32], &transfers);
    let swap = MessageBuilder::new(payer, [1; 32], &instructions).v0(&tables);

    let mut group = c.benchmark_group("wire::build");
    group.throughput(Throughput::Elements(1));
    for (name, builder) in [("transfer", transfer), ("swap", swap)] {
        group.bench_function(BenchmarkId::from_parameter(format!("kind={name}")), |b| {
            b.iter(|| {
                let message = black_box(&builder).compile().expect("small");
                message.with_signatures(&[[0; 64]]).expect("small")
            });
        });
    }
    group.bench_function("kind=transfer signed=1", |b| {
        b.iter(|| {
            let message = black_box(&transfer).compile().expect("small");
            message.sign(&[&payer_key]).expect("the payer signs")
        });
    });
    group.finish();
}

/// `count` transfers, each by one of `payers` in turn.
fn signed_transfers(count: u64, payers: u64) -> Vec<Vec<u8>> {
    let keys: Vec<_> = (0..payers).map(key).collect();
    let mut transactions = Vec::new();
    for (index, (payer_key, payer)) in (0..count).zip(keys.iter().cycle()) {
        let instructions = [transfer(*payer, address(index), index)];
        let message = MessageBuilder::new(*payer, [1; 32], &instructions).compile();
        let bytes = message.and_then(|message| message.sign(&[payer_key]));
        transactions.push(bytes.expect("the payer signs"));
    }
    transactions
}

fn verify_batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("verify");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(2));
    for (count, payers) in [
        (8, 8),
        (32, 32),
        (128, 128),
        (256, 256),
        (512, 512),
        (2048, 2048),
        (2048, 64),
        (2048, 1),
    ] {
        let transactions = signed_transfers(count, payers);
        let parse = |bytes| TransactionView::parse(bytes).expect("well formed");
        let views: Vec<_> = transactions.iter().map(|bytes| parse(bytes)).collect();
        assert!(verify(&views).iter().all(|&verdict| verdict));
        group.throughput(Throughput::Elements(count));
        let name = format!("transactions={count} payers={payers}");
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| verify(black_box(&views)));
        });
    }
    let one_wrong = wrong_last(signed_transfers(2048, 2048));
    let views: Vec<_> = one_wrong
        .iter()
        .map(|bytes| TransactionView::parse(bytes).expect("well formed"))
        .collect();
    assert_eq!(
        verify(&views).iter().filter(|&&verdict| !verdict).count(),
        1
    );
    group.bench_function("transactions=2048 payers=2048 wrong=1", |b| {
        b.iter(|| verify(black_box(&views)));
    });

    let transactions = signed_transfers(1, 1);
    let view = TransactionView::parse(&transactions[0]).expect("well formed");
    group.throughput(Throughput::Elements(1));
    group.bench_function("serial", |b| {
        b.iter(|| {
            let key = VerificationKey::try_from(*view.fee_payer()).expect("on the curve");
            let signature = Signature::from(view.signatures()[0]);
            key.verify(&signature, black_box(view.message_bytes()))
        });
    });
    group.finish();
}

/// Makes the last transaction's signature wrong.
fn wrong_last(mut transactions: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if let Some(byte) = transactions.last_mut().and_then(|bytes| bytes.last_mut()) {
        *byte ^= 1;
    }
    transactions
}

criterion_group!(benches, parse, build, verify_batches);
criterion_main!(benches);
