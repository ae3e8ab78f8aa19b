//! What each program refuses, one rule at a time: wallets send messages over ordered and unordered
//! channels, and what is asked for too early, too late, twice or for another chain fails.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test counts small numbers, and shows what it measured"
)]

#[path = "../../../runtime/examples/bridge/network.rs"]
mod network;
#[path = "../../../runtime/examples/bridge/world.rs"]
mod world;

use lockstep_interface::{Address, Instruction, InstructionError, TransactionError};
use lockstep_messages::{
    bridge::{BridgeError, Order, Transfer},
    inbox::{self, ACCEPTED, InboxError, Incoming, Mark, REFUSED},
    light_client::{self, Client, ClientError, HEADERS_MAX, Trust},
    outbox::{self, Message, OutboxError},
    relay::Proof,
};
use lockstep_programs::{system, token::instruction as tokens};
use lockstep_sdk::token::associated_address;

use network::{Done, Network, Wallet, member_keys, quorum};
use world::{TOKENS, World};

const EPOCH_SLOTS: u64 = 1_000;
/// Slots until a message expires.
const WAIT: u64 = 10;
/// The error of a program's account that is there already.
const IN_USE: InstructionError = InstructionError::AccountAlreadyInitialized;

/// A channel of a wallet on chain 0 to a wallet on chain 1.
struct Line {
    world: World,
    sender: Wallet,
    receiver: Wallet,
    outgoing: Address,
    incoming: Address,
    is_ordered: bool,
}

impl Line {
    fn open(is_ordered: bool) -> Done<Self> {
        let world = World::open(2, EPOCH_SLOTS)?;
        let (sender, receiver) = (Wallet::new(1), Wallet::new(2));
        let outgoing = outbox::Open::channel_address(&sender.address, 7).0;
        let incoming = inbox::Open::channel_address(&receiver.address, 8).0;
        let mut line = Self {
            world,
            sender,
            receiver,
            outgoing,
            incoming,
            is_ordered,
        };
        let open = outbox::OpenAddresses {
            sender: line.sender.address,
            payer: line.sender.address,
            client: line.world.halves[0].end.client,
        };
        let open = outbox::call::open(&open, 7, incoming, is_ordered);
        line.world.halves[0].network.run(&line.sender, &[open])?;
        let home = line.world.halves[1].network.genesis;
        line.open_incoming(8, home)?;
        Ok(line)
    }

    fn open_incoming(&mut self, number: u64, home: [u8; 32]) -> Done {
        let open = inbox::OpenAddresses {
            receiver: self.receiver.address,
            payer: self.receiver.address,
            client: self.world.halves[1].end.client,
        };
        let open = inbox::call::open(&open, number, home, self.outgoing, self.is_ordered);
        self.world.halves[1].network.run(&self.receiver, &[open])
    }

    fn send_call(&self, number: u64, deadline: u64, payload: &[u8]) -> Instruction {
        let send = outbox::SendAddresses {
            sender: self.sender.address,
            payer: self.sender.address,
            channel: self.outgoing,
            client: self.world.halves[0].end.client,
        };
        outbox::call::send(&send, number, deadline, payload.to_vec())
    }

    /// Sends a message, which expires after some slots of the other chain. Gives its deadline.
    fn send(&mut self, number: u64) -> Done<u64> {
        self.world.update(0)?;
        let deadline = self.world.halves[1].network.slot + WAIT;
        let call = self.send_call(number, deadline, b"hello");
        self.world.halves[0].network.run(&self.sender, &[call])?;
        Ok(deadline)
    }

    fn message_address(&self, number: u64) -> Address {
        outbox::Send::message_address(&self.outgoing, number).0
    }

    fn mark_address(&self, number: u64) -> Address {
        inbox::Accept::mark_address(&self.incoming, number).0
    }

    /// The proof of a message, or of a mark, as it is now.
    fn proof(&self, of: Of) -> Done<Proof> {
        let (side, address) = match of {
            Of::Message(number) => (0, self.message_address(number)),
            Of::Mark(number) => (1, self.mark_address(number)),
            Of::Channel => (1, self.incoming),
        };
        self.world.halves[side].network.proof(&address)
    }

