//! SHA-256 (FIPS 180-4) of many messages at once.
//!
//! ```text
//! messages -> groups of 16 of equally many blocks -> one lane of a register each -> hashes
//! ```
//! A single message waits for the result of each step before the next. Sixteen messages in the
//! lanes of AVX-512 take 0.4 times the time of sixteen in a row on the SHA instructions. A
//! processor without AVX-512, and a group of fewer than [`LANES_USED_MIN`], take them in a row.

#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(not(target_arch = "x86_64"))]
mod lanes {
    //! No lanes on this processor.

    use super::{Block, Hash};

    pub(super) const COUNT: usize = 16;

    #[derive(Clone, Copy)]
    pub(super) enum Lanes {}

    impl Lanes {
        pub(super) fn find() -> Option<Self> {
            None
        }

        pub(super) fn hash_pairs(self, _: &[&[Hash; 2]; COUNT]) -> [Hash; COUNT] {
            match self {}
        }

        pub(super) fn hash(self, _: &[&[Block]; COUNT]) -> [Hash; COUNT] {
            match self {}
        }
    }
}

use sha2::block_api::compress256;

use self::lanes::{COUNT, Lanes};

/// What SHA-256 takes in one step.
type Block = [u8; 64];
/// What it gives.
type Hash = [u8; 32];

/// Messages of one group from which on lanes are faster than the messages in a row (`cargo bench
/// -p lockstep-benches --bench state`: 16 lanes take the time of 6.5 messages).
const LANES_USED_MIN: usize = 7;

/// Bytes of an account's data from which on it is better hashed alone than among [`Messages`]: the
/// copy of it takes memory, and few accounts are of one size.
pub const HASHED_ALONE_SIZE: usize = 1 << 10;

/// The initial state (section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The words of the padding block of a message of 64 bytes: a one bit, and the size in bits.
const PADDING: [u32; 16] = {
    let mut words = [0; 16];
    words[0] = 1 << 31;
    words[15] = 512;
    words
};

/// The bytes of [`PADDING`].
const PADDING_BLOCK: Block = {
    let mut block = [0; 64];
    block[0] = 0x80;
    block[62] = 2;
    block
};

/// The hash of some blocks that are padded.
fn compress(blocks: &[Block]) -> Hash {
    let mut state = INITIAL;
    compress256(&mut state, blocks);
    let mut hash = [0; 32];
    for (bytes, word) in hash.chunks_exact_mut(4).zip(state) {
        #[expect(clippy::big_endian_bytes, reason = "SHA-256 gives big-endian words")]
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

/// The hash of 64 bytes, with no buffer in between.
pub(crate) fn hash_pair(pair: &[Hash; 2]) -> Hash {
    let mut blocks = [[0; 64], PADDING_BLOCK];
    blocks[0].copy_from_slice(pair.as_flattened());
    compress(&blocks)
}

/// The hashes of messages of 64 bytes, in their order, in place of what is in `hashes`.
pub(crate) fn hash_pairs<'p>(
    mut pairs: impl ExactSizeIterator<Item = &'p [Hash; 2]>,
    hashes: &mut Vec<Hash>,
) {
    hashes.clear();
    hashes.reserve(pairs.len());
    if let Some(lanes) = Lanes::find() {
        while pairs.len() >= LANES_USED_MIN {
            let count = pairs.len().min(COUNT);
            let mut group = [&[[0; 32]; 2]; COUNT];
            for (place, pair) in group.iter_mut().zip(pairs.by_ref().take(count)) {
                *place = pair;
            }
            hashes.extend_from_slice(&lanes.hash_pairs(&group)[..count]);
        }
    }
    hashes.extend(pairs.map(hash_pair));
}

/// Messages to be hashed together.
///
/// ```
/// use lockstep_store::Messages;
/// use sha2::{Digest, Sha256};
///
/// let mut messages = Messages::default();
/// messages.push([b"lock", b"step"]);
/// messages.push([b"", b""]);
/// let expected = [&b"lockstep"[..], b""].map(|message| <[u8; 32]>::from(Sha256::digest(message)));
/// assert_eq!(messages.hashes(), expected);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// Padded, one message behind the other.
    blocks: Vec<Block>,
    /// Where each begins.
    starts: Vec<usize>,
}

