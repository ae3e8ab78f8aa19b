//! `light_client`: follows another chain by what its members certify.
//!
//! A client holds the members of another network and the newest headers that they have certified.
//! Its address says what is trusted: the id of the network's genesis block, the members of its
//! first epoch, and the slots of an epoch. From then on each set of members is proved by the one
//! before, as [`lockstep_light::Succession`] has it.
//!
//! | Instruction | Writes | Reads |
//! |---|---|---|
//! | `open` | payer, client (new) | |
//! | `update` | client | |
//! | `advance` | payer, client | |
//! | `upload` | payer, buffer (new at first) | |
//! | `update_uploaded`, `advance_uploaded` | payer, client, buffer (ends) | |
//! | `discard` | payer, buffer (ends) | |
//!
//! # Contention
//!
//! Clients of different networks share nothing. Updates of one client take turns; the programs that
//! look at its headers only read it. A header serves any number of messages.
//!
//! # Safety
//!
//! - A header is kept only with the signatures of a quorum of the members of its epoch.
//! - Two certified headers of one slot mean that a third of the members is faulty: the client then
//!   freezes for ever, and nothing is accepted by it any more.
//! - Headers stay in the order in which they came, the oldest goes first: an `update` and what uses
//!   its header fit into one transaction, so that later updates cannot come between.
//!
//! # A client
//!
//! ```
//! use lockstep_messages::light_client::{self, *};
//! use lockstep_sdk::prelude::Address;
//!
//! let payer = Address::new_from_array([1; 32]);
//! let trust = Trust { genesis: [2; 32], epoch_slots: 1_000, members: vec![[3; 32], [4; 32]] };
//! let (digest, client) = (trust.digest(), trust.address());
//! let open = light_client::call::open(&OpenAddresses { payer }, digest, trust);
//! assert_eq!(open.accounts[1].address, client);
//! ```

pub use light_client::*;

/// Follows another chain.
#[lockstep_sdk::program(id = "LightC1ient11111111111111111111111111111111")]
pub mod light_client {
    use core::num::NonZeroU64;

    use lockstep_interface::prices;
    use lockstep_light::{Network, Succession, signature_count};
    use lockstep_sdk::{account::Handle, prelude::*};
    use sha2::{Digest, Sha256};

    /// Members of a network at most.
    pub const MEMBERS_MAX: usize = 128;
    /// Headers that a client keeps.
    pub const HEADERS_MAX: usize = 32;
    /// Bytes of a proof that is uploaded at most.
    pub const PROOF_SIZE_MAX: usize = 16 << 10;
    /// Compute units for each signature: what an ed25519 signature weighs in Agave's cost model
    /// (`cost-model/src/block_cost_limits.rs`).
    pub const SIGNATURE_UNITS: u64 = 2_400;

    /// Bytes of a client in front of lists, the sizes of both lists among them.
    const CLIENT_SIZE: usize = 2 + 32 + 8 + 8 + 8 + 1 + 4 + 4;
    /// Bytes of a header here.
    const HEADER_SIZE: usize = 32 + 8 + 8 + 32;

    /// What is trusted.
    #[derive(Clone, Debug, Data, Eq, PartialEq)]
    pub struct Trust {
        /// The id of the genesis block.
        pub genesis: [u8; 32],
        /// Slots of an epoch; more than there will ever be where members never change.
        pub epoch_slots: u64,
        /// The keys of the members of epoch 0, ascending, at most [`MEMBERS_MAX`].
        pub members: Vec<[u8; 32]>,
    }

    impl Trust {
        /// SHA-256 of the encoding: the client's address follows from it.
        pub fn digest(&self) -> [u8; 32] {
            Sha256::digest(encode(self)).into()
        }

        /// The client's address.
        pub fn address(&self) -> Address {
            Open::client_address(self.digest()).0
        }
    }

