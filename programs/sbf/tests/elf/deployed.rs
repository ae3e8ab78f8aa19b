//! Programs that are deployed, upgraded and closed on a chain: which block calls what. The harness
//! runs every block serially, too, and compares the results.

use lockstep_interface::{
    Account, AccountMeta, Address, Instruction, InstructionError, Program, ProgramTable, Rent,
    RuleSet, address::program_ids,
};
use lockstep_programs::{system::instruction as system, token::instruction::transfer};
use lockstep_sbf::{
    LoaderState, file_address,
    loader::instruction::{
        close, close_buffer, create_buffer, deploy, extend, set_authority, set_authority_checked,
        upgrade, write,
    },
    program_accounts, with_interpreting_loaders, with_loaders,
};
use lockstep_scheduler::{Auto, Lanes, Layered, Strategy, Waits};
use lockstep_testing::{Block, Call, Chain, SOL};

use crate::{
    assembly::{self, end},
    elf, older,
};

const RENT: Rent = Rent::MAINNET;
/// Bytes of a file that one transaction writes.
const PART_SIZE: usize = 900;
/// Bytes of the room for files, so that any of the small ones fits.
const ROOM: usize = 120_000;

/// A chain with a program's key, and a wallet that deploys.
struct World {
    chain: Chain,
    authority: Address,
    program: Address,
    /// Whether each block is run under every strategy, too.
    is_compared: bool,
}

impl World {
    fn new(threads: usize, strategy: impl Strategy + 'static, programs: &ProgramTable) -> Self {
        let builder = Chain::builder().programs(programs).threads(threads);
        Self::on(builder.strategy(strategy).build(), threads)
    }

    fn on(mut chain: Chain, threads: usize) -> Self {
        let authority = chain.wallet("authority");
        let program = chain.signer("program");
        Self {
            chain,
            authority,
            program,
            is_compared: threads == 1,
        }
    }

    /// Writes a file into a new buffer, transaction by transaction.
    fn buffer(&mut self, name: &str, file: &[u8]) -> Address {
        let (authority, buffer) = (self.authority, self.chain.signer(name));
        let create = create_buffer(&authority, &buffer, &authority, file.len(), &RENT);
        self.chain.run(Call::new(create).payer(authority)).all_ok();
        let parts = file.chunks(PART_SIZE).zip((0..).step_by(PART_SIZE));
        let writes = parts.map(|(part, offset)| {
            let instruction = write(&buffer, &authority, offset, part);
            Call::new([instruction]).payer(authority)
        });
        let writes: Vec<Call> = writes.collect();
        self.chain.run_block(writes).all_ok();
        buffer
    }

    fn deploy(&self, buffer: &Address) -> Call {
        let (authority, program) = (self.authority, self.program);
        let calls = deploy(&authority, &program, buffer, &authority, ROOM, &RENT);
        Call::new(calls).payer(authority)
    }

    fn upgrade(&self, buffer: &Address) -> Call {
        let authority = self.authority;
        let call = upgrade(&self.program, buffer, &authority, &authority);
        Call::new([call]).payer(authority)
    }

    /// A call that the memo program takes, and the Token program does not.
    fn call(&self) -> Call {
        Call::new([Instruction {
            program: self.program,
            accounts: Vec::new(),
            data: b"hello".to_vec(),
        }])
    }

    fn run(&mut self, calls: impl IntoIterator<Item = Call>) -> Vec<Option<InstructionError>> {
        let calls: Vec<Call> = calls.into_iter().collect();
        if self.is_compared {
            self.chain.parallel_equals_serial(calls.clone());
        }
        let count = calls.len();
        let block = self.chain.run_block(calls);
        (0..count).map(|index| error(&block, index)).collect()
    }
}

fn error(block: &Block, index: usize) -> Option<InstructionError> {
    use lockstep_interface::TransactionError::InstructionError as Of;
    let receipt = block.call(index).result.as_ref();
    match receipt.expect("it is part of the block").status.clone() {
        Ok(()) => None,
        Err(Of(_, error)) => Some(error),
        Err(other) => panic!("call {index}: {other}"),
    }
}

