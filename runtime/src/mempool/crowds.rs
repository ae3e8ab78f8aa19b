//! How much waits for each account, and which accounts are crowded.
//!
//! An account becomes crowded when as many wait for it as a limit says. It gets a queue of its own
//! then, for those that come after: a selection that finds the account used up leaves all of them
//! alone. All other candidates are in one common queue, the open one.

use std::collections::HashMap;

use ahash::RandomState;
use lockstep_interface::Address;

/// A queue: the number of its account, or [`OPEN`].
pub(super) type QueueNumber = u64;

/// The queue of those that wait for no crowded account.
pub(super) const OPEN: QueueNumber = 0;

/// Bytes that one account of a candidate takes, as table slots go: an address and a [`Crowd`], and
/// as much again, since a table may be half empty; and an entry among the account's writers.
pub(super) const ACCOUNT_SIZE: usize = 170;

/// Those that wait for one account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crowd {
    /// The account, numbered in the order in which they came; 0 if nothing waits for it.
    pub(super) number: QueueNumber,
    pub(super) count: u32,
    /// Room that they take together, in parts of a block.
    pub(super) share: u64,
    is_crowded: bool,
}

impl Crowd {
    /// The account's queue.
    pub(super) fn queue(self) -> QueueNumber {
        if self.is_crowded { self.number } else { OPEN }
    }
}

/// Candidates by written account.
#[derive(Debug)]
pub(super) struct Crowds {
    /// For look-up only.
    accounts: HashMap<Address, Crowd, RandomState>,
    /// The number at which an account becomes crowded.
    threshold: u32,
    account_count: QueueNumber,
}

impl Crowds {
    pub(super) fn new(threshold: u32) -> Self {
        Self {
            accounts: HashMap::default(),
            threshold,
            account_count: 0,
        }
    }

    /// What waits for an account.
    pub(super) fn get(&self, account: &Address) -> Crowd {
        self.accounts.get(account).copied().unwrap_or_default()
    }

    /// Counts a candidate in and says which queue it goes to: that of the account that most wait
    /// for, the first of several, if it is crowded.
    pub(super) fn enter(&mut self, written: &[Address], share: u64) -> QueueNumber {
        let mut home = (OPEN, 0);
        for account in written {
            let crowd = self.accounts.entry(*account).or_default();
            if crowd.count == 0 {
                self.account_count = self.account_count.checked_add(1).expect("64 bits last");
                crowd.number = self.account_count;
            }
            crowd.is_crowded |= crowd.count >= self.threshold;
            if crowd.is_crowded && crowd.count > home.1 {
                home = (crowd.number, crowd.count);
            }
            crowd.count = crowd.count.checked_add(1).expect("a pool is smaller");
            crowd.share = crowd.share.saturating_add(share);
        }
        home.0
    }

    /// Counts a candidate out.
    pub(super) fn leave(&mut self, written: &[Address], share: u64) {
        for account in written {
            let crowd = self.accounts.get_mut(account).expect("it was counted in");
            crowd.count = crowd.count.checked_sub(1).expect("it was counted in");
            crowd.share = crowd.share.saturating_sub(share);
            if crowd.count == 0 {
                self.accounts.remove(account);
            }
        }
    }
}
