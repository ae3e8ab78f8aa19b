//! Candy machines, programs of Anchor's: each is begun, loaded with lines, changed, handed on and
//! emptied, in blocks of many.

use lockstep_interface::{
    AccountMeta, Address, Instruction,
    address::{find_program_address, program_ids, sysvar_ids},
};
use lockstep_testing::{Call, Chain};
use sha2::{Digest, Sha256};

use super::{
    CANDY, Item, METADATA, TOKEN, UNITS, create, derived, item, items, master, start, text,
};
use crate::kit::{account, call, passed, pays, reads, run, signs, sized, writable};

/// Items of each machine, and bytes of their names and addresses.
const ITEMS: usize = 16;
const NAME_SIZE: u32 = 4;
const URI_SIZE: u32 = 8;
/// Bytes of a machine before its lines.
const HEAD: usize = 850;
/// Bytes of its lines, of a bit for each, and of the numbers that are left.
const LINES: usize = 4 + ITEMS * 12 + ITEMS / 8 + 1 + ITEMS * 4;

/// What Anchor puts before the arguments of an instruction.
fn tagged(name: &str, arguments: &[u8]) -> Vec<u8> {
    let hash = Sha256::digest(format!("global:{name}"));
    [&hash[..8], arguments].concat()
}

#[derive(Clone, Copy)]
struct Machine {
    address: Address,
    owner: Address,
    collection: Item,
}

impl Machine {
    fn signer(&self) -> Address {
        let seeds = [&b"candy_machine"[..], self.address.as_array()];
        find_program_address(&seeds, &CANDY).0
    }

    fn record(&self) -> Address {
        derived(&[
            b"metadata",
            METADATA.as_array(),
            self.collection.mint.as_array(),
            b"collection_authority",
            self.signer().as_array(),
        ])
    }

    /// What it sells: a fee of 5 %, and one creator that gets all of it.
    fn data(&self, fee: u16) -> Vec<u8> {
        let mut data = (ITEMS as u64).to_le_bytes().to_vec();
        data.extend(text("CNDY"));
        data.extend_from_slice(&fee.to_le_bytes());
        data.extend_from_slice(&0u64.to_le_bytes());
        data.extend_from_slice(&[1, 1, 0, 0, 0]);
        data.extend_from_slice(self.owner.as_array());
        data.extend_from_slice(&[1, 100]);
        data.push(1);
        data.extend(text("Sweet "));
        data.extend_from_slice(&NAME_SIZE.to_le_bytes());
        data.extend(text("https://example.org/"));
        data.extend_from_slice(&URI_SIZE.to_le_bytes());
        // Drawn, not in order; nothing is hidden.
        data.extend_from_slice(&[0, 0]);
        data
    }

    fn call(&self, name: &str, arguments: &[u8], accounts: Vec<AccountMeta>) -> Instruction {
        Instruction {
            program: CANDY,
            accounts,
            data: tagged(name, arguments),
        }
    }

    fn initialize(&self) -> Call {
        let collection = &self.collection;
        let accounts = vec![
            writable(&self.address),
            writable(&self.signer()),
            reads(&self.owner),
            pays(&self.owner),
            writable(&collection.metadata()),
            reads(&collection.mint),
            reads(&collection.edition()),
            pays(&collection.holder),
            writable(&self.record()),
            reads(&METADATA),
            reads(&program_ids::SYSTEM),
        ];
        let initialize = self.call("initialize", &self.data(500), accounts);
        call(UNITS, &[initialize])
    }

    fn managed(&self, name: &str, arguments: &[u8], signer: &Address) -> Call {
        let accounts = vec![writable(&self.address), pays(signer)];
        call(UNITS, &[self.call(name, arguments, accounts)])
    }

    /// Half of the lines.
    fn load(&self, is_second: bool) -> Call {
        let half = u32::try_from(ITEMS / 2).unwrap();
        let start = if is_second { half } else { 0 };
        let mut data = start.to_le_bytes().to_vec();
        data.extend_from_slice(&half.to_le_bytes());
        for line in start..start + half {
            data.extend(text(&format!("{line:04}")));
            data.extend(text(&format!("{line:08}")));
        }
        self.managed("add_config_lines", &data, &self.owner)
    }

