//! How many transactions go through the shared queues in a second, against workers that do nothing.
//!
//! `cargo bench --ignore-rust-version --manifest-path runtime/agave/Cargo.toml`. The other side is
//! Agave's: its server gives the session, and its threads answer each batch as executed. Measured
//! are batches of 64 to be executed, and their answers: allocating a batch, writing it, sending,
//! reading, answering, freeing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use agave_scheduler_bindings::{
    WorkerToPackMessage, processed_codes,
    worker_message_types::{ExecutionResponse, not_included_reasons},
};
use agave_scheduling_utils::{
    handshake::{AgaveWorkerSession, server::Server},
    responses_region::execution_responses_from_iter,
};
use lockstep_agave::v4_3::{
    Outcome, Region, Request, Session, SessionOptions, TRANSACTIONS_MAX, Work,
};

const TRANSACTIONS: u64 = 4_000_000;
const IN_FLIGHT_MAX: usize = 64;

/// Answers every batch at once.
fn stub(mut session: AgaveWorkerSession, ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) {
        session.pack_to_worker.sync();
        session.worker_to_pack.sync();
        let mut has_work = false;
        while let Some(message) = session.pack_to_worker.try_read().copied() {
            has_work = true;
            let count = message.batch.num_transactions;
            let included = ExecutionResponse {
                execution_slot: 1,
                not_included_reason: not_included_reasons::NONE,
                cost_units: 700,
                fee_payer_balance: 1,
            };
            let responses = (0..usize::from(count)).map(|_| included);
            let responses = execution_responses_from_iter(&session.allocator, responses);
            let answer = WorkerToPackMessage {
                batch: message.batch,
                processed_code: processed_codes::PROCESSED,
                responses: responses.expect("there is room"),
            };
            session
                .worker_to_pack
                .try_write(answer)
                .expect("the queue is long enough");
        }
        session.pack_to_worker.finalize();
        session.worker_to_pack.commit();
        if !has_work {
            thread::yield_now();
        }
    }
}

fn measure(workers: usize) -> f64 {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("scheduler_bindings.ipc");
    let mut server = Server::new(&path).expect("the path is free");
    let ends = Arc::new(AtomicBool::new(false));
    let stubs = {
        let ends = Arc::clone(&ends);
        thread::spawn(move || {
            let session = server.accept().expect("the client speaks its language");
            let threads = session.workers.into_iter().map(|worker| {
                let ends = Arc::clone(&ends);
                thread::spawn(move || stub(worker, &ends))
            });
            threads.collect::<Vec<_>>()
        })
    };
    let options = SessionOptions {
        allocator_size: 256 << 20,
        ..SessionOptions::standard(workers)
    };
    let mut session = Session::connect(&path, &options, Duration::from_secs(5));
    let session = session.as_mut().expect("the server listens");
    let regions: Vec<Region> = (0..TRANSACTIONS_MAX)
        .map(|_| session.allocate(&[7; 250]).expect("there is room"))
        .collect();
    let start = Instant::now();
    let (mut sent, mut done) = (0, 0);
    let mut in_flight = vec![0; workers];
    while done < TRANSACTIONS {
        let mut has_work = false;
        for (worker, in_flight) in in_flight.iter_mut().enumerate() {
            while *in_flight < IN_FLIGHT_MAX && sent < TRANSACTIONS {
                let request = Request {
                    work: Work::Execute {
                        drop_on_failure: false,
                        all_or_nothing: false,
                    },
                    slot_max: 1,
                    token: sent,
                };
                assert!(
                    session.send(worker, request, regions.iter()),
                    "there is room"
                );
                *in_flight += 1;
                sent += TRANSACTIONS_MAX as u64;
                has_work = true;
            }
            while let Some(answer) = session.answer(worker) {
                let Outcome::Executed(executions) = answer.outcome else {
                    panic!("it was executed");
                };
                *in_flight -= 1;
                done += executions.len() as u64;
                has_work = true;
            }
        }
        if !has_work {
            thread::yield_now();
        }
    }
    let rate = done as f64 / start.elapsed().as_secs_f64();
    ends.store(true, Ordering::Relaxed);
    for thread in stubs.join().expect("the server ran") {
        thread.join().expect("the stub ran");
    }
    rate
}

fn main() {
    for workers in [1, 2, 4] {
        let rates: Vec<f64> = (0..5).map(|_| measure(workers)).collect();
        let best = rates.iter().copied().fold(0.0, f64::max);
        let sum: f64 = rates.iter().sum();
        println!(
            "queues::execute/workers={workers} batch={TRANSACTIONS_MAX}: {:.2} M transactions/s, \
             best {:.2}",
            sum / rates.len() as f64 / 1e6,
            best / 1e6
        );
    }
}
