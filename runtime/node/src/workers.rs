//! Threads for answers that take long: a bounded number at a time, and clients in turn.
//!
//! ```text
//! request -> one of the client's places -> one of the threads -> answer
//!            (WORK_PER_PEER_MAX)           (first come, first served)
//! ```
//! Of one client only a few requests wait for a thread; the others wait behind these. So a client
//! with one request is served after a few of each other client, however many they have sent.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Weak},
};

use ahash::RandomState;
use jsonrpsee::core::server::Extensions;
use lockstep_store::sync::Shared;
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::JoinError,
};

use crate::limits::{CONNECTION_COUNT_MAX, WORK_PER_PEER_MAX};

/// What is added to the niceness of threads that work at low priority: the scheduler of Linux
/// gives them a third of the time of others, and lets others go first.
#[cfg(target_os = "linux")]
const LOW_PRIORITY: i32 = 5;

/// A client, as far as clients can be told apart: an IPv4 address, or the network of an IPv6
/// address, of which one client has 2^64.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    /// This machine.
    const LOCAL: Self = Self(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    /// The client at an address.
    pub(crate) fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                [a, b, c, d, 0, 0, 0, 0].into()
            }
            address => address,
        })
    }

    /// The client that a request is of; this machine if it came over no connection.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::LOCAL)
    }
}

/// How urgent work is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Priority {
    /// As that of all other threads.
    Normal,
    /// The other threads' work comes first, as far as the system can tell apart.
    Low,
}

/// A number of threads.
#[derive(Debug)]
pub(crate) struct Workers {
    /// Has the threads, and no tasks. `None` once it is dropped.
    runtime: Option<Runtime>,
    threads: Arc<Semaphore>,
    /// The places of clients with work, for look-up only.
    peers: Shared<HashMap<Peer, Weak<Semaphore>, RandomState>>,
}

impl Workers {
    /// At most this number of threads, started as they are needed.
    ///
    /// # Errors
    /// If the system refuses what threads wait on.
    pub(crate) fn new(name: &str, count: usize, priority: Priority) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(count)
            .thread_name(name)
            .on_thread_start(move || {
                #[cfg(target_os = "linux")]
                if priority == Priority::Low {
                    // On Linux it is that of this thread alone. Refused, it works as others do.
                    let _ = rustix::process::nice(LOW_PRIORITY);
                }
            })
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            threads: Arc::new(Semaphore::new(count)),
            peers: Shared::default(),
        })
    }

    /// Does a client's work once it is its turn. Work that has begun is finished even if the
    /// client has gone.
    ///
    /// # Errors
    /// If the work panics, or the node ends.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        peer: Peer,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, JoinError> {
        let places = self.places(peer);
        let place = places.acquire_owned().await.expect("it is never closed");
        let threads = Arc::clone(&self.threads);
        let thread = threads.acquire_owned().await.expect("it is never closed");
        let runtime = self.runtime.as_ref().expect("it is there until the drop");
        let done = runtime.spawn_blocking(move || {
            let _held = (place, thread);
            work()
        });
        done.await
    }

    /// The places of a client.
    fn places(&self, peer: Peer) -> Arc<Semaphore> {
        let mut peers = self.peers.write();
        if peers.len() >= CONNECTION_COUNT_MAX as usize {
            // At most as many have work as have connections.
            peers.retain(|_, places| places.strong_count() > 0);
        }
        let known = peers.get(&peer).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let places = Arc::new(Semaphore::new(WORK_PER_PEER_MAX));
            peers.insert(peer, Arc::downgrade(&places));
            places
        })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last to let go of it may be a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn peer(number: u8) -> Peer {
        Peer::new([10, 0, 0, number].into())
    }

    #[test]
    fn a_client_is_an_address_or_a_network() {
        let of = |text: &str| Peer::new(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    #[test]
    fn a_client_with_one_request_does_not_wait_for_all_of_another() {
        let workers = Workers::new("test", 1, Priority::Low).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let (done, order) = channel();
        runtime.block_on(async {
            let mut all: Vec<_> = (0..20).map(|_| 1).collect();
            all.push(2);
            let works = all.into_iter().map(|number| {
                let done = done.clone();
                let work = move || done.send(number).unwrap();
                Box::pin(workers.run(peer(number), work))
            });
            let mut works: Vec<_> = works.collect();
            // All of them are in the queue before the first is done.
            std::future::poll_fn(|context| {
                works.retain_mut(|work| work.as_mut().poll(context).is_pending());
                match works.is_empty() {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            })
            .await;
        });
        let place = order.iter().take(21).position(|number| number == 2);
        assert!(place.unwrap() <= WORK_PER_PEER_MAX + 1, "{place:?}");
    }

    #[test]
    fn a_panic_is_the_error_of_its_request_alone() {
        let workers = Workers::new("test", 1, Priority::Normal).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let failed = workers.run(peer(1), || panic!("as a test wants it"));
        assert!(runtime.block_on(failed).unwrap_err().is_panic());
        assert_eq!(runtime.block_on(workers.run(peer(1), || 7)).unwrap(), 7);
    }

    #[test]
    fn clients_without_work_are_forgotten() {
        let workers = Workers::new("test", 1, Priority::Normal).unwrap();
        let busy = workers.places(peer(0));
        for number in 0..CONNECTION_COUNT_MAX * 2 {
            workers.places(Peer::new(number.to_le_bytes().into()));
        }
        assert!(workers.peers.read().len() <= CONNECTION_COUNT_MAX as usize);
        assert!(Arc::ptr_eq(&busy, &workers.places(peer(0))));
    }
}
