//! Headers have a fixed size, one encoding, and ids that depend on every field.

use lockstep_interface::Hash;
use lockstep_runtime::block::{BlockDecodeError, BlockHeader};
use proptest::prelude::{any, prop_assert_eq, proptest};

use super::generate;

/// Where the flag of the state root stands.
const FLAG: usize = 149;

proptest! {
    #[test]
    fn a_header_comes_back(seed in any::<u64>(), count in any::<u32>()) {
        let header = generate::header(&mut generate::rng(seed), count as usize);
        prop_assert_eq!(BlockHeader::decode(&header.encode()), Ok(header));
    }
}

#[test]
fn every_byte_but_the_fixed_ones_counts_for_the_id() {
    let header = BlockHeader {
        state_root: Some(Hash::new_from_array([9; 32])),
        ..generate::header(&mut generate::rng(1), 5)
    };
    let bytes = header.encode();
    let mut ids = vec![header.id()];
    for place in 0..BlockHeader::SIZE {
        let mut other = bytes;
        other[place] ^= 0x80;
        match BlockHeader::decode(&other) {
            Ok(other) => ids.push(other.id()),
            Err(_) => assert!([0, FLAG].contains(&place), "{place}"),
        }
    }
    assert_eq!(ids.len(), BlockHeader::SIZE - 1);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), BlockHeader::SIZE - 1);
}

#[test]
fn a_state_root_that_is_not_there_is_zero() {
    let header = BlockHeader {
        state_root: None,
        ..generate::header(&mut generate::rng(2), 5)
    };
    let zero = BlockHeader {
        state_root: Some(Hash::default()),
        ..header
    };
    let bytes = header.encode();
    assert_ne!(bytes, zero.encode());
    assert_ne!(header.id(), zero.id());
    for place in FLAG + 1..FLAG + 33 {
        let mut other = bytes;
        other[place] = 3;
        let expected = BlockDecodeError::Unexpected {
            field: "state root",
            offset: place,
            expected: 0,
            found: 3,
        };
        assert_eq!(BlockHeader::decode(&other), Err(expected));
    }
}

#[test]
fn what_is_no_header_is_refused_by_name() {
    let bytes = generate::header(&mut generate::rng(3), 5).encode();
    let check = |bytes: &[u8], message: &str| {
        let error = BlockHeader::decode(bytes).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    check(&[], "header version at 0 needs 1 bytes, 0 are left");
    check(&[2], "header version at 0 is 2, expected 1");
    check(&bytes[..40], "slot at 33 needs 8 bytes, 7 are left");
    check(
        &[&bytes[..], &[0, 0]].concat(),
        "2 bytes follow the end at 214",
    );
    let mut flag = bytes;
    flag[FLAG] = 2;
    check(&flag, "state root flag at 149 is 2, expected at most 1");
}
