//! Four members as processes on this machine: a transaction that one of them is given becomes final
//! on all, with a proof that needs no trust; one that is killed comes back and catches up.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use lockstep_node::client::call;
use lockstep_validator::{prove::prove, testnet::Testnet};
use serde_json::{Value, json};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Processes that end with the test.
struct Members {
    folder: PathBuf,
    running: Vec<Child>,
}

impl Members {
    fn start(folder: &Path, place: usize) -> Child {
        let config = folder.join(format!("validator-{place}/member.json"));
        Command::new(env!("CARGO_BIN_EXE_lockstep-validator"))
            .args(["validator", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Waits until something is so.
fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn slot(url: &str) -> Option<u64> {
    call(url, "getSlot", &json!([])).ok()?.as_u64()
}

fn balance(url: &str, address: &str) -> Option<u64> {
    call(url, "getBalance", &json!([address])).ok()?["value"].as_u64()
}

#[test]
fn four_processes_agree_and_one_that_is_killed_catches_up() {
    let folder = std::env::temp_dir().join(format!("lockstep-network-{}", std::process::id()));
    // Ports that other processes of this machine hardly use.
    let port = 20_000 + u16::try_from(std::process::id() % 20_000).unwrap();
    let testnet = Testnet {
        directory: folder.clone(),
        validator_count: 4,
        rpc_port: port,
        peer_port: port + 100,
        block_millis: 100,
    };
    testnet.prepare().unwrap();
    let urls = testnet.urls().unwrap();
    let mut members = Members {
        running: (1..=4)
            .map(|place| Members::start(&folder, place))
            .collect(),
        folder,
    };
    for url in &urls {
        wait("a first block", || slot(url).filter(|slot| *slot > 2));
    }
    let wallet = "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS";
    let given = call(
        &urls[1],
        "requestAirdrop",
        &json!([wallet, 5_000_000_000u64]),
    )
    .unwrap();
    for url in &urls {
        wait("the airdrop", || {
            balance(url, wallet).filter(|balance| *balance > 0)
        });
        assert_eq!(
            balance(url, wallet),
            Some(5_000_000_000),
            "it is there once"
        );
        let found = call(
            url,
            "getTransaction",
            &json!([given, { "encoding": "json" }]),
        )
        .unwrap();
        assert_eq!(found["meta"]["err"], Value::Null);
    }
    let network = members.folder.join("network.json");
    let proven = wait("a proof", || prove(wallet, &network, &urls[2]).ok());
    assert_eq!(proven["account"]["lamports"], 5_000_000_000u64);

    let mut killed = members.running.pop().unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let before = slot(&urls[0]).unwrap();
    wait("progress without it", || {
        slot(&urls[0]).filter(|slot| *slot > before + 5)
    });
    members.running.push(Members::start(&members.folder, 4));
    let tip = slot(&urls[0]).unwrap();
    wait("the tip", || slot(&urls[3]).filter(|slot| *slot >= tip));
    assert_eq!(balance(&urls[3], wallet), Some(5_000_000_000));
}
