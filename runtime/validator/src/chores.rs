//! What a member does from time to time beside consensus: its duties for staking, and another look
//! at its file for peers that are new or have moved.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{AddressableManager as _, authenticated::lookup::Oracle};
use commonware_runtime::{Clock as _, Spawner as _, Supervisor as _, tokio::Context};
use futures::channel::mpsc::UnboundedReceiver;
use lockstep_interface::Instruction;
use lockstep_node::Node;
use lockstep_runtime::wire::{MessageBuilder, SigningKey};
use lockstep_validator::{config::MemberFile, duties::Duties, epochs::Epochs, evidence::Offence};

use crate::{
    connect::Identity,
    run::{Part, peers},
};

/// How often there is a look at what is to be done.
const INTERVAL: Duration = Duration::from_secs(1);
/// Rounds in which nothing is sent after a transaction was, so that it can become final.
const ROUNDS_BETWEEN: u32 = 4;
/// Lamports of a wallet that are enough for some duties.
const LAMPORTS_LOW: u64 = 1_000_000;

/// What is done, and what for.
pub(crate) struct Chores {
    node: Arc<Node>,
    duties: Option<Duties>,
    offences: UnboundedReceiver<Offence>,
    wallet: SigningKey,
    epochs: Epochs,
    /// Rounds until something may be sent again.
    pause: u32,
    has_warned: bool,
    oracle: Oracle<PublicKey>,
    identity: Identity,
    /// The member's file, and when it was changed last.
    file: (PathBuf, Option<SystemTime>),
    /// Sets of peers so far.
    peer_sets: u64,
}

impl Chores {
    pub(crate) fn new(
        part: &Part,
        node: Arc<Node>,
        offences: UnboundedReceiver<Offence>,
        oracle: Oracle<PublicKey>,
    ) -> Self {
        Self {
            node,
            duties: Some(Duties::new(part.epochs.clone())),
            offences,
            wallet: part.wallet,
            epochs: part.epochs.clone(),
            pause: 0,
            has_warned: false,
            oracle,
            identity: part.identity.clone(),
            file: (part.path.clone(), changed(&part.path)),
            peer_sets: 0,
        }
    }

    /// Does what is to be done, until the member ends.
    pub(crate) async fn run(&mut self, context: &Context) {
        loop {
            context.sleep(INTERVAL).await;
            self.look_at_peers();
            self.do_duties(context).await;
        }
    }

    async fn do_duties(&mut self, context: &Context) {
        let Some(mut duties) = self.duties.take() else {
            return;
        };
        while let Ok(offence) = self.offences.try_recv() {
            duties.note(offence);
        }
        self.pause = self.pause.saturating_sub(1);
        if self.pause > 0 {
            self.duties = Some(duties);
            return;
        }
        let node = Arc::clone(&self.node);
        let spawner = context.child("duties").shared(true);
        let looked = spawner.spawn(move |_| async move {
            let due = duties.due(&node.chain);
            (duties, due)
        });
        // Fails if the member ends.
        let Ok((duties, due)) = looked.await else {
            return;
        };
        self.duties = Some(duties);
        match due {
            Ok(due) => due.iter().for_each(|instructions| self.send(instructions)),
            Err(error) => tracing::warn!(%error, "the duties of staking are not known"),
        }
    }

    fn send(&mut self, instructions: &[Instruction]) {
        let wallet = self.epochs.wallet();
        let (id, _) = self.node.chain.head();
        let held = self.node.chain.view(&id).ok();
        let held = held.and_then(|state| state.get(&wallet).ok().flatten());
        let lamports = held.map_or(0, |account| account.lamports);
        if lamports < LAMPORTS_LOW && !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                %wallet,
                lamports,
                "the wallet of this member has little for the fees of staking's duties: send it some"
            );
        }
        let message = MessageBuilder::new(wallet, id.to_bytes(), instructions);
        let signed = message
            .compile()
            .and_then(|message| message.sign(&[&self.wallet]));
        match signed {
            Ok(signed) => {
                self.pause = ROUNDS_BETWEEN;
                // One that is refused is due again.
                let _ = self.node.intake.send(signed);
            }
            Err(error) => tracing::warn!(%error, "a duty of staking makes no transaction"),
        }
    }

    /// Lets the file's peers in if it has changed; those of before stay connected.
    fn look_at_peers(&mut self) {
        let (path, seen) = &mut self.file;
        let now = changed(path);
        if now == *seen {
            return;
        }
        *seen = now;
        let read = MemberFile::read(path).and_then(|file| peers(&file));
        match read {
            Ok(peers) if peers.len() >= self.identity.peer_count_max() => {
                let limit = self.identity.peer_count_max();
                tracing::warn!(limit, "too many peers for this process: start it again");
            }
            Ok(peers) => {
                self.peer_sets = self.peer_sets.saturating_add(1);
                tracing::info!(count = peers.len(), "the peers of the member's file");
                let everyone = self.identity.everyone(&peers);
                self.oracle.track(self.peer_sets, everyone);
            }
            Err(error) => tracing::warn!(%error, "the peers stay as they are"),
        }
    }
}

fn changed(path: &std::path::Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}