    fn accept_call(&self, number: u64, outcome: u8, proof: &Proof) -> Vec<Instruction> {
        let (receiver, client) = (self.receiver.address, self.world.halves[1].end.client);
        let (payer, channel) = (receiver, self.incoming);
        let accept = match self.is_ordered {
            true => {
                let accept = inbox::AcceptNextAddresses {
                    receiver,
                    payer,
                    channel,
                    client,
                };
                inbox::call::accept_next(&accept, number, outcome, proof.evidence())
            }
            false => {
                let accept = inbox::AcceptAddresses {
                    receiver,
                    payer,
                    channel,
                    client,
                };
                inbox::call::accept(&accept, number, outcome, proof.evidence())
            }
        };
        vec![self.world.halves[1].end.take(&proof.head), accept]
    }

    fn accept(&mut self, number: u64, outcome: u8) -> Done<Outcome> {
        let proof = self.proof(Of::Message(number))?;
        let calls = self.accept_call(number, outcome, &proof);
        run(&mut self.world.halves[1].network, &self.receiver, &calls)
    }

    fn settle_with(&mut self, number: u64, proof: &Proof) -> Done<Outcome> {
        let settle = outbox::SettleAddresses {
            sender: self.sender.address,
            channel: self.outgoing,
            client: self.world.halves[0].end.client,
            message: self.message_address(number),
            payer: self.sender.address,
        };
        let settle = outbox::call::settle(&settle, proof.evidence());
        let calls = [self.world.halves[0].end.take(&proof.head), settle];
        run(&mut self.world.halves[0].network, &self.sender, &calls)
    }

    fn settle(&mut self, number: u64) -> Done<Outcome> {
        let proof = self.proof(Of::Mark(number))?;
        self.settle_with(number, &proof)
    }

    fn skip(&mut self, number: u64) -> Done<Outcome> {
        let proof = self.proof(Of::Message(number))?;
        let skip = inbox::SkipAddresses {
            channel: self.incoming,
            client: self.world.halves[1].end.client,
        };
        let skip = inbox::call::skip(&skip, proof.evidence());
        let calls = [self.world.halves[1].end.take(&proof.head), skip];
        run(&mut self.world.halves[1].network, &self.receiver, &calls)
    }

    fn sweep(&mut self, number: u64) -> Done<Outcome> {
        let proof = self.proof(Of::Channel)?;
        let sweep = outbox::SweepAddresses {
            channel: self.outgoing,
            client: self.world.halves[0].end.client,
            message: self.message_address(number),
            payer: self.sender.address,
        };
        let sweep = outbox::call::sweep(&sweep, proof.evidence());
        let calls = [self.world.halves[0].end.take(&proof.head), sweep];
        run(&mut self.world.halves[0].network, &self.sender, &calls)
    }

    fn forget(&mut self, number: u64, proof: &Proof) -> Done<Outcome> {
        let forget = inbox::ForgetAddresses {
            channel: self.incoming,
            client: self.world.halves[1].end.client,
            mark: self.mark_address(number),
            payer: self.receiver.address,
        };
        let forget = inbox::call::forget(&forget, proof.evidence());
        let calls = [self.world.halves[1].end.take(&proof.head), forget];
        run(&mut self.world.halves[1].network, &self.receiver, &calls)
    }

    fn message(&self, number: u64) -> Done<Option<Message>> {
        let address = self.message_address(number);
        self.world.halves[0].network.state(&address)
    }

    fn mark(&self, number: u64) -> Done<Option<Mark>> {
        let address = self.mark_address(number);
        self.world.halves[1].network.state(&address)
    }

    fn pass(&mut self, slot: u64) -> Done {
        self.world.network(1).pass(slot)
    }
}

/// What a proof is of.
#[derive(Clone, Copy)]
enum Of {
    Message(u64),
    Mark(u64),
    Channel,
}

type Outcome = Result<(), TransactionError>;

