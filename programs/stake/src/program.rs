//! The program. Its page is the crate's.

/// Stake of a network's validators.
#[lockstep_sdk::program(id = "Staking111111111111111111111111111111111111")]
pub mod staking {
    use lockstep_sdk::{
        ed25519::{self, Ed25519},
        prelude::*,
        system,
    };

    use crate::{
        EPOCHS, MEMBERS, REWARDS,
        course::{available, changed, epoch_now, is_even, pay, present, sum},
        members::{ListedMember, MEMBERS_MAX, list},
        reward::{HISTORY, PARTS, index_at, keep, part, spread},
        votes::Vote,
    };

    /// Epochs that one call of `roll` catches up with at most.
    pub const ROLLED_MAX: u64 = 40;

    /// Terms, epochs, and the sums over all stake.
    #[state(1, pod)]
    pub struct Epochs {
        /// Slots of an epoch.
        pub epoch_slots: U64,
        /// Epochs that a stake rests after its last one.
        pub cooldown_epochs: U64,
        /// What an offence costs, in parts of 10,000 of the stake.
        pub slash_parts: U16,
        /// Lamports of active stake that a member has at least.
        pub stake_min: U64,
        /// The id of the network's genesis block, which votes are bound to; zeros until `bind`.
        pub network: Address,
        /// The epoch up to which `advance` has come.
        pub epoch: U64,
        /// Lamports of stake that are active in it.
        pub active: U64,
        /// Lamports of the rewards' account that belong to validators that are not rolled yet.
        pub owed: U64,
        /// What a lamport of stake has earned up to the beginning of each of the last epochs.
        pub indexes: [U128; HISTORY],
        /// Lamports that become active after this epoch, if its number is even.
        #[tally]
        pub joining_even: U64,
        /// The same if it is odd.
        #[tally]
        pub joining_odd: U64,
        /// Lamports that are active no more after this epoch, if its number is even.
        #[tally]
        pub leaving_even: U64,
        /// The same if it is odd.
        #[tally]
        pub leaving_odd: U64,
    }

    /// A validator. The lamports of its account beyond rent are its operator's: commissions, and
    /// leaders' shares of fees.
    #[state(2, pod)]
    pub struct Validator {
        /// Its operator.
        pub identity: Address,
        /// The ed25519 key of its votes.
        pub key: Address,
        /// Holds the rewards of its delegators.
        pub vault: Address,
        /// What it keeps of their rewards, in parts of 10,000.
        pub commission: U16,
        /// The same from the next epoch on.
        pub next_commission: U16,
        /// The epoch up to which `roll` has come.
        pub epoch: U64,
        /// Lamports of stake that are active in it.
        pub active: U64,
        /// The index of all stake at its beginning.
        pub common: U128,
        /// What a lamport of its stake has earned up to the beginning of each of the last epochs.
        pub indexes: [U128; HISTORY],
        /// Whether it has signed two blocks in one view: no member any more.
        pub is_jailed: Bool,
        /// The epoch in which it did.
        pub offence: U64,
        /// Lamports that become active after this epoch, if its number is even.
        #[tally]
        pub joining_even: U64,
        /// The same if it is odd.
        #[tally]
        pub joining_odd: U64,
        /// Lamports that are active no more after this epoch, if its number is even.
        #[tally]
        pub leaving_even: U64,
        /// The same if it is odd.
        #[tally]
        pub leaving_odd: U64,
    }

    /// Holds what the delegators of a validator have earned, beyond rent.
    #[state(3, pod)]
    pub struct Vault {
        /// The validator.
        pub validator: Address,
    }

    /// Lamports of an owner: those of the account beyond rent.
    #[state(4, pod)]
    pub struct Stake {
        /// Signs for what is done with it, and gets what it earns.
        pub owner: Address,
        /// Lamports.
        pub amount: U64,
        /// The validator that it is delegated to; zeros if to none.
        pub validator: Address,
        /// The first epoch in which it is active.
        pub since: U64,
        /// The first one in which it is not any more; `u64::MAX` while there is none.
        pub until: U64,
        /// The epoch up to whose beginning rewards were paid.
        pub paid: U64,
        /// The validator's index there, once that is above `since`.
        pub index: U128,
    }

