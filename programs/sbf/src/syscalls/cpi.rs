//! Calls of other programs, in the shapes of Rust's and C's libraries.
//!
//! Before the callee runs, what the program did to the accounts that it hands on goes into the
//! accounts; after it, what the callee did to them goes into the image. The program's own view of
//! an account has to be the one that the image gave it: pointers elsewhere are refused.

use lockstep_interface::{
    AccountMeta, Address, Instruction, InstructionError,
    address::{create_program_address, program_ids},
    limits::{DERIVED_SIGNERS_MAX, INSTRUCTION_ACCOUNTS_MAX, INVOKED_DATA_SIZE_MAX, SEEDS_MAX},
};
use solana_sbpf::ebpf::MM_INPUT_START;

use super::{
    Arguments, INVALID_POINTER, MOVED_PER_UNIT, address::seeds, aligned, aligned_mut, key_at,
    number, number_at, slices,
};
use crate::{
    fault::Fault,
    image::Place,
    limits::INVOKE_INFOS_MAX,
    vm::{Guest, address_of},
};

/// What an invoke costs besides what it moves (`invoke_units`).
const INVOKE: u64 = 946;
/// Bytes that count for an account's rights, and for what the program knows of an account
/// (SIMD-0339).
const META_SIZE: u64 = 34;
const INFO_SIZE: u64 = 80;
/// The programs that no program may invoke, whatever accounts it names.
const FORBIDDEN: [Address; 6] = [
    program_ids::NATIVE_LOADER,
    program_ids::LOADER_1,
    program_ids::LOADER_2,
    program_ids::ED25519,
    program_ids::SECP256K1,
    program_ids::SECP256R1,
];

/// What programs may invoke of the upgradeable loader, by the first byte: Upgrade, SetAuthority,
/// Close and SetAuthorityChecked.
const LOADER_INVOKED: [u8; 4] = [3, 4, 5, 7];

/// True if no program may invoke this.
fn is_forbidden(instruction: &Instruction) -> bool {
    match instruction.program {
        program_ids::UPGRADEABLE_LOADER => {
            let tag = instruction.data.first();
            !tag.is_some_and(|tag| LOADER_INVOKED.contains(tag))
        }
        program => FORBIDDEN.contains(&program),
    }
}

/// Whose structures the arguments are.
#[derive(Clone, Copy)]
enum Shape {
    Rust,
    C,
}

/// An account as the program knows it.
struct Info {
    /// Addresses of the key, the owner, the lamports and the data.
    key: u64,
    owner: u64,
    lamports: u64,
    data: u64,
    /// The address of the size of the data, and the size.
    size_at: u64,
    size: u64,
}

/// An account that the callee gets.
struct Passed {
    /// Its index among the image's accounts.
    index: usize,
    is_writable: bool,
    /// Where the program keeps the size of its data.
    size_at: u64,
}

/// `sol_invoke_signed_rust(instruction, infos, info count, seeds, signer count)`
pub(super) fn invoke_rust(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    invoke(guest, Shape::Rust, arguments)
}

/// `sol_invoke_signed_c(instruction, infos, info count, seeds, signer count)`
pub(super) fn invoke_c(guest: &mut Guest, arguments: Arguments) -> Result<u64, Fault> {
    invoke(guest, Shape::C, arguments)
}

fn invoke(
    guest: &mut Guest,
    shape: Shape,
    [instruction, infos, info_count, signers, signer_count]: Arguments,
) -> Result<u64, Fault> {
    guest.spend(INVOKE)?;
    let instruction = read_instruction(guest, shape, instruction)?;
    let signers = read_signers(guest, signers, signer_count)?;
    if is_forbidden(&instruction) {
        return Fault::refused(format!(
            "Program {} not supported by inner instructions",
            instruction.program
        ));
    }
    let mut passed = read_accounts(guest, shape, &instruction, infos, info_count)?;
    for account in &mut passed {
        let size = number_at(guest, account.size_at)?;
        let is_changed = guest.with(|context, image, layout| {
            layout.to_account(context, image, account.index, size)
        })?;
        if is_changed && !account.is_writable {
            remap(guest, account.index)?;
        }
    }
    let lists: Vec<Vec<&[u8]>> = signers
        .iter()
        .map(|seeds| seeds.iter().map(Vec::as_slice).collect())
        .collect();
    let lists: Vec<&[&[u8]]> = lists.iter().map(Vec::as_slice).collect();
    guest.with(|context, _, _| context.invoke_signed(&instruction, &lists))?;
    for account in passed.iter().filter(|account| account.is_writable) {
        let size =
            guest.with(|context, image, layout| layout.update(context, image, account.index))?;
        remap(guest, account.index)?;
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        aligned_mut(guest, account.size_at, 8, 8)?.copy_from_slice(&size.to_le_bytes());
    }
    Ok(0)
}

