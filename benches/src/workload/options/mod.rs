//! A workload's name and options as text into a checked [`WorkloadSpec`], and back.
//!
//! The text is the name, then `:option=value` for each option that is not to have its default:
//! `zipf:accounts=1000:exponent=0.8`.

use std::fmt;
use std::str::FromStr;

use super::families::{Families, FamilySpec};

/// One in the thousandths that decimal options are kept in.
const THOUSAND: u64 = 1_000;

/// How an option's value is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OptionKind {
    /// A whole number.
    Count,
    /// A decimal number, kept in thousandths.
    Decimal,
    /// A whole number of per cent.
    Percent,
    /// One of these words, kept as its position.
    Choice(&'static [&'static str]),
}

/// An option of a workload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// How values are written.
    pub kind: OptionKind,
    /// The value where none is given.
    pub default: u64,
    /// The least value.
    pub min: u64,
    /// The greatest value.
    pub max: u64,
    /// What it does, for people.
    pub about: &'static str,
}

impl OptionSpec {
    /// A value as it is written.
    pub fn show(&self, value: u64) -> String {
        match self.kind {
            OptionKind::Count => value.to_string(),
            OptionKind::Percent => format!("{value}%"),
            OptionKind::Choice(words) => usize::try_from(value)
                .ok()
                .and_then(|position| words.get(position))
                .map_or_else(String::new, |word| (*word).to_owned()),
            OptionKind::Decimal => {
                let whole = value.checked_div(THOUSAND).unwrap_or_default();
                let rest = value.checked_rem(THOUSAND).unwrap_or_default();
                let digits = format!("{rest:03}");
                let digits = digits.trim_end_matches('0');
                format!("{whole}.{}", if digits.is_empty() { "0" } else { digits })
            }
        }
    }

    /// What values there are, for people.
    pub fn range(&self) -> String {
        match self.kind {
            OptionKind::Choice(words) => words.join(", "),
            _ => format!("{} to {}", self.show(self.min), self.show(self.max)),
        }
    }

    fn parse(&self, text: &str) -> Option<u64> {
        let value = match self.kind {
            OptionKind::Count => text.parse().ok()?,
            OptionKind::Percent => text.strip_suffix('%').unwrap_or(text).parse().ok()?,
            OptionKind::Decimal => parse_thousandths(text)?,
            OptionKind::Choice(words) => {
                let position = words.iter().position(|word| *word == text)?;
                u64::try_from(position).ok()?
            }
        };
        (self.min..=self.max).contains(&value).then_some(value)
    }
}

/// Digits, and up to three more behind a point.
fn parse_thousandths(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(rest) || rest.len() > 3 {
        return None;
    }
    let rest: u64 = format!("{rest:0<3}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(THOUSAND)?
        .checked_add(rest)
}

/// Why a text names no workload.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// There is no such workload.
    #[error("unknown workload {found:?}, expected one of {}", known.join(", "))]
    UnknownWorkload {
        /// What was asked for.
        found: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// The workload has no such option.
    #[error(
        "workload {workload} has no option {found:?}, it has {}",
        known.join(", ")
    )]
    UnknownOption {
        /// The workload.
        workload: &'static str,
        /// What was asked for.
        found: String,
        /// The options that it has.
        known: Vec<&'static str>,
    },
    /// An option without a value.
    #[error("option {found:?} of workload {workload} has no value, expected name=value")]
    NoValue {
        /// The workload.
        workload: &'static str,
        /// What was given.
        found: String,
    },
    /// The value is no number or out of range.
    #[error(
        "{found:?} is not a value of {workload}'s option {}, expected {}",
        option.name, option.range()
    )]
    BadValue {
        /// The workload.
        workload: &'static str,
        /// The option.
        option: OptionSpec,
        /// What was given.
        found: String,
    },
    /// The file that the workload replays is not there, or not what it should be.
    #[error("workload {workload} replays {cause}; set LOCKSTEP_DATA to the folder of the traces")]
    Data {
        /// The workload.
        workload: &'static str,
        /// The file, and what is wrong with it.
        cause: String,
    },
    /// No registry of cargo holds the compiled program that the workload calls.
    #[error(
        "workload {workload} calls the program of {file}, which cargo's registry does not hold; \
         `cargo info {holder}` fetches it"
    )]
    Program {
        /// The workload.
        workload: &'static str,
        /// The file in the crate's folder.
        file: &'static str,
        /// Name and version of the crate that holds the file.
        holder: &'static str,
    },
}

/// A workload and a value for each of its options.
///
/// ```
/// use lockstep_benches::workload::WorkloadSpec;
///
/// let spec: WorkloadSpec = "zipf:exponent=0.80".parse()?;
/// assert_eq!((spec.name(), spec.value("exponent")), ("zipf", 800));
/// assert_eq!(spec.to_string(), "zipf:exponent=0.8");
/// assert!("zipf:exponent=9".parse::<WorkloadSpec>().is_err());
/// # Ok::<(), lockstep_benches::workload::SpecError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WorkloadSpec {
    family: FamilySpec,
    values: Vec<u64>,
}

impl WorkloadSpec {
    /// A kind of load with all its options at their defaults.
    pub fn new(family: FamilySpec) -> Self {
        let values = family.options.iter().map(|option| option.default);
        Self {
            values: values.collect(),
            family,
        }
    }

    /// The workload's name.
    pub fn name(&self) -> &'static str {
        self.family.name
    }

    /// The workload's kind.
    pub fn family(&self) -> &FamilySpec {
        &self.family
    }

    /// Sets an option from text.
    ///
    /// # Errors
    /// [`SpecError`] if the workload has no such option or the value is not one of it.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), SpecError> {
        let workload = self.family.name;
        let mut options = self.family.options.iter().zip(&mut self.values);
        let Some((option, value)) = options.find(|(option, _)| option.name == name) else {
            return Err(SpecError::UnknownOption {
                workload,
                found: name.to_owned(),
                known: self
                    .family
                    .options
                    .iter()
                    .map(|option| option.name)
                    .collect(),
            });
        };
        *value = option.parse(text).ok_or_else(|| SpecError::BadValue {
            workload,
            option: *option,
            found: text.to_owned(),
        })?;
        Ok(())
    }

    /// The value of an option; decimals in thousandths.
    ///
    /// # Panics
    /// If the workload has no such option.
    pub fn value(&self, name: &str) -> u64 {
        let value = self.get(name);
        value.expect("workloads ask for their own options")
    }

    /// The same; `None` if the workload has no such option.
    pub fn get(&self, name: &str) -> Option<u64> {
        let mut options = self.family.options.iter().zip(&self.values);
        let found = options.find(|(option, _)| option.name == name);
        found.map(|(_, value)| *value)
    }

    /// The value of an option that counts things in memory.
    ///
    /// # Panics
    /// If the workload has no such option.
    pub fn count(&self, name: &str) -> usize {
        usize::try_from(self.value(name)).expect("counts are bounded far below 2^32")
    }
}

impl FromStr for WorkloadSpec {
    type Err = SpecError;

    /// A workload of a built-in kind, as [`Families::parse`] reads it.
    fn from_str(text: &str) -> Result<Self, SpecError> {
        Families::new().parse(text)
    }
}

impl fmt::Display for WorkloadSpec {
    /// The name, and the options that do not have their default.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.family.name)?;
        for (option, &value) in self.family.options.iter().zip(&self.values) {
            if value != option.default {
                write!(formatter, ":{}={}", option.name, option.show(value))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
