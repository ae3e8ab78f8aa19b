//! The borsh format, with the `borsh` crate as the judge.

use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_sdk::{data::decode_all, prelude::*};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, option};

/// A value of every kind.
#[derive(BorshDeserialize, BorshSerialize, Clone, Data, Debug, PartialEq)]
struct Every {
    flag: bool,
    small: u8,
    large: u128,
    signed: i64,
    bytes: [u8; 5],
    text: String,
    maybe: Option<u16>,
    list: Vec<Kind>,
    pair: Pair,
}

/// A tuple.
#[derive(BorshDeserialize, BorshSerialize, Clone, Data, Debug, PartialEq)]
struct Pair(u32, Option<i8>);

/// An enum.
#[derive(BorshDeserialize, BorshSerialize, Clone, Data, Debug, PartialEq)]
enum Kind {
    Empty,
    Tuple(u64, bool),
    Named { text: String },
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Empty),
        any::<(u64, bool)>().prop_map(|(number, flag)| Kind::Tuple(number, flag)),
        any::<String>().prop_map(|text| Kind::Named { text }),
    ]
}

fn every() -> impl Strategy<Value = Every> {
    let numbers = any::<(bool, u8, u128, i64, [u8; 5])>();
    let others = (
        any::<String>(),
        option::of(any::<u16>()),
        collection::vec(kind(), 0..4),
        any::<(u32, Option<i8>)>(),
    );
    (numbers, others).prop_map(|(numbers, (text, maybe, list, pair))| Every {
        flag: numbers.0,
        small: numbers.1,
        large: numbers.2,
        signed: numbers.3,
        bytes: numbers.4,
        text,
        maybe,
        list,
        pair: Pair(pair.0, pair.1),
    })
}

proptest! {
    #[test]
    fn values_are_encoded_as_borsh_does(value in every()) {
        let bytes = encode(&value);
        assert_eq!(bytes, borsh::to_vec(&value).expect("the value can be encoded"));
        assert_eq!(decode_all::<Every>(&bytes), Some(value));
        // A part of an encoding is none, and something more is left over.
        for size in 0..bytes.len() {
            assert_eq!(decode_all::<Every>(&bytes[..size]), None);
        }
    }

    #[test]
    fn bytes_are_refused_where_borsh_refuses_them(bytes in collection::vec(any::<u8>(), 0..64)) {
        let expected = borsh::from_slice::<Every>(&bytes).ok();
        assert_eq!(decode_all::<Every>(&bytes), expected);
        let expected = borsh::from_slice::<Vec<Kind>>(&bytes).ok();
        assert_eq!(decode_all::<Vec<Kind>>(&bytes), expected);
    }
}

#[test]
fn sizes_are_the_longest_encodings() {
    assert_eq!(Pair::SIZE_MAX, Some(4 + 2));
    assert_eq!(Kind::SIZE_MAX, None);
    assert_eq!(<[Option<u64>; 3]>::SIZE_MAX, Some(27));
    assert_eq!(Address::SIZE_MAX, Some(32));
}

#[test]
fn a_count_without_items_is_refused_early() {
    assert_eq!(decode_all::<Vec<[u8; 0]>>(&[0xff; 4]), None);
    assert_eq!(decode_all::<Vec<u64>>(&[0xff; 4]), None);
}
