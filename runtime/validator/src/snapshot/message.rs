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
//! 7  epoch u64               what proves the members of the epoch behind that one
//! 8  passage                 that proof; what is not there is not answered
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
    AskPassage {
        epoch: u64,
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
    /// The bytes of a passage.
    Passage(Vec<u8>),
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
            Self::AskPassage { epoch } => numbered(7, *epoch, None, &[]),
            Self::Passage(passage) => [&[8][..], passage].concat(),
        }
    }

    /// Reads a message; `None` if the bytes are none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        match kind {
            4 => return Some(Self::Offer(rest.to_vec())),
            8 => return Some(Self::Passage(rest.to_vec())),
            _ => {}
        }
        let message = match kind {
            0 => Self::AskTip,
            1 => Self::AskOffer {
                at_least: number(&mut rest)?,
            },
            2 => Self::AskChunk {
                height: number(&mut rest)?,
                index: index(&mut rest)?,
            },
            3 => Self::Tip(number(&mut rest)?),
            5 => Self::Chunk {
                height: number(&mut rest)?,
                index: index(&mut rest)?,
                bytes: std::mem::take(&mut rest).to_vec(),
            },
            6 => Self::Gone {
                height: number(&mut rest)?,
            },
            7 => Self::AskPassage {
                epoch: number(&mut rest)?,
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

fn number(rest: &mut &[u8]) -> Option<u64> {
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
            Message::AskPassage { epoch: 5 },
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
            Message::Passage(vec![9; 7]),
            Message::Chunk {
                height: 5,
                index: 9,
                bytes: vec![4; 100],
            },
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
        assert_eq!(Message::decode(&[9; 9]), None);
    }
}
