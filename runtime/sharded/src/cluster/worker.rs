//! A worker that is a process: parts come over standard input, reports go over standard output.
//!
//! ```text
//! coordinator                          worker
//! number, count, parameters  ------->
//!                            <-------  the address where it listens
//! the addresses of all       ------->  connects to those before it, awaits those behind it
//!                            <-------  ready
//! part                       ------->
//!                            <-------  report
//! ```
//! The worker ends when its standard input does, so it never outlives its coordinator.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{ExitCode, exit},
    thread,
};

use lockstep_interface::ProgramTable;
use lockstep_runtime::chain::Parameters;
use timely::communication::{
    AllocatorBuilder, Hooks,
    allocator::{ProcessBuilder, zero_copy::initialize::initialize_networking_from_sockets},
};

use super::{
    Rules, frames,
    threads::{Line, start_workers},
};
use crate::message::{Hello, Part, decode, encode};

/// The exit code of a worker whose connection to another broke: the other one is at fault.
pub(super) const PEER_LOST: u8 = 3;
/// The exit code of a worker that could not begin.
const NOT_STARTED: u8 = 4;

/// Runs this process as a worker until its coordinator closes its standard input. `linked` are the
/// programs that are linked in: all that the chain can activate.
///
/// A binary that calls this does nothing else: standard input and output belong to the coordinator.
pub fn work(linked: ProgramTable) -> ExitCode {
    exit_with_peers();
    match serve(linked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the embedder's log.
            let _ = writeln!(io::stderr(), "worker: {error}");
            ExitCode::from(NOT_STARTED)
        }
    }
}

/// Ends the process where a connection to another worker breaks. A thread that sends or receives
/// panics then, and the others would wait for ever.
fn exit_with_peers() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or_default();
        if name.starts_with("timely:send") || name.starts_with("timely:recv") {
            exit(i32::from(PEER_LOST));
        }
        // A program's panic is caught, and is no bug of the worker's.
        report(panic);
    }));
}

fn serve(linked: ProgramTable) -> Result<(), String> {
    let mut stdin = io::stdin().lock();
    let hello = message(&mut stdin, "its number and its chain")?;
    let hello: Hello = decode(&hello).map_err(|_| "its number and its chain are malformed")?;
    let parameters = Parameters::decode(&hello.parameters).map_err(|error| error.to_string())?;
    let rules = Rules { parameters, linked };
    let failed = |error: io::Error| error.to_string();

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?.to_string();
    frames::write(&mut io::stdout(), address.as_bytes()).map_err(failed)?;
    let addresses = message(&mut stdin, "the addresses of all workers")?;
    let addresses: Vec<String> = decode(&addresses).map_err(|_| "the addresses are malformed")?;
    let sockets = connect(&hello, &listener, &addresses).map_err(failed)?;

    let hooks = Hooks::default();
    let process = ProcessBuilder::new_typed_vector(1, hooks.refill.clone(), None);
    let shard = hello.shard as usize;
    let network = initialize_networking_from_sockets(process, sockets, shard, 1, hooks);
    let (builders, guard) = network.map_err(failed)?;
    let builders = builders.into_iter().map(AllocatorBuilder::Tcp).collect();
    let (mut lines, guards) = start_workers(&rules, builders, Box::new(guard))?;
    let line = lines.pop().ok_or("its thread did not start")?;
    frames::write(&mut io::stdout(), &[]).map_err(failed)?;
    if let Err(reason) = pass(&mut stdin, line) {
        // The other workers go on, and this one's dataflow with them: it ends with the process.
        std::mem::forget(guards);
        return Err(reason);
    }
    drop(guards.join());
    Ok(())
}

/// Passes parts in and reports out, until there are no more parts.
fn pass(stdin: &mut impl io::Read, line: Line) -> Result<(), String> {
    while let Some(part) = frames::read(stdin).map_err(|error| error.to_string())? {
        let part: Part = decode(&part).map_err(|_| "a part is malformed")?;
        if !line.send(part) {
            return Err("its thread panicked".to_owned());
        }
        let report = line.receive().ok_or("its thread panicked")?;
        let written = frames::write(&mut io::stdout(), &encode(&report));
        written.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn message(stdin: &mut impl io::Read, expected: &str) -> Result<Vec<u8>, String> {
    match frames::read(stdin) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(format!(
            "expected {expected} on standard input, found its end"
        )),
        Err(error) => Err(format!("expected {expected} on standard input: {error}")),
    }
}

/// Connects this worker with all others. All listen before any of them connects.
fn connect(
    hello: &Hello,
    listener: &TcpListener,
    addresses: &[String],
) -> io::Result<Vec<Option<TcpStream>>> {
    let mut sockets: Vec<Option<TcpStream>> = (0..hello.count).map(|_| None).collect();
    for (socket, address) in sockets.iter_mut().zip(addresses).take(hello.shard as usize) {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&hello.shard.to_le_bytes())?;
        *socket = Some(stream);
    }
    let own = hello.shard as usize;
    let awaited = (hello.count as usize).saturating_sub(own).saturating_sub(1);
    for _ in 0..awaited {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut number = [0; 4];
        stream.read_exact(&mut number)?;
        let number = u32::from_le_bytes(number) as usize;
        let is_awaited = number > own && number < sockets.len() && sockets[number].is_none();
        if !is_awaited {
            let text = format!("a worker that is not awaited connects: {number}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        sockets[number] = Some(stream);
    }
    Ok(sockets)
}
