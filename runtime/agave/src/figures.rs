//! What has happened, in numbers, and as Prometheus reads them.

use std::fmt::Write;

/// Counters since the start, and levels now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// Transactions from the network.
    pub received: u64,
    /// Those that were known already.
    pub repeated: u64,
    /// Those that a check refused, or that the pool did not take.
    pub refused: u64,
    /// Transactions sent to be executed, those sent again included.
    pub executed: u64,
    /// Transactions that a block includes.
    pub included: u64,
    /// Those that were included before: by another leader, or in a session that ended.
    pub processed: u64,
    /// Transactions that came back to be tried again.
    pub retried: u64,
    /// Transactions that no block will include.
    pub dropped: u64,
    /// Transactions that were too long here.
    pub expired: u64,
    /// Units of cost of all that was included.
    pub cost: u64,
    /// Lamports of fees of all that was included.
    pub fees: u64,
    /// Requests that a full queue or full memory refused.
    pub full: u64,
    /// Slots as leader.
    pub slots: u64,
    /// Sessions.
    pub sessions: u64,
    /// Transactions in the pool.
    pub pooled: u64,
    /// Transactions in flight.
    pub in_flight: u64,
}

impl Figures {
    /// All figures in Prometheus' text format.
    ///
    /// ```
    /// use lockstep_agave::Figures;
    ///
    /// let figures = Figures { included: 7, ..Figures::default() };
    /// assert!(figures.to_text().contains("\nlockstep_agave_included_total 7\n"));
    /// ```
    pub fn to_text(&self) -> String {
        let counters = [
            ("received", self.received),
            ("repeated", self.repeated),
            ("refused", self.refused),
            ("executed", self.executed),
            ("included", self.included),
            ("processed", self.processed),
            ("retried", self.retried),
            ("dropped", self.dropped),
            ("expired", self.expired),
            ("cost", self.cost),
            ("fees", self.fees),
            ("full", self.full),
            ("slots", self.slots),
            ("sessions", self.sessions),
        ];
        let levels = [("pooled", self.pooled), ("in_flight", self.in_flight)];
        let mut text = String::new();
        for (name, value) in counters {
            let name = format!("lockstep_agave_{name}_total");
            // Writing to a string does not fail.
            let _ = writeln!(text, "# TYPE {name} counter\n{name} {value}");
        }
        for (name, value) in levels {
            let name = format!("lockstep_agave_{name}");
            let _ = writeln!(text, "# TYPE {name} gauge\n{name} {value}");
        }
        text
    }
}