    /// The members of the network.
    #[state(5)]
    pub struct Members {
        /// In ascending order of keys.
        #[max(MEMBERS_MAX)]
        pub members: Vec<ListedMember>,
    }

    /// Why nothing changes.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum StakingError {
        /// the network is bound already, or more blocks have gone by than blockhashes are kept
        CannotBind = 1,
        /// the epoch lasts: it can be advanced once its last slot has gone by
        EpochLasts,
        /// all epochs, or the validator, are behind: call `advance` and `roll` first
        Behind,
        /// a commission is at most 10,000 parts of 10,000
        BadCommission,
        /// a stake is of one lamport at least
        NoAmount,
        /// the stake is delegated: deactivate and release it first
        Delegated,
        /// the stake is not delegated, or was deactivated before
        NotActive,
        /// the stake rests until its cool-down is over
        Resting,
        /// the validator is jailed
        Jailed,
        /// no network is bound, so that votes cannot be told from those of another one
        NotBound,
        /// the two votes do not contradict each other
        NoOffence,
        /// the epoch of the votes is to come, or longer ago than stakes rest
        BadEpoch,
    }

    /// An epoch began.
    #[event(1)]
    pub struct Advanced {
        /// Its number.
        pub epoch: u64,
        /// Lamports of stake that are active in it.
        pub active: u64,
        /// Lamports that the epoch before has earned.
        pub rewards: u64,
    }

    /// A validator was rolled.
    #[event(2)]
    pub struct Rolled {
        /// Which.
        pub validator: Address,
        /// The epoch that it has come to.
        pub epoch: u64,
        /// Its active stake in that.
        pub active: u64,
        /// Lamports for its operator.
        pub commission: u64,
        /// Lamports for its delegators.
        pub rewards: u64,
    }

    /// A validator was registered.
    #[event(3)]
    pub struct Registered {
        /// Its account.
        pub validator: Address,
        /// The key of its votes.
        pub key: Address,
    }

    /// A stake begins, or ends, with an epoch.
    #[event(4)]
    pub struct Changed {
        /// Which.
        pub stake: Address,
        /// The validator.
        pub validator: Address,
        /// Lamports.
        pub amount: u64,
        /// True if it begins.
        pub begins: bool,
        /// The epoch.
        pub epoch: u64,
    }

    /// A stake was paid what it has earned.
    #[event(5)]
    pub struct Collected {
        /// Which.
        pub stake: Address,
        /// Lamports.
        pub amount: u64,
    }

    /// A stake is free of its validator.
    #[event(6)]
    pub struct Released {
        /// Which.
        pub stake: Address,
        /// Lamports that it lost for an offence.
        pub slashed: u64,
    }

    /// A validator was jailed.
    #[event(7)]
    pub struct JailedFor {
        /// Which.
        pub validator: Address,
        /// The epoch of its offence.
        pub epoch: u64,
        /// The view.
        pub view: u64,
    }

    /// The network whose votes count.
    #[derive(Accounts, Debug)]
    pub struct Bind<'a> {
        /// Keeps it.
        #[account(address = EPOCHS)]
        pub epochs: Mut<State<'a, Epochs>>,
    }

    /// An epoch that is over.
    #[derive(Accounts, Debug)]
    pub struct Advance<'a> {
        /// Goes on to the next one.
        #[account(address = EPOCHS)]
        pub epochs: Mut<State<'a, Epochs>>,
        /// What has come in is divided.
        #[account(address = REWARDS)]
        pub rewards: Unchecked<'a>,
    }

    /// A new validator.
    #[derive(Accounts, Debug)]
    pub struct Register<'a> {
        /// Its operator, which pays rent.
        pub identity: Mut<Signer<'a>>,
        /// The key of its votes, which signs once.
        pub key: Signer<'a>,
        /// Tells the epoch; its sums are not looked at.
        #[account(address = EPOCHS)]
        pub epochs: Tally<'a, Epochs>,
        /// The validator.
        #[account(payer = identity, seeds = [b"validator", key])]
        pub validator: Init<'a, Validator>,
        /// Its vault.
        #[account(payer = identity, seeds = [b"vault", validator])]
        pub vault: Init<'a, Vault>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A validator and its operator.
    #[derive(Accounts, Debug)]
    pub struct Operate<'a> {
        /// The operator.
        pub identity: Signer<'a>,
        /// The validator.
        #[account(has_one = identity)]
        pub validator: Mut<State<'a, Validator>>,
    }

    /// A validator that goes on.
    #[derive(Accounts, Debug)]
    pub struct Roll<'a> {
        /// What all stake has earned.
        #[account(address = EPOCHS)]
        pub epochs: Mut<State<'a, Epochs>>,
        /// Gets the commission.
        pub validator: Mut<State<'a, Validator>>,
        /// Gets what delegators have earned.
        #[account(address = validator.vault)]
        pub vault: Mut<State<'a, Vault>>,
        /// Pays.
        #[account(address = REWARDS)]
        pub rewards: Mut<Unchecked<'a>>,
        /// Gets the validator's stake of now.
        #[account(address = MEMBERS)]
        pub members: Mut<State<'a, Members>>,
    }

    /// What a validator has earned for its operator.
    #[derive(Accounts, Debug)]
    pub struct Take<'a> {
        /// The operator.
        pub identity: Mut<Signer<'a>>,
        /// Pays.
        #[account(has_one = identity)]
        pub validator: Mut<State<'a, Validator>>,
    }

    /// A stake that lamports go to.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Deposit<'a> {
        /// Pays.
        pub owner: Mut<Signer<'a>>,
        /// The stake, one for each owner and number.
        #[account(payer = owner, seeds = [b"stake", owner, number])]
        pub stake: InitIfNeeded<'a, Stake>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A stake that begins or ends.
    #[derive(Accounts, Debug)]
    pub struct Delegate<'a> {
        /// Owns it.
        pub owner: Signer<'a>,
        /// The stake.
        #[account(has_one = owner)]
        pub stake: Mut<State<'a, Stake>>,
        /// The sums over all stake, only added to.
        #[account(address = EPOCHS)]
        pub epochs: Tally<'a, Epochs>,
        /// The validator, whose sums are only added to.
        pub validator: Tally<'a, Validator>,
    }

    /// What a stake has earned.
    #[derive(Accounts, Debug)]
    pub struct Collect<'a> {
        /// Gets it.
        pub owner: Mut<Signer<'a>>,
        /// The stake.
        #[account(has_one = owner)]
        pub stake: Mut<State<'a, Stake>>,
        /// Its validator, whose sums are not looked at.
        #[account(address = stake.validator)]
        pub validator: Tally<'a, Validator>,
        /// Pays.
        pub vault: Mut<State<'a, Vault>>,
    }

    /// A stake whose rest is over.
    #[derive(Accounts, Debug)]
    pub struct Release<'a> {
        /// Gets what it has earned.
        pub owner: Mut<Signer<'a>>,
        /// The stake.
        #[account(has_one = owner)]
        pub stake: Mut<State<'a, Stake>>,
        /// Its validator, whose sums are not looked at.
        #[account(address = stake.validator)]
        pub validator: Tally<'a, Validator>,
        /// Pays.
        pub vault: Mut<State<'a, Vault>>,
        /// Terms; the sums are not looked at.
        #[account(address = EPOCHS)]
        pub epochs: Tally<'a, Epochs>,
        /// Gets what an offence costs.
        #[account(address = REWARDS)]
        pub rewards: Credit<'a>,
    }

    /// A stake that ends.
    #[derive(Accounts, Debug)]
    pub struct Withdraw<'a> {
        /// Gets its lamports.
        pub owner: Mut<Signer<'a>>,
        /// The stake.
        #[account(
            has_one = owner,
            check(!stake.is_delegated(), StakingError::Delegated),
            close = owner,
        )]
        pub stake: Mut<State<'a, Stake>>,
    }

    /// An offence.
    #[derive(Accounts, Debug)]
    pub struct Report<'a> {
        /// Terms, and the sums over all stake, which are only added to.
        #[account(address = EPOCHS)]
        pub epochs: Tally<'a, Epochs>,
        /// The offender.
        pub validator: Mut<State<'a, Validator>>,
        /// It is no member any more.
        #[account(address = MEMBERS)]
        pub members: Mut<State<'a, Members>>,
        /// Checks the signatures.
        pub ed25519: Program<'a, Ed25519>,
    }

    /// Notes the id of the network's genesis block, while that is the oldest of the blockhashes
    /// that are known. Until then no offence can be reported.
    #[instruction(0)]
    pub fn bind(accounts: &Bind<'_>, context: &mut Context<'_, '_>) -> Result {
        let known = context.sysvars().recent_blockhashes.as_deref();
        let known = known.map_or(&[][..], Vec::as_slice);
        let mut epochs = accounts.epochs.write(context)?;
        let oldest = known.last();
        // A full list may have lost the genesis block's.
        let oldest = oldest.filter(|_| known.len() < BLOCKHASHES_SHOWN);
        let is_free = epochs.network == Address::default();
        let oldest = oldest.filter(|_| is_free);
        let oldest = oldest.ok_or(StakingError::CannotBind)?;
        epochs.network = Address::new_from_array(oldest.blockhash.to_bytes());
        Ok(())
    }

    /// Ends an epoch that is over: what came in is divided among its stake, and what was delegated
    /// or taken back in it counts from now on.
    #[instruction(1)]
    pub fn advance(accounts: &Advance<'_>, context: &mut Context<'_, '_>) -> Result {
        let held = available(accounts.rewards.lamports(context)?, 0, context)?;
        let mut course = accounts.epochs.write(context)?;
        let epoch = course.epoch.get();
        let now = epoch_now(course.epoch_slots, context)?;
        require!(epoch < now, StakingError::EpochLasts);
        let next = epoch.saturating_add(1);
        let came_in = held.saturating_sub(course.owed.get());
        let (growth, rewards) = spread(came_in, course.active.get());
        course.owed.increase(rewards)?;
        let index = index_at(&course.indexes, epoch, epoch).unwrap_or_default();
        keep(&mut course.indexes, next, index.wrapping_add(growth));
        let (joining, leaving) = course.take(epoch);
        let active = changed(course.active.get(), joining, leaving)?;
        course.active.set(active);
        course.epoch.set(next);
        drop(course);
        let epoch = next;
        Advanced {
            epoch,
            active,
            rewards,
        }
        .emit(context)
    }

    /// Registers a validator. The key of its votes signs, so that no other operator can take it.
    #[instruction(2)]
    pub fn register(
        accounts: &Register<'_>,
        context: &mut Context<'_, '_>,
        commission: u16,
    ) -> Result {
        require!(commission <= PARTS, StakingError::BadCommission);
        let Register {
            identity,
            key,
            validator,
            vault,
            ..
        } = accounts;
        let (identity, key) = (*identity.address(), *key.address());
        let mut state = Validator::new(identity, key, *vault.address(), commission);
        {
            let course = accounts.epochs.read(context)?;
            let epoch = course.epoch.get();
            state.epoch.set(epoch);
            let common = index_at(&course.indexes, epoch, epoch);
            state.common.set(common.unwrap_or_default());
        }
        validator.set(context, &state)?;
        let validator = *validator.address();
        vault.set(context, &Vault { validator })?;
        Registered { validator, key }.emit(context)
    }

    /// Another commission from the next epoch on.
    #[instruction(3)]
    pub fn set_commission(
        accounts: &Operate<'_>,
        context: &mut Context<'_, '_>,
        commission: u16,
    ) -> Result {
        require!(commission <= PARTS, StakingError::BadCommission);
        let mut validator = accounts.validator.write(context)?;
        validator.next_commission.set(commission);
        Ok(())
    }

    /// Brings a validator up to the present epoch, [`ROLLED_MAX`] epochs at most: pays what its
    /// stake has earned, and puts its stake of now into the list of members. Gives how many epochs
    /// are left.
    #[instruction(4)]
    pub fn roll(accounts: &Roll<'_>, context: &mut Context<'_, '_>) -> Result<u64> {
        let Roll {
            epochs, validator, ..
        } = accounts;
        let (mut commission, mut rewards) = (0u64, 0u64);
        let (key, active, epoch, stake_min, left) = {
            let mut course = epochs.write(context)?;
            let mut state = validator.write(context)?;
            let behind = course.epoch.get().saturating_sub(state.epoch.get());
            for _ in 0..behind.min(ROLLED_MAX) {
                let (operator, delegators) = state.step(&course)?;
                commission = sum(commission, operator)?;
                rewards = sum(rewards, delegators)?;
            }
            course.owed.decrease(sum(commission, rewards)?)?;
            (
                state.key,
                state.active.get(),
                state.epoch.get(),
                course.stake_min.get(),
                behind.saturating_sub(ROLLED_MAX),
            )
        };
        accounts.rewards.debit(context, sum(commission, rewards)?)?;
        validator.credit(context, commission)?;
        accounts.vault.credit(context, rewards)?;
        list(
            &mut accounts.members.write(context)?.members,
            key,
            active,
            stake_min,
        );
        Rolled {
            validator: *validator.address(),
            epoch,
            active,
            commission,
            rewards,
        }
        .emit(context)?;
        Ok(left)
    }

    /// Pays the operator of a validator all that its account holds beyond rent.
    #[instruction(5)]
    pub fn take(accounts: &Take<'_>, context: &mut Context<'_, '_>) -> Result<u64> {
        let Take {
            identity,
            validator,
        } = accounts;
        let held = validator.lamports(context)?;
        let amount = available(held, Validator::SIZE, context)?;
        validator.debit(context, amount)?;
        identity.credit(context, amount)?;
        Ok(amount)
    }

    /// Puts lamports into a stake that is not delegated, a new one if there is none.
    #[instruction(6)]
    pub fn deposit(
        accounts: &Deposit<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        amount: u64,
    ) -> Result {
        require!(amount > 0, StakingError::NoAmount);
        let Deposit { owner, stake, .. } = accounts;
        if stake.is_new() {
            let state = Stake {
                owner: *owner.address(),
                amount: 0.into(),
                validator: Address::default(),
                since: 0.into(),
                until: u64::MAX.into(),
                paid: 0.into(),
                index: 0.into(),
            };
            stake.set_new(context, &state)?;
        }
        {
            let mut state = stake.write(context)?;
            require!(!state.is_delegated(), StakingError::Delegated);
            state.amount.increase(amount)?;
        }
        system::transfer(owner, stake, amount).invoke(context)
    }

    /// Delegates all of a stake, from the next epoch on.
    #[instruction(7)]
    pub fn delegate(accounts: &Delegate<'_>, context: &mut Context<'_, '_>) -> Result {
        let Delegate {
            stake,
            epochs,
            validator,
            ..
        } = accounts;
        let (now, is_jailed) = present(epochs, validator, context)?;
        require!(!is_jailed, StakingError::Jailed);
        let epoch = now.saturating_add(1);
        let amount = {
            let mut state = stake.write(context)?;
            require!(!state.is_delegated(), StakingError::Delegated);
            state.validator = *validator.address();
            state.since.set(epoch);
            state.until.set(u64::MAX);
            state.paid.set(epoch);
            state.amount.get()
        };
        let (all, own) = match is_even(now) {
            true => (Epochs::JOINING_EVEN, Validator::JOINING_EVEN),
            false => (Epochs::JOINING_ODD, Validator::JOINING_ODD),
        };
        epochs.add(context, all, amount)?;
        validator.add(context, own, amount)?;
        tell_change(accounts, context, (amount, true, epoch))
    }

    /// Takes a stake back: it is active to the end of the epoch, and then rests.
    #[instruction(8)]
    pub fn deactivate(accounts: &Delegate<'_>, context: &mut Context<'_, '_>) -> Result {
        let Delegate {
            stake,
            epochs,
            validator,
            ..
        } = accounts;
        let (now, is_jailed) = present(epochs, validator, context)?;
        let epoch = now.saturating_add(1);
        let amount = {
            let mut state = stake.write(context)?;
            let is_active =
                state.validator == *validator.address() && state.until.get() == u64::MAX;
            require!(is_active, StakingError::NotActive);
            state.until.set(epoch);
            state.amount.get()
        };
        // What was with a jailed validator is in no sum any more.
        if !is_jailed {
            let (all, own) = match is_even(now) {
                true => (Epochs::LEAVING_EVEN, Validator::LEAVING_EVEN),
                false => (Epochs::LEAVING_ODD, Validator::LEAVING_ODD),
            };
            epochs.add(context, all, amount)?;
            validator.add(context, own, amount)?;
        }
        tell_change(accounts, context, (amount, false, epoch))
    }

    /// Pays the owner of a stake what it has earned up to the epoch that its validator has come to.
    #[instruction(9)]
    pub fn collect(accounts: &Collect<'_>, context: &mut Context<'_, '_>) -> Result<u64> {
        let Collect {
            owner,
            stake,
            validator,
            vault,
        } = accounts;
        pay(owner, stake, (validator, vault), context)
    }

    /// Frees a stake of its validator once it has rested, and pays what it has earned. If the
    /// validator committed an offence while it was active, a part of it goes to the rewards.
    #[instruction(10)]
    pub fn release(accounts: &Release<'_>, context: &mut Context<'_, '_>) -> Result<u64> {
        let Release {
            owner,
            stake,
            validator,
            vault,
            epochs,
            rewards,
        } = accounts;
        let (now, cooldown, slash_parts) = {
            let course = epochs.read(context)?;
            let now = epoch_now(course.epoch_slots, context)?;
            (now, course.cooldown_epochs.get(), course.slash_parts.get())
        };
        pay(owner, stake, (validator, vault), context)?;
        let offence = {
            let offender = validator.read(context)?;
            offender.is_jailed.get().then(|| offender.offence.get())
        };
        let slashed = {
            let mut state = stake.write(context)?;
            let (since, until) = (state.since.get(), state.until.get());
            let has_rested = until.checked_add(cooldown).is_some_and(|end| end <= now);
            require!(has_rested, StakingError::Resting);
            let is_guilty = offence.is_some_and(|epoch| (since..until).contains(&epoch));
            let amount = state.amount.get();
            let kept = part(amount, PARTS.saturating_sub(slash_parts));
            let slashed = match is_guilty {
                true => amount.saturating_sub(kept),
                false => 0,
            };
            state.amount.decrease(slashed)?;
            state.validator = Address::default();
            slashed
        };
        stake.debit(context, slashed)?;
        rewards.credit(context, slashed)?;
        let stake = *stake.address();
        Released { stake, slashed }.emit(context)?;
        Ok(slashed)
    }

    /// Pays the owner of a stake its lamports, and ends it.
    #[instruction(11)]
    pub fn withdraw(_accounts: &Withdraw<'_>, _context: &mut Context<'_, '_>) -> Result {
        Ok(())
    }

    /// Jails a validator that has signed two votes that contradict each other, in one view. Anyone
    /// may report it, within the epochs that stakes rest.
    #[instruction(12)]
    pub fn report(
        accounts: &Report<'_>,
        context: &mut Context<'_, '_>,
        epoch: u64,
        view: u64,
        votes: [Vote; 2],
    ) -> Result {
        let Report {
            epochs,
            validator,
            members,
            ed25519,
        } = accounts;
        let [one, other] = votes;
        require!(one.conflicts(&other), StakingError::NoOffence);
        let (now, network) = {
            let course = epochs.read(context)?;
            let now = epoch_now(course.epoch_slots, context)?;
            require!(course.epoch.get() == now, StakingError::Behind);
            let first = now.saturating_sub(course.cooldown_epochs.get());
            require!((first..=now).contains(&epoch), StakingError::BadEpoch);
            (now, course.network)
        };
        require!(network != Address::default(), StakingError::NotBound);
        let (key, active) = {
            let mut state = validator.write(context)?;
            require!(!state.is_jailed.get(), StakingError::Jailed);
            require!(state.epoch.get() == now, StakingError::Behind);
            state.is_jailed = true.into();
            state.offence.set(epoch);
            (state.key, state.next_active(now)?)
        };
        for vote in [&one, &other] {
            let message = vote.message(&network, epoch, view);
            ed25519::verify(ed25519, &key, &message, &vote.signature).invoke(context)?;
        }
        let leaving = match is_even(now) {
            true => Epochs::LEAVING_EVEN,
            false => Epochs::LEAVING_ODD,
        };
        epochs.add(context, leaving, active)?;
        list(&mut members.write(context)?.members, key, 0, 0);
        let validator = *validator.address();
        JailedFor {
            validator,
            epoch,
            view,
        }
        .emit(context)
    }

    /// Blockhashes that programs see at most.
    const BLOCKHASHES_SHOWN: usize = 150;

    fn tell_change(
        accounts: &Delegate<'_>,
        context: &mut Context<'_, '_>,
        (amount, begins, epoch): (u64, bool, u64),
    ) -> Result {
        Changed {
            stake: *accounts.stake.address(),
            validator: *accounts.validator.address(),
            amount,
            begins,
            epoch,
        }
        .emit(context)
    }
}
