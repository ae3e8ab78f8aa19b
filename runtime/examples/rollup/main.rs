//! A rollup and its base in one process: deposits, transfers, a dishonest batch that one
//! transaction refutes, exits.
//!
//! ```text
//! cargo run --release --example rollup -- 100000
//! ```
//! The sequencer executes blocks of the rollup and posts what it claims of them on the base. A
//! watcher executes the same blocks, compares, and challenges. The number is that of transfers.
#![allow(
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    reason = "an example shows what it does, and counts small numbers"
)]

mod node;

use lockstep_interface::{Account, Address, Hash};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    chain::ChainOptions,
    settle::{Claim, Journal, Judge, Nodes, find},
    threads::Threads,
};
use lockstep_sdk::state::{from_account, to_account};
use lockstep_settlement::{
    gateway::Reserve,
    gateway::{self, CreditDeposit, CreditDepositAddresses, GatewayProgram, Leave, LeaveAddresses},
    settlement::{call, *},
};
use lockstep_store::{account_hash, encode_account};

use node::{Done, Node, Wallet};

const USERS: usize = 50;
const DEPOSITS: u64 = 50;
const DEPOSIT: u64 = 20_000_000_000;
const LEAVES: u64 = 3_000_000_000;
const RESERVE: u64 = 1 << 60;
const BLOCK: usize = 10_000;
const BOND: u64 = 5_000_000_000;
const WINDOW: u64 = 200;
const DEPTH: u8 = 10;
const JUDGE: Address = Address::from_str_const("Judge11111111111111111111111111111111111111");

/// The account at an address, and the proof that the rollup's state has it.
fn shown(rollup: &Node, address: &Address) -> Done<(Vec<u8>, Vec<u8>)> {
    let proven = rollup.chain.prove(address)?;
    let account = proven.account.ok_or("the account exists")?;
    Ok((encode_account(&account), proven.proof.to_bytes()))
}

/// Transfers in a circle, of some lamports that tell them apart.
fn transfers(users: &[Wallet], blockhash: Hash, count: usize) -> Done<Vec<Vec<u8>>> {
    let pairs = users.iter().zip(users.iter().skip(1).chain(users)).cycle();
    let numbered = (1_000_000..).zip(pairs).take(count);
    numbered
        .map(|(lamports, (payer, payee))| {
            payer.sign(
                blockhash,
                transfer(&payer.address, &payee.address, lamports),
            )
        })
        .collect()
}

/// A journal in which one transfer leaves its receiver with more than it got.
fn dishonest(honest: &Journal) -> Done<Journal> {
    let mut wrong = honest.clone();
    let middle = wrong.steps.len() / 2;
    let mut rich = honest.accounts(middle).ok_or("its accounts are known")?[1].clone();
    rich.lamports += 1_000_000_000_000;
    let mut step = honest.read_step(middle).ok_or("it is a step")?;
    step.entries[1].after = Some(account_hash(&rich));
    wrong.steps[middle] = step.encode();
    Ok(wrong)
}

/// Both chains, and the parties that act on them.
struct World {
    sequencer: Wallet,
    challenger: Wallet,
    users: Vec<Wallet>,
    base: Node,
    rollup: Node,
    /// The gateway's account on the rollup.
    reserve: Address,
    /// On the base.
    settlement: Address,
    /// Its lamports before any deposit.
    rent: u64,
    /// The newest claim, its state's nodes, and how many were posted.
    newest: Claim,
    nodes: Nodes,
    posted: u64,
}

