//! Words and numbers for people: thousands apart, columns aligned, colours on terminals only.

use std::env;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Style};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;
use crate::terminal::{self, escaped};

/// Writes lines to stdout at once, what a terminal would obey escaped. A reader that has closed it
/// is no error, and changes nothing about the exit code.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let text = terminal::printable(text, has_colours());
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::other(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a value to stdout as one JSON object on one line.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value).map_err(Failure::other)?;
    print(&format!("{}\n", terminal::json(&json)))
}

/// A number with commas between thousands.
pub(crate) fn thousands(number: impl TryInto<u64>) -> String {
    let number = number.try_into();
    number.map_or_else(|_| "?".to_owned(), |number| HumanCount(number).to_string())
}

/// A rate or another large float, rounded, with commas.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded for people; a cast of a float saturates"
)]
pub(crate) fn rounded(number: f64) -> String {
    thousands(number.round() as u64)
}

/// A time in the unit that fits it.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// Whether stdout shows colours.
pub(crate) fn has_colours() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();
/// What is secondary.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What is good.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What could be better.
pub(crate) const FAIR: Style = AnsiColor::Yellow.on_default();
/// What is bad.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

/// The style of an efficiency between 0 and 1.
pub(crate) fn grade(efficiency: f64) -> Style {
    match efficiency {
        e if e >= 0.9 => GOOD,
        e if e >= 0.6 => FAIR,
        _ => BAD,
    }
}

/// Text of one line in a style, if colours are shown.
pub(crate) fn paint(style: Style, text: &str) -> String {
    let text = escaped(text);
    if has_colours() {
        format!("{style}{text}{style:#}")
    } else {
        text.into_owned()
    }
}

/// A number with what it counts, the plural by an `s`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// One line a fact, its name first; the text may hold styles.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (name, text) in facts {
        let name = paint(BOLD, &format!("{name:<11}"));
        let text = terminal::printable(text, has_colours()).replace('\n', "\\n");
        let _ = writeln!(out, "  {name}  {text}");
    }
    out
}

/// Rows of cells in aligned columns: the first column to the left, all others to the right.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<(String, Style)>>,
    left_columns: usize,
}

impl Table {
    /// A table with these headings, of which the first few stand to the left.
    pub(crate) fn new(left_columns: usize, headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| ((*heading).to_owned(), BOLD));
        Self {
            rows: vec![headings.collect()],
            left_columns,
        }
    }

    /// Appends a row of plain cells.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.styled_row(cells.into_iter().map(|cell| (cell, Style::new())));
    }

    /// Appends a row.
    pub(crate) fn styled_row(&mut self, cells: impl IntoIterator<Item = (String, Style)>) {
        let cells = cells.into_iter();
        let cells = cells.map(|(text, style)| (escaped(&text).into_owned(), style));
        self.rows.push(cells.collect());
    }

    /// The rows as lines, each indented by two spaces.
    pub(crate) fn show(&self) -> String {
        let column_count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|(text, _)| text.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..column_count).map(width).collect();
        let mut lines = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, ((text, style), width)) in row.iter().zip(&widths).enumerate() {
                let padded = if column < self.left_columns {
                    format!("{text:<width$}")
                } else {
                    format!("{text:>width$}")
                };
                let _ = write!(line, "  {}", paint(*style, &padded));
            }
            lines.push_str(line.trim_end());
            lines.push('\n');
        }
        lines
    }
}

/// A progress bar on stderr, shown only on a terminal and if it is wanted.
pub(crate) fn progress(length: usize, is_quiet: bool, unit: &str) -> ProgressBar {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let target = if is_quiet || !io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    let template =
        format!("{{msg:12}} {{bar:40}} {{human_pos}}/{{human_len}} {unit}, {{eta}} left");
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[cfg(test)]
mod tests;
