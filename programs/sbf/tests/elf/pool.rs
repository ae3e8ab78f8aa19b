//! The stake pool over the Stake program and p-token, all compiled, on a chain: lamports go in and
//! come out, and the pool is managed, in blocks of many.

use lockstep_interface::{
    Account, Address, Instruction, Rent,
    address::{find_program_address, program_ids, sysvar_ids},
};
use lockstep_testing::{Call, Chain, SOL};

use crate::kit::{
    account, amount, call, chain, mint, passed, pays, reads, run, signs, sized, tokens, writable,
};

const POOL_PROGRAM: Address =
    Address::from_str_const("SPoo1Ku8WFXoNDMHPsrGSTSG1Y47rzgn41SLUNakuHy");
const STAKE: Address = Address::from_str_const("Stake11111111111111111111111111111111111111");
const TOKEN: Address = program_ids::TOKEN;
/// Validators that the pool has room for, and bytes of each and of the list's head.
const VALIDATORS: u32 = 10;
const VALIDATOR_SIZE: usize = 73;
const LIST_HEAD: usize = 9;
const POOL_SIZE: usize = 611;
const WALLETS: usize = 24;

struct Pool {
    chain: Chain,
    manager: Address,
    staker: Address,
    pool: Address,
    list: Address,
    reserve: Address,
    mint: Address,
    fees: Address,
    authority: Address,
    /// Wallets and their accounts of the pool's tokens.
    wallets: Vec<(Address, Address)>,
}

/// A stake account that nothing is delegated of, under one authority.
fn stake(authority: &Address) -> Account {
    let mut data = vec![0; 200];
    data[0] = 1;
    data[4..12].copy_from_slice(&Rent::MAINNET.minimum_balance(200).to_le_bytes());
    data[12..44].copy_from_slice(authority.as_array());
    data[44..76].copy_from_slice(authority.as_array());
    let mut account = account(&STAKE, data);
    account.lamports += SOL;
    account
}

impl Pool {
    fn start() -> Option<Self> {
        let mut chain = chain(&[
            (POOL_PROGRAM, "spl-stake-pool.so"),
            (STAKE, "core_bpf_stake-5.0.0.so"),
            (TOKEN, "pinocchio_token_program.so"),
        ])?;
        let [pool, list, reserve, pool_mint, fees] =
            ["pool", "list", "reserve", "pool mint", "fees"].map(|name| chain.signer(name));
        let [manager, staker] = ["manager", "staker"].map(|name| chain.wallet(name));
        let seeds = [&pool.as_array()[..], b"withdraw"];
        let (authority, _) = find_program_address(&seeds, &POOL_PROGRAM);
        let list_size = LIST_HEAD + VALIDATOR_SIZE * VALIDATORS as usize;
        chain.set_accounts([
            (pool, account(&POOL_PROGRAM, vec![0; POOL_SIZE])),
            (list, account(&POOL_PROGRAM, vec![0; list_size])),
            (reserve, stake(&authority)),
            (pool_mint, mint(&authority, 0, 9)),
            (fees, tokens(&pool_mint, &manager, 0)),
            // An empty history, which no program of the test reads.
            (
                sysvar_ids::STAKE_HISTORY,
                account(&sysvar_ids::OWNER, vec![0; 16_392]),
            ),
        ]);
        let wallets: Vec<_> = (0..WALLETS)
            .map(|number| {
                let wallet = chain.wallet(&format!("wallet {number}"));
                chain.airdrop(&wallet, 1_000 * SOL);
                (wallet, chain.signer(&format!("purse {number}")))
            })
            .collect();
        let purses = wallets.iter();
        let purses = purses.map(|(wallet, purse)| (*purse, tokens(&pool_mint, wallet, 0)));
        let purses: Vec<_> = purses.collect();
        chain.set_accounts(purses);
        Some(Self {
            chain,
            manager,
            staker,
            pool,
            list,
            reserve,
            mint: pool_mint,
            fees,
            authority,
            wallets,
        })
    }

    fn instruction(
        &self,
        data: Vec<u8>,
        accounts: Vec<lockstep_interface::AccountMeta>,
    ) -> Instruction {
        Instruction {
            program: POOL_PROGRAM,
            accounts,
            data,
        }
    }