/// A block of one transaction, and what became of it.
fn run(network: &mut Network, wallet: &Wallet, calls: &[Instruction]) -> Done<Outcome> {
    let transaction = wallet.sign(network.blockhash(), calls)?;
    let statuses = network.produce(&[transaction])?;
    Ok(statuses.into_iter().next().ok_or("it is in the block")?)
}

#[track_caller]
fn fails(outcome: Outcome, index: u8, error: impl Into<InstructionError>) {
    let expected = TransactionError::InstructionError(index, error.into());
    assert_eq!(outcome, Err(expected));
}

#[test]
fn a_message_is_accepted_once_and_settled_once() -> Done {
    let mut line = Line::open(false)?;
    let deadline = line.send(0)?;
    fails(line.accept(0, 3)?, 1, InboxError::BadOutcome);
    line.accept(0, ACCEPTED)??;
    fails(line.accept(0, ACCEPTED)?, 1, IN_USE);
    let mark = line.mark(0)?.ok_or("it is marked")?;
    assert_eq!((mark.outcome, mark.deadline.get()), (ACCEPTED, deadline));
    let proof = line.proof(Of::Mark(0))?;
    line.settle_with(0, &proof)??;
    assert!(line.message(0)?.is_none());
    let again = line.settle_with(0, &proof)?;
    fails(again, 1, InstructionError::UninitializedAccount);
    // Messages go on, in any order.
    for number in [1, 2] {
        line.send(number)?;
    }
    line.accept(2, REFUSED)??;
    line.accept(1, ACCEPTED)??;
    for number in [1, 2] {
        line.settle(number)??;
    }
    Ok(())
}

#[test]
fn a_message_arrives_in_time_or_expires_and_never_both() -> Done {
    let mut line = Line::open(false)?;
    let deadline = line.send(0)?;
    // Without a mark, and too early.
    fails(line.settle(0)?, 1, OutboxError::TimeLeft);
    line.pass(deadline - 2)?;
    let early = line.proof(Of::Mark(0))?;
    assert_eq!(early.slot, deadline - 2);
    fails(line.settle_with(0, &early)?, 1, OutboxError::TimeLeft);
    // The last slot before and that of the deadline itself.
    line.pass(deadline - 1)?;
    line.accept(0, ACCEPTED)??;
    assert_eq!(line.world.halves[1].network.slot, deadline + 1);
    fails(line.settle_with(0, &early)?, 1, OutboxError::TimeLeft);
    line.settle(0)??;

    let deadline = line.send(1)?;
    line.pass(deadline)?;
    fails(line.accept(1, ACCEPTED)?, 1, InboxError::Late);
    line.settle(1)??;
    assert!(line.message(1)?.is_none());
    Ok(())
}

#[test]
fn an_ordered_channel_takes_messages_in_order_and_skips_what_is_late() -> Done {
    let mut line = Line::open(true)?;
    for number in [0, 1, 2] {
        line.send(number)?;
    }
    fails(line.accept(1, ACCEPTED)?, 1, InboxError::NotNext);
    line.accept(0, ACCEPTED)??;
    fails(line.skip(1)?, 1, InboxError::Needed);
    let deadline = line.message(2)?.ok_or("it is there")?.deadline;
    line.pass(deadline)?;
    fails(line.accept(1, ACCEPTED)?, 1, InboxError::Late);
    // It stays until the other chain has passed it.
    line.settle(1)??;
    assert!(line.message(1)?.is_some_and(|message| message.is_expired));
    fails(line.settle(1)?, 1, OutboxError::Settled);
    fails(line.sweep(1)?, 1, OutboxError::NotPassed);
    line.skip(1)??;
    line.sweep(1)??;
    assert!(line.message(1)?.is_none());
    line.skip(2)??;
    line.settle(2)??;
    line.sweep(2)??;
    line.send(3)?;
    line.accept(3, ACCEPTED)??;
    let channel: Option<Incoming> = line.world.halves[1].network.state(&line.incoming)?;
    assert_eq!(channel.map(|channel| channel.next.get()), Some(4));
    // A message that was accepted is settled as such.
    fails(line.sweep(3)?, 1, OutboxError::NotPassed);
    line.settle(3)??;
    Ok(())
}

