//! Every failure has a subject: one failing call for each rule, and what is said of it.

use lockstep_sdk::interface::{Address, Instruction, InstructionError, address::program_ids};
use lockstep_testing::Chain;

/// Breaks one rule with each instruction.
#[lockstep_sdk::program(id = "Breaker111111111111111111111111111111111111")]
pub mod breaker {
    use lockstep_sdk::{interface::AccountMeta, prelude::*, system};

    /// A number.
    #[state(1, pod)]
    pub struct Number {
        /// Its value.
        pub value: U32,
    }

    /// A text.
    #[state(2)]
    pub struct Text {
        /// Of eight bytes at most.
        #[max(8)]
        pub text: Vec<u8>,
    }

    /// Both, new.
    #[derive(Accounts, Debug)]
    pub struct Open<'a> {
        /// Pays.
        pub owner: Mut<Signer<'a>>,
        /// New.
        #[account(payer = owner, seeds = [b"number", owner])]
        pub number: Init<'a, Number>,
        /// New.
        #[account(payer = owner, seeds = [b"text", owner])]
        pub text: Init<'a, Text>,
        /// Creates them.
        pub system: Program<'a, System>,
    }

    /// Both.
    #[derive(Accounts, Debug)]
    pub struct Both<'a> {
        /// Whose.
        pub owner: Mut<Signer<'a>>,
        /// A number.
        #[account(may_repeat)]
        pub number: Mut<State<'a, Number>>,
        /// A text.
        pub text: Mut<State<'a, Text>>,
        /// Another number, or the same.
        #[account(may_repeat)]
        pub same: Mut<State<'a, Number>>,
        /// Read only.
        pub read: State<'a, Number>,
        /// Moves lamports.
        pub system: Program<'a, System>,
    }

    /// Opens both.
    #[instruction(0)]
    pub fn open(accounts: &Open<'_>, context: &mut Context<'_, '_>) -> Result {
        accounts.number.set(context, &Number { value: 1.into() })?;
        accounts.text.set(context, &Text { text: vec![] })
    }

    /// Breaks the rule of this number.
    #[instruction(1)]
    pub fn break_rule(accounts: &Both<'_>, context: &mut Context<'_, '_>, rule: u8) -> Result {
        let Both {
            owner,
            number,
            text,
            same,
            ..
        } = accounts;
        match rule {
            0 => {
                let read = number.read(context)?;
                same.write(context)?.value.increase(read.value.get())
            }
            1 => {
                let mut written = number.write(context)?;
                written.value.increase(same.read(context)?.value.get())
            }
            2 => {
                text.write(context)?.text = vec![0; 9];
                Ok(())
            }
            3 => system::transfer(number, owner, 1).invoke(context),
            4 => {
                number.debit(context, 100)?;
                owner.credit(context, 100)
            }
            5 => number.debit(context, 1),
            6 => {
                let meta = AccountMeta::readonly(Address::new_from_array([8; 32]), false);
                let program = System::ID;
                let call = lockstep_sdk::interface::Instruction {
                    program,
                    accounts: vec![meta],
                    data: vec![],
                };
                context.invoke(&call)
            }
            7 => {
                let call = lockstep_sdk::interface::Instruction {
                    program: Address::new_from_array([9; 32]),
                    accounts: vec![],
                    data: vec![],
                };
                context.invoke(&call)
            }
            8 => {
                let meta = AccountMeta::writable(*accounts.read.address(), false);
                let call = lockstep_sdk::interface::Instruction {
                    program: System::ID,
                    accounts: vec![meta],
                    data: vec![],
                };
                context.invoke(&call)
            }
            10 => context.account_mut(4)?.data_mut().map(drop),
            11 => context.account_mut(0)?.debit(5),
            12 => context.account_mut(0)?.data_mut().map(drop),
            13 => number.debit(context, u64::MAX),
            14 => context.account_mut(1)?.resize(20_000),
            15 => context.emit(vec![0; 10_001]),
            16 => context.set_return_data(&[0; 1_025]),
            17 => context.consume(10_000_000),
            18 => {
                let call = lockstep_sdk::interface::Instruction {
                    program: *owner.address(),
                    accounts: vec![],
                    data: vec![],
                };
                context.invoke(&call)
            }
            19 => {
                owner.credit(context, 3)?;
                system::transfer(owner, number, 1).invoke(context)
            }
            20 => owner.credit(context, u64::MAX),
            21 => context.account_mut(1)?.set_owner(&System::ID),
            22 => context.account_mut(0)?.set_owner(&System::ID),
            23 => context.account(77).map(drop),
            24 | 25 => {
                let metas = if rule == 24 { 256 } else { 0 };
                let call = lockstep_sdk::interface::Instruction {
                    program: System::ID,
                    accounts: vec![AccountMeta::readonly(*owner.address(), false); metas],
                    data: vec![0; 10_241],
                };
                context.invoke(&call)
            }
            26 => {
                let call = lockstep_sdk::interface::Instruction {
                    program: System::ID,
                    accounts: vec![],
                    data: vec![],
                };
                context.invoke_signed(&call, &[&[&[0; 33]]])
            }
            _ => {
                let empty: &[u8] = &text.read(context)?.text;
                let _ = empty[usize::from(rule)];
                Ok(())
            }
        }
    }
}

