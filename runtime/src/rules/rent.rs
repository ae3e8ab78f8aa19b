//! Rent: which balance a transaction may leave an account with.

use lockstep_interface::Rent;

/// True if an account may go from the first balance and size to the second: it may end empty, or
/// rent-exempt, or stay below the minimum if it was below, kept its size and gained nothing.
///
/// Source: Agave's `transition_allowed`.
pub(crate) fn rent_allows(rent: &Rent, before: (u64, usize), after: (u64, usize)) -> bool {
    if after.0 == 0 || rent.is_exempt(after.0, after.1) {
        return true;
    }
    let was_below = before.0 != 0 && !rent.is_exempt(before.0, before.1);
    was_below && after.1 == before.1 && after.0 <= before.0
}
