//! What one client may take of the server: requests a second, and time for each.
//!
//! ```text
//! connection -> request, batch -> tokens of the address -> the method, for a while -> answer
//!   `-> HTTP status 429             `-> error 429             `-> error -32000
//! ```
//! A client is known by its address. Its tokens grow with time up to those of one second, and at
//! least to those of one batch; a request takes one, a batch as many as it has requests. A client
//! without a token is refused by the status of HTTP, before its request is read. Behind a proxy all
//! clients have the address of the proxy, which then has to bound them itself.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ahash::RandomState;
use jsonrpsee::{
    MethodResponse,
    core::middleware::{Batch, Notification, RpcServiceT},
    types::{ErrorObjectOwned, Id, Request},
};
use lockstep_store::sync::Shared;

use crate::limits::{BATCH_COUNT_MAX, CLIENTS_REMEMBERED_MAX};

/// The number of the error for a client that asks too often, as public nodes of Solana's have it.
pub(crate) const TOO_MANY_CODE: i32 = 429;
/// The number of the error for a request that took too long.
const TIMEOUT_CODE: i32 = -32_000;
/// Parts of a token that tokens are counted in: a token of a client with one request a second
/// grows by one part in a millisecond.
const PARTS: u64 = 1_000;

/// What clients have left.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Requests a second; no bound if 0.
    rate: u64,
    /// By address, for look-up only.
    left: Shared<HashMap<IpAddr, Left, RandomState>>,
}

/// What one client has left.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// Parts of tokens.
    parts: u64,
    /// When that was.
    at: Instant,
}

impl Clients {
    pub(crate) fn new(rate: u64) -> Self {
        Self {
            rate,
            left: Shared::default(),
        }
    }

    /// Takes tokens of a client; false if it has not enough of them, and then takes none.
    pub(crate) fn take(&self, client: IpAddr, count: u64, now: Instant) -> bool {
        if self.rate == 0 {
            return true;
        }
        let most = self.most();
        let mut left = self.left.write();
        if left.len() >= CLIENTS_REMEMBERED_MAX && !left.contains_key(&client) {
            // Those with all of their tokens are as if they were new.
            left.retain(|_, one| self.grown(*one, now) < most);
            if left.len() >= CLIENTS_REMEMBERED_MAX {
                return false;
            }
        }
        let full = Left {
            parts: most,
            at: now,
        };
        let own = left.entry(client).or_insert(full);
        let grown = self.grown(*own, now);
        let asked = count.saturating_mul(PARTS);
        *own = Left {
            parts: grown.saturating_sub(if asked <= grown { asked } else { 0 }),
            at: now,
        };
        asked <= grown
    }

    /// Whether a client has no token left. Takes none.
    pub(crate) fn is_spent(&self, client: IpAddr, now: Instant) -> bool {
        let left = self.left.read();
        let own = left.get(&client);
        self.rate > 0 && own.is_some_and(|own| self.grown(*own, now) < PARTS)
    }

    /// Parts that a client has at the most.
    fn most(&self) -> u64 {
        self.rate.max(BATCH_COUNT_MAX.into()).saturating_mul(PARTS)
    }

    /// Parts that a client has by now.
    fn grown(&self, left: Left, now: Instant) -> u64 {
        let millis = now.saturating_duration_since(left.at).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        let more = millis.saturating_mul(self.rate);
        left.parts.saturating_add(more).min(self.most())
    }

    /// What a client that asks too often is told.
    pub(crate) fn refusal(&self) -> ErrorObjectOwned {
        let rate = self.rate;
        let message = format!("Too many requests: at most {rate} a second, ask again later");
        ErrorObjectOwned::owned(TOO_MANY_CODE, message, None::<()>)
    }
}

/// The methods as one client sees them.
#[derive(Clone, Debug)]
pub(crate) struct Guarded<S> {
    pub(crate) service: S,
    pub(crate) clients: Arc<Clients>,
    pub(crate) client: IpAddr,
    /// Time for a request, or for a whole batch.
    pub(crate) patience: Duration,
}

impl<S> Guarded<S> {
    fn late(patience: Duration) -> ErrorObjectOwned {
        let message = format!("The request took longer than {} ms", patience.as_millis());
        ErrorObjectOwned::owned(TIMEOUT_CODE, message, None::<()>)
    }
}

impl<S> RpcServiceT for Guarded<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let own = self.clone();
        async move {
            let id = request.id.clone().into_owned();
            if !own.clients.take(own.client, 1, Instant::now()) {
                return MethodResponse::error(id, own.clients.refusal());
            }
            let answer = tokio::time::timeout(own.patience, own.service.call(request));
            let answer = answer.await;
            answer.unwrap_or_else(|_| MethodResponse::error(id, Self::late(own.patience)))
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let own = self.clone();
        async move {
            if !own
                .clients
                .take(own.client, batch.len() as u64, Instant::now())
            {
                return MethodResponse::error(Id::Null, own.clients.refusal());
            }
            let answer = tokio::time::timeout(own.patience, own.service.batch(batch)).await;
            answer.unwrap_or_else(|_| MethodResponse::error(Id::Null, Self::late(own.patience)))
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.service.notification(notification)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn tokens_go_and_come_back() {
        let clients = Clients::new(1_000);
        let now = Instant::now();
        assert!(clients.take(ONE, 1_000, now), "a second's worth at once");
        assert!(!clients.take(ONE, 1, now) && clients.is_spent(ONE, now));
        assert!(clients.take(OTHER, 1, now), "clients have their own");
        assert!(!clients.is_spent(OTHER, now));
        let later = now + Duration::from_millis(10);
        assert!(!clients.take(ONE, 11, later), "10 have come back");
        assert!(clients.take(ONE, 10, later));
        assert!(!clients.take(ONE, 1, later));
    }

    #[test]
    fn a_whole_batch_fits_however_low_the_rate() {
        let clients = Clients::new(1);
        let now = Instant::now();
        assert!(clients.take(ONE, BATCH_COUNT_MAX.into(), now));
        assert!(!clients.take(ONE, 1, now));
        assert!(clients.take(ONE, 1, now + Duration::from_secs(1)));
    }

    #[test]
    fn without_a_rate_there_is_no_bound() {
        let clients = Clients::new(0);
        assert!(clients.take(ONE, u64::MAX, Instant::now()));
        assert!(!clients.is_spent(ONE, Instant::now()));
        assert!(clients.left.read().is_empty());
    }

    #[test]
    fn addresses_are_remembered_up_to_a_bound() {
        let clients = Clients::new(1_000);
        let now = Instant::now();
        let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_le_bytes());
        for number in 0..CLIENTS_REMEMBERED_MAX {
            assert!(clients.take(address(number), 1, now));
        }
        assert!(!clients.take(address(CLIENTS_REMEMBERED_MAX), 1, now));
        let later = now + Duration::from_secs(1);
        assert!(clients.take(address(CLIENTS_REMEMBERED_MAX), 1, later));
        assert!(clients.left.read().len() < 3, "rested ones are forgotten");
    }
}
