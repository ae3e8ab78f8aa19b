//! Interface descriptions in the hands that they are made for: Anchor's TypeScript client builds
//! instructions that the chain takes, and decodes what they leave; Codama renders a client. They
//! are installed on the way: where there is no Node.js or no network, the test says so and passes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lockstep_sdk::{
    access::AccountAccess,
    interface::{AccountMeta, Address, Instruction},
    prelude::AccountSet,
};
use lockstep_testing::Chain;
use serde_json::{Value, json};

use crate::raffle::raffle_example::raffle::*;

/// The files that are installed.
const FILES: [&str; 3] = ["package.json", "anchor.mjs", "codama.mjs"];

/// Runs a command in a folder. Gives what it printed, or why it failed.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let [out, errors] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    match output.status.success() {
        true => Ok(out),
        false => Err(format!("{program} {arguments:?}: {out}\n{errors}")),
    }
}

/// A folder with the clients; `None`, and a word about it, where they cannot be had.
fn installed() -> Option<PathBuf> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("idl-clients");
    fs::create_dir_all(&folder).expect("files of the test can be written");
    for name in FILES {
        fs::copy(scripts.join(name), folder.join(name)).expect("the scripts are there");
    }
    let wanted = fs::read(folder.join(FILES[0])).expect("it was copied");
    let stamp = folder.join("installed.json");
    if fs::read(&stamp).ok().as_ref() != Some(&wanted) {
        let arguments = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
        if let Err(cause) = run(&folder, "npm", &arguments) {
            eprintln!("SKIPPED: no packages of JavaScript can be installed here: {cause}");
            return None;
        }
        fs::write(stamp, wanted).expect("files of the test can be written");
    }
    Some(folder)
}

fn write(folder: &Path, name: &str, value: &Value) {
    let written = fs::write(folder.join(name), value.to_string());
    written.expect("files of the test can be written");
}

/// What a script prints, as JSON.
fn script(folder: &Path, arguments: &[&str]) -> Value {
    match run(folder, "node", arguments) {
        Ok(out) => serde_json::from_str(&out).expect("the script prints JSON"),
        Err(cause) => panic!("{cause}"),
    }
}

/// An instruction as a script prints it.
fn instruction(value: &Value) -> Instruction {
    let address = |value: &Value| -> Address {
        let text = value.as_str().expect("an address is a text");
        text.parse().expect("it is base58")
    };
    let is = |value: &Value| value.as_bool().expect("it is a flag");
    let accounts = value["accounts"].as_array().expect("accounts are a list");
    let accounts = accounts.iter().map(|meta| AccountMeta {
        address: address(&meta[0]),
        is_signer: is(&meta[1]),
        is_writable: is(&meta[2]),
    });
    let data = value["data"].as_array().expect("data is a list").iter();
    let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
    Instruction {
        program: address(&value["program"]),
        accounts: accounts.collect(),
        data: data.map(|value| byte(value).expect("a byte")).collect(),
    }
}

#[test]
fn anchors_client_builds_what_the_chain_takes_and_reads_what_it_leaves() {
    let Some(folder) = installed() else { return };
    let mut chain = Chain::builder().program(RaffleProgram).build();
    let [authority, buyer] = ["authority", "buyer"].map(|name| chain.wallet(name));
    let mint = chain.mint("gold", 2);
    let purse = chain.tokens(&buyer, &mint, 100);
    let (raffle, _) = Create::raffle_address(&authority, 7);
    let (ticket, _) = Buy::ticket_address(&raffle, &buyer);
    let idl = serde_json::from_str(&RaffleProgram::DESCRIPTION.to_json());
    write(&folder, "idl.json", &idl.expect("the description is JSON"));
    let wallets = [
        ("authority", authority),
        ("buyer", buyer),
        ("mint", mint),
        ("purse", purse),
        ("raffle", raffle),
        ("tickets", ticket),
    ];
    let wallets = wallets.map(|(name, address)| (name.to_owned(), json!(address.to_string())));
    write(
        &folder,
        "wallets.json",
        &Value::Object(wallets.into_iter().collect()),
    );

    let built = script(&folder, &["anchor.mjs", ".", "build"]);
    let own = [
        (
            "create",
            call::create(&CreateAddresses { authority, mint }, 7, 5, 1_700_000_060),
        ),
        (
            "buy",
            call::buy(
                &BuyAddresses {
                    buyer,
                    purse,
                    raffle,
                },
                "luck".to_owned(),
            ),
        ),
        (
            "claim",
            call::claim(&SettleAddresses {
                buyer,
                purse,
                desk: DeskAddresses { raffle },
            }),
        ),
        (
            "sweep",
            call::sweep(&SweepAddresses {
                authority,
                raffle,
                tickets: vec![ticket],
            }),
        ),
    ];
    for (name, own) in own {
        assert_eq!(instruction(&built[name]), own, "{name}");
    }

    let block = chain.run_block(["create", "buy"].map(|name| instruction(&built[name])));
    block.all_ok();
    let data = |address| {
        chain
            .account(address)
            .expect("it was created")
            .data
            .to_vec()
    };
    let accounts = json!([["Raffle", data(&raffle)], ["Ticket", data(&ticket)]]);
    write(&folder, "accounts.json", &accounts);
    let events = &block.call(1).details().expect("it ran").events;
    let events: Vec<_> = events.iter().map(|event| &event.data).collect();
    write(&folder, "events.json", &json!(events));
    let read = script(&folder, &["anchor.mjs", ".", "decode"]);
    let [raffle_state, ticket_state] = [&read["states"][0], &read["states"][1]];
    assert_eq!(
        raffle_state["authority"],
        json!(authority.to_string()),
        "{read}"
    );
    assert_eq!(
        (&raffle_state["sold"], &raffle_state["price"]),
        (&json!(1), &json!("05"))
    );
    assert_eq!(ticket_state["note"], "luck");
    let sold = &read["events"][0];
    assert_eq!(
        (&sold["name"], &sold["data"]["number"]),
        (&json!("Sold"), &json!(0))
    );
    assert_eq!(sold["data"]["raffle"], json!(raffle.to_string()));

    let codama = script(&folder, &["codama.mjs", "."]);
    for (name, access) in [
        ("create", Create::ACCESS),
        ("buy", Buy::ACCESS),
        ("claim", Settle::ACCESS),
        ("sweep", Sweep::ACCESS),
    ] {
        // The rest of an account list is no account of its own.
        let is_one = |access: &&AccountAccess| access.count_max == 1;
        let count = access.iter().filter(is_one).count();
        let found = codama["instructions"][name].as_array().map(Vec::len);
        assert_eq!(found, Some(count), "{name}: {codama}");
    }
    let files = codama["files"].as_array().expect("files are a list").iter();
    let files: Vec<&str> = files.filter_map(Value::as_str).collect();
    for wanted in ["claim.ts", "raffle.ts", "ticket.ts"] {
        assert!(files.iter().any(|file| file.ends_with(wanted)), "{files:?}");
    }
}
