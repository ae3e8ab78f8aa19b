//! Mints and tokens through their life.

use lockstep_programs::token::{
    AuthorityKind, Mint, Multisig, NATIVE_MINT, TokenAccount,
    TokenInstruction::{self, *},
    instruction as call,
};
use lockstep_sdk::{
    bytemuck::bytes_of,
    interface::{
        AccountMeta, Address,
        address::{program_ids::TOKEN, sysvar_ids},
    },
};
use lockstep_testing::SOL;

use crate::scene::Scene;

const MINT_SIZE: usize = size_of::<Mint>();
const ACCOUNT_SIZE: usize = size_of::<TokenAccount>();

pub(crate) fn play(scene: &mut Scene) {
    let [owner, delegate] = scene.wallets(["owner", "delegate"]);
    let mint = play_mints(scene, &owner);
    let [source, target] = play_accounts(scene, &owner, &mint);
    play_tokens(scene, [&source, &mint, &target], &owner);
    play_authorities(scene, [&source, &mint, &target], &owner, &delegate);
    play_native(scene, &owner);
}

fn rent() -> AccountMeta {
    AccountMeta::readonly(sysvar_ids::RENT, false)
}

fn writable(address: &Address) -> AccountMeta {
    AccountMeta::writable(*address, false)
}

fn readonly(address: &Address) -> AccountMeta {
    AccountMeta::readonly(*address, false)
}

fn signing(address: &Address) -> AccountMeta {
    AccountMeta::readonly(*address, true)
}

fn play_mints(scene: &mut Scene, owner: &Address) -> Address {
    let older = scene.blank("older mint", TOKEN, MINT_SIZE);
    let initialize = InitializeMint {
        decimals: 6,
        mint_authority: *owner,
        freeze_authority: None,
        names_rent: true,
    };
    scene.play(&initialize.call(vec![writable(&older), rent()]));
    let mint = scene.blank("mint", TOKEN, MINT_SIZE);
    scene.play(&call::initialize_mint(&mint, owner, Some(owner), 2));
    let shown = vec![readonly(&mint)];
    scene.play(&GetAccountDataSize.call(shown.clone()));
    scene.play(&AmountToUiAmount { amount: 5 }.call(shown.clone()));
    scene.play(&UiAmountToAmount { text: "1.5" }.call(shown));
    mint
}

fn play_accounts(scene: &mut Scene, owner: &Address, mint: &Address) -> [Address; 2] {
    let mut blank = |name| scene.blank(name, TOKEN, ACCOUNT_SIZE);
    let [older, source, target] = ["older", "source", "target"].map(&mut blank);
    scene.play(&InitializeImmutableOwner.call(vec![writable(&older)]));
    let named = vec![writable(&older), readonly(mint), readonly(owner), rent()];
    scene.play(&InitializeAccount.call(named));
    let owned = InitializeAccount2 { owner: *owner };
    scene.play(&owned.call(vec![writable(&source), readonly(mint), rent()]));
    scene.play(&call::initialize_account(&target, mint, owner));
    let signers = scene.wallets(["first", "second"]);
    let size = size_of::<Multisig>();
    let [older, newer] = ["older multisig", "multisig"].map(|name| scene.blank(name, TOKEN, size));
    let mut initialize = |multisig: Address, rent: Option<AccountMeta>| {
        let instruction = InitializeMultisig {
            required: 2,
            names_rent: rent.is_some(),
        };
        let signers = signers.iter().map(readonly);
        let accounts = [writable(&multisig)].into_iter().chain(rent);
        scene.play(&instruction.call(accounts.chain(signers).collect()));
    };
    initialize(older, Some(rent()));
    initialize(newer, None);
    [source, target]
}

fn play_tokens(scene: &mut Scene, [source, mint, target]: [&Address; 3], owner: &Address) {
    let moved = |decimals| {
        [
            MintTo {
                amount: 9,
                decimals,
            },
            Burn {
                amount: 1,
                decimals,
            },
        ]
    };
    for decimals in [None, Some(2)] {
        let [mint_to, burn] = moved(decimals);
        scene.play(&mint_to.call(vec![writable(mint), writable(source), signing(owner)]));
        scene.play(&burn.call(vec![writable(source), writable(mint), signing(owner)]));
    }
    scene.play(&call::transfer(source, target, owner, 3));
    scene.play(&call::transfer_checked([source, mint, target], owner, 3, 2));
}

fn play_authorities(
    scene: &mut Scene,
    [source, mint, target]: [&Address; 3],
    owner: &Address,
    delegate: &Address,
) {
    let approve = |decimals| Approve {
        amount: 3,
        decimals,
    };
    let parties = [readonly(delegate), signing(owner)];
    let named = [&[writable(source)][..], &parties].concat();
    scene.play(&approve(None).call(named));
    let checked = [&[writable(source), readonly(mint)][..], &parties].concat();
    scene.play(&approve(Some(2)).call(checked));
    scene.play(&Revoke.call(vec![writable(source), signing(owner)]));
    let held = vec![writable(target), readonly(mint), signing(owner)];
    scene.play(&FreezeAccount.call(held.clone()));
    scene.play(&ThawAccount.call(held));
    let replace = SetAuthority {
        kind: AuthorityKind::CloseAccount,
        authority: Some(*delegate),
    };
    scene.play(&replace.call(vec![writable(source), signing(owner)]));
}

fn play_native(scene: &mut Scene, owner: &Address) {
    scene.put(
        &NATIVE_MINT,
        TOKEN,
        bytes_of(&Mint::new(*owner, 9, None)).to_vec(),
    );
    let wrapped = scene.blank("wrapped", TOKEN, ACCOUNT_SIZE);
    scene.prepare(&call::initialize_account(&wrapped, &NATIVE_MINT, owner));
    scene.chain.airdrop(&wrapped, SOL);
    let sync: TokenInstruction<'_> = SyncNative;
    scene.play(&sync.call(vec![writable(&wrapped)]));
    scene.play(&call::close_account(&wrapped, owner, owner));
}
