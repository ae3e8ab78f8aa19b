//! From two journals of one block, an own one and a claimed one, to the refutation of the latter.
//!
//! Steps are compared in order, so that all before the first that differs are right, and its
//! origins can be shown by them. Only then come the nodes.

use std::collections::BTreeMap;

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{Change, Serial, StateProof, Trie, merge_nodes};

use super::{
    Claim, Item, Journal, PARENT, Refutation, Step,
    journal::{hash, hash_in},
    transition::{Transition, bucket_of},
};

/// Looks for what is wrong with a claimed journal, which the claim states. `own` is that of the
/// same transactions as the own node executes them, without those that it refuses; `trie` and
/// `changes` are the state before, and the accounts that the block changed.
///
/// `None` if nothing is. O(steps + nodes).
pub fn find(
    own: &Journal,
    claimed: &Journal,
    [parent, claim]: [&Claim; 2],
    trie: &Trie,
    changes: &[Change],
) -> Option<Refutation> {
    if own.opening != claimed.opening {
        return Some(Refutation::Opening {
            step: claimed.step(0)?,
        });
    }
    let finder = Finder {
        own,
        claimed,
        trie,
        changes,
    };
    finder
        .replay()
        .or_else(|| finder.step())
        .or_else(|| finder.node([parent, claim]))
}

struct Finder<'f> {
    own: &'f Journal,
    claimed: &'f Journal,
    trie: &'f Trie,
    changes: &'f [Change],
}

