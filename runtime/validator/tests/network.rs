//! Four members as processes on this machine: a transaction that one of them is given becomes final
//! on all, with a proof that needs no trust; one that is killed comes back and catches up; one that
//! has lost its disk takes a snapshot of the others under load, and is back at the tip.

mod processes;

use std::{fs, time::Duration};

use lockstep_node::client::call;
use lockstep_validator::{limits::JOIN_HEIGHT_MIN, prove::prove};
use serde_json::{Value, json};

use processes::{Client, Members, balance, slot, wait};

#[test]
fn four_processes_agree_and_one_that_is_killed_or_wiped_comes_back() {
    let mut members = Members::new("network", 4, 100);
    members.start_all();
    let urls = members.urls.clone();
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

    members.kill(3);
    let before = slot(&urls[0]).unwrap();
    wait("progress without it", || {
        slot(&urls[0]).filter(|slot| *slot > before + 5)
    });
    members.start(3);
    let tip = slot(&urls[0]).unwrap();
    wait("the tip", || slot(&urls[3]).filter(|slot| *slot >= tip));
    assert_eq!(balance(&urls[3], wallet), Some(5_000_000_000));

    let client = Client::start(&members, Duration::from_millis(20));
    // Of a network that has only begun no snapshot is taken.
    wait("a longer chain", || {
        slot(&urls[0]).filter(|slot| *slot > JOIN_HEIGHT_MIN)
    });
    members.kill(3);
    members.wipe(3);
    members.start(3);
    wait("the tip by a snapshot", || {
        slot(&urls[3]).filter(|slot| *slot >= tip)
    });
    assert!(members.folder(3).join("data/snapshot/offer").exists());
    client.expect_progress();
    assert_eq!(balance(&urls[3], wallet), Some(5_000_000_000));
    let counts = client.finish(&members);
    println!("sent, called final, final: {counts:?}");
    // Of what the killed member had accepted, some is lost that it had not told the others.
    let [sent, _, found] = counts;
    assert!(found * 10 >= sent * 9, "{counts:?}");

    members.kill(3);
    fs::remove_dir_all(members.folder(3).join("data/consensus")).unwrap();
    fs::remove_dir_all(members.folder(3).join("data/snapshot")).unwrap();
    members.start(3);
    wait("its end", || members.has_ended(3).then_some(()));
    let output = fs::read_to_string(members.folder(3).join("output.log")).unwrap();
    assert!(output.contains("has forgotten its votes"), "{output}");
}
