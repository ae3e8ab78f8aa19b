//! The life of tokens; every rule's exact error is held against SPL Token elsewhere.

use lockstep_interface::{
    Account, AccountMeta, Address, InstructionError, Rent, address::program_ids,
};
use proptest::prelude::*;

use super::{
    AuthorityKind, COMPUTE_UNITS, Mint, NATIVE_MINT, TokenAccount, TokenError, TokenInstruction,
    TokenState, instruction,
};
use crate::testing::{Ledger, address};

const MINT: u8 = 1;
const SOURCE: u8 = 2;
const TARGET: u8 = 3;
const OWNER: u8 = 4;

/// Puts an unused account of this size that the program owns.
fn put_unused(ledger: &mut Ledger, at: u8, size: usize) {
    let account = Account {
        lamports: Rent::MAINNET.minimum_balance(size),
        data: vec![0; size].into(),
        owner: program_ids::TOKEN,
        executable: false,
    };
    ledger.put(address(at), account);
}

/// A mint of which the source holds 100 and the target nothing; one owner and authority for all.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    put_unused(&mut ledger, MINT, size_of::<Mint>());
    let owner = address(OWNER);
    let mint = instruction::initialize_mint(&address(MINT), &owner, Some(&owner), 2);
    ledger.run(&mint).unwrap();
    for account in [SOURCE, TARGET] {
        put_unused(&mut ledger, account, size_of::<TokenAccount>());
        let call = instruction::initialize_account(&address(account), &address(MINT), &owner);
        ledger.run(&call).unwrap();
    }
    let minted = instruction::mint_to(&address(MINT), &address(SOURCE), &owner, 100);
    ledger.run(&minted).unwrap();
    ledger
}

fn state(ledger: &Ledger, at: u8) -> TokenAccount {
    *TokenAccount::read(&ledger.get(&address(at)).data).unwrap()
}

fn supply(ledger: &Ledger) -> u64 {
    Mint::read(&ledger.get(&address(MINT)).data)
        .unwrap()
        .supply
        .get()
}

fn writable(at: u8) -> AccountMeta {
    AccountMeta::writable(address(at), false)
}

fn signer(at: u8) -> AccountMeta {
    AccountMeta::readonly(address(at), true)
}

fn transfer(amount: u64) -> lockstep_interface::Instruction {
    instruction::transfer(&address(SOURCE), &address(TARGET), &address(OWNER), amount)
}

#[test]
fn tokens_are_minted_moved_and_burnt() {
    let mut ledger = ledger();
    ledger.compute_units = COMPUTE_UNITS;
    assert_eq!(ledger.run(&transfer(30)), Ok(()));
    assert_eq!(ledger.compute_units_left, 0);
    let accounts = [&address(SOURCE), &address(MINT), &address(TARGET)];
    let checked = instruction::transfer_checked(accounts, &address(OWNER), 5, 2);
    assert_eq!(ledger.run(&checked), Ok(()));
    let amounts = [SOURCE, TARGET].map(|at| state(&ledger, at).amount.get());
    assert_eq!(amounts, [65, 35]);
    let burn = TokenInstruction::Burn {
        amount: 5,
        decimals: None,
    };
    let burn = burn.call(vec![writable(SOURCE), writable(MINT), signer(OWNER)]);
    assert_eq!(ledger.run(&burn), Ok(()));
    assert_eq!(
        (state(&ledger, SOURCE).amount.get(), supply(&ledger)),
        (60, 95)
    );

    let too_many = Err(TokenError::InsufficientFunds.into());
    assert_eq!(ledger.run(&transfer(61)), too_many);
    assert!(
        ledger
            .logs
            .iter()
            .any(|line| line.contains("too few tokens"))
    );
    let accounts = [&address(SOURCE), &address(MINT), &address(TARGET)];
    let wrong = instruction::transfer_checked(accounts, &address(OWNER), 5, 3);
    assert_eq!(
        ledger.run(&wrong),
        Err(TokenError::MintDecimalsMismatch.into())
    );
}

#[test]
fn a_delegate_moves_what_it_may_and_no_more() {
    let mut ledger = ledger();
    let approve = TokenInstruction::Approve {
        amount: 10,
        decimals: None,
    };
    let metas = vec![
        writable(SOURCE),
        AccountMeta::readonly(address(9), false),
        signer(OWNER),
    ];
    assert_eq!(ledger.run(&approve.call(metas)), Ok(()));
    let spend =
        |amount| instruction::transfer(&address(SOURCE), &address(TARGET), &address(9), amount);
    assert_eq!(
        ledger.run(&spend(11)),
        Err(TokenError::InsufficientFunds.into())
    );
    assert_eq!(ledger.run(&spend(4)), Ok(()));
    assert_eq!(state(&ledger, SOURCE).delegated_amount.get(), 6);
    assert_eq!(ledger.run(&spend(6)), Ok(()));
    assert_eq!(state(&ledger, SOURCE).delegate.get(), None);
    assert_eq!(ledger.run(&spend(1)), Err(TokenError::OwnerMismatch.into()));
}

#[test]
fn a_frozen_account_holds_still_until_it_is_thawed() {
    let mut ledger = ledger();
    let metas = || {
        let mint = AccountMeta::readonly(address(MINT), false);
        vec![writable(SOURCE), mint, signer(OWNER)]
    };
    assert_eq!(
        ledger.run(&TokenInstruction::FreezeAccount.call(metas())),
        Ok(())
    );
    assert_eq!(
        ledger.run(&transfer(1)),
        Err(TokenError::AccountFrozen.into())
    );
    assert_eq!(
        ledger.run(&TokenInstruction::ThawAccount.call(metas())),
        Ok(())
    );
    assert_eq!(ledger.run(&transfer(1)), Ok(()));
}

