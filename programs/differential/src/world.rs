//! A few accounts of every kind, and instructions that mostly fit them.

use lockstep_interface::{
    Account, AccountData, AccountMeta, Address, Instruction, Rent,
    address::{INCINERATOR, program_ids, sysvar_ids},
};
use lockstep_programs::token::{
    AuthorityKind, Mint, Multisig, NATIVE_MINT, TokenAccount, TokenInstruction, TokenState,
};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const MINTS: usize = 3;
const TOKEN_ACCOUNTS: usize = 6;
const MULTISIGS: usize = 2;
const WALLETS: usize = 4;

/// The accounts, and the source of everything random.
#[derive(Debug)]
pub struct World {
    /// All accounts that instructions may name.
    pub accounts: Vec<(Address, Account)>,
    rng: ChaCha8Rng,
}

/// An instruction, its accounts, and those of its authority.
type Parts = (
    TokenInstruction<'static>,
    Vec<AccountMeta>,
    Vec<AccountMeta>,
);

fn write(address: Address) -> AccountMeta {
    AccountMeta::writable(address, false)
}

fn read(address: Address) -> AccountMeta {
    AccountMeta::readonly(address, false)
}

/// What an account is meant for; instructions choose by it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Mint,
    Token,
    Multisig,
    Wallet,
}

impl World {
    /// Accounts that are not in use yet, but for wallets and the mint of wrapped lamports.
    pub fn new(seed: u64) -> Self {
        let mut world = Self {
            accounts: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
        };
        for (count, size) in [
            (MINTS, size_of::<Mint>()),
            (TOKEN_ACCOUNTS, size_of::<TokenAccount>()),
            (MULTISIGS, size_of::<Multisig>()),
        ] {
            for _ in 0..count {
                let address = world.address();
                let account = world.new_account(size);
                world.accounts.push((address, account));
            }
        }
        for _ in 0..WALLETS {
            let address = world.address();
            world.accounts.push((address, Account::wallet(1_000_000)));
        }
        let native = Mint::new(Address::default(), 9, None);
        let native = Account {
            lamports: 1_461_600,
            data: bytemuck::bytes_of(&native).into(),
            owner: program_ids::TOKEN,
            executable: false,
        };
        let rent = Account {
            lamports: 1,
            data: Rent::MAINNET.encode().into(),
            owner: sysvar_ids::OWNER,
            executable: false,
        };
        world.accounts.push((NATIVE_MINT, native));
        world.accounts.push((sysvar_ids::RENT, rent));
        world.accounts.push((INCINERATOR, Account::wallet(5)));
        world
            .accounts
            .push((program_ids::SYSTEM, Account::wallet(1)));
        world
    }

    /// The same with most mints and token accounts in use, and tokens in the accounts.
    pub fn begun(seed: u64) -> Self {
        let mut world = Self::new(seed);
        for index in 0..MINTS + TOKEN_ACCOUNTS {
            if world.rng.random_bool(0.1) {
                continue;
            }
            let wallet = MINTS + TOKEN_ACCOUNTS + MULTISIGS + world.rng.random_range(0..WALLETS);
            let owner = world.accounts[wallet].0;
            let mint = world.accounts[world.rng.random_range(0..MINTS)].0;
            let data: AccountData = if index < MINTS {
                let mut mint = Mint::new(owner, 6, world.rng.random_bool(0.7).then_some(owner));
                mint.supply = 10_000_000.into();
                bytemuck::bytes_of(&mint).into()
            } else {
                bytemuck::bytes_of(&TokenAccount::new(mint, owner, 1_000_000)).into()
            };
            world.accounts[index].1 = Account {
                lamports: Rent::MAINNET.minimum_balance(data.len()) + 1_000_000,
                data,
                owner: program_ids::TOKEN,
                executable: false,
            };
        }
        world
    }

