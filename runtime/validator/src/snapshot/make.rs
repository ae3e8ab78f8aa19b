//! Makes a snapshot when one is wanted, beside the blocks that are committed meanwhile.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    sync::Arc,
};

use commonware_consensus::{
    Heightable as _,
    marshal::{core::Mailbox, standard::Standard},
    simplex::scheme::ed25519::Scheme,
    types::Height,
};
use commonware_cryptography::Digested;
use commonware_runtime::Spawner;
use futures::channel::oneshot;
use sha2::{Digest as _, Sha256};

use super::{
    offer::{Offer, Written},
    shelf::Shelf,
};
use crate::{
    block::Block,
    engine::BlockEngine,
    failure::EngineFailure,
    limits::{ARCHIVE_SECTION_ITEMS, CHUNK_COUNT_MAX},
};

/// What follows a commit: snapshots for peers, and old blocks that go.
#[derive(Clone)]
pub(crate) struct Maker {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) marshal: Mailbox<Scheme, Standard<Block>>,
    /// Final blocks that are kept for peers.
    pub(crate) keep_blocks: u64,
}

impl Maker {
    /// Whether a snapshot is to be made of a height, so that its block is committed last.
    pub(crate) fn is_due(&self, height: u64) -> bool {
        self.shelf.is_due(height)
    }

    /// Does what a block that has become durable asks for. If a snapshot is due, waits until the
    /// state is held that it will show, and not until it is written.
    pub(crate) async fn committed<E: Spawner>(
        &self,
        context: &E,
        engine: &Arc<dyn BlockEngine>,
        block: &Digested<Block>,
    ) {
        let height = block.height().get();
        self.shelf.set_tip(height);
        if height.is_multiple_of(ARCHIVE_SECTION_ITEMS) && height > self.keep_blocks {
            let oldest = height.saturating_sub(self.keep_blocks);
            self.marshal.prune(Height::new(oldest));
        }
        if !self.is_due(height) || !self.shelf.begin() {
            return;
        }
        let (holding, held) = oneshot::channel();
        let (maker, engine, block) = (self.clone(), Arc::clone(engine), block.clone());
        let spawner = context.child("snapshot").shared(true);
        spawner.spawn(move |_| async move {
            let made = maker.make(&*engine, &block, holding).await;
            let made = made.inspect_err(|error| tracing::warn!(%error, height, "no snapshot"));
            if let Err(error) = maker.shelf.end(made.ok().flatten()) {
                tracing::warn!(%error, height, "no snapshot");
            }
        });
        // Fails if nothing could be written.
        let _ = held.await;
    }

    async fn make(
        &self,
        engine: &dyn BlockEngine,
        block: &Digested<Block>,
        holding: oneshot::Sender<()>,
    ) -> Result<Option<Offer>, EngineFailure> {
        let height = block.height().get();
        let path = self.shelf.path(height);
        let file = File::create(&path).map_err(EngineFailure::of)?;
        let chunk_size = self.shelf.rules().chunk_size;
        let mut out = ChunkWriter::new(BufWriter::new(file), chunk_size, holding);
        let written = engine.export(&mut out);
        let offer = match written {
            Ok(slot) if slot == height => {
                let certificate = self.marshal.get_finalization(Height::new(height)).await;
                let written = out.finish().map_err(EngineFailure::of)?;
                certificate.map(|certificate| Offer::new(certificate, block.inner(), written))
            }
            // Another block has become durable before the state was held.
            Ok(_) => None,
            Err(error) => {
                let _ = fs::remove_file(&path);
                return Err(error);
            }
        };
        if offer.is_none() {
            let _ = fs::remove_file(&path);
        }
        Ok(offer)
    }
}

/// Hashes chunk by chunk what it writes.
struct ChunkWriter<W> {
    out: W,
    chunk_size: u32,
    chunk: Sha256,
    /// Bytes of the chunk so far.
    filled: usize,
    size: u64,
    chunk_hashes: Vec<[u8; 32]>,
    /// Told of the first byte.
    holding: Option<oneshot::Sender<()>>,
}

impl<W: Write> ChunkWriter<W> {
    fn new(out: W, chunk_size: u32, holding: oneshot::Sender<()>) -> Self {
        Self {
            out,
            chunk_size: chunk_size.max(1),
            chunk: Sha256::new(),
            filled: 0,
            size: 0,
            chunk_hashes: Vec::new(),
            holding: Some(holding),
        }
    }

    fn end_chunk(&mut self) {
        self.chunk_hashes.push(self.chunk.finalize_reset().into());
        self.filled = 0;
    }

    fn finish(mut self) -> io::Result<Written> {
        if self.filled > 0 {
            self.end_chunk();
        }
        self.out.flush()?;
        Ok(Written {
            size: self.size,
            chunk_size: self.chunk_size,
            chunk_hashes: self.chunk_hashes,
        })
    }
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(holding) = self.holding.take() {
            // Fails if the member ends.
            let _ = holding.send(());
        }
        let chunk_size = usize::try_from(self.chunk_size).unwrap_or(usize::MAX);
        let room = chunk_size.saturating_sub(self.filled);
        let written = self.out.write(&bytes[..bytes.len().min(room)])?;
        self.chunk.update(&bytes[..written]);
        self.filled = self.filled.saturating_add(written);
        self.size = self.size.saturating_add(written as u64);
        if self.filled == chunk_size {
            self.end_chunk();
            if self.chunk_hashes.len() > CHUNK_COUNT_MAX {
                let text = format!("the snapshot has more than {CHUNK_COUNT_MAX} chunks");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_has_its_hash_and_the_first_byte_is_told() {
        let (holding, mut held) = oneshot::channel();
        let mut out = ChunkWriter::new(Vec::new(), 10, holding);
        assert_eq!(held.try_recv(), Ok(None));
        let bytes: Vec<u8> = (0..25).collect();
        out.write_all(&bytes).unwrap();
        assert_eq!(held.try_recv(), Ok(Some(())));
        let written = out.finish().unwrap();
        let expected: Vec<[u8; 32]> = bytes
            .chunks(10)
            .map(|chunk| Sha256::digest(chunk).into())
            .collect();
        assert_eq!((written.size, written.chunk_hashes), (25, expected));
    }
}
