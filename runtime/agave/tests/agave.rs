//! The driver against Agave's own code: its handshake server, its queues and allocators, and its
//! helpers that read batches and write answers. What executes here is a chain in small: balances,
//! and the transactions that it knows.

mod common;

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use common::{Validator, transfers};
use lockstep_agave::{
    Driver, DriverOptions,
    v4_3::{HandshakeError, Session, SessionOptions},
};

const WORKERS: usize = 2;
const TIMEOUT: Duration = Duration::from_secs(30);

fn options() -> SessionOptions {
    SessionOptions {
        allocator_size: 64 << 20,
        tpu_capacity: 1_024,
        ..SessionOptions::standard(WORKERS)
    }
}

fn driver() -> Driver {
    let workers = NonZeroU32::new(WORKERS as u32).expect("two is not zero");
    Driver::new(DriverOptions {
        fill_time: 0,
        silence_max: 300_000,
        ..DriverOptions::standard(workers)
    })
}

/// Lets the driver turn until this holds.
fn turn_until(
    driver: &mut Driver,
    session: &mut Session,
    start: Instant,
    mut holds: impl FnMut(&mut Driver) -> bool,
) {
    let begin = Instant::now();
    loop {
        let now = start.elapsed().as_micros() as u64;
        driver.turn(session, now);
        if holds(driver) {
            return;
        }
        assert!(begin.elapsed() < TIMEOUT, "{:?}", driver.figures());
        std::thread::yield_now();
    }
}

#[test]
fn transfers_are_checked_pooled_and_executed_once() {
    let validator = Validator::start(1);
    let mut session = validator.connect(&options()).expect("it listens");
    let (mut driver, start) = (driver(), Instant::now());
    driver.attach(0);
    let all = transfers(200);
    // Some twice, and bytes that are none.
    validator.receive(&all);
    validator.receive(&all[..20]);
    validator.receive(&[vec![7; 99]]);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.figures().pooled == 200
    });
    let figures = driver.figures();
    assert_eq!(
        (figures.received, figures.repeated, figures.refused),
        (221, 20, 1)
    );
    assert_eq!(figures.executed, 0, "it is not leader");

    validator.lead(7);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.figures().included == 200
    });
    validator.check(&all, 200);
    assert_eq!(driver.unsettled_count(), 0);
    assert_eq!(driver.figures().in_flight, 0);
    // Everything was freed but what the allocator's slabs keep.
    assert_eq!(session.lent_count(), 0);
}

#[test]
fn what_finds_no_bank_waits_for_the_next_slot() {
    let validator = Validator::start(1);
    let mut session = validator.connect(&options()).expect("it listens");
    let (mut driver, start) = (driver(), Instant::now());
    driver.attach(0);
    let all = transfers(150);
    validator.receive(&all);
    validator.set_banks(false);
    validator.lead(3);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.figures().retried > 150
    });
    validator.rest(4);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.figures().in_flight == 0 && driver.figures().pooled == 150
    });
    validator.set_banks(true);
    validator.lead(5);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.figures().included == 150
    });
    validator.check(&all, 150);
}

#[test]
fn what_is_too_old_is_not_executed() {
    let validator = Validator::start(1);
    let mut session = validator.connect(&options()).expect("it listens");
    let workers = NonZeroU32::new(WORKERS as u32).expect("two is not zero");
    let mut driver = Driver::new(DriverOptions {
        lifetime: 200_000,
        ..DriverOptions::standard(workers)
    });
    let start = Instant::now();
    driver.attach(0);
    validator.receive(&transfers(50));
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.figures().received == 50 && driver.unsettled_count() == 0
    });
    let figures = driver.figures();
    assert_eq!(
        (figures.expired, figures.pooled, figures.executed),
        (50, 0, 0)
    );
}

#[test]
fn a_killed_worker_is_noticed_and_nothing_is_lost_or_doubled() {
    let validator = Validator::start(2);
    let mut session = validator.connect(&options()).expect("it listens");
    let (mut driver, start) = (driver(), Instant::now());
    driver.attach(0);
    let all = transfers(300);
    validator.receive(&all);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.figures().pooled == 300
    });
    // The worker dies with requests unanswered, one of them executed.
    validator.kill_worker_after(30);
    validator.lead(7);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.is_lost(start.elapsed().as_micros() as u64)
    });
    driver.detach(session);
    assert!(driver.figures().included < 300);
    assert_eq!(driver.figures().in_flight, 0);

    let mut session = validator.connect(&options()).expect("it listens again");
    driver.attach(start.elapsed().as_micros() as u64);
    validator.lead(8);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.unsettled_count() == 0
    });
    let figures = driver.figures();
    assert_eq!(figures.included + figures.processed, 300, "{figures:?}");
    assert!(figures.processed > 0, "{figures:?}");
    validator.check(&all, 300);
}

#[test]
fn a_killed_scheduler_leaves_a_validator_that_another_one_serves() {
    let validator = Validator::start(2);
    let all = transfers(120);
    let start = Instant::now();
    {
        let mut session = validator.connect(&options()).expect("it listens");
        let mut killed = driver();
        killed.attach(0);
        validator.receive(&all);
        validator.lead(7);
        turn_until(&mut killed, &mut session, start, |driver| {
            driver.figures().included >= 40
        });
        // The process ends: what it has sent is executed all the same.
    }
    let mut session = validator.connect(&options()).expect("it listens again");
    let mut driver = driver();
    driver.attach(start.elapsed().as_micros() as u64);
    // Clients send again what they have heard nothing of.
    validator.receive(&all);
    validator.lead(8);
    turn_until(&mut driver, &mut session, start, |driver| {
        driver.figures().received == 120 && driver.unsettled_count() == 0
    });
    validator.check(&all, 120);
}

#[test]
fn refusals_of_the_handshake_say_why() {
    let validator = Validator::start(1);
    let error = validator.connect(&SessionOptions::standard(65));
    let Err(HandshakeError::Refused(reason)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(reason, "Worker count; count=65");
    let nowhere = std::path::Path::new("/nonexistent/scheduler_bindings.ipc");
    let error = Session::connect(nowhere, &options(), TIMEOUT);
    assert!(matches!(error, Err(HandshakeError::Io(_))));
}
