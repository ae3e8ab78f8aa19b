//! Two chains and a token bridge in one process: tokens go there and back, a message comes twice, a
//! certificate is forged, a transfer expires.
//!
//! ```text
//! cargo run --release --example bridge
//! ```
//! Each chain has members of its own, whose signatures the other one checks by a light client. The
//! relayer carries proofs between them.
#![allow(
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "an example shows what it does and how long it took, and counts small numbers"
)]

mod network;
mod world;

use std::time::Instant;

use lockstep_messages::bridge::Order;

use network::{Done, quorum};
use world::{Half, Side, TOKENS, World, other};

/// Slots of an epoch, so that members change while the example runs.
const EPOCH_SLOTS: u64 = 40;
/// Slots until a transfer expires.
const WAIT: u64 = 20;
const TRANSFERS: u64 = 10;

/// Sends tokens of a home, and gives the number of the message.
fn send(world: &mut World, (from, home): (Side, Side), user: usize, amount: u64) -> Done<u64> {
    world.update(from)?;
    let number = world.sent(from)?;
    let sender = world.users[user].address;
    let order = Order {
        amount,
        recipient: sender,
        deadline: world.halves[other(from)].network.slot + WAIT,
    };
    let call = world.send((from, home), sender, number, order);
    let World { halves, users, .. } = world;
    halves[from].network.run(&users[user], &[call])?;
    Ok(number)
}

/// Brings a message to the other chain.
fn deliver(world: &mut World, from: Side, number: u64) -> Done {
    let to = other(from);
    world.update(to)?;
    let message = world.message(from, number)?.ok_or("it was sent")?;
    let proof = world.message_proof(from, number)?;
    let World {
        halves, relayer, ..
    } = world;
    let Half { network, end, .. } = &mut halves[to];
    let calls = end.deliver(relayer.address, (number, &message.1), &proof);
    network.run(relayer, &calls)
}

/// Brings the outcome of a message back.
fn settle(world: &mut World, from: Side, number: u64) -> Done {
    let to = other(from);
    world.update(from)?;
    let (message, transfer) = world.message(from, number)?.ok_or("it was sent")?;
    let is_accepted = world.mark(to, number)?.is_some();
    let proof = world.mark_proof(to, number)?;
    let World {
        halves, relayer, ..
    } = world;
    let Half { network, end, .. } = &mut halves[from];
    let calls = end.settle((&message, &transfer), &proof, is_accepted);
    network.run(relayer, &calls)
}

/// What is wrong is refused: a message that came before, and a header that no quorum has signed.
fn attack(world: &mut World, number: u64) -> Done {
    assert!(deliver(world, 0, number).is_err(), "a message comes once");
    let network = &world.halves[0].network;
    let members = network.members();
    let few = network.forged_head(members, quorum(members.len()) - 1)?;
    let World {
        halves, relayer, ..
    } = world;
    let Half { network, end, .. } = &mut halves[1];
    let taken = network.run(relayer, &[end.take(&few)]);
    assert!(taken.is_err(), "a quorum has to sign");
    println!("a replayed message and a forged certificate: refused");
    Ok(())
}

fn main() -> Done {
    let start = Instant::now();
    let mut world = World::open(2, EPOCH_SLOTS)?;
    for amount in 1..=TRANSFERS {
        let number = send(&mut world, (0, 0), 0, amount)?;
        deliver(&mut world, 0, number)?;
        if amount == 1 {
            attack(&mut world, number)?;
        }
        settle(&mut world, 0, number)?;
    }
    println!(
        "{TRANSFERS} transfers: vault and wrapped supply {:?}",
        world.sums(0)?
    );

    let number = send(&mut world, (1, 0), 0, TRANSFERS)?;
    deliver(&mut world, 1, number)?;
    settle(&mut world, 1, number)?;
    println!("back home: vault and wrapped supply {:?}", world.sums(0)?);

    let before = world.sums(0)?;
    let number = send(&mut world, (0, 0), 1, 500)?;
    let passed = world.halves[1].network.slot + WAIT;
    world.network(1).pass(passed)?;
    assert!(deliver(&mut world, 0, number).is_err(), "it is too late");
    settle(&mut world, 0, number)?;
    assert_eq!(world.sums(0)?, before);
    let user = world.users[1].address;
    assert_eq!(world.balance(0, 0, &user)?, TOKENS);
    println!("a transfer that expired: returned");
    let epochs = [0, 1].map(|side| {
        let network = &world.halves[side].network;
        network.epoch_of(network.slot)
    });
    println!("epochs {epochs:?}, {} ms", start.elapsed().as_millis());
    Ok(())
}
