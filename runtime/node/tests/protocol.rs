//! Requests that are wrong, too large or too many: the errors that Solana's clients know, and a
//! node that goes on.

mod common;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use common::Served;
use serde_json::{Value, json};

/// The status and the body of an answer.
fn exchange(served: &Served, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(served.server.http).expect("the node answers");
    // The server may close before it has read all of what is too large.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    (status.unwrap_or(0), body.unwrap_or_default())
}

fn post(served: &Served, body: &str) -> (u16, String) {
    let size = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {size}\r\n\r\n{body}"
    );
    exchange(served, request.as_bytes())
}

fn get(served: &Served, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
    exchange(served, request.as_bytes())
}

fn ask(served: &Served, method: &str, params: &Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (_, answer) = post(served, &body.to_string());
    serde_json::from_str(&answer).expect("the node answers")
}

#[track_caller]
fn fails(served: &Served, method: &str, params: &Value, code: i64) -> Value {
    let answer = ask(served, method, params);
    assert_eq!(answer["error"]["code"], code, "{method}: {answer}");
    answer["error"].clone()
}

#[test]
fn wrong_requests_get_the_errors_that_clients_know() {
    let served = Served::start(None);
    let address = "4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg";
    let system = "11111111111111111111111111111111";
    fails(&served, "getNothing", &json!([]), -32601);
    fails(&served, "getBalance", &json!([]), -32602);
    fails(&served, "getBalance", &json!(["short"]), -32602);
    fails(
        &served,
        "getBalance",
        &json!([address, { "commitment": "soon" }]),
        -32602,
    );
    let asked = json!([address, { "minContextSlot": 1_000_000_000 }]);
    let error = fails(&served, "getBalance", &asked, -32016);
    assert!(error["data"]["contextSlot"].is_u64());
    fails(&served, "getBlock", &json!([1_000_000_000]), -32004);
    fails(&served, "getProgramAccounts", &json!([system]), -32010);
    fails(&served, "sendTransaction", &json!(["!"]), -32602);
    fails(
        &served,
        "getMultipleAccounts",
        &json!([vec![address; 101]]),
        -32602,
    );
    fails(&served, "getSlotLeaders", &json!([1, 5_001]), -32602);
    fails(
        &served,
        "requestAirdrop",
        &json!([address, u64::MAX]),
        -32602,
    );
    fails(&served, "getTokenSupply", &json!([address]), -32602);
    served.stop();
}

#[test]
fn what_is_malformed_or_too_large_is_refused_and_the_node_goes_on() {
    let served = Served::start(None);
    let code = |(_, body): (u16, String)| -> i64 {
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["error"]["code"].as_i64().unwrap()
    };
    assert_eq!(code(post(&served, "{ \"jsonrpc\": ")), -32700);
    assert_eq!(code(post(&served, "[]")), -32600);
    let one = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getSlot\"}";
    let batch = format!("[{}]", vec![one; 10_000].join(","));
    let (_, refused) = post(&served, &batch);
    assert!(refused.contains("-32010"), "{refused}");
    let allowed = format!("[{}]", vec![one; 256].join(","));
    let (_, answers) = post(&served, &allowed);
    let answers: Vec<Value> = serde_json::from_str(&answers).unwrap();
    assert_eq!(answers.len(), 256);
    // What is announced is enough: no byte of it need come.
    let huge = "POST / HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
                content-length: 52428800\r\n\r\n";
    let (status, _) = exchange(&served, huge.as_bytes());
    assert_eq!(status, 413);
    let deep = "[".repeat(100_000);
    let (status, _) = post(&served, &deep);
    assert!(status == 200 || status == 400, "{status}");
    let answer = ask(&served, "getHealth", &json!([]));
    assert_eq!(answer["result"], "ok");
    served.stop();
}

#[test]
fn pages_for_people_and_monitors() {
    let served = Served::start(None);
    let (status, page) = get(&served, "/");
    assert_eq!(status, 200);
    assert!(page.contains("<h1>Lockstep node</h1>"));
    assert_eq!(get(&served, "/health"), (200, "ok".to_owned()));
    assert_eq!(
        get(&served, "/metrics").0,
        404,
        "no recorder is installed here"
    );
    assert_eq!(get(&served, "/nothing").0, 404);
    served.stop();
}

#[test]
fn connections_that_stall_hold_nothing_up() {
    let served = Served::start(None);
    let stalled: Vec<TcpStream> = (0..500)
        .map(|number| {
            let mut stream = TcpStream::connect(served.server.http).unwrap();
            if number % 2 == 0 {
                stream
                    .write_all(b"POST / HTTP/1.1\r\ncontent-length: 99\r\n")
                    .unwrap();
            }
            stream
        })
        .collect();
    let start = Instant::now();
    for _ in 0..50 {
        assert!(ask(&served, "getSlot", &json!([]))["result"].is_u64());
    }
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    drop(stalled);
    served.stop();
}

#[test]
fn slots_can_be_skipped_and_the_clock_put_forward() {
    let served = Served::start(None);
    let slot = ask(&served, "getSlot", &json!([]))["result"]
        .as_u64()
        .unwrap();
    let target = slot + 10_000;
    assert_eq!(
        ask(&served, "warpSlot", &json!([target]))["result"]["slot"],
        target
    );
    let start = Instant::now();
    while ask(&served, "getSlot", &json!([]))["result"]
        .as_u64()
        .unwrap()
        < target
    {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the slot did not come"
        );
        thread::sleep(Duration::from_millis(20));
    }
    fails(&served, "getBlock", &json!([target - 1]), -32007);
    let plan = ask(&served, "getPlan", &json!([target]));
    assert_eq!(plan["result"]["transactions"], 0, "{plan}");
    let height = ask(&served, "getBlockHeight", &json!([]))["result"]
        .as_u64()
        .unwrap();
    assert!(height < target, "heights count blocks");
    served.stop();
}