    /// What a certificate says of a block.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Header {
        /// Its id.
        pub block_id: [u8; 32],
        /// Its slot.
        pub slot: u64,
        /// Its time in seconds since 1970.
        pub unix_timestamp: i64,
        /// The root over all accounts after it.
        pub state_root: [u8; 32],
    }

    /// Another chain, as far as it was followed.
    #[state(1, growing)]
    #[derive(Clone)]
    pub struct Client {
        /// The id of its genesis block.
        pub genesis: [u8; 32],
        /// Slots of an epoch.
        pub epoch_slots: u64,
        /// The epoch whose members are known.
        pub epoch: u64,
        /// The highest slot of a certified header.
        pub newest: u64,
        /// True once two headers of one slot were certified.
        pub is_frozen: bool,
        /// The keys of the members of that epoch, ascending.
        pub members: Vec<[u8; 32]>,
        /// Certified headers, the last one that came last.
        pub headers: Vec<Header>,
    }

    /// A proof in pieces.
    #[state(2, growing)]
    pub struct Buffer {
        /// What has come.
        pub bytes: Vec<u8>,
    }

    /// Why a client stays as it is.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum ClientError {
        /// members are 1 to 128 in ascending order, an epoch has a slot, the digest is theirs
        BadTrust = 1,
        /// the certificate is not that of a quorum of the members, or of another epoch
        BadCertificate,
        /// bytes follow the head of the proof: an update takes no account
        TooLong,
        /// two blocks of one slot were certified: the network cannot be trusted any more
        Frozen,
        /// the client does not have the header of this slot: update it first
        UnknownHeader,
        /// the proof does not show the account, or another one
        BadProof,
        /// a piece does not begin where the last one ended, or the proof becomes too long
        BadPiece,
    }

    /// A client was frozen.
    #[event(1)]
    pub struct Froze {
        /// The slot with two blocks.
        pub slot: u64,
        /// Their ids.
        pub block_ids: [[u8; 32]; 2],
    }

    /// A new client.
    #[derive(Accounts, Debug)]
    #[args(digest: [u8; 32])]
    pub struct Open<'a> {
        /// Pays.
        pub payer: Mut<Signer<'a>>,
        /// The new client.
        #[account(payer = payer, seeds = [b"client", digest])]
        pub client: Init<'a, Client>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A header.
    #[derive(Accounts, Debug)]
    pub struct Update<'a> {
        /// The client.
        pub client: Mut<State<'a, Client>>,
    }

    /// The next epoch.
    #[derive(Accounts, Debug)]
    pub struct Advance<'a> {
        /// Pays for more members, and is paid back for fewer.
        pub payer: Mut<Signer<'a>>,
        /// The client.
        pub client: Mut<State<'a, Client>>,
        /// Moves lamports.
        pub system: Program<'a, System>,
    }

    /// A piece of a proof.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Upload<'a> {
        /// Pays, and owns the buffer.
        pub payer: Mut<Signer<'a>>,
        /// Gets the piece.
        #[account(payer = payer, seeds = [b"buffer", payer, number])]
        pub buffer: InitIfNeeded<'a, Buffer>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A proof that is in a buffer.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Uploaded<'a> {
        /// Owns the buffer, pays, and gets its rent.
        pub payer: Mut<Signer<'a>>,
        /// The client.
        pub client: Mut<State<'a, Client>>,
        /// Ends.
        #[account(seeds = [b"buffer", payer, number], close = payer)]
        pub buffer: Mut<State<'a, Buffer>>,
        /// Moves lamports.
        pub system: Program<'a, System>,
    }

    /// A buffer that is not needed.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Discard<'a> {
        /// Owns the buffer, and gets its rent.
        pub payer: Mut<Signer<'a>>,
        /// Ends.
        #[account(seeds = [b"buffer", payer, number], close = payer)]
        pub buffer: Mut<State<'a, Buffer>>,
    }

    /// Opens the client of a network. The digest is that of what is trusted.
    #[instruction(0)]
    pub fn open(
        accounts: &Open<'_>,
        context: &mut Context<'_, '_>,
        digest: [u8; 32],
        trust: Trust,
    ) -> Result {
        let encoded = encode(&trust);
        let is_its = context.hash(&[&encoded])? == digest;
        let count = trust.members.len();
        let is_set = (1..=MEMBERS_MAX).contains(&count)
            && trust.members.is_sorted_by(|one, next| one < next);
        let is_right = is_its && is_set && trust.epoch_slots > 0;
        require!(is_right, ClientError::BadTrust);
        let state = Client {
            genesis: trust.genesis,
            epoch_slots: trust.epoch_slots,
            epoch: 0,
            newest: 0,
            is_frozen: false,
            members: trust.members,
            headers: Vec::new(),
        };
        let payer = accounts.payer.handle();
        accounts.client.resize(context, payer, size(count))?;
        accounts.client.set(context, &state)
    }

    /// Takes a certified header: the part of a certified proof up to the hash of the body.
    #[instruction(1)]
    pub fn update(accounts: &Update<'_>, context: &mut Context<'_, '_>, head: Vec<u8>) -> Result {
        take(&accounts.client, context, &head)
    }

    /// Goes on to the next epoch, by a certified proof of the list of members at the last block of
    /// this one.
    #[instruction(2)]
    pub fn advance(
        accounts: &Advance<'_>,
        context: &mut Context<'_, '_>,
        proof: Vec<u8>,
    ) -> Result {
        go_on(&accounts.client, accounts.payer.handle(), context, &proof)
    }

    /// Appends a piece of a proof to a buffer. One that is there already changes nothing.
    #[instruction(3)]
    pub fn upload(
        accounts: &Upload<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        offset: u32,
        piece: Vec<u8>,
    ) -> Result {
        let mut bytes = accounts.buffer.read(context)?.bytes.clone();
        let start = offset as usize;
        let end = start.saturating_add(piece.len());
        if bytes.get(start..end) == Some(&piece[..]) {
            return Ok(());
        }
        let fits = start == bytes.len() && end <= PROOF_SIZE_MAX;
        require!(fits, ClientError::BadPiece);
        bytes.extend_from_slice(&piece);
        accounts
            .buffer
            .store(context, &accounts.payer, &Buffer { bytes })
    }

    /// As `update`, of a head that is in a buffer.
    #[instruction(4)]
    pub fn update_uploaded(
        accounts: &Uploaded<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
    ) -> Result {
        let head = accounts.buffer.read(context)?.bytes.clone();
        take(&accounts.client, context, &head)
    }

    /// As `advance`, by a proof that is in a buffer.
    #[instruction(5)]
    pub fn advance_uploaded(
        accounts: &Uploaded<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
    ) -> Result {
        let proof = accounts.buffer.read(context)?.bytes.clone();
        go_on(&accounts.client, accounts.payer.handle(), context, &proof)
    }

    /// Ends a buffer.
    #[instruction(6)]
    pub fn discard(
        _accounts: &Discard<'_>,
        _context: &mut Context<'_, '_>,
        _number: u64,
    ) -> Result {
        Ok(())
    }

    fn take(client: &Mut<State<'_, Client>>, context: &mut Context<'_, '_>, head: &[u8]) -> Result {
        charge(context, head)?;
        let known = client.read(context)?.clone();
        require!(!known.is_frozen, ClientError::Frozen);
        let (header, rest) = known
            .succession()?
            .header(head)
            .map_err(|_| ClientError::BadCertificate)?;
        require!(rest.is_empty(), ClientError::TooLong);
        let header = Header {
            block_id: header.block_id,
            slot: header.slot,
            unix_timestamp: header.unix_timestamp,
            state_root: header.state_root,
        };
        let mut same = known.headers.iter();
        if let Some(other) = same.find(|other| other.slot == header.slot) {
            if other.block_id == header.block_id {
                return Ok(());
            }
            client.write(context)?.is_frozen = true;
            let block_ids = [other.block_id, header.block_id];
            let slot = header.slot;
            return Froze { slot, block_ids }.emit(context);
        }
        let mut state = client.write(context)?;
        if state.headers.len() >= HEADERS_MAX {
            state.headers.remove(0);
        }
        state.newest = state.newest.max(header.slot);
        state.headers.push(header);
        Ok(())
    }

    fn go_on(
        client: &Mut<State<'_, Client>>,
        payer: Handle<'_>,
        context: &mut Context<'_, '_>,
        proof: &[u8],
    ) -> Result {
        charge(context, proof)?;
        let mut state = client.read(context)?.clone();
        require!(!state.is_frozen, ClientError::Frozen);
        let mut followed = state.succession()?;
        let advanced = followed.advance(proof);
        advanced.map_err(|_| ClientError::BadCertificate)?;
        state.epoch = followed.epoch();
        state.members = followed.network().members.clone();
        client.resize(context, payer, size(state.members.len()))?;
        client.set(context, &state)
    }

    /// Spends what checking a proof costs: its signatures, and hashes of its bytes, of which those
    /// of the path in the state are the most.
    fn charge(context: &mut Context<'_, '_>, proof: &[u8]) -> Result {
        let count = u64::try_from(signature_count(proof)).unwrap_or(u64::MAX);
        context.consume(count.saturating_mul(SIGNATURE_UNITS))?;
        context.consume(hashing(proof.len()))
    }

    /// What it costs to hash the nodes of a path of this size, and what lies at its end.
    pub(crate) fn hashing(size: usize) -> u64 {
        let nodes = u64::try_from(size / 32).unwrap_or(u64::MAX);
        let node = prices::hash([32, 32].into_iter());
        nodes.saturating_mul(node)
    }

    /// Bytes of a client with this number of members.
    fn size(member_count: usize) -> usize {
        let members = member_count.saturating_mul(32);
        CLIENT_SIZE
            .saturating_add(HEADERS_MAX * HEADER_SIZE)
            .saturating_add(members)
    }

    impl Client {
        /// The header of a slot, for programs that look at it.
        ///
        /// # Errors
        /// If the client is frozen or does not have it.
        pub fn header(&self, slot: u64) -> Result<Header> {
            require!(!self.is_frozen, ClientError::Frozen);
            let mut headers = self.headers.iter();
            let found = headers.find(|header| header.slot == slot);
            Ok(*found.ok_or(ClientError::UnknownHeader)?)
        }

        fn succession(&self) -> Result<Succession> {
            let network = Network {
                genesis: self.genesis,
                members: self.members.clone(),
            };
            let epoch_slots = NonZeroU64::new(self.epoch_slots).ok_or(ClientError::BadTrust)?;
            Ok(Succession::resume(network, epoch_slots, self.epoch))
        }
    }

    const _: () = assert!(CLIENT_SIZE == Client::SIZE);
}