    /// True if the instruction names an account that another program owns.
    pub fn names_foreign(&self, instruction: &Instruction) -> bool {
        let mut metas = instruction.accounts.iter();
        metas.any(|meta| {
            let mut accounts = self.accounts.iter();
            accounts.any(|(address, account)| {
                *address == meta.address && account.owner != program_ids::TOKEN
            })
        })
    }

    fn address(&mut self) -> Address {
        Address::new_from_array(self.rng.random())
    }

    /// An account of the right size, mostly rent-exempt, mostly the Token program's, rarely with
    /// content already.
    fn new_account(&mut self, size: usize) -> Account {
        let minimum = Rent::MAINNET.minimum_balance(size);
        let lamports = match self.rng.random_range(0..20) {
            0 => minimum - 1,
            1 => u64::MAX - self.rng.random_range(0..10),
            _ => minimum + self.rng.random_range(0..1_000),
        };
        let size = match self.rng.random_range(0..30) {
            0 => size + 1,
            1 => size - 1,
            _ => size,
        };
        let mut data = vec![0; size];
        if self.rng.random_bool(0.03) {
            // Tags and flags with values that no client gives them.
            let at = self.rng.random_range(0..size);
            data[at] = self.rng.random_range(1..4);
        }
        let owner = if self.rng.random_bool(0.95) {
            program_ids::TOKEN
        } else {
            self.address()
        };
        Account {
            lamports,
            data: data.into(),
            owner,
            executable: false,
        }
    }

    /// A closed account is opened again under its address from time to time, and lamports arrive.
    fn refresh(&mut self) {
        let index = self.rng.random_range(0..MINTS + TOKEN_ACCOUNTS + MULTISIGS);
        if self.accounts[index].1.data.is_empty() {
            let size = match index {
                0..MINTS => size_of::<Mint>(),
                _ => size_of::<TokenAccount>(),
            };
            self.accounts[index].1 = self.new_account(size);
        } else if self.rng.random_bool(0.1) {
            let account = &mut self.accounts[index].1;
            account.lamports = account.lamports.saturating_add(7);
        }
    }

    /// An address of this kind, mostly.
    fn pick(&mut self, kind: Kind) -> Address {
        let (start, count) = match kind {
            _ if self.rng.random_bool(0.02) => (0, self.accounts.len()),
            Kind::Mint if self.rng.random_bool(0.1) => {
                (MINTS + TOKEN_ACCOUNTS + MULTISIGS + WALLETS, 1)
            }
            Kind::Mint => (0, MINTS),
            Kind::Token => (MINTS, TOKEN_ACCOUNTS),
            Kind::Multisig => (MINTS + TOKEN_ACCOUNTS, MULTISIGS),
            Kind::Wallet if self.rng.random_bool(0.05) => (self.accounts.len() - 2, 2),
            Kind::Wallet => (MINTS + TOKEN_ACCOUNTS + MULTISIGS, WALLETS),
        };
        let index = self.rng.random_range(start..start + count);
        self.accounts[index].0
    }

    /// A candidate for an authority.
    fn party(&mut self) -> Address {
        let kind = if self.rng.random_bool(0.25) {
            Kind::Multisig
        } else {
            Kind::Wallet
        };
        self.pick(kind)
    }

    fn data(&self, address: &Address) -> &[u8] {
        let mut accounts = self.accounts.iter();
        let found = accounts.find(|(known, _)| known == address);
        found.map_or(&[], |(_, account)| &account.data)
    }

    fn token(&self, address: &Address) -> Option<TokenAccount> {
        TokenAccount::read(self.data(address)).ok().copied()
    }

    fn mint(&self, address: &Address) -> Option<Mint> {
        Mint::read(self.data(address)).ok().copied()
    }

    /// The mint of a token account, mostly.
    fn mint_of(&mut self, account: &Address) -> Address {
        match self.token(account) {
            Some(state) if self.rng.random_bool(0.95) && !self.data(&state.mint).is_empty() => {
                state.mint
            }
            _ => self.pick(Kind::Mint),
        }
    }

