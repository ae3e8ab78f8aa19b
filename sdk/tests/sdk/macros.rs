//! What declarations can say: arguments of sets in sets, routes to nested fields and states,
//! checks, growth, values that instructions return, and names that clash with nothing.

use lockstep_sdk::{
    interface::{Address, InstructionError, Rent, context::Rule},
    prelude::StateData,
};
use lockstep_testing::Chain;

/// Arguments and routes through sets, options and forwards.
#[lockstep_sdk::program(id = "Round11111111111111111111111111111111111111")]
pub mod rounds {
    use lockstep_sdk::prelude::*;

    /// A seed that is an array.
    pub const TAG: [u8; 3] = *b"tag";
    /// One that is an address.
    pub const HOME: Address = Address::new_from_array([7; 32]);
    /// One that is a text, and one that is a number.
    pub const TEXT: &str = "text";
    /// Of this version.
    pub const VERSION: u16 = 3;

    /// A game of many rounds.
    #[state(1, pod)]
    pub struct Game {
        /// Decides.
        pub authority: Address,
        /// Whether it goes on.
        pub is_open: Bool,
        /// Any length.
        pub board: [u8; 93],
        /// How many rounds.
        pub rounds: U32,
    }

    /// One round.
    #[state(2)]
    pub struct Round {
        /// Of this game.
        pub game: Address,
        /// Points.
        pub points: u64,
    }

    /// Why not.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum GameError {
        /// the game is over
        Over = 5,
    }

    /// A new game.
    #[derive(Accounts, Debug)]
    #[args(id: u8)]
    pub struct Begin<'a> {
        /// Decides.
        pub authority: Mut<Signer<'a>>,
        /// New.
        #[account(payer = authority, seeds = [TAG, HOME, TEXT, VERSION, authority, id])]
        pub game: Init<'a, Game>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A game of an authority.
    #[derive(Accounts, Debug)]
    #[args(id: u8)]
    pub struct Desk<'a> {
        /// Decides.
        pub authority: Mut<Signer<'a>>,
        /// Which.
        #[account(
            has_one = authority,
            seeds = [TAG, HOME, TEXT, VERSION, authority, id],
            check(game.is_open.get(), GameError::Over),
        )]
        pub game: Mut<State<'a, Game>>,
    }

    /// A new round at a desk.
    #[derive(Accounts, Debug)]
    #[args(id: u8, number: u64)]
    pub struct Play<'a> {
        /// Where.
        pub desk: Desk<'a>,
        /// New.
        #[account(payer = desk.authority, seeds = [b"round", desk.game, number])]
        pub round: Init<'a, Round>,
        /// Another game of the same authority, perhaps.
        pub other: Option<State<'a, Game>>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A round, and the authority of its game.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Settle<'a> {
        /// Where.
        pub game: State<'a, Game>,
        /// Decides, as the game says.
        #[account(address = game.authority)]
        pub authority: Mut<Signer<'a>>,
        /// Ends.
        #[account(has_one = game, seeds = [b"round", game, number], close = authority)]
        pub round: Option<Mut<State<'a, Round>>>,
    }

    /// A diary of the authority of a game: derived from a value in a state.
    #[derive(Accounts, Debug)]
    pub struct Note<'a> {
        /// Pays.
        pub payer: Mut<Signer<'a>>,
        /// Where.
        pub game: State<'a, Game>,
        /// There or not.
        #[account(payer = payer, seeds = [b"diary", game.authority])]
        pub diary: InitIfNeeded<'a, Diary>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// As long as it is.
    #[state(3, growing)]
    pub struct Diary {
        /// Lines.
        pub lines: Vec<String>,
    }

    /// A diary of another size.
    #[derive(Accounts, Debug)]
    #[args(size: u32)]
    pub struct Resize<'a> {
        /// Pays or gets.
        pub payer: Mut<Signer<'a>>,
        /// What is resized.
        #[account(realloc = size as usize, payer = payer)]
        pub diary: Mut<State<'a, Diary>>,
        /// Moves lamports.
        pub system: Program<'a, System>,
    }

    /// Rounds of one game.
    #[derive(Accounts, Debug)]
    pub struct Sum<'a> {
        /// Which.
        pub game: State<'a, Game>,
        /// Each of it, and each once.
        #[account(has_one = game, check(rounds.points > 0, "an empty round"))]
        pub rounds: Rest<'a, State<'a, Round>, 4>,
    }

    /// Rounds that may be one.
    #[derive(Accounts, Debug)]
    pub struct Repeated<'a> {
        /// Any of them several times.
        #[account(repeats)]
        pub rounds: Rest<'a, Mut<State<'a, Round>>, 4>,
    }

    /// Perhaps a whole desk.
    #[derive(Accounts, Debug)]
    #[args(id: u8)]
    pub struct Perhaps<'a> {
        /// Both of its accounts, or none.
        pub desk: Option<Desk<'a>>,
    }

    /// Begins.
    #[instruction(0)]
    pub fn begin(accounts: &Begin<'_>, context: &mut Context<'_, '_>, _id: u8) -> Result {
        let authority = *accounts.authority.address();
        let game = Game {
            authority,
            is_open: true.into(),
            board: [0; 93],
            rounds: 0.into(),
        };
        accounts.game.set(context, &game)
    }

    /// Plays.
    #[instruction(1)]
    pub fn play(
        accounts: &Play<'_>,
        context: &mut Context<'_, '_>,
        _id: u8,
        _number: u64,
        points: u64,
    ) -> Result {
        let game = *accounts.desk.game.address();
        accounts.desk.game.write(context)?.rounds.increase(1)?;
        accounts.round.set(context, &Round { game, points })
    }

    /// Settles.
    #[instruction(2)]
    pub fn settle(_: &Settle<'_>, _number: u64) -> Result {
        Ok(())
    }

    /// Notes a line; gives how many there are.
    #[instruction(3)]
    pub fn note(accounts: &Note<'_>, context: &mut Context<'_, '_>, line: String) -> Result<u32> {
        let mut lines = match accounts.diary.is_new() {
            true => Vec::new(),
            false => accounts.diary.read(context)?.lines.clone(),
        };
        lines.push(line);
        let count = u32::try_from(lines.len()).map_err(|_| InstructionError::ArithmeticOverflow)?;
        accounts
            .diary
            .store(context, &accounts.payer, &Diary { lines })?;
        Ok(count)
    }

    /// Resizes.
    #[instruction(4)]
    pub fn resize(_: &Resize<'_>, _size: u32) -> Result {
        Ok(())
    }

    /// Adds points up.
    #[instruction(5)]
    pub fn sum(accounts: &Sum<'_>, context: &mut Context<'_, '_>) -> Result<(u64, u8)> {
        let mut sum = 0u64;
        for round in accounts.rounds.iter() {
            sum = sum.saturating_add(round.read(context)?.points);
        }
        Ok((sum, 9))
    }

    /// Adds one point for each time that a round is named.
    #[instruction(6)]
    pub fn repeated(accounts: &Repeated<'_>, context: &mut Context<'_, '_>) -> Result {
        for round in accounts.rounds.iter() {
            round.write(context)?.points += 1;
        }
        Ok(())
    }

    /// Closes the game of a desk, if there is one.
    #[instruction(7)]
    pub fn perhaps(accounts: &Perhaps<'_>, context: &mut Context<'_, '_>, _id: u8) -> Result<bool> {
        let Some(desk) = &accounts.desk else {
            return Ok(false);
        };
        desk.game.write(context)?.is_open.set(false);
        Ok(true)
    }
}

