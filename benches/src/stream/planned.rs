//! The stream scheduler as a discipline.

use std::num::NonZeroU32;

use lockstep_scheduler::{
    Arrival, Completion, Orders, StreamBlock, StreamConfig, StreamScheduler, Ticket,
};

use super::load::{StreamLoad, StreamTransaction};
use super::simulate::{Discipline, Message, SimulationOptions};

/// The most transactions of a message.
const MESSAGE_MAX: usize = 64;

/// The scheduler of `lockstep-scheduler`.
#[derive(Debug)]
pub struct Planned {
    stream: StreamScheduler,
    orders: Orders,
    block: StreamBlock,
    tickets: Vec<Option<Ticket>>,
    positions: Vec<usize>,
}

impl Planned {
    /// With the standard options, times in nanoseconds.
    ///
    /// # Panics
    /// Without a worker.
    pub fn new(options: &SimulationOptions) -> Self {
        let workers = NonZeroU32::new(options.workers).expect("there is a worker");
        let standard = StreamConfig::standard(workers);
        Self::with(
            options,
            StreamConfig {
                waiting_max: usize::MAX,
                age_max: standard.age_max * 1_000,
                ..standard
            },
        )
    }

    /// With other options.
    pub fn with(options: &SimulationOptions, config: StreamConfig) -> Self {
        Self {
            stream: StreamScheduler::new(config),
            orders: Orders::default(),
            block: StreamBlock {
                cost_max: options.block_units,
                account_cost_max: options.account_units,
                fill_time: options.fill_time,
            },
            tickets: Vec::new(),
            positions: Vec::new(),
        }
    }
}

impl Discipline for Planned {
    fn name(&self) -> &'static str {
        "planned"
    }

    fn open(&mut self, now: u64) {
        self.stream.open(now, self.block);
    }

    fn arrive(&mut self, now: u64, position: usize, transaction: &StreamTransaction) {
        let arrival = Arrival {
            accesses: &transaction.accesses,
            fee: transaction.fee,
            cost: transaction.limit,
            deadline: u64::MAX,
        };
        let ticket = self.stream.arrive(now, &arrival).expect("there is room");
        self.tickets
            .resize(self.tickets.len().max(position + 1), None);
        self.tickets[position] = Some(ticket);
        let places = self.positions.len().max(ticket.index() + 1);
        self.positions.resize(places, usize::MAX);
        self.positions[ticket.index()] = position;
    }

    fn complete(&mut self, position: usize, transaction: &StreamTransaction, is_included: bool) {
        let ticket = self.tickets[position].expect("it arrived");
        let completion = match is_included {
            true => Completion::Included {
                cost: transaction.units,
            },
            false => Completion::Retry,
        };
        let completed = self.stream.complete(ticket, completion);
        completed.expect("it was in flight");
    }

    fn schedule(&mut self, now: u64, _: &StreamLoad, out: &mut Vec<Message>) {
        self.stream.schedule(now, &mut self.orders);
        let begin = out.len();
        for order in &self.orders.assigned {
            let worker = order.worker.index();
            let open = out[begin..]
                .iter()
                .rposition(|message| message.worker == worker);
            let open = open.map(|place| place + begin);
            let place = match open {
                Some(place) if out[place].transactions.len() < MESSAGE_MAX => place,
                _ => {
                    out.push(Message {
                        worker,
                        transactions: Vec::new(),
                    });
                    out.len() - 1
                }
            };
            out[place]
                .transactions
                .push(self.positions[order.ticket.index()]);
        }
    }
}