#[test]
fn a_mark_is_forgotten_when_neither_chain_can_need_it() -> Done {
    let mut line = Line::open(false)?;
    // Before the message was sent: it is not there either.
    let before = line.proof(Of::Message(0))?;
    let deadline = line.send(0)?;
    line.accept(0, ACCEPTED)??;
    let sent = line.proof(Of::Message(0))?;
    fails(line.forget(0, &before)?, 1, InboxError::Needed);
    line.pass(deadline)?;
    fails(line.forget(0, &before)?, 1, InboxError::Needed);
    fails(line.forget(0, &sent)?, 1, InboxError::Needed);
    line.settle(0)??;
    let gone = line.proof(Of::Message(0))?;
    line.forget(0, &gone)??;
    assert!(line.mark(0)?.is_none());
    // An old proof that it was there is of no use any more.
    let calls = line.accept_call(0, ACCEPTED, &sent);
    let again = run(&mut line.world.halves[1].network, &line.receiver, &calls)?;
    fails(again, 1, InboxError::Late);
    // With the deadline ahead, a settled message keeps its mark.
    line.send(1)?;
    line.accept(1, ACCEPTED)??;
    line.settle(1)??;
    let gone = line.proof(Of::Message(1))?;
    fails(line.forget(1, &gone)?, 1, InboxError::Needed);
    Ok(())
}

#[test]
fn a_message_is_for_one_channel_of_one_chain() -> Done {
    let mut line = Line::open(false)?;
    line.send(0)?;
    // Another channel that names the same peer, and one of a chain with another genesis.
    let genesis = line.world.halves[1].network.genesis;
    for (number, home) in [(9, genesis), (10, [5; 32])] {
        line.open_incoming(number, home)?;
        line.incoming = inbox::Open::channel_address(&line.receiver.address, number).0;
        fails(line.accept(0, ACCEPTED)?, 1, InboxError::NotForHere);
    }
    line.incoming = inbox::Open::channel_address(&line.receiver.address, 8).0;
    // A message that was never sent, and the proof of another one.
    fails(line.accept(5, ACCEPTED)?, 1, InboxError::NoMessage);
    let proof = line.proof(Of::Message(0))?;
    let calls = line.accept_call(5, ACCEPTED, &proof);
    let network = &mut line.world.halves[1].network;
    fails(
        run(network, &line.receiver, &calls)?,
        1,
        ClientError::BadProof,
    );
    // The sender signs, and the receiver.
    let mut call = line.send_call(1, 200, b"");
    call.accounts[0].address = line.receiver.address;
    let network = &mut line.world.halves[0].network;
    let wrong = InstructionError::IncorrectAuthority;
    call.accounts[1].address = line.receiver.address;
    fails(run(network, &line.receiver, &[call])?, 0, wrong.clone());
    let mut calls = line.accept_call(0, ACCEPTED, &proof);
    for place in [0, 1] {
        calls[1].accounts[place].address = line.sender.address;
    }
    let network = &mut line.world.halves[1].network;
    fails(run(network, &line.sender, &calls)?, 1, wrong);
    line.accept(0, ACCEPTED)??;
    Ok(())
}

#[test]
fn lamports_at_a_derived_address_neither_forge_nor_hide() -> Done {
    let mut line = Line::open(false)?;
    let deadline = line.send(0)?;
    // A stranger sends lamports to where the mark would be, so that there is an account.
    let stranger = Wallet::new(200);
    let gift = system::instruction::transfer(&stranger.address, &line.mark_address(0), 1 << 30);
    line.world.halves[1].network.run(&stranger, &[gift])?;
    line.pass(deadline)?;
    line.settle(0)??;
    // And where a message would be.
    let gift = system::instruction::transfer(&stranger.address, &line.message_address(1), 1 << 30);
    line.world.halves[0].network.run(&stranger, &[gift])?;
    fails(line.accept(1, ACCEPTED)?, 1, InboxError::NoMessage);
    line.send(1)?;
    line.accept(1, ACCEPTED)??;
    line.settle(1)??;
    Ok(())
}