/// What calls meet in the course of a program's life.
fn live(mut world: World, files: &[Vec<u8>; 2]) -> Vec<Vec<Option<InstructionError>>> {
    let missing = Some(InstructionError::UnsupportedProgramId);
    let first = world.buffer("first", &files[0]);
    let second = world.buffer("second", &files[1]);
    let call = world.call();
    let mut lives = vec![world.run([world.deploy(&first), call.clone(), call.clone()])];
    assert_eq!(lives[0], [None, missing.clone(), missing.clone()]);
    assert_eq!(world.run([call.clone(), call.clone()]), [None, None]);

    // A failed upgrade changes nothing; a second one of a block fails, too.
    let stranger = world.chain.wallet("stranger");
    let refused = upgrade(&world.program, &second, &stranger, &stranger);
    let refused = Call::new([refused]).payer(stranger);
    assert_eq!(
        world.run([call.clone(), refused, call.clone()]),
        [None, Some(InstructionError::IncorrectAuthority), None]
    );
    let snapshot = world.chain.snapshot();
    let upgraded = world.run([
        call.clone(),
        call.clone(),
        world.upgrade(&second),
        call.clone(),
        call.clone(),
    ]);
    assert_eq!(
        upgraded,
        [None, None, None, missing.clone(), missing.clone()]
    );
    let after = world.run([call.clone()]);
    assert!(
        matches!(after[..], [Some(_)]) && after[0] != missing,
        "{after:?}"
    );

    // On a fork without the upgrade the old file runs, in a slot that both have.
    let fork = world.chain.snapshot();
    world.chain.restore(&snapshot);
    world.chain.empty_blocks(2);
    assert_eq!(world.run([call.clone()]), [None]);
    world.chain.restore(&fork);
    assert_eq!(world.run([call.clone()]), after);

    // More room, and the end.
    let grow = extend(&world.program, &world.authority, 10_240);
    let grow = Call::new([grow]).payer(world.authority);
    let grown = world.run([call.clone(), grow, call.clone()]);
    assert_eq!(grown, [after[0].clone(), None, missing.clone()]);
    let end = close(&world.program, &world.authority, &world.authority);
    let end = Call::new([end]).payer(world.authority);
    let ended = world.run([call.clone(), end, call.clone()]);
    assert_eq!(ended, [after[0].clone(), None, missing.clone()]);
    assert_eq!(world.run([call]), [missing]);
    lives.extend([upgraded, after, grown, ended]);
    lives
}

#[test]
fn what_a_block_writes_is_called_from_the_next_one_on() {
    let names = ["spl_memo-4.0.0.so", "pinocchio_token_program.so"];
    let [Some(memo), Some(token)] = names.map(elf) else {
        return;
    };
    let files = [memo, token];
    let compiling = with_loaders(ProgramTable::new());
    let expected = live(World::new(1, Layered, &compiling), &files);
    let interpreting = with_interpreting_loaders(ProgramTable::new());
    assert_eq!(live(World::new(2, Waits, &interpreting), &files), expected);
    assert_eq!(live(World::new(8, Auto, &compiling), &files), expected);
}

