//! Instructions that name accounts by address into a [`Message`] that names them by index.
//!
//! Every account gets the strongest access that any instruction asks for. Static keys stand in
//! four groups: writable signers with the fee payer first, read-only signers, writable
//! non-signers, read-only non-signers; within a group they are sorted. An account that neither
//! signs nor is invoked may come from a lookup table instead. The result is that of Solana's own
//! compiler, byte for byte.

use lockstep_interface::instruction::Instruction;
use solana_address::Address;

use super::build::{CompiledInstruction, Header, Message, MessageError, TableLookup};
use super::config::TransactionConfig;
use super::limits::{ACCOUNT_COUNT_MAX, ADDRESS_SIZE};
use super::view::Version;

/// Data with which an instruction of the System program, all zeroes, advances a durable nonce.
const ADVANCE_NONCE: [u8; 4] = 4_u32.to_le_bytes();
const SYSTEM_PROGRAM: Address = Address::new_from_array([0; ADDRESS_SIZE]);

/// An address lookup table as it is in its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupTable {
    /// Address of the table.
    pub address: Address,
    /// The accounts in the table. One that repeats is found at its first position.
    pub addresses: Vec<Address>,
}

/// Compiles a [`Message`] from instructions. Legacy unless told otherwise.
///
/// # Example
///
/// ```
/// use lockstep_interface::instruction::{AccountMeta, Instruction};
/// use lockstep_runtime::wire::{MessageBuilder, TransactionView};
/// # use ed25519_zebra::{SigningKey, VerificationKeyBytes};
/// # use solana_address::Address;
///
/// let key = SigningKey::from([7; 32]);
/// let payer = Address::new_from_array(VerificationKeyBytes::from(&key).into());
/// let pay = Instruction {
///     program: Address::new_from_array([0; 32]),
///     accounts: vec![
///         AccountMeta::writable(payer, true),
///         AccountMeta::writable(Address::new_from_array([9; 32]), false),
///     ],
///     data: [&2_u32.to_le_bytes()[..], &100_u64.to_le_bytes()].concat(),
/// };
/// let bytes = MessageBuilder::new(payer, [1; 32], &[pay]).compile()?.sign(&[&key])?;
/// let view = TransactionView::parse(&bytes).expect("a compiled message is well formed");
/// assert!(view.is_writable_static(1) && !view.is_signer(1));
/// # Ok::<(), lockstep_runtime::wire::MessageError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MessageBuilder<'a> {
    version: Version,
    payer: Address,
    recent_blockhash: [u8; ADDRESS_SIZE],
    instructions: &'a [Instruction],
    tables: &'a [LookupTable],
    config: TransactionConfig,
}

impl<'a> MessageBuilder<'a> {
    /// Starts a legacy message that `payer` pays for.
    pub fn new(
        payer: Address,
        recent_blockhash: [u8; ADDRESS_SIZE],
        instructions: &'a [Instruction],
    ) -> Self {
        Self {
            version: Version::Legacy,
            payer,
            recent_blockhash,
            instructions,
            tables: &[],
            config: TransactionConfig::default(),
        }
    }

    /// Makes it a v0 message that takes what it can from these tables; there may be none.
    #[must_use]
    pub fn v0(self, tables: &'a [LookupTable]) -> Self {
        Self {
            version: Version::V0,
            tables,
            config: TransactionConfig::default(),
            ..self
        }
    }

    /// Makes it a v1 message with this configuration.
    #[must_use]
    pub fn v1(self, config: TransactionConfig) -> Self {
        Self {
            version: Version::V1,
            tables: &[],
            config,
            ..self
        }
    }

    /// Compiles the message.
    ///
    /// # Errors
    ///
    /// [`MessageError::TooMany`] if more than 256 accounts or more than 255 signers or read-only
    /// accounts are named; [`MessageError::LookupPosition`].
    ///
    /// # Complexity
    ///
    /// O(a log a) for a account metas, and O(a) more for each lookup table entry.
    pub fn compile(&self) -> Result<Message, MessageError> {
        let mut entries = self.entries();
        let lookups = self.take_lookups(&mut entries)?;
        let (header, static_keys) = self.number_static(&mut entries)?;
        let instructions = self
            .instructions
            .iter()
            .map(|instruction| CompiledInstruction {
                program_index: index_of(&entries, &instruction.program),
                accounts: instruction
                    .accounts
                    .iter()
                    .map(|meta| index_of(&entries, &meta.address))
                    .collect(),
                data: instruction.data.clone(),
            });
        Ok(Message {
            version: self.version,
            header,
            static_keys,
            recent_blockhash: self.recent_blockhash,
            instructions: instructions.collect(),
            lookups,
            config: self.config,
        })
    }

