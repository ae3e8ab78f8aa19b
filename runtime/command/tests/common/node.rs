//! The node as a process.
#![allow(dead_code, reason = "no test calls all of it")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

/// A node that is there.
pub(crate) struct Node {
    pub(crate) process: Child,
    pub(crate) http: String,
    pub(crate) socket: String,
}

impl Node {
    /// On ports that are free, with slots of 50 ms and these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_lockstep"))
            .args(["node", "--port", "0", "--json", "--slot-ms", "50"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the node is there");
        let mut line = String::new();
        let out = process.stdout.take().expect("the node is there");
        BufReader::new(out)
            .read_line(&mut line)
            .expect("the node is there");
        let ready: Value = serde_json::from_str(&line).expect("the node is there");
        let text = |name: &str| ready[name].as_str().expect("the node is there").to_owned();
        Self {
            process,
            http: text("http"),
            socket: text("socket"),
        }
    }

    /// The result of a request.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.post(&body.to_string());
        let answer: Value = serde_json::from_str(&answer).expect("the node is there");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    pub(crate) fn post(&self, body: &str) -> String {
        self.exchange("POST", "/", body)
    }

    /// A page for people or monitors.
    pub(crate) fn get(&self, path: &str) -> String {
        self.exchange("GET", path, "")
    }

    /// The body of what an HTTP request is answered with.
    fn exchange(&self, method: &str, path: &str, body: &str) -> String {
        let host = self.http.strip_prefix("http://");
        let host = host.expect("the node is there");
        let mut stream = TcpStream::connect(host).expect("the node is there");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("the node is there");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the node is there");
        let (_, body) = answer.split_once("\r\n\r\n").expect("the node is there");
        body.to_owned()
    }

    /// Ends it by SIGTERM. Gives the exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .expect("the node is there");
        assert!(sent.success());
        self.process.wait().expect("the node is there").code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It is gone already unless a test has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
