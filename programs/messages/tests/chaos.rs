//! Two chains, wallets and a relayer that does everything wrong: proofs come late, twice, in any
//! order and forged, blocks are lost and built again otherwise, members change. Whatever happens,
//! the sums are equal after every block, nothing arrives twice, and nothing stays locked.
//!
//! `LOCKSTEP_FULL=1` runs more and longer ones, `LOCKSTEP_SEED=7` one again.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test counts small numbers, and shows what it did"
)]

#[path = "../../../runtime/examples/bridge/network.rs"]
mod network;
#[path = "../../../runtime/examples/bridge/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use lockstep_interface::{Address, Instruction};
use lockstep_messages::{
    bridge::{Order, Transfer},
    inbox::ACCEPTED,
    light_client::Client,
    outbox::Message,
    relay::Proof,
};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use network::{Done, member_keys, quorum};
use world::{Half, Side, TOKENS, World, other};

const USERS: u8 = 4;
/// Slots of an epoch: members change, and certificates of the epoch before are of no use.
const EPOCH_SLOTS: u64 = 35;
/// Proofs that are kept for later.
const HELD_MAX: usize = 60;

/// A message as it was sent.
struct Entry {
    home: Side,
    transfer: Transfer,
    has_arrived: bool,
    is_settled: bool,
}

/// What a relayer can do with a proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    Deliver,
    Refuse,
    Settle,
    Forget,
}

/// A proof that was asked for, and may be used at any time, or several times.
#[derive(Clone)]
struct Held {
    /// The chain that has sent the message.
    from: Side,
    message: (Message, Transfer),
    purpose: Use,
    is_accepted: bool,
    proof: Proof,
}

impl Held {
    /// The chain that is asked to believe it.
    fn target(&self) -> Side {
        match self.purpose {
            Use::Settle => self.from,
            Use::Deliver | Use::Refuse | Use::Forget => other(self.from),
        }
    }
}

/// A transaction to be, and whether it must fail.
struct Attempt {
    bytes: Vec<u8>,
    is_forged: bool,
}

#[derive(Debug, Default)]
struct Counts {
    blocks: usize,
    lost: usize,
    accepted: usize,
    failed: usize,
    forged: usize,
}

struct Chaos {
    world: World,
    random: ChaCha8Rng,
    /// By the chain that has sent it, and number.
    journal: BTreeMap<(Side, u64), Entry>,
    held: Vec<Held>,
    counts: Counts,
}