#[test]
fn what_is_sent_keeps_within_limits() -> Done {
    let mut line = Line::open(false)?;
    line.world.update(0)?;
    let newest = line.world.halves[1].network.slot - 1;
    let last = newest + outbox::WAIT_MAX;
    let long = [0; outbox::PAYLOAD_SIZE_MAX + 1];
    let wrong = [
        (line.send_call(1, newest + 5, b""), OutboxError::NotNext),
        (line.send_call(0, newest, b""), OutboxError::BadDeadline),
        (line.send_call(0, last + 1, b""), OutboxError::BadDeadline),
        (line.send_call(0, newest + 5, &long), OutboxError::TooLong),
    ];
    for (call, error) in wrong {
        let outcome = run(&mut line.world.halves[0].network, &line.sender, &[call])?;
        fails(outcome, 0, error);
    }
    for (number, payload) in [(0, &long[1..]), (1, &[][..])] {
        let call = line.send_call(number, last, payload);
        run(&mut line.world.halves[0].network, &line.sender, &[call])??;
        line.accept(number, ACCEPTED)??;
    }
    Ok(())
}

#[test]
fn a_client_follows_members_and_keeps_the_newest_headers() -> Done {
    let mut world = World::open(1, 8)?;
    // Members change at the end of an epoch; the client goes on, and old certificates are refused.
    let old = world.halves[0].network.proof(&world.halves[0].end.bridge)?;
    for _ in 0..40 {
        world.network(0).produce(&[])?;
    }
    let relayer = Wallet::new(200);
    let newer = world.halves[0].network.proof(&world.halves[0].end.bridge)?;
    let take = world.halves[1].end.take(&newer.head);
    let refused = run(&mut world.halves[1].network, &relayer, &[take])?;
    fails(refused, 0, ClientError::BadCertificate);
    world.update(1)?;
    let address = world.halves[1].end.client;
    let client: Client = world.halves[1]
        .network
        .state(&address)?
        .ok_or("it is open")?;
    assert_eq!(client.epoch, world.halves[0].network.epoch_of(newer.slot));
    assert_eq!(client.newest, newer.slot);
    let take = world.halves[1].end.take(&old.head);
    let refused = run(&mut world.halves[1].network, &relayer, &[take])?;
    fails(refused, 0, ClientError::BadCertificate);
    let mut long = newer.head.clone();
    long.push(0);
    let take = world.halves[1].end.take(&long);
    fails(
        run(&mut world.halves[1].network, &relayer, &[take])?,
        0,
        ClientError::TooLong,
    );
    // The same again changes nothing; the oldest header goes when there are too many.
    world.update(1)?;
    for _ in 0..HEADERS_MAX + 3 {
        world.network(0).produce(&[])?;
        world.update(1)?;
    }
    let client: Client = world.halves[1]
        .network
        .state(&address)?
        .ok_or("it is open")?;
    assert_eq!(client.headers.len(), HEADERS_MAX);
    assert!(client.header(newer.slot).is_err());
    assert!(client.header(client.newest).is_ok());
    Ok(())
}

#[test]
fn two_certified_blocks_of_one_slot_freeze_a_client() -> Done {
    let mut line = Line::open(false)?;
    line.send(0)?;
    let proof = line.proof(Of::Message(0))?;
    let network = &line.world.halves[0].network;
    let members = network.members();
    let few = network.forged_head(members, quorum(members.len()) - 1)?;
    let strangers = network.forged_head(&member_keys(60..64), 4)?;
    let second = network.forged_head(members, 4)?;
    let mut heads = vec![proof.head.clone()];
    heads.extend([few, strangers]);
    let relayer = Wallet::new(200);
    for (place, head) in heads.into_iter().enumerate() {
        let take = line.world.halves[1].end.take(&head);
        let outcome = run(&mut line.world.halves[1].network, &relayer, &[take])?;
        match place {
            0 => outcome?,
            _ => fails(outcome, 0, ClientError::BadCertificate),
        }
    }
    let take = line.world.halves[1].end.take(&second);
    run(&mut line.world.halves[1].network, &relayer, &[take])??;
    let client: Option<Client> = {
        let half = &line.world.halves[1];
        half.network.state(&half.end.client)?
    };
    assert!(client.is_some_and(|client| client.is_frozen));
    fails(line.accept(0, ACCEPTED)?, 0, ClientError::Frozen);
    let calls = line.accept_call(0, ACCEPTED, &proof);
    let network = &mut line.world.halves[1].network;
    let outcome = run(network, &line.receiver, &calls[1..])?;
    fails(outcome, 0, ClientError::Frozen);
    Ok(())
}

