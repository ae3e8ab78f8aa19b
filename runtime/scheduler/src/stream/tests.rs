//! Random streams against a plain model of what is in flight, and the promises one by one.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::ids::AccountIndex;

const ACCOUNTS: u32 = 12;

fn config(workers: u32) -> StreamConfig {
    StreamConfig {
        queue_low: 30,
        queue_high: 60,
        ..StreamConfig::standard(NonZeroU32::new(workers).unwrap())
    }
}

fn conflicts(one: &[Access], other: &[Access]) -> bool {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b)));
    pairs
        .into_iter()
        .any(|(a, b)| a.account() == b.account() && (a.mode().is_write() || b.mode().is_write()))
}

/// What a plain reading of the promises knows of a transaction.
#[derive(Clone, Debug)]
struct Known {
    ticket: Ticket,
    accesses: Vec<Access>,
    priority: u64,
    number: u64,
    cost: u64,
    place: Option<WorkerIndex>,
}

/// Runs a scheduler and checks what it says.
struct Model {
    stream: StreamScheduler,
    known: Vec<Known>,
    queues: Vec<VecDeque<Ticket>>,
    orders: Orders,
    now: u64,
    arrived: u64,
    assigned: u64,
    charged: u64,
    block: StreamBlock,
}

impl Model {
    fn new(config: StreamConfig, block: StreamBlock) -> Self {
        let workers = config.workers.get() as usize;
        let mut stream = StreamScheduler::new(config);
        stream.open(0, block);
        Self {
            stream,
            known: Vec::new(),
            queues: vec![VecDeque::new(); workers],
            orders: Orders::default(),
            now: 0,
            arrived: 0,
            assigned: 0,
            charged: 0,
            block,
        }
    }

    fn arrive(&mut self, accesses: &[Access], fee: u64, cost: u64) -> Ticket {
        let arrival = Arrival {
            accesses,
            fee,
            cost,
            deadline: u64::MAX,
        };
        let ticket = self.stream.arrive(self.now, &arrival).unwrap();
        self.known.push(Known {
            ticket,
            accesses: accesses.to_vec(),
            priority: fee * 1_000_000 / cost,
            number: self.arrived,
            cost,
            place: None,
        });
        self.arrived += 1;
        ticket
    }

    fn position(&self, ticket: Ticket) -> usize {
        let found = self.known.iter().position(|known| known.ticket == ticket);
        found.expect("only what is unsettled is spoken of")
    }

    /// Schedules, and checks every order.
    fn schedule(&mut self) -> usize {
        self.stream.schedule(self.now, &mut self.orders);
        assert!(self.orders.expired.is_empty());
        for order in self.orders.assigned.clone() {
            let position = self.position(order.ticket);
            assert_eq!(self.known[position].place, None, "assigned while it waits");
            let known = self.known[position].clone();
            for other in &self.known {
                let is_elsewhere = other.place.is_some_and(|place| place != order.worker);
                let is_apart = is_elsewhere && conflicts(&known.accesses, &other.accesses);
                assert!(!is_apart, "{known:?} while {other:?}");
            }
            self.known[position].place = Some(order.worker);
            self.queues[order.worker.index()].push_back(order.ticket);
            self.assigned += 1;
        }
        self.check_block();
        self.check_places();
        self.orders.assigned.len()
    }

    /// Every waiting transaction has one valid entry, and what is parked has something to wait for.
    fn check_places(&self) {
        let stream = &self.stream;
        let valid = |entries: &mut dyn Iterator<Item = &Entry>| {
            entries.filter(|entry| stream.slots.is_valid(entry)).count()
        };
        let mut count = valid(&mut stream.ready.iter());
        count += valid(&mut stream.aside.iter()) + valid(&mut stream.shut.iter());
        for account in 0..ACCOUNTS.min(stream.accounts.len()) {
            let place = stream.accounts.get(account);
            let parked = valid(&mut place.parked.iter());
            let is_waited_for = parked == 0 || stream.accounts.is_taken(account);
            assert!(
                is_waited_for || place.exposed != NONE,
                "{account}: {place:?}"
            );
            count += parked;
        }
        assert_eq!(count, stream.waiting_count(), "one entry each");
    }

