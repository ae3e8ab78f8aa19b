//! Programs that were loaded, kept by the bytes of their files.
//!
//! A program is found by comparing whole files, so that forks, upgrades and reopened ledgers cannot
//! be mistaken for each other: the cache saves time and has no say in any result. Where two holders
//! share the bytes, as banks share accounts, comparing costs nothing.

use std::sync::Arc;

use lockstep_interface::AccountData;

use crate::{
    code::{Code, Terms},
    sync::Turns,
};

/// Bytes of files and of what was made of them that a cache keeps.
const KEPT_SIZE: usize = 512 << 20;

/// The programs that loaders have made ready.
#[derive(Debug)]
pub(crate) struct Cache {
    kept: Turns<Kept>,
    is_compiling: bool,
    size_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    entries: Vec<Entry>,
    size: usize,
    /// Counts look-ups.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    /// The account of the file, and where in it the file begins.
    data: AccountData,
    start: usize,
    /// `None` if the file is no program.
    code: Option<Arc<Code>>,
    size: usize,
    used: u64,
}

impl Entry {
    fn holds(&self, data: &AccountData, start: usize) -> bool {
        let is_shared = self.start == start && self.data == *data;
        is_shared || self.data[self.start..] == data[start..]
    }
}

impl Cache {
    /// An empty cache. Without compiling, programs are interpreted.
    pub(crate) fn new(is_compiling: bool) -> Self {
        Self {
            kept: Turns::default(),
            is_compiling,
            size_max: KEPT_SIZE,
        }
    }

    /// The program whose file begins at an offset of an account's data; `None` if it is no program.
    /// O(bytes), of a file that was not met lately much more.
    pub(crate) fn get(&self, data: &AccountData, start: usize) -> Option<Arc<Code>> {
        if data.len() <= start {
            return None;
        }
        if let Some(code) = self.kept.with(|kept| kept.find(data, start)) {
            return code;
        }
        let code = Code::load(&data[start..], Terms::Deployed).ok();
        let code = code.and_then(|code| match self.is_compiling {
            true => code.compiled().ok(),
            false => Some(code),
        });
        let code = code.map(Arc::new);
        let code_size = code.as_ref().map_or(0, |code| code.size());
        self.kept.with(|kept| {
            let entry = Entry {
                data: data.clone(),
                start,
                code: code.clone(),
                size: data.len().saturating_add(code_size),
                used: 0,
            };
            kept.insert(entry, self.size_max);
        });
        code
    }
}

impl Kept {
    #[expect(clippy::option_option, reason = "no program is an answer, too")]
    fn find(&mut self, data: &AccountData, start: usize) -> Option<Option<Arc<Code>>> {
        self.clock = self.clock.saturating_add(1);
        let mut entries = self.entries.iter_mut();
        let entry = entries.find(|entry| entry.holds(data, start))?;
        entry.used = self.clock;
        Some(entry.code.clone())
    }

    /// Adds an entry; those that were not used for longest make room.
    fn insert(&mut self, mut entry: Entry, size_max: usize) {
        if self.find(&entry.data, entry.start).is_some() {
            // Another thread was faster.
            return;
        }
        entry.used = self.clock;
        self.size = self.size.saturating_add(entry.size);
        self.entries.push(entry);
        while self.size > size_max && self.entries.len() > 1 {
            let oldest = (0..self.entries.len()).min_by_key(|place| self.entries[*place].used);
            let removed = self.entries.swap_remove(oldest.unwrap_or(0));
            self.size = self.size.saturating_sub(removed.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps one file of those below.
    fn small() -> Cache {
        Cache {
            size_max: 150,
            ..Cache::new(false)
        }
    }

    fn kept(cache: &Cache) -> Vec<u8> {
        cache.kept.with(|kept| {
            let firsts = kept.entries.iter().map(|entry| entry.data[entry.start]);
            firsts.collect()
        })
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let cache = small();
        let [first, second, third] = [1, 2, 3].map(|byte| AccountData::from(vec![byte; 60]));
        assert!(cache.get(&first, 0).is_none(), "no program is remembered");
        cache.get(&second, 0);
        cache.get(&first, 0);
        assert_eq!(kept(&cache), [1, 2]);
        cache.get(&third, 0);
        assert_eq!(kept(&cache), [1, 3]);
    }

    #[test]
    fn a_file_is_found_wherever_it_lies() {
        let cache = small();
        cache.get(&vec![1, 1, 5, 6].into(), 2);
        cache.get(&vec![5, 6].into(), 0);
        assert_eq!(kept(&cache), [5]);
        cache.get(&vec![1, 1, 5, 6].into(), 3);
        assert_eq!(kept(&cache), [5, 6]);
        assert!(cache.get(&vec![1].into(), 1).is_none());
        assert_eq!(kept(&cache), [5, 6], "an empty file is not kept");
    }
}