#[test]
fn a_long_proof_is_uploaded_in_pieces() -> Done {
    let mut world = World::open(1, 8)?;
    for _ in 0..8 {
        world.network(0).produce(&[])?;
    }
    let relayer = Wallet::new(200);
    let payer = relayer.address;
    let proof = world.halves[0].network.handovers[&0].clone();
    let upload = light_client::UploadAddresses { payer };
    let piece = |offset: usize, end: usize| {
        light_client::call::upload(&upload, 4, offset as u32, proof[offset..end].to_vec())
    };
    let network = &mut world.halves[1].network;
    let half = proof.len() / 2;
    run(network, &relayer, &[piece(0, half)])??;
    // A piece again, and one that leaves a gap.
    run(network, &relayer, &[piece(0, half)])??;
    let gap = run(network, &relayer, &[piece(half + 1, proof.len())])?;
    fails(gap, 0, ClientError::BadPiece);
    let client = world.halves[1].end.client;
    let uploaded = light_client::UploadedAddresses { payer, client };
    let advance = light_client::call::advance_uploaded(&uploaded, 4);
    let early = run(network, &relayer, std::slice::from_ref(&advance))?;
    fails(early, 0, ClientError::BadCertificate);
    run(network, &relayer, &[piece(half, proof.len())])??;
    run(network, &relayer, &[advance])??;
    let state: Option<Client> = network.state(&client)?;
    assert_eq!(state.map(|state| state.epoch), Some(1));
    // The buffer is gone, a head goes the same way, and what is not needed is discarded.
    let head = world.halves[0].network.proof(&client)?.head;
    let network = &mut world.halves[1].network;
    let discard = light_client::DiscardAddresses { payer };
    let calls = [
        light_client::call::upload(&upload, 4, 0, head),
        light_client::call::update_uploaded(&uploaded, 4),
        light_client::call::upload(&upload, 5, 0, vec![1; 900]),
        light_client::call::discard(&discard, 5),
    ];
    run(network, &relayer, &calls)??;
    for number in [4, 5] {
        let (buffer, _) = light_client::Upload::buffer_address(&payer, number);
        assert!(network.state::<light_client::Buffer>(&buffer)?.is_none());
    }
    Ok(())
}

#[test]
fn a_client_is_opened_with_what_its_address_says() -> Done {
    let mut world = World::open(1, EPOCH_SLOTS)?;
    let relayer = Wallet::new(200);
    let trust = |members: Vec<[u8; 32]>, epoch_slots| Trust {
        genesis: [3; 32],
        epoch_slots,
        members,
    };
    let open = light_client::OpenAddresses {
        payer: relayer.address,
    };
    let network = &mut world.halves[0].network;
    let many: Vec<[u8; 32]> = (0..100).map(|number| [number; 32]).collect();
    let wrong = [
        trust(vec![], 5),
        trust(vec![[2; 32], [1; 32]], 5),
        trust(vec![[1; 32], [1; 32]], 5),
        trust(vec![[1; 32]], 0),
    ];
    for wrong in wrong {
        let call = light_client::call::open(&open, wrong.digest(), wrong);
        fails(run(network, &relayer, &[call])?, 0, ClientError::BadTrust);
    }
    let right = trust(many, 5);
    let other = light_client::call::open(&open, [9; 32], right.clone());
    fails(run(network, &relayer, &[other])?, 0, ClientError::BadTrust);
    let call = light_client::call::open(&open, right.digest(), right.clone());
    run(network, &relayer, &[call])??;
    let client: Option<Client> = network.state(&right.address())?;
    assert_eq!(client.map(|client| client.members), Some(right.members));
    Ok(())
}