#[test]
fn an_authority_is_handed_on_and_given_up() {
    let Some(memo) = elf("spl_memo-4.0.0.so") else {
        return;
    };
    let mut world = World::new(2, Lanes, &with_loaders(ProgramTable::new()));
    let [first, second, third] = ["first", "second", "third"].map(|name| world.buffer(name, &memo));
    let (old, program) = (world.authority, world.program);
    let new = world.chain.wallet("new authority");
    assert_eq!(world.run([world.deploy(&first)]), [None]);
    let hand_on = set_authority_checked(&program, &old, &new);
    let hand_on = Call::new([hand_on]).payer(old);
    assert_eq!(world.run([hand_on]), [None]);
    assert_eq!(
        world.run([world.upgrade(&second)]),
        [Some(InstructionError::IncorrectAuthority)]
    );
    let give_up = Call::new([set_authority(&program, &new, None)]).payer(new);
    assert_eq!(world.run([give_up]), [None]);
    let file = world.chain.account(&file_address(&program));
    let state = LoaderState::decode(&file.expect("it is there").data);
    assert!(matches!(
        state,
        Some(LoaderState::File {
            authority: None,
            ..
        })
    ));
    let again = set_authority(&program, &new, Some(&old));
    let again = Call::new([again]).payer(new);
    assert_eq!(world.run([again]), [Some(InstructionError::Immutable)]);
    // A buffer that is not needed gives its lamports back.
    let before = world.chain.lamports(&old);
    let held = world.chain.lamports(&third);
    let end = Call::new([close_buffer(&third, &old, &old)]).payer(new);
    assert_eq!(world.run([end]), [None]);
    assert_eq!(world.chain.lamports(&old), before + held);
    assert_eq!(world.run([world.call()]), [None]);
}

#[test]
fn older_bytecode_stays_and_is_not_new_once_the_rules_say_so() {
    const SLOT: u64 = 1_000;
    let builder = Chain::builder().programs(&with_loaders(ProgramTable::new()));
    let builder = builder.rules_at(SLOT, RuleSet::SbpfVersion3);
    let mut world = World::on(builder.threads(2).strategy(Auto).build(), 1);
    let old = older::file(&end(0), &[], &[], &[]);
    let new = assembly::file(&end(0));
    let [first, second, third] = ["first", "second", "third"].map(|name| world.buffer(name, &old));
    let [fourth, fifth] = ["fourth", "fifth"].map(|name| world.buffer(name, &new));
    let (authority, program) = (world.authority, world.program);
    let give_up = |program| {
        let call = set_authority(program, &authority, None);
        Call::new([call]).payer(authority)
    };
    let [immutable, later] = ["immutable", "later"].map(|name| world.chain.signer(name));
    world.program = immutable;
    assert_eq!(world.run([world.deploy(&first)]), [None]);
    assert_eq!(world.run([give_up(&immutable)]), [None]);
    world.program = program;
    assert_eq!(world.run([world.deploy(&second)]), [None]);

    world.chain.warp_to_slot(SLOT);
    let refused = Some(InstructionError::InvalidAccountData);
    let call = world.call();
    let calls = [
        call.clone(),
        world.upgrade(&third),
        give_up(&program),
        call.clone(),
    ];
    assert_eq!(
        world.run(calls),
        [None, refused.clone(), refused.clone(), None]
    );
    world.program = later;
    assert_eq!(world.run([world.deploy(&third)]), [refused]);
    assert_eq!(world.run([world.deploy(&fourth)]), [None]);
    assert_eq!(world.run([world.call()]), [None]);
    // An old program may grow, and be handed on.
    world.program = program;
    let grow = extend(&program, &authority, 10_240);
    let keep = set_authority(&program, &authority, Some(&authority));
    let grown = [grow, keep].map(|call| Call::new([call]).payer(authority));
    assert_eq!(world.run(grown), [None, None]);
    assert_eq!(
        world.run([call.clone(), world.upgrade(&fifth)]),
        [None, None]
    );
    assert_eq!(world.run([call, give_up(&program)]), [None, None]);
    world.program = immutable;
    assert_eq!(world.run([world.call()]), [None]);
}

#[test]
fn what_is_no_program_cannot_be_deployed_nor_called() {
    let mut world = World::new(2, Layered, &with_loaders(ProgramTable::new()));
    let noise = world.buffer("noise", &[7; 500]);
    assert_eq!(
        world.run([world.deploy(&noise)]),
        [Some(InstructionError::InvalidAccountData)]
    );
    // Accounts of a loader: a buffer, and a program without a file.
    let lost = Address::new_from_array([9; 32]);
    let [program, _] = program_accounts(&lost, &[], None, &RENT);
    world.chain.set_accounts([program]);
    for address in [noise, lost] {
        world.program = address;
        let missing = InstructionError::UnsupportedProgramId;
        assert_eq!(world.run([world.call()]), [Some(missing)]);
    }
}

