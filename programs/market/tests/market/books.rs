//! The arithmetic of reserves against its definition in integers of 1,024 bits: the largest or the
//! smallest number that leaves the rest to the reserve, on edge values and random ones.

use lockstep_market::debt::{
    Books, DEPOSITS_MAX, INDEX_MAX, ONE, PARTS, RATE_MAX, SHARES_LOCKED, Slope, growth,
    value::{Priced, SCALE_MAX, is_covered, seized},
};
use proptest::prelude::*;
use ruint::aliases::U1024;

/// Zero, dust, the limits of a reserve and of 64 bits, and what lies beside them.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    999,
    1_000,
    1_001,
    u32::MAX as u64,
    1 << 32,
    DEPOSITS_MAX - 1,
    DEPOSITS_MAX,
    DEPOSITS_MAX + 1,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];
const INDICES: [u128; 5] = [ONE, ONE + 1, ONE * 3 / 2, INDEX_MAX - 1, INDEX_MAX];

fn wide(number: impl Into<u128>) -> U1024 {
    U1024::from(number.into())
}

/// The largest number that is at most a fraction, found without dividing.
fn is_floor(found: U1024, numerator: U1024, denominator: U1024) -> bool {
    found * denominator <= numerator && numerator < (found + wide(1_u8)) * denominator
}

/// The smallest number that is at least a fraction.
fn is_ceiling(found: U1024, numerator: U1024, denominator: U1024) -> bool {
    let below = numerator + denominator;
    found * denominator >= numerator && found * denominator < below
}

fn one() -> U1024 {
    wide(ONE)
}

/// The worth of a share never falls: assets / shares, crosswise.
fn check_worth(before: &Books, after: &Books) {
    let [old, new] = [before, after].map(|books| (wide(books.assets()), wide(books.shares)));
    assert!(new.0 * old.1 >= old.0 * new.1, "{before:?} {after:?}");
}

fn check_debt(books: &Books) {
    let product = wide(books.debt_shares) * wide(books.index);
    assert!(is_floor(wide(books.debt()), product, one()));
    assert!(is_ceiling(
        wide(books.owed(books.debt_shares)),
        product,
        one()
    ));
}

fn check_deposit(books: &Books, amount: u64) {
    let product = wide(amount) * wide(books.shares);
    match books.deposit(amount) {
        None if books.shares == 0 => assert!(
            !(SHARES_LOCKED..=1 << 57).contains(&amount) || u64::MAX - amount < books.liquidity
        ),
        None => assert!(
            books.assets() == 0
                || product >= wide(1_u128 << 57) * wide(books.assets()) / wide(2_u8)
                || books.liquidity.checked_add(amount).is_none()
                || books.shares > 1 << 56
        ),
        Some((after, shares)) if books.shares == 0 => {
            assert_eq!((after.shares, shares + SHARES_LOCKED), (amount, amount));
        }
        Some((after, shares)) => {
            assert!(is_floor(wide(shares), product, wide(books.assets())));
            assert_eq!(after.shares - books.shares, shares);
            assert_eq!(after.liquidity - books.liquidity, amount);
            check_worth(books, &after);
        }
    }
}

fn check_withdrawal(books: &Books, shares: u64) {
    let Some((after, amount)) = books.withdraw(shares) else {
        let is_too_much = wide(shares) + wide(SHARES_LOCKED) > wide(books.shares);
        let part = wide(shares) * wide(books.assets());
        let is_lent = part >= (wide(books.liquidity) + wide(1_u8)) * wide(books.shares);
        assert!(
            is_too_much || is_lent || books.shares == 0,
            "{books:?} {shares}"
        );
        return;
    };
    let part = wide(shares) * wide(books.assets());
    assert!(is_floor(wide(amount), part, wide(books.shares)));
    assert_eq!(books.liquidity - after.liquidity, amount);
    check_worth(books, &after);
}

fn check_loan(books: &Books, amount: u64) {
    let Some((after, shares)) = books.borrow(amount) else {
        let shares = wide(amount) * one() / wide(books.index) + wide(1_u8);
        let exceeds = shares + wide(books.debt_shares) > wide(u64::MAX);
        assert!(amount > books.liquidity || exceeds, "{books:?} {amount}");
        return;
    };
    assert!(is_ceiling(
        wide(shares),
        wide(amount) * one(),
        wide(books.index)
    ));
    check_worth(books, &after);
    assert!(
        after.owed(shares) >= amount.into(),
        "no less than was lent is owed"
    );
    // Repaid at once, it takes all of it, and never less than was lent.
    let (repaid, taken, gone) = after.repay(shares, u64::MAX).expect("it is there");
    assert!(gone == shares && taken >= amount, "{books:?} {amount}");
    check_worth(books, &repaid);
}

