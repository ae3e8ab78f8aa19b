//! Two chains with a bridge between them: their wallets, what these ask for, and what is there.

#![allow(dead_code, reason = "each target that includes this uses a part of it")]

use lockstep_interface::{Account, Address, Instruction, Rent, address::program_ids};
use lockstep_messages::{
    bridge::{self, *},
    inbox::Mark,
    light_client::{self, Client, Trust},
    outbox::{Message, Outgoing},
    relay::{End, Proof, transfer_of},
};
use lockstep_sdk::{
    bytemuck,
    token::{Mint, TokenAccount, associated_address},
};

use crate::network::{Done, Network, Wallet, member_keys};

/// Tokens of its home's mint that each user has in the beginning.
pub(crate) const TOKENS: u64 = 1_000_000;
/// Decimals of the mints.
const DECIMALS: u8 = 6;
/// Lamports of each wallet.
const LAMPORTS: u64 = 1 << 50;
/// The number of a bridge among its operator's.
const BRIDGE: u64 = 0;

/// One of the two chains, by its place.
pub(crate) type Side = usize;

/// The other chain.
pub(crate) fn other(side: Side) -> Side {
    1 - side
}

/// One chain, and its half of the bridge.
pub(crate) struct Half {
    pub(crate) network: Network,
    pub(crate) operator: Wallet,
    /// The mint that is at home here.
    pub(crate) mint: Address,
    pub(crate) end: End,
}

/// Both chains, and the wallets that are on both.
pub(crate) struct World {
    pub(crate) halves: [Half; 2],
    pub(crate) users: Vec<Wallet>,
    pub(crate) relayer: Wallet,
}

impl World {
    /// Two chains of four members each, of which one changes after the first epoch.
    pub(crate) fn open(user_count: u8, epoch_slots: u64) -> Done<Self> {
        let users: Vec<Wallet> = (1..=user_count).map(Wallet::new).collect();
        let relayer = Wallet::new(200);
        let operators = [201, 202].map(Wallet::new);
        let addresses = [0, 1].map(|side| Open::bridge_address(&operators[side].address, BRIDGE).0);
        let mut networks = Vec::new();
        for (first, mint) in [(100, mint_of(0)), (110, mint_of(1))] {
            let wallets = users.iter().chain(&operators).chain([&relayer]);
            let wallets = wallets.map(|wallet| (wallet.address, Account::wallet(LAMPORTS)));
            let purses = users.iter().map(|user| {
                let purse = TokenAccount::new(mint, user.address, TOKENS);
                let address = associated_address(&user.address, &mint);
                (address, token_account(bytemuck::bytes_of(&purse)))
            });
            let mut state = Mint::new(relayer.address, DECIMALS, None);
            state.supply.set(TOKENS * u64::from(user_count));
            let mint = (mint, token_account(bytemuck::bytes_of(&state)));
            let accounts = wallets.chain(purses).chain([mint]).collect();
            let sets = [first..first + 4, first + 1..first + 5].map(member_keys);
            networks.push(Network::open(accounts, sets, epoch_slots)?);
        }
        let trusts: Vec<Trust> = networks.iter().map(Network::trust).collect();
        let mut halves = Vec::new();
        for (side, (network, operator)) in networks.into_iter().zip(operators).enumerate() {
            let mut half = Half {
                network,
                operator,
                mint: mint_of(side),
                end: End::new(addresses[side], trusts[other(side)].address()),
            };
            half.set_up(&trusts[other(side)], addresses[other(side)])?;
            halves.push(half);
        }
        let halves = halves.try_into().map_err(|_| "there are two chains")?;
        let mut world = Self {
            halves,
            users,
            relayer,
        };
        for side in [0, 1] {
            world.update(side)?;
        }
        Ok(world)
    }

    pub(crate) fn network(&mut self, side: Side) -> &mut Network {
        &mut self.halves[side].network
    }

    /// Has a client follow the other chain's epochs up to now, and take its newest header.
    pub(crate) fn update(&mut self, side: Side) -> Done {
        let head = {
            let far = &self.halves[other(side)];
            far.network.proof(&far.end.bridge)?.head
        };
        let mut calls = self.advance(side)?;
        calls.push(self.halves[side].end.take(&head));
        for call in calls {
            self.halves[side].network.run(&self.relayer, &[call])?;
        }
        Ok(())
    }

    /// What leads a client from the epoch that it knows to the one of the other chain.
    pub(crate) fn advance(&self, side: Side) -> Done<Vec<Instruction>> {
        let Half { network, end, .. } = &self.halves[side];
        let client: Client = network.state(&end.client)?.ok_or("the client is open")?;
        let far = &self.halves[other(side)].network;
        let newest = far.epoch_of(far.slot - 1);
        let passed = far.handovers.range(client.epoch..newest);
        let addresses = light_client::AdvanceAddresses {
            payer: self.relayer.address,
            client: end.client,
        };
        let calls = passed.map(|(_, proof)| light_client::call::advance(&addresses, proof.clone()));
        Ok(calls.collect())
    }

