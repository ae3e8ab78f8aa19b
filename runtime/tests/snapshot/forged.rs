//! Snapshots in which every hash of a frame is right, and something else is not.

use lockstep_interface::{Account, Hash};
use lockstep_runtime::chain::{
    ParametersError,
    snapshot::{Fault, ImportError},
};
use lockstep_store::encode_account;

use super::setting::{Frames, export, extend, forge, frames, genesis, import, open, stranger};

/// Head, genesis, four blocks, accounts, end.
fn honest() -> Frames {
    let chain = open(genesis(&[5, 3 << 20, 3 << 20]));
    extend(&chain, 4, 3);
    frames(&export(&chain)).unwrap()
}

/// The fault that is found once frames were changed.
fn fault(frames: &Frames) -> Fault {
    match import(&forge(frames), genesis(&[])) {
        Err(ImportError::Damaged { fault, .. }) => *fault,
        other => panic!("{other:?}"),
    }
}

fn changed(change: impl FnOnce(&mut Frames)) -> Fault {
    let mut frames = honest();
    change(&mut frames);
    fault(&frames)
}

fn account(address: u8, account: &Account) -> Vec<u8> {
    [
        stranger(address).to_bytes().to_vec(),
        encode_account(account),
    ]
    .concat()
}

#[test]
fn frames_are_forged_as_they_are_written() {
    let bytes = {
        let chain = open(genesis(&[5]));
        extend(&chain, 4, 3);
        export(&chain)
    };
    assert!(forge(&frames(&bytes).unwrap()) == bytes);
    assert!(frames(&bytes).unwrap().len() == 8);
}

#[test]
fn another_account_gives_another_root() {
    let is_root = |fault| matches!(fault, Fault::StateRoot { .. });
    // Lamports, owner and data of the first account.
    for place in [32, 40, 80] {
        assert!(
            is_root(changed(|frames| frames[6].1[place] ^= 2)),
            "{place}"
        );
    }
    assert!(is_root(changed(|frames| {
        let last = frames.len() - 2;
        frames[last].1.extend(account(255, &Account::wallet(7)));
        frames[0].1[32] += 1;
    })));
    assert!(is_root(changed(
        |frames| frames.last_mut().unwrap().1[0] ^= 1
    )));
}

#[test]
fn accounts_are_whole_sorted_and_exist() {
    let count = |fault| matches!(fault, Fault::AccountCount { .. });
    assert!(count(changed(|frames| frames[0].1[32] += 1)));
    assert!(count(changed(|frames| drop(frames.remove(6)))));
    let order = |fault| matches!(fault, Fault::AccountOrder(_));
    assert!(order(changed(|frames| frames.swap(6, 7))));
    assert!(order(changed(|frames| frames.insert(6, frames[6].clone()))));
    let missing = changed(|frames| {
        frames[6].1.splice(..0, account(0, &Account::default()));
    });
    assert_eq!(missing, Fault::AccountMissing(stranger(0)));
    let flag = changed(|frames| frames[6].1[72] = 2);
    assert!(matches!(flag, Fault::Account { .. }), "{flag}");
    let cut = changed(|frames| {
        frames[6].1.pop();
    });
    assert!(matches!(cut, Fault::Fields { .. }), "{cut}");
    let nothing = changed(|frames| frames.insert(6, (3, Vec::new())));
    assert_eq!(nothing, Fault::Fields { found: 0 });
}

#[test]
fn blocks_follow_each_other_and_have_their_messages() {
    let headers = |fault| matches!(fault, Fault::BlockId { .. });
    // The genesis, a slot, a parent.
    assert!(headers(changed(|frames| frames[1].1[40] ^= 1)));
    assert!(headers(changed(|frames| frames[3].1[65] ^= 1)));
    assert!(headers(changed(|frames| frames[3].1[33] ^= 1)));
    let parent = |fault| matches!(fault, Fault::Parent { .. });
    assert!(parent(changed(|frames| {
        frames.remove(3);
        frames[0].1[40] -= 1;
    })));
    assert!(parent(changed(|frames| frames.swap(2, 3))));
    let messages = changed(|frames| *frames[3].1.last_mut().unwrap() ^= 1);
    assert_eq!(messages, Fault::TransactionRoot);
    let fewer = changed(|frames| {
        let size = frames[3].1.len();
        frames[3].1.truncate(size - 32);
    });
    let (expected, found) = (3, 2);
    assert_eq!(fewer, Fault::MessageCount { expected, found });
    let newest = changed(|frames| {
        frames.remove(5);
        frames[0].1[40] -= 1;
    });
    assert!(matches!(newest, Fault::Newest(_)), "{newest}");
    let kind = changed(|frames| drop(frames.remove(5)));
    assert_eq!(kind, Fault::Kind { found: 3 });
    let history = changed(|frames| {
        frames.remove(1);
        frames[0].1[40] -= 1;
    });
    assert_eq!(history, Fault::History { found: 4 });
}

