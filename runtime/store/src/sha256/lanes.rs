//! Sixteen messages in the lanes of AVX-512 registers: word `n` of all messages is one register.
//!
//! ```text
//! message 0:  w0 w1 .. w15                    register 0:   w0 of message 0, 1, .. 15
//! message 1:  w0 w1 .. w15    transposed ->   register 1:   w1 of message 0, 1, .. 15
//! ..                                          ..
//! ```
//!
//! *Why the unsafe code is sound.* (1) Code for AVX-512 is only called by a [`Lanes`], which only
//! [`Lanes::find`] makes, on a processor that has these instructions. (2) A register is read from
//! and written to arrays of its own size, at any address.
#![expect(
    unsafe_code,
    reason = "the compiler cannot know the processor that it compiles for"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set_epi64,
    _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32,
    _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{Block, Hash, INITIAL, PADDING};

/// Messages that are hashed at once.
pub(super) const COUNT: usize = 16;

/// Word by word, of all messages.
type Words<const COUNT: usize> = [__m512i; COUNT];

/// The constants of the rounds (section 4.2.2).
#[rustfmt::skip]
const ROUNDS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5,
    0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
    0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc,
    0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
    0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
    0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3,
    0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5,
    0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
    0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// What the rounds add for the padding block of 64 bytes, its schedule worked out (section 6.2.2).
const PADDING_ROUNDS: [u32; 64] = {
    let mut words = [0u32; 64];
    let mut index = 0;
    while index < 64 {
        words[index] = if index < 16 {
            PADDING[index]
        } else {
            let (early, late) = (words[index.wrapping_sub(15)], words[index.wrapping_sub(2)]);
            let early = early.rotate_right(7) ^ early.rotate_right(18) ^ (early >> 3);
            let late = late.rotate_right(17) ^ late.rotate_right(19) ^ (late >> 10);
            words[index.wrapping_sub(16)]
                .wrapping_add(early)
                .wrapping_add(words[index.wrapping_sub(7)])
                .wrapping_add(late)
        };
        index = index.wrapping_add(1);
    }
    let mut index = 0;
    while index < 64 {
        words[index] = words[index].wrapping_add(ROUNDS[index]);
        index = index.wrapping_add(1);
    }
    words
};

/// The processor has the lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes(());

