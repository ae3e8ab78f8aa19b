//! From a placed plan to what each shard does at each time: transactions, and accounts sent to
//! others.
//!
//! ```text
//! time 0   send               what round 0 needs elsewhere
//! time 1   receive, round 0, send   what round 1 needs elsewhere
//! ...
//! time n   receive, round n-1, send what was credited, and accounts back to their homes
//! time n+1 receive
//! ```
//! An account that is written moves to its writer. One that is read or credited is copied from
//! where it is, once until the next writer. What shards without the account credit is summed up
//! there, and goes to the next writer, or home at the end of the block.

use lockstep_scheduler::{AccessMode, AccessTable};

use crate::place::{EVERYWHERE, Layout, Placed};

/// What one account does between two rounds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Message {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) kind: Kind,
    pub(crate) account: usize,
}

/// What is sent of an account.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Move,
    Copy,
    Sum,
}

/// All messages of a block, by time, each time's in ascending order.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) messages: Vec<Vec<Message>>,
    /// Accounts that some round credits at once, by round: shard and account, in ascending order.
    pub(crate) credited: Vec<Vec<(u32, usize)>>,
}

/// Where an account is while rounds pass.
#[derive(Clone, Debug, Default)]
struct Place {
    owner: u32,
    /// The shards with a copy of it as it is.
    copies: Vec<u32>,
    /// The shards with sums of it.
    sums: Vec<u32>,
    is_used: bool,
}

impl Route {
    /// The route of a plan whose accounts are at `owners` when the block begins, and at home when
    /// it has ended. O(accesses x shards that share an account).
    pub(crate) fn new(
        table: &AccessTable,
        layout: &Layout,
        owners: &[u32],
        placed: &Placed,
    ) -> Self {
        let places = owners.iter().map(|owner| Place {
            owner: *owner,
            ..Place::default()
        });
        let mut walk = Walk {
            layout,
            places: places.collect(),
            messages: Vec::new(),
        };
        let mut route = Self {
            messages: Vec::new(),
            credited: Vec::new(),
        };
        for (batch, shards) in placed.plan.batches().zip(&placed.shards) {
            let lanes = || batch.lanes().zip(shards);
            // Writers first: credits of the same round on the same shard are then at the account.
            for (lane, shard) in lanes() {
                for index in lane {
                    for access in table.accesses(*index) {
                        if access.mode() == AccessMode::Write {
                            walk.write(access.account().index(), *shard);
                        }
                    }
                }
            }
            let mut credited = Vec::new();
            for (lane, shard) in lanes() {
                for index in lane {
                    for access in table.accesses(*index) {
                        let account = access.account().index();
                        let is_credit = access.mode() == AccessMode::Credit;
                        if access.mode() != AccessMode::Write {
                            walk.share(account, *shard, is_credit);
                        }
                        if is_credit {
                            credited.push((*shard, account));
                        }
                    }
                }
            }
            credited.sort_unstable();
            credited.dedup();
            route.credited.push(credited);
            route.messages.push(walk.sorted());
        }
        walk.end();
        route.messages.push(walk.sorted());
        route
    }
}

struct Walk<'l> {
    layout: &'l Layout,
    places: Vec<Place>,
    /// Those before the round.
    messages: Vec<Message>,
}

impl Walk<'_> {
    /// A transaction of the round writes an account.
    fn write(&mut self, account: usize, shard: u32) {
        if self.layout.homes[account] == EVERYWHERE {
            return;
        }
        self.bring(account, shard);
        let place = &mut self.places[account];
        place.copies.clear();
        place.is_used = true;
    }

    /// A transaction of the round reads or credits an account.
    fn share(&mut self, account: usize, shard: u32, is_credit: bool) {
        if self.layout.homes[account] == EVERYWHERE {
            return;
        }
        let place = &mut self.places[account];
        place.is_used = true;
        if place.owner == shard {
            return;
        }
        if !place.copies.contains(&shard) {
            place.copies.push(shard);
            let from = place.owner;
            self.push(account, from, shard, Kind::Copy);
        }
        let sums = &mut self.places[account].sums;
        if is_credit && !sums.contains(&shard) {
            sums.push(shard);
        }
    }

    /// The account, and what was credited to it, is at a shard from here on.
    fn bring(&mut self, account: usize, shard: u32) {
        let place = &mut self.places[account];
        let (from, sums) = (place.owner, std::mem::take(&mut place.sums));
        place.owner = shard;
        if from != shard {
            self.push(account, from, shard, Kind::Move);
        }
        for from in sums {
            self.push(account, from, shard, Kind::Sum);
        }
    }

    fn push(&mut self, account: usize, from: u32, to: u32, kind: Kind) {
        let message = Message {
            from,
            to,
            kind,
            account,
        };
        self.messages.push(message);
    }

    /// All accounts that were used go home.
    fn end(&mut self) {
        for account in 0..self.places.len() {
            if self.places[account].is_used {
                self.bring(account, self.layout.homes[account]);
            }
        }
    }

    fn sorted(&mut self) -> Vec<Message> {
        self.messages.sort_unstable();
        std::mem::take(&mut self.messages)
    }
}

