//! The compiled Token programs, called as clients call them.

use lockstep_interface::{
    AccountMeta, Address, Instruction, InstructionError, ProgramTable,
    address::{find_program_address, program_ids},
};

use crate::{
    elf, loaded,
    world::{Done, World},
};

/// The compiled Token programs by the names of their files, and the compute units of a transfer as
/// published: in SIMD-0266 for the first, without its log line.
const TOKENS: [(&str, u64); 2] = [
    ("pinocchio_token_program.so", 76),
    ("spl_token-3.5.0.so", 4_645),
];

/// Where the amount of a token account lies.
const AMOUNT: usize = 64;

fn call(data: Vec<u8>, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program: program_ids::TOKEN,
        accounts,
        data,
    }
}

fn with_amount(tag: u8, amount: u64) -> Vec<u8> {
    [&[tag][..], &amount.to_le_bytes()].concat()
}

fn writable(address: Address) -> AccountMeta {
    AccountMeta::writable(address, false)
}

fn reads(address: Address) -> AccountMeta {
    AccountMeta::readonly(address, false)
}

fn signs(address: Address) -> AccountMeta {
    AccountMeta::readonly(address, true)
}

struct Coin {
    world: World,
    mint: Address,
    owner: Address,
    delegate: Address,
    first: Address,
    second: Address,
}

impl Coin {
    /// Worlds with a mint and two accounts of it, the first of which holds 1,000 tokens; one with
    /// machine code, one interpreted.
    fn worlds(file: &str) -> Vec<Self> {
        let Some(elf) = elf(file) else {
            return Vec::new();
        };
        let programs = loaded(program_ids::TOKEN, "compiled-token", &elf);
        let worlds = programs.map(|program| World::new(ProgramTable::new().with(program)));
        worlds.map(Self::begin).into()
    }

    fn begin(mut world: World) -> Self {
        let mint = world.put(1, program_ids::TOKEN, 82);
        let first = world.put(2, program_ids::TOKEN, 165);
        let second = world.put(3, program_ids::TOKEN, 165);
        let owner = world.put(4, program_ids::SYSTEM, 0);
        let delegate = world.put(5, program_ids::SYSTEM, 0);
        let key = owner.as_array();
        let new_mint = [&[20, 2][..], key, &[1], key].concat();
        let new_account = |owner: &Address| [&[18][..], owner.as_array()].concat();
        let mut coin = Self {
            world,
            mint,
            owner,
            delegate,
            first,
            second,
        };
        coin.ok(&call(new_mint, vec![writable(mint)]));
        coin.ok(&call(
            new_account(&owner),
            vec![writable(first), reads(mint)],
        ));
        coin.ok(&call(
            new_account(&delegate),
            vec![writable(second), reads(mint)],
        ));
        let accounts = vec![writable(mint), writable(first), signs(owner)];
        coin.ok(&call(with_amount(7, 1_000), accounts));
        coin
    }

    fn transfer(&self, authority: Address, amount: u64) -> Instruction {
        let accounts = vec![
            writable(self.first),
            writable(self.second),
            signs(authority),
        ];
        call(with_amount(3, amount), accounts)
    }

    #[track_caller]
    fn ok(&mut self, instruction: &Instruction) -> Done {
        let done = self.world.run(instruction);
        assert_eq!(done.result, Ok(()), "{:?}", done.logs);
        done
    }

    fn amounts(&self) -> [u64; 2] {
        [self.first, self.second].map(|account| {
            let bytes = &self.world.data(&account)[AMOUNT..];
            let bytes = bytes.first_chunk().copied();
            u64::from_le_bytes(bytes.expect("the account has an amount"))
        })
    }
}

#[test]
fn transfers_cost_what_is_published_and_nothing_less() {
    for (file, units) in TOKENS {
        for mut coin in Coin::worlds(file) {
            let transfer = coin.transfer(coin.owner, 400);
            let done = coin.world.run_with(&transfer, units - 1);
            assert_eq!(done.result, Err(InstructionError::ProgramFailedToComplete));
            assert_eq!(done.units, units - 1);
            assert_eq!(coin.amounts(), [1_000, 0]);
            let done = coin.world.run_with(&transfer, units);
            assert_eq!((done.result, done.units), (Ok(()), units), "{file}");
            assert_eq!(coin.amounts(), [600, 400]);
        }
    }
}

