//! The dataflow between shards: parcels go round a loop, each time one later.
//!
//! ```text
//!            +-----------------------------------------+
//!            v  exchange by receiver                   |
//! parts --> step at each time, once nothing of it can come --> parcels, + 1
//! ```
//! The frontier of the loop says that all parcels of a time have arrived: that is when a step
//! begins, on every worker by itself. There is no barrier, no counting of messages, and no clock.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::mpsc::{Receiver, Sender, TryRecvError},
};

use timely::{
    dataflow::{
        InputHandle,
        channels::pact::{Exchange, Pipeline},
        operators::{Capability, ConnectLoop, Feedback, Input, generic::operator::Operator},
    },
    worker::Worker,
};

use crate::{
    message::{Part, Report},
    shard::Shard,
};

/// Executes parts of blocks as they come, until no more can come. Whatever sends a part has to
/// unpark this thread.
pub(crate) fn serve(
    worker: &mut Worker,
    shard: Shard,
    parts: &Receiver<Part>,
    reports: &Sender<Report>,
) {
    let shard = Rc::new(RefCell::new(shard));
    let ended = Rc::new(RefCell::new(None));
    let mut input = InputHandle::new();
    build(worker, &mut input, &shard, &ended);
    loop {
        let part = match parts.try_recv() {
            Ok(part) => part,
            Err(TryRecvError::Disconnected) => break,
            // What others do may need this worker's progress, so that it is never only waited.
            Err(TryRecvError::Empty) => {
                worker.step_or_park(None);
                continue;
            }
        };
        let (time, count) = (part.time, part.steps.len() as u64);
        shard.borrow_mut().begin(part);
        input.advance_to(time);
        input.send(count);
        input.advance_to(time.saturating_add(count));
        let report = loop {
            if let Some(report) = ended.borrow_mut().take() {
                break report;
            }
            worker.step_or_park(None);
        };
        if reports.send(report).is_err() {
            break;
        }
    }
}

/// Builds the dataflow. Its input is the number of steps of each block, at the block's first time.
fn build(
    worker: &mut Worker,
    input: &mut InputHandle<u64, timely::container::CapacityContainerBuilder<Vec<u64>>>,
    shard: &Rc<RefCell<Shard>>,
    ended: &Rc<RefCell<Option<Report>>>,
) {
    let (shard, ended) = (Rc::clone(shard), Rc::clone(ended));
    worker.dataflow::<u64, _, _>(|scope| {
        let parts = scope.input_from(input);
        let (handle, parcels) = scope.feedback(1);
        let stepped = parts.binary_frontier(
            parcels,
            Pipeline,
            Exchange::new(|(to, _): &(u64, Vec<u8>)| *to),
            "step",
            move |_capability, _info| {
                // The times of steps to come, each with the right to send at it, and whether it is
                // the block's last.
                let mut steps: BTreeMap<u64, (Capability<u64>, bool)> = BTreeMap::new();
                let mut arrived: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
                move |(parts, parts_frontier), (parcels, parcels_frontier), output| {
                    parts.for_each_stamp(|capability, counts| {
                        let Some(first) = capability.retain_least(output.output_index()) else {
                            return;
                        };
                        for count in counts.flat_map(std::mem::take) {
                            let end = first.time().saturating_add(count);
                            for time in *first.time()..end {
                                let is_last = time.saturating_add(1) == end;
                                steps.insert(time, (first.delayed(&time), is_last));
                            }
                        }
                    });
                    parcels.for_each_stamp(|capability, received| {
                        if let Some(time) = capability.least() {
                            let of_time = arrived.entry(*time).or_default();
                            let received = received.flat_map(std::mem::take);
                            of_time.extend(received.map(|(_, bytes)| bytes));
                        }
                    });
                    while let Some(entry) = steps.first_entry() {
                        let time = *entry.key();
                        let is_open = parts_frontier.frontier().less_equal(&time)
                            || parcels_frontier.frontier().less_equal(&time);
                        if is_open {
                            break;
                        }
                        let (capability, is_last) = entry.remove();
                        let parcels = arrived.remove(&time).unwrap_or_default();
                        let sent = shard.borrow_mut().step(&parcels);
                        let mut session = output.session(&capability);
                        sent.into_iter().for_each(|parcel| session.give(parcel));
                        if is_last {
                            *ended.borrow_mut() = Some(shard.borrow_mut().end());
                        }
                    }
                }
            },
        );
        stepped.connect_loop(handle);
    });
}
