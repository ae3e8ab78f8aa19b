//! What programs say when they panic, instead of noise on the terminal.
//!
//! A program's panic fails its transaction and is caught there. The harness runs each block twice
//! and tells its outcome itself, so that the message is kept while a block runs, and not printed.

use std::{cell::RefCell, panic, sync::Once, thread};

thread_local! {
    /// Messages of this thread, while they are kept.
    static KEPT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Prefix of the names of the runtime's own threads.
const WORKER_NAME: &str = "lockstep-";

/// Keeps the messages of panics on this thread until it is dropped.
#[derive(Debug)]
pub(crate) struct Quiet {
    /// What an outer one had kept; `None` if there is none.
    outer: Option<Vec<String>>,
}

impl Quiet {
    /// Begins to keep.
    pub(crate) fn begin() -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(install);
        let outer = KEPT.with_borrow_mut(|kept| kept.replace(Vec::new()));
        Self { outer }
    }

    /// The messages so far, oldest first, which are kept no longer.
    pub(crate) fn take(&self) -> Vec<String> {
        KEPT.with_borrow_mut(|kept| kept.as_mut().map(std::mem::take))
            .unwrap_or_default()
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let kept = KEPT.with_borrow_mut(|kept| std::mem::replace(kept, self.outer.take()));
        let is_outermost = KEPT.with_borrow(Option::is_none);
        if thread::panicking() && is_outermost {
            // No program's panic, which would have been caught, but a bug.
            for message in kept.into_iter().flatten() {
                eprintln!("{message}");
            }
        }
    }
}

/// Puts a hook before the one that there is.
fn install() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let message = || match info.location() {
            Some(location) => format!("{location}: {}", text(info)),
            None => text(info),
        };
        let is_kept =
            KEPT.with_borrow_mut(|kept| kept.as_mut().map(|kept| kept.push(message())).is_some());
        let is_worker = thread::current()
            .name()
            .is_some_and(|name| name.starts_with(WORKER_NAME));
        if !is_kept && !is_worker {
            before(info);
        }
    }));
}

fn text(info: &panic::PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}
