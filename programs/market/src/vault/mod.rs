//! `vault`: lamports that a hash-based key holds, which no known computer breaks, on a chain that
//! has no signatures but ed25519.
//!
//! A [one-time key](one_time::OneTimeKey) signs once. So a vault is spent as a whole: part of it
//! goes to a recipient, the rest to the next place, as a rule the vault of the wallet's next key,
//! and the vault ends. A wallet is a seed and a counter of its keys.
//!
//! | Instruction | Writes | Adds to |
//! |---|---|---|
//! | `open` | payer, vault (new) | |
//! | `spend` | vault (ends) | recipient, next |
//!
//! # Contention
//!
//! A vault is one account, and two vaults share nothing. Recipients and next places are only added
//! to, so any number of vaults may pay one shop in a block.
//!
//! # Safety
//!
//! The address of a vault is derived from the root of its key, and what the key signs names the
//! vault's address, the slot in which it was opened, the recipient, the amount and the next place:
//! a signature holds for nothing else, whichever wallet brings it to the chain and pays the fee. A
//! vault that is opened with the root of a key that has signed is as safe as that key, which is not
//! at all: open each with a key of its own. Lamports sent to the address of a vault that has ended
//! wait there for whatever `open` finds, so `next` has to be a place that is there already.
//!
//! A transaction with a signature has 2.4 KB, so that it goes as v1. Checking it takes some 500
//! hashes, 30 us.
//!
//! # A client
//!
//! ```
//! use lockstep_market::vault::{one_time::OneTimeKey, vaults::{self, *}};
//! use lockstep_testing::{Chain, SOL};
//!
//! let mut chain = Chain::builder().program(VaultsProgram).build();
//! let [payer, shop] = ["payer", "shop"].map(|name| chain.wallet(name));
//! let keys = [1, 2].map(|number| OneTimeKey::from_seed(&[number; 32]));
//! let opened = chain.slot();
//! for (key, lamports) in keys.iter().zip([5 * SOL, 0]) {
//!     let open = OpenAddresses { payer };
//!     chain.run(vaults::call::open(&open, key.root(), lamports)).all_ok();
//! }
//! let [vault, next] = keys.each_ref().map(|key| Open::vault_address(key.root()).0);
//!
//! let payment = Payment { recipient: shop, amount: SOL, next };
//! let signature = keys[0].sign(&payment.digest(&vault, opened));
//! let spend = SpendAddresses { vault, recipient: shop, next };
//! let before = chain.lamports(&shop);
//! chain.run(vaults::call::spend(&spend, SOL, signature)).all_ok();
//! assert_eq!(chain.lamports(&shop), before + SOL);
//! assert!(chain.lamports(&next) > 4 * SOL);
//! ```

pub mod one_time;

/// Vaults of hash-based keys.
#[lockstep_sdk::program(id = "Vau1t11111111111111111111111111111111111111")]
pub mod vaults {
    use super::one_time::{Signature, hash_count, root_of};
    use lockstep_sdk::{interface::prices, prelude::*, system};
    use sha2::{Digest, Sha256};

    /// What a key signs: where the lamports of its vault go.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub struct Payment {
        /// Gets the amount.
        pub recipient: Address,
        /// Lamports.
        pub amount: u64,
        /// Gets the rest.
        pub next: Address,
    }

    impl Payment {
        /// The bytes that a key signs, for the vault at this address that was opened in this slot.
        pub fn digest(&self, vault: &Address, opened: u64) -> [u8; 32] {
            Sha256::new_with_prefix(b"lockstep vault")
                .chain_update(vault.as_array())
                .chain_update(opened.to_le_bytes())
                .chain_update(self.recipient.as_array())
                .chain_update(self.amount.to_le_bytes())
                .chain_update(self.next.as_array())
                .finalize()
                .into()
        }
    }

    /// A vault, with its lamports.
    #[state(1, pod)]
    pub struct Vault {
        /// What its key is known by.
        pub root: [u8; 32],
        /// The slot in which it was opened.
        pub opened: U64,
    }

    /// Why a vault refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum VaultError {
        /// the signature is not that of the vault's key for this payment
        WrongSignature = 1,
        /// the vault holds fewer lamports
        Overdrawn,
        /// the rest goes to another account than the vault itself
        SameVault,
    }

    /// A vault was spent.
    #[event(1)]
    pub struct Spent {
        /// Which.
        pub vault: Address,
        /// Lamports that the recipient got; the rest went on.
        pub amount: u64,
    }

    /// A new vault.
    #[derive(Accounts, Debug)]
    #[args(root: [u8; 32])]
    pub struct Open<'a> {
        /// Pays rent and lamports.
        pub payer: Mut<Signer<'a>>,
        /// The new vault.
        #[account(payer = payer, seeds = [b"vault", root])]
        pub vault: Init<'a, Vault>,
        /// Moves lamports and creates accounts.
        pub system: Program<'a, System>,
    }

    /// A vault that is spent.
    #[derive(Accounts, Debug)]
    pub struct Spend<'a> {
        /// The vault.
        #[account(close = next)]
        pub vault: Mut<State<'a, Vault>>,
        /// Gets the amount.
        pub recipient: Credit<'a>,
        /// Gets the rest, and the rent.
        pub next: Credit<'a>,
    }

    /// Opens the vault of a key that has not signed yet, with lamports. A transfer to its address
    /// adds to it.
    #[instruction(0)]
    pub fn open(
        accounts: &Open<'_>,
        context: &mut Context<'_, '_>,
        root: [u8; 32],
        lamports: u64,
    ) -> Result {
        let Open { payer, vault, .. } = accounts;
        let opened = context.sysvars().clock()?.slot.into();
        vault.set(context, &Vault { root, opened })?;
        system::transfer(payer, vault, lamports).invoke(context)
    }

    /// Pays what the vault's key has signed, and ends the vault.
    #[instruction(1)]
    pub fn spend(
        accounts: &Spend<'_>,
        context: &mut Context<'_, '_>,
        amount: u64,
        signature: Signature,
    ) -> Result {
        let Spend {
            vault,
            recipient,
            next,
        } = accounts;
        require!(next.address() != vault.address(), VaultError::SameVault);
        let Vault { root, opened } = *vault.read(context)?;
        let payment = Payment {
            recipient: *recipient.address(),
            amount,
            next: *next.address(),
        };
        let digest = payment.digest(vault.address(), opened.get());
        let each = prices::hash([14, 2, 32].into_iter());
        context.charge(hash_count(&digest).saturating_mul(each))?;
        require!(
            root_of(&digest, &signature) == root,
            VaultError::WrongSignature
        );
        require!(vault.lamports(context)? >= amount, VaultError::Overdrawn);
        vault.debit(context, amount)?;
        recipient.credit(context, amount)?;
        Spent {
            vault: *vault.address(),
            amount,
        }
        .emit(context)
    }
}
