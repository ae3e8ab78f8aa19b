//! Texts into workloads and back, and what bad texts are told.

use super::*;

#[test]
fn texts_go_both_ways() {
    for (text, expected) in [
        ("transfers", "transfers"),
        ("transfers:accounts=100000", "transfers"),
        ("hot:share=50%:hot=3", "hot:hot=3:share=50%"),
        ("zipf:exponent=1", "zipf"),
        ("adversarial:shape=crown", "adversarial:shape=crown"),
        (
            "zipf:exponent=1.05:accounts=2",
            "zipf:accounts=2:exponent=1.05",
        ),
    ] {
        let spec: WorkloadSpec = text.parse().unwrap();
        assert_eq!(spec.to_string(), expected);
        assert_eq!(
            expected.parse::<WorkloadSpec>().unwrap().to_string(),
            expected
        );
    }
}

#[test]
fn bad_texts_say_what_is_expected() {
    for (text, expected) in [
        (
            "zip",
            "unknown workload \"zip\", expected one of transfers, zipf, hot, chain, \
             one-account, mainnet-mix, pools, pools-mixed, mint, crossing, adversarial, \
             smallbank, ycsb, token, dex, lending, vote-storm, drop, payments, channels, \
             supply-chain, game, city, swap-trace, candy-machines",
        ),
        (
            "zipf:exp=1",
            "workload zipf has no option \"exp\", it has accounts, exponent",
        ),
        (
            "zipf:exponent",
            "option \"exponent\" of workload zipf has no value, expected name=value",
        ),
        (
            "transfers:accounts=1",
            "\"1\" is not a value of transfers's option accounts, expected 2 to 10000000",
        ),
        (
            "adversarial:shape=moon",
            "\"moon\" is not a value of adversarial's option shape, expected path, star, \
             crown, giant, hostile-order",
        ),
        (
            "zipf:exponent=3.001",
            "\"3.001\" is not a value of zipf's option exponent, expected 0.0 to 3.0",
        ),
    ] {
        assert_eq!(
            text.parse::<WorkloadSpec>().unwrap_err().to_string(),
            expected
        );
    }
    for bad in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "1.0001",
        "1e0",
        "99999999999999999999",
    ] {
        assert!(
            format!("zipf:exponent={bad}")
                .parse::<WorkloadSpec>()
                .is_err(),
            "{bad}"
        );
    }
}

#[test]
fn defaults_are_in_range() {
    for family in Families::new().iter() {
        for option in family.options {
            assert!((option.min..=option.max).contains(&option.default));
            assert_eq!(option.parse(&option.show(option.max)), Some(option.max));
        }
    }
}