    fn check_block(&self) {
        let in_flight = self.known.iter().filter(|known| known.place.is_some());
        let costs = in_flight.clone().map(|known| known.cost);
        assert!(self.charged + costs.sum::<u64>() <= self.block.cost_max);
        assert_eq!(in_flight.count(), self.stream.in_flight_count());
        let waiting = self.known.iter().filter(|known| known.place.is_none());
        assert_eq!(waiting.count(), self.stream.waiting_count());
    }

    /// Completes what a worker runs now.
    fn complete(&mut self, worker: usize, completion: Completion) -> Option<Known> {
        let ticket = self.queues[worker].pop_front()?;
        self.stream.complete(ticket, completion).unwrap();
        if let Completion::Included { cost } = completion {
            self.charged += cost;
        }
        let position = self.position(ticket);
        if completion == Completion::Retry {
            self.known[position].place = None;
            return None;
        }
        Some(self.known.swap_remove(position))
    }

    /// Runs all that waits.
    fn drain(&mut self) {
        for _ in 0..self.known.len() * 4 + 64 {
            self.now += 1;
            self.schedule();
            for worker in 0..self.queues.len() {
                while self.complete(worker, Completion::Dropped).is_some() {}
            }
        }
        assert_eq!(self.stream.waiting_count(), 0, "nothing waits for ever");
        assert_eq!(self.stream.in_flight_count(), 0);
        for account in 0..ACCOUNTS {
            let is_known = account < self.stream.accounts.len();
            assert!(!is_known || !self.stream.accounts.is_taken(account));
        }
        assert_eq!(self.stream.eldest, NONE);
    }
}

/// Up to four accounts of a few, the first of them far hotter than the last.
fn draw(rng: &mut ChaCha8Rng) -> Vec<Access> {
    let mut accesses: Vec<Access> = Vec::new();
    for _ in 0..rng.random_range(1..5) {
        let account = AccountIndex(
            rng.random_range(0..ACCOUNTS)
                .min(rng.random_range(0..ACCOUNTS)),
        );
        if accesses.iter().all(|access| access.account() != account) {
            accesses.push(match rng.random_range(0..5) {
                0 | 1 => Access::read(account),
                2 => Access::credit(account),
                _ => Access::write(account),
            });
        }
    }
    accesses
}

/// Arrivals, completions, retries, drops, cancels and lost workers at random; then the rest.
fn run(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let config = StreamConfig {
        age_max: rng.random_range(1..200),
        aged_per_mille: rng.random_range(0..400),
        looks_max: rng.random_range(1..50),
        claims_max: rng.random_range(0..3),
        ..config(rng.random_range(1..9))
    };
    let mut model = Model::new(config, StreamBlock::UNLIMITED);
    for _ in 0..400 {
        model.now += rng.random_range(0..3);
        match rng.random_range(0..10) {
            0..5 => {
                let accesses = draw(&mut rng);
                let (fee, cost) = (rng.random_range(0..1_000), rng.random_range(1..40));
                model.arrive(&accesses, fee, cost);
            }
            5..8 => {
                let worker = rng.random_range(0..model.queues.len());
                let completion = match rng.random_range(0..4) {
                    0 => Completion::Retry,
                    1 => Completion::Dropped,
                    _ => Completion::Included { cost: 1 },
                };
                model.complete(worker, completion);
            }
            8 if !model.known.is_empty() && rng.random_ratio(1, 4) => {
                let position = rng.random_range(0..model.known.len());
                let Known { ticket, place, .. } = model.known[position];
                let result = model.stream.cancel(ticket);
                match place {
                    Some(_) => assert_eq!(result, Err(TicketError::InFlight(ticket))),
                    None => {
                        assert_eq!(result, Ok(()));
                        model.known.swap_remove(position);
                        let unknown = Err(TicketError::Unknown(ticket));
                        assert_eq!(model.stream.cancel(ticket), unknown);
                    }
                }
            }
            8 if rng.random_ratio(1, 20) => {
                // A worker is lost: all that it had waits again.
                let worker = WorkerIndex(0);
                let lost: Vec<Ticket> = model.stream.in_flight(worker).collect();
                assert_eq!(lost.len(), model.queues[0].len());
                while !model.queues[0].is_empty() {
                    model.complete(0, Completion::Retry);
                }
            }
            _ => {
                model.schedule();
            }
        }
    }
    model.drain();
}

