//! A block as a trace: JSON lines that `lockstep plan` reads, with the names of its accounts.

use std::{collections::BTreeMap, fs, io, path::Path};

use lockstep_sdk::{idl::Text, interface::Address};

use crate::block::{Block, Executed};

/// What instructions of a block call each account.
type AccountNames = BTreeMap<Address, Vec<String>>;

impl Block {
    /// Writes the block as a trace: a line for each call that is part of it, with the accounts that
    /// it locks, their names, and the compute units that it used. `lockstep plan --trace FILE
    /// --explain` reads it, and so does `lockstep run --trace FILE`.
    ///
    /// # Errors
    /// If the file cannot be written. A file that is there is replaced.
    ///
    /// ```
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob] = ["alice", "bob"].map(|name| chain.wallet(name));
    /// let block = chain.run_block([transfer(&alice, &bob, 1), transfer(&bob, &alice, 2)]);
    /// let path = std::env::temp_dir().join(format!("trace-{}.jsonl", std::process::id()));
    /// block.trace(&path)?;
    /// let trace = std::fs::read_to_string(&path)?;
    /// assert_eq!(trace.lines().count(), 2);
    /// assert!(trace.contains(&format!("\"{alice}\":\"source, target\"")));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn trace(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let names = self.account_names();
        let calls = self.executed().iter().enumerate();
        let lines = calls.filter_map(|(index, executed)| self.line(index, executed, &names));
        fs::write(path, lines.collect::<String>())
    }

    /// The line of a call that is part of the block.
    fn line(&self, index: usize, executed: &Executed, names: &AccountNames) -> Option<String> {
        let receipt = executed.result.as_ref().ok()?;
        let lock = |is_wanted: fn(bool, bool) -> bool| {
            let accesses = executed.accesses.iter();
            let wanted =
                accesses.filter(move |access| is_wanted(access.is_writable, access.is_credit));
            list(wanted.map(|access| access.address))
        };
        let programs = executed.call.instructions.iter();
        let programs = list(programs.map(|instruction| instruction.program));
        let fee = receipt.signature_fee.saturating_add(receipt.priority_fee);
        let failure = receipt.status.as_ref().err();
        let failure = failure.map_or_else(String::new, |error| {
            format!(",\"err\":{}", Text(&error.to_string()))
        });
        let names = executed.accesses.iter().filter_map(|access| {
            let name = self.label(&access.address, names.get(&access.address)?);
            Some(format!("\"{}\":{}", access.address, Text(&name)))
        });
        let names = names.collect::<Vec<_>>().join(",");
        Some(format!(
            "{{\"slot\":{},\"i\":{index},\"w\":[{}],\"r\":[{}],\"c\":[{}],\"p\":[{programs}],\
             \"cu\":{},\"fee\":{fee}{failure},\"names\":{{{names}}}}}\n",
            self.slot(),
            lock(|is_writable, _| is_writable),
            lock(|is_writable, _| !is_writable),
            lock(|_, is_credit| is_credit),
            receipt.compute_units,
        ))
    }

    /// What calls name an account, and the state that it holds.
    fn label(&self, address: &Address, names: &[String]) -> String {
        let mut fields: Vec<String> = Vec::new();
        for name in names {
            let field = name.split_once('.').map_or(&**name, |(_, field)| field);
            if !fields.iter().any(|known| known == field) {
                fields.push(field.to_owned());
            }
        }
        let fields = fields.join(", ");
        match self.state_of(address).0 {
            Some(state) => format!("{fields} ({state})"),
            None => fields,
        }
    }
}

fn list(addresses: impl Iterator<Item = Address>) -> String {
    let texts = addresses.map(|address| format!("\"{address}\""));
    texts.collect::<Vec<_>>().join(",")
}
