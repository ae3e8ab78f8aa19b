//! What a call costs, in compute units and in real time, by call frame.

use std::{fmt, time::Duration};

use lockstep_sdk::interface::Address;

use crate::{block::Block, observe::Observation};

/// A program's part of a call: an instruction of the transaction, or one that a program invoked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// 0 for an instruction of the transaction, 1 for what it invokes, and so on.
    pub depth: usize,
    /// The program.
    pub program: Address,
    /// The program and the instruction by name: `raffle::buy`.
    pub name: String,
    /// Compute units, those of the frames below included.
    pub units: u64,
    /// Compute units without the frames below.
    pub units_own: u64,
    /// Real time, that of the frames below included.
    pub time: Duration,
    /// Real time without the frames below.
    pub time_own: Duration,
}

/// What a call costs. Printed, it is a table.
///
/// ```
/// use lockstep_programs::system::instruction::transfer;
/// use lockstep_testing::Chain;
///
/// let mut chain = Chain::new();
/// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
/// let profile = chain.profile(transfer(&alice, &bob, 5));
/// assert_eq!(profile.frames[0].name, "system::transfer");
/// assert_eq!((profile.frames[0].units, profile.frames[0].units_own), (150, 150));
/// // The chain is as it was.
/// assert_eq!(chain.lamports(&alice), chain.lamports(&bob));
/// print!("{profile}");
/// ```
#[derive(Clone, Debug)]
pub struct Profile {
    /// The frames, in the order in which they began. The times are those of the fastest run.
    pub frames: Vec<Frame>,
    /// What became of the call.
    pub block: Block,
}

impl Profile {
    /// Takes for each frame the times of the fastest of the runs, of which there is at least one.
    pub(crate) fn new(block: Block, runs: Vec<Vec<Observation>>) -> Self {
        let total = |run: &Vec<Observation>| -> Duration {
            let tops = run.iter().filter(|frame| frame.depth == 0);
            tops.map(|frame| frame.time).sum()
        };
        let fastest = runs.into_iter().min_by_key(total).unwrap_or_default();
        let frames = fastest.iter().enumerate().map(|(index, frame)| {
            let below = fastest.iter().skip(index.saturating_add(1));
            let below = below.take_while(|other| other.depth > frame.depth);
            let below = below.filter(|other| other.depth == frame.depth.saturating_add(1));
            let (units, time) = below.fold((0u64, Duration::ZERO), |(units, time), other| {
                let units = units.saturating_add(other.units);
                (units, time.saturating_add(other.time))
            });
            Frame {
                depth: frame.depth,
                program: frame.program,
                name: match frame.instruction {
                    Some(instruction) => format!("{}::{instruction}", frame.name),
                    None => frame.name.to_owned(),
                },
                units: frame.units,
                units_own: frame.units.saturating_sub(units),
                time: frame.time,
                time_own: frame.time.saturating_sub(time),
            }
        });
        Self {
            frames: frames.collect(),
            block,
        }
    }

    /// Each frame with the names of its callers before its own.
    pub(crate) fn stacks(&self) -> impl Iterator<Item = (Vec<&str>, &Frame)> {
        let mut stack: Vec<&str> = Vec::new();
        self.frames.iter().map(move |frame| {
            stack.truncate(frame.depth);
            stack.push(&frame.name);
            (stack.clone(), frame)
        })
    }

    /// The frames as folded stacks with their own times in nanoseconds, of which `inferno`,
    /// `flamegraph.pl` and speedscope draw a flame graph.
    ///
    /// ```
    /// use lockstep_programs::system::instruction::transfer;
    /// use lockstep_testing::Chain;
    ///
    /// let mut chain = Chain::new();
    /// let [alice, bob] = [chain.wallet("alice"), chain.wallet("bob")];
    /// let profile = chain.profile(transfer(&alice, &bob, 5));
    /// assert!(profile.folded().starts_with("system::transfer "));
    /// ```
    pub fn folded(&self) -> String {
        let lines = self.stacks().map(|(stack, frame)| {
            let nanoseconds = frame.time_own.as_nanos();
            format!("{} {nanoseconds}\n", stack.join(";"))
        });
        lines.collect()
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indented = |frame: &Frame| {
            let indent = frame.depth.saturating_mul(2);
            format!("{:indent$}{}", "", frame.name)
        };
        let widths = self.frames.iter().map(|frame| indented(frame).len());
        let width = widths.max().unwrap_or(0).max("Call".len());
        writeln!(
            formatter,
            "| {:width$} | Units | Own units |     Time |  Own time |",
            "Call"
        )?;
        writeln!(
            formatter,
            "|{:-<1$}|------:|----------:|---------:|----------:|",
            "",
            width.saturating_add(2)
        )?;
        for frame in &self.frames {
            writeln!(
                formatter,
                "| {:width$} | {:>5} | {:>9} | {:>8} | {:>9} |",
                indented(frame),
                frame.units,
                frame.units_own,
                Micros(frame.time),
                Micros(frame.time_own)
            )?;
        }
        Ok(())
    }
}

/// A time in microseconds with two digits.
struct Micros(Duration);

impl fmt::Display for Micros {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.as_nanos() / 10;
        formatter.pad(&format!("{}.{:02} us", hundredths / 100, hundredths % 100))
    }
}
