//! The instructions of the upgradeable loader: their bytes, and the calls that clients make.

use lockstep_interface::{
    AccountMeta, Address, Instruction, Rent,
    address::{find_program_address, program_ids, sysvar_ids},
};

use super::state::{BUFFER_HEAD_SIZE, PROGRAM_SIZE};

/// Bytes of instruction data that are looked at (`PACKET_DATA_SIZE`).
const DATA_SIZE_MAX: usize = 1_232;

/// What the upgradeable loader can be asked to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoaderInstruction<'d> {
    /// Makes an account a buffer.
    InitializeBuffer,
    /// Writes a part of a file into a buffer.
    Write {
        /// Where in the file.
        offset: u32,
        /// The part.
        bytes: &'d [u8],
    },
    /// Makes a program of a buffer, with room for files of this many bytes.
    Deploy {
        /// The room.
        size_max: u64,
    },
    /// Replaces a program's file by that of a buffer.
    Upgrade,
    /// Gives a buffer or a program another authority, or none.
    SetAuthority,
    /// Ends a buffer or a program, and gives its lamports back.
    Close,
    /// Gives a program's file more room.
    Extend {
        /// Bytes of room more.
        added: u32,
    },
    /// Gives a buffer or a program another authority, which signs, too.
    SetAuthorityChecked,
}

impl<'d> LoaderInstruction<'d> {
    /// Decodes instruction data; `None` if it means nothing. What follows does not matter.
    ///
    /// ```
    /// use lockstep_sbf::LoaderInstruction;
    ///
    /// let close = LoaderInstruction::Close;
    /// assert_eq!(LoaderInstruction::decode(&close.encode()), Some(close));
    /// assert_eq!(LoaderInstruction::decode(&[9, 0, 0, 0]), None);
    /// ```
    pub fn decode(data: &'d [u8]) -> Option<Self> {
        let data = &data[..data.len().min(DATA_SIZE_MAX)];
        let (tag, rest) = data.split_first_chunk()?;
        Some(match u32::from_le_bytes(*tag) {
            0 => Self::InitializeBuffer,
            1 => {
                let (offset, rest) = rest.split_first_chunk()?;
                let (size, rest) = rest.split_first_chunk()?;
                let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
                Self::Write {
                    offset: u32::from_le_bytes(*offset),
                    bytes: rest.get(..size)?,
                }
            }
            2 => Self::Deploy {
                size_max: u64::from_le_bytes(*rest.first_chunk()?),
            },
            3 => Self::Upgrade,
            4 => Self::SetAuthority,
            5 => Self::Close,
            6 => Self::Extend {
                added: u32::from_le_bytes(*rest.first_chunk()?),
            },
            7 => Self::SetAuthorityChecked,
            _ => return None,
        })
    }

    /// The instruction's data.
    pub fn encode(&self) -> Vec<u8> {
        let (tag, fields) = match self {
            Self::InitializeBuffer => (0u32, Vec::new()),
            Self::Write { offset, bytes } => {
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                let head = [&offset.to_le_bytes()[..], &size.to_le_bytes()].concat();
                (1, [&head, *bytes].concat())
            }
            Self::Deploy { size_max } => (2, size_max.to_le_bytes().to_vec()),
            Self::Upgrade => (3, Vec::new()),
            Self::SetAuthority => (4, Vec::new()),
            Self::Close => (5, Vec::new()),
            Self::Extend { added } => (6, added.to_le_bytes().to_vec()),
            Self::SetAuthorityChecked => (7, Vec::new()),
        };
        [&tag.to_le_bytes()[..], &fields].concat()
    }

    fn call(&self, accounts: Vec<AccountMeta>) -> Instruction {
        Instruction {
            program: program_ids::UPGRADEABLE_LOADER,
            accounts,
            data: self.encode(),
        }
    }
}

fn writable(address: &Address) -> AccountMeta {
    AccountMeta::writable(*address, false)
}

fn signer(address: &Address) -> AccountMeta {
    AccountMeta::readonly(*address, true)
}

fn sysvar(address: Address) -> AccountMeta {
    AccountMeta::readonly(address, false)
}

/// The account of a program's file.
///
/// ```
/// use lockstep_interface::Address;
///
/// let program = Address::new_from_array([7; 32]);
/// assert_ne!(lockstep_sbf::file_address(&program), program);
/// ```
pub fn file_address(program: &Address) -> Address {
    find_program_address(&[program.as_array()], &program_ids::UPGRADEABLE_LOADER).0
}

