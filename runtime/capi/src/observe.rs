//! Committed blocks to the embedder's observers, on the threads that commit.
//!
//! ```text
//! commit, durable -> bounded queue of each observer -> the committing thread empties it
//!                                                      `-> another one is at it: it goes on
//! ```
//! One thread at a time is in an observer's function. A thread that finds another there leaves its
//! blocks in the queue: the other looks again before it leaves. So no thread waits for an observer
//! of another's commit, and an observer may commit in turn.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

use lockstep_runtime::chain::{CommittedBlock as Notice, Subscription};
use lockstep_store::sync::Shared;

use crate::{
    given::{CommittedBlock, User},
    handle,
    kinds::{AnyReceipts, Receipts},
    sync::Exclusive,
    types::{AccountFields, Change},
};

type Function = extern "C" fn(*mut std::ffi::c_void, *const CommittedBlock);

/// What an observer of the embedder's consists of.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) user: User,
    pub(crate) committed: Function,
    pub(crate) release: Option<extern "C" fn(*mut std::ffi::c_void)>,
}

impl Drop for Functions {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            release(self.user.get());
        }
    }
}

/// An observer and its queue.
#[derive(Debug)]
pub(crate) struct Watcher {
    functions: Functions,
    /// None once the observer is over.
    queue: Exclusive<Option<Subscription>>,
    /// Whether a thread is in the function, or about to look for more.
    is_busy: AtomicBool,
    /// Whether there may be blocks that no thread has looked for.
    has_more: AtomicBool,
    is_over: AtomicBool,
}

impl Watcher {
    pub(crate) fn new(functions: Functions, subscription: Subscription) -> Self {
        Self {
            functions,
            queue: Exclusive::new(Some(subscription)),
            is_busy: AtomicBool::new(false),
            has_more: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        }
    }

    /// Blocks that found the queue full.
    pub(crate) fn missed(&self) -> u64 {
        let queue = self.queue.lock();
        queue.as_ref().map_or(0, Subscription::missed)
    }

    /// No call of the function begins from here on.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    fn next(&self) -> Option<Notice> {
        let mut queue = self.queue.lock();
        if self.is_over.load(Ordering::SeqCst) {
            *queue = None;
        }
        queue.as_ref()?.try_recv().ok()
    }

    /// Empties the queue, unless another thread is at it.
    fn serve(&self) {
        self.has_more.store(true, Ordering::SeqCst);
        while self.has_more.load(Ordering::SeqCst) {
            if self.is_busy.swap(true, Ordering::SeqCst) {
                return;
            }
            self.has_more.store(false, Ordering::SeqCst);
            while let Some(notice) = self.next() {
                show(&self.functions, &notice);
            }
            self.is_busy.store(false, Ordering::SeqCst);
        }
    }
}

/// Calls the observer's function for a block.
fn show(functions: &Functions, notice: &Notice) {
    let receipts = notice
        .receipts
        .as_ref()
        .map(|receipts| handle::put::<Receipts>(AnyReceipts::Block(Arc::clone(receipts))));
    let changes = notice.changes.as_deref().map(Vec::as_slice);
    let changes = changes.unwrap_or_default().iter();
    let changes = changes.map(|(address, account)| Change {
        address: (*address).into(),
        account: AccountFields::from(account),
    });
    let changes: Vec<Change> = changes.collect();
    let has_changes = notice.changes.is_some();
    let block = CommittedBlock {
        id: notice.id.into(),
        header: (&notice.header).into(),
        bytes: notice.bytes().as_ptr(),
        bytes_size: notice.bytes().len(),
        receipts: receipts.unwrap_or(std::ptr::null_mut()),
        changes: if has_changes {
            changes.as_ptr()
        } else {
            std::ptr::null()
        },
        change_count: changes.len(),
    };
    (functions.committed)(functions.user.get(), &raw const block);
    if let Some(receipts) = receipts {
        // The observer may have freed it, which is no harm.
        let _ = handle::take(receipts);
    }
}

/// The observers of a chain, each as long as it has its handle.
#[derive(Debug, Default)]
pub(crate) struct Observers(Shared<Vec<Weak<Watcher>>>);

impl Observers {
    pub(crate) fn add(&self, watcher: &Arc<Watcher>) {
        let mut watchers = self.0.write();
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(Arc::downgrade(watcher));
    }

    /// Shows each observer what has been committed.
    pub(crate) fn serve(&self) {
        let watchers: Vec<_> = self.0.read().iter().filter_map(Weak::upgrade).collect();
        for watcher in watchers {
            watcher.serve();
        }
    }
}
