//! Metaplex's token metadata and candy machine over p-token, all compiled, on a chain: items, their
//! editions and collections, in blocks of many.

mod candy;
mod metadata;

use lockstep_interface::{
    Account, Address, Instruction,
    address::{find_program_address, program_ids},
};
use lockstep_testing::{Chain, SOL};

use crate::kit::{chain, mint, pays, reads, signs, tokens, writable};

const METADATA: Address = Address::from_str_const("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s");
const CANDY: Address = Address::from_str_const("CndyV3LdqHUfDLmE5naZjVN8rBZz4tqhdefbAnjHG3JR");
const TOKEN: Address = program_ids::TOKEN;
/// Compute units of calls that make an item.
const UNITS: u32 = 600_000;

/// A mint of which there is one token, and its holder.
#[derive(Clone, Copy)]
struct Item {
    holder: Address,
    mint: Address,
    purse: Address,
}

impl Item {
    fn metadata(&self) -> Address {
        derived(&[b"metadata", METADATA.as_array(), self.mint.as_array()])
    }

    fn edition(&self) -> Address {
        derived(&[
            b"metadata",
            METADATA.as_array(),
            self.mint.as_array(),
            b"edition",
        ])
    }
}

fn derived(seeds: &[&[u8]]) -> Address {
    find_program_address(seeds, &METADATA).0
}

/// A chain with the programs.
fn start() -> Option<Chain> {
    chain(&[
        (METADATA, "metaplex-token-metadata.so"),
        (CANDY, "metaplex-candy-machine-v3.so"),
        (TOKEN, "pinocchio_token_program.so"),
    ])
}

/// An item that was minted and has no metadata yet, and its accounts.
fn item(chain: &mut Chain, name: &str) -> (Item, [(Address, Account); 2]) {
    let holder = chain.wallet(name);
    let item = Item {
        holder,
        mint: chain.signer(&format!("{name} mint")),
        purse: chain.signer(&format!("{name} purse")),
    };
    // What is unique can be frozen, or the program takes it for no item.
    let mut of_one = mint(&holder, 1, 0);
    let mut data = of_one.data.to_vec();
    data[46] = 1;
    data[50..82].copy_from_slice(holder.as_array());
    of_one.data = data.into();
    let accounts = [
        (item.mint, of_one),
        (item.purse, tokens(&item.mint, &holder, 1)),
    ];
    (item, accounts)
}

/// Items that were minted, each in the wallet of its name.
fn items(chain: &mut Chain, names: impl Iterator<Item = String>) -> Vec<Item> {
    let made: Vec<_> = names.map(|name| item(chain, &name)).collect();
    chain.set_accounts(made.iter().flat_map(|(_, accounts)| accounts.clone()));
    for (item, _) in &made {
        chain.airdrop(&item.holder, 10 * SOL);
    }
    made.into_iter().map(|(item, _)| item).collect()
}

fn text(text: &str) -> Vec<u8> {
    let size = u32::try_from(text.len()).unwrap();
    [&size.to_le_bytes()[..], text.as_bytes()].concat()
}

/// Names, a fee of 5 %, and one creator that gets all of it and has not signed.
fn described(name: &str, creator: &Address, collection: Option<&Address>) -> Vec<u8> {
    let mut data = [text(name), text("ITEM"), text("https://example.org/item")].concat();
    data.extend_from_slice(&500u16.to_le_bytes());
    data.extend_from_slice(&[1, 1, 0, 0, 0]);
    data.extend_from_slice(creator.as_array());
    data.extend_from_slice(&[0, 100]);
    match collection {
        Some(collection) => {
            data.extend_from_slice(&[1, 0]);
            data.extend_from_slice(collection.as_array());
        }
        None => data.push(0),
    }
    // No uses.
    data.push(0);
    data
}

/// Describes an item. A collection counts its items.
fn create(item: &Item, name: &str, collection: Option<&Address>, counts: bool) -> Instruction {
    let mut data = vec![33];
    data.extend(described(name, &item.holder, collection));
    // It may be changed.
    data.push(1);
    match counts {
        true => data.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        false => data.push(0),
    }
    Instruction {
        program: METADATA,
        accounts: vec![
            writable(&item.metadata()),
            reads(&item.mint),
            signs(&item.holder),
            pays(&item.holder),
            signs(&item.holder),
            reads(&program_ids::SYSTEM),
        ],
        data,
    }
}

/// Makes an item the one from which editions are made, at most this many.
fn master(item: &Item, editions_max: u64) -> Instruction {
    Instruction {
        program: METADATA,
        accounts: vec![
            writable(&item.edition()),
            writable(&item.mint),
            signs(&item.holder),
            signs(&item.holder),
            pays(&item.holder),
            writable(&item.metadata()),
            reads(&TOKEN),
            reads(&program_ids::SYSTEM),
        ],
        data: [&[17, 1][..], &editions_max.to_le_bytes()].concat(),
    }
}
