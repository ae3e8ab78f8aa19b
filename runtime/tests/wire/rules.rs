//! One refusal for each rule, with the place and the numbers that it names.

use lockstep_runtime::wire::limits::{PACKET_SIZE_MAX, V1_SIZE_MAX};
use lockstep_runtime::wire::{
    CompiledInstruction, Header, Message, ParseError, TableLookup, TransactionConfig,
    TransactionView, Version,
};
use solana_address::Address;

use crate::oracle::{assert_agreement, judge};

/// Two keys, one of them invoked.
///
/// Offsets of the legacy form: 0 signature count, 1 signature, 65 header, 68 key count, 69 keys,
/// 133 blockhash, 165 instruction count, 166 program index, 167 account count, 168 accounts,
/// 170 data size, 171 data, 173 end. v0 has a prefix at 65, so everything after is one later.
fn message(version: Version) -> Message {
    Message {
        header: Header {
            required_signatures: 1,
            readonly_signed: 0,
            readonly_unsigned: 1,
        },
        static_keys: [1, 2]
            .map(|byte| Address::new_from_array([byte; 32]))
            .to_vec(),
        recent_blockhash: [3; 32],
        instructions: vec![CompiledInstruction {
            program_index: 1,
            accounts: vec![0, 1],
            data: vec![7, 7],
        }],
        ..Message::new(version)
    }
}

fn bytes(message: &Message) -> Vec<u8> {
    message
        .with_signatures(&[[9; 64]])
        .expect("the message can be written")
}

fn check(bytes: &[u8], expected: ParseError) {
    assert_eq!(TransactionView::parse(bytes), Err(expected));
    assert!(!assert_agreement(bytes));
    assert!(!expected.to_string().ends_with('.'));
}

/// Damages a legacy transaction.
fn check_legacy(damage: impl FnOnce(&mut Vec<u8>), expected: ParseError) {
    let mut bytes = bytes(&message(Version::Legacy));
    damage(&mut bytes);
    check(&bytes, expected);
}

fn check_message(version: Version, damage: impl FnOnce(&mut Message), expected: ParseError) {
    let mut message = message(version);
    damage(&mut message);
    check(&bytes(&message), expected);
}

#[test]
fn undamaged() {
    for version in [Version::Legacy, Version::V0, Version::V1] {
        assert!(assert_agreement(&bytes(&message(version))));
    }
}

#[test]
fn truncated() {
    let truncated = |offset, needed, available| ParseError::Truncated {
        offset,
        needed,
        available,
    };
    check(&[], truncated(0, 1, 0));
    check(&[1, 0, 0], truncated(1, 64, 2));
    check_legacy(|bytes| bytes.truncate(67), truncated(65, 3, 2));
    check_legacy(|bytes| bytes.truncate(172), truncated(171, 2, 1));
    check_legacy(|bytes| bytes[68] = 4, truncated(69, 128, 104));
}

#[test]
fn format_and_version() {
    for found in [0x80, 0x82, 0xff] {
        check_legacy(
            |bytes| bytes[0] = found,
            ParseError::UnknownFormat { found },
        );
    }
    for found in [0x81, 0x82, 0xff] {
        let offset = 65;
        let expected = ParseError::UnsupportedVersion { offset, found };
        check_legacy(|bytes| bytes[65] = found, expected);
    }
}

#[test]
fn lengths() {
    let offset = 68;
    let not_minimal = ParseError::LengthNotMinimal { offset };
    check_legacy(|bytes| drop(bytes.splice(68..69, [0x82, 0])), not_minimal);
    check_legacy(
        |bytes| drop(bytes.splice(68..69, [0x82, 0x80, 0])),
        not_minimal,
    );
    let overflow = ParseError::LengthOverflow { offset };
    check_legacy(
        |bytes| drop(bytes.splice(68..69, [0x82, 0x80, 4])),
        overflow,
    );
    check_legacy(
        |bytes| drop(bytes.splice(68..69, [0x82, 0x80, 0x80])),
        overflow,
    );
}

#[test]
fn header() {
    for (version, offset) in [(Version::Legacy, 65), (Version::V0, 66), (Version::V1, 1)] {
        check_message(
            version,
            |message| message.header.readonly_signed = 1,
            ParseError::NoWritableSigner {
                offset,
                found: 1,
                limit: 0,
            },
        );
        check_message(
            version,
            |message| message.header.readonly_unsigned = 2,
            ParseError::HeaderExceedsKeys {
                offset,
                found: 3,
                limit: 2,
            },
        );
    }
    check_message(
        Version::V0,
        |message| message.header = Header::default(),
        ParseError::NoWritableSigner {
            offset: 66,
            found: 0,
            limit: 0,
        },
    );
}