/// Sends tokens of home 0 away from it.
fn lock(world: &mut World, amount: u64, recipient: Address) -> Done<(Message, Transfer)> {
    world.update(0)?;
    let number = world.sent(0)?;
    let order = Order {
        amount,
        recipient,
        deadline: world.halves[1].network.slot + WAIT,
    };
    let sender = Wallet::new(1);
    let call = world.send((0, 0), sender.address, number, order);
    run(&mut world.halves[0].network, &sender, &[call])??;
    Ok(world.message(0, number)?.ok_or("it was sent")?)
}

#[test]
fn a_bridge_pays_what_the_message_says() -> Done {
    let mut world = World::open(2, EPOCH_SLOTS)?;
    let (relayer, receiver) = (Wallet::new(200), Wallet::new(2));
    let sent = lock(&mut world, 500, receiver.address)?;
    let proof = world.message_proof(0, 0)?;
    // Another recipient, other decimals, another mint, another kind.
    for change in 0..4 {
        let mut wrong = sent.clone();
        match change {
            0 => wrong.1.recipient = relayer.address,
            1 => wrong.1.decimals += 1,
            2 => wrong.1.home = world.halves[1].mint,
            _ => {
                wrong.1.done = lockstep_messages::bridge::Done::Burned;
                wrong.1.home = world.halves[1].mint;
            }
        }
        let calls = deliver(&world, &wrong, &proof);
        let outcome = run(&mut world.halves[1].network, &relayer, &calls)?;
        assert!(outcome.is_err(), "change {change}");
        if change < 3 {
            fails(outcome, 1, BridgeError::OtherTransfer);
        }
    }
    // A refusal is the recipient's alone.
    let mut wrong = sent.clone();
    wrong.1.recipient = relayer.address;
    let calls = world.halves[1]
        .end
        .refuse((wrong.0.number, &wrong.1), &proof);
    let outcome = run(&mut world.halves[1].network, &relayer, &calls)?;
    fails(outcome, 1, BridgeError::OtherTransfer);
    let calls = deliver(&world, &sent, &proof);
    run(&mut world.halves[1].network, &relayer, &calls)??;
    assert_eq!(world.balance(1, 0, &receiver.address)?, 500);
    // What arrived is confirmed, and never returned.
    let mark = world.mark_proof(1, 0)?;
    for (is_accepted, expected) in [(false, Some(BridgeError::OtherOutcome)), (true, None)] {
        let calls = world.halves[0]
            .end
            .settle((&sent.0, &sent.1), &mark, is_accepted);
        let outcome = run(&mut world.halves[0].network, &relayer, &calls)?;
        match expected {
            Some(error) => fails(outcome, 1, error),
            None => outcome?,
        }
    }
    assert_eq!(world.sums(0)?, [500, 500]);
    Ok(())
}