    /// Another account of the same mint, mostly.
    fn sibling(&mut self, account: &Address) -> Address {
        let mut candidate = self.pick(Kind::Token);
        for _ in 0..4 {
            let [own, other] = [account, &candidate].map(|address| self.token(address));
            if candidate != *account && own.map(|own| own.mint) == other.map(|other| other.mint) {
                break;
            }
            candidate = self.pick(Kind::Token);
        }
        candidate
    }

    /// The accounts that follow for an authority: itself, and the signers of a multisig.
    fn authority(&mut self, expected: Option<Address>) -> Vec<AccountMeta> {
        let known =
            expected.filter(|address| self.accounts.iter().any(|(known, _)| known == address));
        let address = match known {
            Some(address) if self.rng.random_bool(0.93) => address,
            _ => self.party(),
        };
        let Ok(multisig) = Multisig::read(self.data(&address)).copied() else {
            let is_signer = self.rng.random_bool(0.95);
            return vec![AccountMeta::readonly(address, is_signer)];
        };
        let mut metas = vec![AccountMeta::readonly(address, false)];
        for signer in multisig.signers.iter().take(usize::from(multisig.count)) {
            let is_known = self.accounts.iter().any(|(known, _)| known == signer);
            if is_known && self.rng.random_bool(0.85) {
                let is_signer = self.rng.random_bool(0.95);
                metas.push(AccountMeta::readonly(*signer, is_signer));
            }
        }
        metas
    }

    fn decimals(&mut self, mint: &Address, is_checked: bool) -> Option<u8> {
        let actual = self.mint(mint).map_or(0, |mint| mint.decimals);
        let is_right = self.rng.random_bool(0.95);
        is_checked.then_some(if is_right { actual } else { actual ^ 1 })
    }

    /// An amount around what the account holds.
    fn amount(&mut self, account: &Address) -> u64 {
        let held = self.token(account).map_or(0, |state| state.amount.get());
        match self.rng.random_range(0..10) {
            0 => 0,
            1 => held,
            2 => held.saturating_add(1),
            3 => self.rng.random(),
            _ => self.rng.random_range(0..=held / 2),
        }
    }

    /// The next instruction, before which accounts may be opened again from outside.
    pub fn instruction(&mut self) -> Instruction {
        self.refresh();
        self.next_instruction()
    }

    /// The next instruction, on the accounts as they are.
    pub fn next_instruction(&mut self) -> Instruction {
        let (call, mut metas, authority) = self.call();
        metas.extend(authority);
        let mut instruction = Instruction {
            program: program_ids::TOKEN,
            accounts: metas,
            data: call,
        };
        if self.rng.random_bool(0.02) {
            instruction.accounts.pop();
        }
        if self.rng.random_bool(0.02) {
            instruction.data.pop();
        }
        if self.rng.random_bool(0.01) {
            // Kinds from 25 on are not the classic program's.
            instruction.data = (0..self.rng.random_range(0..40))
                .map(|_| self.rng.random_range(0..26))
                .collect();
        }
        instruction
    }

    /// Data, accounts, and the authority's accounts of an instruction.
    fn call(&mut self) -> (Vec<u8>, Vec<AccountMeta>, Vec<AccountMeta>) {
        let is_checked = self.rng.random_bool(0.5);
        let token = self.pick(Kind::Token);
        let mint = self.mint_of(&token);
        // What is not in use yet is mostly made so.
        let is_eager = self.rng.random_bool(0.8);
        let kind = if is_eager && self.mint(&mint).is_none() {
            0
        } else if is_eager && self.token(&token).is_none() {
            self.rng.random_range(4..10)
        } else {
            self.rng.random_range(0..44)
        };
        let (call, metas, authority) = match kind {
            0..=3 => self.new_mint(mint),
            4..=9 => self.new_token_account(kind, token, mint),
            10..=11 => self.new_multisig(),
            12..=23 => self.spending(kind, token, mint, is_checked),
            24..=26 => self.new_authority(token, mint),
            27..=33 => self.supply_change(kind <= 31, token, mint, is_checked),
            34..=35 => self.closing(token),
            36..=38 => self.freezing(token, mint),
            39..=40 => (TokenInstruction::SyncNative, vec![write(token)], vec![]),
            41 => (
                TokenInstruction::GetAccountDataSize,
                vec![read(mint)],
                vec![],
            ),
            42 => (
                TokenInstruction::InitializeImmutableOwner,
                vec![write(token)],
                vec![],
            ),
            _ => return self.amount_call(read(mint)),
        };
        (call.encode(), metas, authority)
    }

