//! `lockstep load`: real transactions over a node's JSON-RPC, and how long they take.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lockstep_node::client::{LoadOptions, LoadReport, Workload, load};
use serde::Serialize;

use crate::failure::Failure;
use crate::terminal;
use crate::text::{self, thousands};

/// Put a node under load with signed transactions over its JSON-RPC
///
/// The senders are funded by the node's faucet. A transaction is confirmed when the node's stream
/// shows it in a durable block.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The node's HTTP
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8899")]
    url: String,
    /// The node's WebSocket; by default on the port behind that of HTTP
    #[arg(long, value_name = "URL")]
    socket: Option<String>,
    /// Kind of load
    #[arg(long, value_enum, default_value_t = Kind::Transfers)]
    workload: Kind,
    /// Transactions per second
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// Seconds
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Wallets that send
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(2..=100_000))]
    senders: u64,
    /// Connections that send at once
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=256))]
    lanes: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Transfers between wallets that seldom meet
    Transfers,
    /// Transfers to one wallet
    Hot,
    /// One in ten transfers fails
    Failing,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    accepted: u64,
    refused: u64,
    confirmed: u64,
    failed: u64,
    lost: u64,
    seconds: f64,
    /// Confirmed transactions a second.
    tps: f64,
    p50_ms: u64,
    p90_ms: u64,
    p99_ms: u64,
    max_ms: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let options = LoadOptions {
        http: arguments.url.clone(),
        socket: match &arguments.socket {
            Some(socket) => socket.clone(),
            None => behind(&arguments.url)?,
        },
        workload: match arguments.workload {
            Kind::Transfers => Workload::Transfers,
            Kind::Hot => Workload::Hot,
            Kind::Failing => Workload::Failing,
        },
        rate: arguments.rate,
        time: Duration::from_secs(arguments.seconds),
        senders: count(arguments.senders),
        lanes: count(arguments.lanes),
    };
    let report = load(&options, &mut |report| {
        if !arguments.quiet {
            terminal::note(&format!("{} so far", line(report)));
        }
    });
    let report = report.map_err(Failure::other)?;
    if arguments.json {
        text::print_json(&Report::of(&report))?;
    } else {
        text::print(&(line(&report) + "\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The WebSocket on the port behind that of HTTP.
fn behind(url: &str) -> Result<String, Failure> {
    let wrong = || {
        Failure::usage(format!(
            "{url}: expected http://HOST:PORT, or give --socket"
        ))
    };
    let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
    let (host, port) = rest
        .trim_end_matches('/')
        .rsplit_once(':')
        .ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let port = port.checked_add(1).ok_or_else(wrong)?;
    Ok(format!("ws://{host}:{port}"))
}

impl Report {
    #[expect(
        clippy::cast_precision_loss,
        reason = "figures for people need no 64 bits"
    )]
    fn of(report: &LoadReport) -> Self {
        let seconds = report.millis as f64 / 1_000.0;
        let latency = report.latency;
        Self {
            accepted: report.accepted,
            refused: report.refused,
            confirmed: report.confirmed,
            failed: report.failed,
            lost: report.lost,
            seconds,
            tps: report.confirmed as f64 / seconds.max(0.001),
            p50_ms: latency.p50,
            p90_ms: latency.p90,
            p99_ms: latency.p99,
            max_ms: latency.max,
        }
    }
}

fn line(report: &LoadReport) -> String {
    let shown = Report::of(report);
    format!(
        "{} confirmed ({} failed) at {} tx/s, {} accepted, {} refused, {} under way; \
         p50 {} ms, p90 {} ms, p99 {} ms, max {} ms",
        thousands(shown.confirmed),
        thousands(shown.failed),
        text::rounded(shown.tps),
        thousands(shown.accepted),
        thousands(shown.refused),
        thousands(shown.lost),
        shown.p50_ms,
        shown.p90_ms,
        shown.p99_ms,
        shown.max_ms,
    )
}
