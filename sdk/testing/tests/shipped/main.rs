//! Every instruction of every program that is shipped: it declares no more than it needs, and its
//! description is what clients send.

mod associated_token;
mod description;
mod lookup_table;
mod others;
mod scene;
mod system;
mod token;

use std::collections::BTreeSet;

use lockstep_programs::{
    demanded::DEMANDED, descriptions, system::instruction::transfer, token::TokenInstruction,
};
use lockstep_sdk::interface::{AccountMeta, Instruction, InstructionError, address::program_ids};
use lockstep_testing::{Chain, InVain};
use scene::Scene;

/// Calls that between them reach every instruction of a program.
type Play = fn(&mut Scene);

/// What plays each program.
const SCENES: [(&str, Play); 9] = [
    ("system", system::play),
    ("compute-budget", others::play_compute_budget),
    ("token", token::play),
    ("associated-token", associated_token::play),
    ("memo", others::play_memo),
    ("address-lookup-table", lookup_table::play),
    ("ed25519", others::play_ed25519),
    ("activation", others::play_activation),
    ("trace", others::play_trace),
];

#[test]
fn programs_declare_what_they_need_and_no_more_than_solana_demands() {
    let mut vain = Vec::new();
    for description in descriptions() {
        let (_, play) = SCENES
            .iter()
            .find(|(name, _)| *name == description.name)
            .unwrap_or_else(|| panic!("no test plays {}", description.name));
        let mut scene = Scene::new(description);
        play(&mut scene);
        vain.extend(scene.end());
    }
    let found: BTreeSet<_> = vain.iter().map(place).collect();
    let demanded = DEMANDED.iter();
    let demanded = demanded.map(|known| [known.program, known.instruction, known.account]);
    let demanded: BTreeSet<_> = demanded.collect();
    assert_eq!(demanded.len(), DEMANDED.len(), "an account is listed twice");
    let unexplained = vain.iter().filter(|vain| !demanded.contains(&place(vain)));
    let unexplained: String = unexplained.map(|vain| format!("\n  {vain}")).collect();
    assert!(
        unexplained.is_empty(),
        "no entry of DEMANDED says why:{unexplained}"
    );
    let needless: Vec<_> = demanded.difference(&found).collect();
    assert!(
        needless.is_empty(),
        "DEMANDED lists what is needed or not declared: {needless:?}"
    );
}

#[test]
fn errors_of_programs_are_told_by_name() {
    let mut chain = Chain::new();
    let [alice, bob] = ["alice", "bob"].map(|name| chain.wallet(name));
    let verify = Instruction {
        program: program_ids::ED25519,
        accounts: Vec::new(),
        data: vec![1],
    };
    let foreign = TokenInstruction::Revoke;
    let mut foreign = foreign.call(vec![AccountMeta::writable(alice, false)]);
    foreign.data = vec![0xff];
    for (call, code, name) in [
        (
            transfer(&alice, &bob, u64::MAX),
            1,
            "ResultWithNegativeLamports",
        ),
        (verify, 4, "InvalidInstructionDataSize"),
        (foreign, 12, "InvalidInstruction"),
    ] {
        let block = chain.run(call);
        block.fails(0, InstructionError::Custom(code)).saying(name);
    }
}

/// Program, instruction and account, of repeated ones without their number.
fn place(vain: &InVain) -> [&str; 3] {
    let account = vain.account_name.as_deref().unwrap_or_default();
    let account = account.split('[').next().unwrap_or_default();
    [
        &vain.program,
        vain.instruction_name.unwrap_or_default(),
        account,
    ]
}