/// Bytes of a buffer for a file of this many.
pub fn buffer_size(file_size: usize) -> usize {
    BUFFER_HEAD_SIZE.saturating_add(file_size)
}

/// The instructions that make a new account a buffer for a file of this many bytes: the System
/// program's creation of it, and [`initialize_buffer`].
pub fn create_buffer(
    payer: &Address,
    buffer: &Address,
    authority: &Address,
    file_size: usize,
    rent: &Rent,
) -> [Instruction; 2] {
    let size = buffer_size(file_size);
    let lamports = rent.minimum_balance(size);
    [
        super::create_account(payer, buffer, lamports, size),
        initialize_buffer(buffer, authority),
    ]
}

/// Makes an account of the loader a buffer.
pub fn initialize_buffer(buffer: &Address, authority: &Address) -> Instruction {
    let accounts = vec![writable(buffer), AccountMeta::readonly(*authority, false)];
    LoaderInstruction::InitializeBuffer.call(accounts)
}

/// Writes a part of a file into a buffer.
pub fn write(buffer: &Address, authority: &Address, offset: u32, bytes: &[u8]) -> Instruction {
    let accounts = vec![writable(buffer), signer(authority)];
    LoaderInstruction::Write { offset, bytes }.call(accounts)
}

/// The instructions that make a new account the program of a buffer, with room for files of
/// `size_max` bytes: the System program's creation of the account, and the deployment.
pub fn deploy(
    payer: &Address,
    program: &Address,
    buffer: &Address,
    authority: &Address,
    size_max: usize,
    rent: &Rent,
) -> [Instruction; 2] {
    let lamports = rent.minimum_balance(PROGRAM_SIZE);
    let size_max = u64::try_from(size_max).unwrap_or(u64::MAX);
    let accounts = vec![
        AccountMeta::writable(*payer, true),
        writable(&file_address(program)),
        writable(program),
        writable(buffer),
        sysvar(sysvar_ids::RENT),
        sysvar(sysvar_ids::CLOCK),
        sysvar(program_ids::SYSTEM),
        signer(authority),
    ];
    [
        super::create_account(payer, program, lamports, PROGRAM_SIZE),
        LoaderInstruction::Deploy { size_max }.call(accounts),
    ]
}

/// Replaces a program's file by that of a buffer; what the buffer's lamports leave goes to `spill`.
pub fn upgrade(
    program: &Address,
    buffer: &Address,
    authority: &Address,
    spill: &Address,
) -> Instruction {
    LoaderInstruction::Upgrade.call(vec![
        writable(&file_address(program)),
        writable(program),
        writable(buffer),
        writable(spill),
        sysvar(sysvar_ids::RENT),
        sysvar(sysvar_ids::CLOCK),
        signer(authority),
    ])
}

/// Gives a program another authority; without one it can never be changed again.
pub fn set_authority(
    program: &Address,
    authority: &Address,
    new_authority: Option<&Address>,
) -> Instruction {
    let mut accounts = vec![writable(&file_address(program)), signer(authority)];
    accounts.extend(new_authority.map(|new| AccountMeta::readonly(*new, false)));
    LoaderInstruction::SetAuthority.call(accounts)
}

/// Gives a program another authority, which signs, too.
pub fn set_authority_checked(
    program: &Address,
    authority: &Address,
    new_authority: &Address,
) -> Instruction {
    let file = writable(&file_address(program));
    LoaderInstruction::SetAuthorityChecked.call(vec![
        file,
        signer(authority),
        signer(new_authority),
    ])
}

/// Ends a program; the lamports of its file's account go to `recipient`.
pub fn close(program: &Address, recipient: &Address, authority: &Address) -> Instruction {
    LoaderInstruction::Close.call(vec![
        writable(&file_address(program)),
        writable(recipient),
        signer(authority),
        writable(program),
    ])
}

/// Ends a buffer; its lamports go to `recipient`.
pub fn close_buffer(buffer: &Address, recipient: &Address, authority: &Address) -> Instruction {
    let accounts = vec![writable(buffer), writable(recipient), signer(authority)];
    LoaderInstruction::Close.call(accounts)
}

/// Gives a program's file more room, 10 KiB at least; `payer` pays the rent of it.
pub fn extend(program: &Address, payer: &Address, added: u32) -> Instruction {
    LoaderInstruction::Extend { added }.call(vec![
        writable(&file_address(program)),
        writable(program),
        sysvar(program_ids::SYSTEM),
        AccountMeta::writable(*payer, true),
    ])
}
