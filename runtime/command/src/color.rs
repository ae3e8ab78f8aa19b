//! `lockstep color`: colours graphs with every colouring strategy and compares the numbers of
//! colours.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::styling::Style;
use lockstep_benches::dimacs::{self, Best};
use lockstep_scheduler::{
    ConflictGraph, colour_count, dsatur, first_fit, improve, smallest_last, welsh_powell,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::text::{self, BAD, BOLD, GOOD, Table, thousands};

/// Colour graphs in the DIMACS format with every colouring strategy
///
/// Every colouring is verified. `iterated` begins with what DSATUR gives and saves colours by tabu
/// search, as far as steps and time allow. A file best.txt beside a graph, with lines like
/// `myciel5 6 proven`, tells the best known numbers. Exit code 1 if a colouring is wrong.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Graphs, usually FILE.col
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Most steps of iterated improvement for each graph; 0 leaves it out. Without a limit on
    /// time the result is the same on every machine
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    improve_steps: u64,
    /// Most seconds of iterated improvement for all graphs, shared out evenly among those left
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    improve_seconds: f64,
    /// Seed of iterated improvement
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

/// Seconds from the command line: at most a day.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected 0 to 86400 seconds".to_owned()),
    }
}

type Colouring = fn(&ConflictGraph) -> Vec<u32>;

/// The strategies that colour a graph from scratch; the last one's colouring is improved.
const STRATEGIES: [(&str, Colouring); 4] = [
    ("first-fit", first_fit),
    ("welsh-powell", welsh_powell),
    ("smallest-last", smallest_last),
    ("dsatur", dsatur),
];
const ITERATED: &str = "iterated";

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    seed: u64,
    graphs: Vec<Graph>,
    totals: Vec<Total>,
    /// What the best known numbers add up to; absent if one is unknown.
    best_total: Option<usize>,
    valid: bool,
}

#[derive(Serialize)]
struct Graph {
    graph: String,
    nodes: usize,
    edges: usize,
    best: Option<usize>,
    proven: bool,
    colourings: Vec<Coloured>,
}

#[derive(Serialize)]
struct Coloured {
    strategy: &'static str,
    colours: usize,
    seconds: f64,
    valid: bool,
}

