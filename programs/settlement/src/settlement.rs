//! `settlement`: holds what is on a rollup, and decides which of its states is right.
//!
//! The rollup's sequencer posts claims, one after the other, each with a bond. A claim falls, and
//! all behind it, as soon as the judge says that a refutation holds; the challenger gets half of
//! the bond. A claim that stands for a window is final, and its state root is what exits are proved
//! against. What the sequencer does not want to include is put in a queue, deposits among it: once
//! its patience is over, only a claim that includes the first of the queue can be posted.
//!
//! | Instruction | Writes | Adds to |
//! |---|---|---|
//! | `open` | sequencer, settlement (new) | |
//! | `deposit`, `force` | payer, settlement, demand (new) | |
//! | `post` | sequencer, settlement, batch (new) | |
//! | `include` | settlement | |
//! | `refute` | challenger, settlement, batch (ends) | |
//! | `finalize` | settlement, batch | sequencer |
//! | `close` | batch (ends) | sequencer |
//! | `exit` | payer, settlement, mark (new) | receiver |
//!
//! # Contention
//!
//! One settlement is one account, which every instruction but `close` writes: posting is rare, and
//! deposits and exits of one rollup are an order by nature, since they move its one treasury. Two
//! rollups share nothing.
//!
//! # Safety
//!
//! - A claim names its parent by position: it is judged against the claim that was the newest when
//!   it was posted. Falling claims take all behind them along, so no claim stands on a wrong one.
//! - What a fallen claim had included is in the queue again: each batch keeps the queue's length
//!   from before.
//! - Batches that are final remain until 151 others are, so that replays can be shown.
//! - An exit leaves a mark at an address that follows from the exit's own, so it is paid once.
//! - The judge is chosen by the sequencer when the settlement is opened; a deposit agrees to it. It
//!   is handed no account.

pub use settlement::*;

/// Pays exits of a rollup, and takes claims of its blocks.
#[lockstep_sdk::program(id = "Sett1ement111111111111111111111111111111111")]
pub mod settlement {
    use crate::{
        claims::{CLAIM_SIZE, ClaimBytes, blockhashes_of, follows, parse},
        gateway::{self, CreditDeposit},
    };
    use lockstep_sdk::{interface::InstructionRef, prelude::*, system};

    /// Claims that are posted and not final yet, at most.
    pub const PENDING_MAX: usize = 64;
    /// Ids of blocks that are kept: the blockhashes of the oldest pending claim, and those behind.
    pub const HASHES_MAX: usize = 151 + PENDING_MAX;
    /// Claims after which a final batch may go.
    const KEPT: u64 = 151;
    /// Slots of a window, at most.
    const WINDOW_MAX: u64 = 1 << 32;
    /// The first byte of an account that shows a credit, and of one that shows an exit.
    const SHOWN: [u8; 2] = [2, 3];

