//! A chain on which one program's instructions are called, each at least once.

use std::collections::BTreeSet;

use lockstep_programs::builtin_programs;
use lockstep_sdk::{
    idl::ProgramDescription,
    interface::{Account, Address, Instruction},
};
use lockstep_testing::{Call, Chain, InVain, SOL};

use crate::description;

/// The chain, and what was seen on it.
pub(crate) struct Scene {
    pub(crate) chain: Chain,
    description: &'static ProgramDescription,
    reached: BTreeSet<&'static str>,
    vain: Vec<InVain>,
}

impl Scene {
    pub(crate) fn new(description: &'static ProgramDescription) -> Self {
        Self {
            chain: Chain::new(),
            description,
            reached: BTreeSet::new(),
            vain: Vec::new(),
        }
    }

    /// Wallets of these names.
    pub(crate) fn wallets<const N: usize>(&mut self, names: [&str; N]) -> [Address; N] {
        names.map(|name| self.chain.wallet(name))
    }

    /// Puts an account of zeros that `owner` owns at the address of a name, with lamports enough.
    pub(crate) fn blank(&mut self, name: &str, owner: Address, size: usize) -> Address {
        let address = self.chain.signer(name);
        self.put(&address, owner, vec![0; size]);
        address
    }

    pub(crate) fn put(&mut self, address: &Address, owner: Address, data: Vec<u8>) {
        let account = Account {
            lamports: SOL,
            data: data.into(),
            owner,
            executable: false,
        };
        self.chain.set_account(address, account);
    }

    /// Runs something that has to succeed and is not looked at.
    #[track_caller]
    pub(crate) fn prepare(&mut self, instruction: &Instruction) {
        self.chain.run(instruction).all_ok();
    }

    /// Runs an instruction of the program, notes what it declared in vain, and compares it with
    /// the description.
    #[track_caller]
    pub(crate) fn play(&mut self, instruction: &Instruction) {
        self.play_beside(instruction, &[]);
    }

    /// The same with other instructions behind it.
    #[track_caller]
    pub(crate) fn play_beside(&mut self, instruction: &Instruction, others: &[Instruction]) {
        let block = self.chain.run(Call::new(
            [std::slice::from_ref(instruction), others].concat(),
        ));
        let vain = block.all_ok().declared_in_vain();
        self.vain.extend(vain.filter(|vain| vain.instruction == 0));
        let program = builtin_programs();
        let program = program.get(&instruction.program).expect("it is built in");
        self.reached
            .insert(description::check(self.description, program, instruction));
    }

    /// What was declared in vain, after a look at whether all instructions were reached.
    pub(crate) fn end(self) -> Vec<InVain> {
        let all = self.description.instructions.iter();
        let all: BTreeSet<_> = all.map(|instruction| instruction.name).collect();
        assert_eq!(self.reached, all, "of {}", self.description.name);
        self.vain
    }
}