impl Chaos {
    fn new(seed: u64) -> Done<Self> {
        Ok(Self {
            world: World::open(USERS, EPOCH_SLOTS)?,
            random: ChaCha8Rng::seed_from_u64(seed),
            journal: BTreeMap::new(),
            held: Vec::new(),
            counts: Counts::default(),
        })
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// One block of a chain, of whatever comes.
    fn step(&mut self, side: Side) -> Done {
        let mut attempts = Vec::new();
        if self.chance(70) {
            self.advance(side, &mut attempts)?;
        }
        self.send(side, &mut attempts)?;
        self.ask(side)?;
        self.believe(side, &mut attempts)?;
        self.forge(side, &mut attempts)?;
        attempts.shuffle(&mut self.random);
        let mut seen = BTreeSet::new();
        attempts.retain(|attempt| seen.insert(attempt.bytes.clone()));
        if self.chance(25) {
            self.lose(side, &attempts)?;
            attempts.shuffle(&mut self.random);
            // Some transactions are not in the block that takes the place.
            let kept = self.random.random_range(0..=attempts.len());
            attempts.truncate(kept);
        }
        self.finish(side, &attempts)?;
        self.check()
    }

    /// Builds a block, and one on it, which nothing makes final.
    fn lose(&mut self, side: Side, attempts: &[Attempt]) -> Done {
        let network = &self.world.halves[side].network;
        let bytes: Vec<Vec<u8>> = attempts.iter().map(|one| one.bytes.clone()).collect();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let lost = network.build(network.blockhash(), network.slot, first)?;
        let child = network.build(lost.id, network.slot + 1, second)?;
        network.chain.discard(&child.id)?;
        network.chain.discard(&lost.id)?;
        self.counts.lost += 2;
        Ok(())
    }

    fn finish(&mut self, side: Side, attempts: &[Attempt]) -> Done {
        let bytes: Vec<Vec<u8>> = attempts.iter().map(|one| one.bytes.clone()).collect();
        let statuses = self.world.network(side).produce(&bytes)?;
        assert_eq!(statuses.len(), attempts.len());
        for (status, attempt) in statuses.iter().zip(attempts) {
            assert!(status.is_err() || !attempt.is_forged, "a forgery succeeded");
            match status {
                Ok(()) => self.counts.accepted += 1,
                Err(_) => self.counts.failed += 1,
            }
        }
        self.counts.blocks += 1;
        self.counts.forged += attempts.iter().filter(|one| one.is_forged).count();
        Ok(())
    }

    fn attempt(&self, side: Side, wallet: &Address, calls: &[Instruction]) -> Done<Attempt> {
        let World { users, relayer, .. } = &self.world;
        let mut wallets = users.iter().chain([relayer]);
        let wallet = wallets.find(|one| one.address == *wallet);
        let wallet = wallet.ok_or("the wallet is known")?;
        let blockhash = self.world.halves[side].network.blockhash();
        Ok(Attempt {
            bytes: wallet.sign(blockhash, calls)?,
            is_forged: false,
        })
    }

    fn relayed(&self, side: Side, calls: &[Instruction]) -> Done<Attempt> {
        self.attempt(side, &self.world.relayer.address, calls)
    }

    /// The client follows the members of the other chain.
    fn advance(&self, side: Side, attempts: &mut Vec<Attempt>) -> Done {
        for call in self.world.advance(side)? {
            attempts.push(self.relayed(side, &[call])?);
        }
        Ok(())
    }

    /// Users send tokens of either home, within what they have or not.
    fn send(&mut self, side: Side, attempts: &mut Vec<Attempt>) -> Done {
        let Half { network, end, .. } = &self.world.halves[side];
        let client: Option<Client> = network.state(&end.client)?;
        let newest = client.ok_or("the client is open")?.newest;
        let first = self.world.sent(side)?;
        for number in first..first + self.random.random_range(0..3) {
            let [sender, recipient] = [(), ()].map(|()| {
                let place = self.random.random_range(0..self.world.users.len());
                self.world.users[place].address
            });
            let home = self.random.random_range(0..2);
            let order = Order {
                amount: self.random.random_range(1..TOKENS / 50),
                recipient,
                deadline: newest + self.random.random_range(1..60),
            };
            let call = self.world.send((side, home), sender, number, order);
            attempts.push(self.attempt(side, &sender, &[call])?);
        }
        Ok(())
    }

    /// The relayer asks both chains for proofs about messages between them, to use them later.
    fn ask(&mut self, side: Side) -> Done {
        let sent: Vec<(Side, u64)> = self.journal.keys().copied().collect();
        for _ in 0..self.random.random_range(0..6) {
            let Some((from, number)) = sent.choose_with(&mut self.random) else {
                return Ok(());
            };
            let entry = &self.journal[&(from, number)];
            let (has_arrived, is_settled) = (entry.has_arrived, entry.is_settled);
            let purposes = match (from == side, has_arrived, is_settled) {
                (_, _, true) => [Use::Forget, Use::Deliver],
                (_, true, _) => [Use::Settle, Use::Settle],
                (true, ..) => [Use::Deliver, Use::Refuse],
                (false, ..) => [Use::Settle, Use::Deliver],
            };
            let purpose = purposes[usize::from(self.chance(25))];
            let Some(held) = self.proof(from, number, purpose)? else {
                continue;
            };
            if self.held.len() >= HELD_MAX {
                let place = self.random.random_range(0..self.held.len());
                self.held.swap_remove(place);
            }
            self.held.push(held);
        }
        Ok(())
    }

    /// A proof of now; `None` if the message is gone where it is needed.
    fn proof(&self, from: Side, number: u64, purpose: Use) -> Done<Option<Held>> {
        let (world, to) = (&self.world, other(from));
        let message = match world.message(from, number)? {
            Some(message) => message,
            // A mark is forgotten for a message that is gone.
            None if purpose == Use::Forget => {
                let message = Message {
                    channel: world.halves[from].end.outgoing,
                    number,
                    sender: world.halves[from].end.bridge,
                    destination: [0; 32],
                    receiver: world.halves[to].end.incoming,
                    is_ordered: false,
                    deadline: 0,
                    payer: world.relayer.address,
                    is_expired: false,
                    payload: Vec::new(),
                };
                (message, self.journal[&(from, number)].transfer)
            }
            None => return Ok(None),
        };
        let mark = world.mark(to, number)?;
        let proof = match purpose {
            Use::Settle => world.mark_proof(to, number)?,
            Use::Deliver | Use::Refuse | Use::Forget => world.message_proof(from, number)?,
        };
        Ok(Some(Held {
            from,
            message,
            purpose,
            is_accepted: mark.is_some_and(|mark| mark.outcome == ACCEPTED),
            proof,
        }))
    }

    fn calls(&self, held: &Held) -> Vec<Instruction> {
        let end = &self.world.halves[held.target()].end;
        let Held {
            message: (message, transfer),
            proof,
            ..
        } = held;
        let (payer, number) = (self.world.relayer.address, message.number);
        match held.purpose {
            Use::Deliver => end.deliver(payer, (number, transfer), proof),
            Use::Refuse => end.refuse((number, transfer), proof),
            Use::Settle => end.settle((message, transfer), proof, held.is_accepted),
            Use::Forget => end.forget(payer, number, proof),
        }
    }

    /// Proofs that were asked for are used, and some are kept to be used again.
    fn believe(&mut self, side: Side, attempts: &mut Vec<Attempt>) -> Done {
        for _ in 0..self.random.random_range(0..8) {
            let candidates = self.held.iter().enumerate();
            let candidates = candidates.filter(|(_, held)| held.target() == side);
            let candidates: Vec<usize> = candidates.map(|(place, _)| place).collect();
            let Some(place) = candidates.choose_with(&mut self.random) else {
                return Ok(());
            };
            let held = match self.chance(60) {
                true => self.held.swap_remove(place),
                false => self.held[place].clone(),
            };
            let wallet = match held.purpose {
                Use::Refuse => held.message.1.recipient,
                _ => self.world.relayer.address,
            };
            attempts.push(self.attempt(side, &wallet, &self.calls(&held))?);
        }
        Ok(())
    }

    /// Proofs with a bit changed, of another account, and headers that no quorum has signed.
    fn forge(&mut self, side: Side, attempts: &mut Vec<Attempt>) -> Done {
        if self.chance(50) {
            let network = &self.world.halves[other(side)].network;
            let members = network.members();
            let head = match self.random.random_range(0..3) {
                0 => network.forged_head(members, quorum(members.len()) - 1)?,
                1 => network.forged_head(&member_keys(60..64), 4)?,
                // Keys of the other chain's members.
                _ => network.forged_head(self.world.halves[side].network.members(), 4)?,
            };
            let call = self.world.halves[side].end.take(&head);
            let mut attempt = self.relayed(side, &[call])?;
            attempt.is_forged = true;
            attempts.push(attempt);
        }
        let mine: Vec<Held> = self
            .held
            .iter()
            .filter(|held| held.target() == side)
            .cloned()
            .collect();
        let Some(mut held) = mine.choose_with(&mut self.random) else {
            return Ok(());
        };
        if held.purpose == Use::Refuse {
            return Ok(());
        }
        let Proof { head, part, .. } = &mut held.proof;
        match self.random.random_range(0..3) {
            0 => flip(head, &mut self.random),
            1 => flip(part, &mut self.random),
            // The proof of another message, or of another mark. One that there is none may be right
            // for several addresses.
            _ if part[0] == 1 => held.message.0.number += 1,
            _ => flip(part, &mut self.random),
        }
        let mut attempt = self.relayed(side, &self.calls(&held))?;
        attempt.is_forged = true;
        attempts.push(attempt);
        Ok(())
    }

    /// Takes notice of what both chains have now, and compares the sums.
    fn check(&mut self) -> Done {
        for from in [0, 1] {
            for number in 0..self.world.sent(from)? {
                let known = self.journal.get(&(from, number));
                if !known.is_some_and(|entry| entry.has_arrived && entry.is_settled) {
                    self.notice(from, number)?;
                }
            }
        }
        for home in [0, 1] {
            let open = self.journal.values();
            let open = open.filter(|entry| entry.home == home);
            let open = open.filter(|entry| !entry.has_arrived && !entry.is_settled);
            let on_the_way: u64 = open.map(|entry| entry.transfer.amount).sum();
            let [vault, supply] = self.world.sums(home)?;
            assert_eq!(vault, supply + on_the_way, "the sums of home {home}");
        }
        Ok(())
    }

    fn notice(&mut self, from: Side, number: u64) -> Done {
        let message = self.world.message(from, number)?;
        let mark = self.world.mark(other(from), number)?;
        let entry = match (self.journal.get_mut(&(from, number)), &message) {
            (Some(entry), _) => entry,
            (None, Some((_, transfer))) => {
                let home = usize::from(transfer.home != self.world.halves[0].mint);
                self.journal.entry((from, number)).or_insert(Entry {
                    home,
                    transfer: *transfer,
                    has_arrived: false,
                    is_settled: false,
                })
            }
            (None, None) => return Err("a message goes only after it was seen".into()),
        };
        let is_accepted = mark.is_some_and(|mark| mark.outcome == ACCEPTED);
        let is_late = entry.is_settled && !entry.has_arrived;
        assert!(!(is_late && is_accepted), "what was returned arrives");
        entry.has_arrived |= is_accepted;
        entry.is_settled = message.is_none();
        Ok(())
    }

    /// An honest relayer brings all that is left to its end.
    fn settle_all(&mut self) -> Done {
        for from in [0, 1] {
            for number in 0..self.world.sent(from)? {
                self.settle_one(from, number)?;
                self.check()?;
            }
        }
        Ok(())
    }

    fn settle_one(&mut self, from: Side, number: u64) -> Done {
        let to = other(from);
        let Some((message, _)) = self.world.message(from, number)? else {
            return Ok(());
        };
        self.world.update(to)?;
        let is_open = self.world.mark(to, number)?.is_none();
        if is_open && self.world.halves[to].network.slot <= message.deadline {
            // Every other one is left to expire.
            if number.is_multiple_of(2) {
                self.bring(from, number, Use::Deliver)?;
            } else {
                self.world.network(to).pass(message.deadline)?;
            }
        } else if is_open {
            self.world.network(to).pass(message.deadline)?;
        }
        self.world.update(from)?;
        self.bring(from, number, Use::Settle)?;
        assert!(self.world.message(from, number)?.is_none(), "it is settled");
        Ok(())
    }

    fn bring(&mut self, from: Side, number: u64, purpose: Use) -> Done {
        let held = self.proof(from, number, purpose)?;
        let held = held.ok_or("the message is there")?;
        let calls = self.calls(&held);
        let World {
            halves, relayer, ..
        } = &mut self.world;
        halves[held.target()].network.run(relayer, &calls)
    }

    /// Each user has what follows from the outcomes of all messages.
    fn check_balances(&self) -> Done {
        for home in [0, 1] {
            let [vault, supply] = self.world.sums(home)?;
            assert_eq!(vault, supply, "nothing is locked");
            for side in [0, 1] {
                for user in &self.world.users {
                    let own = if side == home { TOKENS } else { 0 };
                    let entries = self.journal.iter();
                    let entries = entries.filter(|(_, entry)| entry.home == home);
                    let expected = entries.fold(own.cast_signed(), |sum, ((from, _), entry)| {
                        let Transfer {
                            amount,
                            sender,
                            recipient,
                            ..
                        } = entry.transfer;
                        let amount = amount.cast_signed();
                        let has_left = *from == side && sender == user.address && entry.has_arrived;
                        let has_come =
                            *from != side && recipient == user.address && entry.has_arrived;
                        sum - i64::from(has_left) * amount + i64::from(has_come) * amount
                    });
                    let found = self.world.balance(side, home, &user.address)?;
                    assert_eq!(found.cast_signed(), expected, "home {home} on {side}");
                }
            }
        }
        Ok(())
    }
}

/// One item, by value.
trait Choose<T> {
    fn choose_with(&self, random: &mut ChaCha8Rng) -> Option<T>;
}

impl<T: Clone> Choose<T> for Vec<T> {
    fn choose_with(&self, random: &mut ChaCha8Rng) -> Option<T> {
        match self.is_empty() {
            true => None,
            false => Some(self[random.random_range(0..self.len())].clone()),
        }
    }
}

fn flip(bytes: &mut [u8], random: &mut ChaCha8Rng) {
    let bit = random.random_range(0..bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Runs a number of blocks on each chain, and then settles what is left.
fn run(seed: u64, steps: usize) -> Done {
    let mut chaos = Chaos::new(seed)?;
    for _ in 0..steps {
        // One chain may be ahead of the other.
        let side = chaos.random.random_range(0..2);
        chaos.step(side)?;
    }
    chaos.settle_all()?;
    chaos.check_balances()?;
    let arrived = chaos.journal.values().filter(|entry| entry.has_arrived);
    let (sent, arrived) = (chaos.journal.len(), arrived.count());
    println!(
        "seed {seed}: {sent} sent, {arrived} arrived, {:?}",
        chaos.counts
    );
    assert!(
        arrived > 0 && arrived < sent,
        "some arrive, and some do not"
    );
    Ok(())
}

#[test]
fn the_sums_are_equal_whatever_a_relayer_does() -> Done {
    let is_full = std::env::var_os("LOCKSTEP_FULL").is_some();
    let given = std::env::var("LOCKSTEP_SEED").ok();
    let given: Option<u64> = given.and_then(|text| text.parse().ok());
    let (count, steps) = if is_full { (25, 250) } else { (3, 60) };
    for seed in given.map_or(0..count, |seed| seed..seed + 1) {
        println!("SEED {seed}");
        run(seed, steps)?;
    }
    Ok(())
}
