//! The curve of stable pools against its equation in integers of 512 bits: the largest or the
//! smallest number that leaves what the pool is worth.

use lockstep_market::curve::stable::{AMPLIFICATION_MAX, purchase, sale, worth};
use proptest::prelude::*;
use ruint::aliases::U512;

const EDGES: [u64; 11] = [
    1,
    2,
    3,
    999,
    1_000,
    u32::MAX as u64,
    1 << 32,
    1 << 62,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];
const CURVES: [u16; 4] = [1, 2, 100, AMPLIFICATION_MAX];

fn wide(number: impl Into<u128>) -> U512 {
    U512::from(number.into())
}

/// Whether a pool is worth at least so much: 4A(x + y) + D >= 4AD + D^3 / 4xy.
fn reaches([x, y]: [u64; 2], worth: u128, curve: u16) -> bool {
    let [x, y, d] = [wide(x), wide(y), wide(worth)];
    let (four_a, four_xy) = (wide(4 * u128::from(curve)), wide(4_u8) * x * y);
    four_xy * (four_a * (x + y) + d) >= four_xy * four_a * d + d * d * d
}

fn check_worth(reserves: [u64; 2], curve: u16) -> u128 {
    let worth = worth(reserves, curve).expect("the reserves are sound");
    assert!(
        worth == 1 || reaches(reserves, worth - 1, curve),
        "{reserves:?} {curve}"
    );
    assert!(!reaches(reserves, worth + 1, curve), "{reserves:?} {curve}");
    let sum = u128::from(reserves[0]) + u128::from(reserves[1]);
    assert!(worth <= sum, "at most one for one");
    worth
}

fn check_sale([x, y]: [u64; 2], paid: u64, curve: u16) {
    let worth = check_worth([x, y], curve);
    let Some(got) = sale([x, y], paid, curve) else {
        assert!(x.checked_add(paid).is_none(), "{x} {y} {paid} {curve}");
        return;
    };
    assert!(got < y, "a sale empties no reserve");
    let grown = x + paid;
    let is_covered = |got| reaches([grown, y - got], worth, curve);
    assert!(got == 0 || is_covered(got), "{x} {y} {paid} {curve}");
    assert!(
        got + 1 == y || !is_covered(got + 1),
        "{x} {y} {paid} {curve}: it gives too little"
    );
}

fn check_purchase([x, y]: [u64; 2], wanted: u64, curve: u16) {
    if wanted == 0 {
        assert_eq!(purchase([x, y], wanted, curve), Some(0));
        return;
    }
    let worth = check_worth([x, y], curve);
    let is_paid = |paid: u64| reaches([x + paid, y - wanted], worth, curve);
    match purchase([x, y], wanted, curve) {
        None => assert!(
            wanted >= y || !is_paid(u64::MAX - x),
            "{x} {y} {wanted} {curve}"
        ),
        Some(paid) => {
            assert!(paid > 0 && is_paid(paid), "{x} {y} {wanted} {curve}");
            let is_least = paid == 1 || !is_paid(paid - 1);
            assert!(is_least, "{x} {y} {wanted} {curve}: it costs too much");
        }
    }
}

#[test]
fn edge_values_are_exact() {
    for [x, y] in EDGES.into_iter().flat_map(|x| EDGES.map(|y| [x, y])) {
        for (amount, curve) in EDGES
            .into_iter()
            .flat_map(|a| CURVES.map(|curve| (a, curve)))
        {
            check_sale([x, y], amount, curve);
            check_purchase([x, y], amount, curve);
        }
    }
    assert_eq!(sale([5, 5], 0, 100), Some(0));
    for (reserves, curve) in [([0, 5], 100), ([5, 0], 100), ([5, 5], 0), ([5, 5], 10_001)] {
        assert_eq!(worth(reserves, curve), None);
        assert_eq!(sale(reserves, 1, curve), None);
        assert_eq!(purchase(reserves, 1, curve), None);
    }
}

/// A number of any magnitude.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| (number >> shift).max(1))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 2_000,
        ..Default::default()
    })]

    #[test]
    fn random_values_are_exact(
        reserves in [number(), number()],
        amount in number(),
        curve in 1..=AMPLIFICATION_MAX,
    ) {
        check_sale(reserves, amount, curve);
        check_purchase(reserves, amount, curve);
    }

    /// Two hundred trades to and fro gain nothing, and what the pool is worth never falls.
    #[test]
    fn no_sequence_drains_a_pool(
        reserves in [1..5_000_u64, 1..5_000_u64],
        amounts in [1..50_u64, 1..50_u64],
        curve in prop_oneof![Just(1), Just(100), Just(AMPLIFICATION_MAX)],
    ) {
        let [mut x, mut y] = reserves;
        let mut held = [0_i64; 2];
        let mut before = check_worth([x, y], curve);
        for round in 0..200 {
            if round % 2 == 0 {
                let got = sale([x, y], amounts[0], curve).expect("it is small");
                (x, y) = (x + amounts[0], y - got);
                held = [held[0] - amounts[0] as i64, held[1] + got as i64];
            } else if let Some(paid) = purchase([y, x], amounts[1], curve) {
                (x, y) = (x - amounts[1], y + paid);
                held = [held[0] + amounts[1] as i64, held[1] - paid as i64];
            }
            let after = check_worth([x, y], curve);
            prop_assert!(after >= before);
            before = after;
        }
        prop_assert!(held[0] <= 0 || held[1] <= 0, "nothing is gained of both: {held:?}");
    }
}