    fn sell(&self, item: &Item) -> Call {
        let collection = &self.collection;
        let accounts = vec![
            writable(&self.address),
            writable(&self.signer()),
            signs(&self.owner),
            pays(&item.holder),
            writable(&item.mint),
            signs(&item.holder),
            writable(&item.metadata()),
            writable(&item.edition()),
            reads(&self.record()),
            reads(&collection.mint),
            writable(&collection.metadata()),
            reads(&collection.edition()),
            reads(&collection.holder),
            reads(&METADATA),
            reads(&TOKEN),
            reads(&program_ids::SYSTEM),
            reads(&sysvar_ids::SLOT_HASHES),
        ];
        call(UNITS, &[self.call("mint", &[], accounts)])
    }

    fn hand_on(&self) -> Call {
        let accounts = vec![
            writable(&self.address),
            signs(&self.owner),
            signs(&self.owner),
        ];
        call(UNITS, &[self.call("set_mint_authority", &[], accounts)])
    }
}

/// A collection and its machines, empty.
fn machines(chain: &mut Chain, count: usize) -> Vec<Machine> {
    let collections: Vec<Item> = (0..count)
        .map(|number| {
            let (made, accounts) = item(chain, &format!("collection {number}"));
            chain.set_accounts(accounts);
            made
        })
        .collect();
    let create = collections.iter().map(|made| {
        let instructions = [create(made, "All", None, true), master(made, 0)];
        call(UNITS, &instructions)
    });
    let create: Vec<Call> = create.collect();
    run(chain, create).all_ok();
    let machines = collections
        .into_iter()
        .enumerate()
        .map(|(number, collection)| Machine {
            address: chain.signer(&format!("machine {number}")),
            owner: chain.wallet(&format!("owner {number}")),
            collection,
        });
    let machines: Vec<Machine> = machines.collect();
    let empty = machines
        .iter()
        .map(|machine| (machine.address, account(&CANDY, vec![0; HEAD + LINES])));
    let empty: Vec<_> = empty.collect();
    chain.set_accounts(empty);
    machines
}

#[test]
fn blocks_of_candy_machines() {
    let Some(mut chain) = start() else {
        return;
    };
    let machines = machines(&mut chain, sized(16));
    let begin: Vec<Call> = machines.iter().map(Machine::initialize).collect();
    run(&mut chain, begin).all_ok();
    let lines = machines
        .iter()
        .flat_map(|machine| [machine.load(false), machine.load(true), machine.hand_on()]);
    let lines: Vec<Call> = lines.collect();
    run(&mut chain, lines).all_ok();

    // Machines are changed and handed on; not by strangers.
    let calls = machines.iter().enumerate().map(|(number, machine)| {
        let signer = match number % 4 {
            3 => &machine.collection.holder,
            _ => &machine.owner,
        };
        match number % 2 {
            0 => machine.managed("set_authority", machine.owner.as_array(), signer),
            _ => machine.managed("update", &machine.data(700), signer),
        }
    });
    let calls: Vec<Call> = calls.collect();
    let total = calls.len();
    let block = run(&mut chain, calls);
    assert_eq!(passed(&block), total - total / 4);

    // Each sells one item: a line of its own, drawn from the hashes of slots.
    let names = (0..machines.len()).map(|number| format!("buyer {number}"));
    let buyers = items(&mut chain, names);
    let sales = machines.iter().zip(&buyers);
    let sales: Vec<Call> = sales.map(|(machine, buyer)| machine.sell(buyer)).collect();
    run(&mut chain, sales).all_ok();
    for buyer in &buyers {
        let sold = chain.account(&buyer.metadata()).unwrap();
        let named = |part: &[u8]| sold.data.windows(part.len()).any(|window| window == part);
        assert!(named(b"Sweet 00") && named(b"https://example.org/000000"));
        assert!(chain.account(&buyer.edition()).is_some());
    }
    let twice = buyers.iter().zip(&machines);
    let twice: Vec<Call> = twice.map(|(buyer, machine)| machine.sell(buyer)).collect();
    assert_eq!(passed(&run(&mut chain, twice)), 0, "what was sold is sold");

    let ends = machines
        .iter()
        .map(|machine| machine.managed("withdraw", &[], &machine.owner));
    let ends: Vec<Call> = ends.collect();
    run(&mut chain, ends).all_ok();
    assert!(chain.account(&machines[0].address).is_none());
}
