//! Figures of a network of processes on this machine: `cargo bench --bench figures -- NAME...`, all
//! of them without a name. Members and client share the processors.
//!
//! ```text
//! rate      a single node, and four validators: final transactions per second
//! blocks    small blocks: final ones per second
//! latency   blocks every 250 ms, 500 transactions per second: from sending to final
//! memory    500 transactions per second for an hour, or LOCKSTEP_MINUTES: bytes of each member
//! join      a member with 1,000,000 accounts is wiped and started under load: back at the tip
//! ```
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a benchmark prints, and ends with what fails"
)]

#[path = "../tests/processes/mod.rs"]
mod processes;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use lockstep_interface::Address;
use lockstep_node::client::{LoadOptions, LoadReport, Workload, load};
use serde_json::{Value, json};

use processes::{Members, size_of, slot, wait};

/// Transactions per second that no network here reaches.
const RATE_MAX: u64 = 40_000;
/// Slots of an epoch.
const EPOCH_SLOTS: u64 = 1_200;
/// Accounts of the member that joins.
const ACCOUNT_COUNT: u64 = 1_000_000;

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let chosen = |name: &str| {
        let mut asked = names.iter().filter(|name| !name.starts_with("--"));
        asked.clone().next().is_none() || asked.any(|asked| asked == name)
    };
    if chosen("rate") {
        rate();
    }
    if chosen("blocks") {
        blocks();
    }
    if chosen("latency") {
        latency();
    }
    if chosen("join") {
        join();
    }
    // Only if it is named.
    if names.iter().any(|name| name == "memory") {
        memory();
    }
}

/// A network as `testnet` makes it by default.
fn network(name: &str, count: u16, block_millis: u64) -> Members {
    Members::with_epochs(name, count, block_millis, EPOCH_SLOTS)
}

/// Puts a member under load for some seconds.
fn put_under_load(members: &Members, place: usize, rate: u64, seconds: u64) -> LoadReport {
    let http = &members.urls[place];
    let port: u16 = http.rsplit(':').next().unwrap().parse().unwrap();
    let options = LoadOptions {
        http: http.clone(),
        socket: format!("ws://127.0.0.1:{}", port + 1),
        workload: Workload::Transfers,
        rate,
        time: Duration::from_secs(seconds),
        senders: 1_000,
        lanes: 4,
    };
    load(&options, &mut |_| {}).unwrap()
}

fn per_second(report: &LoadReport) -> u64 {
    report.confirmed * 1_000 / report.millis.max(1)
}

fn rate() {
    let mut rates = Vec::new();
    for count in [1, 4] {
        let mut members = network("figures-rate", count, 250);
        members.start_all();
        let report = put_under_load(&members, 0, RATE_MAX, 20);
        rates.push(per_second(&report));
        println!(
            "rate/validators={count}: {} transactions/s, {report:?}",
            per_second(&report)
        );
    }
    let [one, four] = rates[..] else {
        return;
    };
    let quarter = (one / 4).max(1);
    println!(
        "rate: {four} of one node's {one} / 4 = {quarter}: {}.{:02} of it (0.8 asked)",
        four / quarter,
        four % quarter * 100 / quarter
    );
}

fn blocks() {
    let mut members = network("figures-blocks", 4, 1);
    members.start_all();
    thread::sleep(Duration::from_secs(3));
    let (first, start) = (slot(&members.urls[0]).unwrap(), Instant::now());
    thread::sleep(Duration::from_secs(20));
    let last = slot(&members.urls[0]).unwrap();
    let millis = u64::try_from(start.elapsed().as_millis()).unwrap();
    println!(
        "blocks: {} final blocks/s without transactions (50 asked)",
        (last - first) * 1_000 / millis
    );
}

fn latency() {
    let mut members = network("figures-latency", 4, 250);
    members.start_all();
    for place in 0..2 {
        let report = put_under_load(&members, place, 500, 20);
        println!(
            "latency/member={place}: p50 {} ms, p99 {} ms (400 and 1,000 asked), {report:?}",
            report.latency.p50, report.latency.p99
        );
    }
}

fn memory() {
    let minutes = std::env::var("LOCKSTEP_MINUTES").ok();
    let minutes: u64 = minutes.map_or(60, |minutes| minutes.parse().unwrap());
    let mut members = network("figures-memory", 4, 250);
    members.start_all();
    for minute in 1..=minutes {
        let report = put_under_load(&members, minute as usize % 4, 500, 60);
        let sizes = (0..4).map(|place| members.memory(place).to_string());
        println!(
            "memory/minute={minute}: {} KiB, {} of {} transactions final, slot {}",
            sizes.collect::<Vec<_>>().join(" "),
            report.confirmed,
            report.accepted,
            slot(&members.urls[0]).unwrap()
        );
    }
}

fn join() {
    let mut members = network("figures-join", 4, 250);
    let path = members.folder.join("network.json");
    let mut file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let accounts = (1..=ACCOUNT_COUNT).map(|number| {
        let mut bytes = [0x5a; 32];
        bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        let address = Address::new_from_array(bytes).to_string();
        json!({ "address": address, "lamports": 1_000_000 + number })
    });
    file["chain"] = json!({ "accounts": accounts.collect::<Vec<Value>>() });
    fs::write(&path, file.to_string()).unwrap();
    members.start_all();
    wait("a network that has begun", || {
        slot(&members.urls[0]).filter(|slot| *slot > 20)
    });
    thread::scope(|scope| {
        let members = &mut members;
        let (url, rest) = (members.urls[0].clone(), members.urls[3].clone());
        let http = LoadOptions {
            http: url.clone(),
            socket: format!("ws://127.0.0.1:{}", url[17..].parse::<u16>().unwrap() + 1),
            workload: Workload::Transfers,
            rate: 500,
            time: Duration::from_secs(90),
            senders: 1_000,
            lanes: 4,
        };
        let loading = scope.spawn(move || load(&http, &mut |_| {}).unwrap());
        thread::sleep(Duration::from_secs(10));
        members.kill(3);
        members.wipe(3);
        let start = Instant::now();
        members.start(3);
        wait("the tip", || {
            let tip = slot(&url)?;
            slot(&rest).filter(|slot| slot + 4 >= tip)
        });
        println!(
            "join/accounts={ACCOUNT_COUNT}: back at the tip after {} ms (60,000 asked)",
            start.elapsed().as_millis()
        );
        let offer = fs::metadata(members.folder(3).join("data/snapshot/offer"));
        println!(
            "join: by a snapshot whose offer has {} bytes",
            offer.unwrap().len()
        );
        let report = loading.join().unwrap();
        println!("join: meanwhile {report:?}");
    });
    members.expect_one_tip();
    println!(
        "join: the member's directory has {} bytes",
        size_of(&members.folder(3))
    );
    members.stop(3);
    if let Some(kept) = std::env::var_os("LOCKSTEP_KEEP") {
        let ledger = members.folder(3).join("data/ledger");
        fs::rename(ledger, kept).unwrap();
    }
}
