//! Turns addresses into the account numbers of a stream, and uses numbers again.

use std::collections::HashMap;

use ahash::RandomState;

use crate::ids::{AccountIndex, narrow};

/// The addresses that the unsettled transactions of a stream use, numbered densely.
///
/// An [`Interner`](crate::Interner) forgets all addresses with their block. A stream has no end,
/// so that each address is counted, and its number goes to another when nothing uses it any more.
///
/// ```
/// use lockstep_scheduler::{AccountIndex, Addresses};
///
/// let mut addresses = Addresses::default();
/// assert_eq!(addresses.acquire(&[7; 32]), AccountIndex(0));
/// assert_eq!(addresses.acquire(&[8; 32]), AccountIndex(1));
/// assert_eq!(addresses.acquire(&[7; 32]), AccountIndex(0));
/// addresses.release(AccountIndex(1));
/// addresses.sweep();
/// assert_eq!(addresses.acquire(&[9; 32]), AccountIndex(1));
/// assert_eq!(addresses.len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Addresses {
    /// For look-up only.
    numbers: HashMap<[u8; 32], u32, RandomState>,
    used: Vec<Used>,
    /// Numbers whose count fell to zero since the last sweep.
    unused: Vec<u32>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Used {
    address: [u8; 32],
    count: u32,
}

impl Addresses {
    /// The number of an address, which keeps it until it is released as often as it was acquired,
    /// and the next [`sweep`](Self::sweep) after that. Constant time on average.
    pub fn acquire(&mut self, address: &[u8; 32]) -> AccountIndex {
        if let Some(&number) = self.numbers.get(address) {
            let used = &mut self.used[number as usize];
            used.count += 1;
            return AccountIndex(number);
        }
        let used = Used {
            address: *address,
            count: 1,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.used[number as usize] = used;
                number
            }
            None => {
                self.used.push(used);
                narrow(self.used.len() - 1)
            }
        };
        self.numbers.insert(*address, number);
        AccountIndex(number)
    }

    /// Gives a number back that was acquired.
    ///
    /// # Panics
    /// If it was given back as often as it was acquired.
    pub fn release(&mut self, account: AccountIndex) {
        let used = &mut self.used[account.index()];
        assert!(used.count > 0, "a number is released once for each use");
        used.count -= 1;
        if used.count == 0 {
            self.unused.push(account.0);
        }
    }

    /// Forgets the addresses that nothing uses. To be called when a block begins: until then an
    /// account keeps its number, by which its cost in the block is counted. O(released since).
    pub fn sweep(&mut self) {
        for number in self.unused.drain(..) {
            let used = &self.used[number as usize];
            // It may have been acquired again, or be listed twice.
            if used.count == 0 && self.numbers.get(&used.address) == Some(&number) {
                self.numbers.remove(&used.address);
                self.free.push(number);
            }
        }
    }

    /// The number of addresses that have a number.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_while_its_address_is_used() {
        let mut addresses = Addresses::default();
        let number = addresses.acquire(&[1; 32]);
        for _ in 0..3 {
            addresses.release(number);
            assert_eq!(addresses.acquire(&[1; 32]), number);
        }
        addresses.sweep();
        assert_eq!(addresses.acquire(&[1; 32]), number);
        addresses.release(number);
        addresses.release(number);
        addresses.sweep();
        addresses.sweep();
        assert!(addresses.is_empty());
        assert_eq!(addresses.acquire(&[2; 32]), number);
        assert_eq!(addresses.acquire(&[1; 32]), AccountIndex(1));
    }

    #[test]
    #[should_panic(expected = "once for each use")]
    fn a_number_is_not_released_twice() {
        let mut addresses = Addresses::default();
        let number = addresses.acquire(&[1; 32]);
        addresses.release(number);
        addresses.release(number);
    }
}