#[test]
fn a_head_states_what_can_be() {
    for (count, found) in [([0, 0], 0), ([1, 2], 513)] {
        let fault = changed(|frames| frames[0].1[40..42].copy_from_slice(&count));
        assert_eq!(fault, Fault::BlockCount { found });
    }
    // The rules stand behind version and slot of the parameters.
    let rules = changed(|frames| frames[0].1[48 + 10] = 9);
    let unknown = ParametersError::Rules { found: 9 };
    assert_eq!(rules, Fault::Parameters(unknown));
    let costs = changed(|frames| frames[0].1.push(0));
    assert_eq!(costs, Fault::Costs);
    let short = changed(|frames| frames[0].1.truncate(63));
    assert_eq!(short, Fault::Fields { found: 63 });
    for size in [u32::MAX, 1 << 17] {
        let fault = changed(|frames| frames[0].1[44..48].copy_from_slice(&size.to_le_bytes()));
        assert!(matches!(fault, Fault::Fields { .. }), "{fault}");
    }
}

/// Where the learned costs begin in a head.
fn costs_start(head: &[u8]) -> usize {
    let size = u32::from_le_bytes(head[44..48].try_into().unwrap());
    48 + usize::try_from(size).unwrap()
}

#[test]
fn learned_costs_that_cannot_be_are_refused_and_never_met_later() {
    for (field, value) in [
        (8, u64::MAX),
        (8, 1 << 32),
        (16, 0),
        (16, (1 << 39) + 1),
        (16, u64::MAX),
    ] {
        let fault = changed(|frames| {
            let start = costs_start(&frames[0].1) + field;
            frames[0].1[start..start + 8].copy_from_slice(&value.to_le_bytes());
        });
        assert_eq!(fault, Fault::Costs, "{value} at {field}");
    }
    // The largest that can be lead to no panic.
    let mut frames = honest();
    let start = costs_start(&frames[0].1);
    let largest = [u64::from(u32::MAX), 1 << 39];
    for (place, value) in largest.into_iter().enumerate() {
        let at = start + 8 + 8 * place;
        frames[0].1[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let chain = import(&forge(&frames), genesis(&[])).unwrap();
    extend(&chain, 9, 3);
}

#[test]
fn learned_costs_alone_are_taken_as_they_come() {
    let mut frames = honest();
    // The compute units of the first kind.
    let start = costs_start(&frames[0].1);
    frames[0].1[start + 8] ^= 1;
    let chain = import(&forge(&frames), genesis(&[])).unwrap();
    let tip: [u8; 32] = frames[0].1[..32].try_into().unwrap();
    assert_eq!(chain.head().0, Hash::new_from_array(tip));
}

#[test]
fn a_size_that_cannot_be_is_refused_before_it_is_read() {
    let mut bytes = forge(&honest());
    bytes[16 + 1..16 + 5].copy_from_slice(&u32::MAX.to_le_bytes());
    let Err(ImportError::Damaged { fault, .. }) = import(&bytes, genesis(&[])) else {
        panic!("it was imported");
    };
    let (limit, found) = (128 << 10, u32::MAX);
    assert_eq!(*fault, Fault::Size { limit, found });
    bytes[14] = 4;
    let error = import(&bytes, genesis(&[])).unwrap_err().to_string();
    assert!(
        error.ends_with("version 4, this release reads version 3: use the release that wrote it"),
        "{error}"
    );
}
