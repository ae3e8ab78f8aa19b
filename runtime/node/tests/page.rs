//! The page for people in headless Chromium, with real traffic. Browser and checks are installed on
//! the way: where that cannot be, the test says so and passes.

mod common;

use std::{
    fs,
    path::Path,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use common::{
    Served,
    install::{installed, npm_install, run},
    network::{genesis, proof},
};
use lockstep_interface::Address;
use lockstep_node::{
    Certify, Node,
    client::{LoadOptions, Workload, load},
};

/// The exit code of the script where no browser can be started.
const NO_BROWSER: &str = "exit status: 3";

/// Members that certify: wrongly for one address, and not yet for another.
struct Members {
    node: Weak<Node>,
    forged: Address,
    waiting: Address,
}

impl Certify for Members {
    fn proof(&self, address: &Address) -> Result<Option<Vec<u8>>, String> {
        let node = self.node.upgrade().ok_or("the node has ended")?;
        let mut bytes = proof(&node, address)?;
        if *address == self.forged {
            // A bit of the first signature.
            bytes[30] ^= 1;
        }
        Ok((*address != self.waiting).then_some(bytes))
    }

    fn passage(&self, _epoch: u64) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn the_page_shows_a_node_at_work() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let folder = installed("page");
    if !npm_install(&scripts, &folder, &["browser.mjs", "page.mjs"]) {
        return;
    }
    let served = Served::of_genesis(genesis());
    let [forged, waiting] = [7, 8].map(|byte| Address::new_from_array([byte; 32]));
    served.running.node.certifier.set(Arc::new(Members {
        node: Arc::downgrade(&served.running.node),
        forged,
        waiting,
    }));
    let options = LoadOptions {
        http: served.http(),
        socket: served.socket(),
        workload: Workload::Failing,
        rate: 150,
        time: Duration::from_secs(60),
        senders: 30,
        lanes: 1,
    };
    // It ends with the node.
    let loaded = thread::spawn(move || load(&options, &mut |_| ()).map(|report| report.confirmed));
    let pictures = folder.join("pictures");
    fs::create_dir_all(&pictures).unwrap();
    let (forged, waiting) = (forged.to_string(), waiting.to_string());
    let arguments = [
        "page.mjs",
        &served.http(),
        &pictures.to_string_lossy(),
        &forged,
        &waiting,
    ];
    match run(&folder, "node", &arguments) {
        Ok(told) => eprintln!("{told}"),
        Err(cause) if cause.contains(NO_BROWSER) => eprintln!("SKIPPED: {cause}"),
        Err(cause) => panic!("{cause}"),
    }
    served.stop();
    drop(loaded);
}
