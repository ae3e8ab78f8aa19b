//! `vote-storm`: the members of a realm vote, each lap of them on one proposal. All of a block add
//! to the same two counters.

use lockstep_interface::{Account, Address};
use lockstep_market::vote::governance::{self, *};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Accounts, Derived, Quarter, Town, Users, draft, number, state_account};
use crate::workload::draft::Draft;
use crate::workload::families::{ACCOUNTS, FamilySpec, replay};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "vote-storm",
    about: "votes of all members of a realm on one proposal",
    options: &[ACCOUNTS],
    build: |spec, seed| Ok(Town::of_one(spec, seed, Votes::build)),
};

/// Proposals; in more laps votes are refused, since each member has voted on all.
const PROPOSALS: usize = 64;
/// Compute units of a vote.
const COST: u64 = 12_000;
/// Of each member, in the first lap and in all others.
const POWER: u64 = 1_000;
/// Slots, longer than any run.
const FOREVER: u64 = 1 << 60;

/// A realm with members that have put tokens in.
#[derive(Debug)]
pub(super) struct Votes {
    users: Users,
    founder: Address,
    realm: Derived,
    proposals: Vec<Derived>,
    records: Vec<Derived>,
}

impl Votes {
    /// See [`super::Build`].
    pub(super) fn build(
        keys: &Keyring,
        users: Users,
        _: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        let founder = replay::addresses(b"founder", 1, seed)[0];
        let realm = Found::realm_address(&founder, 0);
        let proposals = (0..PROPOSALS).into_par_iter();
        let proposals =
            proposals.map(|index| Propose::proposal_address(&realm.0, &founder, number(index)));
        let records = users.all().into_par_iter();
        let records = records.map(|user| Join::record_address(&realm.0, &keys.address(user)));
        Box::new(Self {
            users,
            founder,
            realm,
            proposals: proposals.collect(),
            records: records.collect(),
        })
    }

    fn realm(&self) -> Account {
        let mint = self.founder;
        let state = Realm {
            founder: self.founder,
            number: 0.into(),
            mint,
            treasury_mint: mint,
            treasury: mint,
            quorum: 1.into(),
            proposal_power: 1.into(),
            voting_slots: FOREVER.into(),
            delay_slots: 0.into(),
            open_slots: 1.into(),
        };
        state_account(&state, self.realm.1)
    }

    fn proposal(&self, bump: u8) -> Account {
        let state = Proposal {
            realm: self.realm.0,
            author: self.founder,
            target: self.founder,
            amount: 1.into(),
            digest: [0; 32],
            end: FOREVER.into(),
            is_executed: false.into(),
            yes: 0.into(),
            no: 0.into(),
        };
        state_account(&state, bump)
    }
}

impl Quarter for Votes {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let records = self.users.all().zip(&self.records);
        let records = records.map(|(user, (address, bump))| {
            let state = Record {
                realm: self.realm.0,
                member: keys.address(user),
                delegate: keys.address(user),
                vault: *address,
                power: POWER.into(),
                held_until: 0.into(),
            };
            (*address, state_account(&state, *bump))
        });
        let proposals = self.proposals.iter();
        let proposals = proposals.map(|(address, bump)| (*address, self.proposal(*bump)));
        Box::new(
            [(self.realm.0, self.realm())]
                .into_iter()
                .chain(proposals)
                .chain(records),
        )
    }

    fn draft(&self, keys: &Keyring, turn: usize, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.users.at(turn);
        let lap = self.users.lap(turn).checked_rem(self.proposals.len());
        let (proposal, _) = self.proposals[lap.unwrap_or(0)];
        let place = payer.saturating_sub(self.users.first);
        let vote = VoteAddresses {
            voter: keys.address(payer),
            realm: self.realm.0,
            record: self.records[place].0,
            proposal,
        };
        draft(payer, governance::call::vote(&vote, rng.random()), COST)
    }
}
