//! A node among hostile clients: what they send gets the right errors, memory stays bounded, and
//! other clients are served as before.
//!
//! `cargo test -p lockstep --test hostile -- --nocapture` shows the latencies of honest clients
//! before and meanwhile.
#![cfg(target_os = "linux")]

#[path = "common/folder.rs"]
mod folder;
#[path = "common/node.rs"]
mod node;

use std::collections::VecDeque;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use folder::Folder;
use lockstep_interface::Address;
use lockstep_node::raise_file_limit;
use node::Node;
use serde_json::{Value, json};

const TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
/// Token accounts, which make one answer of 1 MB.
const ACCOUNTS: u16 = 3_000;
/// Connections that say nothing, or do not listen; as many more ask what is wrong.
const STALLED: usize = 500;
/// Connections of each of two clients that ask what is wrong.
const ASKING: usize = STALLED / 2 - 20;
const SUBSCRIBERS: usize = 10;
const SUBSCRIPTIONS: usize = 1_000;
/// What the 99th percentile of honest clients may always come to: on few cores a thread waits some
/// milliseconds for its turn, whatever the node does.
const NOISE: Duration = Duration::from_millis(25);
/// MiB that the node may take, as its page says.
const MEMORY_MIB: u64 = 1_024;

/// A genesis file with accounts to look for.
fn genesis(folder: &Folder) -> String {
    let data = BASE64_STANDARD.encode([1; 165]);
    let accounts = (0..ACCOUNTS).map(|number| {
        let mut bytes = [9; 32];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        json!({
            "address": Address::new_from_array(bytes).to_string(),
            "lamports": 3_000_000, "owner": TOKEN, "data": data,
        })
    });
    let file = folder.path("genesis.json");
    let text = json!({ "accounts": accounts.collect::<Vec<_>>() }).to_string();
    fs::write(&file, text).expect("the node is there");
    file
}

fn request(method: &str, params: &Value) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    post(&body.to_string())
}

fn post(body: &str) -> String {
    let size = body.len();
    format!(
        "POST / HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
         content-length: {size}\r\n\r\n{body}"
    )
}

/// A connection; the node may be at its bound for a moment.
fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the node is there");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("the node is there");
    stream
}

