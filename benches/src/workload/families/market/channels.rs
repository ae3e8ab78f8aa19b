//! `channels`: parties of payment channels that submit the newest message, which the other party
//! has signed. Each channel is one account, and each message one more signature to check.

use lockstep_interface::Address;
use lockstep_market::channel::channels::{self, *};
use lockstep_sdk::ed25519::Signature;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Accounts, Derived, Quarter, Town, Users, draft, number, state_account};
use crate::workload::draft::Draft;
use crate::workload::families::{ACCOUNTS, FamilySpec};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "channels",
    about: "payment channels in dispute: each transaction checks a message's signature",
    options: &[ACCOUNTS],
    build: |spec, seed| Ok(Town::of_one(spec, seed, Channels::build)),
};

/// Compute units of a dispute.
const COST: u64 = 5_000;
/// Lamports that the first party of each channel has locked.
const LOCKED: u64 = 1 << 40;

/// Pairs of users with a channel.
#[derive(Debug)]
pub(super) struct Channels {
    users: Users,
    channels: Vec<Derived>,
}

impl Channels {
    /// See [`super::Build`].
    pub(super) fn build(
        keys: &Keyring,
        users: Users,
        _: &WorkloadSpec,
        _: u64,
    ) -> Box<dyn Quarter> {
        let pairs = (0..users.pairs().count).into_par_iter();
        let channels = pairs.map(|pair| {
            let [first, _] = users.pair(pair);
            Open::channel_address(&keys.address(first), 0)
        });
        Box::new(Self {
            users,
            channels: channels.collect(),
        })
    }

    fn parties(&self, keys: &Keyring, pair: usize) -> [Address; 2] {
        self.users.pair(pair).map(|user| keys.address(user))
    }
}

impl Quarter for Channels {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let channels = self.channels.iter().enumerate();
        Box::new(channels.map(move |(pair, (address, bump))| {
            let [first, second] = self.parties(keys, pair);
            let state = Channel {
                first,
                second,
                number: 0.into(),
                opened: 0.into(),
                window: WINDOW_MAX.into(),
                locked_first: LOCKED.into(),
                locked_second: 0.into(),
                version: 0.into(),
                to_first: 0.into(),
                to_second: 0.into(),
                closes: 0.into(),
            };
            let mut account = state_account(&state, *bump);
            account.lamports = account.lamports.saturating_add(LOCKED);
            (*address, account)
        }))
    }

    fn draft(&self, keys: &Keyring, turn: usize, _: &mut ChaCha8Rng) -> Draft {
        let pairs = self.users.pairs();
        let (pair, lap) = (pairs.at(turn), pairs.lap(turn));
        let mut parties = self.users.pair(pair);
        // They take turns.
        if lap % 2 == 1 {
            parties.reverse();
        }
        let [party, other] = parties;
        let (channel, _) = self.channels[pair];
        let version = number(lap).saturating_add(1);
        let update = Update {
            version,
            to_first: 0,
            to_second: version,
        };
        let label = [b"channel".as_slice(), &number(turn).to_le_bytes()].concat();
        let signed = keys.sign(&label, &[(other, update.message(&channel, 0))]);
        let dispute = DisputeAddresses {
            party: keys.address(party),
            channel,
        };
        let signature = Signature(signed[0]);
        draft(
            party,
            channels::call::dispute(&dispute, update, signature),
            COST,
        )
    }
}
