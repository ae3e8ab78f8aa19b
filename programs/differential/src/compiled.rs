//! Compiled programs that LiteSVM and a chain of ours run from the same files.
//!
//! LiteSVM executes by the crates of an Agave validator, and holds programs of the main network.

use litesvm::LiteSVM;
use lockstep_interface::{Account, Address, Rent};
use lockstep_sbf::{file_address, program_accounts};
use solana_account::Account as JudgedAccount;

/// Token-2022.
pub const TOKEN_2022: Address =
    Address::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// The first program for memos.
pub const MEMO_1: Address = Address::from_str_const("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo");
/// The fourth.
pub const MEMO_4: Address = Address::from_str_const("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");
/// The two features of SIMD-0460, which the main network does not have yet: accounts as regions of
/// memory of their own, and no copies of them. Programs of ours have them.
const REGIONS: [Address; 2] = [
    Address::from_str_const("7VgiehxNxu53KdxgLspGQY8myE6f7UokaWa4jsGcaSz"),
    Address::from_str_const("CR3dVN2Yoo95Y96kLSTaziWDAQT2MNEpiWh5cqVq2pNE"),
];
/// Bytes before the file in an account of the upgradeable loader.
const HEAD_SIZE: usize = 45;

/// A program from a file.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Where it is called.
    pub address: Address,
    /// The ELF file.
    pub file: Vec<u8>,
}

impl Compiled {
    /// The program at this address of the main network.
    ///
    /// # Panics
    /// If LiteSVM has no such program.
    pub fn of_network(address: Address) -> Self {
        Self::held_by(&LiteSVM::new(), address)
    }

    /// The program at this address as it was before any of the features that LiteSVM knows: SPL
    /// Token 3.5.0 in place of p-token.
    ///
    /// # Panics
    /// If LiteSVM has no such program.
    pub fn before_features(address: Address) -> Self {
        let judge = LiteSVM::default().with_builtins();
        Self::held_by(&judge.with_sysvars().with_default_programs(), address)
    }

    fn held_by(judge: &LiteSVM, address: Address) -> Self {
        let file = match judge.get_account(&file_address(&address)) {
            Some(account) => account.data[HEAD_SIZE..].to_vec(),
            None => judge.get_account(&address).expect("LiteSVM has it").data,
        };
        Self { address, file }
    }

    /// The accounts of the program for a genesis: that of its file, then its own. LiteSVM takes
    /// them in this order.
    pub fn accounts(&self) -> [(Address, Account); 2] {
        let [program, file] = program_accounts(&self.address, &self.file, None, &Rent::MAINNET);
        [file, program]
    }
}

/// A LiteSVM with the features of the main network and those of SIMD-0460, and no programs but
/// native ones. It looks at neither signatures nor blockhashes, and remembers no transaction.
pub fn judge() -> LiteSVM {
    let mut features = LiteSVM::mainnet_feature_set();
    for feature in &REGIONS {
        features.activate(feature, 0);
    }
    let judge = LiteSVM::default()
        .with_feature_set(features)
        .with_builtins();
    let judge = judge.with_sysvars().with_feature_accounts();
    let judge = judge.with_sigverify(false).with_blockhash_check(false);
    judge.with_transaction_history(0)
}

/// Gives LiteSVM an account; one without lamports deletes it.
///
/// # Panics
/// If it is a program that LiteSVM cannot load, or a sysvar that it cannot read.
pub fn set(judge: &mut LiteSVM, address: Address, account: &Account) {
    let account = JudgedAccount {
        lamports: account.lamports,
        data: account.data.to_vec(),
        owner: account.owner,
        executable: account.executable,
        rent_epoch: u64::MAX,
    };
    let taken = judge.set_account(address, account);
    taken.expect("LiteSVM takes the account");
}
