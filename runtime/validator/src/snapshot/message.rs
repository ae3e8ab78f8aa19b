//! What members say to each other of snapshots. Integers are little-endian.
//!
//! ```text
//! 0                          which is your newest final block?
//! 1  height u64              offer a snapshot of that height or a later one
//! 2  height u64, index u32   a chunk of your snapshot of that height
//! 3  height u64              the height of the newest final block; no snapshot is there yet
//! 4  offer                   a snapshot
//! 5  height u64, index u32, bytes
//! 6  height u64              there is no such chunk any more
//! ```

/// A question or an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Message {
    AskTip,
    AskOffer {
        at_least: u64,
    },
    AskChunk {
        height: u64,
        index: u32,
    },
    Tip(u64),
    /// The bytes of an offer.
    Offer(Vec<u8>),
    Chunk {
        height: u64,
        index: u32,
        bytes: Vec<u8>,
    },
    Gone {
        height: u64,
    },
}

impl Message {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::AskTip => vec![0],
            Self::AskOffer { at_least } => numbered(1, *at_least, None, &[]),
            Self::AskChunk { height, index } => numbered(2, *height, Some(*index), &[]),
            Self::Tip(height) => numbered(3, *height, None, &[]),
            Self::Offer(offer) => [&[4][..], offer].concat(),
            Self::Chunk {
                height,
                index,
                bytes,
            } => numbered(5, *height, Some(*index), bytes),
            Self::Gone { height } => numbered(6, *height, None, &[]),
        }
    }

    /// Reads a message; `None` if the bytes are none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        if *kind == 4 {
            return Some(Self::Offer(rest.to_vec()));
        }
        let message = match kind {
            0 => Self::AskTip,
            1 => Self::AskOffer {
                at_least: height(&mut rest)?,
            },
            2 => Self::AskChunk {
                height: height(&mut rest)?,
                index: index(&mut rest)?,
            },
            3 => Self::Tip(height(&mut rest)?),
            5 => Self::Chunk {
                height: height(&mut rest)?,
                index: index(&mut rest)?,
                bytes: std::mem::take(&mut rest).to_vec(),
            },
            6 => Self::Gone {
                height: height(&mut rest)?,
            },
            _ => return None,
        };
        rest.is_empty().then_some(message)
    }
}

fn numbered(kind: u8, height: u64, index: Option<u32>, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&height.to_le_bytes());
    if let Some(index) = index {
        bytes.extend_from_slice(&index.to_le_bytes());
    }
    bytes.extend_from_slice(rest);
    bytes
}

fn height(rest: &mut &[u8]) -> Option<u64> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(u64::from_le_bytes(*first))
}

fn index(rest: &mut &[u8]) -> Option<u32> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(u32::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_and_no_part_of_one_is_another() {
        let messages = [
            Message::AskTip,
            Message::AskOffer { at_least: 7 },
            Message::AskChunk {
                height: u64::MAX,
                index: 3,
            },
            Message::Tip(1 << 40),
            Message::Gone { height: 32 },
        ];
        for message in messages {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes), Some(message));
            for end in 0..bytes.len() {
                assert_eq!(Message::decode(&bytes[..end]), None, "{end} of {bytes:?}");
            }
            assert_eq!(Message::decode(&[&bytes[..], &[0]].concat()), None);
        }
        for message in [
            Message::Offer(vec![1, 2, 3]),
            Message::Chunk {
                height: 5,
                index: 9,
                bytes: vec![4; 100],
            },
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
        assert_eq!(Message::decode(&[7; 9]), None);
    }
}
