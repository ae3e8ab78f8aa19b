//! Where generated input gets its choices from: a seed, or the bytes of a fuzzer.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A stream of choices.
pub(crate) trait Choices {
    /// A number below `count`, which is at least 1.
    fn below(&mut self, count: usize) -> usize;

    /// True once in `count` times.
    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of several.
    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

impl Choices for ChaCha8Rng {
    fn below(&mut self, count: usize) -> usize {
        self.random_range(0..count)
    }
}

/// Choices from bytes, front to back; the first choice once they are used up.
#[derive(Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }
}

impl Choices for Bytes<'_> {
    fn below(&mut self, count: usize) -> usize {
        let mut number = self.byte();
        if count > 256 {
            number = number << 8 | self.byte();
        }
        number % count
    }
}
