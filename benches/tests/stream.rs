//! The stream scheduler earns more than Agave's greedy rules where transactions contend, and as
//! much where they do not.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "figures of a simulation are far below 64 bits"
)]

use lockstep_benches::stream::{
    Greedy, Planned, SimulationOptions, StreamFigures, StreamLoad, simulate,
};

/// What greedy rules and the stream scheduler come to, for half as much again as fits.
fn judge(name: &str, workers: u32) -> [StreamFigures; 2] {
    let options = SimulationOptions {
        slots: 3,
        ..SimulationOptions::mainnet(workers, 200_000_000)
    };
    let duration = options.slot_time * 3;
    let capacity = duration / options.unit_time * u64::from(workers);
    let units = capacity.min(3 * options.block_units) / 2 * 3;
    let load = StreamLoad::synthetic(name, duration, units, 7);
    let greedy = simulate(&load, &mut Greedy::new(&options), options);
    let planned = simulate(&load, &mut Planned::new(&options), options);
    [greedy, planned]
}

/// Fails unless fees and units are at least these per mille of the greedy rules'.
fn check(name: &str, workers: u32, fees: u64, units: u64) {
    let [greedy, planned] = judge(name, workers);
    let context = format!("{name} on {workers}: {greedy:?}, {planned:?}");
    assert!(planned.fees * 1_000 >= greedy.fees * fees, "{context}");
    assert!(planned.units * 1_000 >= greedy.units * units, "{context}");
    assert_eq!(planned.refused, 0, "{context}");
}

#[test]
fn contention_pays_more_than_under_greedy_rules() {
    check("pools", 4, 1_050, 1_050);
    check("pools", 16, 1_010, 1_000);
    check("hot", 4, 1_050, 1_000);
    check("zipf", 4, 1_030, 1_000);
    check("oracle", 4, 1_030, 980);
}

#[test]
fn without_contention_nothing_is_lost() {
    check("uniform", 4, 990, 990);
    check("uniform", 16, 990, 990);
}

#[test]
fn what_pays_well_waits_for_short_queues() {
    let [greedy, planned] = judge("pools", 4);
    let [median, _] = planned.waits[0];
    assert!(median * 2 < greedy.waits[0][0], "{planned:?}");
}
