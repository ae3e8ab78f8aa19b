//! From what consensus has seen of a faulty member to the report that jails it.
//!
//! ```text
//! activity of consensus -> two votes of one member in one view -> `report` of the staking program
//! ```
//! The votes are evidence to any third party: the program checks both signatures itself.

use commonware_actor::Feedback;
use commonware_codec::{Encode as _, Error, ReadExt as _};
use commonware_consensus::{
    Epochable as _, Reporter, Viewable as _,
    simplex::{
        scheme::ed25519::Scheme,
        types::{Activity, Attributable as _, Finalize, Notarize, Nullify, Proposal},
    },
};
use commonware_cryptography::certificate::Attestation;
use futures::channel::mpsc;
use lockstep_interface::{Address, Instruction};
use lockstep_sdk::ed25519::Signature;
use lockstep_stake::{
    staking::{self, Register, ReportAddresses},
    votes::{Vote, VoteKind},
};

use crate::{block::BlockDigest, members::Members};

/// Two votes of one member that contradict each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Offence {
    /// The member's place in the set of its epoch.
    pub member: usize,
    /// The epoch of the votes.
    pub epoch: u64,
    /// Their view.
    pub view: u64,
    /// The votes.
    pub votes: [Vote; 2],
}

impl Offence {
    /// The offence that an activity is evidence of, if it is any. Its signatures are right, since
    /// consensus checks them before it reports.
    pub fn of(activity: &Activity<Scheme, BlockDigest>) -> Option<Self> {
        Self::decoded(activity).ok().flatten()
    }

    /// The parts of evidence are private, and its encoding is not: one vote behind the other.
    fn decoded(activity: &Activity<Scheme, BlockDigest>) -> Result<Option<Self>, Error> {
        let (member, votes) = match activity {
            Activity::ConflictingNotarize(evidence) => {
                let mut bytes = evidence.encode();
                let one = Notarize::<Scheme, BlockDigest>::read(&mut bytes)?;
                let other = Notarize::<Scheme, BlockDigest>::read(&mut bytes)?;
                let votes = [one, other.clone()];
                let votes = votes
                    .map(|vote| of_block(VoteKind::Notarize, &vote.proposal, &vote.attestation));
                (other.signer(), votes)
            }
            Activity::ConflictingFinalize(evidence) => {
                let mut bytes = evidence.encode();
                let one = Finalize::<Scheme, BlockDigest>::read(&mut bytes)?;
                let other = Finalize::<Scheme, BlockDigest>::read(&mut bytes)?;
                let votes = [one, other.clone()];
                let votes = votes
                    .map(|vote| of_block(VoteKind::Finalize, &vote.proposal, &vote.attestation));
                (other.signer(), votes)
            }
            Activity::NullifyFinalize(evidence) => {
                let mut bytes = evidence.encode();
                let one = Nullify::<Scheme>::read(&mut bytes)?;
                let other = Finalize::<Scheme, BlockDigest>::read(&mut bytes)?;
                let votes = [
                    vote(VoteKind::Nullify, 0, [0; 32], &one.attestation),
                    of_block(VoteKind::Finalize, &other.proposal, &other.attestation),
                ];
                (other.signer(), votes)
            }
            _ => return Ok(None),
        };
        let [Some(one), Some(other)] = votes else {
            return Ok(None);
        };
        Ok(Some(Self {
            member: usize::from(member),
            epoch: activity.epoch().get(),
            view: activity.view().get(),
            votes: [one, other],
        }))
    }

    /// The offender's validator, and the instruction that reports it; `None` if the set has no such
    /// member.
    pub fn report(&self, members: &Members) -> Option<(Address, Instruction)> {
        let member = members.iter().nth(self.member)?;
        let (validator, _) = Register::validator_address(&member.address());
        let addresses = ReportAddresses { validator };
        let (epoch, view) = (self.epoch, self.view);
        let report = staking::call::report(&addresses, epoch, view, self.votes);
        Some((validator, report))
    }
}