    /// What a settlement is.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Rules {
        /// The program that judges.
        pub judge: Address,
        /// Lamports behind each claim.
        pub bond: u64,
        /// Slots in which a claim can be refuted, in [1, 2^32].
        pub window: u64,
        /// Slots that a demand may wait, in [1, 2^32].
        pub patience: u64,
    }

    /// A settlement, with all deposits.
    #[state(1)]
    #[derive(Clone)]
    pub struct Settlement {
        /// Posts claims.
        pub sequencer: Address,
        /// Its rules.
        pub rules: Rules,
        /// The newest claim.
        pub newest: ClaimBytes,
        /// The state root of the newest final claim.
        pub final_root: [u8; 32],
        /// Claims that are final.
        pub final_count: u64,
        /// The number of the next batch.
        pub next: u64,
        /// The batches that are not final, in order.
        #[max(PENDING_MAX)]
        pub pending: Vec<u64>,
        /// Ids of blocks, oldest first, the newest claim's last.
        #[max(HASHES_MAX)]
        pub hashes: Vec<[u8; 32]>,
        /// Demands that were made.
        pub demanded: u64,
        /// Demands that were included, the first ones.
        pub included: u64,
    }

    /// A claim that was posted.
    #[state(2)]
    #[derive(Clone)]
    pub struct Batch {
        /// Of this settlement.
        pub settlement: Address,
        /// Its number.
        pub number: u64,
        /// The claim before.
        pub parent: ClaimBytes,
        /// It.
        pub claim: ClaimBytes,
        /// The last slot for a refutation.
        pub ends: u64,
        /// Demands that were included before it.
        pub included: u64,
        /// How many claims were final when it became final itself; 0 before.
        pub final_at: u64,
    }

    /// What is to be included.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub enum Wish {
        /// A deposit, by a credit on the rollup.
        Credit {
            /// Gets it there.
            receiver: Address,
            /// How much.
            lamports: u64,
        },
        /// A transaction with this hash of its message.
        Message {
            /// SHA-256.
            hash: [u8; 32],
        },
    }

    /// A wish in the queue.
    #[state(3)]
    #[derive(Clone)]
    pub struct Demand {
        /// Of this settlement.
        pub settlement: Address,
        /// Its place.
        pub number: u64,
        /// What is wanted.
        pub wish: Wish,
        /// The last slot in which it may be passed over.
        pub until: u64,
    }

    /// An exit that was paid.
    #[state(4, pod)]
    pub struct Paid {
        /// The slot.
        pub slot: U64,
    }

    /// That a claim includes a wish.
    #[derive(Clone, Debug, Data, Eq, PartialEq)]
    pub enum Evidence {
        /// The account of a credit, as a store keeps it, and its proof.
        Account {
            /// 45 bytes and its data.
            account: Vec<u8>,
            /// The proof.
            proof: Vec<u8>,
        },
        /// A step of the claim.
        Step {
            /// Its place.
            position: u32,
            /// Its bytes.
            step: Vec<u8>,
            /// The hashes beside the way to the root.
            siblings: Vec<[u8; 32]>,
        },
    }

    /// Why a settlement refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum SettlementError {
        /// windows have 1 to 2^32 slots
        BadRules = 1,
        /// the claim cannot follow the one before
        BadClaim,
        /// as many claims are pending as there can be
        TooManyPending,
        /// the first demand waits for too long, and the claim does not include it
        Censored,
        /// the demand is not the first of the queue
        NotFirst,
        /// the evidence is of another kind, or shows something else
        BadEvidence,
        /// the batch is not pending
        NotPending,
        /// the time to refute the claim is over
        Final,
        /// there is time left to refute the claim
        TimeLeft,
        /// the earlier claim is not of a batch that is given
        UnknownClaim,
        /// the batch is still needed
        Needed,
        /// a number would exceed 64 bits
        Overflow,
    }

    /// A claim fell.
    #[event(1)]
    pub struct Fell {
        /// The number of its batch.
        pub number: u64,
        /// Batches that fell with it.
        pub with: u64,
    }

    /// A new settlement.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Open<'a> {
        /// Posts claims, and pays rent.
        pub sequencer: Mut<Signer<'a>>,
        /// The new settlement.
        #[account(payer = sequencer, seeds = [b"settlement", sequencer, number])]
        pub settlement: Init<'a, Settlement>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A demand.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Ask<'a> {
        /// Pays.
        pub payer: Mut<Signer<'a>>,
        /// The settlement.
        pub settlement: Mut<State<'a, Settlement>>,
        /// The new demand.
        #[account(payer = payer, seeds = [b"demand", settlement, number])]
        pub demand: Init<'a, Demand>,
        /// Moves lamports and creates accounts.
        pub system: Program<'a, System>,
    }

    /// A claim. The number is that of the batch.
    #[derive(Accounts, Debug)]
    #[args(number: u64, first: u64)]
    pub struct Post<'a> {
        /// Posts it, with the bond.
        pub sequencer: Mut<Signer<'a>>,
        /// The settlement.
        #[account(has_one = sequencer)]
        pub settlement: Mut<State<'a, Settlement>>,
        /// The new batch.
        #[account(payer = sequencer, seeds = [b"batch", settlement, number])]
        pub batch: Init<'a, Batch>,
        /// The first demand of the queue, if there is one.
        #[account(seeds = [b"demand", settlement, first])]
        pub demand: Unchecked<'a>,
        /// Answers for what is included.
        #[account(address = settlement.rules.judge)]
        pub judge: Unchecked<'a>,
        /// Moves lamports and creates accounts.
        pub system: Program<'a, System>,
    }

    /// A demand that the newest claim includes.
    #[derive(Accounts, Debug)]
    pub struct Include<'a> {
        /// The settlement.
        pub settlement: Mut<State<'a, Settlement>>,
        /// The first demand.
        #[account(has_one = settlement)]
        pub demand: State<'a, Demand>,
        /// Answers.
        #[account(address = settlement.rules.judge)]
        pub judge: Unchecked<'a>,
    }

    /// A refutation.
    #[derive(Accounts, Debug)]
    pub struct Refute<'a> {
        /// Gets half of the bond, and the rent.
        pub challenger: Mut<Signer<'a>>,
        /// The settlement.
        pub settlement: Mut<State<'a, Settlement>>,
        /// The batch.
        #[account(has_one = settlement, close = challenger)]
        pub batch: Mut<State<'a, Batch>>,
        /// Answers.
        #[account(address = settlement.rules.judge)]
        pub judge: Unchecked<'a>,
        /// The batch of the earlier claim, where the refutation is about one; any batch otherwise.
        #[account(has_one = settlement, may_repeat)]
        pub earlier: State<'a, Batch>,
    }

    /// A batch that becomes final.
    #[derive(Accounts, Debug)]
    pub struct Finalize<'a> {
        /// The settlement.
        #[account(has_one = sequencer)]
        pub settlement: Mut<State<'a, Settlement>>,
        /// The batch.
        #[account(has_one = settlement)]
        pub batch: Mut<State<'a, Batch>>,
        /// Gets the bond back.
        pub sequencer: Credit<'a>,
    }

    /// A batch that goes.
    #[derive(Accounts, Debug)]
    pub struct Close<'a> {
        /// The settlement.
        #[account(has_one = sequencer)]
        pub settlement: State<'a, Settlement>,
        /// The batch.
        #[account(has_one = settlement, close = sequencer)]
        pub batch: Mut<State<'a, Batch>>,
        /// Gets the rent, and the bond of a batch that fell with another.
        pub sequencer: Credit<'a>,
    }

    /// An exit.
    #[derive(Accounts, Debug)]
    #[args(exit: Address)]
    pub struct PayExit<'a> {
        /// Pays for the mark.
        pub payer: Mut<Signer<'a>>,
        /// The settlement.
        pub settlement: Mut<State<'a, Settlement>>,
        /// Says that it was paid.
        #[account(payer = payer, seeds = [b"paid", settlement, exit])]
        pub mark: Init<'a, Paid>,
        /// Gets the lamports.
        pub receiver: Credit<'a>,
        /// Answers.
        #[account(address = settlement.rules.judge)]
        pub judge: Unchecked<'a>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// Opens a settlement of the chain that begins with this claim.
    #[instruction(0)]
    pub fn open(
        accounts: &Open<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        rules: Rules,
        first: ClaimBytes,
    ) -> Result {
        let has_windows =
            [rules.window, rules.patience].map(|slots| (1..=WINDOW_MAX).contains(&slots));
        require!(has_windows == [true; 2], SettlementError::BadRules);
        let head = parse(&first)?;
        let state = Settlement {
            sequencer: *accounts.sequencer.address(),
            rules,
            newest: first,
            final_root: head.state_root,
            final_count: 0,
            next: 0,
            pending: Vec::new(),
            hashes: vec![head.block_id],
            demanded: 0,
            included: 0,
        };
        accounts.settlement.set(context, &state)
    }

    /// Takes lamports for a receiver on the rollup. The number is that of the next demand.
    #[instruction(1)]
    pub fn deposit(
        accounts: &Ask<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        receiver: Address,
        lamports: u64,
    ) -> Result {
        system::transfer(&accounts.payer, &accounts.settlement, lamports).invoke(context)?;
        ask(
            accounts,
            context,
            number,
            Wish::Credit { receiver, lamports },
        )
    }

    /// Asks for a transaction to be included. The number is that of the next demand.
    #[instruction(2)]
    pub fn force(
        accounts: &Ask<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        hash: [u8; 32],
    ) -> Result {
        ask(accounts, context, number, Wish::Message { hash })
    }

    /// Posts a claim, with the bond. `first` is the number of the first demand that is not
    /// included, and the evidence shows that the claim includes it.
    #[instruction(3)]
    pub fn post(
        accounts: &Post<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        first: u64,
        claim: ClaimBytes,
        evidence: Option<Evidence>,
    ) -> Result {
        let now = slot(context)?;
        let settlement = accounts.settlement.read(context)?.clone();
        let is_next = number == settlement.next && first == settlement.included;
        require!(is_next, SettlementError::NotFirst);
        let head = parse(&claim)?;
        let is_new = !settlement.hashes.contains(&head.block_id);
        let is_possible = follows(&parse(&settlement.newest)?, &head) && is_new;
        require!(is_possible, SettlementError::BadClaim);
        let has_room = settlement.pending.len() < PENDING_MAX;
        require!(has_room, SettlementError::TooManyPending);
        let mut included = settlement.included;
        if settlement.demanded > first {
            let demand = {
                let account = accounts.demand.account(context)?;
                lockstep_sdk::state::from_account::<Demand>(&account)?
            };
            match evidence {
                Some(evidence) => {
                    prove(context, accounts.judge.address(), &claim, &demand, evidence)?;
                    included = next(included)?;
                }
                None => require!(now <= demand.until, SettlementError::Censored),
            }
        }
        let ends = now
            .checked_add(settlement.rules.window)
            .ok_or(SettlementError::Overflow)?;
        let batch = Batch {
            settlement: *accounts.settlement.address(),
            number,
            parent: settlement.newest,
            claim,
            ends,
            included: settlement.included,
            final_at: 0,
        };
        accounts.batch.set(context, &batch)?;
        let bond = settlement.rules.bond;
        system::transfer(&accounts.sequencer, &accounts.batch, bond).invoke(context)?;
        let mut state = accounts.settlement.write(context)?;
        state.next = next(number)?;
        state.newest = claim;
        state.included = included;
        state.pending.push(number);
        if state.hashes.len() == HASHES_MAX {
            state.hashes.remove(0);
        }
        state.hashes.push(head.block_id);
        Ok(())
    }

    /// Shows that the newest claim includes the first demand.
    #[instruction(4)]
    pub fn include(
        accounts: &Include<'_>,
        context: &mut Context<'_, '_>,
        evidence: Evidence,
    ) -> Result {
        let demand = accounts.demand.read(context)?.clone();
        let (included, claim) = {
            let settlement = accounts.settlement.read(context)?;
            (settlement.included, settlement.newest)
        };
        require!(demand.number == included, SettlementError::NotFirst);
        // Where no claim is pending, what is included cannot fall.
        prove(context, accounts.judge.address(), &claim, &demand, evidence)?;
        accounts.settlement.write(context)?.included = next(included)?;
        Ok(())
    }

    /// Lets a claim fall that is wrong, and all behind it.
    #[instruction(5)]
    pub fn refute(
        accounts: &Refute<'_>,
        context: &mut Context<'_, '_>,
        refutation: Vec<u8>,
    ) -> Result {
        let settlement = accounts.settlement.read(context)?.clone();
        let batch = accounts.batch.read(context)?.clone();
        let place = settlement
            .pending
            .iter()
            .position(|number| *number == batch.number);
        let place = place.ok_or(SettlementError::NotPending)?;
        require!(slot(context)? <= batch.ends, SettlementError::Final);
        let later = settlement.pending.len().saturating_sub(place);
        let hashes = blockhashes_of(&settlement.hashes, later).to_vec();
        let judge = accounts.judge.address();
        let question = [
            vec![0],
            encode(&batch.parent),
            encode(&batch.claim),
            encode(&hashes),
            encode(&refutation),
        ];
        answer(context, judge, &question.concat())?;
        // A replay is of a claim that comes before, which the judge cannot know.
        let named = context.return_data().data.to_vec();
        if !named.is_empty() {
            let earlier = accounts.earlier.read(context)?;
            let stands =
                earlier.final_at > 0 || settlement.pending[..place].contains(&earlier.number);
            let is_it = stands && named == earlier.claim;
            require!(is_it, SettlementError::UnknownClaim);
        }
        // The other half stays with the deposits.
        let half = settlement.rules.bond / 2;
        accounts
            .batch
            .debit(context, settlement.rules.bond.saturating_sub(half))?;
        accounts
            .settlement
            .credit(context, settlement.rules.bond.saturating_sub(half))?;
        let mut state = accounts.settlement.write(context)?;
        state.newest = batch.parent;
        state.included = batch.included;
        state.pending.truncate(place);
        let kept = state.hashes.len().saturating_sub(later);
        state.hashes.truncate(kept);
        drop(state);
        let with = u64::try_from(later.saturating_sub(1)).map_err(|_| SettlementError::Overflow)?;
        Fell {
            number: batch.number,
            with,
        }
        .emit(context)
    }

    /// Makes the oldest pending claim final, once nothing can refute it, and gives its bond back.
    #[instruction(6)]
    pub fn finalize(accounts: &Finalize<'_>, context: &mut Context<'_, '_>) -> Result {
        let now = slot(context)?;
        let batch = accounts.batch.read(context)?.clone();
        let bond = {
            let mut state = accounts.settlement.write(context)?;
            require!(
                state.pending.first() == Some(&batch.number),
                SettlementError::NotPending
            );
            require!(now > batch.ends, SettlementError::TimeLeft);
            state.pending.remove(0);
            state.final_root = parse(&batch.claim)?.state_root;
            state.final_count = next(state.final_count)?;
            accounts.batch.write(context)?.final_at = state.final_count;
            state.rules.bond
        };
        accounts.batch.debit(context, bond)?;
        accounts.sequencer.credit(context, bond)
    }

    /// Lets a batch go that is not needed any more: one that fell with another, or that is final
    /// and 151 others after it.
    #[instruction(7)]
    pub fn close(accounts: &Close<'_>, context: &mut Context<'_, '_>) -> Result {
        let settlement = accounts.settlement.read(context)?;
        let batch = accounts.batch.read(context)?;
        let is_pending = settlement.pending.contains(&batch.number);
        let others = settlement.final_count.saturating_sub(batch.final_at);
        let is_needed = is_pending || (batch.final_at > 0 && others < KEPT);
        require!(!is_needed, SettlementError::Needed);
        Ok(())
    }

    /// Pays what has left the rollup in a final state, by its exit account.
    #[instruction(8)]
    pub fn exit(
        accounts: &PayExit<'_>,
        context: &mut Context<'_, '_>,
        exit: Address,
        account: Vec<u8>,
        proof: Vec<u8>,
    ) -> Result {
        let root = accounts.settlement.read(context)?.final_root;
        let (receiver, lamports) = shown(&account, SHOWN[1])?;
        let is_receiver = receiver == *accounts.receiver.address();
        require!(is_receiver, SettlementError::BadEvidence);
        holds(
            context,
            accounts.judge.address(),
            &root,
            &exit,
            &account,
            &proof,
        )?;
        let now = slot(context)?;
        accounts.mark.set(context, &Paid { slot: now.into() })?;
        accounts.settlement.debit(context, lamports)?;
        accounts.receiver.credit(context, lamports)
    }

    /// Appends a wish to the queue.
    fn ask(accounts: &Ask<'_>, context: &mut Context<'_, '_>, number: u64, wish: Wish) -> Result {
        let now = slot(context)?;
        let until = {
            let mut state = accounts.settlement.write(context)?;
            require!(number == state.demanded, SettlementError::NotFirst);
            state.demanded = next(number)?;
            now.checked_add(state.rules.patience)
                .ok_or(SettlementError::Overflow)?
        };
        let demand = Demand {
            settlement: *accounts.settlement.address(),
            number,
            wish,
            until,
        };
        accounts.demand.set(context, &demand)
    }

    /// Fails unless a claim includes what is wanted.
    fn prove(
        context: &mut Context<'_, '_>,
        judge: &Address,
        claim: &ClaimBytes,
        demand: &Demand,
        evidence: Evidence,
    ) -> Result {
        match (demand.wish, evidence) {
            (Wish::Credit { receiver, lamports }, Evidence::Account { account, proof }) => {
                let is_it = shown(&account, SHOWN[0])? == (receiver, lamports);
                require!(is_it, SettlementError::BadEvidence);
                let (address, _) = CreditDeposit::credit_address(demand.number);
                let root = parse(claim)?.state_root;
                holds(context, judge, &root, &address, &account, &proof)
            }
            (
                Wish::Message { hash },
                Evidence::Step {
                    position,
                    step,
                    siblings,
                },
            ) => {
                let fields = (hash, position, step, siblings);
                let question = [vec![2], encode(claim), encode(&fields)];
                answer(context, judge, &question.concat())
            }
            _ => Err(SettlementError::BadEvidence.into()),
        }
    }

    /// The receiver that an account of the gateway names, and how much.
    fn shown(account: &[u8], tag: u8) -> Result<(Address, u64)> {
        const HEAD: usize = 8 + 32 + 1 + 4;
        let wrong = SettlementError::BadEvidence;
        let (head, data) = account.split_at_checked(HEAD).ok_or(wrong)?;
        let is_ours = head[8..40] == *gateway::ID.as_array() && data.first() == Some(&tag);
        require!(is_ours, wrong);
        // Behind tag and bump seed.
        let mut fields = data.get(2..).ok_or(wrong)?;
        let fields = <(Address, u64)>::decode(&mut fields);
        Ok(fields.ok_or(wrong)?)
    }

    fn holds(
        context: &mut Context<'_, '_>,
        judge: &Address,
        root: &[u8; 32],
        address: &Address,
        account: &[u8],
        proof: &[u8],
    ) -> Result {
        let question = [
            vec![1],
            encode(root),
            encode(address),
            encode(&account.to_vec()),
            encode(&proof.to_vec()),
        ];
        answer(context, judge, &question.concat())
    }

    /// Fails unless the judge answers a question with yes.
    fn answer(context: &mut Context<'_, '_>, judge: &Address, question: &[u8]) -> Result {
        context.invoke(InstructionRef {
            program: judge,
            accounts: &[],
            data: question,
        })
    }

    fn next(number: u64) -> Result<u64> {
        Ok(number.checked_add(1).ok_or(SettlementError::Overflow)?)
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }

    const _: () = assert!(CLAIM_SIZE == 149);
}
