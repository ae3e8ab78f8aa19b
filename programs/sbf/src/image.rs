//! The image: an instruction's accounts and data as a compiled program finds them in memory, and
//! what the program made of them back into the accounts.
//!
//! The format is Solana's ABIv1 of aligned loaders. An account that the instruction names again is
//! a reference to its first place. Behind each account's data lies room into which the data may
//! grow. Offsets in the image are offsets from the start of the program's input memory.
//!
//! ```text
//! count u64 | account ... | data size u64 | data | program 32
//! account: 0xff, signer, writable, executable, 0u32 | key 32 | owner 32 | lamports u64 | size u64
//!          | data | 10,240 zeros, up to a multiple of 8 | u64::MAX
//! repeated account: position u8 at which it was named first, 7 zeros
//! ```

use std::ops::Range;

use lockstep_interface::{
    Address, InstructionError, InvokeContext, limits::INSTRUCTION_GROWTH_MAX as ROOM,
};

/// Marks an account that the instruction has not named before.
const FIRST: u8 = u8::MAX;
/// Bytes of an account before its data.
const HEAD_SIZE: usize = 88;
/// Bytes of a reference to an account that was named before.
const REPEAT_SIZE: usize = 8;
/// Bytes behind an account's room: the rent epoch.
const TAIL_SIZE: usize = 8;

/// Where an account lies in the image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Its first position in the instruction.
    pub(crate) position: usize,
    /// The offset of its first byte.
    head: usize,
    /// Bytes of its data when the program was called.
    size: usize,
}

impl Place {
    pub(crate) fn key(self) -> usize {
        self.head.saturating_add(8)
    }

    pub(crate) fn owner(self) -> usize {
        self.head.saturating_add(40)
    }

    pub(crate) fn lamports(self) -> usize {
        self.head.saturating_add(72)
    }

    fn length(self) -> usize {
        self.head.saturating_add(80)
    }

    pub(crate) fn data(self) -> usize {
        self.head.saturating_add(HEAD_SIZE)
    }

    /// Bytes of its data, and of those into which it may grow.
    pub(crate) fn reserved(self) -> usize {
        self.size.saturating_add(ROOM)
    }

    /// The offset of what follows the data and its room.
    fn tail(self) -> usize {
        self.data().saturating_add(self.reserved())
    }

    fn end(self) -> usize {
        let padded = self.tail().next_multiple_of(8);
        padded.saturating_add(TAIL_SIZE)
    }
}

/// A piece of the image with one set of rights.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Piece {
    /// Sizes, keys, balances: the program may write them, and is judged by what it wrote.
    Meta(Range<usize>),
    /// The data of the account at this place.
    Data(usize),
}

/// Where everything lies in an image.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    places: Vec<Place>,
    /// The place of each position.
    of_position: Vec<u8>,
    /// The offset of the instruction's data.
    pub(crate) data: usize,
    size: usize,
}

impl Layout {
    /// Lays out the image of an instruction, in place of another. O(accounts squared).
    pub(crate) fn lay_out(
        &mut self,
        context: &InvokeContext<'_, '_>,
    ) -> Result<(), InstructionError> {
        self.places.clear();
        self.of_position.clear();
        let mut end: usize = 8;
        for position in 0..context.account_count() {
            let address = context.address(position)?;
            let mut earlier = self.places.iter();
            let earlier = earlier.position(|place| {
                let known = context.address(place.position);
                known.is_ok_and(|known| known == address)
            });
            let index = earlier.unwrap_or(self.places.len());
            let index = u8::try_from(index).map_err(|_| InstructionError::MaxAccountsExceeded)?;
            self.of_position.push(index);
            if earlier.is_some() {
                end = end.saturating_add(REPEAT_SIZE);
                continue;
            }
            let place = Place {
                position,
                head: end,
                size: context.account(position)?.data.len(),
            };
            self.places.push(place);
            end = place.end();
        }
        self.data = end.saturating_add(8);
        let size = self.data.saturating_add(context.data().len());
        self.size = size.saturating_add(32);
        Ok(())
    }

