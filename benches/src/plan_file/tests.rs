//! Plans that go into files and come back, and files that are no plans.

use lockstep_scheduler::{Access, AccountIndex, check, strategies};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn with_file<T>(content: Option<&str>, work: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    if let Some(content) = content {
        fs::write(&path, content).unwrap();
    }
    work(&path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn plans_of_all_strategies_come_back_and_are_right(
        block in vec((vec((0_u32..12, any::<bool>()), 0..4), 0_u64..5_000), 1..60),
        workers in 1_u32..9,
    ) {
        let mut table = AccessTable::new();
        for (accounts, cost) in &block {
            let mut accesses: Vec<Access> = Vec::new();
            for &(account, writes) in accounts {
                let account = AccountIndex(account);
                if accesses.iter().all(|access| access.account() != account) {
                    let access = if writes { Access::write } else { Access::read };
                    accesses.push(access(account));
                }
            }
            table.push(accesses, *cost);
        }
        let workers = NonZeroU32::new(workers).expect("at least one");
        for strategy in strategies() {
            for mode in Mode::ALL {
                let plan = strategy.plan(&table, &PlanRequest::new(mode, workers)).unwrap();
                let name = strategy.name().to_owned();
                let file = PlanFile { strategy: name, mode, workers, plan };
                let back = with_file(None, |path| {
                    fs::write(path, file.to_json().unwrap()).unwrap();
                    PlanFile::read(path).unwrap()
                });
                prop_assert_eq!(&back, &file);
                prop_assert!(check(back.plan, &table, mode).is_ok());
            }
        }
    }
}

#[test]
fn the_least_that_a_file_can_say_is_a_static_plan_without_waits() {
    let text = r#"{"mode": "replay", "workers": 3, "batches": [[[1, 0]], [[2], [3]]]}"#;
    let file = with_file(Some(text), |path| PlanFile::read(path).unwrap());
    assert_eq!(file.plan.to_string(), "batch 0: [1 0]\nbatch 1: [2] [3]\n");
    assert_eq!((file.strategy.as_str(), file.mode), ("file", Mode::Replay));
    assert_eq!(file.plan.dispatch(), Dispatch::Static);
}

#[test]
fn a_file_that_is_no_plan_says_why() {
    let file = |dispatch: &str, mode: &str| {
        format!(r#"{{"mode":"{mode}","workers":1,"dispatch":{dispatch},"batches":[[[0]],[[1]]]}}"#)
    };
    for (text, expected) in [
        ("[".to_owned(), "not a plan: "),
        (
            r#"{"mode":"replay","workers":0,"batches":[]}"#.to_owned(),
            "not a plan: ",
        ),
        (
            r#"{"mode":"replay","workers":1}"#.to_owned(),
            "missing field `batches`",
        ),
        (
            file("[]", "later"),
            "mode is \"later\", expected \"produce\" or \"replay\"",
        ),
        (
            file("[\"static\"]", "replay"),
            "names 1 batches, expected one name for each of the 2",
        ),
        (
            file("[\"lucky\", \"lucky\"]", "replay"),
            "dispatch of batch 0 is \"lucky\", expected one of static, queued, ranked",
        ),
        (
            file("[\"static\", \"queued\"]", "replay"),
            "dispatch of batch 1 is \"queued\", expected static, that of the first batch",
        ),
    ] {
        let error = with_file(Some(&text), |path| PlanFile::read(path).unwrap_err());
        let error = error.to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let missing = with_file(None, |path| PlanFile::read(path).unwrap_err());
    assert!(missing.to_string().contains("cannot read: "), "{missing}");
}
