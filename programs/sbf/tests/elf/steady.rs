//! A call of a compiled program allocates nothing once a thread has made such calls before.

use lockstep_interface::{
    Account, Address, Environment, ProgramTable, Rent, RuleSet, Sysvars,
    address::program_ids,
    context::{AccountSlot, Scratch, TransactionContext},
};
use lockstep_sbf::SbfProgram;

use crate::{elf, kit::tokens};

const OWNER: Address = Address::new_from_array([1; 32]);
const SOURCE: Address = Address::new_from_array([2; 32]);
const TARGET: Address = Address::new_from_array([3; 32]);
const MINT: Address = Address::new_from_array([4; 32]);

#[test]
fn calls_in_steady_state_allocate_nothing() {
    // A program that logs allocates for its lines.
    {
        let (file, text) = ("pinocchio_token_program.so", "p-token");
        let Some(file) = elf(file) else { return };
        let program = SbfProgram::load(program_ids::TOKEN, "token", &file);
        let environment = Environment {
            sysvars: Sysvars {
                rent: Some(Rent::MAINNET),
                ..Sysvars::default()
            },
            rules: RuleSet::Current,
            programs: ProgramTable::new().with(program.expect("the file is a program")),
        };
        let mut held = [
            (SOURCE, tokens(&MINT, &OWNER, 1_000)),
            (TARGET, tokens(&MINT, &OWNER, 0)),
            (OWNER, Account::wallet(1_000_000)),
        ];
        let native = Account {
            lamports: 1,
            owner: program_ids::NATIVE_LOADER,
            executable: true,
            ..Account::default()
        };
        let mut scratch = Some(Scratch::default());
        let mut transfer = || {
            let used = scratch.take().expect("it is put back");
            let mut context = TransactionContext::with_scratch(&environment, used);
            context.begin(10_000, false);
            for (place, (address, account)) in held.iter_mut().enumerate() {
                context.push(match place {
                    2 => AccountSlot::shared(address, account, true),
                    _ => AccountSlot::owned(address, account, false),
                });
            }
            context.push(AccountSlot::shared(&program_ids::TOKEN, &native, false));
            let data = [3, 1, 0, 0, 0, 0, 0, 0, 0];
            let result = context.process_instruction(0, 3, &[0, 1, 2], &data);
            assert_eq!(result, Ok(()), "{text}");
            scratch = Some(context.into_scratch());
        };
        // The first calls make what is kept.
        (0..3).for_each(|_| transfer());
        let counted = allocation_counter::measure(|| (0..100).for_each(|_| transfer()));
        assert_eq!(counted.count_total, 0, "{text}: allocations of 100 calls");
        assert_eq!(held[1].1.data[64], 103, "{text}");
    }
}
