//! The figures of chain and node, for Prometheus.

use std::{sync::Arc, thread, time::Duration};

use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

use crate::server::Figures;

/// How often what histograms have gathered is summed up.
const UPKEEP: Duration = Duration::from_secs(5);
/// Seconds that stages and answers are sorted into.
const SECONDS: [f64; 12] = [
    0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0,
];
/// Thousandths that the efficiency of plans is sorted into.
const PER_MILLE: [f64; 8] = [250.0, 500.0, 700.0, 800.0, 900.0, 950.0, 990.0, 1_000.0];

/// Installs the recorder of this process, and gives what shows its figures.
///
/// # Errors
/// If another recorder is installed.
pub fn install_figures() -> Result<Figures, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("lockstep_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(
            Matcher::Full("lockstep_plan_efficiency".to_owned()),
            &PER_MILLE,
        )?
        .install_recorder()?;
    describe_counter!(
        "lockstep_intake_total",
        "Transactions that clients have sent, by outcome: accepted, rejected, full"
    );
    describe_gauge!(
        "lockstep_pool_transactions",
        "Transactions that wait for a block"
    );
    describe_gauge!(
        "lockstep_history_lag_slots",
        "Slots that the history is behind the newest durable block"
    );
    let upkeep = handle.clone();
    let upkeep = thread::Builder::new()
        .name("node-figures".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(UPKEEP);
                upkeep.run_upkeep();
            }
        });
    // Without the thread the figures are summed up when they are asked for.
    drop(upkeep);
    Ok(Arc::new(move || handle.render()))
}
