//! What staking asks of a member once an epoch, and when another member has voted twice.
//!
//! ```text
//! the network has begun       bind      one member
//! an epoch has ended          advance   one member
//!                             roll      each member, for itself
//! two votes in one view       report    each that saw it
//! ```
//! Any wallet may do these; members do them from the wallets of their keys, which need some
//! lamports for fees. Where one member is enough they take turns, so that a second one acts only if
//! the first has not.

use commonware_cryptography::ed25519::PublicKey;
use lockstep_interface::{Account, Address, Instruction};
use lockstep_runtime::chain::{Chain, View};
use lockstep_sdk::state::{StateData, from_account};
use lockstep_stake::{
    EPOCHS,
    staking::{
        self, AdvanceAddresses, BindAddresses, Epochs as Course, Register, RollAddresses, Validator,
    },
};

use crate::{epochs::Epochs, evidence::Offence, failure::EngineFailure};

/// Slots that each member waits for the one before it.
const TURN_SLOTS: u64 = 4;
/// Epochs that are made up for at once.
const ADVANCES_MAX: u64 = 8;
/// Slots of a network in which it can be bound: blockhashes that programs see, and some to spare.
const BIND_SLOTS: u64 = 140;

/// The duties of one member.
#[derive(Debug)]
pub struct Duties {
    epochs: Epochs,
    /// What is not reported yet.
    offences: Vec<Offence>,
}

impl Duties {
    /// Those of the member whose key the epochs have.
    pub fn new(epochs: Epochs) -> Self {
        Self {
            epochs,
            offences: Vec::new(),
        }
    }

    /// Notes that a member has voted twice.
    pub fn note(&mut self, offence: Offence) {
        self.offences.push(offence);
    }

    /// What is to be done after the newest durable block; nothing where the chain has no staking.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn due(&mut self, chain: &Chain) -> Result<Vec<Vec<Instruction>>, EngineFailure> {
        let (id, header) = chain.head();
        let state = chain.view(&id).map_err(EngineFailure::of)?;
        let Some(course) = read::<Course>(&state, &EPOCHS)? else {
            return Ok(Vec::new());
        };
        let length = course.epoch_slots.get();
        let now = header.slot.checked_div(length).unwrap_or(0);
        let since = header.slot.checked_rem(length).unwrap_or(0);
        let is_my_turn = since >= self.turn(header.slot);
        let mut due = Vec::new();
        let is_bound = course.network != Address::default();
        if !is_bound && (1..BIND_SLOTS).contains(&header.slot) && is_my_turn {
            due.push(staking::call::bind(&BindAddresses {}));
        }
        let mut epoch = course.epoch.get();
        if is_my_turn {
            epoch = advance(&mut due, epoch, now);
        }
        let (own, _) = Register::validator_address(&self.epochs.wallet());
        due.extend(roll(&state, &own, epoch)?);
        let mut all = vec![due];
        if is_bound && epoch == now {
            all.extend(self.reports(&state, now)?);
        }
        all.retain(|instructions| !instructions.is_empty());
        Ok(all)
    }

    /// Slots from the beginning of an epoch in which others go first.
    fn turn(&self, slot: u64) -> u64 {
        let epoch = self.epochs.containing(slot);
        let era = self.epochs.get(epoch);
        let key: PublicKey = self.epochs.public_key();
        let place = era.and_then(|era| {
            let mut members = era.members.iter();
            members.position(|member| member.key == key)
        });
        let place = place.and_then(|place| u64::try_from(place).ok());
        place.map_or(u64::MAX, |place| place.saturating_mul(TURN_SLOTS))
    }

    /// The reports of those offences that are not punished yet; the others are forgotten.
    fn reports(&mut self, state: &View, now: u64) -> Result<Vec<Vec<Instruction>>, EngineFailure> {
        let mut reports = Vec::new();
        let mut left = Vec::new();
        for offence in std::mem::take(&mut self.offences) {
            let Some(era) = self.epochs.get(offence.epoch) else {
                continue;
            };
            let Some((offender, report)) = offence.report(&era.members) else {
                continue;
            };
            let Some(validator) = read::<Validator>(state, &offender)? else {
                continue;
            };
            if validator.is_jailed.get() {
                continue;
            }
            let mut instructions: Vec<Instruction> = roll(state, &offender, now)?.collect();
            instructions.push(report);
            reports.push(instructions);
            left.push(offence);
        }
        self.offences = left;
        Ok(reports)
    }
}

/// Appends the calls that bring all epochs up to the present one, or nearer to it. Gives how far.
fn advance(calls: &mut Vec<Instruction>, epoch: u64, now: u64) -> u64 {
    let end = now.min(epoch.saturating_add(ADVANCES_MAX));
    calls.extend((epoch..end).map(|_| staking::call::advance(&AdvanceAddresses {})));
    epoch.max(end)
}

/// The calls after which stake can begin or end with a validator, if it or all epochs are behind.
pub fn catch_up(
    slot: u64,
    course: &Course,
    (address, validator): (Address, &Validator),
) -> Vec<Instruction> {
    let now = slot.checked_div(course.epoch_slots.get()).unwrap_or(0);
    let mut calls = Vec::new();
    let epoch = advance(&mut calls, course.epoch.get(), now);
    if validator.epoch.get() < epoch {
        let vault = validator.vault;
        let addresses = RollAddresses {
            validator: address,
            vault,
        };
        calls.push(staking::call::roll(&addresses));
    }
    calls
}

/// The call that brings a validator to an epoch, if there is one and it is behind.
fn roll(
    state: &View,
    validator: &Address,
    epoch: u64,
) -> Result<impl Iterator<Item = Instruction> + use<>, EngineFailure> {
    let found = read::<Validator>(state, validator)?;
    let behind = found.filter(|found| found.epoch.get() < epoch);
    let call = behind.map(|found| {
        let (validator, vault) = (*validator, found.vault);
        staking::call::roll(&RollAddresses { validator, vault })
    });
    Ok(call.into_iter())
}

/// A state of the staking program; `None` if the account holds none.
fn read<T: StateData>(state: &View, address: &Address) -> Result<Option<T>, EngineFailure> {
    let account: Option<Account> = state.get(address).map_err(EngineFailure::of)?;
    Ok(account.and_then(|account| from_account(&account).ok()))
}