    fn new_mint(&mut self, mint: Address) -> Parts {
        let names_rent = self.rng.random_bool(0.5);
        let call = TokenInstruction::InitializeMint {
            decimals: self.rng.random_range(0..12),
            mint_authority: self.party(),
            freeze_authority: self.rng.random_bool(0.7).then(|| self.party()),
            names_rent,
        };
        let metas = [write(mint)].into_iter();
        (
            call,
            metas
                .chain(names_rent.then(|| read(sysvar_ids::RENT)))
                .collect(),
            vec![],
        )
    }

    fn new_token_account(&mut self, kind: u32, token: Address, mint: Address) -> Parts {
        let owner = self.party();
        let metas = vec![write(token), read(mint)];
        match kind % 3 {
            0 => {
                let metas = [metas, vec![read(owner), read(sysvar_ids::RENT)]].concat();
                (TokenInstruction::InitializeAccount, metas, vec![])
            }
            1 => {
                let metas = [metas, vec![read(sysvar_ids::RENT)]].concat();
                (
                    TokenInstruction::InitializeAccount2 { owner },
                    metas,
                    vec![],
                )
            }
            _ => (
                TokenInstruction::InitializeAccount3 { owner },
                metas,
                vec![],
            ),
        }
    }

    fn new_multisig(&mut self) -> Parts {
        let names_rent = self.rng.random_bool(0.5);
        let count = self.rng.random_range(0..13);
        let required = self.rng.random_range(0..=count.min(4));
        let call = TokenInstruction::InitializeMultisig {
            required,
            names_rent,
        };
        let metas = [write(self.pick(Kind::Multisig))].into_iter();
        let metas = metas.chain(names_rent.then(|| read(sysvar_ids::RENT)));
        let signers: Vec<_> = (0..count).map(|_| read(self.pick(Kind::Wallet))).collect();
        (call, metas.chain(signers).collect(), vec![])
    }

    /// A transfer, or the delegate's coming or going.
    fn spending(&mut self, kind: u32, token: Address, mint: Address, is_checked: bool) -> Parts {
        let owner = self.owner(&token);
        if kind == 23 {
            let metas = vec![write(token)];
            return (TokenInstruction::Revoke, metas, self.authority(owner));
        }
        let amount = self.amount(&token);
        let decimals = self.decimals(&mint, is_checked);
        let mut metas = vec![write(token)];
        metas.extend(is_checked.then(|| read(mint)));
        if kind < 20 {
            metas.push(write(self.sibling(&token)));
            let spender = self.spender(&token);
            let call = TokenInstruction::Transfer { amount, decimals };
            return (call, metas, self.authority(spender));
        }
        metas.push(read(self.party()));
        let call = TokenInstruction::Approve { amount, decimals };
        (call, metas, self.authority(owner))
    }

