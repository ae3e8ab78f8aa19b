//! What one client may take of the server: requests a second, and time for each.
//!
//! ```text
//! connection -> request, batch -> tokens of the client -> the method, for a while -> answer
//!   `-> HTTP status 429             `-> error 429            `-> error -32000
//! ```
//! A client's tokens grow with time up to those of one second, and at least to those of one batch
//! of cheap requests. A request takes what its method costs, a batch the sum of its requests. A
//! client without a token is refused by the status of HTTP, before its request is read. Behind a
//! proxy all clients have the address of the proxy, which then has to bound them itself.

use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use ahash::RandomState;
use jsonrpsee::{
    MethodResponse,
    core::{
        middleware::{Batch, BatchEntry, Notification, RpcServiceT},
        server::BatchResponseBuilder,
    },
    types::{ErrorObjectOwned, Id, Request},
};
use lockstep_store::sync::Shared;

use crate::{
    limits::{BATCH_COUNT_MAX, CLIENTS_REMEMBERED_MAX, QUICK_TOKENS, RESPONSE_SIZE_MAX},
    rpc::Prices,
    workers::Peer,
};

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
    /// Tokens a second; no bound if 0.
    rate: u64,
    prices: Prices,
    left: Shared<Remembered>,
}

/// Clients in two generations. Once the younger one has half of those that may be remembered, it
/// becomes the older one, which is forgotten: clients that were not seen for the longest time begin
/// anew, and no client is searched for.
#[derive(Debug, Default)]
struct Remembered {
    /// For look-up only, as the other.
    young: HashMap<Peer, Left, RandomState>,
    old: HashMap<Peer, Left, RandomState>,
}

/// What one client has left.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// Parts of tokens.
    parts: u64,
    /// When that was.
    at: Instant,
}

impl Remembered {
    fn get(&self, client: Peer) -> Option<Left> {
        let known = self.young.get(&client).or_else(|| self.old.get(&client));
        known.copied()
    }

    fn set(&mut self, client: Peer, left: Left) {
        if self.young.len() >= CLIENTS_REMEMBERED_MAX / 2 && !self.young.contains_key(&client) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(client, left);
    }
}

impl Clients {
    pub(crate) fn new(rate: u64, prices: Prices) -> Self {
        Self {
            rate,
            prices,
            left: Shared::default(),
        }
    }

    /// Takes tokens of a client; false if it has not enough of them, and then takes none. What
    /// costs more than a client ever has takes all of them.
    pub(crate) fn take(&self, client: Peer, tokens: u64, now: Instant) -> bool {
        if self.rate == 0 {
            return true;
        }
        let mut left = self.left.write();
        let known = left.get(client);
        let grown = known.map_or(self.most(), |known| self.grown(known, now));
        let asked = tokens.saturating_mul(PARTS).min(self.most());
        let is_enough = asked <= grown;
        let parts = grown.saturating_sub(if is_enough { asked } else { 0 });
        left.set(client, Left { parts, at: now });
        is_enough
    }

