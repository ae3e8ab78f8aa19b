//! A part of the accounts: an open-addressing table of small slots over a dense list of entries.
//!
//! ```text
//! hash -> slots: [ tag | entry ]  ->  entries: [ address, account ]
//! ```
//! A lookup waits for memory twice, once for the slot and once for the entry. Lookups in groups
//! start all waits of a kind before they need the first, so that the waits overlap.

use lockstep_interface::{Account, Address};

/// Lookups whose waits for memory overlap.
pub(crate) const GROUP_SIZE: usize = 16;
/// A slot that never held an entry, or whose entry is gone.
const EMPTY: Slot = Slot {
    tag: 0,
    entry: u32::MAX,
};
/// Slots of the smallest table; a power of two.
const SLOTS_MIN: usize = 16;

/// Where an entry is, and some bits of its hash.
#[derive(Clone, Copy, Debug)]
struct Slot {
    tag: u32,
    entry: u32,
}

/// Accounts by address. Linear probing, at most half full.
#[derive(Debug)]
pub(crate) struct Shard {
    slots: Vec<Slot>,
    entries: Vec<(Address, Account)>,
    write_count: u64,
    /// Bytes of account data.
    data_size: usize,
    /// The entry that makes room next.
    hand: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            slots: vec![EMPTY; SLOTS_MIN],
            entries: Vec::new(),
            write_count: 0,
            data_size: 0,
            hand: 0,
        }
    }
}

/// Low bits choose the slot, high bits are the tag; neither is the address itself, so that nobody
/// can choose addresses that collide.
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).expect("32 bits are left")
}

impl Shard {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All accounts, in no order of meaning.
    pub(crate) fn accounts(&self) -> &[(Address, Account)] {
        &self.entries
    }

    /// How often changes were written here.
    pub(crate) fn write_count(&self) -> u64 {
        self.write_count
    }

    pub(crate) fn count_write(&mut self) {
        self.write_count = self.write_count.wrapping_add(1);
    }

    /// Bytes of memory, about: two slots and an entry for each account, and its data.
    pub(crate) fn size(&self) -> usize {
        const ENTRY_SIZE: usize = 2 * size_of::<Slot>() + size_of::<(Address, Account)>();
        let entries = self.entries.len().saturating_mul(ENTRY_SIZE);
        entries.saturating_add(self.data_size)
    }

    /// Takes accounts out, in turn, until the others take at most `size` bytes.
    pub(crate) fn shrink(&mut self, size: usize, rehash: impl Fn(&Address) -> u64) {
        while self.size() > size && !self.entries.is_empty() {
            let place = self.hand.checked_rem(self.entries.len()).unwrap_or(0);
            self.hand = place.saturating_add(1);
            let address = self.entries[place].0;
            self.remove(&address, rehash(&address), &rehash);
        }
    }

    fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }

    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash & u64::from(u32::MAX)).expect("32 bits fit") & self.mask()
    }

    /// First step of a lookup: the entry that the home slot points to, if the tag fits. Reads one
    /// slot.
    pub(crate) fn guess(&self, hash: u64) -> u32 {
        let slot = self.slots[self.home(hash)];
        if slot.tag == tag(hash) {
            slot.entry
        } else {
            u32::MAX
        }
    }

    /// Second step: starts to fetch a guessed entry. The value means nothing.
    pub(crate) fn touch(&self, guess: u32) -> u64 {
        self.entries
            .get(guess as usize)
            .map_or(0, |(address, account)| {
                account.lamports ^ u64::from(address.as_array()[0])
            })
    }

    /// The same for the data of a guessed entry, once the entry is there.
    pub(crate) fn touch_data(&self, guess: u32) -> u64 {
        let entry = self.entries.get(guess as usize);
        entry.map_or(0, |(_, account)| u64::from(account.data.touch()))
    }

    /// Last step: the entry of `address`, starting from a guess.
    pub(crate) fn find(&self, address: &Address, hash: u64, guess: u32) -> Option<usize> {
        match self.entries.get(guess as usize) {
            Some((known, _)) if known == address => Some(guess as usize),
            _ => self
                .search(address, hash)
                .map(|slot| self.slots[slot].entry as usize),
        }
    }

    pub(crate) fn account(&self, entry: usize) -> &Account {
        &self.entries[entry].1
    }

    /// The slot that points to the entry of `address`.
    fn search(&self, address: &Address, hash: u64) -> Option<usize> {
        let mut slot = self.home(hash);
        loop {
            let Slot { tag: found, entry } = self.slots[slot];
            if entry == u32::MAX {
                return None;
            }
            if found == tag(hash) && self.entries[entry as usize].0 == *address {
                return Some(slot);
            }
            slot = slot.wrapping_add(1) & self.mask();
        }
    }

    /// Stores an account, whose entry was looked up before, or removes it if it does not exist.
    pub(crate) fn put(
        &mut self,
        address: &Address,
        account: &Account,
        hash: u64,
        entry: Option<usize>,
        rehash: impl Fn(&Address) -> u64,
    ) {
        match entry {
            Some(entry) if account.exists() => {
                self.data_size = self.data_size.saturating_add(account.data.len());
                let before = std::mem::replace(&mut self.entries[entry].1, account.clone());
                self.data_size = self.data_size.saturating_sub(before.data.len());
            }
            Some(_) => self.remove(address, hash, rehash),
            None if account.exists() => {
                self.grow(&rehash);
                let entry = u32::try_from(self.entries.len()).expect("fewer than 2^32 accounts");
                self.entries.push((*address, account.clone()));
                self.data_size = self.data_size.saturating_add(account.data.len());
                self.link(hash, entry);
            }
            None => {}
        }
    }

    fn link(&mut self, hash: u64, entry: u32) {
        let mut slot = self.home(hash);
        while self.slots[slot].entry != u32::MAX {
            slot = slot.wrapping_add(1) & self.mask();
        }
        self.slots[slot] = Slot {
            tag: tag(hash),
            entry,
        };
    }

    /// Doubles the table before it gets more than half full.
    fn grow(&mut self, rehash: &impl Fn(&Address) -> u64) {
        if self.entries.len().saturating_add(1).saturating_mul(2) <= self.slots.len() {
            return;
        }
        self.slots = vec![EMPTY; self.slots.len().saturating_mul(2)];
        for entry in 0..self.entries.len() {
            let hash = rehash(&self.entries[entry].0);
            self.link(
                hash,
                u32::try_from(entry).expect("fewer than 2^32 accounts"),
            );
        }
    }

    /// Takes an entry out: the last entry moves to its place, and the slots behind its own close
    /// the gap.
    fn remove(&mut self, address: &Address, hash: u64, rehash: impl Fn(&Address) -> u64) {
        let Some(slot) = self.search(address, hash) else {
            return;
        };
        let entry = self.slots[slot].entry;
        let (_, removed) = self.entries.swap_remove(entry as usize);
        self.data_size = self.data_size.saturating_sub(removed.data.len());
        if let Some((moved, _)) = self.entries.get(entry as usize) {
            let moved_hash = rehash(moved);
            let last = u32::try_from(self.entries.len()).expect("fewer than 2^32 accounts");
            let mut probe = self.home(moved_hash);
            while self.slots[probe].entry != last {
                probe = probe.wrapping_add(1) & self.mask();
            }
            self.slots[probe].entry = entry;
        }
        self.close_gap(slot, rehash);
    }

    /// Moves later slots of the run into the gap where their home allows it (backward shift).
    fn close_gap(&mut self, mut gap: usize, rehash: impl Fn(&Address) -> u64) {
        let mut probe = gap;
        loop {
            probe = probe.wrapping_add(1) & self.mask();
            let slot = self.slots[probe];
            if slot.entry == u32::MAX {
                break;
            }
            let home = self.home(rehash(&self.entries[slot.entry as usize].0));
            let distance = probe.wrapping_sub(home) & self.mask();
            let gap_distance = probe.wrapping_sub(gap) & self.mask();
            if distance >= gap_distance {
                self.slots[gap] = slot;
                gap = probe;
            }
        }
        self.slots[gap] = EMPTY;
    }
}
