//! What the accounts of the upgradeable loader hold, in Solana's bincode layout.
//!
//! ```text
//! 0u32                                                     nothing
//! 1u32 | has authority u8 | authority 32 | file            buffer
//! 2u32 | file account 32                                   program
//! 3u32 | slot u64 | has authority u8 | authority 32 | file file account
//! ```

use lockstep_interface::{
    Account, AccountMut, Address, InstructionError, Rent, address::program_ids,
};

use super::instruction::file_address;

/// Bytes of an account that holds nothing.
pub(crate) const NOTHING_SIZE: usize = 4;
/// Bytes before the file in a buffer.
pub(crate) const BUFFER_HEAD_SIZE: usize = 37;
/// Bytes of a program's account.
pub(crate) const PROGRAM_SIZE: usize = 36;
/// Bytes before the file in a file account.
pub const FILE_HEAD_SIZE: usize = 45;

/// What an account of the upgradeable loader is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoaderState {
    /// Nothing yet, or no longer.
    Nothing,
    /// Holds a file that is being written.
    Buffer {
        /// What may write and deploy it; `None` if nothing may.
        authority: Option<Address>,
    },
    /// A program.
    Program {
        /// The account of its file.
        file: Address,
    },
    /// Holds the file of a program.
    File {
        /// The slot in which it was deployed or changed last.
        slot: u64,
        /// What may change it; `None` if nothing may.
        authority: Option<Address>,
    },
}

impl LoaderState {
    /// Decodes the head of an account's data; `None` if it is none. What follows does not matter.
    ///
    /// ```
    /// use lockstep_sbf::LoaderState;
    ///
    /// assert_eq!(LoaderState::decode(&[0; 4]), Some(LoaderState::Nothing));
    /// assert_eq!(LoaderState::decode(&[4, 0, 0, 0]), None);
    /// ```
    pub fn decode(data: &[u8]) -> Option<Self> {
        let (tag, rest) = data.split_first_chunk()?;
        match u32::from_le_bytes(*tag) {
            0 => Some(Self::Nothing),
            1 => Some(Self::Buffer {
                authority: authority(rest)?,
            }),
            2 => Some(Self::Program {
                file: Address::new_from_array(*rest.first_chunk()?),
            }),
            3 => {
                let (slot, rest) = rest.split_first_chunk()?;
                Some(Self::File {
                    slot: u64::from_le_bytes(*slot),
                    authority: authority(rest)?,
                })
            }
            _ => None,
        }
    }

    /// The bytes of the head. Without an authority they are shorter than the room for them.
    pub fn encode(&self) -> Vec<u8> {
        let (tag, mut fields, authority) = match self {
            Self::Nothing => (0u32, Vec::new(), None),
            Self::Buffer { authority } => (1, Vec::new(), Some(authority)),
            Self::Program { file } => (2, file.as_array().to_vec(), None),
            Self::File { slot, authority } => (3, slot.to_le_bytes().to_vec(), Some(authority)),
        };
        match authority {
            None => {}
            Some(None) => fields.push(0),
            Some(Some(authority)) => {
                fields.push(1);
                fields.extend_from_slice(authority.as_array());
            }
        }
        let mut bytes = tag.to_le_bytes().to_vec();
        bytes.append(&mut fields);
        bytes
    }

    /// What an account holds.
    pub(super) fn of(data: &[u8]) -> Result<Self, InstructionError> {
        Self::decode(data).ok_or(InstructionError::InvalidAccountData)
    }

    /// Writes the head of an account.
    pub(super) fn store(&self, account: &mut AccountMut<'_, '_>) -> Result<(), InstructionError> {
        let data = account.data_mut()?;
        let bytes = self.encode();
        let head = data.get_mut(..bytes.len());
        let head = head.ok_or(InstructionError::AccountDataTooSmall)?;
        head.copy_from_slice(&bytes);
        Ok(())
    }
}

/// The two accounts of a program with this file, for a genesis: the program's own, and its file's.
///
/// The program can be called from the first block on, and upgraded by its authority, if it has one.
///
/// ```
/// use lockstep_interface::{Address, Rent};
///
/// let program = Address::new_from_array([7; 32]);
/// let accounts = lockstep_sbf::program_accounts(&program, b"a file", None, &Rent::MAINNET);
/// assert_eq!(accounts[0].0, program);
/// assert!(accounts[0].1.executable);
/// ```
pub fn program_accounts(
    program: &Address,
    file: &[u8],
    authority: Option<Address>,
    rent: &Rent,
) -> [(Address, Account); 2] {
    let account = |data: Vec<u8>, executable| Account {
        lamports: rent.minimum_balance(data.len()).max(1),
        data: data.into(),
        owner: program_ids::UPGRADEABLE_LOADER,
        executable,
    };
    let address = file_address(program);
    let head = LoaderState::File { slot: 0, authority };
    let mut data = head.encode();
    data.resize(FILE_HEAD_SIZE, 0);
    data.extend_from_slice(file);
    let state = LoaderState::Program { file: address };
    [
        (*program, account(state.encode(), true)),
        (address, account(data, false)),
    ]
}

#[expect(clippy::option_option, reason = "no authority is a value, too")]
fn authority(bytes: &[u8]) -> Option<Option<Address>> {
    match bytes.split_first()? {
        (0, _) => Some(None),
        (1, rest) => Some(Some(Address::new_from_array(*rest.first_chunk()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_they_were_written() {
        let key = Address::new_from_array([7; 32]);
        for (state, size) in [
            (LoaderState::Nothing, NOTHING_SIZE),
            (LoaderState::Buffer { authority: None }, 5),
            (
                LoaderState::Buffer {
                    authority: Some(key),
                },
                BUFFER_HEAD_SIZE,
            ),
            (LoaderState::Program { file: key }, PROGRAM_SIZE),
            (
                LoaderState::File {
                    slot: 9,
                    authority: Some(key),
                },
                FILE_HEAD_SIZE,
            ),
        ] {
            let bytes = state.encode();
            assert_eq!(
                (bytes.len(), LoaderState::decode(&bytes)),
                (size, Some(state))
            );
            assert_eq!(LoaderState::decode(&bytes[..size - 1]), None, "{state:?}");
        }
        assert_eq!(LoaderState::decode(&[1, 0, 0, 0, 2]), None);
    }
}