/// Maps an account's data with the size and the rights that the account has now.
fn remap(guest: &mut Guest, index: usize) -> Result<(), Fault> {
    let (size, is_writable) = guest.with(|context, _, layout| {
        let account = context.account(layout.places()[index].position)?;
        let is_writable = layout.refusal(context, index).is_none();
        Ok::<_, InstructionError>((account.data.len(), is_writable))
    })?;
    guest.remap(index, size, is_writable)
}

fn read_instruction(guest: &mut Guest, shape: Shape, at: u64) -> Result<Instruction, Fault> {
    let (metas, meta_count, data, data_size, program) = match shape {
        // Lists of address, capacity and length; the program itself.
        Shape::Rust => {
            let bytes = aligned(guest, at, 80, 8)?;
            let [metas, count] = [number(bytes, 0), number(bytes, 16)];
            let [data, size] = [number(bytes, 24), number(bytes, 40)];
            (metas, count, data, size, at.saturating_add(48))
        }
        // The program's address, then address and length of two lists.
        Shape::C => {
            let bytes = aligned(guest, at, 40, 8)?;
            let [program, metas, count] = [number(bytes, 0), number(bytes, 8), number(bytes, 16)];
            (metas, count, number(bytes, 24), number(bytes, 32), program)
        }
    };
    check_count(
        "bytes of data for an invoke",
        data_size,
        INVOKED_DATA_SIZE_MAX,
    )?;
    check_count(
        "accounts for an invoke",
        meta_count,
        INSTRUCTION_ACCOUNTS_MAX,
    )?;
    spend_moved(guest, data_size)?;
    spend_moved(guest, meta_count.saturating_mul(META_SIZE))?;
    let program = Address::new_from_array(key_at(guest, program)?);
    let data = guest.bytes(data, data_size)?.to_vec();
    let accounts = match shape {
        Shape::Rust => {
            let bytes = guest.bytes(metas, meta_count.saturating_mul(META_SIZE))?;
            let metas = bytes.as_chunks::<34>().0.iter();
            let metas = metas.map(|meta| {
                let key = meta.first_chunk().copied().unwrap_or_default();
                account_meta(key, meta[32], meta[33])
            });
            metas.collect::<Result<_, _>>()?
        }
        Shape::C => {
            let bytes = aligned(guest, metas, meta_count.saturating_mul(16), 8)?.to_vec();
            let metas = bytes.as_chunks::<16>().0.iter();
            let metas = metas.map(|meta| {
                let key = key_at(guest, number(meta, 0))?;
                Ok::<_, Fault>(account_meta(key, meta[9], meta[8])?)
            });
            metas.collect::<Result<_, _>>()?
        }
    };
    Ok(Instruction {
        program,
        accounts,
        data,
    })
}

fn account_meta(key: [u8; 32], signs: u8, writes: u8) -> Result<AccountMeta, InstructionError> {
    if signs > 1 || writes > 1 {
        return Err(InstructionError::InvalidArgument);
    }
    Ok(AccountMeta {
        address: Address::new_from_array(key),
        is_signer: signs == 1,
        is_writable: writes == 1,
    })
}

/// The seeds of each address for which the program signs.
fn read_signers(guest: &mut Guest, list: u64, count: u64) -> Result<Vec<Vec<Vec<u8>>>, Fault> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let list = slices_of(guest, list, count, "derived signers", DERIVED_SIGNERS_MAX)?;
    let mut signers = Vec::with_capacity(list.len());
    for (address, count) in list {
        if count > u64::try_from(SEEDS_MAX).unwrap_or(u64::MAX) {
            return Err(InstructionError::MaxSeedLengthExceeded.into());
        }
        let list = slices(guest, address, count)?;
        let seeds = seeds(guest, &list)?;
        let borrowed: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        let derived =
            guest.with(|context, _, _| create_program_address(&borrowed, context.program()));
        if let Err(error) = derived {
            return Fault::refused(format!(
                "Could not create program address with signer seeds: {error}"
            ));
        }
        signers.push(seeds);
    }
    Ok(signers)
}

fn slices_of(
    guest: &mut Guest,
    list: u64,
    count: u64,
    what: &str,
    most: usize,
) -> Result<Vec<(u64, u64)>, Fault> {
    let list_bytes = aligned(guest, list, count.saturating_mul(16), 8).map(|_| ());
    check_count(what, count, most)?;
    list_bytes?;
    slices(guest, list, count)
}

