//! A report into comma-separated values, a line a cell.

use std::fmt::Write as _;

use super::Report;

const HEADINGS: &str = "workload,strategy,mode,threads,transactions,succeeded,failed,refused,\
    blocks,batches,lanes,waits,efficiency,matches_serial,tps_median,tps_min,tps_max,serial_tps,\
    speedup_median,speedup_min,speedup_max,total_seconds_median,plan_seconds_median,\
    execute_seconds_median";

/// The cells as lines under a line of headings; what was skipped is left out.
pub fn csv(report: &Report) -> String {
    let mut out = format!("{HEADINGS}\n");
    for cell in &report.cells {
        let _ = write!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            quoted(&cell.workload),
            quoted(&cell.strategy),
            report.mode,
            cell.threads,
            cell.transactions,
            cell.succeeded,
            cell.failed,
            cell.refused,
            cell.blocks,
            cell.batches,
            cell.lanes,
            cell.waits,
            cell.efficiency,
            cell.matches_serial,
        );
        let (tps, speedup) = (cell.tps, cell.speedup);
        for number in [
            tps.median,
            tps.min,
            tps.max,
            cell.serial_tps,
            speedup.median,
            speedup.min,
            speedup.max,
            cell.total_seconds.median,
            cell.plan_seconds.median,
            cell.execute_seconds.median,
        ] {
            let _ = write!(out, ",{number}");
        }
        out.push('\n');
    }
    out
}

/// A field in quotes if it needs them (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        for (field, expected) in [
            ("zipf:exponent=0.8", "zipf:exponent=0.8"),
            ("a,b", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
        ] {
            assert_eq!(quoted(field), expected);
        }
    }
}