    fn initialize(&self) -> Call {
        // No fees but on withdrawals, one in a hundred; nothing for referrers.
        let fee = |numerator: u64| [100u64.to_le_bytes(), numerator.to_le_bytes()].concat();
        let data = [
            &[0][..],
            &fee(0),
            &fee(1),
            &fee(0),
            &[0],
            &VALIDATORS.to_le_bytes(),
        ]
        .concat();
        let accounts = vec![
            writable(&self.pool),
            signs(&self.manager),
            reads(&self.staker),
            reads(&self.authority),
            writable(&self.list),
            reads(&self.reserve),
            writable(&self.mint),
            writable(&self.fees),
            reads(&TOKEN),
        ];
        call(200_000, &[self.instruction(data, accounts)])
    }

    fn deposit(&self, place: usize, lamports: u64) -> Call {
        let (wallet, purse) = &self.wallets[place];
        let accounts = vec![
            writable(&self.pool),
            reads(&self.authority),
            writable(&self.reserve),
            pays(wallet),
            writable(purse),
            writable(&self.fees),
            writable(purse),
            writable(&self.mint),
            reads(&program_ids::SYSTEM),
            reads(&TOKEN),
        ];
        let data = [&[14][..], &lamports.to_le_bytes()].concat();
        call(200_000, &[self.instruction(data, accounts)])
    }

    fn withdraw(&self, place: usize, amount: u64) -> Call {
        let (wallet, purse) = &self.wallets[place];
        let accounts = vec![
            writable(&self.pool),
            reads(&self.authority),
            signs(wallet),
            writable(purse),
            writable(&self.reserve),
            writable(wallet),
            writable(&self.fees),
            writable(&self.mint),
            reads(&sysvar_ids::CLOCK),
            reads(&sysvar_ids::STAKE_HISTORY),
            reads(&STAKE),
            reads(&TOKEN),
        ];
        let data = [&[16][..], &amount.to_le_bytes()].concat();
        call(200_000, &[self.instruction(data, accounts)])
    }

    /// Sets the fee on withdrawals of lamports, in hundredths.
    fn set_fee(&self, signer: &Address, numerator: u64) -> Call {
        let fee = [100u64.to_le_bytes(), numerator.to_le_bytes()].concat();
        let data = [&[12, 6][..], &fee].concat();
        let accounts = vec![writable(&self.pool), signs(signer)];
        call(100_000, &[self.instruction(data, accounts)])
    }

    fn set_staker(&self, staker: &Address) -> Call {
        let accounts = vec![writable(&self.pool), signs(&self.manager), reads(staker)];
        call(100_000, &[self.instruction(vec![13], accounts)])
    }

    fn update_balance(&self) -> Call {
        let accounts = vec![
            writable(&self.pool),
            reads(&self.authority),
            writable(&self.list),
            reads(&self.reserve),
            writable(&self.fees),
            writable(&self.mint),
            reads(&TOKEN),
        ];
        call(200_000, &[self.instruction(vec![7], accounts)])
    }

    fn held(&self) -> u64 {
        let purses = self.wallets.iter().map(|(_, purse)| purse);
        let held = purses.map(|purse| amount(&self.chain, purse).unwrap());
        held.sum()
    }
}

#[test]
fn blocks_of_deposits_withdrawals_and_management() {
    let Some(mut pool) = Pool::start() else {
        return;
    };
    let begin = pool.initialize();
    run(&mut pool.chain, vec![begin]).all_ok();
    let deposits: Vec<Call> = (0..WALLETS)
        .map(|place| pool.deposit(place, 10 * SOL))
        .collect();
    run(&mut pool.chain, deposits).all_ok();
    assert_eq!(pool.held(), 240 * SOL, "a token for each lamport");

    let calls = (0..sized(60)).map(|number| {
        let place = number * 7 % WALLETS;
        match number % 10 {
            0..4 => pool.deposit(place, 1_000_000 + number as u64),
            4..7 => pool.withdraw(place, 2_000_000),
            7 => pool.set_staker(&pool.wallets[place].0),
            8 => pool.update_balance(),
            // Only the manager may.
            _ => pool.set_fee(&pool.wallets[place].0, 2),
        }
    });
    let calls: Vec<Call> = calls.collect();
    let count = calls.len();
    let block = run(&mut pool.chain, calls);
    assert_eq!(passed(&block), count - count / 10);
    let reserve = pool.chain.lamports(&pool.reserve);
    let rent = Rent::MAINNET.minimum_balance(200);
    assert!(reserve > rent + 240 * SOL, "{reserve}");
    let raised = pool.set_fee(&pool.manager, 1);
    run(&mut pool.chain, vec![raised]).all_ok();
    let taken = amount(&pool.chain, &pool.fees).unwrap();
    let out = pool.withdraw(0, SOL);
    run(&mut pool.chain, vec![out]).all_ok();
    let fee = amount(&pool.chain, &pool.fees).unwrap() - taken;
    assert_eq!(fee, SOL / 100);
}
