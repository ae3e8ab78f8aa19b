//! An account as a transaction holds it, with what is needed to undo the transaction.

use std::cell::Cell;
use std::ops::Range;

use super::{
    BlockAccount,
    addition::{Addition, Additions, Counting},
};
use crate::{Account, AccountData, Address, Counters, InstructionError};

/// How the transaction holds the account.
#[derive(Debug)]
enum Held<'t> {
    /// Read-only: other transactions may be reading it at this moment.
    Shared(&'t Account),
    /// Only credited: other transactions may be crediting it at this moment.
    Credited {
        /// What it was when the last transaction wrote it.
        base: &'t Account,
        /// What this transaction adds to the lamports.
        lamports: Addition,
        /// And to each counter. Boxed, so that other accounts' slots stay small.
        counters: Option<Box<Additions>>,
    },
    /// Writable: no other transaction can reach it until the transaction ends.
    Owned {
        account: &'t mut Account,
        /// Where to put what it was, if the transaction is the first of its block to change it.
        origin: Option<&'t mut Option<Account>>,
    },
    /// Read-only, and made for this transaction.
    Made(Box<Account>),
}

impl Held<'_> {
    #[inline]
    fn account(&self) -> &Account {
        match self {
            Self::Shared(account) | Self::Credited { base: account, .. } => account,
            Self::Owned { account, .. } => account,
            Self::Made(account) => account,
        }
    }
}

/// The data from before the transaction's first write.
#[derive(Debug)]
enum DataBefore {
    /// The data was not written.
    Unchanged,
    /// These bytes, which another bank holds or the block will ask for.
    Kept(AccountData),
    /// The data was ours alone; a copy lies at this place of the undo buffer.
    Copied(Range<usize>),
}

/// What was done with an account in the course of a transaction, whatever was declared and also
/// where it was undone later.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum AccountUse {
    /// No program that ran looked into the account. Its address and its signature are part of the
    /// message: looking at these needs no access.
    #[default]
    Untouched,
    /// A program borrowed the account, shared or exclusively, or it is a program that ran.
    Read,
    /// A program, or the runtime for fee or nonce, obtained the right to change lamports, owner
    /// or data: the account could not have been read-only. Writing what was there before counts.
    Written,
}

/// One account of a transaction.
#[derive(Debug)]
pub struct AccountSlot<'t> {
    address: &'t Address,
    held: Held<'t>,
    is_signer: bool,
    lamports_at_entry: u64,
    lamports_before: u64,
    owner_before: Address,
    executable_before: bool,
    data_before: DataBefore,
    used: Cell<AccountUse>,
    /// The position in the running instruction under which it was borrowed last.
    borrowed_as: Cell<u8>,
    /// Data length when the running top-level instruction began.
    pub(super) size_at_entry: usize,
}

impl<'t> AccountSlot<'t> {
    /// An account that the transaction only reads.
    #[inline]
    pub fn shared(address: &'t Address, account: &'t Account, is_signer: bool) -> Self {
        Self::new(address, Held::Shared(account), is_signer)
    }

    /// An account to which the transaction only adds lamports, and to these counters in its data,
    /// while others may do the same.
    ///
    /// `base` is the account without what others add meanwhile: each number must be such that more
    /// makes no difference to the rules of a transaction, and each counter lies within the data.
    /// [`AccountSlot::credited`] and [`AccountSlot::counted`] tell what was added.
    #[inline]
    pub fn credit_only(
        address: &'t Address,
        base: &'t Account,
        counters: Counters,
        is_signer: bool,
    ) -> Self {
        let held = Held::Credited {
            base,
            lamports: Addition::default(),
            counters: (!counters.is_empty()).then(|| Box::new(Additions::new(counters))),
        };
        Self::new(address, held, is_signer)
    }

    /// A read-only account that is this transaction's alone.
    pub(super) fn made(address: &'t Address, account: Account) -> Self {
        Self::new(address, Held::Made(Box::new(account)), false)
    }

    /// Writes which instruction runs into the last two bytes of an account that was made.
    pub(super) fn set_current_instruction(&mut self, index: u8) {
        if let Held::Made(account) = &mut self.held
            && let Some(current) = account.data.make_mut().last_chunk_mut()
        {
            *current = u16::from(index).to_le_bytes();
        }
    }

    /// An account that the transaction may change.
    #[inline]
    pub fn owned(address: &'t Address, account: &'t mut Account, is_signer: bool) -> Self {
        let origin = None;
        Self::new(address, Held::Owned { account, origin }, is_signer)
    }

