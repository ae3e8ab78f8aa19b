//! What goes wrong with real processes under load: whatever happens to one of four members, or to
//! all, they come to the same tip, and each transaction that was final is there once.
//!
//! `LOCKSTEP_FULL=1` kills one member 100 times and all of them 20 times, and brings what needs
//! rights or tools: a disk that is full, a clock that is off. What cannot be had is said.

mod processes;

use std::{
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use processes::{Client, Members, is_full, slot, wait};

/// Milliseconds between blocks.
const BLOCK_MILLIS: u64 = 100;
/// Time between two transactions.
const PAUSE: Duration = Duration::from_millis(20);

/// How often something happens, in a usual run and in a long one.
fn times(short: usize, long: usize) -> usize {
    let count = if is_full() { long } else { short };
    let scale = std::env::var("LOCKSTEP_CHAOS_PERCENT").ok();
    let percent = scale.and_then(|text| text.parse().ok()).unwrap_or(100);
    (count * percent / 100).max(1)
}

/// Ends a test, and says what it saw.
fn finish(what: &str, client: Client, members: &Members) {
    let [sent, called, found] = client.finish(members);
    println!("{what}: {sent} sent, {called} seen as final meanwhile, {found} final at the end");
}

#[test]
fn one_member_is_killed_again_and_again() {
    let mut members = Members::new("kill-one", 4, BLOCK_MILLIS);
    members.start_all();
    let client = Client::start(&members, PAUSE);
    let count = times(2, 100);
    for number in 0..count {
        let place = number % 4;
        members.kill(place);
        thread::sleep(Duration::from_millis(37 * (number as u64 % 11)));
        members.start(place);
        let tip = wait("a tip", || slot(&members.urls[(place + 1) % 4]));
        let url = &members.urls[place];
        wait("the tip", || slot(url).filter(|slot| *slot >= tip));
        if number % 10 == 9 {
            println!("killed one member {} times", number + 1);
        }
    }
    client.expect_progress();
    finish(&format!("one killed {count} times"), client, &members);
}

#[test]
fn all_members_are_killed_again_and_again() {
    if !is_full() {
        return println!("only with LOCKSTEP_FULL=1");
    }
    let mut members = Members::new("kill-all", 4, BLOCK_MILLIS);
    members.start_all();
    let client = Client::start(&members, PAUSE);
    let count = times(1, 20);
    for number in 0..count {
        for place in 0..4 {
            members.kill(place);
        }
        for place in 0..4 {
            members.start(place);
        }
        client.expect_progress();
        println!("killed all members {} times", number + 1);
    }
    finish(&format!("all killed {count} times"), client, &members);
}

#[test]
fn each_member_stops_for_a_while_as_leader_too() {
    let mut members = Members::new("stop", 4, BLOCK_MILLIS);
    members.start_all();
    let client = Client::start(&members, PAUSE);
    // Longer than several views, of which each member leads one of four.
    let count = times(1, 12);
    for number in 0..count {
        members.signal(number % 4, "-STOP");
        thread::sleep(Duration::from_secs(2));
        members.signal(number % 4, "-CONT");
        client.expect_progress();
    }
    finish(&format!("one stopped {count} times"), client, &members);
}

#[test]
fn a_member_loses_its_disk_and_strangers_send_garbage() {
    if !is_full() {
        return println!("only with LOCKSTEP_FULL=1");
    }
    let mut members = Members::new("wipe", 4, BLOCK_MILLIS);
    members.start_all();
    let client = Client::start(&members, PAUSE);
    let count = times(1, 5);
    for _ in 0..count {
        client.expect_progress();
        wait("a network that has begun", || {
            slot(&members.urls[0]).filter(|slot| *slot > 20)
        });
        members.kill(3);
        members.wipe(3);
        members.start(3);
        for place in 0..4 {
            send_garbage(members.peer_port + 10 * place);
        }
        let tip = slot(&members.urls[0]).unwrap();
        let url = &members.urls[3];
        wait("the tip", || slot(url).filter(|slot| *slot >= tip));
    }
    finish(
        &format!("wiped {count} times, with garbage"),
        client,
        &members,
    );
}

/// Sends bytes that are no handshake to a port of a member.
fn send_garbage(port: u16) {
    for size in [0usize, 1, 100, 100_000] {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
            continue;
        };
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        // Fails once the member has had enough.
        let _ = stream.write_all(&bytes);
    }
}

/// A file system of few bytes, which goes with this value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let size = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(path)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_member_whose_port_is_taken_ends_and_names_it() {
    let mut members = Members::new("port", 4, BLOCK_MILLIS);
    let taken = TcpListener::bind(("127.0.0.1", members.peer_port + 10)).unwrap();
    members.start(1);
    wait("the member's end", || members.has_ended(1).then_some(()));
    let told = fs::read_to_string(members.folder(1).join("output.log")).unwrap();
    let expected = format!("cannot listen at {}", taken.local_addr().unwrap());
    assert!(told.contains(&expected), "{told}");
    drop(taken);
    members.kill(1);
    members.start_all();
}

#[test]
fn a_full_disk_ends_one_member_which_comes_back_when_there_is_room() {
    if !is_full() {
        return println!("only with LOCKSTEP_FULL=1");
    }
    let mut members = Members::new("full-disk", 4, BLOCK_MILLIS);
    let data = members.folder(2).join("data");
    let Some(_disk) = SmallDisk::mount(&data, "400m") else {
        return println!("SKIPPED: no file system can be mounted, so no disk is full");
    };
    members.start_all();
    let client = Client::start(&members, PAUSE);
    client.expect_progress();
    let filler = data.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 1 << 16]).is_ok() {}
    wait("the member's end", || members.has_ended(2).then_some(()));
    client.expect_progress();
    members.kill(2);
    fs::remove_file(&filler).unwrap();
    drop(file);
    members.start(2);
    let tip = slot(&members.urls[0]).unwrap();
    let url = &members.urls[2];
    wait("the tip", || slot(url).filter(|slot| *slot >= tip));
    finish("one with a full disk", client, &members);
}

/// Where the library is that shows a process another time.
const FAKETIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

#[test]
fn a_clock_that_is_off_by_an_hour_does_no_harm() {
    if !is_full() {
        return println!("only with LOCKSTEP_FULL=1");
    }
    let Some(library) = FAKETIME.iter().find(|path| Path::new(path).exists()) else {
        return println!("SKIPPED: there is no libfaketime, so no clock is off");
    };
    let mut members = Members::new("clock", 4, BLOCK_MILLIS);
    members.start_all();
    let client = Client::start(&members, PAUSE);
    for offset in ["-1h", "+1h"] {
        members.kill(1);
        let environment = [
            format!("LD_PRELOAD={library}"),
            format!("FAKETIME={offset}"),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ];
        members.wrapper = vec!["env".to_owned()];
        members.wrapper.extend(environment);
        members.start(1);
        client.expect_progress();
        thread::sleep(Duration::from_secs(5));
        client.expect_progress();
        members.kill(1);
        members.wrapper.clear();
        members.start(1);
        let tip = slot(&members.urls[0]).unwrap();
        let url = &members.urls[1];
        wait("the tip", || slot(url).filter(|slot| *slot >= tip));
    }
    finish("one with a clock an hour off", client, &members);
}
