//! The epochs of a network: the members of each, and how they are known.
//!
//! ```text
//! epoch 0   members of the genesis           -> sign the last block of epoch 0
//! epoch 1   members listed after that block  -> sign the last block of epoch 1
//! ```
//! A *passage* proves the members of an epoch by those of the one before: the certified proof of
//! the staking program's list at the epoch's last block. A member makes it when it has committed
//! that block, keeps it for ever, and gives it to members that join. Without the staking program
//! epoch 0 lasts for ever.

use std::{fmt, num::NonZeroU64, sync::Arc};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::{
    simplex::scheme::ed25519::Scheme,
    types::{Epoch, FixedEpocher},
};
use commonware_cryptography::{
    Digestible as _, Signer as _,
    certificate::{Provider, Scoped},
    ed25519::{PrivateKey, PublicKey},
};
use lockstep_interface::{Address, Hash};
use lockstep_light::{Account, LightError, MEMBERS, Succession, listed};
use lockstep_runtime::block::BlockHeader;
use lockstep_store::sync::Shared;

use crate::{
    block::{Block, BlockDigest},
    members::{Member, Members, address_of},
};

/// The account whose proof a passage is.
pub const LIST: Address = Address::new_from_array(MEMBERS);

/// An epoch.
#[derive(Clone, Debug)]
pub struct Era {
    /// Its number.
    pub number: u64,
    /// Its members.
    pub members: Arc<Members>,
    /// The block that its first one follows.
    pub parent: BlockDigest,
    scheme: Arc<Scheme>,
}

impl Era {
    /// What its members sign with, this one among them if it is one.
    pub fn scheme(&self) -> &Arc<Scheme> {
        &self.scheme
    }
}

/// The epochs that are known, from the first one on. Clones are the same.
#[derive(Clone)]
pub struct Epochs(Arc<Inner>);

struct Inner {
    genesis: Hash,
    length: NonZeroU64,
    key: PrivateKey,
    known: Shared<Known>,
}

struct Known {
    succession: Succession,
    eras: Vec<Era>,
    /// That which proves epoch 1, and so on.
    passages: Vec<Arc<[u8]>>,
}

impl fmt::Debug for Epochs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Epochs");
        shown
            .field("length", &self.0.length)
            .field("latest", &self.latest().number)
            .finish_non_exhaustive()
    }
}

impl Epochs {
    /// The first epoch of a network, as its genesis names the members. Each epoch has `length`
    /// slots; without one, the first never ends. `key` is that of this member, which need not be
    /// one of them.
    pub fn new(
        first: &BlockHeader,
        members: Members,
        length: Option<NonZeroU64>,
        key: PrivateKey,
    ) -> Self {
        let genesis = first.id();
        let length = length.unwrap_or(NonZeroU64::MAX);
        let network = members.network(&genesis);
        let era = Era {
            number: 0,
            scheme: Arc::new(members.scheme(&genesis, Some(key.clone()))),
            members: Arc::new(members),
            parent: Block::genesis(first).digest(),
        };
        Self(Arc::new(Inner {
            genesis,
            length,
            key,
            known: Shared::new(Known {
                succession: Succession::new(network, length),
                eras: vec![era],
                passages: Vec::new(),
            }),
        }))
    }

    /// How heights are divided into epochs.
    pub fn epocher(&self) -> FixedEpocher {
        FixedEpocher::new(self.0.length)
    }

    /// The epoch of a height.
    pub fn containing(&self, height: u64) -> u64 {
        height.checked_div(self.0.length.get()).unwrap_or(0)
    }

    /// Whether a height is the last one of its epoch.
    pub fn ends(&self, height: u64) -> bool {
        let next = height.checked_add(1);
        next.is_some_and(|next| next.is_multiple_of(self.0.length.get()))
    }

    /// An epoch, if it is known.
    pub fn get(&self, epoch: u64) -> Option<Era> {
        let place = usize::try_from(epoch).ok()?;
        self.0.known.read().eras.get(place).cloned()
    }

    /// The last epoch that is known.
    pub fn latest(&self) -> Era {
        let known = self.0.known.read();
        known.eras.last().expect("the first one is known").clone()
    }

    /// What proves the members of the epoch behind this one.
    pub fn passage(&self, epoch: u64) -> Option<Arc<[u8]>> {
        let place = usize::try_from(epoch).ok()?;
        self.0.known.read().passages.get(place).cloned()
    }

    /// Takes the passage from the last known epoch to the next one. O(members).
    ///
    /// # Errors
    /// If it proves nothing; nothing has changed then.
    pub fn advance(&self, passage: &[u8]) -> Result<(), LightError> {
        let mut known = self.0.known.write();
        let certified = known.succession.advance(passage)?;
        let former = known.eras.last().expect("the first one is known");
        let members = certified.account.as_ref().and_then(members_of);
        let members = members.map_or_else(|| Arc::clone(&former.members), Arc::new);
        let scheme = members.scheme(&self.0.genesis, Some(self.0.key.clone()));
        let era = Era {
            number: known.succession.epoch(),
            scheme: Arc::new(scheme),
            members,
            parent: BlockDigest::from(certified.digest),
        };
        known.eras.push(era);
        known.passages.push(passage.into());
        Ok(())
    }

    /// The key of this member.
    pub fn key(&self) -> &PrivateKey {
        &self.0.key
    }

    /// The public part of it.
    pub fn public_key(&self) -> PublicKey {
        self.0.key.public_key()
    }

    /// The account that this member's key pays from.
    pub fn wallet(&self) -> Address {
        address_of(&self.public_key())
    }

    /// The id of the genesis block.
    pub fn genesis(&self) -> &Hash {
        &self.0.genesis
    }
}

impl Provider for Epochs {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        let era = self.get(epoch.get())?;
        Some(Scoped::scheme(era.scheme))
    }
}

/// The members that an account of the staking program lists, if it lists any.
fn members_of(account: &Account) -> Option<Members> {
    let members = listed(account)?.into_iter().map(|listed| {
        let key = PublicKey::decode(Copying(&listed.key)).ok()?;
        let stake = listed.stake;
        Some(Member { key, stake })
    });
    // A validator's key has signed, and the stakes of all are less than all lamports, so that
    // nothing fails here.
    Members::new(members.collect::<Option<_>>()?).ok()
}
