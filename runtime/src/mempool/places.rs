//! Which candidates have to go for a newcomer.
//!
//! Under each limit the newcomer takes the place of the worst of those that the limit counts, and
//! each that goes has less priority than the newcomer:
//!
//! | limit | the worst of |
//! |---|---|
//! | one candidate for each durable nonce | that one |
//! | a payer's candidates, and their fees against its balance | the payer's |
//! | an account's candidates, and the room they take | those that write the account |
//! | half of the pool's candidates, bytes, and blocks, for those at risk | those at risk |
//! | the pool's candidates, bytes, and blocks | all |
//!
//! A candidate of which a block is being made counts, and cannot go.

use std::collections::BTreeSet;

use lockstep_interface::Address;

use super::{Candidate, Mempool, Payment, Priority, Rejection, priority::Rank};
use crate::prepare::BLOCK_PARTS;

/// Candidates at risk take at most this part of a pool, so that candidates that promise much and
/// then do not pay cannot fill it: the `soak` test of the chain keeps 70 % of the fees without.
const RISKY_DIVISOR: usize = 2;

/// The candidates that have to go, as far as is known, best first.
pub(super) type Gone = BTreeSet<Rank>;

/// A newcomer that is held against a pool's limits.
pub(super) struct Newcomer<'c> {
    pub(super) candidate: &'c Candidate,
    pub(super) rank: Rank,
    /// The part of a block that it takes.
    pub(super) share: u64,
    /// Whether it may be refused because of another one.
    pub(super) is_risky: bool,
}

impl Newcomer<'_> {
    fn priority(&self) -> Priority {
        self.rank.priority.0
    }
}

impl Mempool {
    /// The candidates that have to go for a newcomer, each once.
    ///
    /// O(log n) for each account, payment and nonce of the newcomer and for each that goes.
    ///
    /// # Errors
    /// If one that would have to go has as much priority.
    pub(super) fn places(&self, newcomer: &Newcomer<'_>) -> Result<Gone, Rejection> {
        let mut gone = Gone::new();
        self.free_nonces(newcomer, &mut gone)?;
        for payment in newcomer.candidate.payments() {
            self.free_payer(newcomer, payment, &mut gone)?;
        }
        for account in newcomer.candidate.written() {
            self.free_account(newcomer, account, &mut gone)?;
        }
        self.free_room(newcomer, &mut gone)?;
        Ok(gone)
    }

    fn free_nonces(&self, newcomer: &Newcomer<'_>, gone: &mut Gone) -> Result<(), Rejection> {
        for nonce in newcomer.candidate.nonces() {
            let Some(holder) = self.nonces.get(nonce) else {
                continue;
            };
            let slot = &self.slots[holder];
            if slot.is_taken() || !slot.rank.is_worse_than(newcomer.rank) {
                let to_beat = if slot.is_taken() {
                    Priority::MAX
                } else {
                    slot.rank.priority.0
                };
                return Err(Rejection::NonceTaken {
                    account: nonce.account,
                    priority: newcomer.priority(),
                    to_beat,
                });
            }
            gone.insert(slot.rank);
        }
        Ok(())
    }

    fn free_payer(
        &self,
        newcomer: &Newcomer<'_>,
        payment: &Payment,
        gone: &mut Gone,
    ) -> Result<(), Rejection> {
        let Payment { payer, fee, funds } = *payment;
        let known = self.signers.get(&payer);
        let (mut count, mut promised) = (known.paid, known.promised);
        let mut leaves = |rank: &Rank| {
            let payments = self.slots[&rank.arrival].candidate.payments();
            if let Some(own) = payments.iter().find(|own| own.payer == payer) {
                count = count.saturating_sub(1);
                promised = promised.saturating_sub(own.fee);
            }
            (count, promised)
        };
        let mut left = (known.paid, known.promised);
        for rank in gone.iter() {
            left = leaves(rank);
        }
        let mut worst = self.index.of_payer(known.number);
        loop {
            // The only one may pay all that there is.
            let affords = left.0 == 0 || left.1.saturating_add(fee) <= funds;
            let limit = self.limits.per_payer;
            if affords && left.0 < limit {
                return Ok(());
            }
            let next = worst.find(|rank| !gone.contains(rank));
            let Some(next) = next.filter(|next| next.is_worse_than(newcomer.rank)) else {
                let priority = newcomer.priority();
                let to_beat = next.map_or(Priority::MAX, |next| next.priority.0);
                return Err(if affords {
                    Rejection::PayerShare {
                        payer,
                        limit,
                        priority,
                        to_beat,
                    }
                } else {
                    Rejection::Overdraft {
                        payer,
                        funds,
                        promised: left.1,
                        fee,
                        priority,
                        to_beat,
                    }
                });
            };
            left = leaves(&next);
            gone.insert(next);
        }
    }

