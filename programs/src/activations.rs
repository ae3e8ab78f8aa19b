//! The Activation program: says from which slot on a program is there, or a set of rules holds.
//!
//! The authority that the chain's genesis names signs for each change. What has begun stays; what
//! has not can be taken back. The program knows no feature: whether a release has it is found by
//! the release, which stops before the slot if it lacks it.
//!
//! | Instruction | Writes | Reads |
//! |---|---|---|
//! | `schedule`, `cancel`, `hand_over` | schedule | authority |
//!
//! ```
//! use lockstep_programs::activations::{self, ChangeAddresses};
//! use lockstep_sdk::interface::Address;
//!
//! let authority = Address::new_from_array([1; 32]);
//! let amm = Address::new_from_array([2; 32]);
//! let change = ChangeAddresses { authority };
//! let instruction = activations::call::schedule(&change, amm, 90_000, "amm".to_owned());
//! assert_eq!(instruction.accounts.len(), 2);
//! ```

use lockstep_sdk::idl::ProgramDescription;

pub use activation::*;

/// What the Activation program can be asked to do.
///
/// ```
/// let json = lockstep_programs::activations::DESCRIPTION.to_json();
/// assert!(json.contains("\"name\":\"hand_over\""));
/// ```
pub const DESCRIPTION: ProgramDescription = ActivationProgram::DESCRIPTION;

/// Says from which slot on programs and rules hold.
#[lockstep_sdk::program(id = "Activation111111111111111111111111111111111")]
pub mod activation {
    use lockstep_sdk::{
        interface::activation::{ACTIVATIONS_MAX, FEATURE_NAME_SIZE_MAX, SCHEDULE},
        prelude::*,
    };

    /// A feature, and when it begins.
    #[derive(Clone, Debug, Data, Eq, PartialEq)]
    pub struct Activation {
        /// The address of a program or of a rule set.
        pub feature: Address,
        /// The first slot in which it is there.
        pub slot: u64,
        /// What it is called, for people.
        #[max(FEATURE_NAME_SIZE_MAX)]
        pub name: String,
    }

    /// All activations of a chain, as its banks read them.
    #[state(1)]
    pub struct Schedule {
        /// Signs for changes; without one there is none.
        pub authority: Option<Address>,
        /// In the order in which they were added.
        #[max(ACTIVATIONS_MAX)]
        pub activations: Vec<Activation>,
    }

    /// Why the schedule stays as it is.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum ActivationError {
        /// the schedule has no authority, or another one
        NotAuthority = 1,
        /// the slot is not above the present one, so that nodes could not get ready for it
        SlotPassed = 2,
        /// the feature has begun
        Begun = 3,
        /// the feature is not in the schedule
        NotScheduled = 4,
        /// the schedule holds as many features as it can
        Full = 5,
        /// the name is empty, too long, or not printable ASCII
        Name = 6,
    }

    /// A change of the schedule.
    #[derive(Accounts, Debug)]
    pub struct Change<'a> {
        /// Signs for the change.
        pub authority: Signer<'a>,
        /// What is changed.
        #[account(
            address = SCHEDULE,
            check(schedule.authority == Some(*authority.address()), ActivationError::NotAuthority)
        )]
        pub schedule: Mut<State<'a, Schedule>>,
    }

    /// A feature begins at a slot above the present one. One that is scheduled already, and has not
    /// begun, gets the new slot and name.
    #[instruction(0)]
    pub fn schedule(
        accounts: &Change<'_>,
        context: &mut Context<'_, '_>,
        feature: Address,
        slot: u64,
        name: String,
    ) -> Result {
        let now = context.sysvars().clock()?.slot;
        require!(slot > now, ActivationError::SlotPassed);
        let is_shown = (1..=FEATURE_NAME_SIZE_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic());
        require!(is_shown, ActivationError::Name);
        let mut schedule = accounts.schedule.write(context)?;
        forget(&mut schedule, &feature, now)?;
        let activations = &mut schedule.activations;
        require!(activations.len() < ACTIVATIONS_MAX, ActivationError::Full);
        activations.push(Activation {
            feature,
            slot,
            name,
        });
        Ok(())
    }

    /// A feature that has not begun does not.
    #[instruction(1)]
    pub fn cancel(
        accounts: &Change<'_>,
        context: &mut Context<'_, '_>,
        feature: Address,
    ) -> Result {
        let now = context.sysvars().clock()?.slot;
        let mut schedule = accounts.schedule.write(context)?;
        require!(
            forget(&mut schedule, &feature, now)?,
            ActivationError::NotScheduled
        );
        Ok(())
    }

    /// Another authority signs from now on; without one, the schedule stays as it is for ever.
    #[instruction(2)]
    pub fn hand_over(
        accounts: &Change<'_>,
        context: &mut Context<'_, '_>,
        authority: Option<Address>,
    ) -> Result {
        accounts.schedule.write(context)?.authority = authority;
        Ok(())
    }

    /// Removes a feature unless it has begun; true if it was there.
    fn forget(schedule: &mut Schedule, feature: &Address, now: u64) -> Result<bool> {
        let activations = &mut schedule.activations;
        let Some(place) = activations.iter().position(|one| one.feature == *feature) else {
            return Ok(false);
        };
        require!(activations[place].slot > now, ActivationError::Begun);
        activations.remove(place);
        Ok(true)
    }
}
