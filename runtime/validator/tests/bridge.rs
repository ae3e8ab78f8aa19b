//! Two networks of processes exchange tokens while members of both get kill -9, and relayed
//! messages come twice and forged: the sums are equal, nothing arrives twice, nothing stays locked.
//!
//! `LOCKSTEP_FULL=1` does it 20 times.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test counts small numbers, and fails where something is missing"
)]

mod processes;
#[path = "../examples/relay/relayer.rs"]
mod relayer;

use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{Account, Address, Rent, address::program_ids};
use lockstep_light::Succession;
use lockstep_messages::{
    bridge::{self, *},
    inbox::Mark,
    light_client::{self, Trust},
    outbox::Outgoing,
    relay::{End, Proof},
};
use lockstep_node::keys::address_of;
use lockstep_runtime::wire::{SigningKey, VerificationKeyBytes};
use lockstep_sdk::{
    bytemuck,
    token::{Mint, TokenAccount, associated_address},
};
use lockstep_validator::prove::trusted;
use serde_json::{Value, json};

use processes::{Members, is_full, slot, wait};
use relayer::{RelayError, Relayer, Side};

/// Milliseconds between blocks.
const BLOCK_MILLIS: u64 = 200;
/// Slots of an epoch, of which some pass in each run.
const EPOCH_SLOTS: u64 = 120;
/// Tokens of its home's mint that the user has.
const TOKENS: u64 = 1_000_000;
/// Slots until a transfer expires, and of one that is left to.
const WAIT: u64 = 2_000;
const SHORT_WAIT: u64 = 3;
/// The number of a bridge among its operator's.
const BRIDGE: u64 = 0;
/// The programs that carry messages.
const PROGRAMS: [&str; 4] = ["light_client", "outbox", "inbox", "bridge"];

fn wallet(seed: u8) -> SigningKey {
    SigningKey::from([seed; 32])
}

fn mint_of(side: usize) -> Address {
    let key = VerificationKeyBytes::from(&wallet([91, 92][side]));
    Address::new_from_array(key.into())
}

/// Gives a network that has not begun wallets and tokens, and the programs from slot 1 on.
fn endow(network: &Path, side: usize) {
    let text = fs::read_to_string(network).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let (user, mint) = (address_of(&wallet(1)), mint_of(side));
    let mut state = Mint::new(user, 6, None);
    state.supply.set(TOKENS);
    let purse = TokenAccount::new(mint, user, TOKENS);
    let accounts = [
        (user, Account::wallet(1 << 50)),
        (address_of(&wallet(2)), Account::wallet(1 << 50)),
        (mint, token_account(bytemuck::bytes_of(&state))),
        (
            associated_address(&user, &mint),
            token_account(bytemuck::bytes_of(&purse)),
        ),
    ];
    let accounts = accounts.map(|(address, account)| {
        json!({
            "address": address.to_string(),
            "lamports": account.lamports,
            "owner": account.owner.to_string(),
            "data": BASE64_STANDARD.encode(&account.data[..]),
        })
    });
    let activations = PROGRAMS.map(|name| json!({ "feature": name, "slot": 1 }));
    let chain = &mut file["chain"];
    chain["accounts"].as_array_mut().unwrap().extend(accounts);
    chain["activations"] = json!(activations);
    fs::write(network, file.to_string()).unwrap();
}

fn token_account(data: &[u8]) -> Account {
    Account {
        lamports: Rent::MAINNET.minimum_balance(data.len()),
        data: data.to_vec().into(),
        owner: program_ids::TOKEN,
        executable: false,
    }
}

/// What a client of a network trusts.
fn trust_in(network: &Succession) -> Trust {
    Trust {
        genesis: network.network().genesis,
        epoch_slots: network.epoch_slots().get(),
        members: network.network().members.clone(),
    }
}

/// Two networks, and a relayer between them.
struct Scene {
    members: [Members; 2],
    relayer: Relayer,
    user: SigningKey,
}