/// Plays for others, through a forward and with the same arguments.
#[lockstep_sdk::program(id = "P1ayer1111111111111111111111111111111111111")]
pub mod player {
    use super::rounds::{self, Begin};
    use lockstep_sdk::prelude::*;

    /// Everything that it takes to begin.
    #[derive(Accounts, Debug)]
    #[args(weight: u64, id: u8)]
    pub struct Start<'a> {
        /// Of the other program.
        #[account(args(id))]
        pub begin: Forward<Begin<'a>>,
    }

    /// Begins.
    #[instruction(0)]
    pub fn start(
        accounts: &Start<'_>,
        context: &mut Context<'_, '_>,
        _weight: u64,
        id: u8,
    ) -> Result {
        rounds::invoke::begin(context, &accounts.begin, id)
    }

    /// What another program returns.
    #[derive(Accounts, Debug)]
    pub struct Read<'a> {
        /// Of the other program.
        pub note: Forward<rounds::Note<'a>>,
    }

    /// Notes, and gives one more than there are.
    #[instruction(1)]
    pub fn read(accounts: &Read<'_>, context: &mut Context<'_, '_>) -> Result<u64> {
        let count = rounds::invoke::note(context, &accounts.note, "again".to_owned())?;
        Ok(u64::from(count) + 1)
    }
}

/// Every name that generated code uses, as an author's.
#[lockstep_sdk::program(id = "Names11111111111111111111111111111111111111")]
pub mod names {
    use lockstep_sdk::prelude::*;

    /// A constant that generated code could have.
    pub const LIST: Address = Address::new_from_array([8; 32]);
    /// Another.
    pub const SEED: [u8; 2] = [1, 2];