/// The accounts that the callee gets, each once, as the program knows them.
fn read_accounts(
    guest: &mut Guest,
    shape: Shape,
    instruction: &Instruction,
    infos: u64,
    info_count: u64,
) -> Result<Vec<Passed>, Fault> {
    let infos = read_infos(guest, shape, infos, info_count)?;
    let mut passed: Vec<Passed> = Vec::with_capacity(instruction.accounts.len());
    for meta in &instruction.accounts {
        let (index, place, size, is_executable) = guest.with(|context, _, layout| {
            let mut places = layout.places().iter().enumerate();
            let found = places.find(|(_, place)| {
                let known = context.address(place.position);
                known.is_ok_and(|known| *known == meta.address)
            });
            let (index, place) = found.ok_or(InstructionError::MissingAccount)?;
            let account = context.account(place.position)?;
            let size = u64::try_from(account.data.len()).unwrap_or(u64::MAX);
            Ok::<_, InstructionError>((index, *place, size, account.executable))
        })?;
        if let Some(known) = passed.iter_mut().find(|known| known.index == index) {
            known.is_writable |= meta.is_writable;
            continue;
        }
        if is_executable {
            spend_moved(guest, size)?;
            continue;
        }
        let known = infos.iter().find(|(key, _)| key == meta.address.as_array());
        let Some((_, info_at)) = known else {
            return Err(InstructionError::MissingAccount.into());
        };
        let info = read_info(guest, shape, *info_at)?;
        check_info(guest, shape, &info, place)?;
        passed.push(Passed {
            index,
            is_writable: meta.is_writable,
            size_at: info.size_at,
        });
    }
    Ok(passed)
}

/// The key of each account that the program lists, and where the rest of it lies.
fn read_infos(
    guest: &mut Guest,
    shape: Shape,
    infos: u64,
    count: u64,
) -> Result<Vec<([u8; 32], u64)>, Fault> {
    let size: u64 = match shape {
        Shape::Rust => 48,
        Shape::C => 56,
    };
    let whole = count.saturating_mul(size);
    outside_of_accounts(infos.saturating_add(whole).saturating_sub(1).max(infos))?;
    let bytes = aligned(guest, infos, whole, 8)?.to_vec();
    if count > INVOKE_INFOS_MAX {
        return Fault::refused(format!(
            "expected at most {INVOKE_INFOS_MAX} account infos, found {count}"
        ));
    }
    spend_moved(guest, count.saturating_mul(INFO_SIZE))?;
    let step = usize::try_from(size).unwrap_or(usize::MAX);
    let mut at = infos;
    let mut found = Vec::with_capacity(bytes.len().checked_div(step).unwrap_or(0));
    for info in bytes.chunks_exact(step) {
        found.push((key_at(guest, number(info, 0))?, at));
        at = at.saturating_add(size);
    }
    Ok(found)
}

fn read_info(guest: &mut Guest, shape: Shape, at: u64) -> Result<Info, Fault> {
    match shape {
        // Lamports and data lie behind two counted cells, at 24 bytes from the count.
        Shape::Rust => {
            let bytes = aligned(guest, at, 48, 8)?;
            let [key, lamports, data] = [number(bytes, 0), number(bytes, 8), number(bytes, 16)];
            let owner = number(bytes, 24);
            let [lamports_at, data_at] = [lamports, data].map(|cell| cell.saturating_add(24));
            outside_of_accounts(lamports_at)?;
            let lamports = number_at(guest, lamports_at)?;
            let size_at = data_at.saturating_add(8);
            outside_of_accounts(data_at)?;
            outside_of_accounts(size_at)?;
            Ok(Info {
                key,
                owner,
                lamports,
                data: number_at(guest, data_at)?,
                size_at,
                size: number_at(guest, size_at)?,
            })
        }
        Shape::C => {
            let bytes = aligned(guest, at, 56, 8)?;
            Ok(Info {
                key: number(bytes, 0),
                lamports: number(bytes, 8),
                size: number(bytes, 16),
                data: number(bytes, 24),
                owner: number(bytes, 32),
                size_at: at.saturating_add(16),
            })
        }
    }
}

/// Refuses an account that is not where the image has it, and spends what its data costs.
fn check_info(guest: &mut Guest, shape: Shape, info: &Info, place: Place) -> Result<(), Fault> {
    let pointers = [
        ("key", info.key, place.key()),
        ("owner", info.owner, place.owner()),
        ("lamports", info.lamports, place.lamports()),
        ("data", info.data, place.data()),
    ];
    for (field, found, offset) in pointers {
        let expected = address_of(offset);
        if found != expected {
            return Fault::refused(format!(
                "expected an account's {field} at {expected:#x}, where the program got it, found \
                 {found:#x}"
            ));
        }
    }
    spend_moved(guest, info.size)?;
    if let Shape::C = shape {
        outside_of_accounts(info.size_at)?;
    }
    // The size is written after the invoke.
    aligned_mut(guest, info.size_at, 8, 8)?;
    Ok(())
}

fn outside_of_accounts(address: u64) -> Result<(), Fault> {
    match address < MM_INPUT_START {
        true => Ok(()),
        false => Fault::refused(INVALID_POINTER),
    }
}

fn check_count(what: &str, count: u64, most: usize) -> Result<(), Fault> {
    match usize::try_from(count).is_ok_and(|count| count <= most) {
        true => Ok(()),
        false => Fault::refused(format!("expected at most {most} {what}, found {count}")),
    }
}

fn spend_moved(guest: &mut Guest, size: u64) -> Result<(), Fault> {
    guest.spend(size.checked_div(MOVED_PER_UNIT).unwrap_or(0))
}