impl Scene {
    fn open() -> Self {
        let mut first = Members::with_epochs("bridge-a", 4, BLOCK_MILLIS, EPOCH_SLOTS);
        endow(&first.folder.join("network.json"), 0);
        first.start_all();
        let other = (4, BLOCK_MILLIS, EPOCH_SLOTS);
        let mut second = Members::beside(&first, "bridge-b", other);
        endow(&second.folder.join("network.json"), 1);
        second.start_all();
        let members = [first, second];
        let networks = members.each_ref();
        let networks = networks.map(|members| trusted(&members.folder.join("network.json")));
        let networks = networks.map(Result::unwrap);
        let (user, key) = (wallet(1), wallet(2));
        let operator = address_of(&user);
        let here = Open::bridge_address(&operator, BRIDGE).0;
        let sides = [0, 1].map(|side| Side {
            urls: members[side].urls.clone(),
            network: networks[side].clone(),
            passages: BTreeMap::new(),
            end: End::new(here, trust_in(&networks[1 - side]).address()),
        });
        let relayer = Relayer {
            sides,
            key,
            settled: [0, 0],
        };
        let scene = Self {
            members,
            relayer,
            user,
        };
        for side in [0, 1] {
            scene.set_up(side, &networks);
        }
        scene
    }

    /// Opens client and half on one chain.
    fn set_up(&self, side: usize, networks: &[Succession; 2]) {
        let Side { end, .. } = &self.relayer.sides[side];
        let trust = trust_in(&networks[1 - side]);
        let operator = address_of(&self.user);
        let open = light_client::OpenAddresses { payer: operator };
        let client = light_client::call::open(&open, trust.digest(), trust);
        let open = OpenAddresses {
            operator,
            client: end.client,
            outgoing: end.outgoing,
            incoming: end.incoming,
        };
        let half = bridge::call::open(&open, BRIDGE, networks[side].network().genesis, end.bridge);
        self.send_all(side, &[client, half]);
    }

    /// Sends until it is in a block; what is there already fails.
    fn send_all(&self, side: usize, calls: &[lockstep_interface::Instruction]) {
        let side = &self.relayer.sides[side];
        let mut was_lost = false;
        wait("a transaction", || match side.send(&self.user, calls) {
            Ok(()) => Some(()),
            // The one that was lost may have come into a block after all.
            Err(RelayError::Failed(error)) if was_lost => {
                println!("sent again: {error}");
                Some(())
            }
            Err(RelayError::Failed(error)) => panic!("{error}"),
            Err(_) => {
                was_lost = true;
                None
            }
        });
    }

    fn sent(&self, side: usize) -> u64 {
        let side = &self.relayer.sides[side];
        let channel = wait("the channel", || {
            side.state::<Outgoing>(&side.end.outgoing).ok().flatten()
        });
        channel.sent.get()
    }

    fn mint_on(&self, side: usize, home: usize) -> Address {
        match side == home {
            true => mint_of(home),
            false => Burn::mint_address(&self.relayer.sides[side].end.bridge, mint_of(home)).0,
        }
    }

    /// The user sends tokens of a home away from a chain, to the own address there.
    fn transfer(&mut self, from: usize, home: usize, amount: u64, slots: u64) {
        let (number, sender) = (self.sent(from), address_of(&self.user));
        wait("a header", || self.relayer.update(from).ok());
        let (here, there) = (&self.relayer.sides[from], &self.relayer.sides[1 - from]);
        let deadline = wait("a slot", || there.slot().ok()) + slots;
        let order = Order {
            amount,
            recipient: sender,
            deadline,
        };
        let purse = associated_address(&sender, &self.mint_on(from, home));
        let departure = DepartureAddresses {
            bridge: here.end.bridge,
            outgoing: here.end.outgoing,
            client: here.end.client,
            message: here.end.message_address(number),
        };
        let leave = match from == home {
            true => {
                let lock = LockAddresses {
                    sender,
                    departure,
                    mint: mint_of(home),
                    purse,
                };
                bridge::call::lock(&lock, number, order)
            }
            false => {
                let burn = BurnAddresses {
                    sender,
                    departure,
                    purse,
                };
                bridge::call::burn(&burn, number, mint_of(home), order)
            }
        };
        self.send_all(from, &[leave]);
    }

    fn balance(&self, side: usize, account: &Address) -> u64 {
        let side = &self.relayer.sides[side];
        let state = wait("a balance", || side.state::<TokenAccount>(account).ok());
        state.map_or(0, |state| state.amount.get())
    }