/// Tells of members that vote twice. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Witness(mpsc::UnboundedSender<Offence>);

impl Witness {
    /// A witness, and what it will tell.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Offence>) {
        let (sender, receiver) = mpsc::unbounded();
        (Self(sender), receiver)
    }
}

impl Reporter for Witness {
    type Activity = Activity<Scheme, BlockDigest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        if let Some(offence) = Offence::of(&activity) {
            tracing::warn!(?offence, "a member has voted twice in one view");
            // Fails where nothing is done about it.
            let _ = self.0.unbounded_send(offence);
        }
        Feedback::Ok
    }
}

fn of_block(
    kind: VoteKind,
    proposal: &Proposal<BlockDigest>,
    attestation: &Attestation<Scheme>,
) -> Option<Vote> {
    vote(kind, proposal.parent.get(), proposal.payload.0, attestation)
}

fn vote(
    kind: VoteKind,
    parent: u64,
    digest: [u8; 32],
    attestation: &Attestation<Scheme>,
) -> Option<Vote> {
    let signature = attestation.signature.get()?.encode();
    let signature = Signature(signature.first_chunk().copied()?);
    Some(Vote {
        kind,
        parent,
        digest,
        signature,
    })
}

#[cfg(test)]
mod tests {
    use commonware_consensus::{
        simplex::types::{ConflictingFinalize, ConflictingNotarize, NullifyFinalize},
        types::{Epoch, Round, View},
    };
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
    use ed25519_zebra::{Signature as ZebraSignature, VerificationKey};
    use lockstep_interface::Hash;

    use super::*;
    use crate::members::Member;

    #[test]
    fn the_program_checks_what_the_engine_signs() {
        let keys = [5, 9].map(PrivateKey::from_seed);
        let members = keys.iter().map(|key| Member {
            key: key.public_key(),
            stake: 1,
        });
        let members = Members::new(members.collect()).unwrap();
        let genesis = Hash::new_from_array([7; 32]);
        let scheme = members.scheme(&genesis, Some(keys[1].clone()));
        let round = Round::new(Epoch::new(300), View::new(70_000));
        let proposal = |byte| {
            let digest = BlockDigest::from([byte; 32]);
            Proposal::new(round, View::new(69_999), digest)
        };
        let notarize = |byte| Notarize::sign(&scheme, proposal(byte)).unwrap();
        let finalize = |byte| Finalize::sign(&scheme, proposal(byte)).unwrap();
        let nullify = Nullify::sign::<BlockDigest>(&scheme, round).unwrap();
        let activities = [
            Activity::ConflictingNotarize(ConflictingNotarize::new(notarize(1), notarize(2))),
            Activity::ConflictingFinalize(ConflictingFinalize::new(finalize(1), finalize(2))),
            Activity::NullifyFinalize(NullifyFinalize::new(nullify, finalize(2))),
        ];
        let network = Address::new_from_array(genesis.to_bytes());
        for activity in activities {
            let offence = Offence::of(&activity).unwrap();
            assert_eq!((offence.epoch, offence.view), (300, 70_000));
            let member = members.iter().nth(offence.member).unwrap();
            assert_eq!(member.key, keys[1].public_key());
            let key: [u8; 32] = member.key.as_ref().try_into().unwrap();
            let key = VerificationKey::try_from(key).unwrap();
            for vote in &offence.votes {
                let message = vote.message(&network, offence.epoch, offence.view);
                let signature = ZebraSignature::from_bytes(&vote.signature.0);
                assert!(key.verify(&signature, &message).is_ok(), "{vote:?}");
            }
            assert!(offence.votes[0].conflicts(&offence.votes[1]));
            assert!(offence.report(&members).is_some());
        }
        assert_eq!(Offence::of(&Activity::Notarize(notarize(1))), None);
    }
}
