//! The arithmetic of pools against its definition: the largest or smallest number that keeps the
//! product, found by asking of each result and of its neighbour whether they do, in 128 bits.

use lockstep_market::curve::{Contribution, FEE_MAX, FEE_PARTS, Holdings, SHARES_LOCKED, Side};
use proptest::prelude::*;

/// Zero, dust, the limits of 32 and 64 bits, and what lies beside them.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    3,
    999,
    1_000,
    1_001,
    u32::MAX as u64,
    1 << 32,
    (1 << 32) + 1,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX - 1,
    u64::MAX,
];
const FEES: [u16; 4] = [0, 1, 30, FEE_MAX];

fn wide(number: u64) -> u128 {
    number.into()
}

/// What is left of a payment after the fee: the largest number of which that is true.
fn net(paid: u64, fee: u16) -> u128 {
    let (parts, kept) = (u128::from(FEE_PARTS), u128::from(FEE_PARTS - fee));
    let net = wide(paid) * kept / parts;
    assert!(net * parts <= wide(paid) * kept && (net + 1) * parts > wide(paid) * kept);
    net
}

fn check_sale(pool: &Holdings, sold: Side, paid: u64, fee: u16) {
    let [x, y] = pool.reserves.map(wide);
    let (x, y) = if sold == Side::A { (x, y) } else { (y, x) };
    let grown = x + net(paid, fee);
    let got = pool.sale(sold, paid, fee).map(wide);
    if grown > wide(u64::MAX) {
        assert_eq!(got, None, "{pool:?} {paid} {fee}");
        return;
    }
    let got = got.expect("the reserve fits 64 bits");
    assert!(
        got < y && grown * (y - got) >= x * y,
        "{pool:?} {paid} {fee}"
    );
    assert!(
        grown * (y - got - 1) < x * y,
        "{pool:?} {paid} {fee}: it gives too little"
    );
}

fn check_purchase(pool: &Holdings, sold: Side, wanted: u64, fee: u16) {
    let [x, y] = pool.reserves.map(wide);
    let (x, y) = if sold == Side::A { (x, y) } else { (y, x) };
    let is_paid = |paid: u64| net(paid, fee) * (y - wide(wanted)) >= wide(wanted) * x;
    match pool.purchase(sold, wanted, fee) {
        None => assert!(
            wide(wanted) >= y || !is_paid(u64::MAX),
            "{pool:?} {wanted} {fee}"
        ),
        Some(paid) => {
            assert!(wide(wanted) < y && is_paid(paid), "{pool:?} {wanted} {fee}");
            let is_least = paid == 0 || !is_paid(paid - 1);
            assert!(is_least, "{pool:?} {wanted} {fee}: it costs too much");
        }
    }
}

fn check_deposit(pool: &Holdings, amounts_max: [u64; 2]) {
    let [x, y] = pool.reserves.map(wide);
    let [a, b] = amounts_max.map(wide);
    let all = wide(pool.shares);
    let is_paid = |shares: u128| shares * x <= a * all && shares * y <= b * all;
    let Some(Contribution {
        amounts,
        shares,
        issued,
    }) = pool.deposit(amounts_max)
    else {
        assert!(is_paid(1 << 64), "{pool:?} {amounts_max:?}");
        return;
    };
    assert_eq!(shares, issued);
    let shares = wide(shares);
    assert!(is_paid(shares), "{pool:?} {amounts_max:?}");
    assert!(
        !is_paid(shares + 1),
        "{pool:?} {amounts_max:?}: it gives too little"
    );
    for ((taken, most), reserve) in amounts.map(wide).into_iter().zip([a, b]).zip([x, y]) {
        assert!(taken <= most && taken * all >= shares * reserve);
        assert!(taken == 0 || (taken - 1) * all < shares * reserve);
    }
}

fn check_withdrawal(pool: &Holdings, shares: u64) {
    let Some(amounts) = pool.withdrawal(shares) else {
        assert!(wide(shares) + wide(SHARES_LOCKED) > wide(pool.shares));
        return;
    };
    let all = wide(pool.shares);
    for (given, reserve) in amounts.map(wide).into_iter().zip(pool.reserves.map(wide)) {
        let part = wide(shares) * reserve;
        assert!(given * all <= part && part < (given + 1) * all);
        assert!(given < reserve, "a withdrawal empties no reserve");
    }
}