    /// Whether a client has no token left. Takes none.
    pub(crate) fn is_spent(&self, client: Peer, now: Instant) -> bool {
        let known = self.left.read().get(client);
        self.rate > 0 && known.is_some_and(|known| self.grown(known, now) < PARTS)
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

    /// What a batch costs.
    fn price(&self, batch: &Batch<'_>) -> u64 {
        let prices = batch.iter().map(|entry| match entry {
            Ok(BatchEntry::Call(request)) => self.prices.of(&request.method),
            _ => QUICK_TOKENS,
        });
        prices.fold(0, u64::saturating_add)
    }

    /// What a client that asks too often is told.
    pub(crate) fn refusal(&self) -> ErrorObjectOwned {
        let rate = self.rate;
        let message = format!("Too many requests: {rate} tokens a second, ask again later");
        ErrorObjectOwned::owned(TOO_MANY_CODE, message, None::<()>)
    }
}

/// The methods as one client sees them.
#[derive(Clone, Debug)]
pub(crate) struct Guarded<S> {
    pub(crate) service: S,
    pub(crate) clients: Arc<Clients>,
    pub(crate) client: Peer,
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
            let price = own.clients.prices.of(&request.method);
            if !own.clients.take(own.client, price, Instant::now()) {
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
            let price = own.clients.price(&batch);
            if !own.clients.take(own.client, price, Instant::now()) {
                return MethodResponse::error(Id::Null, own.clients.refusal());
            }
            let answer = tokio::time::timeout(own.patience, own.each(batch)).await;
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

impl<S> Guarded<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse, NotificationResponse = MethodResponse>,
{
    /// Answers the requests of a batch one after the other, and lets others in between.
    async fn each(&self, batch: Batch<'_>) -> MethodResponse {
        let mut answers = BatchResponseBuilder::new_with_limit(RESPONSE_SIZE_MAX as usize);
        let mut has_notification = false;
        for entry in batch {
            let answer = match entry {
                Ok(BatchEntry::Call(request)) => self.service.call(request).await,
                Ok(BatchEntry::Notification(notification)) => {
                    has_notification = true;
                    self.service.notification(notification).await;
                    continue;
                }
                Err(error) => {
                    let (error, id) = error.into_parts();
                    MethodResponse::error(id, error)
                }
            };
            if let Err(too_large) = answers.append(answer) {
                return too_large;
            }
            tokio::task::yield_now().await;
        }
        match answers.is_empty() && has_notification {
            true => MethodResponse::notification(),
            // It reads the whole answer once more, which may be long.
            false => tokio::task::block_in_place(|| MethodResponse::from_batch(answers.finish())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u64) -> Peer {
        let [a, b, c, d, ..] = number.to_le_bytes();
        Peer::new([a, b, c, d].into())
    }

    fn clients(rate: u64) -> Clients {
        Clients::new(rate, Prices::default())
    }

    #[test]
    fn tokens_go_and_come_back() {
        let (clients, one, other) = (clients(1_000), peer(1), peer(2));
        let now = Instant::now();
        assert!(clients.take(one, 1_000, now), "a second's worth at once");
        assert!(!clients.take(one, 1, now) && clients.is_spent(one, now));
        assert!(clients.take(other, 1, now), "clients have their own");
        assert!(!clients.is_spent(other, now));
        let later = now + Duration::from_millis(10);
        assert!(!clients.take(one, 11, later), "10 have come back");
        assert!(clients.take(one, 10, later));
        assert!(!clients.take(one, 1, later));
    }

    #[test]
    fn a_whole_batch_fits_however_low_the_rate() {
        let clients = clients(1);
        let now = Instant::now();
        assert!(clients.take(peer(1), BATCH_COUNT_MAX.into(), now));
        assert!(!clients.take(peer(1), 1, now));
        assert!(clients.take(peer(1), 1, now + Duration::from_secs(1)));
        assert!(
            clients.take(peer(2), u64::MAX, now),
            "it takes all there are"
        );
        assert!(clients.is_spent(peer(2), now));
    }

    #[test]
    fn without_a_rate_there_is_no_bound() {
        let clients = clients(0);
        assert!(clients.take(peer(1), u64::MAX, Instant::now()));
        assert!(!clients.is_spent(peer(1), Instant::now()));
        assert!(clients.left.read().young.is_empty());
    }

    #[test]
    fn clients_are_remembered_up_to_a_bound_those_seen_last_for_longer() {
        let clients = clients(1_000);
        let now = Instant::now();
        let count = CLIENTS_REMEMBERED_MAX as u64;
        assert!(clients.take(peer(0), 1_000, now));
        for number in 1..count * 4 {
            assert!(clients.take(peer(number), 1_000, now), "{number} is new");
            if number % 1_000 == 0 {
                assert!(!clients.take(peer(0), 1, now), "it is still there");
            }
        }
        assert!(clients.take(peer(1), 1_000, now), "forgotten long ago");
        assert!(clients.is_spent(peer(count * 4 - 1), now));
        let left = clients.left.read();
        assert!(left.young.len() + left.old.len() <= CLIENTS_REMEMBERED_MAX);
    }
}
