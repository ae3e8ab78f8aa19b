//! The page for people in headless Chromium, with real traffic. Browser and checks are installed on
//! the way: where that cannot be, the test says so and passes.

mod common;

use std::{fs, path::Path, thread, time::Duration};

use common::{
    Served,
    install::{installed, npm_install, run},
};
use lockstep_node::client::{LoadOptions, Workload, load};

/// The exit code of the script where no browser can be started.
const NO_BROWSER: &str = "exit status: 3";

#[test]
fn the_page_shows_a_node_at_work() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let folder = installed("page");
    if !npm_install(&scripts, &folder, &["page.mjs"]) {
        return;
    }
    let served = Served::start(None);
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
    let arguments = ["page.mjs", &served.http(), &pictures.to_string_lossy()];
    match run(&folder, "node", &arguments) {
        Ok(told) => eprintln!("{told}"),
        Err(cause) if cause.contains(NO_BROWSER) => eprintln!("SKIPPED: {cause}"),
        Err(cause) => panic!("{cause}"),
    }
    served.stop();
    drop(loaded);
}
