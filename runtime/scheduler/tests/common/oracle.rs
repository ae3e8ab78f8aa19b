//! The definition of a valid plan, transaction pair by transaction pair.
//!
//! Quadratic, kept plain for ever, and written without a look at the checker: it judges planners
//! and the checker alike.

use lockstep_scheduler::{AccessTable, Mode, Plan, TransactionIndex};

/// Where a transaction stands in a plan.
#[derive(Clone, Copy)]
struct Place {
    batch: usize,
    lane: usize,
    item: usize,
}

/// Says what is wrong with a plan, if anything.
pub fn verdict(plan: &Plan, table: &AccessTable, mode: Mode) -> Result<(), String> {
    let count = table.transaction_count();
    let mut places: Vec<Option<Place>> = vec![None; count];
    for (batch, lanes) in plan.to_nested().into_iter().enumerate() {
        for (lane, transactions) in lanes.into_iter().enumerate() {
            for (item, transaction) in transactions.into_iter().enumerate() {
                match places.get_mut(transaction.index()) {
                    None => return Err(format!("{transaction} is unknown")),
                    Some(Some(_)) => return Err(format!("{transaction} occurs twice")),
                    Some(place) => *place = Some(Place { batch, lane, item }),
                }
            }
        }
    }
    let places: Option<Vec<Place>> = places.into_iter().collect();
    let places = places.ok_or("a transaction is missing")?;
    let ordered = order(plan, &places)?;
    for first in table.transactions() {
        for second in table.transactions().filter(|&second| second > first) {
            if table.conflict(first, second) {
                let forwards = ordered[first.index()][second.index()];
                let backwards = ordered[second.index()][first.index()];
                if !forwards && !backwards {
                    return Err(format!("{first} and {second} may run at once"));
                }
                if mode == Mode::Replay && backwards {
                    return Err(format!("{second} runs before {first}"));
                }
            }
        }
    }
    check_canonical(plan, &places, &ordered)
}

/// `[a][b]`: whether `a` surely ends before `b` starts.
fn order(plan: &Plan, places: &[Place]) -> Result<Vec<Vec<bool>>, String> {
    let count = places.len();
    let mut ordered = vec![vec![false; count]; count];
    for (a, first) in places.iter().enumerate() {
        for (b, second) in places.iter().enumerate() {
            let same_lane = first.batch == second.batch && first.lane == second.lane;
            ordered[a][b] = first.batch < second.batch || (same_lane && first.item < second.item);
        }
    }
    for wait in plan.waits() {
        let (a, b) = (wait.after.index(), wait.transaction.index());
        let (Some(first), Some(second)) = (places.get(a), places.get(b)) else {
            return Err(format!("{wait:?} names a stranger"));
        };
        if first.batch != second.batch || first.lane == second.lane {
            return Err(format!("{wait:?} makes no sense"));
        }
        ordered[a][b] = true;
    }
    if !plan.waits().is_empty() {
        close(&mut ordered);
        if (0..count).any(|a| ordered[a][a]) {
            return Err("waits form a circle".to_owned());
        }
    }
    Ok(ordered)
}

/// The transitive closure.
fn close(ordered: &mut [Vec<bool>]) {
    for middle in 0..ordered.len() {
        let behind = ordered[middle].clone();
        for row in ordered.iter_mut().filter(|row| row[middle]) {
            for (reaches, also) in row.iter_mut().zip(&behind) {
                *reaches |= also;
            }
        }
    }
}

/// The canonical order must be one of the orders that the plan allows.
fn check_canonical(plan: &Plan, places: &[Place], ordered: &[Vec<bool>]) -> Result<(), String> {
    let order: Vec<TransactionIndex> = plan.order().to_vec();
    if order.len() != places.len() {
        return Err("the canonical order has another length".to_owned());
    }
    for (position, later) in order.iter().enumerate() {
        for earlier in &order[..position] {
            if earlier == later || ordered[later.index()][earlier.index()] {
                return Err(format!("canonical order has {earlier} before {later}"));
            }
        }
    }
    Ok(())
}