#[test]
fn signature_count() {
    for (count, found) in [(0, 0), (2, 2)] {
        let bytes = message(Version::Legacy).with_signatures(&vec![[9; 64]; count]);
        let expected = ParseError::SignatureCount {
            offset: 1 + 64 * count,
            found,
            limit: 1,
        };
        check(&bytes.expect("the message can be written"), expected);
    }
    // A v1 transaction has no count of its own: it is short or long by the difference.
    let mut bytes = bytes(&message(Version::V1));
    bytes.extend_from_slice(&[9; 64]);
    let offset = bytes.len() - 64;
    check(&bytes, ParseError::TrailingBytes { offset, found: 64 });
}

#[test]
fn programs() {
    for (version, offset) in [
        (Version::Legacy, 166),
        (Version::V0, 167),
        (Version::V1, 106),
    ] {
        check_message(
            version,
            |message| message.instructions[0].program_index = 0,
            ParseError::ProgramIsFeePayer { offset },
        );
        check_message(
            version,
            |message| message.instructions[0].program_index = 2,
            ParseError::ProgramIndex {
                offset,
                found: 2,
                limit: 2,
            },
        );
    }
}

#[test]
fn programs_do_not_come_from_tables() {
    check_message(
        Version::V0,
        |message| {
            message.lookups.push(lookup(4));
            message.instructions[0].program_index = 2;
        },
        ParseError::ProgramIndex {
            offset: 167,
            found: 2,
            limit: 2,
        },
    );
}

#[test]
fn account_indexes() {
    for (version, offset) in [
        (Version::Legacy, 169),
        (Version::V0, 170),
        (Version::V1, 111),
    ] {
        check_message(
            version,
            |message| message.instructions[0].accounts[1] = 2,
            ParseError::AccountIndex {
                offset,
                found: 2,
                limit: 2,
            },
        );
    }
    check_message(
        Version::V0,
        |message| {
            message.lookups.push(lookup(4));
            message.instructions.push(message.instructions[0].clone());
            message.instructions[0].accounts = vec![5; 2];
            message.instructions[1].accounts = vec![5, 6];
        },
        ParseError::AccountIndex {
            offset: 177,
            found: 6,
            limit: 6,
        },
    );
}

/// A lookup of `count` accounts.
fn lookup(count: usize) -> TableLookup {
    TableLookup {
        table: Address::new_from_array([4; 32]),
        writable: vec![0; count / 2],
        readonly: vec![0; count - count / 2],
    }
}

#[test]
fn lookups() {
    let empty = |message: &mut Message| message.lookups.push(lookup(0));
    check_message(Version::V0, empty, ParseError::EmptyLookup { offset: 175 });

    let mut message = message(Version::V0);
    message.lookups.push(lookup(254));
    message.instructions[0].accounts[0] = 255;
    assert!(assert_agreement(&bytes(&message)));
    message.lookups.push(lookup(1));
    let expected = ParseError::TooManyAccounts {
        found: 257,
        limit: 256,
    };
    check(&bytes(&message), expected);
}

#[test]
fn config_mask() {
    for found in [1_u32, 2, 0b101, 0b10_0000, 0b10_0011, 1 << 31] {
        let mut bytes = bytes(&message(Version::V1));
        bytes.splice(4..8, found.to_le_bytes());
        check(&bytes, ParseError::ConfigMask { offset: 4, found });
    }
}

#[test]
fn trailing_bytes() {
    for version in [Version::Legacy, Version::V0, Version::V1] {
        let mut bytes = bytes(&message(version));
        let offset = bytes.len();
        bytes.push(0);
        check(&bytes, ParseError::TrailingBytes { offset, found: 1 });
    }
}

/// The one rule that Solana's crates leave to the network in front of them.
#[test]
fn size_limits() {
    for (version, limit) in [
        (Version::Legacy, PACKET_SIZE_MAX),
        (Version::V0, PACKET_SIZE_MAX),
        (Version::V1, V1_SIZE_MAX),
    ] {
        let mut message = message(version);
        message.instructions[0].data = vec![7; 300];
        let data_size = 300 + limit - bytes(&message).len();
        message.instructions[0].data = vec![7; data_size];
        let full = bytes(&message);
        assert_eq!(full.len(), limit);
        assert!(assert_agreement(&full));

        message.instructions[0].data.push(7);
        let bytes = bytes(&message);
        assert!(judge(&bytes).is_some());
        let found = limit + 1;
        let refused = Err(ParseError::TooLarge { found, limit });
        assert_eq!(TransactionView::parse(&bytes), refused);
    }
}

#[test]
fn views_are_small() {
    assert!(size_of::<TransactionView<'_>>() <= 64);
    assert_eq!(TransactionConfig::default().heap_size, None);
}
