//! What a replay found, as JSON has it and people are shown it.

use lockstep_interface::{Account, Address, TransactionError};
use lockstep_node::explain_instruction;
use lockstep_runtime::verify::Refusal;
use lockstep_runtime::wire::TransactionView;
use lockstep_store::Change;
use serde::Serialize;
use serde_json::Value;

use super::run::Run;
use super::stage::{Recorded, Stage};
use crate::failure::Failure;

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) signature: String,
    pub(super) slot: u64,
    /// Its place in the block, where that is known.
    pub(super) place: Option<usize>,
    pub(super) recorded: Option<Recorded>,
    /// Whether every account is as it was.
    pub(super) exact: bool,
    /// Whether the outcome is the recorded one; `None` without a recording.
    pub(super) same: Option<bool>,
    pub(super) outcome: Ran,
    /// Addresses of the accounts that were set.
    pub(super) set: Vec<String>,
    /// What came of it with them.
    pub(super) with_set: Option<Ran>,
}

/// One run.
#[derive(Serialize)]
pub(super) struct Ran {
    /// The error in Solana's form; null for success.
    pub(super) error: Value,
    /// What the error says.
    pub(super) message: Option<String>,
    /// The instruction that failed.
    pub(super) failed: Option<Failed>,
    pub(super) compute_units: u64,
    pub(super) fee: u64,
    pub(super) logs: Vec<String>,
    pub(super) changes: Vec<AccountChange>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<Step>,
}

/// Where a transaction failed.
#[derive(Serialize)]
pub(super) struct Failed {
    pub(super) instruction: u8,
    pub(super) called: Called,
    /// What the program objected to, where it says so.
    pub(super) cause: Option<String>,
}

/// What an instruction was asked to do.
#[derive(Serialize)]
pub(super) struct Called {
    pub(super) program: String,
    /// Name of a standard program, and the instruction explained.
    pub(super) name: Option<&'static str>,
    pub(super) parsed: Option<Value>,
    /// In base58, of any other.
    pub(super) data: Option<String>,
}

/// One instruction.
#[derive(Serialize)]
pub(super) struct Step {
    pub(super) instruction: usize,
    pub(super) called: Called,
    /// `ok`, `failed`, or `not run`.
    pub(super) status: &'static str,
    pub(super) compute_units: u64,
    pub(super) logs: Vec<String>,
    /// `None` where a cut-off transaction breaks a rule.
    pub(super) changes: Option<Vec<AccountChange>>,
}

/// How an account changed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct AccountChange {
    pub(super) account: String,
    pub(super) fields: Vec<FieldChange>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct FieldChange {
    pub(super) field: &'static str,
    pub(super) before: String,
    pub(super) after: String,
}

impl Report {
    pub(super) fn new(
        signature: &str,
        stage: &Stage,
        own: Ran,
        given: &[Change],
        other: Option<Ran>,
    ) -> Self {
        let same = stage.recorded.as_ref().map(|recorded| {
            recorded.error == own.error
                && recorded.compute_units == own.compute_units
                && recorded.fee == own.fee
        });
        Self {
            signature: signature.to_owned(),
            slot: stage.slot,
            place: stage.place,
            recorded: stage.recorded.clone(),
            exact: stage.is_exact,
            same,
            outcome: own,
            set: given
                .iter()
                .map(|(address, _)| address.to_string())
                .collect(),
            with_set: other,
        }
    }
}

impl Ran {
    /// Runs the transaction, with some accounts set, and if it is asked for by steps.
    pub(super) fn of(stage: &Stage, given: &[Change], by_steps: bool) -> Result<Self, Failure> {
        let before = stage.accounts(given)?;
        let run = Run::whole(stage, given, &before)?;
        let view = TransactionView::parse(&stage.bytes).map_err(Failure::other)?;
        let mut ran = Self {
            error: Value::Null,
            message: None,
            failed: None,
            compute_units: run.compute_units(),
            fee: 0,
            logs: Vec::new(),
            changes: changes(&stage.keys, &before, &run.accounts),
            steps: Vec::new(),
        };
        match &run.result {
            Ok(receipt) => {
                ran.fee = receipt.signature_fee.saturating_add(receipt.priority_fee);
                let details = receipt.details.as_deref();
                let logs = details.iter().flat_map(|details| &details.logs);
                ran.logs = logs.map(ToString::to_string).collect();
                if let Err(error) = &receipt.status {
                    ran.fail(error);
                    if let TransactionError::InstructionError(instruction, _) = error {
                        let cause = details.and_then(|details| details.diagnostic.as_ref());
                        ran.failed = Some(Failed {
                            instruction: *instruction,
                            called: Called::of(stage, &view, usize::from(*instruction)),
                            cause: cause.map(|diagnostic| diagnostic.to_string()),
                        });
                    }
                }
            }
            Err(Refusal::Rule(error)) => ran.fail(error),
            Err(Refusal::Malformed(error)) => ran.message = Some(error.to_string()),
        }
        if by_steps {
            ran.steps = ran.steps(stage, &view, given, &before)?;
        }
        Ok(ran)
    }

    fn fail(&mut self, error: &TransactionError) {
        self.error = serde_json::to_value(error).unwrap_or_default();
        self.message = Some(error.to_string());
    }