/// All graphs together.
#[derive(Serialize)]
struct Total {
    strategy: &'static str,
    colours: usize,
    seconds: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    // All files first, so that a mistake in the last one does not cost a minute.
    let mut graphs = Vec::with_capacity(arguments.files.len());
    let mut known = BestKnown::default();
    for file in &arguments.files {
        let graph = dimacs::read(file).map_err(Failure::usage)?;
        graphs.push((file, graph, known.of(file)?));
    }
    let bar = text::progress(graphs.len(), arguments.quiet, "graphs");
    let mut time_left = Duration::from_secs_f64(arguments.improve_seconds);
    let mut rows = Vec::with_capacity(graphs.len());
    for (index, (file, graph, best)) in graphs.iter().enumerate() {
        let graphs_left = graphs.len().saturating_sub(index);
        let share = u32::try_from(graphs_left)
            .ok()
            .and_then(|left| time_left.checked_div(left));
        let colourings = colour(graph, arguments, share.unwrap_or_default());
        if let Some(improved) = colourings.iter().find(|c| c.strategy == ITERATED) {
            let spent = Duration::from_secs_f64(improved.seconds);
            time_left = time_left.saturating_sub(spent);
        }
        rows.push(Graph {
            graph: name_of(file),
            nodes: graph.node_count(),
            edges: graph.conflict_count(),
            best: best.map(|best| best.colours),
            proven: best.is_some_and(|best| best.is_proven),
            colourings,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = report(rows, arguments.seed);
    if arguments.json {
        text::print_json(&report)?;
    } else {
        text::print(&show(&report))?;
    }
    match report.graphs.iter().find_map(wrong) {
        None => Ok(ExitCode::SUCCESS),
        Some((graph, strategy)) => Err(Failure::other(format!(
            "{strategy} gives two neighbours of {graph} the same colour"
        ))),
    }
}

/// The lists of best known numbers, each folder's read once.
#[derive(Default)]
struct BestKnown(HashMap<PathBuf, HashMap<String, Best>>);

impl BestKnown {
    fn of(&mut self, file: &Path) -> Result<Option<Best>, Failure> {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        if !self.0.contains_key(&folder) {
            let list = dimacs::read_best(&folder).map_err(Failure::usage)?;
            self.0.insert(folder.clone(), list);
        }
        let list = self.0.get(&folder);
        Ok(list.and_then(|list| list.get(&name_of(file)).copied()))
    }
}

/// The file's name without folder and `.col`.
fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str()).display();
    let name = name.to_string();
    name.strip_suffix(".col").unwrap_or(&name).to_owned()
}

fn colour(graph: &ConflictGraph, arguments: &Arguments, time_max: Duration) -> Vec<Coloured> {
    let mut found = Vec::with_capacity(STRATEGIES.len().saturating_add(1));
    let mut last = Vec::new();
    for (name, strategy) in STRATEGIES {
        let (coloured, colours) = timed(graph, name, || strategy(graph));
        found.push(coloured);
        last = colours;
    }
    let is_valid = found.last().is_some_and(|coloured| coloured.valid);
    if arguments.improve_steps > 0 && is_valid {
        let start = Instant::now();
        let mut steps = 0_u64;
        let mut stop = || {
            steps = steps.saturating_add(1);
            steps > arguments.improve_steps || start.elapsed() >= time_max
        };
        let work = || improve(graph, last, arguments.seed, &mut stop);
        found.push(timed(graph, ITERATED, work).0);
    }
    found
}

/// Colours a graph and verifies the result, which is not part of the time.
fn timed(
    graph: &ConflictGraph,
    strategy: &'static str,
    work: impl FnOnce() -> Vec<u32>,
) -> (Coloured, Vec<u32>) {
    let start = Instant::now();
    let colours = work();
    let coloured = Coloured {
        strategy,
        seconds: start.elapsed().as_secs_f64(),
        colours: colour_count(&colours),
        valid: graph.is_coloured_by(&colours),
    };
    (coloured, colours)
}

fn report(graphs: Vec<Graph>, seed: u64) -> Report {
    let names = STRATEGIES.iter().map(|(name, _)| *name).chain([ITERATED]);
    let totals = names.filter_map(|strategy| {
        let all = || graphs.iter().flat_map(|graph| &graph.colourings);
        let own = || all().filter(|coloured| coloured.strategy == strategy);
        own().next()?;
        Some(Total {
            strategy,
            colours: own().map(|coloured| coloured.colours).sum(),
            seconds: own().map(|coloured| coloured.seconds).sum(),
        })
    });
    Report {
        seed,
        totals: totals.collect(),
        best_total: graphs.iter().map(|graph| graph.best).sum(),
        valid: graphs.iter().all(|graph| wrong(graph).is_none()),
        graphs,
    }
}

/// The graph and the strategy that coloured it wrongly.
fn wrong(graph: &Graph) -> Option<(&str, &'static str)> {
    let wrong = graph.colourings.iter().find(|coloured| !coloured.valid)?;
    Some((&graph.graph, wrong.strategy))
}

fn show(report: &Report) -> String {
    let mut headings = vec!["graph", "nodes", "edges", "best"];
    headings.extend(report.totals.iter().map(|total| total.strategy));
    let mut table = Table::new(1, &headings);
    for graph in &report.graphs {
        let best = match (graph.best, graph.proven) {
            (None, _) => "-".to_owned(),
            (Some(best), true) => best.to_string(),
            (Some(best), false) => format!("<= {best}"),
        };
        let cells = [
            graph.graph.clone(),
            thousands(graph.nodes),
            thousands(graph.edges),
            best,
        ];
        let mut cells: Vec<(String, Style)> =
            cells.into_iter().map(|cell| (cell, Style::new())).collect();
        for coloured in &graph.colourings {
            let style = match graph.best {
                _ if !coloured.valid => BAD,
                Some(best) if coloured.colours <= best => GOOD,
                _ => Style::new(),
            };
            cells.push((thousands(coloured.colours), style));
        }
        table.styled_row(cells);
    }
    let best = report.best_total.map_or_else(String::new, thousands);
    let mut total = vec!["total".to_owned(), String::new(), String::new(), best];
    total.extend(report.totals.iter().map(|total| thousands(total.colours)));
    table.styled_row(total.into_iter().map(|cell| (cell, BOLD)));
    let mut time = vec![
        "time".to_owned(),
        String::new(),
        String::new(),
        String::new(),
    ];
    time.extend(report.totals.iter().map(|t| text::seconds(t.seconds)));
    table.row(time);
    table.show()
}
