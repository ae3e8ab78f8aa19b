//! Staking on the real runtime: what it pays, what it refuses, and what stays true in any order.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "small numbers of test cases"
)]

mod evidence;
mod flow;
mod random;

use lockstep_sdk::{
    interface::{Address, Rent},
    prelude::StateData,
};
use lockstep_stake::{
    EPOCHS, Founder, MEMBERS, REWARDS, Terms, genesis,
    members::ListedMember,
    staking::{
        self, AdvanceAddresses, BindAddresses, CollectAddresses, DelegateAddresses, Deposit,
        DepositAddresses, Epochs, Members, Register, RegisterAddresses, ReleaseAddresses,
        RollAddresses, Stake, StakingProgram, Validator, Vault, WithdrawAddresses,
    },
};
use lockstep_testing::{Block, Call, Chain, SOL, Scene};

/// Slots of an epoch.
const EPOCH: u64 = 200;
/// Epochs of rest.
const COOLDOWN: u64 = 2;

const TERMS: Terms = Terms {
    epoch_slots: EPOCH,
    cooldown_epochs: COOLDOWN,
    slash_parts: 1_000,
    stake_min: SOL,
};

/// A network of two founders with 6 and 3 SOL of stake, and a commission of 10 % each.
struct Net {
    chain: Chain,
    /// Keys of validators.
    keys: Vec<Address>,
    identities: Vec<Address>,
}

impl Scene for Net {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

impl Net {
    fn new() -> Self {
        let mut chain = Chain::builder().program(StakingProgram).build();
        let keys = ["key 0", "key 1"].map(|name| chain.signer(name));
        let identities = ["operator 0", "operator 1"].map(|name| chain.wallet(name));
        let founders = [(0, 6 * SOL), (1, 3 * SOL)].map(|(place, stake): (usize, u64)| Founder {
            identity: identities[place],
            key: keys[place],
            commission: 1_000,
            stake,
        });
        chain.set_accounts(genesis(&TERMS, &founders).unwrap());
        Self {
            chain,
            keys: keys.into(),
            identities: identities.into(),
        }
    }

    fn run(&mut self, call: impl Into<Call>) -> Block {
        self.chain.run(call)
    }

    fn now(&self) -> u64 {
        self.chain.slot() / EPOCH
    }

    fn validator(&self, place: usize) -> Address {
        Register::validator_address(&self.keys[place]).0
    }

    fn vault(&self, place: usize) -> Address {
        Register::vault_address(&self.validator(place)).0
    }

    fn state(&self, place: usize) -> Validator {
        self.chain.state(&self.validator(place))
    }

    fn epochs(&self) -> Epochs {
        self.chain.state(&EPOCHS)
    }

    fn members(&self) -> Vec<ListedMember> {
        self.chain.state::<Members>(&MEMBERS).members
    }

    /// Lamports that the rewards' account holds beyond rent.
    fn pot(&self) -> u64 {
        self.chain.lamports(&REWARDS) - Rent::MAINNET.minimum_balance(0)
    }

    /// Lamports that the vault of a validator holds beyond rent.
    fn in_vault(&self, place: usize) -> u64 {
        self.chain.lamports(&self.vault(place)) - Rent::MAINNET.minimum_balance(Vault::SIZE)
    }

    fn advance(&mut self) -> Block {
        self.run(staking::call::advance(&AdvanceAddresses {}))
    }

    fn roll(&mut self, place: usize) -> Block {
        let (validator, vault) = (self.validator(place), self.vault(place));
        self.run(staking::call::roll(&RollAddresses { validator, vault }))
    }

    /// Goes to the beginning of the next epoch, and brings all up to it.
    fn next_epoch(&mut self) {
        let slot = (self.now() + 1) * EPOCH;
        self.chain.warp_to_slot(slot);
        self.catch_up();
    }

    fn catch_up(&mut self) {
        while self.epochs().epoch.get() < self.now() {
            self.advance().all_ok();
        }
        for place in 0..self.keys.len() {
            while self.roll(place).all_ok().returned::<u64>(0) > 0 {}
        }
    }

    fn register(&mut self, name: &str, commission: u16) -> usize {
        let key = self.chain.signer(&format!("key of {name}"));
        let identity = self.chain.wallet(name);
        let register = RegisterAddresses { identity, key };
        self.run(staking::call::register(&register, commission))
            .all_ok();
        self.keys.push(key);
        self.identities.push(identity);
        self.keys.len() - 1
    }

    /// A stake with lamports, not delegated.
    fn deposit(&mut self, owner: &Address, number: u64, lamports: u64) -> Address {
        let deposit = DepositAddresses { owner: *owner };
        self.run(staking::call::deposit(&deposit, number, lamports))
            .all_ok();
        Deposit::stake_address(owner, number).0
    }

    fn to_delegate(&self, owner: &Address, stake: &Address, place: usize) -> DelegateAddresses {
        DelegateAddresses {
            owner: *owner,
            stake: *stake,
            validator: self.validator(place),
        }
    }

    fn delegate(&mut self, owner: &Address, stake: &Address, place: usize) -> Block {
        let addresses = self.to_delegate(owner, stake, place);
        self.run(staking::call::delegate(&addresses))
    }

    fn deactivate(&mut self, owner: &Address, stake: &Address, place: usize) -> Block {
        let addresses = self.to_delegate(owner, stake, place);
        self.run(staking::call::deactivate(&addresses))
    }

    fn collect(&mut self, owner: &Address, stake: &Address, place: usize) -> Block {
        let addresses = CollectAddresses {
            owner: *owner,
            stake: *stake,
            validator: self.validator(place),
            vault: self.vault(place),
        };
        self.run(staking::call::collect(&addresses))
    }

    fn release(&mut self, owner: &Address, stake: &Address, place: usize) -> Block {
        let addresses = ReleaseAddresses {
            owner: *owner,
            stake: *stake,
            validator: self.validator(place),
            vault: self.vault(place),
        };
        self.run(staking::call::release(&addresses))
    }

    fn withdraw(&mut self, owner: &Address, stake: &Address) -> Block {
        let (owner, stake) = (*owner, *stake);
        self.run(staking::call::withdraw(&WithdrawAddresses { owner, stake }))
    }

    fn stake(&self, stake: &Address) -> Stake {
        self.chain.state(stake)
    }

    fn bind(&mut self) -> Block {
        self.run(staking::call::bind(&BindAddresses {}))
    }
}
