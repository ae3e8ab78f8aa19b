//! Bytes under way: request bodies that come in, and answers that clients have not taken yet.
//!
//! ```text
//! request -> room for its body -> answered -> room for the answer -> taken piece by piece
//!              `-> 503                          `-> 503                 `-> nothing is taken for
//!                                                                           a while: closed
//! ```
//! All connections together have [`FLOW_SIZE_MAX`] bytes. An answer keeps its room until its client
//! has taken the last piece, so that clients that ask and do not read cannot fill the memory.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use jsonrpsee::{core::BoxError, server::HttpBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{FLOW_SIZE_MAX, REQUEST_SIZE_MAX, TAKE_NOTHING_SECONDS};

/// Bytes that a client is given at a time.
const PIECE_SIZE: usize = 64 << 10;
/// Bodies up to this size need no room: the bound on connections bounds them.
const SMALL_SIZE: u64 = 16 << 10;
/// How often it is looked whether a client takes its answer.
const WATCH: Duration = Duration::from_secs(2);

/// The room of all connections.
#[derive(Clone, Debug)]
pub(crate) struct Flow(Arc<Semaphore>);

impl Flow {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(FLOW_SIZE_MAX as usize)))
    }

    /// Room for a body of this size; `None` if there is none.
    fn room(&self, size: u64) -> Option<Room> {
        if size <= SMALL_SIZE {
            return Some(Room(None));
        }
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0).try_acquire_many_owned(size);
        permit.ok().map(|permit| Room(Some(permit)))
    }

    /// Room for the body of a request, which does not have to say how large it is; one that is
    /// larger than allowed gets no further than the server.
    pub(crate) fn room_for_request(&self, hint: &SizeHint) -> Option<Room> {
        let most = u64::from(REQUEST_SIZE_MAX);
        self.room(hint.upper().unwrap_or(most).min(most))
    }

    /// An answer that keeps its room until it is taken; `None` if there is no room.
    pub(crate) fn answer(&self, body: HttpBody, takers: &Arc<Takers>) -> Option<HttpBody> {
        let size = body.size_hint().upper().unwrap_or(0);
        let room = self.room(size)?;
        if room.0.is_none() {
            return Some(body);
        }
        takers.begin();
        Some(HttpBody::new(Taken {
            body,
            left: Bytes::new(),
            takers: Arc::clone(takers),
            _room: room,
        }))
    }
}

/// Room that a body has.
#[derive(Debug)]
pub(crate) struct Room(Option<OwnedSemaphorePermit>);

/// How a connection gets on with its answers.
#[derive(Debug)]
pub(crate) struct Takers {
    start: Instant,
    /// Answers that are not taken yet.
    count: AtomicUsize,
    /// Milliseconds from the start to the last piece that was taken.
    moved: AtomicU64,
}

impl Takers {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            count: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
        }
    }

    fn begin(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.note();
    }

    fn note(&self) {
        self.moved.store(self.millis(), Ordering::Relaxed);
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Ends once the client has taken nothing of an answer for too long.
    pub(crate) async fn stalled(&self) {
        loop {
            tokio::time::sleep(WATCH).await;
            let still = self
                .millis()
                .saturating_sub(self.moved.load(Ordering::Relaxed));
            let is_waiting = self.count.load(Ordering::Relaxed) > 0;
            if is_waiting && still > TAKE_NOTHING_SECONDS.saturating_mul(1_000) {
                return;
            }
        }
    }
}

/// A body that is given in pieces, as the client takes them.
struct Taken {
    body: HttpBody,
    left: Bytes,
    takers: Arc<Takers>,
    _room: Room,
}

impl Body for Taken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.takers.note();
        if self.left.is_empty() {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other,
            };
            match frame.into_data() {
                Ok(data) => self.left = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        let size = self.left.len().min(PIECE_SIZE);
        let piece = self.left.split_to(size);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.left.len() as u64;
        let rest = self.body.size_hint();
        rest.exact()
            .map_or(rest, |rest| SizeHint::with_exact(rest.saturating_add(left)))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.takers.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_for_all_together_and_comes_back() {
        let flow = Flow::new();
        let takers = Arc::new(Takers::new());
        let body = || HttpBody::from("x".repeat(FLOW_SIZE_MAX as usize / 2));
        let one = flow.answer(body(), &takers).unwrap();
        let other = flow.answer(body(), &takers).unwrap();
        assert!(flow.answer(body(), &takers).is_none());
        assert!(
            flow.room_for_request(&SizeHint::default()).is_none(),
            "its size is unknown"
        );
        assert!(
            flow.room_for_request(&SizeHint::with_exact(1_000))
                .is_some()
        );
        assert_eq!(takers.count.load(Ordering::Relaxed), 2);
        drop((one, other));
        assert_eq!(takers.count.load(Ordering::Relaxed), 0);
        assert!(flow.answer(body(), &takers).is_some());
    }

    #[test]
    fn answers_come_in_pieces_and_whole() {
        let flow = Flow::new();
        let takers = Arc::new(Takers::new());
        let text = "0123456789".repeat(20_000);
        let mut body = flow.answer(HttpBody::from(text.clone()), &takers).unwrap();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut pieces = Vec::new();
        assert_eq!(body.size_hint().exact(), Some(200_000));
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
            pieces.push(frame.into_data().unwrap());
        }
        assert_eq!(pieces.len(), 200_000_usize.div_ceil(PIECE_SIZE));
        assert_eq!(pieces.concat(), text.as_bytes());
        assert!(body.is_end_stream());
    }
}