    /// Fields with such names.
    #[derive(Accounts, Debug)]
    #[args(args: u8, context: u16, list: Address, metas: u32)]
    pub struct Every<'a> {
        /// A field.
        pub accounts: Signer<'a>,
        /// A field.
        #[account(address = LIST)]
        pub addresses: Unchecked<'a>,
        /// A field.
        #[account(seeds = [SEED, accounts, args, context, list, metas])]
        pub handle: Wallet<'a>,
        /// A field.
        pub own: Wallet<'a>,
        /// A field.
        pub bump: Wallet<'a>,
        /// A field.
        pub value: Wallet<'a>,
    }

    /// Arguments with such names.
    #[instruction(0)]
    #[expect(clippy::too_many_arguments, reason = "these are the names there are")]
    pub fn first(
        data: &Every<'_>,
        result: &mut Context<'_, '_>,
        args: u8,
        context: u16,
        list: Address,
        metas: u32,
        accounts: u8,
        addresses: Vec<Address>,
        rest: u8,
        first: u8,
    ) -> Result<u8> {
        let _ = (
            data.handle_seeds(result, args, context, list, metas)?,
            accounts,
            rest,
        );
        drop(addresses);
        Ok(first)
    }

    /// As its argument.
    #[instruction(1)]
    pub fn process(
        _: &Every<'_>,
        args: u8,
        _context: u16,
        _l: Address,
        _m: u32,
        process: u8,
    ) -> Result {
        require!(args == process, InstructionError::InvalidArgument);
        Ok(())
    }
}

fn game() -> (Chain, Address, Address) {
    let chain = Chain::builder().program(rounds::RoundsProgram);
    let mut chain = chain.program(player::PlayerProgram).build();
    let authority = chain.wallet("authority");
    let begin = rounds::call::begin(&rounds::BeginAddresses { authority }, 4);
    chain.run(begin).access_is_minimal();
    (
        chain,
        authority,
        rounds::Begin::game_address(&authority, 4).0,
    )
}

fn play(authority: Address, number: u64, points: u64) -> lockstep_sdk::interface::Instruction {
    let desk = rounds::DeskAddresses { authority };
    let addresses = rounds::PlayAddresses { desk, other: None };
    rounds::call::play(&addresses, 4, number, points)
}

#[test]
fn arguments_and_routes_reach_sets_in_sets() {
    let (mut chain, authority, game) = game();
    chain.run(play(authority, 11, 7)).access_is_minimal();
    let (round, _) = rounds::Play::round_address(&game, 11);
    assert_eq!(chain.state::<rounds::Round>(&round).points, 7);
    // The same game at a desk with another argument is another address.
    let mut other = play(authority, 12, 7);
    other.data[1] = 5;
    let block = chain.run(other);
    block
        .fails(0, InstructionError::InvalidSeeds)
        .at("desk.game");
}

#[test]
fn options_have_relations_and_end_with_them() {
    let (mut chain, authority, game) = game();
    chain.run(play(authority, 1, 7)).all_ok();
    let (round, _) = rounds::Settle::round_address(&game, 1);
    let settle = |round, authority| {
        rounds::call::settle(
            &rounds::SettleAddresses {
                game,
                authority,
                round,
            },
            1,
        )
    };
    let stranger = chain.wallet("stranger");
    let block = chain.run(settle(None, stranger));
    let failure = block.fails(0, InstructionError::InvalidArgument);
    failure.at("authority").rule(Rule::Address);
    chain.run(settle(None, authority)).all_ok();
    assert!(chain.account(&round).is_some());
    chain.run(settle(Some(round), authority)).all_ok();
    assert!(chain.account(&round).is_none());
}

#[test]
fn a_set_may_be_absent_as_a_whole() {
    let (mut chain, authority, game) = game();
    let perhaps = |desk| rounds::call::perhaps(&rounds::PerhapsAddresses { desk }, 4);
    let block = chain.run(perhaps(None));
    assert!(!block.all_ok().returned::<bool>(0));
    let desk = rounds::DeskAddresses { authority };
    let block = chain.run(perhaps(Some(desk)));
    assert!(block.all_ok().returned::<bool>(0));
    assert!(!chain.state::<rounds::Game>(&game).is_open.get());
    // A condition at its field, with an error of the program.
    let block = chain.run(play(authority, 1, 7));
    let failure = block.fails(0, rounds::GameError::Over);
    let failure = failure.at("desk.game").rule(Rule::Check);
    failure.saying("Over: the game is over, since game.is_open.get() does not hold");
    // Half a desk is none.
    let mut half = perhaps(None);
    half.accounts[1].address = game;
    let block = chain.run(half);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("desk.authority");
}

