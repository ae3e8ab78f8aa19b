//! Checks of a failed call, each of which says what was found instead.

use lockstep_sdk::interface::{
    Address,
    context::{Cause, Diagnostic, Rule, Subject},
};

use crate::block::Block;

/// A call that failed as expected. Its methods check the details that the SDK records: where in
/// the tree of calls, on which account, and under which rule.
///
/// ```
/// use lockstep_programs::system::instruction::transfer;
/// use lockstep_sdk::interface::{InstructionError, address::program_ids};
/// use lockstep_testing::Chain;
///
/// let mut chain = Chain::new();
/// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
/// let block = chain.run(transfer(&alice, &bob, u64::MAX));
/// block.fails(0, InstructionError::Custom(1)).in_program(&program_ids::SYSTEM).path(&[0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Failure<'b> {
    block: &'b Block,
    index: usize,
}

impl<'b> Failure<'b> {
    pub(crate) fn new(block: &'b Block, index: usize) -> Self {
        Self { block, index }
    }

    /// All that is known of the failure.
    ///
    /// # Panics
    /// If nothing is.
    #[track_caller]
    pub fn diagnostic(&self) -> &'b Diagnostic {
        match self.block.call(self.index).diagnostic() {
            Some(diagnostic) => diagnostic,
            None => panic!("{}", self.differs("a diagnostic")),
        }
    }

    /// Checks that the account of this field was at fault; fields of nested sets are joined by
    /// dots.
    ///
    /// # Panics
    /// If another was, or none.
    #[track_caller]
    pub fn at(self, field: &str) -> Self {
        let found = match self.subject() {
            Some(Subject::Account { field, .. }) => field,
            _ => "",
        };
        self.check(found == field, &format!("the account `{field}`"))
    }

    /// Checks that the account at this address was at fault.
    ///
    /// # Panics
    /// If another was, or none.
    #[track_caller]
    pub fn at_address(self, address: &Address) -> Self {
        let is_this = matches!(
            self.subject(),
            Some(Subject::Account { address: Some(found), .. }) if found == address
        );
        self.check(is_this, &format!("the account {address}"))
    }

    /// Checks which rule was broken.
    ///
    /// # Panics
    /// If another was, or none.
    #[track_caller]
    pub fn rule(self, rule: Rule) -> Self {
        let is_this = matches!(self.cause(), Cause::Rule { rule: found, .. } if *found == rule);
        self.check(is_this, &format!("the rule `{rule}`"))
    }

    /// Checks what the rule asked for and what was there.
    ///
    /// # Panics
    /// If it was something else, or if no rule was broken.
    #[track_caller]
    pub fn expected_got(self, expected: &str, got: &str) -> Self {
        let is_this = matches!(
            self.cause(),
            Cause::Rule { expected: asked, got: found, .. } if asked == expected && found == got
        );
        self.check(is_this, &format!("`expected {expected}, got {got}`"))
    }

    /// Checks which program failed.
    ///
    /// # Panics
    /// If it was another.
    #[track_caller]
    pub fn in_program(self, program: &Address) -> Self {
        let found = self.diagnostic().program();
        let name = self.block.name_of(program);
        self.check(found == Some(program), &format!("the program {name}"))
    }

    /// Checks the way to the failed instruction: its index in the transaction, then that of each
    /// invoked one among those of its caller.
    ///
    /// # Panics
    /// If it was another.
    #[track_caller]
    pub fn path(self, path: &[u8]) -> Self {
        let steps = self.diagnostic().path.iter();
        let is_this = steps.map(|step| step.index).eq(path.iter().copied());
        self.check(is_this, &format!("the path {path:?}"))
    }

    /// Checks that the failure, as it is shown to people, contains a text.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn saying(self, text: &str) -> Self {
        let cause = self.block.cause(self.index);
        let is_said = cause.is_some_and(|cause| cause.contains(text));
        self.check(is_said, &format!("a message with {text:?}"))
    }

    #[track_caller]
    fn cause(&self) -> &'b Cause {
        &self.diagnostic().cause
    }

    #[track_caller]
    fn subject(&self) -> Option<&'b Subject> {
        match self.cause() {
            Cause::Rule { subject, .. } => Some(subject),
            _ => None,
        }
    }

    #[track_caller]
    fn check(self, holds: bool, expected: &str) -> Self {
        assert!(holds, "{}", self.differs(expected));
        self
    }

    fn differs(&self, expected: &str) -> String {
        let found = self.block.describe(self.index);
        format!("expected the failure to name {expected}; {found}")
    }
}
