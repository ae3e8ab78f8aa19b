//! Programs as a chain has them: each tells the thread's recorder, if there is one, when a frame
//! of it begins and ends. Without a recorder they are what they were.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use lockstep_sdk::interface::{
    Address, Counters, InstructionError, InvokeContext, Loader, Names, Positions, Program,
    ProgramTable,
};

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// A call of a program, at the top level or by another program.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    /// 0 at the top level.
    pub depth: usize,
    pub program: Address,
    pub name: &'static str,
    pub instruction: Option<&'static str>,
    /// Those of the frames below included.
    pub units: u64,
    /// That of the frames below included.
    pub time: Duration,
}

#[derive(Debug, Default)]
struct Recorder {
    frames: Vec<Observation>,
    depth: usize,
}

/// Runs something on this thread and gives the frames in the order in which they began.
pub(crate) fn record(run: impl FnOnce()) -> Vec<Observation> {
    RECORDER.set(Some(Recorder::default()));
    run();
    let recorder = RECORDER.take();
    recorder.map_or_else(Vec::new, |recorder| recorder.frames)
}

/// The same programs, observed.
pub(crate) fn observed(programs: ProgramTable) -> ProgramTable {
    let mut table = ProgramTable::new();
    for address in programs.iter().map(Program::address) {
        let only = programs.clone();
        let only = only.filtered(|program| program.address() == address);
        table = table.with(Observed { only, address });
    }
    table
}

/// A program, in a table of its own.
#[derive(Debug)]
struct Observed {
    only: ProgramTable,
    address: Address,
}

impl Observed {
    fn program(&self) -> &dyn Program {
        let program = self.only.get(&self.address);
        program.expect("the table was made of this program")
    }
}

/// Ends a frame, also where its program panics.
struct Frame;

impl Drop for Frame {
    fn drop(&mut self) {
        RECORDER.with_borrow_mut(|recorder| {
            if let Some(recorder) = recorder {
                recorder.depth = recorder.depth.saturating_sub(1);
            }
        });
    }
}

impl Program for Observed {
    fn address(&self) -> Address {
        self.address
    }

    fn name(&self) -> &'static str {
        self.program().name()
    }

    fn names(&self) -> Option<&'static dyn Names> {
        self.program().names()
    }

    fn loader(&self) -> Option<&dyn Loader> {
        self.program().loader()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the time is told to the test and reaches no program"
    )]
    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let program = self.program();
        let begun = RECORDER.with_borrow_mut(|recorder| {
            let recorder = recorder.as_mut()?;
            recorder.frames.push(Observation {
                depth: recorder.depth,
                program: self.address,
                name: program.name(),
                instruction: program
                    .names()
                    .and_then(|names| names.instruction(context.data())),
                units: 0,
                time: Duration::ZERO,
            });
            recorder.depth = recorder.depth.saturating_add(1);
            recorder.frames.len().checked_sub(1)
        });
        let Some(index) = begun else {
            return program.process(context);
        };
        let frame = Frame;
        let (before, start) = (context.compute_units_left(), Instant::now());
        let result = program.process(context);
        let (time, left) = (start.elapsed(), context.compute_units_left());
        drop(frame);
        RECORDER.with_borrow_mut(|recorder| {
            let frames = recorder.as_mut().map(|recorder| &mut recorder.frames);
            if let Some(observation) = frames.and_then(|frames| frames.get_mut(index)) {
                observation.units = before.saturating_sub(left);
                observation.time = time;
            }
        });
        result
    }

    fn credit_only(&self, data: &[u8], account_count: usize) -> Positions {
        self.program().credit_only(data, account_count)
    }

    fn counters(&self, data: &[u8], position: usize) -> Counters {
        self.program().counters(data, position)
    }

    fn tag_size(&self, data: &[u8]) -> usize {
        self.program().tag_size(data)
    }
}