    /// Bytes of the image.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The accounts, each once, in the order in which the instruction names them.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The pieces of the image, from its start to its end.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece> {
        let mut start = 0;
        let accounts = self
            .places
            .iter()
            .enumerate()
            .flat_map(move |(index, place)| {
                let meta = start..place.data();
                start = place.tail();
                [Piece::Meta(meta), Piece::Data(index)]
            });
        let rest = self.places.last().map_or(0, |place| place.tail());
        accounts.chain([Piece::Meta(rest..self.size)])
    }

    /// Writes the image into memory that is zero.
    pub(crate) fn write(
        &self,
        context: &InvokeContext<'_, '_>,
        image: &mut [u8],
    ) -> Result<(), InstructionError> {
        put(image, 0, &number(context.account_count()));
        let mut end: usize = 8;
        for (position, index) in self.of_position.iter().enumerate() {
            let place = self.places[usize::from(*index)];
            if place.position != position {
                // An instruction names 255 accounts at most.
                let first = u8::try_from(place.position).unwrap_or(u8::MAX);
                put(image, end, &[first]);
                end = end.saturating_add(REPEAT_SIZE);
                continue;
            }
            let account = context.account(position)?;
            let flags = [
                account.is_signer(),
                account.is_writable(),
                account.executable,
            ];
            put(image, place.head, &[FIRST]);
            put(image, place.head.saturating_add(1), &flags.map(u8::from));
            put(image, place.key(), account.address().as_array());
            put(image, place.owner(), account.owner.as_array());
            put(image, place.lamports(), &account.lamports.to_le_bytes());
            put(image, place.length(), &number(place.size));
            put(image, place.data(), &account.data);
            end = place.end();
            put(
                image,
                end.saturating_sub(TAIL_SIZE),
                &u64::MAX.to_le_bytes(),
            );
        }
        put(image, end, &number(context.data().len()));
        put(image, self.data, context.data());
        let program = self.data.saturating_add(context.data().len());
        put(image, program, context.program().as_array());
        Ok(())
    }

    /// Makes the accounts what the program left in the image.
    ///
    /// # Errors
    /// What the invoke context says of changes that the program may not make.
    pub(crate) fn write_back(
        &self,
        context: &InvokeContext<'_, '_>,
        image: &[u8],
    ) -> Result<(), InstructionError> {
        for (index, place) in self.places.iter().enumerate() {
            let size = u64_at(image, place.length());
            self.to_account(context, image, index, size)?;
        }
        Ok(())
    }

    /// Makes one account what the image says of it, its data being of this size. Returns whether
    /// size or owner changed.
    pub(crate) fn to_account(
        &self,
        context: &InvokeContext<'_, '_>,
        image: &[u8],
        index: usize,
        size: u64,
    ) -> Result<bool, InstructionError> {
        let place = self.places[index];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > place.reserved() {
            return Err(InstructionError::InvalidRealloc);
        }
        let mut account = context.account_mut(place.position)?;
        let lamports = u64_at(image, place.lamports());
        if account.lamports != lamports {
            account.set_lamports(lamports)?;
        }
        let mut is_changed = account.data.len() != size;
        if is_changed {
            account.resize(size)?;
        }
        let data = &image[place.data()..][..size];
        if *account.data != *data {
            account.data_mut()?.copy_from_slice(data);
        }
        // The owner comes last, so that the program may change the rest while it owns the account.
        let owner = address_at(image, place.owner());
        if account.owner != owner {
            account.set_owner(&owner)?;
            is_changed = true;
        }
        Ok(is_changed)
    }

    /// Makes the image say of one account what is true of it now. Returns the bytes of its data.
    ///
    /// # Errors
    /// `InvalidRealloc` if the data has outgrown its room.
    pub(crate) fn update(
        &self,
        context: &InvokeContext<'_, '_>,
        image: &mut [u8],
        index: usize,
    ) -> Result<usize, InstructionError> {
        let place = self.places[index];
        let account = context.account(place.position)?;
        let size = account.data.len();
        if size > place.reserved() {
            return Err(InstructionError::InvalidRealloc);
        }
        put(image, place.owner(), account.owner.as_array());
        put(image, place.lamports(), &account.lamports.to_le_bytes());
        put(image, place.length(), &number(size));
        put(image, place.data(), &account.data);
        Ok(size)
    }

    /// Why the program may not change the data of an account; `None` if it may.
    pub(crate) fn refusal(
        &self,
        context: &InvokeContext<'_, '_>,
        index: usize,
    ) -> Option<InstructionError> {
        let place = self.places.get(index)?;
        let account = context.account(place.position).ok()?;
        if account.executable && context.rules().freezes_executable_accounts() {
            Some(InstructionError::ExecutableDataModified)
        } else if !account.is_writable() {
            Some(InstructionError::ReadonlyDataModified)
        } else if account.owner != *context.program() {
            Some(InstructionError::ExternalAccountDataModified)
        } else {
            None
        }
    }

    /// The error of an access to these bytes of the image that memory refused, if they are an
    /// account's data or its room.
    pub(crate) fn access_error(
        &self,
        context: &InvokeContext<'_, '_>,
        bytes: &Range<usize>,
        is_store: bool,
    ) -> Option<InstructionError> {
        let index = self.places.iter().position(|place| {
            let room = place.data()..place.tail();
            room.contains(&bytes.start) && bytes.end <= room.end
        })?;
        Some(match (self.refusal(context, index), is_store) {
            (Some(refusal), true) => refusal,
            // The program expected more data than there is.
            (Some(_), false) => InstructionError::AccountDataTooSmall,
            (None, _) => InstructionError::InvalidRealloc,
        })
    }
}

fn put(image: &mut [u8], offset: usize, bytes: &[u8]) {
    image[offset..][..bytes.len()].copy_from_slice(bytes);
}

/// A size as the image has it.
fn number(size: usize) -> [u8; 8] {
    u64::try_from(size).unwrap_or(u64::MAX).to_le_bytes()
}

fn u64_at(image: &[u8], offset: usize) -> u64 {
    let bytes = image[offset..].first_chunk().copied();
    u64::from_le_bytes(bytes.unwrap_or_default())
}

fn address_at(image: &[u8], offset: usize) -> Address {
    let bytes = image[offset..].first_chunk().copied();
    Address::new_from_array(bytes.unwrap_or_default())
}