impl World {
    fn new(options: &ChainOptions) -> Done<Self> {
        let [sequencer, challenger] = [201, 202].map(Wallet::new);
        let users: Vec<Wallet> = (1..).map(Wallet::new).take(USERS).collect();

        // The rollup begins with a reserve and a sequencer; all else comes from the base.
        let (reserve, bump) = CreditDeposit::reserve_address();
        let state = Reserve {
            sequencer: sequencer.address,
        };
        let mut account = to_account(&state, bump)?;
        account.lamports = RESERVE;
        let rich = Account::wallet(1 << 40);
        let accounts = vec![(reserve, account), (sequencer.address, rich.clone())];
        let rules = || builtin_programs().with(GatewayProgram);
        let genesis = Genesis::new(accounts, rules()).without_limits();
        let rollup = Node::open(genesis, options)?;

        // The base knows the rollup's rules, by a judge, and nothing else of it.
        let wallets = users.iter().chain([&sequencer, &challenger]);
        let wallets = wallets.map(|wallet| (wallet.address, rich.clone()));
        let judge = Judge::new(JUDGE, Genesis::new(Vec::new(), rules()));
        let programs = builtin_programs().with(SettlementProgram).with(judge);
        let mut base = Node::open(Genesis::new(wallets.collect(), programs), options)?;
        let (id, header) = rollup.chain.head();
        let newest = Claim::first(id, &header).ok_or("the rollup has a state root")?;
        let nodes = Nodes::of(&*rollup.bank(&id)?, DEPTH, &options.threads)?;
        let rules = Rules {
            judge: JUDGE,
            bond: BOND,
            window: WINDOW,
            patience: 100,
        };
        let open = OpenAddresses {
            sequencer: sequencer.address,
        };
        base.run(&sequencer, call::open(&open, 0, rules, newest.encode()))?;
        let settlement = Open::settlement_address(&sequencer.address, 0).0;
        let rent = base.account(&settlement)?.lamports;
        Ok(Self {
            sequencer,
            challenger,
            users,
            base,
            rollup,
            reserve,
            settlement,
            rent,
            newest,
            nodes,
            posted: 0,
        })
    }

    /// Deposits on the base, each with a number, and their credits on the rollup.
    fn deposit(&mut self) -> Done {
        let mut credits = Vec::new();
        for (number, user) in (0..DEPOSITS).zip(&self.users) {
            let ask = AskAddresses {
                payer: user.address,
                settlement: self.settlement,
            };
            let deposit = call::deposit(&ask, number, user.address, DEPOSIT);
            self.base.run(user, deposit)?;
            let credit = CreditDepositAddresses {
                sequencer: self.sequencer.address,
                receiver: user.address,
            };
            let credit = gateway::call::credit(&credit, number, DEPOSIT);
            credits.push(self.sequencer.sign(self.rollup.head(), credit)?);
        }
        let (claim, journal) = self.execute(&credits)?;
        for number in 0..DEPOSITS {
            let (address, _) = CreditDeposit::credit_address(number);
            let (account, proof) = shown(&self.rollup, &address)?;
            let evidence = Evidence::Account { account, proof };
            if number == 0 {
                self.post(&claim, (0, Some(evidence)))?;
                continue;
            }
            let include = IncludeAddresses {
                settlement: self.settlement,
                demand: Ask::demand_address(&self.settlement, number).0,
                judge: JUDGE,
            };
            let include = call::include(&include, evidence);
            self.base.run(&self.sequencer, include)?;
        }
        self.accept(claim, journal);
        println!("{USERS} deposits of {DEPOSIT} lamports, credited and included");
        Ok(())
    }

    /// Transfers, block by block; in the second block the sequencer lies first.
    fn transfer(&mut self, count: usize) -> Done {
        let size = BLOCK.min(count.div_ceil(2).max(1));
        let mut left = count;
        while left > 0 {
            let transactions = transfers(&self.users, self.rollup.head(), left.min(size))?;
            left -= transactions.len();
            let parent = self.rollup.bank(&self.rollup.head())?;
            let (claim, journal) = self.execute(&transactions)?;
            if self.posted == 2 {
                let wrong = dishonest(&journal)?;
                let lie = wrong.stated(claim, &Threads::new(1)?);
                self.post(&lie, (DEPOSITS, None))?;
                self.challenge(&parent, [&journal, &wrong], &lie)?;
            }
            self.post(&claim, (DEPOSITS, None))?;
            self.accept(claim, journal);
        }
        println!("{count} transfers in claims of {} bytes", Claim::SIZE);
        Ok(())
    }