impl Finder<'_> {
    fn replay(&self) -> Option<Refutation> {
        let leaves = self.claimed.steps.iter().zip(1u32..);
        let hashes = leaves.filter_map(|(leaf, at)| {
            let step = Step::decode(leaf)?;
            Some((step.view()?.message_hash(), at))
        });
        let mut hashes: Vec<_> = hashes.collect();
        hashes.sort_unstable();
        let mut pairs = hashes.windows(2);
        let [(_, other), (_, step)] = pairs.find(|pair| pair[0].0 == pair[1].0)? else {
            return None;
        };
        Some(Refutation::Replay {
            step: self.claimed.step(*step)?,
            other: self.claimed.step(*other)?,
            earlier: None,
        })
    }

    /// The first step that differs.
    fn step(&self) -> Option<Refutation> {
        let mut claimed = self.claimed.steps.iter().enumerate();
        let (place, _) = claimed.find(|(place, leaf)| self.own.steps.get(*place) != Some(leaf))?;
        let position = u32::try_from(place).ok()?.checked_add(1)?;
        // One that cannot be read refutes itself.
        let step = self.claimed.read_step(place);
        if let Some(step) = step.as_ref().filter(|step| step.view().is_some()) {
            let accounts = 0..step.entries.len();
            let mut found = accounts.filter_map(|account| self.origin(position, step, account));
            if let Some(found) = found.next() {
                return Some(found);
            }
        }
        Some(Refutation::Execution {
            step: self.claimed.step(position)?,
            accounts: step.map(|step| self.accounts_of(&step)).unwrap_or_default(),
        })
    }

    /// The accounts that the hashes before a step are of, as far as the own node has seen them.
    fn accounts_of(&self, step: &Step) -> Vec<Account> {
        let changed = self.changes.iter().map(|(_, account)| account);
        let known = self.own.seen().chain(changed);
        let known: BTreeMap<Hash, &Account> =
            known.map(|account| (hash(account), account)).collect();
        let entries = step.entries.iter();
        let accounts = entries.map(|entry| known.get(&entry.before).map(|found| (*found).clone()));
        accounts.map(Option::unwrap_or_default).collect()
    }

    /// What is wrong with where an account of a step comes from; all steps before are right.
    fn origin(&self, position: u32, step: &Step, place: usize) -> Option<Refutation> {
        let account = u32::try_from(place).ok()?;
        let (address, entry) = (step.address(place)?, step.entries[place]);
        let open = |at: u32| self.claimed.step(at);
        if entry.source != PARENT && entry.source >= position {
            return Some(Refutation::Source {
                step: open(position)?,
                account,
                writer: None,
            });
        }
        let last = (0..position).rev();
        let last = last
            .filter_map(|at| Some((at, self.written(at, &address)?)))
            .next();
        let from = entry.source;
        let skipped = last.filter(|(at, _)| from == PARENT || *at > from);
        if let Some((writer, _)) = skipped {
            return Some(Refutation::Skipped {
                step: open(position)?,
                account,
                writer: open(writer)?,
            });
        }
        if from == PARENT {
            let found = hash_in(self.trie, &address).ok()?;
            return (found != entry.before).then_some(Refutation::Origin {
                step: open(position)?,
                account,
                proof: self.trie.prove(&address),
            });
        }
        let is_right = last == Some((from, entry.before));
        (!is_right).then_some(Refutation::Source {
            step: open(position)?,
            account,
            writer: Some(open(from)?),
        })
    }

    /// What a claimed leaf leaves of an account.
    fn written(&self, at: u32, address: &Address) -> Option<Hash> {
        match (at as usize).checked_sub(1) {
            None => self.claimed.opening.written(address),
            Some(place) => self.claimed.read_step(place)?.written(address),
        }
    }

    /// What is wrong with the nodes; all steps are right.
    fn node(&self, [parent, claim]: [&Claim; 2]) -> Option<Refutation> {
        let Transition {
            before,
            after,
            buckets,
        } = &self.claimed.transition;
        let open = |node: usize| self.claimed.node(node);
        if [before.0[1], after.0[1]] != [parent.state_root, claim.state_root] {
            return Some(Refutation::Root { top: open(1)? });
        }
        for node in 1..buckets.len() {
            let [left, right] = [node << 1, node << 1 | 1];
            let merged = [before, after].map(|nodes| merge_nodes(&nodes.0[left], &nodes.0[right]));
            if merged != [before.0[node], after.0[node]] {
                return Some(Refutation::Fork {
                    node: open(node)?,
                    left: open(left)?,
                    right: open(right)?,
                });
            }
        }
        let own = &self.own.transition;
        for (number, (items, right)) in buckets.iter().zip(&own.buckets).enumerate() {
            let node = number.checked_add(buckets.len())?;
            if items != right {
                return self.item(number, node);
            }
            if after.0[node] != own.after.0[node] {
                return Some(Refutation::Bucket {
                    bucket: open(node)?,
                    proofs: self.proofs(number),
                });
            }
        }
        None
    }

    /// What is wrong with a bucket's items.
    fn item(&self, number: usize, node: usize) -> Option<Refutation> {
        let items = &self.claimed.transition.buckets[number];
        let right = &self.own.transition.buckets[number];
        let bucket = self.claimed.node(node)?;
        let depth = self.claimed.transition.depth();
        let is_ours = |item: &Item| bucket_of(&item.address, depth) == number;
        let ascends = items.is_sorted_by(|one, next| one.address < next.address);
        if !ascends || !items.iter().all(is_ours) {
            let proofs = Vec::new();
            return Some(Refutation::Bucket { bucket, proofs });
        }
        let lost = right
            .iter()
            .find(|item| items.iter().all(|one| one.address != item.address));
        if let Some(lost) = lost {
            let account = match (lost.writer as usize).checked_sub(1) {
                None => {
                    let mut own = self.claimed.opening.0.iter();
                    own.position(|(address, _)| *address == lost.address)?
                }
                Some(place) => {
                    let step = self.claimed.read_step(place)?;
                    let mut places = 0..step.entries.len();
                    places.find(|place| step.address(*place) == Some(lost.address))?
                }
            };
            return Some(Refutation::Missing {
                bucket,
                account: u32::try_from(account).ok()?,
                writer: self.claimed.step(lost.writer)?,
            });
        }
        let place = items.iter().position(|item| !right.contains(item))?;
        let item = items[place];
        let own = right.iter().find(|own| own.address == item.address);
        let later = own.filter(|own| own.writer > item.writer);
        let writer = later.map_or(item.writer, |own| own.writer);
        Some(Refutation::Item {
            bucket,
            item: u32::try_from(place).ok()?,
            writer: self.claimed.step(writer),
        })
    }

    /// Where the path of each item of a bucket ends, after the items before.
    fn proofs(&self, number: usize) -> Vec<StateProof> {
        let mut trie = self.trie.clone();
        let depth = usize::from(self.own.transition.depth());
        let items = self.own.transition.buckets[number].iter();
        let proofs = items.map(|item| {
            let proof = trie.prove(&item.address).below(depth, &item.address);
            let mut changes = self.changes.iter();
            if let Some(change) = changes.find(|(address, _)| *address == item.address) {
                trie = trie.update(std::slice::from_ref(change), &Serial);
            }
            proof
        });
        proofs.collect()
    }
}