impl Lanes {
    /// The lanes, if the processor has them.
    pub(super) fn find() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        has.then_some(Self(()))
    }

    /// The hashes of padded messages of equally many blocks.
    pub(super) fn hash(self, messages: &[&[Block]; COUNT]) -> [Hash; COUNT] {
        // SAFETY: point 1.
        unsafe { hash(messages) }
    }

    /// The hashes of messages of 64 bytes, without padding.
    pub(super) fn hash_pairs(self, messages: &[&[Hash; 2]; COUNT]) -> [Hash; COUNT] {
        // SAFETY: point 1.
        unsafe { hash_pairs(messages) }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn hash(messages: &[&[Block]; COUNT]) -> [Hash; COUNT] {
    let mut state = initial();
    for index in 0..messages[0].len() {
        let mut rows = [splat(0); 16];
        for (row, message) in rows.iter_mut().zip(messages) {
            *row = load(&message[index]);
        }
        state = compress(state, words(rows));
    }
    hashes(state)
}

#[target_feature(enable = "avx512f,avx512bw")]
fn hash_pairs(messages: &[&[Hash; 2]; COUNT]) -> [Hash; COUNT] {
    let mut rows = [splat(0); 16];
    for (row, pair) in rows.iter_mut().zip(messages) {
        let block = pair.as_flattened().first_chunk();
        *row = load(block.expect("a pair has 64 bytes"));
    }
    let state = compress(initial(), words(rows));
    hashes(compress_padding(state))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(block: &Block) -> __m512i {
    // SAFETY: point 2.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(register: __m512i) -> Block {
    let mut block = [0; 64];
    // SAFETY: point 2.
    unsafe { _mm512_storeu_si512(block.as_mut_ptr().cast(), register) }
    block
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(one: __m512i, other: __m512i) -> __m512i {
    _mm512_add_epi32(one, other)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(one: __m512i, two: __m512i, three: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(one, two, three)
}

/// The words of messages, big-endian in memory, or the messages of words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swap(words: __m512i) -> __m512i {
    let (low, high) = (0x0405_0607_0001_0203, 0x0c0d_0e0f_0809_0a0b);
    let order = _mm512_set_epi64(high, low, high, low, high, low, high, low);
    _mm512_shuffle_epi8(words, order)
}

/// A message a row to a word a row, or the other way round.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(rows: Words<16>) -> Words<16> {
    // Squares of four words each, and then the squares.
    let mut squares = rows;
    for group in [0, 4, 8, 12] {
        let [a, b] = [rows[group], rows[group | 1]];
        let [c, d] = [rows[group | 2], rows[group | 3]];
        let low = _mm512_unpacklo_epi32(a, b);
        let high = _mm512_unpackhi_epi32(a, b);
        let next_low = _mm512_unpacklo_epi32(c, d);
        let next_high = _mm512_unpackhi_epi32(c, d);
        squares[group] = _mm512_unpacklo_epi64(low, next_low);
        squares[group | 1] = _mm512_unpackhi_epi64(low, next_low);
        squares[group | 2] = _mm512_unpacklo_epi64(high, next_high);
        squares[group | 3] = _mm512_unpackhi_epi64(high, next_high);
    }
    let mut columns = squares;
    for row in [0, 1, 2, 3] {
        let [a, b] = [squares[row], squares[4 | row]];
        let [c, d] = [squares[8 | row], squares[12 | row]];
        let low = _mm512_shuffle_i32x4::<0x44>(a, b);
        let high = _mm512_shuffle_i32x4::<0xee>(a, b);
        let next_low = _mm512_shuffle_i32x4::<0x44>(c, d);
        let next_high = _mm512_shuffle_i32x4::<0xee>(c, d);
        columns[row] = _mm512_shuffle_i32x4::<0x88>(low, next_low);
        columns[4 | row] = _mm512_shuffle_i32x4::<0xdd>(low, next_low);
        columns[8 | row] = _mm512_shuffle_i32x4::<0x88>(high, next_high);
        columns[12 | row] = _mm512_shuffle_i32x4::<0xdd>(high, next_high);
    }
    columns
}

/// One round (section 6.2.2, step 3); `word` is the schedule's with the round's constant.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn round([a, b, c, d, e, f, g, h]: Words<8>, word: __m512i) -> Words<8> {
    let [e6, e11, e25] = [
        _mm512_ror_epi32::<6>(e),
        _mm512_ror_epi32::<11>(e),
        _mm512_ror_epi32::<25>(e),
    ];
    let choice = _mm512_ternarylogic_epi32::<0xca>(e, f, g);
    let first = add(add(h, word), add(xor(e6, e11, e25), choice));
    let [a2, a13, a22] = [
        _mm512_ror_epi32::<2>(a),
        _mm512_ror_epi32::<13>(a),
        _mm512_ror_epi32::<22>(a),
    ];
    let majority = _mm512_ternarylogic_epi32::<0xe8>(a, b, c);
    let second = add(xor(a2, a13, a22), majority);
    [add(first, second), a, b, c, add(d, first), e, f, g]
}

/// The words of the schedule 16 places on (section 6.2.2, step 1).
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn next_words(mut words: Words<16>) -> Words<16> {
    for index in 0..16usize {
        let early = words[index.wrapping_add(1) & 15];
        let early = xor(
            _mm512_ror_epi32::<7>(early),
            _mm512_ror_epi32::<18>(early),
            _mm512_srli_epi32::<3>(early),
        );
        let late = words[index.wrapping_add(14) & 15];
        let late = xor(
            _mm512_ror_epi32::<17>(late),
            _mm512_ror_epi32::<19>(late),
            _mm512_srli_epi32::<10>(late),
        );
        let before = add(words[index], words[index.wrapping_add(9) & 15]);
        words[index] = add(before, add(early, late));
    }
    words
}

/// The state after a block of each message.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn compress(state: Words<8>, mut words: Words<16>) -> Words<8> {
    let mut next = state;
    let [first, rest @ ..] = ROUNDS.as_chunks::<16>().0 else {
        unreachable!("there are 64 rounds");
    };
    for (word, constant) in words.iter().zip(first) {
        next = round(next, add(*word, splat(*constant)));
    }
    for constants in rest {
        words = next_words(words);
        for (word, constant) in words.iter().zip(constants) {
            next = round(next, add(*word, splat(*constant)));
        }
    }
    sum(state, next)
}

/// The state after the padding block of messages of 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn compress_padding(state: Words<8>) -> Words<8> {
    let mut next = state;
    for word in &PADDING_ROUNDS {
        next = round(next, splat(*word));
    }
    sum(state, next)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn sum(mut state: Words<8>, next: Words<8>) -> Words<8> {
    for (word, next) in state.iter_mut().zip(next) {
        *word = add(*word, next);
    }
    state
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn initial() -> Words<8> {
    let mut state = [splat(0); 8];
    for (word, initial) in state.iter_mut().zip(INITIAL) {
        *word = splat(initial);
    }
    state
}

/// The words of a block of each message.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn words(mut rows: Words<16>) -> Words<16> {
    for row in &mut rows {
        *row = swap(*row);
    }
    transpose(rows)
}

/// The hashes that final states are.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn hashes(state: Words<8>) -> [Hash; COUNT] {
    let mut columns = [splat(0); 16];
    columns[..8].copy_from_slice(&state);
    let mut hashes = [[0; 32]; COUNT];
    for (hash, row) in hashes.iter_mut().zip(transpose(columns)) {
        let bytes = store(swap(row));
        *hash = *bytes.first_chunk().expect("a register has 64 bytes");
    }
    hashes
}
