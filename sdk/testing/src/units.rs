//! Compute units of a program's calls, as a Markdown table that a project can keep and compare
//! with.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::{block::Block, profile::Profile};

/// Compute units by name of what was measured.
///
/// ```
/// use lockstep_programs::system::instruction::transfer;
/// use lockstep_testing::{Chain, Units};
///
/// let mut chain = Chain::new();
/// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
/// let mut units = Units::new();
/// units.add("transfer", &chain.run(transfer(&alice, &bob, 5)));
/// let saved = "| Call | Compute units |\n|---|---:|\n| transfer | 100 |\n";
/// let expected = "| Call | Compute units | Before | Delta |\n|---|---:|---:|---:|\n\
///                 | transfer | 150 | 100 | +50 (+50.0%) |\n";
/// assert_eq!(units.compare(saved), expected);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Units(BTreeMap<String, u64>);

impl Units {
    /// A table without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row: the sum over the calls of a block.
    ///
    /// # Panics
    /// If a call failed, since that would measure something else, or if the name has a row.
    #[track_caller]
    pub fn add(&mut self, name: &str, block: &Block) {
        block.all_ok();
        let units = block.executed().iter().map(|call| call.compute_units());
        let earlier = self.0.insert(name.replace('|', "/"), units.sum());
        assert!(earlier.is_none(), "there are two rows named {name}");
    }

    /// Adds a row for each call frame of a profile: the name, and behind `>` what is invoked.
    ///
    /// # Panics
    /// As [`Units::add`] does.
    ///
    /// ```
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_testing::{Chain, Units};
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
    /// let mut units = Units::new();
    /// units.add_profile("pay", &chain.profile(transfer(&alice, &bob, 5)));
    /// assert!(units.to_markdown().contains("| pay > system::transfer | 150 |"));
    /// ```
    #[track_caller]
    pub fn add_profile(&mut self, name: &str, profile: &Profile) {
        self.add(name, &profile.block);
        for (stack, frame) in profile.stacks() {
            let row = format!("{name} > {}", stack.join(" > ")).replace('|', "/");
            let sum = self.0.entry(row).or_default();
            *sum = sum.saturating_add(frame.units);
        }
    }

    /// The table.
    pub fn to_markdown(&self) -> String {
        let mut table = "| Call | Compute units |\n|---|---:|\n".to_owned();
        for (name, units) in &self.0 {
            table.push_str(&format!("| {name} | {units} |\n"));
        }
        table
    }

    /// The table beside a saved one. Rows that only the saved one has come last.
    pub fn compare(&self, saved: &str) -> String {
        let saved = parse(saved);
        let mut table = "| Call | Compute units | Before | Delta |\n|---|---:|---:|---:|\n".into();
        for (name, units) in &self.0 {
            let row = match saved.get(name) {
                Some(before) => format!("{before} | {} |", delta(*before, *units)),
                None => "| new |".to_owned(),
            };
            table = format!("{table}| {name} | {units} | {row}\n");
        }
        for (name, before) in &saved {
            if !self.0.contains_key(name) {
                table = format!("{table}| {name} | | {before} | gone |\n");
            }
        }
        table
    }

    /// The table beside the one in a file, and then in its place. The first time there is no file.
    ///
    /// # Errors
    /// If the file can be neither read nor found missing, or cannot be written.
    pub fn save(&self, file: &Path) -> io::Result<String> {
        let saved = match fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        fs::write(file, self.to_markdown())?;
        Ok(self.compare(&saved))
    }
}

/// The rows of a table. Heading and rule have no number in their second column.
fn parse(table: &str) -> BTreeMap<String, u64> {
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
        let name = cells.next()?;
        Some((name.to_owned(), cells.next()?.parse().ok()?))
    });
    rows.collect()
}

/// The difference with its sign, and its share of the former value in tenths of a percent.
fn delta(before: u64, after: u64) -> String {
    let (sign, size) = if after < before {
        ("-", before.abs_diff(after))
    } else {
        ("+", before.abs_diff(after))
    };
    if size == 0 {
        return "0".to_owned();
    }
    let share = u128::from(size).saturating_mul(1_000);
    match share.checked_div(u128::from(before)) {
        Some(tenths) => format!("{sign}{size} ({sign}{}.{}%)", tenths / 10, tenths % 10),
        None => format!("{sign}{size}"),
    }
}
