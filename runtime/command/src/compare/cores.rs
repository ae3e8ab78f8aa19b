//! `--model-cores`: cells on one thread and on several into curves over numbers of cores.

use std::sync::Arc;

use lockstep_benches::compare::{Cell, Report};
use lockstep_benches::cores::{CoreCurve, Subject, core_curve};
use lockstep_benches::runner::RunOptions;
use lockstep_benches::workload::Workload;
use lockstep_scheduler::Strategy;

use crate::failure::Failure;
use crate::terminal::escaped;
use crate::text::Table;

/// A billion bytes.
const GIGABYTE: f64 = 1e9;

/// The curve of each workload and strategy that was measured on one thread. `options` are those of
/// the cells, but for strategy and threads.
pub(super) fn curves(
    report: &Report,
    workloads: &[Workload],
    strategies: &[Arc<dyn Strategy>],
    options: &dyn for<'a> Fn(&'a dyn Strategy) -> RunOptions<'a>,
    gigabytes: f64,
) -> Result<Vec<CoreCurve>, Failure> {
    let mut curves = Vec::new();
    for alone in report.cells.iter().filter(|cell| cell.threads == 1) {
        let is_load = |workload: &&Workload| {
            workload.name() == alone.workload && workload.even_size() == alone.block_size
        };
        let strategy = strategies
            .iter()
            .find(|strategy| strategy.name() == alone.strategy);
        let (Some(workload), Some(strategy)) = (workloads.iter().find(is_load), strategy) else {
            continue;
        };
        let is_other = |cell: &&Cell| {
            (&cell.workload, &cell.strategy) == (&alone.workload, &alone.strategy)
                && cell.block_size == alone.block_size
                && cell.threads > 1
                && cell.threads <= report.cores
        };
        let others: Vec<&Cell> = report.cells.iter().filter(is_other).collect();
        let subject = Subject {
            workload,
            options: options(strategy.as_ref()),
            alone,
            others: &others,
        };
        let curve = core_curve(&subject, gigabytes * GIGABYTE);
        curves.push(curve.map_err(|error| Failure::other(error.to_string()))?);
    }
    Ok(curves)
}

/// The curves as tables.
pub(super) fn show(curves: &[CoreCurve]) -> String {
    let mut out = String::new();
    for curve in curves {
        let size = curve.block_size.map(|size| format!(", blocks of {size}"));
        out.push_str(&format!(
            "\n  {}{}, {}: modelled from the stages on one thread\n",
            escaped(&curve.workload),
            size.unwrap_or_default(),
            curve.strategy
        ));
        let transactions = curve.load.size.transactions.max(1.0);
        let stages = curve.load.costs.stages();
        let stages = stages.map(|(name, seconds)| {
            let nanoseconds = seconds / transactions * 1e9;
            format!("{name} {nanoseconds:.0}")
        });
        out.push_str(&format!(
            "  ns a transaction: {}; of prepare, one core numbers accounts for {:.0}\n",
            stages.join(", "),
            curve.load.costs.number / transactions * 1e9
        ));
        let mut table = Table::new(0, &["cores", "tx/s", "x one core", "limited by", "serial"]);
        for point in &curve.points {
            table.row([
                point.cores.to_string(),
                format!("{:.0}", point.tps),
                format!("{:.2}", point.speedup),
                point.limit.name().to_owned(),
                format!("{:.0}%", point.serial * 100.0),
            ]);
        }
        out.push_str(&table.show());
        for checked in &curve.checked {
            out.push_str(&format!(
                "  {} threads: modelled {:.0} tx/s, measured {:.0}, {:.2} of it; pace {:.2}\n",
                checked.threads,
                checked.modelled,
                checked.measured,
                if checked.modelled > 0.0 {
                    checked.measured / checked.modelled
                } else {
                    1.0
                },
                checked.pace
            ));
        }
    }
    if let Some(curve) = curves.first() {
        out.push_str(&format!(
            "  memory {:.0} GB/s for all cores together; pace is the work of a core while all are \
             busy over its work alone, here\n",
            curve.bandwidth / GIGABYTE
        ));
    }
    out
}
