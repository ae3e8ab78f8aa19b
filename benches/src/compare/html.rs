//! A report into one page: bars, no script, nothing fetched.
//!
//! Each drawing has a group of bars a workload and a bar a cell; bars of what was timed carry a
//! whisker from the least to the greatest run. Counts and times that differ by powers of ten are
//! drawn on a logarithmic scale; the figure stands beside each bar.

use std::fmt::Write as _;

use super::{COLUMNS, Cell, Report, Spread, floors};

/// The colours of strategies, in order of appearance.
const COLOURS: [&str; 10] = [
    "#3366aa", "#dd8833", "#449955", "#bb4455", "#7755aa", "#886644", "#cc66aa", "#557788",
    "#aaaa33", "#22aabb",
];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;\
    padding:0 1em;color:#222;background:#fff}h1,h2,h3{line-height:1.2}table{border-collapse:\
    collapse;font-size:13px}td,th{padding:3px 9px;text-align:right;border-bottom:1px solid #ddd}\
    td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}h3{font-size:13px;margin:.8em 0 .3em}\
    .bar{display:grid;grid-template-columns:190px 1fr 90px;gap:8px;font-size:12px;line-height:\
    18px;margin:4px 0}.bar>:first-child{text-align:right}.bar div{position:relative}.bar i,.bar b,\
    .bar u{position:absolute;top:0;height:18px}.bar b{top:8px;height:1px;background:#222}\
    .bar u{border-left:1px dashed #222}.bad{color:#b00;font-weight:600}";

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
        value: |cell| cell.per_transaction(cell.plan_seconds),
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
        sizes(&report.block_sizes),
        report.cores,
    );
    for drawing in &DRAWINGS {
        let (title, about) = (drawing.title, drawing.about);
        let _ = write!(out, "<h2>{title}</h2>\n<p>{about}</p>\n");
        out.push_str(&draw(drawing, report));
    }
    if report.block_sizes.len() > 1 {
        out.push_str("<h2>Against the serial executor at worst</h2>\n");
        out.push_str(&floor_table(report));
    }
    if !report.curves.is_empty() {
        out.push_str("<h2>More cores, modelled</h2>\n");
        out.push_str(&curves(report));
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

/// Sizes of blocks, listed.
fn sizes(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(", ")
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

/// Values into per cent of the longest bar.
struct Scale {
    max: f64,
    is_logarithmic: bool,
}

impl Scale {
    fn per_cent(&self, value: f64) -> f64 {
        let share = if self.is_logarithmic {
            // One is added so that zero has a place.
            value.ln_1p() / self.max.ln_1p()
        } else {
            value / self.max
        };
        share.clamp(0.0, 1.0) * 100.0
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
    let mut out = String::new();
    let mut group = None;
    for cell in &report.cells {
        let own = (&cell.workload, cell.block_size);
        if group.replace(own) != Some(own) {
            let _ = write!(out, "<h3>{}", escaped(&cell.workload));
            if let (Some(size), 2..) = (cell.block_size, report.block_sizes.len()) {
                let _ = write!(out, ", blocks of {size}");
            }
            out.push_str("</h3>\n");
        }
        let Spread { median, min, max } = (drawing.value)(cell);
        let [length, left, right] = [median, min, max].map(|value| scale.per_cent(value));
        let noun = if cell.threads == 1 {
            "thread"
        } else {
            "threads"
        };
        let _ = write!(
            out,
            "<div class=\"bar\"><span>{}, {} {noun}</span><div>\
             <i style=\"left:0;width:{length:.1}%;background:{}\"></i>",
            escaped(&cell.strategy),
            cell.threads,
            colour(report, cell),
        );
        if max > min {
            let width = right - left;
            let _ = write!(out, "<b style=\"left:{left:.1}%;width:{width:.1}%\"></b>");
        }
        if let Some(mark) = drawing.mark {
            let _ = write!(out, "<u style=\"left:{:.1}%\"></u>", scale.per_cent(mark));
        }
        let _ = writeln!(out, "</div><span>{}</span></div>", (drawing.show)(median));
    }
    out
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
    let headings = COLUMNS.map(|column| format!("<th>{}</th>", column.heading));
    let mut out = format!("<table><tr>{}</tr>\n", headings.concat());
    for cell in &report.cells {
        let class = if cell.matches_serial {
            ""
        } else {
            " class=\"bad\""
        };
        let figures = COLUMNS.map(|column| format!("<td>{}</td>", escaped(&(column.show)(cell))));
        let _ = writeln!(out, "<tr{class}>{}</tr>", figures.concat());
    }
    out.push_str("</table>\n");
    out
}

/// A bar for each number of cores, and the model beside the clock.
fn curves(report: &Report) -> String {
    let points = report.curves.iter().flat_map(|curve| &curve.points);
    let max = points.map(|point| point.speedup).fold(1.0, f64::max);
    let scale = Scale {
        max,
        is_logarithmic: false,
    };
    let mut out =
        "<p>Rate over that of one core, from what the stages cost on one thread.</p>\n".to_owned();
    for curve in &report.curves {
        let _ = write!(out, "<h3>{}", escaped(&curve.workload));
        if let Some(size) = curve.block_size {
            let _ = write!(out, ", blocks of {size}");
        }
        let _ = writeln!(out, ", {}</h3>", escaped(&curve.strategy));
        for point in &curve.points {
            let _ = writeln!(
                out,
                "<div class=\"bar\"><span>{} cores, limit: {}</span><div><i style=\"left:0;\
                 width:{:.1}%;background:{}\"></i></div><span>{:.2}, {:.0} tx/s</span></div>",
                point.cores,
                point.limit.name(),
                scale.per_cent(point.speedup),
                COLOURS[0],
                point.speedup,
                point.tps
            );
        }
        for checked in &curve.checked {
            let _ = writeln!(
                out,
                "<p>{} threads: modelled {:.0} tx/s at a pace of {:.2}, measured {:.0}.</p>",
                checked.threads, checked.modelled, checked.pace, checked.measured
            );
        }
    }
    out
}

fn floor_table(report: &Report) -> String {
    let mut out = "<table><tr><th>strategy</th><th>workload</th><th>block</th><th>threads</th>\
                   <th>least x serial</th><th>mean below 64</th></tr>\n"
        .to_owned();
    for floor in floors(report) {
        let size = floor.block_size.map(|size| size.to_string());
        let mean = floor.small_mean.map(|mean| format!("{mean:.2}"));
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.2}</td><td>{}</td></tr>",
            escaped(&floor.strategy),
            escaped(&floor.workload),
            size.as_deref().unwrap_or("own"),
            floor.threads,
            floor.least,
            mean.unwrap_or_default()
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
                assert_eq!(scale.per_cent(0.0), 0.0);
                assert!((scale.per_cent(max) - 100.0).abs() < 1e-6);
                assert!(scale.per_cent(max * 2.0) <= 100.0);
            }
        }
    }
}