#[cfg(test)]
mod tests {
    use lockstep_scheduler::{Access, AccountIndex, Plan};

    use super::*;

    fn text(route: &Route) -> Vec<Vec<String>> {
        let message = |message: &Message| {
            let Message {
                from,
                to,
                kind,
                account,
            } = message;
            format!("{kind:?} {account} {from}>{to}")
        };
        let times = route.messages.iter();
        times
            .map(|messages| messages.iter().map(message).collect())
            .collect()
    }

    /// The route of a plan: of each transaction its round, its shard and its accesses.
    fn route(homes: &[u32], transactions: &[(usize, u32, Vec<Access>)]) -> Vec<Vec<String>> {
        let mut table = AccessTable::new();
        let last = transactions.iter().map(|(round, ..)| *round).max();
        let mut rounds = vec![vec![Vec::new(); 2]; last.map_or(0, |last| last + 1)];
        for (round, shard, accesses) in transactions {
            let index = table.push(accesses.iter().copied(), 1_000);
            rounds[*round][*shard as usize].push(index);
        }
        let of_round = |lanes: &Vec<Vec<_>>| {
            let shards = (0..).zip(lanes).filter(|(_, lane)| !lane.is_empty());
            shards.map(|(shard, _)| shard).collect()
        };
        let placed = Placed {
            shards: rounds.iter().map(of_round).collect(),
            plan: Plan::from_nested(rounds, Vec::new()),
        };
        let layout = Layout {
            homes: homes.to_vec(),
            sizes: vec![100; homes.len()],
            shard_count: 2,
        };
        text(&Route::new(&table, &layout, homes, &placed))
    }

    fn account(number: u32) -> AccountIndex {
        AccountIndex(number)
    }

    #[test]
    fn an_account_moves_to_its_writer_and_home() {
        let [a, b] = [0, 1].map(|number| Access::write(account(number)));
        let plan = [(0, 0, vec![a]), (0, 1, vec![b]), (1, 0, vec![a, b])];
        let expected: [&[&str]; 3] = [&[], &["Move 1 1>0"], &["Move 1 0>1"]];
        assert_eq!(route(&[0, 1], &plan), expected);
    }

    #[test]
    fn a_reader_gets_a_copy_once_until_the_next_writer() {
        let [a, b] = [0, 1].map(|number| Access::write(account(number)));
        let read = Access::read(account(1));
        let found = route(
            &[0, 1],
            &[
                (0, 0, vec![a, read]),
                (1, 0, vec![a, read]),
                (2, 1, vec![b]),
                (3, 0, vec![a, read]),
            ],
        );
        let expected: [&[&str]; 5] = [&["Copy 1 1>0"], &[], &[], &["Copy 1 1>0"], &[]];
        assert_eq!(found, expected);
    }

    #[test]
    fn credits_are_summed_for_the_next_writer_or_home() {
        let [a, b] = [0, 1].map(|number| Access::write(account(number)));
        let credit = Access::credit(account(1));
        let found = route(
            &[0, 1],
            &[
                (0, 0, vec![a, credit]),
                (1, 1, vec![b]),
                (2, 0, vec![a, credit]),
            ],
        );
        let expected: [&[&str]; 4] = [
            &["Copy 1 1>0"],
            &["Sum 1 0>1"],
            &["Copy 1 1>0"],
            &["Sum 1 0>1"],
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_every_shard_has_is_never_sent() {
        let a = Access::write(account(0));
        let found = route(
            &[0, EVERYWHERE],
            &[(0, 0, vec![a, Access::read(account(1))])],
        );
        assert_eq!(found, [Vec::<String>::new(), Vec::new()]);
    }
}