/// Tokens go round, by the program of an account.
fn tokens(file: &[u8], threads: usize, strategy: impl Strategy + 'static) -> Vec<u64> {
    let accounts = program_accounts(&program_ids::TOKEN, file, None, &RENT);
    let builder = Chain::builder()
        .without(&program_ids::TOKEN)
        .threads(threads);
    let builder = builder.programs(&with_loaders(ProgramTable::new()));
    let mut chain = builder.accounts(accounts).strategy(strategy).build();
    let mint = chain.mint("gold", 6);
    let wallets: Vec<_> = (0..20)
        .map(|number| {
            let owner = chain.wallet(&format!("wallet {number}"));
            chain.airdrop(&owner, SOL);
            (owner, chain.tokens(&owner, &mint, 100))
        })
        .collect();
    let calls = (0..400).map(|number: usize| {
        let (owner, source) = wallets[number * 7 % 20];
        let (_, target) = wallets[(number * 3 + 1) % 20];
        transfer(&source, &target, &owner, 1 + number as u64 % 3)
    });
    let block = chain.run_block(calls);
    assert!(block.call(0).is_ok());
    wallets
        .iter()
        .map(|(_, purse)| chain.balance(purse))
        .collect()
}

#[test]
fn a_genesis_places_the_token_program() {
    for name in ["pinocchio_token_program.so", "spl_token-3.5.0.so"] {
        let Some(file) = elf(name) else { return };
        let expected = tokens(&file, 1, Layered);
        assert_ne!(expected, [100; 20]);
        assert_eq!(tokens(&file, 2, Waits), expected);
        assert_eq!(tokens(&file, 8, Auto), expected);
    }
}

/// Reads the Instructions sysvar, its first account, and returns what it holds.
#[derive(Debug)]
struct Reader;

impl Program for Reader {
    fn address(&self) -> Address {
        Address::new_from_array([4; 32])
    }

    fn name(&self) -> &'static str {
        "reader"
    }

    fn process(
        &self,
        context: &mut lockstep_interface::InvokeContext<'_, '_>,
    ) -> Result<(), InstructionError> {
        let data = context.account(0)?.data.to_vec();
        assert!(context.account_mut(0)?.set_lamports(1).is_err());
        context.set_return_data(&data)
    }
}

#[test]
fn the_instructions_sysvar_shows_the_running_transaction() {
    let mut chain = Chain::builder().program(Reader).threads(2).build();
    let payer = chain.wallet("payer");
    let sysvar = lockstep_interface::address::sysvar_ids::INSTRUCTIONS;
    let read = |data: u8| Instruction {
        program: Reader.address(),
        accounts: vec![AccountMeta::writable(sysvar, false)],
        data: vec![data],
    };
    let calls = (0..5).map(|number| {
        let pay = system::transfer(&payer, &payer, number.into());
        Call::new([pay, read(number)]).payer(payer)
    });
    let block = chain.run_block(calls);
    block.all_ok();
    for number in 0..5u8 {
        let data = block.call(usize::from(number)).return_data();
        // Two instructions, at offsets that follow, the first of two accounts.
        assert_eq!(data[..8], [2, 0, 6, 0, 120, 0, 2, 0]);
        // The payer signs and is written; the sysvar is neither.
        assert_eq!((data[8], &data[9..41]), (3, &payer.as_array()[..]));
        assert_eq!(data[120..123], [1, 0, 0]);
        assert_eq!(data[123..155], *sysvar.as_array());
        assert_eq!(data[187..], [1, 0, number, 1, 0], "the second one runs");
    }
    let account: Option<Account> = chain.account(&sysvar);
    assert_eq!(account, None, "it is kept nowhere");
}
