//! Mints and token accounts for a scene, without a transaction for each.

use lockstep_sdk::{
    bytemuck,
    interface::{Account, Address, Rent, address::program_ids},
    prelude::StateData,
    token::{Mint, TokenAccount, associated_address},
};

use crate::chain::Chain;

/// # Tokens
///
/// ```
/// use lockstep_testing::Chain;
///
/// let mut chain = Chain::new();
/// let alice = chain.wallet("alice");
/// let gold = chain.mint("gold", 6);
/// let purse = chain.tokens(&alice, &gold, 5_000_000);
/// assert_eq!(chain.balance(&purse), 5_000_000);
/// chain.tokens(&alice, &gold, 1);
/// assert_eq!(chain.balance(&purse), 5_000_001);
/// assert_eq!(chain.state::<lockstep_sdk::prelude::Mint>(&gold).supply.get(), 5_000_001);
/// ```
impl Chain {
    /// The mint of a name, which is always at the same address, with this number of decimals. Its
    /// authority is the signer of the name and ` authority`, of `gold` the signer `gold
    /// authority`.
    ///
    /// # Panics
    /// If there is another account at the address.
    #[track_caller]
    pub fn mint(&mut self, name: &str, decimals: u8) -> Address {
        let (address, authority) = (self.signer(name), self.signer(&format!("{name} authority")));
        if self.account(&address).is_none() {
            let mint = Mint::new(authority, decimals, None);
            self.set_account(&address, token_account(bytemuck::bytes_of(&mint)));
        }
        let found = self.state::<Mint>(&address).decimals;
        assert!(
            found == decimals,
            "the mint {name} has {found} decimals, not {decimals}"
        );
        address
    }

    /// Mints `amount` of the smallest unit to the account that is associated with an owner and a
    /// mint, which is made if it is not there. Gives that account's address.
    ///
    /// # Panics
    /// If the mint is none, or if the balance or the supply does not fit 64 bits.
    #[track_caller]
    pub fn tokens(&mut self, owner: &Address, mint: &Address, amount: u64) -> Address {
        let address = associated_address(owner, mint);
        let mut of_mint = self.state::<Mint>(mint);
        let mut held = match self.account(&address) {
            Some(_) => self.state::<TokenAccount>(&address),
            None => TokenAccount::new(*mint, *owner, 0),
        };
        let sums = (
            held.amount.increase(amount),
            of_mint.supply.increase(amount),
        );
        assert!(
            sums.0.is_ok() && sums.1.is_ok(),
            "{amount} tokens more do not fit the supply of {mint}"
        );
        self.set_accounts([
            (address, token_account(bytemuck::bytes_of(&held))),
            (*mint, token_account(bytemuck::bytes_of(&of_mint))),
        ]);
        address
    }

    /// How many of the smallest unit a token account holds; 0 if there is no account.
    ///
    /// # Panics
    /// If the account is no token account.
    #[track_caller]
    pub fn balance(&self, account: &Address) -> u64 {
        match self.account(account) {
            Some(_) => self.state::<TokenAccount>(account).amount.get(),
            None => 0,
        }
    }
}

fn token_account(data: &[u8]) -> Account {
    debug_assert!(data.len() == Mint::SIZE || data.len() == TokenAccount::SIZE);
    Account {
        lamports: Rent::MAINNET.minimum_balance(data.len()),
        data: data.to_vec().into(),
        owner: program_ids::TOKEN,
        executable: false,
    }
}
