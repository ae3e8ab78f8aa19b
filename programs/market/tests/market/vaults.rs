//! Vaults on the real runtime: their way, and what only their key can do.

use lockstep_market::vault::{
    one_time::{OneTimeKey, Signature},
    vaults::{self, *},
};
use lockstep_sdk::interface::Address;
use lockstep_testing::{Call, Chain, SOL};

struct Wallet {
    chain: Chain,
    payer: Address,
    shop: Address,
    next: Address,
    vault: Address,
    opened: u64,
    key: OneTimeKey,
}

impl Wallet {
    fn new() -> Self {
        let mut chain = Chain::builder().program(VaultsProgram).build();
        let [payer, shop, next] = ["payer", "shop", "next"].map(|name| chain.wallet(name));
        let opened = chain.slot();
        let key = OneTimeKey::from_seed(&[3; 32]);
        let open = OpenAddresses { payer };
        let open = vaults::call::open(&open, key.root(), 5 * SOL);
        chain.run(open).access_is_minimal();
        Self {
            chain,
            payer,
            shop,
            next,
            vault: Open::vault_address(key.root()).0,
            opened,
            key,
        }
    }

    fn payment(&self, amount: u64) -> Payment {
        Payment {
            recipient: self.shop,
            amount,
            next: self.next,
        }
    }

    fn sign(&self, payment: &Payment) -> Signature {
        self.key.sign(&payment.digest(&self.vault, self.opened))
    }

    fn spend(&self, payment: &Payment, signature: Signature) -> Call {
        let spend = SpendAddresses {
            vault: self.vault,
            recipient: payment.recipient,
            next: payment.next,
        };
        vaults::call::spend(&spend, payment.amount, signature).into()
    }
}

#[test]
fn a_vault_is_spent_as_a_whole_and_once() {
    let mut wallet = Wallet::new();
    let payment = wallet.payment(SOL);
    let [shop, next, vault] = [wallet.shop, wallet.next, wallet.vault];
    let before = [shop, next, vault].map(|address| wallet.chain.lamports(&address));
    let spend = wallet.spend(&payment, wallet.sign(&payment));
    wallet.chain.run(spend.clone()).access_is_minimal();
    assert_eq!(wallet.chain.lamports(&shop), before[0] + SOL);
    assert_eq!(wallet.chain.lamports(&next), before[1] + before[2] - SOL);
    assert_eq!(wallet.chain.lamports(&vault), 0);
    // Opened again, it is another vault: what the key has signed does not hold for it.
    let open = OpenAddresses {
        payer: wallet.payer,
    };
    let open = vaults::call::open(&open, wallet.key.root(), SOL);
    wallet.chain.run(open).all_ok();
    wallet.chain.run(spend).fails(0, VaultError::WrongSignature);
}

#[test]
fn a_signature_holds_for_its_payment_alone() {
    let mut wallet = Wallet::new();
    let payment = wallet.payment(SOL);
    let signature = wallet.sign(&payment);
    let others = [
        Payment {
            amount: SOL + 1,
            ..payment
        },
        Payment {
            recipient: wallet.payer,
            ..payment
        },
        Payment {
            next: Address::new_from_array([8; 32]),
            ..payment
        },
    ];
    for other in others {
        let spend = wallet.spend(&other, signature);
        wallet.chain.run(spend).fails(0, VaultError::WrongSignature);
    }
    for chain in 0..signature.len() {
        let mut damaged = signature;
        damaged[chain][0] ^= 1;
        let spend = wallet.spend(&payment, damaged);
        wallet.chain.run(spend).fails(0, VaultError::WrongSignature);
    }
    let spend = wallet.spend(&payment, signature);
    wallet.chain.run(spend).all_ok();
}

#[test]
fn more_than_there_is_and_a_rest_for_the_vault_itself_are_refused() {
    let mut wallet = Wallet::new();
    let held = wallet.chain.lamports(&wallet.vault);
    let payment = wallet.payment(held + 1);
    let spend = wallet.spend(&payment, wallet.sign(&payment));
    wallet.chain.run(spend).fails(0, VaultError::Overdrawn);
    let payment = Payment {
        next: wallet.vault,
        ..wallet.payment(SOL)
    };
    let spend = wallet.spend(&payment, wallet.sign(&payment));
    assert!(!wallet.chain.run(spend).call(0).is_ok());
}