    /// The instructions one by one.
    fn steps(
        &self,
        stage: &Stage,
        view: &TransactionView<'_>,
        given: &[Change],
        before: &[Account],
    ) -> Result<Vec<Step>, Failure> {
        let failed = self
            .failed
            .as_ref()
            .map(|failed| usize::from(failed.instruction));
        let is_refused = !self.error.is_null() && failed.is_none();
        let mut logs = by_instruction(&self.logs).into_iter();
        let mut steps = Vec::new();
        let mut known = Some(after_fee(before, self.fee));
        let mut used = 0;
        for place in 0..view.instructions().count() {
            let is_run = !is_refused && failed.is_none_or(|failed| place <= failed);
            let mut step = Step {
                instruction: place,
                called: Called::of(stage, view, place),
                status: match failed == Some(place) {
                    true => "failed",
                    false if is_run => "ok",
                    false => "not run",
                },
                compute_units: 0,
                logs: Vec::new(),
                changes: Some(Vec::new()),
            };
            if is_run {
                let run = Run::up_to(stage, place, given, before)?;
                step.compute_units = run.compute_units().saturating_sub(used);
                used = run.compute_units().max(used);
                step.logs = logs.next().unwrap_or_default();
                let after = run.is_whole().then_some(run.accounts);
                // A failed transaction leaves what its fee has left.
                if failed != Some(place) {
                    let both = known.as_ref().zip(after.as_ref());
                    step.changes = both.map(|(before, after)| changes(&stage.keys, before, after));
                    known = after;
                }
            }
            steps.push(step);
        }
        Ok(steps)
    }
}

/// The accounts once the payer, which is the first one, has paid.
fn after_fee(before: &[Account], fee: u64) -> Vec<Account> {
    let mut accounts = before.to_vec();
    if let Some(payer) = accounts.first_mut() {
        payer.lamports = payer.lamports.saturating_sub(fee);
    }
    accounts
}

/// Logs by the instruction of the top level that wrote them.
fn by_instruction(logs: &[String]) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for line in logs {
        let begins = line.starts_with("Program ") && line.ends_with(" invoke [1]");
        match groups.last_mut() {
            Some(group) if !begins => group.push(line.clone()),
            _ => groups.push(vec![line.clone()]),
        }
    }
    groups
}

impl Called {
    fn of(stage: &Stage, view: &TransactionView<'_>, place: usize) -> Self {
        let Some(call) = view.instructions().nth(place) else {
            return Self {
                program: String::new(),
                name: None,
                parsed: None,
                data: None,
            };
        };
        let (program, accounts) = (call.program_index, call.accounts);
        let explained = explain_instruction(&stage.keys, program, accounts, call.data);
        let (name, parsed) = explained.unzip();
        Self {
            program: stage
                .keys
                .get(usize::from(program))
                .map(ToString::to_string)
                .unwrap_or_default(),
            name,
            data: parsed
                .is_none()
                .then(|| bs58::encode(call.data).into_string()),
            parsed,
        }
    }
}

/// What differs between accounts before and afterwards.
pub(super) fn changes(
    keys: &[Address],
    before: &[Account],
    after: &[Account],
) -> Vec<AccountChange> {
    let pairs = keys.iter().zip(before.iter().zip(after));
    let changes = pairs.map(|(key, (before, after))| AccountChange {
        account: key.to_string(),
        fields: fields(before, after),
    });
    changes.filter(|change| !change.fields.is_empty()).collect()
}

fn fields(before: &Account, after: &Account) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    let mut compare = |field: &'static str, before: String, after: String| {
        if before != after {
            fields.push(FieldChange {
                field,
                before,
                after,
            });
        }
    };
    let exists = |account: &Account| match account.exists() {
        true => "there".to_owned(),
        false => "none".to_owned(),
    };
    compare("account", exists(before), exists(after));
    let number = |account: &Account| account.lamports.to_string();
    compare("lamports", number(before), number(after));
    compare("owner", before.owner.to_string(), after.owner.to_string());
    let size = |account: &Account| account.data.len().to_string();
    compare("size", size(before), size(after));
    let (start, end) = differing(&before.data, &after.data);
    let part = |data: &[u8]| {
        let part = data.get(start..end.min(data.len())).unwrap_or_default();
        format!("{start}: {}", hex::encode(part))
    };
    if start < end {
        compare("data", part(&before.data), part(&after.data));
    }
    fields
}

/// The stretch in which two data differ.
fn differing(one: &[u8], other: &[u8]) -> (usize, usize) {
    let size = one.len().max(other.len());
    let differs = |place: &usize| one.get(*place) != other.get(*place);
    let start = (0..size).find(differs).unwrap_or(size);
    let end = (start..size)
        .rev()
        .find(differs)
        .map_or(start, |last| last.saturating_add(1));
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_that_differs_is_found() {
        assert_eq!(differing(&[1, 2, 3], &[1, 2, 3]), (3, 3));
        assert_eq!(differing(&[1, 2, 3, 4], &[1, 9, 3, 8]), (1, 4));
        assert_eq!(differing(&[], &[5, 6]), (0, 2));
    }

    #[test]
    fn logs_are_split_at_the_top_level() {
        let logs = [
            "Program A invoke [1]",
            "Program B invoke [2]",
            "Program A invoke [1]",
        ];
        let logs = logs.map(str::to_owned);
        let sizes: Vec<usize> = by_instruction(&logs).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1]);
    }
}