fn check_repayment(books: &Books, amount: u64) {
    let owed = books.owed(books.debt_shares);
    let Some((after, taken, gone)) = books.repay(books.debt_shares, amount) else {
        let room = u64::MAX - books.liquidity;
        assert!(owed.min(amount.into()) > room.into(), "{books:?} {amount}");
        return;
    };
    assert!(taken <= amount && u128::from(taken) <= owed);
    if u128::from(amount) < owed {
        let paid = wide(amount) * one();
        assert!(is_floor(wide(gone), paid, wide(books.index)));
    } else {
        assert_eq!((u128::from(taken), gone), (owed, books.debt_shares));
    }
    check_worth(books, &after);
}

fn check_loss(books: &Books, gone: u64) {
    let Some((after, loss)) = books.write_off(gone) else {
        assert!(gone > books.debt_shares);
        return;
    };
    assert_eq!(books.debt() - after.debt(), loss);
    assert_eq!(books.cushion - after.cushion, loss.min(books.cushion));
    let borne = loss.saturating_sub(books.cushion);
    assert_eq!(books.assets() - after.assets(), borne);
}

/// A reserve that can be: the cushion is part of what there is.
fn books(numbers: [u64; 4], index: u128) -> Books {
    let [liquidity, shares, debt_shares, cushion] = numbers;
    let books = Books {
        liquidity,
        shares: shares.min(1 << 57),
        debt_shares,
        index,
        cushion: 0,
    };
    let all = books.debt() + u128::from(liquidity);
    Books {
        cushion: u128::from(cushion).min(all / 2),
        ..books
    }
}

fn check_all(books: &Books, amount: u64) {
    check_debt(books);
    if books.shares >= SHARES_LOCKED || books.shares == 0 {
        check_deposit(books, amount);
    }
    check_withdrawal(books, amount);
    check_loan(books, amount);
    check_repayment(books, amount);
    check_loss(books, amount);
}

#[test]
fn edge_values_are_exact() {
    // Above its bound a reserve takes no deposits, and interest adds to debts alone.
    let held = || EDGES.into_iter().filter(|number| *number <= DEPOSITS_MAX);
    for liquidity in held() {
        for (shares, debt_shares) in
            held().flat_map(|shares| held().map(move |debt| (shares, debt)))
        {
            for index in INDICES {
                let books = books([liquidity, shares, debt_shares, liquidity], index);
                EDGES.iter().for_each(|amount| check_all(&books, *amount));
            }
        }
    }
}

/// Within its bounds a reserve always knows what shares are worth.
#[test]
fn no_interest_locks_a_reserve() {
    let numbers = [DEPOSITS_MAX, 1 << 57, DEPOSITS_MAX, 0];
    let books = books(numbers, INDEX_MAX);
    assert!(books.worth(1 << 57).is_some());
    let grown = books.grown(INDEX_MAX, PARTS);
    assert_eq!((grown.index, grown.debt()), (INDEX_MAX, books.debt()));
    let worth = u128::from(DEPOSITS_MAX) * 10_001;
    assert_eq!(grown.assets(), worth);
}

/// The factor against the power itself, as a fraction.
fn check_growth(rate: u64, slots: u64) {
    let found = wide(growth(rate, slots));
    let exponent = wide(slots);
    let numerator = (one() + wide(rate)).pow(exponent) * one();
    let denominator = one().pow(exponent);
    assert!(
        found * denominator >= numerator || found == wide(INDEX_MAX),
        "{rate} {slots}: no less than the power"
    );
    // Each step rounds up by less than a unit, and is squared with the rest.
    let slack = wide(4 * slots + 1) * found / one() + wide(4 * slots);
    assert!(
        (found - slack.min(found)) * denominator <= numerator,
        "{rate} {slots}: hardly more than the power"
    );
}

#[test]
fn interest_compounds_exactly() {
    for rate in [0, 1, 2, 507_000, 12_700_000, RATE_MAX - 1, RATE_MAX] {
        for slots in [0, 1, 2, 3, 4, 7, 15, 16] {
            check_growth(rate, slots);
        }
    }
    assert_eq!(growth(0, u64::MAX), ONE);
    assert_eq!(growth(RATE_MAX, u64::MAX), INDEX_MAX);
    // A year at 2.5 slots a second and 4 %: 1.0408 when it compounds, from the power series.
    let year = growth(507_000, 78_840_000);
    assert!(
        (ONE * 104_078 / 100_000..ONE * 104_082 / 100_000).contains(&year),
        "{year}"
    );
}

fn check_value(priced: Priced, amount: u128) {
    let digits = wide(10_u8).pow(wide(9_u8));
    let scale = wide(10_u8).pow(wide(priced.scale));
    let product = wide(amount) * wide(priced.price) * digits;
    if let Some(value) = priced.value(amount) {
        assert!(is_floor(wide(value), product, scale), "{priced:?} {amount}");
    }
    if let Some(value) = priced.value_up(amount) {
        assert!(
            is_ceiling(wide(value), product, scale),
            "{priced:?} {amount}"
        );
    }
    let (product, price) = (wide(amount) * scale, wide(priced.price) * digits);
    if let Some(tokens) = priced.tokens(amount) {
        assert!(
            is_floor(wide(tokens), product, price),
            "{priced:?} {amount}"
        );
    }
    if let Some(tokens) = priced.tokens_up(amount) {
        assert!(
            is_ceiling(wide(tokens), product, price),
            "{priced:?} {amount}"
        );
    }
}