    /// Messages that one chain has sent.
    pub(crate) fn sent(&self, side: Side) -> Done<u64> {
        let half = &self.halves[side];
        let channel: Outgoing = half
            .network
            .state(&half.end.outgoing)?
            .ok_or("it is open")?;
        Ok(channel.sent.get())
    }

    /// A message that one chain has sent and not settled, and what it says.
    pub(crate) fn message(&self, from: Side, number: u64) -> Done<Option<(Message, Transfer)>> {
        let Half { network, end, .. } = &self.halves[from];
        let message: Option<Message> = network.state(&end.message_address(number))?;
        let Some(message) = message else {
            return Ok(None);
        };
        let transfer = transfer_of(&message).ok_or("a bridge sends transfers")?;
        Ok(Some((message, transfer)))
    }

    /// The proof of a message of now, or that there is none.
    pub(crate) fn message_proof(&self, from: Side, number: u64) -> Done<Proof> {
        let Half { network, end, .. } = &self.halves[from];
        network.proof(&end.message_address(number))
    }

    /// The same of a mark.
    pub(crate) fn mark_proof(&self, to: Side, number: u64) -> Done<Proof> {
        let Half { network, end, .. } = &self.halves[to];
        network.proof(&end.mark_address(number))
    }

    pub(crate) fn mark(&self, to: Side, number: u64) -> Done<Option<Mark>> {
        let Half { network, end, .. } = &self.halves[to];
        network.state(&end.mark_address(number))
    }

    /// The mint of one home's tokens on a chain: that mint, or the wrapped one.
    pub(crate) fn mint_on(&self, side: Side, home: Side) -> Address {
        match side == home {
            true => self.halves[home].mint,
            false => {
                let home = self.halves[home].mint;
                Burn::mint_address(&self.halves[side].end.bridge, home).0
            }
        }
    }

    /// Tokens of a home that a wallet has on a chain.
    pub(crate) fn balance(&self, side: Side, home: Side, owner: &Address) -> Done<u64> {
        let purse = associated_address(owner, &self.mint_on(side, home));
        let purse: Option<TokenAccount> = self.halves[side].network.state(&purse)?;
        Ok(purse.map_or(0, |purse| purse.amount.get()))
    }

    /// What the vault of a home holds, and the supply of the wrapped mint on the other chain.
    pub(crate) fn sums(&self, home: Side) -> Done<[u64; 2]> {
        let half = &self.halves[home];
        let vault = Lock::vault_address(&half.end.bridge, &half.mint).0;
        let vault: Option<TokenAccount> = half.network.state(&vault)?;
        let wrapped = self.mint_on(other(home), home);
        let wrapped: Option<Mint> = self.halves[other(home)].network.state(&wrapped)?;
        Ok([
            vault.map_or(0, |vault| vault.amount.get()),
            wrapped.map_or(0, |mint| mint.supply.get()),
        ])
    }

    /// A user's call that sends tokens of a home away from a chain.
    pub(crate) fn send(
        &self,
        (from, home): (Side, Side),
        sender: Address,
        number: u64,
        order: Order,
    ) -> Instruction {
        let half = &self.halves[from];
        let purse = associated_address(&sender, &self.mint_on(from, home));
        let departure = DepartureAddresses {
            bridge: half.end.bridge,
            outgoing: half.end.outgoing,
            client: half.end.client,
            message: half.end.message_address(number),
        };
        if from == home {
            let lock = LockAddresses {
                sender,
                departure,
                mint: half.mint,
                purse,
            };
            return bridge::call::lock(&lock, number, order);
        }
        let burn = BurnAddresses {
            sender,
            departure,
            purse,
        };
        bridge::call::burn(&burn, number, self.halves[home].mint, order)
    }
}

impl Half {
    fn set_up(&mut self, trust: &Trust, peer: Address) -> Done {
        let payer = self.operator.address;
        let open = light_client::OpenAddresses { payer };
        let open = light_client::call::open(&open, trust.digest(), trust.clone());
        self.network.run(&self.operator, &[open])?;
        let open = OpenAddresses {
            operator: payer,
            client: self.end.client,
            outgoing: self.end.outgoing,
            incoming: self.end.incoming,
        };
        let open = bridge::call::open(&open, BRIDGE, self.network.genesis, peer);
        self.network.run(&self.operator, &[open])
    }
}

fn mint_of(side: Side) -> Address {
    Address::new_from_array([[7; 32], [8; 32]][side])
}

fn token_account(data: &[u8]) -> Account {
    Account {
        lamports: Rent::MAINNET.minimum_balance(data.len()),
        data: data.to_vec().into(),
        owner: program_ids::TOKEN,
        executable: false,
    }
}
