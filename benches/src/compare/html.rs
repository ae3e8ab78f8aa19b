//! A report into one page: inline drawings, no script, nothing fetched.
//!
//! Each drawing has a group of bars a workload and a bar a cell; bars of what was timed carry a
//! whisker from the least to the greatest run. Counts and times that differ by powers of ten are
//! drawn on a logarithmic scale; the figure stands beside each bar.

use std::fmt::Write as _;

use super::{Cell, Report, Spread};

/// Widths and heights of a drawing, in pixels.
const LABEL_WIDTH: f64 = 190.0;
const BAR_WIDTH: f64 = 560.0;
const FIGURE_WIDTH: f64 = 110.0;
const BAR_HEIGHT: f64 = 18.0;
const BAR_GAP: f64 = 4.0;
const GROUP_HEIGHT: f64 = 30.0;

/// The colours of strategies, in order of appearance.
const COLOURS: [&str; 10] = [
    "#3366aa", "#dd8833", "#449955", "#bb4455", "#7755aa", "#886644", "#cc66aa", "#557788",
    "#aaaa33", "#22aabb",
];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;\
    padding:0 1em;color:#222;background:#fff}h1,h2{line-height:1.2}table{border-collapse:collapse;\
    font-size:13px}td,th{padding:3px 9px;text-align:right;border-bottom:1px solid #ddd}\
    td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}svg{width:100%;height:auto}\
    svg text{font:12px system-ui,sans-serif;fill:#222}svg .group{font-weight:600;font-size:13px}\
    .bad{color:#b00;font-weight:600}";

/// A drawing: what of a cell it shows, and how.
struct Drawing {
    title: &'static str,
    about: &'static str,
    is_logarithmic: bool,
    /// A line across all bars at this value.
    mark: Option<f64>,
    value: fn(&Cell) -> Spread,
    show: fn(f64) -> String,
}

const DRAWINGS: [Drawing; 4] = [
    Drawing {
        title: "Speed-up",
        about: "Transactions a second over those of the serial executor, all stages included; \
                the line is the serial executor.",
        is_logarithmic: false,
        mark: Some(1.0),
        value: |cell| cell.speedup,
        show: |value| format!("{value:.2}"),
    },
    Drawing {
        title: "Planning cost",
        about: "Nanoseconds of planning a transaction, on a logarithmic scale.",
        is_logarithmic: true,
        mark: None,
        value: Cell::plan_nanoseconds,
        show: |value| format!("{value:.0} ns"),
    },
    Drawing {
        title: "Efficiency",
        about: "Lower bound over the plans' predicted makespan, by the compute units used; the \
                line is what no plan can beat.",
        is_logarithmic: false,
        mark: Some(1.0),
        value: |cell| alone(cell.efficiency),
        show: |value| format!("{:.1} %", value * 100.0),
    },
    Drawing {
        title: "Batches",
        about: "Batches of a block, the mean of all blocks, on a logarithmic scale.",
        is_logarithmic: true,
        mark: None,
        value: |cell| alone(batches_per_block(cell)),
        show: |value| format!("{value:.1}"),
    },
];

/// A value that was not measured again and again.
fn alone(value: f64) -> Spread {
    Spread {
        median: value,
        min: value,
        max: value,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
fn batches_per_block(cell: &Cell) -> f64 {
    cell.batches as f64 / cell.blocks.max(1) as f64
}

/// The page.
pub fn html(report: &Report) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let _ = write!(
        out,
        "<title>Lockstep: strategies compared</title><style>{STYLE}</style></head><body>\n\
         <h1>Strategies compared</h1>\n<p>Mode {}, seed {}, {} timed runs a cell, signatures {}; \
         generated streams of {} transactions in blocks of {}; {} cores. Medians; whiskers reach \
         from the slowest to the fastest run.</p>\n",
        escaped(&report.mode),
        report.seed,
        report.reps,
        if report.verify {
            "verified"
        } else {
            "not verified"
        },
        report.txs,
        report.block_size,
        report.cores,
    );
    for drawing in &DRAWINGS {
        let (title, about) = (drawing.title, drawing.about);
        let _ = write!(out, "<h2>{title}</h2>\n<p>{about}</p>\n");
        out.push_str(&draw(drawing, report));
    }
    out.push_str("<h2>Figures</h2>\n");
    out.push_str(&table(report));
    for skipped in &report.skipped {
        let _ = writeln!(
            out,
            "<p>Left out: {}, {} threads: {}.</p>",
            escaped(&skipped.workload),
            skipped.threads,
            escaped(&skipped.cause)
        );
    }
    out.push_str("</body></html>\n");
    out
}

/// Text that may stand in HTML and in attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

/// Values into pixels.
struct Scale {
    max: f64,
    is_logarithmic: bool,
}

impl Scale {
    fn pixels(&self, value: f64) -> f64 {
        let share = if self.is_logarithmic {
            // One is added so that zero has a place.
            value.ln_1p() / self.max.ln_1p()
        } else {
            value / self.max
        };
        share.clamp(0.0, 1.0) * BAR_WIDTH
    }
}

fn draw(drawing: &Drawing, report: &Report) -> String {
    let values = report.cells.iter().map(drawing.value);
    let max = values.map(|spread| spread.max).fold(0.0, f64::max);
    let scale = Scale {
        // Without any value above zero, any scale will do.
        max: max.max(drawing.mark.unwrap_or(f64::MIN_POSITIVE)),
        is_logarithmic: drawing.is_logarithmic,
    };
    let mut body = String::new();
    let mut top = 0.0;
    let mut workload = None;
    for cell in &report.cells {
        if workload != Some(&cell.workload) {
            workload = Some(&cell.workload);
            let _ = writeln!(
                body,
                "<text class=\"group\" x=\"0\" y=\"{:.1}\">{}</text>",
                top + GROUP_HEIGHT - 9.0,
                escaped(&cell.workload)
            );
            top += GROUP_HEIGHT;
        }
        body.push_str(&bar(drawing, &scale, cell, colour(report, cell), top));
        top += BAR_HEIGHT + BAR_GAP;
    }
    if let Some(mark) = drawing.mark {
        let x = LABEL_WIDTH + scale.pixels(mark);
        let _ = writeln!(
            body,
            "<path d=\"M{x:.1} 0V{top:.1}\" stroke=\"#222\" stroke-dasharray=\"4 3\"/>"
        );
    }
    let width = LABEL_WIDTH + BAR_WIDTH + FIGURE_WIDTH;
    let height = top + BAR_GAP;
    format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">\n{body}</svg>\n",
        drawing.title
    )
}

fn bar(drawing: &Drawing, scale: &Scale, cell: &Cell, colour: &str, top: f64) -> String {
    let Spread { median, min, max } = (drawing.value)(cell);
    let (width, middle) = (scale.pixels(median), top + BAR_HEIGHT / 2.0);
    let baseline = middle + 4.0;
    let mut out = format!(
        "<text x=\"{:.1}\" y=\"{baseline:.1}\" text-anchor=\"end\">{}, {}</text>\
         <rect x=\"{LABEL_WIDTH:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
         height=\"{BAR_HEIGHT:.1}\" fill=\"{colour}\"/>",
        LABEL_WIDTH - 8.0,
        escaped(&cell.strategy),
        threads(cell.threads),
    );
    let (left, right) = (
        LABEL_WIDTH + scale.pixels(min),
        LABEL_WIDTH + scale.pixels(max),
    );
    if max > min {
        let _ = write!(
            out,
            "<path d=\"M{left:.1} {middle:.1}H{right:.1}M{left:.1} {:.1}v8M{right:.1} {:.1}v8\" \
             stroke=\"#222\" fill=\"none\"/>",
            middle - 4.0,
            middle - 4.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{baseline:.1}\">{}</text>",
        right.max(LABEL_WIDTH + width) + 6.0,
        (drawing.show)(median)
    );
    out
}

fn threads(count: usize) -> String {
    let noun = if count == 1 { "thread" } else { "threads" };
    format!("{count} {noun}")
}

/// The colour of a cell's strategy, the same in all drawings.
fn colour(report: &Report, cell: &Cell) -> &'static str {
    let mut names: Vec<&str> = Vec::new();
    for cell in &report.cells {
        if !names.contains(&cell.strategy.as_str()) {
            names.push(&cell.strategy);
        }
    }
    let place = names.iter().position(|name| *name == cell.strategy);
    let place = place.and_then(|place| place.checked_rem(COLOURS.len()));
    COLOURS[place.unwrap_or_default()]
}

fn table(report: &Report) -> String {
    let mut out = String::from(
        "<table><tr><th>workload</th><th>strategy</th><th>threads</th><th>tx/s</th><th>from</th>\
         <th>to</th><th>speed-up</th><th>planning</th><th>efficiency</th><th>batches</th>\
         <th>lanes</th><th>waits</th><th>serial run</th></tr>\n",
    );
    for cell in &report.cells {
        let Spread { median, min, max } = cell.tps;
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{median:.0}</td><td>{min:.0}</td>\
             <td>{max:.0}</td><td>{:.2}</td><td>{:.0} ns</td><td>{:.1} %</td><td>{}</td>\
             <td>{}</td><td>{}</td>{}</tr>",
            escaped(&cell.workload),
            escaped(&cell.strategy),
            cell.threads,
            cell.speedup.median,
            cell.plan_nanoseconds().median,
            cell.efficiency * 100.0,
            cell.batches,
            cell.lanes,
            cell.waits,
            if cell.matches_serial {
                "<td>identical</td>"
            } else {
                "<td class=\"bad\">different</td>"
            },
        );
    }
    out.push_str("</table>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }

    #[test]
    fn scales_stay_within_the_drawing() {
        for is_logarithmic in [false, true] {
            for max in [f64::MIN_POSITIVE, 1.0, 1e9] {
                let scale = Scale {
                    max,
                    is_logarithmic,
                };
                assert_eq!(scale.pixels(0.0), 0.0);
                assert!((scale.pixels(max) - BAR_WIDTH).abs() < 1e-6);
                assert!(scale.pixels(max * 2.0) <= BAR_WIDTH);
            }
        }
    }
}