#[test]
fn what_is_refused_or_cannot_be_paid_returns() -> Done {
    let mut world = World::open(2, EPOCH_SLOTS)?;
    let (relayer, sender, receiver) = (Wallet::new(200), Wallet::new(1), Wallet::new(2));
    let sent = lock(&mut world, 300, receiver.address)?;
    let proof = world.message_proof(0, 0)?;
    let calls = world.halves[1].end.refuse((sent.0.number, &sent.1), &proof);
    run(&mut world.halves[1].network, &receiver, &calls)??;
    let calls = deliver(&world, &sent, &proof);
    let late = run(&mut world.halves[1].network, &relayer, &calls)?;
    fails(late, 1, IN_USE);
    let mark = world.mark_proof(1, 0)?;
    let calls = world.halves[0].end.settle((&sent.0, &sent.1), &mark, true);
    let wrong = run(&mut world.halves[0].network, &relayer, &calls)?;
    fails(wrong, 1, BridgeError::OtherOutcome);
    // To an account of another owner it does not return.
    let mut calls = world.halves[0].end.settle((&sent.0, &sent.1), &mark, false);
    let own = associated_address(&sender.address, &world.halves[0].mint);
    let foreign = associated_address(&receiver.address, &world.halves[0].mint);
    for meta in &mut calls[1].accounts {
        if meta.address == own {
            meta.address = foreign;
        }
    }
    let wrong = run(&mut world.halves[0].network, &relayer, &calls)?;
    fails(wrong, 1, BridgeError::OtherTransfer);
    let calls = world.halves[0].end.settle((&sent.0, &sent.1), &mark, false);
    run(&mut world.halves[0].network, &relayer, &calls)??;
    assert_eq!(world.balance(0, 0, &sender.address)?, TOKENS);
    assert_eq!(world.sums(0)?, [0, 0]);

    // A recipient's associated account that belongs to another owner: it expires, and returns.
    let sent = lock(&mut world, 300, receiver.address)?;
    bring(&mut world, &sent)?;
    let purse = associated_address(&receiver.address, &world.mint_on(1, 0));
    let give = tokens::TokenInstruction::SetAuthority {
        kind: tokens::AuthorityKind::AccountOwner,
        authority: Some(relayer.address),
    };
    let give = give.call(vec![
        lockstep_interface::AccountMeta::writable(purse, false),
        lockstep_interface::AccountMeta::readonly(receiver.address, true),
    ]);
    run(&mut world.halves[1].network, &receiver, &[give])??;
    let sent = lock(&mut world, 200, receiver.address)?;
    let proof = world.message_proof(0, 2)?;
    let calls = deliver(&world, &sent, &proof);
    let taken = run(&mut world.halves[1].network, &relayer, &calls)?;
    fails(taken, 1, InstructionError::IncorrectAuthority);
    world.network(1).pass(sent.0.deadline)?;
    let none = world.mark_proof(1, 2)?;
    let calls = world.halves[0].end.settle((&sent.0, &sent.1), &none, false);
    run(&mut world.halves[0].network, &relayer, &calls)??;
    assert_eq!(world.balance(0, 0, &sender.address)?, TOKENS - 300);
    assert_eq!(world.sums(0)?, [300, 300]);
    Ok(())
}

/// The calls that bring a message of chain 0 to chain 1.
fn deliver(
    world: &World,
    (message, transfer): &(Message, Transfer),
    proof: &Proof,
) -> Vec<Instruction> {
    let payer = world.relayer.address;
    let end = &world.halves[1].end;
    end.deliver(payer, (message.number, transfer), proof)
}

/// Brings a message of chain 0 to chain 1, and its outcome back.
fn bring(world: &mut World, sent: &(Message, Transfer)) -> Done {
    let relayer = Wallet::new(200);
    let number = sent.0.number;
    let proof = world.message_proof(0, number)?;
    let calls = deliver(world, sent, &proof);
    run(&mut world.halves[1].network, &relayer, &calls)??;
    let mark = world.mark_proof(1, number)?;
    let calls = world.halves[0].end.settle((&sent.0, &sent.1), &mark, true);
    run(&mut world.halves[0].network, &relayer, &calls)??;
    Ok(())
}

#[test]
fn sizes_and_units_of_a_transfer() -> Done {
    let mut world = World::open(2, EPOCH_SLOTS)?;
    let (relayer, receiver) = (Wallet::new(200), Wallet::new(2));
    let sent = lock(&mut world, 300, receiver.address)?;
    let proof = world.message_proof(0, 0)?;
    let calls = deliver(&world, &sent, &proof);
    let network = &world.halves[1].network;
    let bytes = relayer.sign(network.blockhash(), &calls)?;
    let size = bytes.len();
    let built = network.build(network.blockhash(), network.slot, &[bytes])?;
    let receipt = built.receipts.first().ok_or("it is in the block")?;
    receipt.status.clone()?;
    let (head, part) = (proof.head.len(), proof.part.len());
    let units = receipt.compute_units;
    println!("certificate of 4 members {head} bytes, evidence {part}, transaction {size}");
    println!("update and mint: {units} units");
    assert!(size <= 4_096 && units < 200_000);
    Ok(())
}
