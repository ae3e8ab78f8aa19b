//! Every transaction that is known here, from its arrival until it is settled.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use ahash::RandomState;
use lockstep_interface::{Address, Hash};
use lockstep_runtime::{mempool::Candidate, wire::TransactionView};
use lockstep_scheduler::{Access, Addresses};

use crate::v4_3::{Region, Session};

/// A transaction.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where it is in the session's memory; `None` if it has to be put there before it is sent.
    pub(crate) region: Option<Region>,
    /// Its bytes, while no candidate has them and no session.
    pub(crate) bytes: Vec<u8>,
    /// What the pool has of it.
    pub(crate) candidate: Option<Arc<Candidate>>,
    /// Its accounts, and whether it writes them; known once it was checked.
    pub(crate) accounts: Vec<(Address, bool)>,
    /// Those accounts by number, while the stream has it.
    pub(crate) accesses: Vec<Access>,
    /// When it is too old, in microseconds.
    pub(crate) deadline: u64,
    /// Times that it came back.
    pub(crate) tries: u32,
}

/// All transactions, by message hash.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    entries: HashMap<Hash, Entry, RandomState>,
    /// In order of deadline.
    deadlines: VecDeque<(u64, Hash)>,
}

impl Entries {
    /// Adds a transaction in a session's memory; gives the region back if it is known.
    pub(crate) fn insert(
        &mut self,
        hash: Hash,
        region: Region,
        deadline: u64,
    ) -> Result<(), Region> {
        if self.entries.contains_key(&hash) {
            return Err(region);
        }
        self.deadlines.push_back((deadline, hash));
        self.entries.insert(
            hash,
            Entry {
                region: Some(region),
                bytes: Vec::new(),
                candidate: None,
                accounts: Vec::new(),
                accesses: Vec::new(),
                deadline,
                tries: 0,
            },
        );
        Ok(())
    }

    pub(crate) fn get_mut(&mut self, hash: &Hash) -> Option<&mut Entry> {
        self.entries.get_mut(hash)
    }

    pub(crate) fn get(&self, hash: &Hash) -> Option<&Entry> {
        self.entries.get(hash)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets a transaction, its memory and its account numbers.
    pub(crate) fn remove(
        &mut self,
        hash: &Hash,
        session: Option<&mut Session>,
        addresses: &mut Addresses,
    ) -> Option<Entry> {
        let mut entry = self.entries.remove(hash)?;
        entry.release(addresses);
        if let (Some(session), Some(region)) = (session, entry.region.take()) {
            session.free(region);
        }
        Some(entry)
    }

    /// The next transaction whose deadline is over, each once.
    pub(crate) fn next_late(&mut self, now: u64) -> Option<Hash> {
        let (deadline, hash) = *self.deadlines.front()?;
        (deadline < now).then(|| {
            self.deadlines.pop_front();
            hash
        })
    }

    /// Ends the use of a session's memory, of which nothing is left. Returns those that have no
    /// candidate yet, oldest first.
    pub(crate) fn leave(&mut self, session: &Session) -> Vec<Hash> {
        for entry in self.entries.values_mut() {
            if let Some(region) = entry.region.take()
                && entry.candidate.is_none()
            {
                entry.bytes = session.bytes(&region).to_vec();
            }
        }
        let order = self.deadlines.iter().map(|(_, hash)| *hash);
        let unchecked = order.filter(|hash| {
            let entry = self.entries.get(hash);
            entry.is_some_and(|entry| entry.candidate.is_none())
        });
        unchecked.collect()
    }
}

impl Entry {
    /// The bytes of the transaction.
    pub(crate) fn bytes<'e>(&'e self, session: &'e Session) -> &'e [u8] {
        match (&self.region, &self.candidate) {
            (Some(region), _) => session.bytes(region),
            (None, Some(candidate)) => candidate.transactions().next().unwrap_or_default(),
            (None, None) => &self.bytes,
        }
    }

    /// Puts it into the session's memory if it is not there. False if there is no room.
    pub(crate) fn place(&mut self, session: &mut Session) -> bool {
        if self.region.is_none() {
            let bytes = match &self.candidate {
                Some(candidate) => candidate.transactions().next().unwrap_or_default(),
                None => &self.bytes,
            };
            self.region = session.allocate(bytes);
        }
        self.region.is_some()
    }

    /// Notes the accounts that a checked transaction uses.
    pub(crate) fn note_accounts(&mut self, view: &TransactionView<'_>, loaded: &[Address]) {
        let keys = view.static_keys().iter().enumerate();
        let own = keys.map(|(index, key)| {
            let address = Address::new_from_array(*key);
            (address, view.is_writable_static(index))
        });
        let written = view.writable_lookup_count();
        let looked_up = loaded.iter().enumerate();
        let looked_up = looked_up.map(|(index, address)| (*address, index < written));
        self.accounts = own.chain(looked_up).collect();
    }

    /// Numbers its accounts.
    pub(crate) fn acquire(&mut self, addresses: &mut Addresses) {
        let accounts = self.accounts.iter().map(|(address, is_written)| {
            let account = addresses.acquire(&address.to_bytes());
            match is_written {
                true => Access::write(account),
                false => Access::read(account),
            }
        });
        self.accesses = accounts.collect();
    }

    /// Gives the numbers back.
    pub(crate) fn release(&mut self, addresses: &mut Addresses) {
        for access in self.accesses.drain(..) {
            addresses.release(access.account());
        }
    }
}
