//! Processes whose members change: a node that only follows becomes a member by its stake, one that
//! takes its stake back ceases to be one, and a client follows all of it from the genesis.

mod processes;

use std::fs;

use lockstep_node::client::call;
use lockstep_validator::{prove::prove, stake::Operator};
use serde_json::{Value, json};

use processes::{EPOCH_SLOTS, Members, slot, wait};

const WALLET: &str = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS";

/// Epoch and members by which a node's newest block is certified.
fn certified(members: &Members, place: usize) -> Option<(u64, u64)> {
    let network = members.folder.join("network.json");
    let proven = prove(WALLET, &network, &members.urls[place]).ok()?;
    Some((proven["epoch"].as_u64()?, proven["members"].as_u64()?))
}

#[test]
fn a_node_becomes_a_member_by_its_stake_and_ceases_to_be_one() {
    // The fifth is in the files of the others, and not in the network's.
    let mut members = Members::new("epochs", 5, 50);
    let file = members.folder.join("network.json");
    let mut network: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    network["validators"].as_array_mut().unwrap().truncate(4);
    fs::write(&file, network.to_string()).unwrap();
    members.start_all();

    wait("a proof", || {
        certified(&members, 4).filter(|(_, count)| *count == 4)
    });
    let url = members.urls[4].clone();
    let key = members.folder(4).join("key.json");
    let operator = Operator::new(&key, &url).unwrap();
    operator.stake(600_000_000).unwrap();
    let joined = wait("the fifth member", || {
        certified(&members, 4).filter(|(_, count)| *count == 5)
    });
    assert!(joined.0 >= 2, "it counts two epochs later: {joined:?}");
    assert!(operator.registered().unwrap().is_some());

    let first = Operator::new(&members.folder(0).join("key.json"), &url).unwrap();
    first.unstake().unwrap();
    let left = wait("four members", || {
        certified(&members, 4).filter(|(epoch, count)| *epoch > joined.0 && *count == 4)
    });
    // Of four members the network does without one, whichever that is now.
    members.kill(0);
    let before = slot(&url).unwrap();
    let later = before + 2 * EPOCH_SLOTS;
    wait("more epochs", || slot(&url).filter(|slot| *slot > later));
    members.kill(1);
    members.start(0);
    wait("the tip on the one that left", || {
        slot(&members.urls[0]).filter(|slot| *slot > later + EPOCH_SLOTS)
    });
    members.start(1);
    members.expect_one_tip();
    assert!(certified(&members, 1) > Some(left));

    // The proof of an epoch's members is the same on all.
    let passages: Vec<Value> = members
        .urls
        .iter()
        .map(|url| call(url, "getMembersProof", &json!([0])).unwrap())
        .collect();
    assert!(passages.iter().all(Value::is_string));
    assert_eq!(
        call(&url, "getMembersProof", &json!([1u64 << 40])).unwrap(),
        Value::Null
    );
}
