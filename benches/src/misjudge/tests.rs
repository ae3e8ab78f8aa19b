//! How wrong costs get.

use super::*;

#[test]
fn costs_are_wrong_by_no_more_than_asked() {
    let mut table = AccessTable::new();
    for _ in 0..1_000 {
        table.push([], 1_000);
    }
    let strategy = || Arc::new(lockstep_scheduler::Serial);
    for (per_cent, least, most, wide) in [
        (0, 1_000, 1_000, 0),
        (30, 700, 1_300, 540),
        (200, 0, 2_000, 1_800),
    ] {
        let seen = Misjudged::new(strategy(), per_cent, 7).distort(&table);
        let costs: Vec<u64> = seen.transactions().map(|index| seen.cost(index)).collect();
        assert!(costs.iter().all(|cost| (least..=most).contains(cost)));
        let spread = costs.iter().max().zip(costs.iter().min());
        let spread = spread.map(|(max, min)| max.saturating_sub(*min));
        assert!(spread >= Some(wide), "{spread:?}");
    }
}
