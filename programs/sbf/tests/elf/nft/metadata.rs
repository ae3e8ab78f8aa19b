//! Items that are described, signed, changed, copied, and verified as members of a collection.

use lockstep_interface::{Address, Instruction, address::program_ids};
use lockstep_testing::Call;

use super::{Item, METADATA, TOKEN, UNITS, create, derived, item, items, master, start};
use crate::kit::{call, passed, pays, reads, run, signs, sized, writable};

/// Signs as an item's creator.
fn sign(item: &Item, signer: &Address) -> Call {
    let sign = Instruction {
        program: METADATA,
        accounts: vec![writable(&item.metadata()), signs(signer)],
        data: vec![7],
    };
    call(UNITS, &[sign])
}

/// Says that an item was sold for the first time.
fn sell(item: &Item) -> Call {
    let sell = Instruction {
        program: METADATA,
        accounts: vec![writable(&item.metadata()), signs(&item.holder)],
        data: vec![15, 0, 0, 1, 1, 0],
    };
    call(UNITS, &[sell])
}

/// Verifies that an item belongs to a collection.
fn verify(item: &Item, collection: &Item) -> Call {
    let verify = Instruction {
        program: METADATA,
        accounts: vec![
            writable(&item.metadata()),
            signs(&collection.holder),
            pays(&collection.holder),
            reads(&collection.mint),
            writable(&collection.metadata()),
            reads(&collection.edition()),
        ],
        data: vec![30],
    };
    call(UNITS, &[verify])
}

/// Makes an item the edition of another.
fn copy(copy: &Item, of: &Item, number: u64) -> Call {
    let mark = (number / 248).to_string();
    let mark = derived(&[
        b"metadata",
        METADATA.as_array(),
        of.mint.as_array(),
        b"edition",
        mark.as_bytes(),
    ]);
    let make = Instruction {
        program: METADATA,
        accounts: vec![
            writable(&copy.metadata()),
            writable(&copy.edition()),
            writable(&of.edition()),
            writable(&copy.mint),
            writable(&mark),
            signs(&copy.holder),
            pays(&copy.holder),
            signs(&of.holder),
            reads(&of.purse),
            reads(&of.holder),
            reads(&of.metadata()),
            reads(&TOKEN),
            reads(&program_ids::SYSTEM),
        ],
        data: [&[11][..], &number.to_le_bytes()].concat(),
    };
    call(UNITS, &[make])
}

#[test]
fn blocks_of_items_editions_and_collections() {
    let Some(mut chain) = start() else {
        return;
    };
    let count = sized(16);
    let [collection, original] = ["collection", "original"].map(|name| {
        let (made, accounts) = item(&mut chain, name);
        chain.set_accounts(accounts);
        made
    });
    let made = items(
        &mut chain,
        (0..count).map(|number| format!("item {number}")),
    );
    let copies = items(
        &mut chain,
        (0..count / 4).map(|number| format!("copy {number}")),
    );

    let mut calls = vec![
        call(
            UNITS,
            &[
                create(&collection, "All", None, true),
                master(&collection, 0),
            ],
        ),
        call(
            UNITS,
            &[
                create(&original, "First", None, false),
                master(&original, 10_000),
            ],
        ),
    ];
    calls.extend(made.iter().enumerate().map(|(number, item)| {
        let name = format!("Item {number}");
        let create = create(item, &name, Some(&collection.mint), false);
        call(UNITS, &[create, master(item, 0)])
    }));
    run(&mut chain, calls).all_ok();

    let mut calls = Vec::new();
    for (number, item) in made.iter().enumerate() {
        calls.push(sign(item, &item.holder));
        calls.push(sell(item));
        calls.push(verify(item, &collection));
        if let (0, Some(new)) = (number % 4, copies.get(number / 4)) {
            calls.push(copy(new, &original, number as u64 / 4 + 1));
            // Only creators sign.
            calls.push(sign(item, &made[(number + 1) % count].holder));
        }
    }
    let total = calls.len();
    let block = run(&mut chain, calls);
    assert_eq!(passed(&block), total - copies.len());
    // An edition that is there cannot be made again, by whichever mint.
    let (other, accounts) = item(&mut chain, "other");
    chain.set_accounts(accounts);
    let again = run(&mut chain, vec![copy(&other, &original, 1)]);
    assert_eq!(passed(&again), 0);
    let described = chain.account(&made[0].metadata()).unwrap();
    assert_eq!(described.owner, METADATA);
    assert!(described.data.windows(6).any(|part| part == b"Item 0"));
}