fn check_all(pool: &Holdings, amounts: [u64; 2], fee: u16) {
    for sold in [Side::A, Side::B] {
        for amount in amounts {
            check_sale(pool, sold, amount, fee);
            check_purchase(pool, sold, amount, fee);
        }
    }
    check_deposit(pool, amounts);
    check_withdrawal(pool, amounts[0]);
}

#[test]
fn edge_values_are_exact() {
    let in_use = || EDGES.into_iter().filter(|number| *number > 0);
    for x in in_use() {
        for y in in_use() {
            let reserves = [x, y];
            for shares in in_use().filter(|shares| *shares >= SHARES_LOCKED) {
                let pool = Holdings { reserves, shares };
                for amount in EDGES {
                    check_deposit(&pool, [amount, u64::MAX]);
                    check_deposit(&pool, [u64::MAX, amount]);
                    check_withdrawal(&pool, amount);
                }
            }
            let shares = SHARES_LOCKED;
            let pool = Holdings { reserves, shares };
            for (amount, fee) in EDGES.into_iter().flat_map(|a| FEES.map(|fee| (a, fee))) {
                check_sale(&pool, Side::A, amount, fee);
                check_purchase(&pool, Side::B, amount, fee);
            }
        }
    }
}

/// The first deposit: the root of the product, the locked shares less.
#[test]
fn the_first_deposit_is_exact() {
    for [a, b] in EDGES.into_iter().flat_map(|a| EDGES.map(|b| [a, b])) {
        let product = wide(a) * wide(b);
        let Some(deposit) = Holdings::default().deposit([a, b]) else {
            assert!(product < wide(SHARES_LOCKED) * wide(SHARES_LOCKED));
            continue;
        };
        let root = wide(deposit.issued);
        assert!(root * root <= product);
        let is_root = (root + 1)
            .checked_mul(root + 1)
            .is_none_or(|next| next > product);
        assert!(is_root);
        assert_eq!(
            (deposit.amounts, deposit.shares + SHARES_LOCKED),
            ([a, b], deposit.issued)
        );
    }
}

/// A number of any magnitude.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| (number >> shift).max(1))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 4_000,
        ..Default::default()
    })]

    #[test]
    fn random_values_are_exact(
        reserves in [number(), number()],
        shares in number(),
        amounts in [number(), number()],
        fee in 0..=FEE_MAX,
    ) {
        let shares = shares.max(SHARES_LOCKED);
        check_all(&Holdings { reserves, shares }, amounts, fee);
    }

    /// Neither trades nor a thousand small deposits and withdrawals take from a share's worth.
    #[test]
    fn no_sequence_drains_a_pool(
        reserves in [1..1_000_u64, 1..1_000_u64],
        shares in SHARES_LOCKED..4_000,
        amounts in [1..50_u64, 1..50_u64],
    ) {
        let mut pool = Holdings { reserves, shares };
        let mut held = [0_i64; 2];
        for round in 0..1_000 {
            let before = pool;
            let sold = if round % 2 == 0 { Side::A } else { Side::B };
            if let Some(got) = pool.sale(sold, amounts[0], 0) {
                pool = pool.after_trade(sold, amounts[0], got).expect("it is small");
                let (paid, got) = (amounts[0] as i64, got as i64);
                let changes = if sold == Side::A { [-paid, got] } else { [got, -paid] };
                held = [held[0] + changes[0], held[1] + changes[1]];
                prop_assert!(pool.product() >= before.product());
            }
            let deposit = pool.deposit(amounts).expect("it is small");
            let grown = pool.after_deposit(deposit).expect("it is small");
            let back = grown.withdrawal(deposit.shares).expect("they are there");
            prop_assert!(back[0] <= deposit.amounts[0] && back[1] <= deposit.amounts[1]);
            pool = grown.after_withdrawal(deposit.shares, back).expect("they are there");
            prop_assert!(pool.product() >= before.product() && pool.shares == before.shares);
        }
        prop_assert!(held[0] <= 0 || held[1] <= 0, "nothing is gained of both: {held:?}");
    }
}
