//! Accounts, lamports and nonces.

use lockstep_programs::system::{SystemInstruction, instruction as call};
use lockstep_sdk::interface::{
    AccountMeta, Address, Instruction,
    address::{create_with_seed, program_ids},
    nonce::{NONCE_ACCOUNT_SIZE, NonceState, NonceVersion},
};
use lockstep_testing::SOL;

use crate::scene::Scene;

/// An owner without a program.
const OWNER: Address = Address::new_from_array([3; 32]);

pub(crate) fn play(scene: &mut Scene) {
    play_accounts(scene);
    play_seeds(scene);
    play_nonces(scene);
}

fn play_accounts(scene: &mut Scene) {
    let [payer, target, assigned] = scene.wallets(["payer", "target", "assigned"]);
    let [created, prefunded] = ["created", "prefunded"].map(|name| scene.chain.signer(name));
    scene.play(&call::create_account(&payer, &created, SOL, 10, &OWNER));
    scene.play(&call::transfer(&payer, &target, 5));
    scene.play(&call::allocate(&assigned, 10));
    scene.play(&call::assign(&assigned, &OWNER));
    scene.chain.airdrop(&prefunded, SOL);
    let create = SystemInstruction::CreateAccountAllowPrefund {
        lamports: SOL,
        space: 10,
        owner: OWNER,
    };
    let accounts = [prefunded, payer].map(|address| AccountMeta::writable(address, true));
    scene.play(&call_of(create, &accounts));
}

fn play_seeds(scene: &mut Scene) {
    let [base, target] = scene.wallets(["base", "target"]);
    let seed = "seed";
    let derived = |owner: &Address| {
        let derived = create_with_seed(&base, seed.as_bytes(), owner);
        derived.expect("the seed is short")
    };
    let owners = [4, 5, 6].map(|byte| Address::new_from_array([byte; 32]));
    let [created, allocated, assigned] = owners.each_ref().map(derived);
    let with_base = [AccountMeta::readonly(base, true)];
    let create = SystemInstruction::CreateAccountWithSeed {
        base,
        seed,
        lamports: SOL,
        space: 10,
        owner: owners[0],
    };
    let payer = scene.chain.wallet("payer");
    let accounts = [
        AccountMeta::writable(payer, true),
        AccountMeta::writable(created, false),
    ];
    scene.play(&call_of(create, &[&accounts[..], &with_base].concat()));
    for address in [allocated, assigned] {
        scene.chain.airdrop(&address, SOL);
    }
    let allocate = SystemInstruction::AllocateWithSeed {
        base,
        seed,
        space: 10,
        owner: owners[1],
    };
    let accounts = [AccountMeta::writable(allocated, false), with_base[0]];
    scene.play(&call_of(allocate, &accounts));
    let assign = SystemInstruction::AssignWithSeed {
        base,
        seed,
        owner: owners[2],
    };
    let accounts = [AccountMeta::writable(assigned, false), with_base[0]];
    scene.play(&call_of(assign, &accounts));

    let source = derived(&program_ids::SYSTEM);
    scene.chain.airdrop(&source, SOL);
    let transfer = SystemInstruction::TransferWithSeed {
        lamports: SOL,
        seed,
        owner: program_ids::SYSTEM,
    };
    let accounts = [
        AccountMeta::writable(source, false),
        with_base[0],
        AccountMeta::writable(target, false),
    ];
    scene.play(&call_of(transfer, &accounts));
}

fn play_nonces(scene: &mut Scene) {
    let [authority, successor] = scene.wallets(["authority", "successor"]);
    let nonce = scene.blank("nonce", program_ids::SYSTEM, NONCE_ACCOUNT_SIZE);
    scene.play(&call::initialize_nonce_account(&nonce, &authority));
    scene.play(&call::advance_nonce_account(&nonce, &authority));
    let mut account = scene.chain.account(&nonce).expect("it is initialized");
    let mut state = NonceState::decode(&account.data).expect("it is a nonce account");
    state.version = NonceVersion::Legacy;
    state.encode_into(account.data.make_mut()).expect("it fits");
    scene.chain.set_account(&nonce, account);
    scene.play(&call::upgrade_nonce_account(&nonce));
    scene.play(&call::authorize_nonce_account(
        &nonce, &authority, &successor,
    ));
    scene.play(&call::withdraw_nonce_account(
        &nonce, &successor, &authority, SOL,
    ));
}

fn call_of(instruction: SystemInstruction<'_>, accounts: &[AccountMeta]) -> Instruction {
    Instruction {
        program: program_ids::SYSTEM,
        accounts: accounts.to_vec(),
        data: instruction.encode(),
    }
}
