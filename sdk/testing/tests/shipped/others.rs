//! Memos, limits, signatures, recorded transactions.

use lockstep_programs::{
    activations::{self, ChangeAddresses},
    compute_budget::instruction as limits,
    memo::memo,
    trace,
};
use lockstep_sdk::interface::{
    AccountMeta, Instruction, Rent,
    activation::{SCHEDULE, Schedule},
    address::program_ids,
};
use lockstep_testing::keys::{address_of, key};

use crate::scene::Scene;

pub(crate) fn play_memo(scene: &mut Scene) {
    let signers = scene.wallets(["alice", "bob"]);
    scene.play(&memo("hello", &signers));
}

pub(crate) fn play_compute_budget(scene: &mut Scene) {
    scene.play(&limits::request_heap_frame(64 * 1024));
    scene.play(&limits::set_compute_unit_limit(10_000));
    scene.play(&limits::set_compute_unit_price(5));
    scene.play(&limits::set_loaded_accounts_data_size_limit(1 << 20));
}

pub(crate) fn play_ed25519(scene: &mut Scene) {
    let signer = key("signer");
    let message = "signed elsewhere";
    let signature = <[u8; 64]>::from(signer.sign(message.as_bytes()));
    let signed = [&signature[..], address_of(&signer).as_array()].concat();
    // Signature and key lie here, the message is that of the memo behind.
    let fields = [16, u16::MAX, 80, u16::MAX, 0, 16, 1].map(u16::to_le_bytes);
    let verify = Instruction {
        program: program_ids::ED25519,
        accounts: Vec::new(),
        data: [&[1, 0], fields.as_flattened(), &signed].concat(),
    };
    scene.play_beside(&verify, &[memo(message, &[])]);
}

pub(crate) fn play_activation(scene: &mut Scene) {
    let [authority, feature] = scene.wallets(["authority", "feature"]);
    let schedule = Schedule {
        authority: Some(authority),
        activations: Vec::new(),
    };
    let account = schedule.to_account(&Rent::MAINNET);
    let account = account.expect("there is room for none");
    scene.chain.set_account(&SCHEDULE, account);
    let change = ChangeAddresses { authority };
    let schedule = activations::call::schedule(&change, feature, 1_000, "feature".to_owned());
    scene.play(&schedule);
    scene.play(&activations::call::cancel(&change, feature));
    scene.play(&activations::call::hand_over(&change, None));
}

pub(crate) fn play_trace(scene: &mut Scene) {
    let [payer, read] = scene.wallets(["payer", "read"]);
    let word = scene.blank("word", trace::ADDRESS, 8);
    let accounts = vec![
        AccountMeta::writable(payer, true),
        AccountMeta::writable(word, false),
        AccountMeta::readonly(read, false),
        AccountMeta::readonly(program_ids::SYSTEM, false),
    ];
    scene.play(&trace::instruction(accounts, 100, None));
}
