//! Tables through their life.

use lockstep_programs::lookup_table::instruction::{
    close, create, deactivate, extend, freeze, table_address,
};
use lockstep_sdk::interface::Address;

use crate::scene::Scene;

pub(crate) fn play(scene: &mut Scene) {
    let [authority, payer, receiver] = scene.wallets(["authority", "payer", "receiver"]);
    let open = |scene: &mut Scene| -> Address {
        let slot = scene.chain.slot().saturating_sub(1);
        scene.play(&create(&authority, &payer, slot));
        let (table, _) = table_address(&authority, slot);
        scene.play(&extend(&table, &authority, &payer, &[payer, receiver]));
        table
    };
    let frozen = open(scene);
    scene.play(&freeze(&frozen, &authority));

    let closed = open(scene);
    scene.play(&deactivate(&closed, &authority));
    // As if it had been deactivated in a slot without a block.
    let missed = scene.chain.slot();
    scene.chain.warp_to_slot(missed.saturating_add(1));
    let mut account = scene
        .chain
        .account(&closed)
        .expect("it is deactivated only");
    account.data.make_mut()[4..12].copy_from_slice(&missed.to_le_bytes());
    scene.chain.set_account(&closed, account);
    scene.play(&close(&closed, &authority, &receiver));
}
