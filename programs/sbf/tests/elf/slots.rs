//! The slots before a block and the ids of their blocks, as the account of SlotHashes and the
//! system call tell them: on chains with loaders, from their first block on, and on no other.

use lockstep_interface::{
    Account, AccountMeta, Address, Instruction, InstructionError, InvokeContext, Loader, Program,
    ProgramTable, Rent,
    address::{program_ids, sysvar_ids},
    sysvar::SLOT_HASHES_SIZE,
};
use lockstep_sbf::{program_accounts, with_loaders};
use lockstep_scheduler::Auto;
use lockstep_testing::{Call, Chain};
use solana_sbpf::ebpf;

use crate::assembly::{FRAME, code, end, file, load, system};

const PROGRAM: Address = Address::new_from_array([7; 32]);
/// What the program asks for: from the number of entries to the end of the first.
const ASKED: u64 = 8 + 40;
/// Its place on the stack, and that of the sysvar's address.
const RESULT: i32 = -64;
const KEY: i32 = -128;

/// A chain with the loaders and a program that returns the beginning of SlotHashes.
fn chain() -> Chain {
    let [moved, add] = [ebpf::MOV64_REG, ebpf::ADD64_IMM];
    let on_stack = |register: u8, place: i32| {
        [
            code(moved, [register, FRAME], 0, 0),
            code(add, [register, 0], 0, place),
        ]
    };
    let mut text = Vec::new();
    for (number, part) in sysvar_ids::SLOT_HASHES
        .as_array()
        .as_chunks::<8>()
        .0
        .iter()
        .enumerate()
    {
        text.extend(load(1, u64::from_le_bytes(*part)));
        let place = i16::try_from(KEY).unwrap() + 8 * i16::try_from(number).unwrap();
        text.push(code(ebpf::ST_DW_REG, [FRAME, 1], place, 0));
    }
    text.extend(on_stack(1, KEY));
    text.extend(on_stack(2, RESULT));
    text.extend(load(3, 0));
    text.extend(load(4, ASKED));
    text.push(system("sol_get_sysvar"));
    text.extend(on_stack(1, RESULT));
    text.extend(load(2, ASKED));
    text.push(system("sol_set_return_data"));
    text.extend(end(0));
    let accounts = program_accounts(&PROGRAM, &file(&text), None, &Rent::MAINNET);
    let builder = Chain::builder().programs(&with_loaders(ProgramTable::new()));
    builder.accounts(accounts).threads(2).strategy(Auto).build()
}

/// A call of the program, which names the account of the sysvar, too.
fn ask() -> Call {
    Call::new([Instruction {
        program: PROGRAM,
        accounts: vec![AccountMeta::readonly(sysvar_ids::SLOT_HASHES, false)],
        data: Vec::new(),
    }])
}

/// The account of SlotHashes as the newest block had it.
fn shown(chain: &Chain) -> Option<Account> {
    chain.account(&sysvar_ids::SLOT_HASHES)
}

#[test]
fn programs_see_slots_and_ids_of_the_blocks_before() {
    let mut chain = chain();
    chain.run_block(vec![ask()]).all_ok();
    let first = shown(&chain).unwrap();
    let known = u64::from_le_bytes(*first.data.first_chunk().unwrap());
    let mut expected = first.data[8..][..usize::try_from(known).unwrap() * 40].to_vec();
    for count in known + 1..known + 6 {
        let newest = (chain.slot() - 1).to_le_bytes();
        expected = [&newest[..], &chain.blockhash().to_bytes(), &expected].concat();
        chain.warp_to_slot(chain.slot() + count);
        chain.parallel_equals_serial(vec![ask(), ask()]);
        let block = chain.run_block(vec![ask(), ask()]);
        block.all_ok();
        let account = shown(&chain).unwrap();
        assert_eq!(account.owner, sysvar_ids::OWNER);
        assert_eq!(account.data.len(), SLOT_HASHES_SIZE);
        assert_eq!(account.data[..8], count.to_le_bytes());
        assert_eq!(account.data[8..][..expected.len()], expected);
        assert!(
            account.data[8 + expected.len()..]
                .iter()
                .all(|byte| *byte == 0)
        );
        let asked = usize::try_from(ASKED).unwrap();
        assert_eq!(block.call(0).return_data(), &account.data[..asked]);
    }
}

/// The upgradeable loader, for a chain that does not begin with it.
#[derive(Debug)]
struct Late(ProgramTable);

impl Program for Late {
    fn address(&self) -> Address {
        program_ids::UPGRADEABLE_LOADER
    }

    fn name(&self) -> &'static str {
        "late-loader"
    }

    fn loader(&self) -> Option<&dyn Loader> {
        self.0.loader(&program_ids::UPGRADEABLE_LOADER)
    }

    fn process(&self, _: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        Err(InstructionError::InvalidInstructionData)
    }
}

#[test]
fn chains_show_them_from_the_first_block_with_a_loader_on() {
    let late = Late(with_loaders(ProgramTable::new()));
    let mut late = Chain::builder().program_at(4, late).build();
    let mut never = Chain::builder().build();
    while late.slot() < 8 {
        let slot = late.slot();
        late.empty_blocks(1);
        never.empty_blocks(1);
        assert_eq!(shown(&late).is_some(), slot >= 4, "slot {slot}");
        assert_eq!(shown(&never), None);
    }
    // What was before counts, too.
    assert_eq!(shown(&late).unwrap().data[..8], 7u64.to_le_bytes());
}
