//! Accounts at derived addresses, and one that was made for another such account by mistake.

use lockstep_programs::{
    associated_token::{
        AssociatedTokenInstruction, associated_address, instruction::create_idempotent,
    },
    token::{Mint, TokenAccount},
};
use lockstep_sdk::{
    bytemuck::bytes_of,
    interface::{AccountMeta, Address, address::program_ids},
};

use crate::scene::Scene;

pub(crate) fn play(scene: &mut Scene) {
    let [payer, alice, bob] = scene.wallets(["payer", "alice", "bob"]);
    let [mint, other] = ["mint", "other mint"].map(|name| {
        let mint = scene.chain.signer(name);
        let content = bytes_of(&Mint::new(payer, 6, None)).to_vec();
        scene.put(&mint, program_ids::TOKEN, content);
        mint
    });
    let account_of =
        |wallet: &Address, mint: &Address| associated_address(wallet, &program_ids::TOKEN, mint).0;
    scene.play(&create_idempotent(&payer, &alice, &mint));
    let mut create = create_idempotent(&payer, &bob, &mint);
    create.data = vec![AssociatedTokenInstruction::Create as u8];
    scene.play(&create);

    // Tokens of the other mint, in an account of an account of Alice's.
    scene.prepare(&create_idempotent(&payer, &alice, &other));
    let owner = account_of(&alice, &mint);
    let nested = account_of(&owner, &other);
    let content = bytes_of(&TokenAccount::new(other, owner, 5)).to_vec();
    scene.put(&nested, program_ids::TOKEN, content);
    let recover = AssociatedTokenInstruction::RecoverNested.call(vec![
        AccountMeta::writable(nested, false),
        AccountMeta::readonly(other, false),
        AccountMeta::writable(account_of(&alice, &other), false),
        AccountMeta::readonly(owner, false),
        AccountMeta::readonly(mint, false),
        AccountMeta::writable(alice, true),
        AccountMeta::readonly(program_ids::TOKEN, false),
    ]);
    scene.play(&recover);
}