/// Sends a request and reads the answer, head and body, on a connection that stays.
fn exchange(stream: &mut TcpStream, text: &str) -> Option<String> {
    stream.write_all(text.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    let mut piece = [0; 64 << 10];
    let mut whole = None;
    while whole.is_none_or(|whole| bytes.len() < whole) {
        let size = stream.read(&mut piece).ok().filter(|size| *size > 0)?;
        bytes.extend_from_slice(&piece[..size]);
        whole = whole.or_else(|| answer_size(&bytes));
    }
    String::from_utf8(bytes).ok()
}

/// The bytes of an answer, head and body, once its head is there.
fn answer_size(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "))?;
    let body: usize = length.parse().ok()?;
    end.checked_add(4)?.checked_add(body)
}

/// What is wrong, and a part of the right answer.
fn wrong_requests() -> Vec<(String, &'static str)> {
    let one = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getSlot\"}";
    let huge = "POST / HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
                content-length: 52428800\r\n\r\n";
    vec![
        (post("{ \"jsonrpc\": "), "-32700"),
        (post(&"[".repeat(50_000)), "-32700"),
        (request("getNothing", &json!([])), "-32601"),
        (request("getBalance", &json!([7])), "-32602"),
        (
            post(&format!("[{}]", vec![one; 10_000].join(","))),
            "-32010",
        ),
        (huge.to_owned(), " 413 "),
    ]
}

/// Starts a thread of hostile clients. They stand for other machines, so that they take no time
/// that the node wants.
fn hostile(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::spawn(|| {
        rustix::process::nice(10).expect("a thread may always lower its own priority");
        work();
    })
}

/// Hostile clients, which go on until they are told to stop.
struct Attack {
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
    stalled: Vec<TcpStream>,
}

impl Attack {
    fn start(http: &str, socket: &str) -> Self {
        let mut attack = Self {
            is_over: Arc::default(),
            answered: Arc::default(),
            threads: Vec::new(),
            stalled: Vec::new(),
        };
        let all = request(
            "getProgramAccounts",
            &json!([TOKEN, { "encoding": "base64" }]),
        );
        for number in 0..STALLED {
            let mut stream = connect(http);
            match number % 5 {
                // It says no word.
                0 => {}
                // It does not end its head, or its body.
                1 | 2 => stream
                    .write_all(b"POST / HTTP/1.1\r\nhost: node\r\n")
                    .expect("the node is there"),
                3 => stream
                    .write_all(&post("{\"jsonrpc\":\"2.0\"}").as_bytes()[..95])
                    .expect("the node is there"),
                // It asks for much and does not listen.
                _ => stream.write_all(all.as_bytes()).expect("the node is there"),
            }
            attack.stalled.push(stream);
        }
        for _ in 0..2 {
            attack.wrong(http);
            attack.greedy(http, all.clone());
        }
        for number in 0..SUBSCRIBERS {
            attack.subscriber(socket, number);
        }
        attack
    }

    /// Asks in turn what is wrong, on many connections.
    fn wrong(&mut self, http: &str) {
        let (http, is_over) = (http.to_owned(), Arc::clone(&self.is_over));
        let answered = Arc::clone(&self.answered);
        self.threads.push(hostile(move || {
            let requests = wrong_requests();
            let streams = (0..ASKING).map(|_| connect(&http));
            let mut streams: VecDeque<TcpStream> = streams.collect();
            for (text, expected) in requests.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let mut stream = streams.pop_front().expect("there are some");
                let answer = exchange(&mut stream, text);
                if let Some(answer) = &answer {
                    assert!(answer.contains(expected), "{expected}: {answer}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                // Refused by its head, a request leaves the connection closed.
                let is_closed = answer.is_none() || *expected == " 413 ";
                streams.push_back(if is_closed { connect(&http) } else { stream });
                thread::sleep(Duration::from_millis(10));
            }
        }));
    }

    /// Asks for all accounts of a program again and again.
    fn greedy(&mut self, http: &str, all: String) {
        let (http, is_over) = (http.to_owned(), Arc::clone(&self.is_over));
        self.threads.push(hostile(move || {
            let mut stream = connect(&http);
            while !is_over.load(Ordering::Relaxed) {
                if exchange(&mut stream, &all).is_none() {
                    stream = connect(&http);
                }
            }
        }));
    }

    /// Subscribes to as many accounts as a connection may, and never reads.
    fn subscriber(&mut self, socket: &str, number: usize) {
        let mut stream = connect(socket);
        let head = "GET / HTTP/1.1\r\nhost: node\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                    sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        stream
            .write_all(head.as_bytes())
            .expect("the node is there");
        let mut reader = stream.try_clone().expect("the node is there");
        let mut piece = [0; 4_096];
        assert!(reader.read(&mut piece).expect("the node is there") > 0);
        for place in 0..SUBSCRIPTIONS {
            let mut bytes = [5; 32];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            bytes[8..16].copy_from_slice(&place.to_le_bytes());
            let address = Address::new_from_array(bytes).to_string();
            let body = json!({ "jsonrpc": "2.0", "id": place, "method": "accountSubscribe",
                "params": [address] });
            stream
                .write_all(&frame(&body.to_string()))
                .expect("the node is there");
        }
        self.stalled.push(stream);
    }

    fn stop(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("the node is there");
        }
        self.answered.load(Ordering::Relaxed)
    }
}

/// A message as clients of WebSockets send it: masked, here with zeros.
fn frame(text: &str) -> Vec<u8> {
    let size = u16::try_from(text.len()).expect("the node is there");
    let [low, high] = size.to_le_bytes();
    let mut bytes = vec![0x81, 0x80 | 126, high, low];
    bytes.extend([0; 4]);
    bytes.extend(text.as_bytes());
    bytes
}

/// Latencies of a client that asks now and then, sorted.
fn honest(node: &Node, count: usize) -> Vec<Duration> {
    let asked = json!(["4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg"]);
    let mut latencies: Vec<Duration> = (0..count)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(node.ask("getBalance", &asked)["value"], 0);
            let took = start.elapsed();
            thread::sleep(Duration::from_millis(5));
            took
        })
        .collect();
    latencies.sort();
    latencies
}

/// MiB of memory that a process has taken at the most.
fn peak_mib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the node is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line
        .expect("the node is there")
        .trim()
        .trim_end_matches(" kB");
    kib.parse::<u64>().expect("the node is there") / 1_024
}

#[test]
fn hostile_clients_get_errors_and_others_get_answers() {
    raise_file_limit();
    let folder = Folder::new("hostile");
    let file = genesis(&folder);
    let node = Node::start(&["--memory", "--genesis", &file]);
    let (http, socket) = (&node.http["http://".len()..], &node.socket["ws://".len()..]);
    let at = |latencies: &[Duration], per_cent: usize| latencies[latencies.len() * per_cent / 100];
    let quiet = honest(&node, 300);
    let attack = Attack::start(http, socket);
    thread::sleep(Duration::from_secs(1));
    let busy = honest(&node, 300);
    let signature = node.ask("requestAirdrop", &json!([TOKEN, 1]));
    let peak = peak_mib(node.process.id());
    let answered = attack.stop();
    for (name, latencies) in [("quiet", &quiet), ("among hostile clients", &busy)] {
        let [half, most] = [50, 99].map(|per_cent| at(latencies, per_cent));
        eprintln!("{name}: p50 {half:?}, p99 {most:?}");
    }
    let [before, meanwhile] = [&quiet, &busy].map(|latencies| at(latencies, 99));
    assert!(
        meanwhile <= (before * 2).max(NOISE),
        "{before:?} came to {meanwhile:?}"
    );
    eprintln!("peak {peak} MiB; {answered} wrong requests answered");
    assert!(
        answered >= wrong_requests().len(),
        "{answered} were answered"
    );
    assert!(peak < MEMORY_MIB, "{peak} MiB");
    assert!(signature.is_string());
    // What was stalled is gone, and nothing of it is left in the way.
    assert_eq!(node.ask("getHealth", &json!([])), "ok");
    honest(&node, 20);
    assert_eq!(node.end(), Some(0));
}