    /// The same for an account of a block, which is to know what it was before.
    #[inline]
    pub fn of_block(address: &'t Address, account: &'t mut BlockAccount, is_signer: bool) -> Self {
        let (account, origin) = account.lend();
        Self::new(address, Held::Owned { account, origin }, is_signer)
    }

    #[inline]
    fn new(address: &'t Address, held: Held<'t>, is_signer: bool) -> Self {
        let account = held.account();
        let (lamports_before, owner_before) = (account.lamports, account.owner);
        let executable_before = account.executable;
        Self {
            address,
            held,
            is_signer,
            lamports_at_entry: lamports_before,
            lamports_before,
            owner_before,
            executable_before,
            data_before: DataBefore::Unchanged,
            used: Cell::new(AccountUse::Untouched),
            borrowed_as: Cell::new(0),
            size_at_entry: 0,
        }
    }

    /// The address.
    #[inline]
    pub fn address(&self) -> &'t Address {
        self.address
    }

    /// True if the account signed the transaction.
    pub fn is_signer(&self) -> bool {
        self.is_signer
    }

    /// True if the account was made for this transaction, and is kept nowhere.
    pub fn is_made(&self) -> bool {
        matches!(self.held, Held::Made(_))
    }

    /// True if the transaction may change the account.
    pub fn is_writable(&self) -> bool {
        matches!(self.held, Held::Owned { .. } | Held::Credited { .. })
    }

    /// The account as it is now; without what was added if it is only credited.
    #[inline]
    pub fn account(&self) -> &Account {
        self.held.account()
    }

    /// The balance now, credits of this transaction included.
    pub fn lamports(&self) -> u64 {
        // The sum was checked when it was made.
        self.account().lamports.saturating_add(self.credited().sum)
    }

    /// What the transaction adds to the lamports of an account that it only credits; nothing for
    /// others.
    pub fn credited(&self) -> Addition {
        match self.held {
            Held::Credited { lamports, .. } => lamports,
            _ => Addition::default(),
        }
    }

    /// What the transaction adds to the counters of an account that it only adds to, each with its
    /// offset.
    pub fn counted(&self) -> impl Iterator<Item = (u16, Addition)> {
        let counters = match &self.held {
            Held::Credited { counters, .. } => counters.as_deref(),
            _ => None,
        };
        counters.into_iter().flat_map(Additions::iter)
    }

    /// What was done with the account so far.
    pub fn used(&self) -> AccountUse {
        self.used.get()
    }

    /// Notes a use. A byte beside what is being used anyway, so it is kept whether or not it
    /// is asked for.
    #[inline]
    pub(super) fn mark(&self, used: AccountUse) {
        self.used.set(self.used.get().max(used));
    }

    /// Notes under which position it is borrowed, for the message of a borrow that is refused
    /// meanwhile.
    #[inline]
    pub(super) fn borrow_as(&self, position: usize) {
        self.borrowed_as.set(position.to_le_bytes()[0]);
    }

    /// The position under which it was borrowed last.
    pub(super) fn borrowed_as(&self) -> u8 {
        self.borrowed_as.get()
    }

    /// The balance before the transaction, less fees it has paid.
    pub fn lamports_before(&self) -> u64 {
        self.lamports_before
    }

    /// The length of the data before the transaction.
    pub fn size_before(&self) -> usize {
        match &self.data_before {
            DataBefore::Unchanged => self.account().data.len(),
            DataBefore::Kept(data) => data.len(),
            DataBefore::Copied(range) => range.len(),
        }
    }

    /// True if anything was written since the slot was made or last kept.
    pub fn is_changed(&self) -> bool {
        let account = self.account();
        !matches!(self.data_before, DataBefore::Unchanged)
            || self.lamports() != self.lamports_before
            || account.owner != self.owner_before
            || account.executable != self.executable_before
    }

    /// The account, if it is owned, for changes outside of data.
    pub(super) fn owned_mut(&mut self) -> Option<&mut Account> {
        let Held::Owned { account, .. } = &mut self.held else {
            return None;
        };
        self.used.set(AccountUse::Written);
        Some(account)
    }

    /// Adds lamports to an account that is only credited; gives what it held and holds now, as
    /// far as this transaction knows. `None` if the account is held otherwise, an error if the
    /// balance does not fit 64 bits.
    pub(super) fn add_credit(
        &mut self,
        lamports: u64,
    ) -> Option<Result<(u64, u64), InstructionError>> {
        let before = self.lamports();
        let Held::Credited {
            base,
            lamports: added,
            ..
        } = &mut self.held
        else {
            return None;
        };
        if let Err(error) = added.add(base.lamports, lamports) {
            return Some(Err(error));
        }
        self.used.set(AccountUse::Written);
        Some(Ok((before, before.saturating_add(lamports))))
    }

    /// Notes that lamports are about to be added to an account that is only credited; `None` if it
    /// is held otherwise, an error if the balance would not fit 64 bits.
    pub(super) fn check_credit(&mut self, amount: u64) -> Option<Result<(), InstructionError>> {
        match &mut self.held {
            Held::Credited { base, lamports, .. } => Some(lamports.check(base.lamports, amount)),
            _ => None,
        }
    }

    /// What the transaction adds to the counter at an offset of an account that it only adds to,
    /// and the counter's base; `None` if the account is held otherwise or has no such counter.
    pub(super) fn counter_mut(&mut self, offset: usize) -> Option<Counting<'_>> {
        let Held::Credited {
            base,
            counters: Some(held),
            ..
        } = &mut self.held
        else {
            return None;
        };
        let base = Counters::read(&base.data, offset).ok()?;
        let addition = held.at_mut(offset)?;
        Some(Counting {
            base,
            addition,
            used: &self.used,
        })
    }

    /// The data for writing; what it was goes to `undo` the first time. `None` unless owned.
    #[inline]
    pub(super) fn data_mut(&mut self, undo: &mut Vec<u8>) -> Option<&mut AccountData> {
        let Held::Owned { account, origin } = &mut self.held else {
            return None;
        };
        self.used.set(AccountUse::Written);
        if matches!(self.data_before, DataBefore::Unchanged) {
            self.data_before = match account.data.detach() {
                Some(shared) => DataBefore::Kept(shared),
                None if origin.is_some() => DataBefore::Kept(account.data.clone()),
                None => {
                    let start = undo.len();
                    undo.extend_from_slice(&account.data);
                    DataBefore::Copied(start..undo.len())
                }
            };
        }
        Some(&mut account.data)
    }

    /// Makes the present lamports, owner and flag those that [`AccountSlot::undo`] returns to.
    /// Data written before stays undoable.
    pub(super) fn keep_balance(&mut self) {
        let account = self.account();
        let (lamports, owner) = (account.lamports, account.owner);
        let executable = account.executable;
        self.lamports_before = lamports;
        self.owner_before = owner;
        self.executable_before = executable;
    }

    /// Takes all changes back.
    pub(super) fn undo(&mut self, undo: &[u8]) {
        let account = match &mut self.held {
            Held::Owned { account, .. } => account,
            Held::Credited {
                lamports, counters, ..
            } => {
                lamports.undo();
                if let Some(counters) = counters {
                    counters.undo();
                }
                return;
            }
            Held::Shared(_) | Held::Made(_) => return,
        };
        account.lamports = self.lamports_before;
        account.owner = self.owner_before;
        account.executable = self.executable_before;
        match std::mem::replace(&mut self.data_before, DataBefore::Unchanged) {
            DataBefore::Unchanged => {}
            DataBefore::Kept(data) => account.data = data,
            DataBefore::Copied(range) if range.len() == account.data.len() => {
                account.data.make_mut().copy_from_slice(&undo[range]);
            }
            DataBefore::Copied(range) => account.data = undo[range].into(),
        }
    }

    /// The account for as long as it is lent, if the transaction may change it otherwise than by
    /// credits. An account of a block is told what it was, if this transaction has changed it.
    #[inline]
    pub fn into_owned(self) -> Option<&'t mut Account> {
        let is_paid_from = self.lamports_at_entry != self.lamports_before;
        let is_changed = is_paid_from || self.is_changed();
        let Held::Owned { account, origin } = self.held else {
            return None;
        };
        if let Some(origin) = origin.filter(|_| is_changed) {
            let data = match self.data_before {
                DataBefore::Unchanged => account.data.clone(),
                DataBefore::Kept(data) => data,
                DataBefore::Copied(_) => unreachable!("the first to change data keeps it whole"),
            };
            *origin = Some(Account {
                lamports: self.lamports_at_entry,
                data,
                owner: self.owner_before,
                executable: self.executable_before,
            });
        }
        Some(account)
    }
}
