//! The list of members: which validators are in it, and in which order.

use lockstep_sdk::prelude::*;

/// Most members of a network.
pub const MEMBERS_MAX: usize = 128;

/// A member as the list has it.
#[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
pub struct ListedMember {
    /// The ed25519 key of its votes.
    pub key: Address,
    /// Its active stake in lamports.
    pub stake: u64,
}

/// Puts a validator into the list with its stake of now, or takes it out if that is less than
/// `stake_min`, or 0. If the list is full, the member with the least stake goes, of several the one
/// with the highest key. O(members).
///
/// ```
/// use lockstep_stake::members::list;
/// use lockstep_sdk::prelude::Address;
///
/// let key = |number| Address::new_from_array([number; 32]);
/// let mut members = Vec::new();
/// for (number, stake) in [(2, 5), (1, 7), (3, 4)] {
///     list(&mut members, key(number), stake, 5);
/// }
/// assert_eq!(members.iter().map(|member| member.stake).collect::<Vec<_>>(), [7, 5]);
/// ```
pub fn list(members: &mut Vec<ListedMember>, key: Address, stake: u64, stake_min: u64) {
    members.retain(|member| member.key != key);
    if stake == 0 || stake < stake_min {
        return;
    }
    let place = members.partition_point(|member| member.key < key);
    members.insert(place, ListedMember { key, stake });
    if members.len() > MEMBERS_MAX {
        let places = members.iter().enumerate().rev();
        let least = places.min_by_key(|(_, member)| member.stake);
        if let Some((place, _)) = least {
            members.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Address {
        Address::new_from_array([number; 32])
    }

    #[test]
    fn a_full_list_keeps_the_most_stake() {
        let mut members = Vec::new();
        for number in 0..128 {
            list(&mut members, key(number), 10, 1);
        }
        list(&mut members, key(200), 9, 1);
        assert!(members.iter().all(|member| member.stake == 10));
        list(&mut members, key(201), 11, 1);
        assert_eq!(members.len(), MEMBERS_MAX);
        assert!(members.is_sorted_by_key(|member| member.key));
        assert!(members.iter().all(|member| member.key != key(127)));
        list(&mut members, key(201), 0, 0);
        assert_eq!(members.len(), MEMBERS_MAX - 1);
    }
}