    fn free_account(
        &self,
        newcomer: &Newcomer<'_>,
        account: &Address,
        gone: &mut Gone,
    ) -> Result<(), Rejection> {
        let crowd = self.crowds.get(account);
        let share_max = blocks(self.limits.blocks_per_account);
        let fits = |count: u32, share: u64| {
            let share = u128::from(share).saturating_add(u128::from(newcomer.share));
            count < self.limits.per_account && (count == 0 || share <= share_max)
        };
        if fits(crowd.count, crowd.share) {
            return Ok(());
        }
        let (mut count, mut share) = (crowd.count, crowd.share);
        let mut leave = |rank: &Rank| {
            let slot = &self.slots[&rank.arrival];
            if slot.candidate.written().contains(account) {
                count = count.saturating_sub(1);
                share = share.saturating_sub(slot.share);
            }
            fits(count, share)
        };
        let mut is_free = false;
        for rank in gone.iter() {
            is_free = leave(rank);
        }
        let mut worst = self.index.writers(crowd.number);
        while !is_free {
            let next = worst.find(|rank| !gone.contains(rank));
            let Some(next) = next.filter(|next| next.is_worse_than(newcomer.rank)) else {
                return Err(Rejection::AccountShare {
                    account: *account,
                    waiting: crowd.count,
                    priority: newcomer.priority(),
                    to_beat: next.map_or(Priority::MAX, |next| next.priority.0),
                });
            };
            is_free = leave(&next);
            gone.insert(next);
        }
        Ok(())
    }

    /// Whatever else has to go so that the pool as a whole has room, and before that its part for
    /// those at risk.
    fn free_room(&self, newcomer: &Newcomer<'_>, gone: &mut Gone) -> Result<(), Rejection> {
        let (priority, whole) = (newcomer.priority(), &self.limits);
        if newcomer.is_risky {
            let limit = Limit {
                count: whole.candidates / RISKY_DIVISOR,
                bytes: whole.bytes / RISKY_DIVISOR,
                share: blocks(whole.blocks)
                    .checked_div(RISKY_DIVISOR as u128)
                    .unwrap_or(0),
            };
            let used = self.used_after(newcomer, gone, true);
            self.free(newcomer, gone, used, limit, self.index.risky())
                .map_err(|to_beat| Rejection::RiskShare { priority, to_beat })?;
        }
        let limit = Limit {
            count: whole.candidates,
            bytes: whole.bytes,
            share: blocks(whole.blocks),
        };
        let used = self.used_after(newcomer, gone, false);
        self.free(newcomer, gone, used, limit, self.index.worst_first())
            .map_err(|to_beat| Rejection::Full { priority, to_beat })
    }

    /// What all candidates, or those at risk, take with the newcomer and without those gone.
    fn used_after(&self, newcomer: &Newcomer<'_>, gone: &Gone, is_risky: bool) -> Used {
        let mut used = if is_risky { self.risky } else { self.used };
        used.add(newcomer.candidate.memory(), newcomer.share);
        for rank in gone {
            let slot = &self.slots[&rank.arrival];
            if slot.is_risky || !is_risky {
                used.subtract(slot.candidate.memory(), slot.share);
            }
        }
        used
    }

    /// Lets the worst go until a limit is kept.
    ///
    /// # Errors
    /// With what there is to beat.
    fn free(
        &self,
        newcomer: &Newcomer<'_>,
        gone: &mut Gone,
        mut used: Used,
        limit: Limit,
        mut worst: impl Iterator<Item = Rank>,
    ) -> Result<(), Priority> {
        while used.exceeds(&limit) {
            let next = worst.find(|rank| !gone.contains(rank));
            let Some(next) = next.filter(|next| next.is_worse_than(newcomer.rank)) else {
                return Err(next.map_or(Priority::MAX, |next| next.priority.0));
            };
            let slot = &self.slots[&next.arrival];
            used.subtract(slot.candidate.memory(), slot.share);
            gone.insert(next);
        }
        Ok(())
    }
}

/// This many blocks, in parts of one.
fn blocks(count: u32) -> u128 {
    u128::from(count).saturating_mul(u128::from(BLOCK_PARTS))
}

/// What candidates may take of a pool.
struct Limit {
    count: usize,
    bytes: usize,
    /// In parts of a block.
    share: u128,
}

/// What candidates take of a pool.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) count: usize,
    pub(super) bytes: usize,
    /// In parts of a block.
    pub(super) share: u128,
}

impl Used {
    pub(super) fn add(&mut self, bytes: usize, share: u64) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.share = self.share.saturating_add(u128::from(share));
    }

    /// The only one may take as much room as it likes.
    fn exceeds(&self, limit: &Limit) -> bool {
        let is_full = self.count > limit.count || self.bytes > limit.bytes;
        is_full || self.count > 1 && self.share > limit.share
    }

    pub(super) fn subtract(&mut self, bytes: usize, share: u64) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.share = self.share.saturating_sub(u128::from(share));
    }
}