#[test]
fn errors_are_those_of_the_program() {
    for (file, _) in TOKENS {
        for mut coin in Coin::worlds(file) {
            for (instruction, error) in [
                (coin.transfer(coin.owner, 1_001), 1),
                (coin.transfer(coin.delegate, 1), 4),
            ] {
                let done = coin.world.run(&instruction);
                assert_eq!(done.result, Err(InstructionError::Custom(error)), "{file}");
                assert!(done.units < 10_000, "{file} takes {}", done.units);
            }
            // An account that may not be written.
            let mut transfer = coin.transfer(coin.owner, 1);
            transfer.accounts[1].is_writable = false;
            let done = coin.world.run(&transfer);
            assert_eq!(
                done.result,
                Err(InstructionError::ReadonlyDataModified),
                "{file}"
            );
            assert_eq!(coin.amounts(), [1_000, 0]);
        }
    }
}

#[test]
fn a_whole_life_is_one_and_the_same_run_either_way() {
    for (file, _) in TOKENS {
        let ends = Coin::worlds(file).into_iter().map(|mut coin| {
            let Coin {
                mint,
                owner,
                delegate,
                first,
                second,
                ..
            } = coin;
            let amounts = |coin: &Coin| coin.amounts();
            let accounts = vec![writable(first), reads(delegate), signs(owner)];
            let mut done = vec![coin.ok(&call(with_amount(4, 300), accounts))];
            done.push(coin.ok(&coin.transfer(delegate, 250)));
            assert_eq!(amounts(&coin), [750, 250]);
            let checked = [with_amount(12, 50), vec![2]].concat();
            let accounts = vec![writable(first), reads(mint), writable(second), signs(owner)];
            done.push(coin.ok(&call(checked, accounts)));
            done.push(coin.ok(&call(vec![5], vec![writable(first), signs(owner)])));
            let frozen = vec![writable(first), reads(mint), signs(owner)];
            done.push(coin.ok(&call(vec![10], frozen.clone())));
            let refused = coin.world.run(&coin.transfer(owner, 1));
            assert_eq!(refused.result, Err(InstructionError::Custom(17)), "{file}");
            done.push(coin.ok(&call(vec![11], frozen)));
            let accounts = vec![writable(first), writable(mint), signs(owner)];
            done.push(coin.ok(&call(with_amount(8, 700), accounts)));
            assert_eq!(amounts(&coin), [0, 300]);
            let lamports = coin.world.accounts[&first].lamports;
            let before = coin.world.accounts[&second].lamports;
            let accounts = vec![writable(first), writable(second), signs(owner)];
            done.push(coin.ok(&call(vec![9], accounts)));
            assert_eq!(coin.world.accounts[&first].lamports, 0);
            assert_eq!(coin.world.accounts[&second].lamports, before + lamports);
            (done, coin.world.accounts)
        });
        let ends: Vec<_> = ends.collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{file}");
    }
}

#[test]
fn associated_accounts_are_made_by_calls_of_other_programs() {
    let Some(associated) = elf("spl_associated_token_account-1.1.1.so") else {
        return;
    };
    for (file, _) in TOKENS {
        let Some(token) = elf(file) else { return };
        let tokens = loaded(program_ids::TOKEN, "compiled-token", &token);
        let associated = loaded(program_ids::ASSOCIATED_TOKEN, "compiled-ata", &associated);
        let programs = tokens.into_iter().zip(associated);
        let ends = programs.map(|(token, associated)| {
            let programs = ProgramTable::new().with(token).with(associated);
            let mut coin = Coin::begin(World::new(programs));
            let seeds = [coin.owner, program_ids::TOKEN, coin.mint].map(|key| *key.as_array());
            let seeds = seeds.each_ref().map(|seed| &seed[..]);
            let (account, _) = find_program_address(&seeds, &program_ids::ASSOCIATED_TOKEN);
            let payer = coin.world.put(6, program_ids::SYSTEM, 0);
            coin.world.accounts.get_mut(&payer).unwrap().lamports = 1_000_000_000;
            let create = Instruction {
                program: program_ids::ASSOCIATED_TOKEN,
                accounts: vec![
                    AccountMeta::writable(payer, true),
                    writable(account),
                    reads(coin.owner),
                    reads(coin.mint),
                    reads(program_ids::SYSTEM),
                    reads(program_ids::TOKEN),
                ],
                data: vec![0],
            };
            let done = coin.ok(&create);
            let made = &coin.world.accounts[&account];
            assert_eq!((made.owner, made.data.len()), (program_ids::TOKEN, 165));
            assert_eq!(made.lamports, 2_039_280);
            assert_eq!(&made.data[..32], coin.mint.as_array());
            assert_eq!(&made.data[32..64], coin.owner.as_array());
            let less = coin.world.run_with(&create, 1_000);
            assert!(less.result.is_err());
            (done, coin.world.accounts)
        });
        let ends: Vec<_> = ends.collect();
        eprintln!(
            "{file}: {} units to make an associated account",
            ends[0].0.units
        );
        assert_eq!(ends[0], ends[1], "{file}");
    }
}
