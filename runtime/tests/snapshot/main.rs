//! Snapshots: what is imported goes on as the original does, and nothing else is imported.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test fails where something is missing or does not fit"
)]

mod disk;
mod forged;
mod setting;

use std::sync::Arc;

use lockstep_interface::{
    Address, Hash, InstructionError, InvokeContext, Program, ProgramTable, Rent, RuleSet,
    TransactionError,
};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::Genesis,
    chain::snapshot::{Fault, ImportError},
    chain::{Chain, Parameter, Parameters},
    engine::Cancel,
    verify::Refusal,
    wire::WireBlock,
};
use lockstep_store::{MemoryStore, Store};

use setting::{
    Busy, build, export, extend, frames, genesis, import, open, transactions, with_blockhashes,
};

/// Both chains refuse what was processed before, and accept each other's next blocks.
pub(crate) fn check_same(original: &Chain, imported: &Chain, before: &[WireBlock]) {
    assert_eq!(original.head(), imported.head());
    let mut slot = original.head().1.slot;
    let again: WireBlock = before.iter().flat_map(WireBlock::iter).collect();
    slot += 1;
    let mut mixed = again.clone();
    for transaction in transactions(original, slot, 3).iter() {
        mixed.push(transaction);
    }
    let built = build(imported, slot, mixed.clone());
    let same = build(original, slot, mixed);
    assert_eq!((built.id, &built.refused), (same.id, &same.refused));
    assert_eq!(built.refused.len(), again.len());
    let duplicate = Refusal::Rule(TransactionError::AlreadyProcessed);
    let recent = before.iter().rev().take(150).map(WireBlock::len).sum();
    let duplicates = built.refused.iter().filter(|(_, why)| *why == duplicate);
    assert_eq!(duplicates.count(), recent);
    for (from, to) in [(imported, original), (original, imported)] {
        slot += 2;
        let built = build(from, slot, transactions(from, slot, 5));
        assert_eq!(built.refused, []);
        let block = to.read(built.bytes().into()).unwrap();
        to.execute(&block, &Cancel::default()).unwrap();
        from.commit(&built.id).unwrap();
        to.commit(&built.id).unwrap();
        assert_eq!(from.head(), to.head());
    }
    assert_eq!(export(original), export(imported));
}

fn check_round_trip(genesis: impl Fn() -> Genesis, last_slot: u64, count: u8) {
    let original = open(genesis());
    let blocks = extend(&original, last_slot, count);
    let bytes = export(&original);
    let imported = import(&bytes, genesis()).unwrap();
    assert!(export(&imported) == bytes, "one state has one snapshot");
    let kept = Parameters::kept(&**imported.store()).unwrap();
    assert_eq!(kept, Some(Parameters::of(&genesis())));
    check_same(&original, &imported, &blocks);
}

#[test]
fn a_genesis_survives() {
    check_round_trip(|| genesis(&[]), 0, 0);
    check_round_trip(|| with_blockhashes(3), 0, 0);
}

#[test]
fn a_few_blocks_survive() {
    check_round_trip(|| genesis(&[10, 1_000]), 20, 5);
    check_round_trip(|| with_blockhashes(151), 20, 5);
}

#[test]
fn more_blocks_than_have_valid_blockhashes_survive() {
    check_round_trip(|| with_blockhashes(5), 200, 2);
}

#[test]
fn the_newest_512_of_many_blocks_survive() {
    check_round_trip(|| genesis(&[]), 640, 1);
}

#[test]
fn duplicates_are_refused_until_their_blockhash_has_expired() {
    let original = open(genesis(&[]));
    extend(&original, 5, 2);
    let imported = import(&export(&original), genesis(&[])).unwrap();
    let slot = original.head().1.slot + 1;
    let newest = transactions(&original, slot, 4);
    for chain in [&original, &imported] {
        let built = build(chain, slot, newest.clone());
        chain.commit(&built.id).unwrap();
    }
    let imported_again = import(&export(&imported), genesis(&[])).unwrap();
    for slot in slot + 1..slot + 160 {
        let refused: Vec<_> = [&original, &imported, &imported_again]
            .map(|chain| {
                let built = build(chain, slot, newest.clone());
                chain.commit(&built.id).unwrap();
                (built.id, built.refused)
            })
            .into();
        assert_eq!(refused[0].1.len(), 4);
        assert_eq!(refused[0], refused[1]);
        assert_eq!(refused[0], refused[2]);
    }
}