    /// Every account that is named, once each and sorted, with the union of its accesses.
    fn entries(&self) -> Vec<Entry> {
        let metas = self
            .instructions
            .iter()
            .map(|instruction| instruction.accounts.len());
        let metas = metas.fold(self.instructions.len(), usize::saturating_add);
        let mut entries = Vec::with_capacity(metas.saturating_add(1));
        entries.push(Entry {
            is_signer: true,
            is_writable: true,
            ..Entry::new(self.payer)
        });
        for instruction in self.instructions {
            entries.push(Entry {
                is_pinned: true,
                ..Entry::new(instruction.program)
            });
            entries.extend(instruction.accounts.iter().map(|meta| Entry {
                is_signer: meta.is_signer,
                is_writable: meta.is_writable,
                ..Entry::new(meta.address)
            }));
        }
        entries.sort_unstable_by_key(|entry| entry.address);
        entries.dedup_by(|later, kept| {
            let is_same = later.address == kept.address;
            if is_same {
                kept.is_signer |= later.is_signer;
                kept.is_writable |= later.is_writable;
                kept.is_pinned |= later.is_pinned;
            }
            is_same
        });
        if let Some(nonce) = self.nonce() {
            let position = entries.binary_search_by_key(&nonce, |entry| entry.address);
            entries[position.expect("it is one of the metas")].is_pinned = true;
        }
        entries
    }

    /// The durable nonce account that dates this transaction, if there is one. It is read before
    /// lookup tables are, and so has to be a static key.
    fn nonce(&self) -> Option<Address> {
        let first = self.instructions.first()?;
        let advances = first.program == SYSTEM_PROGRAM && first.data.starts_with(&ADVANCE_NONCE);
        let meta = first.accounts.first().filter(|_| advances)?;
        Some(meta.address)
    }

    /// Moves accounts that a lookup table has out of the static keys, table by table.
    fn take_lookups(&self, entries: &mut [Entry]) -> Result<Vec<TableLookup>, MessageError> {
        let mut lookups: Vec<TableLookup> = Vec::new();
        for table in self.tables {
            let table_index = lookups.len();
            let mut lookup = TableLookup {
                table: table.address,
                writable: Vec::new(),
                readonly: Vec::new(),
            };
            for entry in entries.iter_mut() {
                if entry.is_signer || entry.is_pinned || entry.place != Place::Static {
                    continue;
                }
                let address = entry.address;
                let Some(position) = table.addresses.iter().position(|&other| other == address)
                else {
                    continue;
                };
                let position = u8::try_from(position)
                    .map_err(|_| MessageError::LookupPosition { address, position })?;
                let list = match entry.is_writable {
                    true => &mut lookup.writable,
                    false => &mut lookup.readonly,
                };
                list.push(position);
                entry.place = Place::Table(table_index);
            }
            if !(lookup.writable.is_empty() && lookup.readonly.is_empty()) {
                lookups.push(lookup);
            }
        }
        Ok(lookups)
    }

    /// Gives every account its index: static keys, then writable and then read-only lookups.
    fn number_static(&self, entries: &mut [Entry]) -> Result<(Header, Vec<Address>), MessageError> {
        // The order of the groups is the order of these keys; the sort keeps addresses sorted.
        let group = |entry: &Entry| {
            let is_payer = entry.address == self.payer;
            let table = match entry.place {
                Place::Static => (false, false, 0),
                Place::Table(table_index) => (true, !entry.is_writable, table_index),
            };
            (table, !is_payer, !entry.is_signer, !entry.is_writable)
        };
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|&position| group(&entries[position]));

        let mut static_keys = Vec::with_capacity(entries.len());
        let mut counts = [0_usize; 3];
        for (index, &position) in order.iter().enumerate() {
            let entry = &mut entries[position];
            entry.index = u8::try_from(index).map_err(|_| MessageError::TooMany {
                what: "accounts",
                found: order.len(),
                limit: ACCOUNT_COUNT_MAX,
            })?;
            if entry.place != Place::Static {
                continue;
            }
            static_keys.push(entry.address);
            let is_readonly = !entry.is_writable;
            let counted = [
                entry.is_signer,
                entry.is_signer && is_readonly,
                !entry.is_signer && is_readonly,
            ];
            for (count, is_counted) in counts.iter_mut().zip(counted) {
                *count = count.saturating_add(usize::from(is_counted));
            }
        }
        let [signers, readonly_signers, readonly_others] = counts;
        let header = Header {
            required_signatures: header_count("signers", signers)?,
            readonly_signed: header_count("read-only signers", readonly_signers)?,
            readonly_unsigned: header_count("read-only accounts", readonly_others)?,
        };
        Ok((header, static_keys))
    }
}

/// Where an account's address is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the message.
    Static,
    /// In the lookup table of this index.
    Table(usize),
}

/// One account that the instructions name.
#[derive(Clone, Copy, Debug)]
struct Entry {
    address: Address,
    is_signer: bool,
    is_writable: bool,
    /// Whether it must not come from a lookup table: it is invoked, or is the durable nonce.
    is_pinned: bool,
    place: Place,
    /// The account index, once all are known.
    index: u8,
}

impl Entry {
    fn new(address: Address) -> Self {
        Self {
            address,
            is_signer: false,
            is_writable: false,
            is_pinned: false,
            place: Place::Static,
            index: 0,
        }
    }
}

fn index_of(entries: &[Entry], address: &Address) -> u8 {
    let position = entries.binary_search_by_key(address, |entry| entry.address);
    entries[position.expect("entries hold every address that is named")].index
}

fn header_count(what: &'static str, found: usize) -> Result<u8, MessageError> {
    let limit = usize::from(u8::MAX);
    u8::try_from(found).map_err(|_| MessageError::TooMany { what, found, limit })
}