#[test]
fn random_streams_keep_the_promises() {
    for seed in 0..300 {
        run(seed);
    }
}

#[test]
fn blocks_and_accounts_get_no_more_than_they_take() {
    for seed in 0..60 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let block = StreamBlock {
            cost_max: 900,
            account_cost_max: 300,
            fill_time: 0,
        };
        let mut model = Model::new(config(4), block);
        let mut used = [0; ACCOUNTS as usize];
        for _ in 0..200 {
            let accesses = draw(&mut rng);
            model.arrive(&accesses, rng.random_range(0..99), rng.random_range(1..60));
        }
        let mut included = 0;
        for _ in 0..200 {
            model.schedule();
            let worker = rng.random_range(0..4);
            let Some(ticket) = model.queues[worker].front().copied() else {
                continue;
            };
            let cost = model.known[model.position(ticket)].cost;
            let charged = rng.random_range(1..=cost);
            let known = model.complete(worker, Completion::Included { cost: charged });
            for access in known.unwrap().accesses {
                if access.mode() != crate::access::AccessMode::Read {
                    used[access.account().index()] += charged;
                }
            }
            included += charged;
        }
        assert!(used.iter().all(|used| *used <= 300), "{used:?}");
        assert!(included <= 900 && included > 600, "{included}");
        // The next block goes on with what this one had no room for.
        let before = model.assigned;
        while model.queues.iter().any(|queue| !queue.is_empty()) {
            for worker in 0..4 {
                model.complete(worker, Completion::Dropped);
            }
        }
        model.stream.close();
        assert_eq!(model.schedule(), 0);
        model.charged = 0;
        model.stream.open(model.now, block);
        model.schedule();
        assert!(model.assigned > before);
    }
}

#[test]
fn what_writes_one_account_goes_by_fee_and_arrival() {
    for seed in 0..60 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let never_aged = StreamConfig {
            age_max: u64::MAX,
            ..config(3)
        };
        let mut model = Model::new(never_aged, StreamBlock::UNLIMITED);
        for _ in 0..300 {
            let account = AccountIndex(rng.random_range(0..4));
            let accesses = match rng.random_range(0..4) {
                0 => vec![Access::read(account)],
                _ => vec![Access::write(account)],
            };
            model.arrive(&accesses, rng.random_range(0..5), 10);
            let claims = |known: &&Known| model.stream.slots.get(known.ticket.slot).has_claims();
            let before: Vec<Known> = model.known.iter().filter(|k| !claims(k)).cloned().collect();
            model.schedule();
            for order in &model.orders.assigned {
                let assigned = before.iter().find(|known| known.ticket == order.ticket);
                // One with a claim may have been alone when it made it.
                let Some(assigned) = assigned else {
                    continue;
                };
                let left = model.known.iter().filter(|known| known.place.is_none());
                let passed = left.clone().find(|known| {
                    let is_before =
                        (known.priority, assigned.number) > (assigned.priority, known.number);
                    let is_writer = known.accesses[0].mode().is_write();
                    is_writer && known.accesses == assigned.accesses && is_before
                });
                assert!(passed.is_none(), "{assigned:?} before {passed:?}");
            }
            let worker = rng.random_range(0..3);
            let completion = match rng.random_range(0..5) {
                0 => Completion::Retry,
                _ => Completion::Dropped,
            };
            model.complete(worker, completion);
        }
        model.drain();
    }
}

/// Two hot accounts whose lines never end, on two workers, and one transaction that needs both.
fn over_two_lines(config: StreamConfig, fee: u64) -> usize {
    let mut model = Model::new(config, StreamBlock::UNLIMITED);
    let [a, b] = [0, 1].map(|account| Access::write(AccountIndex(account)));
    let refill = |model: &mut Model| {
        for account in [a, b] {
            model.arrive(&[account], 500, 10);
        }
    };
    (0..20).for_each(|_| refill(&mut model));
    model.schedule();
    let both = model.arrive(&[a, b], fee, 10);
    for round in 0..2_000 {
        model.now += 10;
        refill(&mut model);
        model.schedule();
        if model.known[model.position(both)].place.is_some() {
            return round;
        }
        for worker in 0..2 {
            model.complete(worker, Completion::Included { cost: 10 });
        }
    }
    panic!("passed over for ever");
}