    fn new_authority(&mut self, token: Address, mint: Address) -> Parts {
        let kinds = [
            AuthorityKind::MintTokens,
            AuthorityKind::FreezeAccount,
            AuthorityKind::AccountOwner,
            AuthorityKind::CloseAccount,
        ];
        let kind = *kinds.choose(&mut self.rng).expect("there are four");
        let authority = self.rng.random_bool(0.7).then(|| self.party());
        let of_mint = matches!(
            kind,
            AuthorityKind::MintTokens | AuthorityKind::FreezeAccount
        );
        let subject = if of_mint != self.rng.random_bool(0.05) {
            mint
        } else {
            token
        };
        let present = match kind {
            AuthorityKind::MintTokens => self.mint_authority(&mint),
            AuthorityKind::FreezeAccount => self.freeze_authority(&mint),
            AuthorityKind::AccountOwner => self.owner(&token),
            AuthorityKind::CloseAccount => self.closer(&token),
        };
        let call = TokenInstruction::SetAuthority { kind, authority };
        (call, vec![write(subject)], self.authority(present))
    }

    /// Tokens are minted or burnt.
    fn supply_change(
        &mut self,
        is_minting: bool,
        token: Address,
        mint: Address,
        is_checked: bool,
    ) -> Parts {
        if !is_minting {
            let amount = self.amount(&token);
            let decimals = self.decimals(&mint, is_checked);
            let spender = self.spender(&token);
            let call = TokenInstruction::Burn { amount, decimals };
            return (
                call,
                vec![write(token), write(mint)],
                self.authority(spender),
            );
        }
        let amount = match self.rng.random_range(0..8) {
            0 => 0,
            1 => self.rng.random(),
            _ => self.rng.random_range(0..1_000_000),
        };
        let decimals = self.decimals(&mint, is_checked);
        let authority = self.mint_authority(&mint);
        let call = TokenInstruction::MintTo { amount, decimals };
        (
            call,
            vec![write(mint), write(token)],
            self.authority(authority),
        )
    }

    fn closing(&mut self, token: Address) -> Parts {
        let receiver = match self.rng.random_range(0..10) {
            0 => token,
            1 => INCINERATOR,
            _ => self.pick(Kind::Wallet),
        };
        let closer = self.closer(&token);
        let metas = vec![write(token), write(receiver)];
        (
            TokenInstruction::CloseAccount,
            metas,
            self.authority(closer),
        )
    }

    fn freezing(&mut self, token: Address, mint: Address) -> Parts {
        let is_frozen = self.token(&token).is_some_and(|state| state.is_frozen());
        let call = if is_frozen != self.rng.random_bool(0.1) {
            TokenInstruction::ThawAccount
        } else {
            TokenInstruction::FreezeAccount
        };
        let authority = self.freeze_authority(&mint);
        (
            call,
            vec![write(token), read(mint)],
            self.authority(authority),
        )
    }

    /// A question about an amount.
    fn amount_call(&mut self, mint: AccountMeta) -> (Vec<u8>, Vec<AccountMeta>, Vec<AccountMeta>) {
        let data = if self.rng.random_bool(0.4) {
            let amount = self.rng.random::<u64>() >> self.rng.random_range(0..64);
            TokenInstruction::AmountToUiAmount { amount }.encode()
        } else {
            let length = self.rng.random_range(0..8);
            let letters = b"0123456789000...+-a";
            let text: String = (0..length)
                .map(|_| char::from(*letters.choose(&mut self.rng).expect("there are some")))
                .collect();
            TokenInstruction::UiAmountToAmount { text: &text }.encode()
        };
        (data, vec![mint], vec![])
    }

    fn owner(&self, account: &Address) -> Option<Address> {
        self.token(account).map(|state| state.owner)
    }

    fn closer(&self, account: &Address) -> Option<Address> {
        let state = self.token(account)?;
        Some(*state.close_authority.get().unwrap_or(&state.owner))
    }

    fn spender(&mut self, account: &Address) -> Option<Address> {
        let state = self.token(account)?;
        let delegate = state.delegate.get().copied();
        delegate
            .filter(|_| self.rng.random_bool(0.5))
            .or(Some(state.owner))
    }

    fn mint_authority(&self, mint: &Address) -> Option<Address> {
        self.mint(mint)?.mint_authority.get().copied()
    }

    fn freeze_authority(&self, mint: &Address) -> Option<Address> {
        self.mint(mint)?.freeze_authority.get().copied()
    }
}