    /// Tokens of a home: in the vault, of the wrapped mint, and what the user has on both chains.
    fn sums(&self, home: usize) -> [u64; 4] {
        let away = 1 - home;
        let bridge = &self.relayer.sides[home].end.bridge;
        let vault = Lock::vault_address(bridge, &mint_of(home)).0;
        let wrapped = self.mint_on(away, home);
        let far = &self.relayer.sides[away];
        let supply = wait("the supply", || far.state::<Mint>(&wrapped).ok());
        let user = address_of(&self.user);
        [
            self.balance(home, &vault),
            supply.map_or(0, |mint| mint.supply.get()),
            self.balance(home, &associated_address(&user, &mint_of(home))),
            self.balance(away, &associated_address(&user, &wrapped)),
        ]
    }

    /// Relays until nothing is open.
    fn settle(&mut self) {
        let relayer = &mut self.relayer;
        wait("all messages settled", || {
            match relayer.round() {
                Ok(open) => return (open == 0).then_some(()),
                Err(error) => println!("relay: {error}"),
            }
            None
        });
    }

    /// A message is brought twice, and its proof with a bit changed.
    fn attack(&mut self, from: usize) {
        let number = self.sent(from) - 1;
        let relayer = &mut self.relayer;
        let message = wait("the message", || relayer.message(from, number).ok());
        let (_, transfer) = message.unwrap();
        let address = relayer.sides[from].end.message_address(number);
        let mark = relayer.sides[1 - from].end.mark_address(number);
        let right: Proof = wait("a mark", || {
            // It is sent again where it is lost.
            let proof = relayer.sides[from].proof(&address).ok()?;
            let _ = relayer.deliver(from, (number, &transfer), &proof);
            let there = &relayer.sides[1 - from];
            there.state::<Mark>(&mark).ok().flatten().map(|_| proof)
        });
        let mut forged = right.clone();
        let place = forged.head.len() / 2;
        forged.head[place] ^= 1;
        for proof in [&right, &forged] {
            let sent = relayer.deliver(from, (number, &transfer), proof);
            assert!(sent.is_err(), "a message came twice, or forged");
        }
    }

    /// Kills members of both networks, one of each, and starts them again later.
    fn kill(&mut self, run: usize) {
        for (side, members) in self.members.iter_mut().enumerate() {
            members.kill((run + side) % 4);
        }
    }

    fn revive(&mut self, run: usize) {
        for (side, members) in self.members.iter_mut().enumerate() {
            let place = (run + side) % 4;
            members.start(place);
            let tip = wait("a tip", || slot(&members.urls[(place + 1) % 4]));
            let url = &members.urls[place];
            wait("the tip", || slot(url).filter(|slot| *slot >= tip));
        }
    }

    /// What is away from home is what is locked, and nothing is lost.
    fn check(&self) {
        for home in [0, 1] {
            let [vault, supply, own, away] = self.sums(home);
            assert_eq!((vault, own + vault), (supply, TOKENS), "home {home}");
            assert_eq!(away, supply, "home {home}");
        }
    }
}

#[test]
fn two_networks_exchange_tokens_while_members_are_killed() {
    let mut scene = Scene::open();
    let count = if is_full() { 20 } else { 1 };
    for run in 0..count {
        scene.transfer(0, 0, 1_000, WAIT);
        scene.kill(run);
        scene.transfer(1, 1, 700, WAIT);
        // It expires before any relayer looks at it, or arrives just in time.
        scene.transfer(0, 0, 50, SHORT_WAIT);
        thread::sleep(Duration::from_millis(137 * (run as u64 % 7)));
        scene.attack(1);
        scene.settle();
        scene.revive(run);
        scene.transfer(1, 0, 300, WAIT);
        scene.kill(run + 1);
        scene.transfer(0, 1, 200, WAIT);
        scene.settle();
        scene.revive(run + 1);
        scene.check();
        let sent = [scene.sent(0), scene.sent(1)];
        let sums = [0, 1].map(|home| scene.sums(home));
        println!("run {run}: sent {sent:?}, {sums:?}");
    }
    for members in &scene.members {
        members.expect_one_tip();
    }
}
