//! Sorts transactions by figures that tell which to try first.

use crate::ids::TransactionIndex;

/// Of each figure so many leading bits count.
const FIGURE_BITS: u32 = 16;
/// Figures are sorted by this number of bits at a time.
const DIGIT_BITS: u32 = 11;
const DIGIT_COUNT: usize = (2 * FIGURE_BITS).div_ceil(DIGIT_BITS) as usize;
const DIGIT_VALUES: usize = 1 << DIGIT_BITS;
/// Fewer transactions are compared, which needs no counts of digits.
const COUNTED_MIN: usize = 512;

/// Of a figure that is worth a class so many leading bits count.
const CLASS_BITS: u32 = 8;

/// Sorts by falling pairs of figures, those with equal pairs in the order given.
///
/// Figures keep the 16 leading bits from the largest one's first bit on, which is more than costs
/// are known to. Digits are counted, lowest first: O(n).
///
/// # Panics
/// If there are not as many pairs as transactions.
pub(super) fn sort_by_falling(transactions: &mut [TransactionIndex], pairs: &[(u64, u64)]) {
    assert_eq!(
        transactions.len(),
        pairs.len(),
        "every transaction has a pair"
    );
    let all = pairs.iter().fold(0, |all, pair| all | pair.0 | pair.1);
    let dropped = bit_length(all).saturating_sub(FIGURE_BITS);
    let mask = u64::MAX >> u64::BITS.saturating_sub(FIGURE_BITS);
    let falling = |figure: u64| mask & !(figure >> dropped);
    let keys = transactions.iter().zip(pairs);
    let keys = keys.map(|(transaction, &(first, second))| {
        let figures = falling(first) << FIGURE_BITS | falling(second);
        figures << u32::BITS | u64::from(transaction.0)
    });
    let mut keys: Vec<u64> = keys.collect();
    if keys.len() < COUNTED_MIN {
        keys.sort_by_key(|key| key >> u32::BITS);
    } else {
        sort_by_digits(&mut keys);
    }
    for (transaction, key) in transactions.iter_mut().zip(keys) {
        let [a, b, c, d, ..] = key.to_le_bytes();
        *transaction = TransactionIndex(u32::from_le_bytes([a, b, c, d]));
    }
}

/// The indices of figures, those of larger ones first, as far as the [`CLASS_BITS`] leading bits
/// from the largest one's first bit on tell them apart; ascending where they do not. O(n).
pub(super) fn sort_by_falling_class(figures: &[u64]) -> Vec<TransactionIndex> {
    let largest = figures.iter().copied().max().unwrap_or(0);
    let dropped = bit_length(largest).saturating_sub(CLASS_BITS);
    let class = |figure: u64| usize::try_from(figure >> dropped).expect("a class has few bits");
    let mut places = [0_usize; 1 << CLASS_BITS];
    for &figure in figures {
        let count = &mut places[class(figure)];
        *count = count.saturating_add(1);
    }
    let mut start = 0_usize;
    for place in places.iter_mut().rev() {
        let count = std::mem::replace(place, start);
        start = start.saturating_add(count);
    }
    let mut sorted = vec![TransactionIndex(0); figures.len()];
    for (index, &figure) in (0..).zip(figures) {
        let place = &mut places[class(figure)];
        sorted[*place] = TransactionIndex(index);
        *place = place.saturating_add(1);
    }
    sorted
}

/// Sorts by the upper halves, equal ones in the order given.
fn sort_by_digits(keys: &mut Vec<u64>) {
    let digit = |key: u64, index: usize| {
        let index = u32::try_from(index).expect("there are a few digits");
        let shift = index.saturating_mul(DIGIT_BITS).saturating_add(u32::BITS);
        let digit = key >> shift & u64::MAX >> u64::BITS.saturating_sub(DIGIT_BITS);
        usize::try_from(digit).expect("a digit has a few bits")
    };
    let mut places = [[0_usize; DIGIT_VALUES]; DIGIT_COUNT];
    for &key in &*keys {
        for (index, counts) in places.iter_mut().enumerate() {
            let count = &mut counts[digit(key, index)];
            *count = count.saturating_add(1);
        }
    }
    let mut sorted = vec![0; keys.len()];
    for (index, places) in places.iter_mut().enumerate() {
        // A digit that all share decides nothing.
        if places.contains(&keys.len()) {
            continue;
        }
        let mut start = 0_usize;
        for place in places.iter_mut() {
            let count = std::mem::replace(place, start);
            start = start.saturating_add(count);
        }
        for &key in &*keys {
            let place = &mut places[digit(key, index)];
            sorted[*place] = key;
            *place = place.saturating_add(1);
        }
        std::mem::swap(keys, &mut sorted);
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
    fn classes_keep_the_order_of_what_is_nearly_equal() {
        let sorted = |figures: &[u64]| -> Vec<u32> {
            let sorted = sort_by_falling_class(figures);
            sorted.iter().map(|one| one.0).collect()
        };
        assert_eq!(sorted(&[]), []);
        assert_eq!(sorted(&[0, 0]), [0, 1]);
        assert_eq!(sorted(&[1, 255, 2, 1]), [1, 2, 0, 3]);
        // Steps of 2^4.
        assert_eq!(sorted(&[0x11, 0xfff, 0x12, 0x0f, 0x20]), [1, 4, 0, 2, 3]);
        assert_eq!(sorted(&[u64::MAX - 1, u64::MAX, 1 << 56]), [0, 1, 2]);
    }

    #[test]
    fn counted_digits_sort_as_comparisons_do() {
        let figure = |place: u64, factor: u64| (place.wrapping_mul(factor) >> 7) % 40_000;
        for count in [COUNTED_MIN as u64, 3_000] {
            let pairs =
                (0..count).map(|place| (figure(place, 7_919) / 999, figure(place, 104_729)));
            let pairs: Vec<(u64, u64)> = pairs.collect();
            let mut sorted: Vec<_> = (0..).map(TransactionIndex).take(pairs.len()).collect();
            let mut expected = sorted.clone();
            expected.sort_by_key(|one| std::cmp::Reverse(pairs[one.index()]));
            sort_by_falling(&mut sorted, &pairs);
            assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn what_does_not_fit_makes_no_difference() {
        check(&[(u64::MAX - 1, 1), (u64::MAX, 2)], &[0, 1]);
    }
}
