//! The memo programs, versions 1 and 4: the first takes a text, the newest has signers, too.

use lockstep_interface::{Address, Instruction, InstructionError, address::program_ids};
use lockstep_testing::{Call, Chain};

use crate::kit::{chain, passed, reads, run, signs, sized};

const MEMO_1: Address = Address::from_str_const("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVddwQDwFMNo");

/// Texts, now and then one that is none, or one whose signer is none.
fn texts(chain: &mut Chain, program: Address, has_signers: bool) {
    let wallets: Vec<Address> = (0..20)
        .map(|number| chain.wallet(&format!("wallet {number}")))
        .collect();
    let calls = (0..sized(80)).map(|number| {
        let wallet = &wallets[number % wallets.len()];
        let text = format!("memo {number}").into_bytes();
        let data = match number % 10 {
            3 => vec![0xff, 0xfe],
            _ => text,
        };
        let accounts = match (has_signers, number % 10) {
            (false, _) => vec![],
            (true, 5) => vec![reads(&wallets[(number + 1) % wallets.len()])],
            (true, _) => vec![signs(wallet)],
        };
        let instruction = Instruction {
            program,
            accounts,
            data,
        };
        Call::new([instruction])
    });
    let calls: Vec<Call> = calls.collect();
    let count = calls.len();
    let block = run(chain, calls);
    let refused = if has_signers { count / 5 } else { count / 10 };
    assert_eq!(passed(&block), count - refused);
    // The newest one logs the text before it looks at it.
    block.fails(
        3,
        match has_signers {
            true => InstructionError::ProgramFailedToComplete,
            false => InstructionError::InvalidInstructionData,
        },
    );
    if has_signers {
        block.fails(5, InstructionError::MissingRequiredSignature);
    }
    assert!(block.call(0).compute_units() > 100);
}

#[test]
fn blocks_of_memos_of_the_first_version() {
    let Some(mut chain) = chain(&[(MEMO_1, "spl_memo-1.0.0.so")]) else {
        return;
    };
    texts(&mut chain, MEMO_1, false);
}

#[test]
fn blocks_of_memos_of_the_fourth_version() {
    let Some(mut chain) = chain(&[(program_ids::MEMO, "spl_memo-4.0.0.so")]) else {
        return;
    };
    texts(&mut chain, program_ids::MEMO, true);
}