#[test]
fn a_rest_counts_each_account_once() {
    let (mut chain, authority, game) = game();
    let plays = [(1, 7), (2, 8), (3, 0)];
    chain
        .run_block(plays.map(|(number, points)| play(authority, number, points)))
        .all_ok();
    let [first, second, empty] = [1, 2, 3].map(|n| rounds::Play::round_address(&game, n).0);
    let sum = |list: &[Address]| {
        rounds::call::sum(&rounds::SumAddresses {
            game,
            rounds: list.to_vec(),
        })
    };
    let block = chain.run(sum(&[first, second]));
    assert_eq!(block.all_ok().returned::<(u64, u8)>(0), (15, 9));
    let block = chain.run(sum(&[second, first, second]));
    let failure = block.fails(0, InstructionError::InvalidArgument);
    let failure = failure.at("rounds[2]").rule(Rule::Distinct);
    failure.saying("got that of `rounds[0]`");
    let block = chain.run(sum(&[first, empty]));
    let failure = block.fails(0, InstructionError::InvalidArgument);
    failure
        .at("rounds[1]")
        .saying("an empty round, since rounds.points > 0 does not hold");
    let list = vec![first, second, first];
    chain
        .run(rounds::call::repeated(&rounds::RepeatedAddresses {
            rounds: list,
        }))
        .all_ok();
    assert_eq!(chain.state::<rounds::Round>(&first).points, 9);
}

#[test]
fn states_grow_and_shrink_with_their_rent() {
    let (mut chain, payer, game) = game();
    let (diary, _) = rounds::Note::diary_address(&payer);
    let note = |line: &str| {
        rounds::call::note(
            &rounds::NoteAddresses { payer, game, diary },
            line.to_owned(),
        )
    };
    let block = chain.run_block([note("first"), note("second"), note(&"x".repeat(600))]);
    block.all_ok();
    assert_eq!([0, 1, 2].map(|call| block.returned::<u32>(call)), [1, 2, 3]);
    let size = 2 + 4 + (4 + 5) + (4 + 6) + (4 + 600);
    let account = chain.account(&diary).expect("it was made");
    assert_eq!(account.data.len(), size);
    assert_eq!(account.lamports, Rent::MAINNET.minimum_balance(size));
    let resize = |size| rounds::call::resize(&rounds::ResizeAddresses { payer, diary }, size);
    let before = chain.lamports(&payer);
    chain.run(resize(9_000)).access_is_minimal();
    // Growing calls the System program, shrinking does not.
    chain
        .run(resize(u32::try_from(size).expect("it is small")))
        .all_ok();
    assert_eq!(chain.lamports(&payer), before);
    for size in [5, 11_500] {
        let block = chain.run(resize(size));
        let failure = block.fails(0, InstructionError::InvalidRealloc);
        failure.at("diary").rule(Rule::Size);
    }
    assert_eq!(rounds::Diary::SIZE, 6);
}

#[test]
fn forwards_take_arguments_and_give_values() {
    let (mut chain, authority, game) = game();
    let begin = rounds::BeginAddresses { authority };
    let start = player::call::start(&player::StartAddresses { begin }, 500, 9);
    chain.run(start).access_is_minimal();
    let (other, _) = rounds::Begin::game_address(&authority, 9);
    assert_eq!(chain.state::<rounds::Game>(&other).authority, authority);
    let (diary, _) = rounds::Note::diary_address(&authority);
    let note = rounds::NoteAddresses {
        payer: authority,
        game,
        diary,
    };
    let block = chain.run(player::call::read(&player::ReadAddresses { note }));
    assert_eq!(block.all_ok().returned::<u64>(0), 2);
}

#[test]
fn no_name_of_an_author_clashes() {
    let mut chain = Chain::builder().program(names::NamesProgram).build();
    let [accounts, own, bump, value] = ["a", "b", "c", "d"].map(|name| chain.wallet(name));
    let addresses = names::EveryAddresses {
        accounts,
        own,
        bump,
        value,
    };
    let list = Address::new_from_array([3; 32]);
    let first = names::call::first(&addresses, 1, 2, list, 3, 4, vec![list], 5, 6);
    let block = chain.run(first);
    assert_eq!(block.all_ok().returned::<u8>(0), 6);
    let process = |argument| names::call::process(&addresses, 1, 2, list, 3, argument);
    chain.run(process(1)).all_ok();
    chain
        .run(process(2))
        .fails(0, InstructionError::InvalidArgument);
}
