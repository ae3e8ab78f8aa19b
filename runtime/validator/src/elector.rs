//! Which member leads a view: drawn by stake, from a hash of the network and the round.
//!
//! ```text
//! stakes 5 1 2      ends 5 6 8
//! SHA-256(network, epoch, view) mod 8 = 5   ->   the first end above 5: member 1
//! ```
//! Every member computes the same leader without a message. Over many views a member leads in
//! proportion to its stake; the schedule is public, as with any deterministic one.

use commonware_consensus::{
    simplex::{
        elector::{Config, Elector, Scheduled, Terms},
        scheme::ed25519::Scheme,
    },
    types::{Participant, Round},
};
use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::ordered::Set;
use sha2::{Digest as _, Sha256};

use crate::members::Members;

/// Draws leaders by stake.
#[derive(Clone, Debug)]
pub struct StakeElector {
    seed: [u8; 32],
    keys: Set<PublicKey>,
    /// For each member the stakes of it and all before it.
    ends: Vec<u64>,
}

impl StakeElector {
    /// An elector of these members, in the network of this namespace.
    pub fn new(namespace: &[u8], members: &Members) -> Self {
        let stakes = members.iter().map(|member| member.stake);
        let ends = stakes.scan(0u64, |total, stake| {
            *total = total.saturating_add(stake);
            Some(*total)
        });
        Self {
            seed: Sha256::digest(namespace).into(),
            keys: members.keys(),
            ends: ends.collect(),
        }
    }

    /// The place of a round's leader among the members. O(log members).
    pub fn leader(&self, round: Round) -> usize {
        let digest: [u8; 32] = Sha256::new_with_prefix(self.seed)
            .chain_update(round.epoch().get().to_le_bytes())
            .chain_update(round.view().get().to_le_bytes())
            .finalize()
            .into();
        // Of 128 bits modulo at most 64 the bias is below 2^-64.
        let drawn = digest.first_chunk().copied().map_or(0, u128::from_le_bytes);
        let total = self.ends.last().copied().unwrap_or(1);
        let drawn = drawn.checked_rem(u128::from(total)).unwrap_or(0);
        self.ends.partition_point(|end| u128::from(*end) <= drawn)
    }
}

impl Config<Scheme> for StakeElector {
    type Elector = Self;

    fn build(self, participants: &Set<PublicKey>) -> Self {
        assert_eq!(
            &self.keys, participants,
            "the scheme is of the same members"
        );
        self
    }
}

impl Elector<Scheme> for StakeElector {
    type Mode = Scheduled;

    fn terms(&self) -> Terms {
        Terms::rotating()
    }

    fn elect(&self, round: Round, (): ()) -> Participant {
        Participant::from_usize(self.leader(round))
    }
}

#[cfg(test)]
mod tests {
    use commonware_consensus::types::{Epoch, View};
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    use super::*;
    use crate::members::Member;

    #[test]
    fn members_lead_in_proportion_to_their_stake() {
        let stakes = [1u64, 10, 100, 1_000_000_000_000];
        let members = stakes.map(|stake| Member {
            key: PrivateKey::from_seed(stake).public_key(),
            stake: stake.min(489),
        });
        let members = Members::new(members.to_vec()).unwrap();
        let elector = StakeElector::new(b"network", &members);
        let mut led = [0u64; 4];
        for view in 1..=60_000 {
            led[elector.leader(Round::new(Epoch::zero(), View::new(view)))] += 1;
        }
        for (member, count) in members.iter().zip(led) {
            // 60,000 views for 600 of stake.
            let expected = member.stake * 100;
            let off = count.abs_diff(expected);
            assert!(off <= expected / 20 + 40, "{count} instead of {expected}");
        }
    }

    #[test]
    fn other_networks_have_other_leaders() {
        let members = (0..4).map(|seed| Member {
            key: PrivateKey::from_seed(seed).public_key(),
            stake: 1,
        });
        let members = Members::new(members.collect()).unwrap();
        let leaders = |namespace: &[u8], epoch| {
            let elector = StakeElector::new(namespace, &members);
            let views = (1..=64).map(View::new);
            let rounds = views.map(|view| Round::new(Epoch::new(epoch), view));
            rounds
                .map(|round| elector.leader(round))
                .collect::<Vec<_>>()
        };
        assert_eq!(leaders(b"one", 0), leaders(b"one", 0));
        assert_ne!(leaders(b"one", 0), leaders(b"two", 0));
        assert_ne!(leaders(b"one", 0), leaders(b"one", 1));
    }
}