use breaker::*;

fn opened() -> (Chain, Address) {
    let mut chain = Chain::builder().program(BreakerProgram).build();
    let owner = chain.wallet("owner");
    let other = chain.wallet("other");
    let calls = [owner, other].map(|owner| call::open(&OpenAddresses { owner }));
    chain.run_block(calls).all_ok();
    (chain, owner)
}

fn break_rule(owner: Address, read: Address, rule: u8) -> Instruction {
    let (number, _) = Open::number_address(&owner);
    let (text, _) = Open::text_address(&owner);
    let addresses = BothAddresses {
        owner,
        number,
        text,
        same: number,
        read,
    };
    call::break_rule(&addresses, rule)
}

#[test]
fn every_failure_has_a_subject() {
    let (mut chain, owner) = opened();
    let other = chain.wallet("other");
    let (number, _) = Open::number_address(&owner);
    let (text, _) = Open::text_address(&owner);
    let (read, _) = Open::number_address(&other);
    let of =
        |name: &str, address: Address| format!("account `{name}` ({address}) breaks the rule ");
    let rent = 932_640;
    let system = program_ids::SYSTEM;
    let sum: u64 = [owner, number, text, read, system]
        .iter()
        .map(|address| chain.lamports(address))
        .sum();
    let table: [(u8, Option<InstructionError>, Vec<String>); 27] = [
        (
            0,
            Some(InstructionError::AccountBorrowFailed),
            vec![
                of("same", number)
                    + "`borrow`: expected no other guard of the account, got a guard \
                that reads it as `number` and is still alive",
            ],
        ),
        (
            1,
            Some(InstructionError::AccountBorrowFailed),
            vec![
                of("same", number)
                    + "`borrow`: expected no other guard of the account, got a guard \
                that writes it and is still alive",
            ],
        ),
        (
            2,
            Some(InstructionError::AccountDataTooSmall),
            vec![
                of("text", text)
                    + "`size`: expected Text that fits into 12 bytes when its guard ends, \
                got one of 13",
            ],
        ),
        (
            3,
            Some(InstructionError::PrivilegeEscalation),
            vec![
                of("number", number)
                    + "`privilege`: expected a signature for the invoke, got none, \
                and no seeds that give one",
            ],
        ),
        (
            4,
            None,
            vec![
                of("number", number),
                format!(
                    "`rent`: expected at least {rent} lamports for 6 bytes, got {}",
                    rent - 100
                ),
            ],
        ),
        (
            5,
            Some(InstructionError::UnbalancedInstruction),
            vec![format!(
                "the sum of lamports breaks the rule `balance`: expected {sum} in the \
                 instruction's accounts, as before it, got {} (-1)",
                sum - 1
            )],
        ),
        (
            6,
            Some(InstructionError::MissingAccount),
            vec![format!(
                "{}, which the invoke names, breaks",
                Address::new_from_array([8; 32])
            )],
        ),
        (
            7,
            Some(InstructionError::MissingAccount),
            vec![
                format!(
                    "{}, which the invoke names, breaks",
                    Address::new_from_array([9; 32])
                ),
                "Chain::builder().program(..)".to_owned(),
            ],
        ),
        (
            8,
            Some(InstructionError::PrivilegeEscalation),
            vec![
                of("read", read)
                    + "`privilege`: expected a writable account for the invoke, got a \
                read-only one",
            ],
        ),
        (
            9,
            Some(InstructionError::ProgramFailedToComplete),
            vec![
                "the program panicked at ".to_owned(),
                "failures.rs:".to_owned(),
                "index out of bounds: the len is 0 but the index is 9".to_owned(),
            ],
        ),
        (
            10,
            Some(InstructionError::ReadonlyDataModified),
            vec![
                of("read", read)
                    + "`writable`: expected a writable account, got a change of a read-only one",
            ],
        ),
        (
            11,
            Some(InstructionError::ExternalAccountLamportSpend),
            vec![
                of("owner", owner)
                    + &format!(
                        "`owner`: expected the running program as owner of an account that it \
                         debits, got {system}"
                    ),
            ],
        ),
        (
            12,
            Some(InstructionError::ExternalAccountDataModified),
            vec![
                of("owner", owner)
                    + &format!(
                        "`owner`: expected the running program as owner of an account that it \
                         changes, got {system}"
                    ),
            ],
        ),
        (
            13,
            Some(InstructionError::ArithmeticOverflow),
            vec![
                of("number", number)
                    + &format!(
                        "`lamports`: expected at least {} lamports, got {rent}",
                        u64::MAX
                    ),
            ],
        ),
        (
            14,
            Some(InstructionError::InvalidRealloc),
            vec![
                of("number", number)
                    + "`size`: expected at most 10485760 bytes, and 10240 more than the 6 before \
                       the instruction, got 20000",
            ],
        ),
        (
            15,
            Some(InstructionError::ProgramFailedToComplete),
            vec![
                "the transaction's size of events breaks the rule `size`: expected at most 10000 \
                  bytes, got 10001, more than are left"
                    .to_owned(),
            ],
        ),
        (
            16,
            Some(InstructionError::ProgramFailedToComplete),
            vec![
                "the transaction's returned value breaks the rule `size`: expected at most 1024 \
                  bytes, got 1025"
                    .to_owned(),
            ],
        ),
        (
            17,
            Some(InstructionError::ComputationalBudgetExceeded),
            vec![
                "the transaction's compute budget breaks the rule `units`: expected at least \
                  10000000 units to be left, got "
                    .to_owned(),
            ],
        ),
        (
            18,
            Some(InstructionError::UnsupportedProgramId),
            vec![
                format!(
                    "{owner}, which the invoke names, breaks the rule `named`: expected a program \
                     that the chain has, got none at this address"
                ),
                "Chain::builder().program(..)".to_owned(),
            ],
        ),
        (
            19,
            Some(InstructionError::UnbalancedInstruction),
            vec![format!("got {} (+3)", sum + 3)],
        ),
        (
            20,
            Some(InstructionError::ArithmeticOverflow),
            vec![of("owner", owner) + "`lamports`: expected a balance of less than 2^64 lamports"],
        ),
        (
            21,
            Some(InstructionError::ModifiedProgramId),
            vec![
                of("number", number)
                    + "`owner`: expected a writable account of the running program, its data all \
                       zero, where the owner is changed, got data that is not all zero",
            ],
        ),
        (
            22,
            Some(InstructionError::ModifiedProgramId),
            vec![format!(
                "{}`owner`: expected a writable account",
                of("owner", owner)
            )],
        ),
        (
            23,
            Some(InstructionError::MissingAccount),
            vec![
                "account 77 breaks the rule `present`: expected an account at this position of \
                  the instruction, got 6 accounts"
                    .to_owned(),
            ],
        ),
        (
            24,
            Some(InstructionError::MaxAccountsExceeded),
            vec![
                "which the invoke names, breaks the rule `count`: expected an invoke with at most \
                  255 accounts, got 256"
                    .to_owned(),
            ],
        ),
        (
            25,
            Some(InstructionError::InvalidArgument),
            vec![
                "breaks the rule `size`: expected an invoke with at most 10240 bytes of data, got \
                  10241"
                    .to_owned(),
            ],
        ),
        (
            26,
            Some(InstructionError::Custom(0)),
            vec![
                "breaks the rule `seeds`: expected seeds that give an address of the invoking \
                  program"
                    .to_owned(),
            ],
        ),
    ];
    let before = chain.snapshot();
    for (rule, error, said) in table {
        chain.restore(&before);
        let block = chain.run(break_rule(owner, read, rule));
        if let Some(error) = error {
            block.fails(0, error);
        }
        let told = block.to_string();
        for said in said {
            assert!(
                told.contains(&said),
                "rule {rule}: {said:?} is not in {told}"
            );
        }
        assert!(
            told.contains("`breaker`") || rule == 4 || rule == 9,
            "{told}"
        );
        // A failed instruction says so in its log, and nothing in it is fine. Rent is looked at
        // behind the last instruction.
        assert!(
            rule == 4 || !block.logs(0).to_string().contains("ok"),
            "rule {rule}: {told}"
        );
    }
}

#[test]
fn a_program_that_is_not_registered_is_named_with_the_remedy() {
    let mut chain = Chain::new();
    let owner = chain.wallet("owner");
    let block = chain.run(call::open(&OpenAddresses { owner }));
    let told = block.to_string();
    let expected =
        format!("the chain has no program {ID}: register it with `Chain::builder().program(..)`");
    assert!(told.contains(&expected), "{told}");
}