    /// Half of the users leave with some of their lamports, once all claims are final.
    fn leave(&mut self) -> Done {
        let blockhash = self.rollup.head();
        let leaving = self.users.iter().take(USERS / 2);
        let exits = leaving.map(|user| {
            let payer = user.address;
            let leave = gateway::call::exit(&LeaveAddresses { payer }, 0, payer, LEAVES);
            user.sign(blockhash, leave)
        });
        let exits = exits.collect::<Done<Vec<_>>>()?;
        let (claim, journal) = self.execute(&exits)?;
        self.post(&claim, (DEPOSITS, None))?;
        self.accept(claim, journal);
        self.base.slot += WINDOW;
        let state: Settlement = from_account(&self.base.account(&self.settlement)?)?;
        for number in state.pending {
            let finalize = FinalizeAddresses {
                settlement: self.settlement,
                batch: Post::batch_address(&self.settlement, number).0,
                sequencer: self.sequencer.address,
            };
            let finalize = call::finalize(&finalize);
            self.base.run(&self.challenger, finalize)?;
        }
        for user in self.users.iter().take(USERS / 2) {
            let (exit, _) = Leave::exit_address(&user.address, 0);
            let (account, proof) = shown(&self.rollup, &exit)?;
            let pay = PayExitAddresses {
                payer: self.challenger.address,
                settlement: self.settlement,
                receiver: user.address,
                judge: JUDGE,
            };
            let pay = call::exit(&pay, exit, account, proof);
            self.base.run(&self.challenger, pay.clone())?;
            let again = self.base.run(&self.challenger, pay);
            assert!(again.is_err(), "an exit is paid once");
        }
        Ok(())
    }

    /// What is on the rollup is what the base holds for it.
    fn compare(&self) -> Done {
        let left = LEAVES * u64::try_from(USERS / 2)?;
        let expected = DEPOSIT * DEPOSITS - left;
        let outside = RESERVE - self.rollup.account(&self.reserve)?.lamports;
        // Half of the bond that fell stays there.
        let settlement = self.base.account(&self.settlement)?.lamports;
        let held = settlement - self.rent - BOND / 2;
        assert_eq!([outside, held], [expected; 2]);
        println!(
            "{} exits, paid once; {held} lamports on both sides",
            USERS / 2
        );
        Ok(())
    }

    /// A block of the rollup, its claim and its journal.
    fn execute(&mut self, transactions: &[Vec<u8>]) -> Done<(Claim, Journal)> {
        let built = self.rollup.block(transactions, true)?;
        let chain = &self.rollup.chain;
        let threads = &chain.options().threads;
        let [parent, bank] = [&self.newest.block_id, &built.id].map(|id| self.rollup.bank(id));
        let (parent, bank) = (parent?, bank?);
        let read = chain.read(built.bytes().into())?;
        let (nodes, wire) = (self.nodes.clone(), read.transactions());
        let journal = Journal::of(&parent, nodes, &bank, wire, &built.receipts, threads)?;
        let claim = journal.claim(&bank, threads);
        chain.commit(&built.id)?;
        Ok((claim, journal))
    }

    /// Posts a claim on the base; the evidence is of the first demand that is not included.
    fn post(&mut self, claim: &Claim, (first, evidence): (u64, Option<Evidence>)) -> Done {
        let post = PostAddresses {
            sequencer: self.sequencer.address,
            settlement: self.settlement,
            judge: JUDGE,
        };
        let batch = self.posted;
        let call = call::post(&post, batch, first, claim.encode(), evidence);
        self.base.run(&self.sequencer, call)?;
        self.posted += 1;
        Ok(())
    }

    /// The watcher's part: its own journal against the one that was published with the claim.
    fn challenge(
        &mut self,
        parent: &FrozenBank,
        [own, published]: [&Journal; 2],
        claim: &Claim,
    ) -> Done {
        let trie = parent.trie().ok_or("the rollup has a state root")?;
        let claims = [&self.newest, claim];
        let found = find(own, published, claims, trie, &[]);
        let refutation = found.ok_or("the claim is wrong")?;
        let bytes = refutation.encode();
        let (kind, size) = (refutation.name(), bytes.len());
        let batch = Post::batch_address(&self.settlement, self.posted - 1).0;
        let refute = RefuteAddresses {
            challenger: self.challenger.address,
            settlement: self.settlement,
            batch,
            judge: JUDGE,
            earlier: batch,
        };
        let call = call::refute(&refute, bytes);
        self.base.run(&self.challenger, call)?;
        println!("a dishonest batch is refuted by its {kind}, {size} bytes");
        Ok(())
    }

    fn accept(&mut self, claim: Claim, journal: Journal) {
        self.newest = claim;
        self.nodes = journal.transition.after;
    }
}

fn main() -> Done {
    let count: usize = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 2_000,
    };
    let options = ChainOptions {
        shares_credits: false,
        ..ChainOptions::new(Threads::new(2)?)
    };
    let mut world = World::new(&options)?;
    world.deposit()?;
    world.transfer(count)?;
    world.leave()?;
    world.compare()
}