#[test]
fn a_multisig_needs_its_signatures() {
    let mut ledger = ledger();
    let multisig = 8;
    put_unused(&mut ledger, multisig, 355);
    let create = TokenInstruction::InitializeMultisig {
        required: 2,
        names_rent: false,
    };
    let signers = [10, 11, 12].map(|at| AccountMeta::readonly(address(at), false));
    let metas = [vec![writable(multisig)], signers.to_vec()].concat();
    assert_eq!(ledger.run(&create.call(metas)), Ok(()));
    let give = TokenInstruction::SetAuthority {
        kind: AuthorityKind::AccountOwner,
        authority: Some(address(multisig)),
    };
    assert_eq!(
        ledger.run(&give.call(vec![writable(SOURCE), signer(OWNER)])),
        Ok(())
    );

    let mut signed = transfer(1);
    signed.accounts[2] = AccountMeta::readonly(address(multisig), false);
    signed.accounts.extend([signer(10), signer(12)]);
    assert_eq!(ledger.run(&signed), Ok(()));
    let missing = Err(InstructionError::MissingRequiredSignature);
    // The same signer twice is one signer.
    signed.accounts[4] = signer(10);
    assert_eq!(ledger.run(&signed), missing);
    signed.accounts.pop();
    assert_eq!(ledger.run(&signed), missing);
}

#[test]
fn wrapped_lamports_move_with_their_tokens() {
    let mut ledger = ledger();
    let native = Account {
        lamports: 1,
        ..Account::default()
    };
    ledger.put(NATIVE_MINT, native);
    let owner = address(OWNER);
    for at in [20, 21] {
        put_unused(&mut ledger, at, size_of::<TokenAccount>());
        let call = instruction::initialize_account(&address(at), &NATIVE_MINT, &owner);
        assert_eq!(ledger.run(&call), Ok(()));
    }
    let minimum = ledger.lamports(&address(20));
    let mut wrapped = ledger.get(&address(20));
    wrapped.lamports += 500;
    ledger.put(address(20), wrapped);
    let sync = TokenInstruction::SyncNative.call(vec![writable(20)]);
    assert_eq!(ledger.run(&sync), Ok(()));
    let moved = instruction::transfer(&address(20), &address(21), &owner, 200);
    assert_eq!(ledger.run(&moved), Ok(()));
    assert_eq!(state(&ledger, 21).amount.get(), 200);
    assert_eq!(ledger.lamports(&address(21)), minimum + 200);
    // Lamports are counted, so an account of wrapped ones may be closed with tokens in it.
    let close = instruction::close_account(&address(21), &address(30), &owner);
    assert_eq!(ledger.run(&close), Ok(()));
    assert_eq!(ledger.get(&address(21)), Account::default());
    assert_eq!(ledger.lamports(&address(30)), minimum + 200);
}

#[test]
fn what_is_not_the_programs_stays_as_it_is() {
    let mut ledger = ledger();
    let mut forged = ledger.get(&address(SOURCE));
    forged.owner = address(77);
    ledger.put(address(SOURCE), forged.clone());
    let foreign = Err(InstructionError::ExternalAccountDataModified);
    assert_eq!(ledger.run(&transfer(1)), foreign);
    assert_eq!(ledger.get(&address(SOURCE)), forged);
    assert_eq!(
        ledger.run(&transfer(0)),
        Err(InstructionError::IncorrectProgramId)
    );
}

fn any_address() -> impl Strategy<Value = Address> {
    any::<[u8; 32]>().prop_map(Address::new_from_array)
}

proptest! {
    /// Whatever decodes is encoded to the bytes that it was decoded from.
    #[test]
    fn bytes_round_trip(kind in 0u8..26, rest in prop::collection::vec(0u8..4, 0..70)) {
        let bytes = [vec![kind], rest].concat();
        if let Ok(decoded) = TokenInstruction::decode(&bytes) {
            prop_assert!(bytes.starts_with(&decoded.encode()));
        }
    }

    #[test]
    fn instructions_round_trip(
        owner in any_address(),
        other in prop::option::of(any_address()),
        amount: u64,
        decimals: Option<u8>,
        byte: u8,
        names_rent: bool,
        text in ".{0,9}",
    ) {
        for instruction in [
            TokenInstruction::InitializeMint {
                decimals: byte,
                mint_authority: owner,
                freeze_authority: other,
                names_rent,
            },
            TokenInstruction::InitializeAccount2 { owner },
            TokenInstruction::InitializeAccount3 { owner },
            TokenInstruction::InitializeMultisig { required: byte, names_rent },
            TokenInstruction::Transfer { amount, decimals },
            TokenInstruction::Approve { amount, decimals },
            TokenInstruction::MintTo { amount, decimals },
            TokenInstruction::Burn { amount, decimals },
            TokenInstruction::SetAuthority { kind: AuthorityKind::CloseAccount, authority: other },
            TokenInstruction::AmountToUiAmount { amount },
            TokenInstruction::UiAmountToAmount { text: &text },
        ] {
            let bytes = instruction.encode();
            prop_assert_eq!(TokenInstruction::decode(&bytes), Ok(instruction));
        }
    }

    /// Transfers neither make nor lose tokens.
    #[test]
    fn transfers_keep_the_sum(amounts in prop::collection::vec(0u64..150, 1..8)) {
        let mut ledger = ledger();
        for amount in amounts {
            let held = state(&ledger, SOURCE).amount.get();
            prop_assert_eq!(ledger.run(&transfer(amount)).is_ok(), amount <= held);
            let sum: u64 = [SOURCE, TARGET].iter().map(|at| state(&ledger, *at).amount.get()).sum();
            prop_assert_eq!((sum, supply(&ledger)), (100, 100));
        }
    }
}
