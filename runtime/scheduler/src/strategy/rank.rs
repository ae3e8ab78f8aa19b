//! Sorts transactions by figures that tell which to try first.

use crate::ids::TransactionIndex;

/// Sorts by falling pairs of figures, those with equal pairs in the order given.
///
/// Pair and place of each are packed into one word, which sorts several times as fast as the
/// three numbers do. Figures keep the leading bits that there is room for: with 10,000
/// transactions the 25 from the largest figure's first bit on. O(n log n).
///
/// # Panics
/// If there are not as many pairs as transactions.
pub(super) fn sort_by_falling(transactions: &mut [TransactionIndex], pairs: &[(u64, u64)]) {
    assert_eq!(
        transactions.len(),
        pairs.len(),
        "every transaction has a pair"
    );
    let largest = pairs.iter().map(|pair| pair.0.max(pair.1)).max();
    let place_bits = bit_length(u64::try_from(pairs.len()).expect("a block has fewer than 2^32"));
    let figure_bits = u64::BITS.saturating_sub(place_bits) / 2;
    let dropped = bit_length(largest.unwrap_or(0)).saturating_sub(figure_bits);
    let mask = u64::MAX >> u64::BITS.saturating_sub(figure_bits);
    let falling = |figure: u64| mask & !(figure >> dropped);
    let keys = (0_u64..).zip(pairs).map(|(place, &(first, second))| {
        let figures = falling(first) << figure_bits | falling(second);
        figures << place_bits | place
    });
    let mut keys: Vec<u64> = keys.collect();
    keys.sort_unstable();
    let before = transactions.to_vec();
    let place_mask = u64::MAX >> u64::BITS.saturating_sub(place_bits);
    for (transaction, key) in transactions.iter_mut().zip(keys) {
        let place = usize::try_from(key & place_mask).expect("a place is below the length");
        *transaction = before[place];
    }
}

/// Bits that the number takes, at least one.
fn bit_length(number: u64) -> u32 {
    u64::BITS.saturating_sub((number | 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(u64, u64)], expected: &[u32]) {
        let mut sorted: Vec<_> = (0..).map(TransactionIndex).take(pairs.len()).collect();
        sorted_by(&mut sorted, pairs, expected);
    }

    fn sorted_by(sorted: &mut [TransactionIndex], pairs: &[(u64, u64)], expected: &[u32]) {
        sort_by_falling(sorted, pairs);
        assert!(
            sorted.iter().map(|one| one.0).eq(expected.iter().copied()),
            "{sorted:?}"
        );
    }

    #[test]
    fn the_first_figure_decides_then_the_second_then_the_place() {
        check(&[], &[]);
        check(&[(0, 0)], &[0]);
        check(&[(1, 9), (2, 0), (1, 9), (2, 5), (0, 7)], &[3, 1, 0, 2, 4]);
        let large = u64::MAX;
        check(&[(0, large), (large, 0), (large / 2, large)], &[1, 2, 0]);
    }

    #[test]
    fn what_does_not_fit_makes_no_difference() {
        check(&[(u64::MAX - 1, 1), (u64::MAX, 2)], &[0, 1]);
    }
}