impl Messages {
    /// None, with space for some of one block each.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            blocks: Vec::with_capacity(count),
            starts: Vec::with_capacity(count),
        }
    }

    /// Adds a message in parts. It is copied, so one of many kilobytes is better hashed alone.
    pub fn push<const PARTS: usize>(&mut self, parts: [&[u8]; PARTS]) {
        self.starts.push(self.blocks.len());
        let size: usize = parts.iter().map(|part| part.len()).sum();
        // A one bit and the size in bits follow the message.
        let count = size.saturating_add(9).div_ceil(64);
        let start = self.blocks.len();
        let end = start.saturating_add(count);
        self.blocks.resize(end, [0; 64]);
        let bytes = self.blocks[start..].as_flattened_mut();
        let mut rest = &mut *bytes;
        for part in parts {
            let (space, behind) = rest.split_at_mut(part.len());
            space.copy_from_slice(part);
            rest = behind;
        }
        rest[0] = 0x80;
        if let Some(place) = rest.last_chunk_mut() {
            let bits = u64::try_from(size).expect("a size fits 64 bits") << 3;
            #[expect(clippy::big_endian_bytes, reason = "SHA-256 takes big-endian words")]
            let bits = bits.to_be_bytes();
            *place = bits;
        }
    }

    fn blocks(&self, index: usize) -> &[Block] {
        let next = self.starts.get(index.saturating_add(1));
        &self.blocks[self.starts[index]..next.copied().unwrap_or(self.blocks.len())]
    }

    /// The hashes, in the order in which the messages came.
    ///
    /// O(bytes).
    pub fn hashes(&self) -> Vec<Hash> {
        let mut hashes = vec![[0; 32]; self.starts.len()];
        let mut order: Vec<usize> = (0..self.starts.len()).collect();
        if self.blocks.len() != self.starts.len() {
            order.sort_by_key(|index| self.blocks(*index).len());
        }
        let lanes = Lanes::find();
        let of_one_size =
            |one: &usize, other: &usize| self.blocks(*one).len() == self.blocks(*other).len();
        for group in order
            .chunk_by(of_one_size)
            .flat_map(|same| same.chunks(COUNT))
        {
            match lanes {
                Some(lanes) if group.len() >= LANES_USED_MIN => {
                    let first = self.blocks(group[0]);
                    let mut blocks = [first; COUNT];
                    for (blocks, index) in blocks.iter_mut().zip(group) {
                        *blocks = self.blocks(*index);
                    }
                    for (hash, index) in lanes.hash(&blocks).into_iter().zip(group) {
                        hashes[*index] = hash;
                    }
                }
                _ => {
                    for index in group {
                        hashes[*index] = compress(self.blocks(*index));
                    }
                }
            }
        }
        hashes
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn bytes(seed: usize, size: usize) -> Vec<u8> {
        let bytes = (0..size.div_ceil(32)).flat_map(|part| {
            let hash: Hash =
                Sha256::digest([seed.to_le_bytes(), part.to_le_bytes()].concat()).into();
            hash
        });
        bytes.take(size).collect()
    }

    #[test]
    fn any_number_of_messages_of_any_size_has_the_hashes_of_each_alone() {
        for count in [0, 1, 6, 7, 15, 16, 17, 100] {
            for sizes in [&[32][..], &[0, 1, 55, 56, 63, 64, 119, 120, 128, 1_000]] {
                let messages: Vec<Vec<u8>> = (0..count)
                    .map(|seed| bytes(seed, sizes[seed * 7 % sizes.len()]))
                    .collect();
                let mut batch = Messages::with_capacity(3);
                for message in &messages {
                    let (head, tail) = message.split_at(message.len() / 3);
                    batch.push([head, tail]);
                }
                let expected: Vec<Hash> = messages
                    .iter()
                    .map(|message| Sha256::digest(message).into())
                    .collect();
                assert_eq!(batch.hashes(), expected, "{count} messages");
            }
        }
    }

    #[test]
    fn pairs_have_the_hashes_of_64_bytes() {
        let mut hashes = vec![[1; 32]];
        for count in [0, 1, 6, 7, 16, 17, 40, 64] {
            let pairs: Vec<[Hash; 2]> = (0..count)
                .map(|seed| [0, 1].map(|side| *bytes(seed + side, 32).first_chunk().unwrap()))
                .collect();
            let expected: Vec<Hash> = pairs
                .iter()
                .map(|pair| Sha256::digest(pair.as_flattened()).into())
                .collect();
            hash_pairs(pairs.iter(), &mut hashes);
            assert_eq!(hashes, expected, "{count} pairs");
        }
    }
}