#[test]
fn what_needs_two_hot_accounts_waits_for_one_queue() {
    // Six transactions of 10 fill a queue of 60; the better payer waits for them to be done.
    assert!(over_two_lines(config(2), 1_000) <= 6);
}

#[test]
fn what_is_outbid_for_ever_has_its_turn_by_age() {
    let aged = StreamConfig {
        age_max: 500,
        aged_per_mille: 20,
        ..config(2)
    };
    // Aged after 50 rounds; others of 1000 x 10 / 20 come first at most, two of 10 in each round.
    let rounds = over_two_lines(aged, 0);
    assert!((40..50 + 25 + 8).contains(&rounds), "{rounds}");
}

#[test]
fn free_workers_get_what_conflicts_with_nothing() {
    let mut model = Model::new(config(4), StreamBlock::UNLIMITED);
    for number in 0..40 {
        model.arrive(&[Access::write(AccountIndex(number % 2))], 900, 10);
    }
    for number in 0..30 {
        let accesses = [
            Access::write(AccountIndex(2 + number)),
            Access::read(AccountIndex(99)),
        ];
        model.arrive(&accesses, 10, 10);
    }
    model.schedule();
    let lengths: Vec<usize> = model.queues.iter().map(VecDeque::len).collect();
    assert_eq!(lengths, [6, 6, 6, 6]);
}

#[test]
fn arrivals_and_tickets_are_refused_by_name() {
    let small = StreamConfig {
        waiting_max: 1,
        ..config(1)
    };
    let mut stream = StreamScheduler::new(small);
    let access = [Access::write(AccountIndex(0))];
    let arrival = |deadline| Arrival {
        accesses: &access,
        fee: 1,
        cost: 1,
        deadline,
    };
    let late = ArrivalError::Late {
        now: 5,
        deadline: 4,
    };
    assert_eq!(stream.arrive(5, &arrival(4)), Err(late));
    let many = vec![access[0]; STREAM_ACCESSES_MAX + 1];
    let many = Arrival {
        accesses: &many,
        ..arrival(9)
    };
    let too_many = ArrivalError::TooManyAccesses { count: 129 };
    assert_eq!(stream.arrive(5, &many), Err(too_many));
    let ticket = stream.arrive(5, &arrival(6)).unwrap();
    assert_eq!(
        stream.arrive(5, &arrival(9)),
        Err(ArrivalError::Full { max: 1 })
    );
    let waiting = Err(TicketError::Waiting(ticket));
    assert_eq!(stream.complete(ticket, Completion::Dropped), waiting);
    let mut orders = Orders::default();
    stream.open(5, StreamBlock::UNLIMITED);
    stream.schedule(7, &mut orders);
    assert_eq!((orders.assigned.len(), orders.expired), (0, vec![ticket]));
    let unknown = Err(TicketError::Unknown(ticket));
    assert_eq!(stream.complete(ticket, Completion::Dropped), unknown);
    let next = stream.arrive(7, &arrival(8)).unwrap();
    assert_eq!(next.index(), ticket.index());
    let mut expired = Vec::new();
    stream.expire(8, &mut expired);
    assert!(expired.is_empty());
    stream.expire(9, &mut expired);
    assert_eq!(expired, [next]);
}

#[test]
fn a_block_is_filled_over_its_time() {
    let block = StreamBlock {
        cost_max: 1_000,
        account_cost_max: 1_000,
        fill_time: 100,
    };
    let mut model = Model::new(config(2), block);
    for number in 0..ACCOUNTS {
        for _ in 0..20 {
            model.arrive(&[Access::write(AccountIndex(number))], 1, 10);
        }
    }
    for now in 0..=100 {
        model.now = now;
        model.schedule();
        while model.queues.iter().any(|queue| !queue.is_empty()) {
            for worker in 0..2 {
                model.complete(worker, Completion::Included { cost: 10 });
            }
            model.schedule();
        }
        let due = (now * 10).min(1_000);
        // Two queues may be in flight above what is due.
        let range = due..=(due + 120).min(1_000);
        assert!(range.contains(&model.charged), "{} at {now}", model.charged);
    }
}