#[test]
fn blocks_are_committed_while_a_snapshot_is_written() {
    // Three pages and more: what is written late has been replaced long since.
    let sizes = [5 << 20, 3 << 20, 3 << 20, 5 << 20];
    let chain = open(genesis(&sizes));
    let blocks = extend(&chain, 3, 6);
    let still = export(&chain);
    let mut busy = Busy {
        chain: &chain,
        bytes: Vec::new(),
    };
    let exported = chain.export(&mut busy, &mut |_| ()).unwrap();
    let bytes = busy.bytes;
    assert!(bytes == still, "the state is that at the beginning");
    assert_eq!(exported.slot, 3);
    assert!(chain.head().1.slot > 40, "blocks were committed");
    let chunks = frames(&bytes)
        .unwrap()
        .into_iter()
        .filter(|(kind, _)| *kind == 3);
    assert!(chunks.count() > 3);
    let imported = import(&bytes, genesis(&sizes)).unwrap();
    let original = open(genesis(&sizes));
    extend(&original, 3, 6);
    check_same(&original, &imported, &blocks);
}

fn small() -> Vec<u8> {
    let chain = open(genesis(&[5]));
    extend(&chain, 2, 3);
    export(&chain)
}

#[test]
fn no_beginning_of_a_snapshot_is_one() {
    let bytes = small();
    for end in 0..bytes.len() {
        let error = import(&bytes[..end], genesis(&[])).unwrap_err();
        let ImportError::Damaged { offset, fault, .. } = error else {
            panic!("cut at {end}: {error}");
        };
        assert!(offset as usize <= end);
        let expected = if end < 14 {
            Fault::NoSnapshot
        } else {
            Fault::Truncated
        };
        assert_eq!(*fault, expected, "cut at {end}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = import(&longer, genesis(&[])).unwrap_err().to_string();
    assert!(error.ends_with("end: bytes follow it"), "{error}");
}

#[test]
fn no_bit_of_a_snapshot_can_be_flipped() {
    let bytes = small();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = import(&flipped, genesis(&[])).unwrap_err();
        assert!(
            matches!(error, ImportError::Damaged { .. }),
            "bit {bit}: {error}"
        );
    }
    import(&bytes, genesis(&[])).unwrap();
}

#[test]
fn a_snapshot_needs_its_own_genesis_and_an_empty_store() {
    let chain = open(genesis(&[]));
    extend(&chain, 3, 2);
    let bytes = export(&chain);
    let cases = [
        (
            Genesis {
                rules: RuleSet::December2024,
                ..genesis(&[])
            },
            Parameter::Rules,
        ),
        (
            Genesis {
                rent: Rent {
                    burn_percent: 1,
                    ..Rent::MAINNET
                },
                ..genesis(&[])
            },
            Parameter::Rent,
        ),
        (with_blockhashes(2), Parameter::Blockhash(0)),
    ];
    for (other, expected) in cases {
        match import(&bytes, other).unwrap_err() {
            ImportError::Genesis(found) => assert_eq!(found.parameter, expected),
            error => panic!("{error}"),
        }
    }
    let store = chain.store().clone();
    let mut source = &bytes[..];
    let error = Chain::import(
        &mut source,
        store,
        genesis(&[]),
        setting::options(),
        None,
        &mut |_| (),
    );
    assert!(matches!(error, Err(ImportError::NotEmpty)));
}

/// A program under another's name, or at an address where the chain has none.
#[derive(Debug)]
struct Impostor(Address, &'static str);

impl Program for Impostor {
    fn address(&self) -> Address {
        self.0
    }

    fn name(&self) -> &'static str {
        self.1
    }

    fn process(&self, _: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        Ok(())
    }
}

#[test]
fn a_chain_with_other_programs_is_refused_by_name() {
    let chain = open(genesis(&[]));
    let bytes = export(&chain);
    let all = builtin_programs();
    let first = all.iter().next().unwrap().address();
    let stranger = Address::new_from_array([77; 32]);
    let more = all.with(Impostor(stranger, "stranger"));
    let other = builtin_programs().with(Impostor(first, "impostor"));
    let fewer = ProgramTable::new();
    for (programs, address) in [(fewer, first), (more, stranger), (other, first)] {
        let given = Genesis {
            programs,
            ..genesis(&[])
        };
        match import(&bytes, given).unwrap_err() {
            ImportError::Genesis(found) => {
                assert_eq!(found.parameter, Parameter::Program(address));
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn an_importer_that_knows_its_block_takes_no_other() {
    let chain = open(genesis(&[]));
    let bytes = export(&chain);
    let (head, _) = chain.head();
    for (expected, is_right) in [(head, true), (Hash::new_from_array([3; 32]), false)] {
        let store = Arc::new(MemoryStore::new());
        let imported = Chain::import(
            &mut &bytes[..],
            Arc::clone(&store) as Arc<dyn Store>,
            genesis(&[]),
            setting::options(),
            Some(&expected),
            &mut |_| (),
        );
        match imported {
            Ok(imported) => assert!(is_right && imported.head().0 == head),
            Err(ImportError::OtherBlock { found, .. }) => {
                assert!(!is_right && found == head);
                assert_eq!(store.tip(), None);
            }
            Err(error) => panic!("{error}"),
        }
    }
}