#[test]
fn values_are_exact() {
    for (amount, price) in EDGES
        .into_iter()
        .flat_map(|a| EDGES.map(|price| (a, price)))
    {
        for scale in [0, 1, 8, 9, 10, 18, SCALE_MAX] {
            let priced = Priced {
                price: price.max(1),
                scale,
            };
            check_value(priced, amount.into());
            check_value(priced, u128::from(amount) << 64);
        }
        // Where digits are no fewer than a value's, 128 bits hold every product of two numbers.
        let priced = Priced { price, scale: 9 };
        assert!(priced.value(amount.into()).is_some());
    }
    assert_eq!(is_covered(u128::MAX, 1, 1), None);
    assert_eq!(is_covered(0, 0, 0), Some(true));
}

/// A number of any magnitude.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| number >> shift)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 4_000,
        ..Default::default()
    })]

    #[test]
    fn random_values_are_exact(
        numbers in [number(), number(), number(), number()],
        index in ONE..=INDEX_MAX,
        amount in number(),
        (rate, slots) in (0..=RATE_MAX, 0..16_u64),
    ) {
        let numbers = numbers.map(|number| number >> 8);
        let before = books(numbers, index);
        check_all(&before, amount);
        check_growth(rate, slots);
        let after = before.grown(growth(rate, slots), 1_000);
        check_worth(&before, &after);
        prop_assert!(after.index >= before.index && after.cushion >= before.cushion);
    }

    /// Rates ascend with utilisation, and stay between their ends.
    #[test]
    fn rates_ascend(
        mut rates in [0..=RATE_MAX, 0..=RATE_MAX, 0..=RATE_MAX],
        kink in 1..PARTS,
        debt in number(),
        liquidity in number(),
        more in 0..1_000_000_u64,
    ) {
        rates.sort_unstable();
        let slope = Slope { rates, kink };
        prop_assert!(slope.is_sound());
        let rate = slope.rate(debt.into(), liquidity);
        prop_assert!(rates[0] <= rate && rate <= rates[2]);
        prop_assert!(slope.rate(u128::from(debt) + u128::from(more), liquidity) >= rate);
        if debt > 0 {
            prop_assert_eq!(slope.rate(debt.into(), 0), rates[2]);
        }
    }

    /// A liquidation never takes more than the bonus above what it repays, nor all for nothing.
    #[test]
    fn liquidations_take_no_more_than_their_bonus(
        prices in [1..1_000_000_u64, 1..1_000_000_u64],
        scales in [6..18_u8, 6..18_u8],
        repaid in 1..1_000_000_000_000_u128,
        available in 1..1_000_000_000_000_u128,
        bonus in 0..2_000_u16,
    ) {
        let [debt, held] = [0, 1].map(|side| Priced { price: prices[side], scale: scales[side] });
        let (paid, taken) = seized([debt, held], repaid, available, bonus).expect("it is small");
        prop_assert!(paid <= repaid && taken <= available);
        let [ten, parts] = [wide(10_u8), wide(PARTS)];
        let at = |priced: Priced, amount: u128, other: Priced| {
            wide(amount) * wide(priced.price) * ten.pow(wide(other.scale))
        };
        // Crosswise, in exact fractions: what is taken against what is paid.
        let given = at(debt, paid, held) * (parts + wide(bonus));
        prop_assert!(at(held, taken, debt) * parts <= given, "the rest is the reserve's");
        if taken < available {
            prop_assert_eq!(paid, repaid);
        }
    }
}

/// Neither loans and repayments nor deposits and withdrawals of dust drain a reserve.
#[test]
fn a_thousand_small_calls_drain_nothing() {
    let (mut books, _) = Books::new().deposit(5_000).expect("it is enough");
    let mut paid_in = 0_i128;
    for round in 0..1_000_u64 {
        let before = books;
        books = books.grown(growth(RATE_MAX, round % 3), 1_000);
        let interest = books.debt() - before.debt();
        let (lent, debt_shares) = books.borrow(1 + round % 7).expect("there is enough");
        let (repaid, taken, gone) = lent.repay(debt_shares, 1 + round % 5).expect("it is small");
        let (rest, last, all) = repaid
            .repay(debt_shares - gone, u64::MAX)
            .expect("it is small");
        assert_eq!(gone + all, debt_shares);
        assert!(taken + last > round % 7, "no less than was lent");
        let (grown, shares) = rest.deposit(3 + round % 11).expect("it is small");
        let (left, back) = grown.withdraw(shares).expect("it is there");
        assert!(back <= 3 + round % 11);
        check_worth(&books, &left);
        paid_in += i128::from(taken + last) - i128::from(1 + round % 7);
        paid_in += i128::from(3 + round % 11) - i128::from(back);
        assert!(paid_in >= 0 && interest == 0);
        books = left;
    }
    assert_eq!(i128::from(books.liquidity), 5_000 + paid_in);
}
