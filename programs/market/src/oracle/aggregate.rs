//! The price that several publishers agree on, as a pure function of what they quote.
//!
//! ```text
//! quotes 99 +- 2, 100 +- 1, 700 +- 5     votes 97 99 [99] 100 (101) 101 [695] 700 705
//!                                        median (101), quartiles [99] and [695]
//! ```
//!
//! Each quote casts three votes: its price, and that less and plus its confidence. The price is the
//! median of all votes, so it lies between the votes of honest publishers as long as more than half
//! of them are. The confidence is the distance to the farther quartile: it grows where publishers
//! are unsure of themselves, and where they disagree.

/// Quotes of a feed at most, so that all of them fit into one legacy transaction.
pub const QUOTES_MAX: usize = 24;
/// The parts of which a confidence is given where it is compared with its price.
pub const CONFIDENCE_PARTS: u16 = 10_000;
/// Votes of a quote.
const VOTES: usize = 3;

/// A price, and the distance within which the true one is taken to be.
///
/// ```
/// use lockstep_market::oracle::aggregate::{Quoted, aggregate};
/// let quotes = [(99, 2), (100, 1), (700, 5)];
/// let quotes = quotes.map(|(price, confidence)| Quoted { price, confidence });
/// assert_eq!(aggregate(&quotes), Some(Quoted { price: 101, confidence: 594 }));
/// assert_eq!(aggregate(&quotes[..2]), Some(Quoted { price: 99, confidence: 2 }));
/// assert_eq!(aggregate(&[]), None);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Quoted {
    /// Above 0, in the feed's unit.
    pub price: u64,
    /// In the same unit, below the price.
    pub confidence: u64,
}

impl Quoted {
    /// The lowest and the highest price that the confidence allows; `None` if the lowest is not
    /// above 0, or the highest exceeds 64 bits.
    pub fn range(&self) -> Option<[u64; 2]> {
        let low = self.price.checked_sub(self.confidence)?;
        let high = self.price.checked_add(self.confidence)?;
        (low > 0).then_some([low, high])
    }

    /// Whether the confidence is at most this part of the price, in [`CONFIDENCE_PARTS`].
    ///
    /// ```
    /// use lockstep_market::oracle::aggregate::Quoted;
    /// let quoted = Quoted { price: 1_000, confidence: 5 };
    /// assert!(quoted.is_within(50) && !quoted.is_within(49));
    /// ```
    pub fn is_within(&self, confidence_max: u16) -> bool {
        let parts = |number: u64, factor: u16| u128::from(number).saturating_mul(factor.into());
        parts(self.confidence, CONFIDENCE_PARTS) <= parts(self.price, confidence_max)
    }
}

/// The median of all votes, and the distance to the farther quartile.
///
/// # Returns
/// `None` if there is no quote, if there are more than [`QUOTES_MAX`], or if one has no
/// [range](Quoted::range). Between two votes in the middle, the mean of both, rounded down.
///
/// # Complexity
/// O(n log n) for n quotes, without allocation.
pub fn aggregate(quotes: &[Quoted]) -> Option<Quoted> {
    let mut votes = [0; QUOTES_MAX.saturating_mul(VOTES)];
    let count = quotes.len().checked_mul(VOTES)?;
    let votes = votes.get_mut(..count)?;
    for (cast, quote) in votes.chunks_exact_mut(VOTES).zip(quotes) {
        let [low, high] = quote.range()?;
        cast.copy_from_slice(&[low, quote.price, high]);
    }
    votes.sort_unstable();
    let last = count.checked_sub(1)?;
    let (lower, upper) = (votes[last / 2], votes[count / 2]);
    let price = lower.checked_add(upper.checked_sub(lower)? / 2)?;
    let quarter = count / 4;
    let below = price.checked_sub(votes[quarter])?;
    let above = votes[last.checked_sub(quarter)?].checked_sub(price)?;
    let confidence = below.max(above);
    Some(Quoted { price, confidence })
}
