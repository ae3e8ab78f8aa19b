//! An instruction that a client made, held against the description of its program.

use lockstep_sdk::{
    access::{AccountAccess, AddressSource, counters_at, credit_only},
    idl::{InstructionDescription, ProgramDescription, TypeDescription},
    interface::{AccountMeta, Instruction, Program},
};

/// Checks address, rights and arguments; returns the instruction's name.
#[track_caller]
pub(crate) fn check(
    program: &ProgramDescription,
    runs: &dyn Program,
    sent: &Instruction,
) -> &'static str {
    assert_eq!(program.address, sent.program);
    assert_eq!(
        (program.name, program.address),
        (runs.name(), runs.address())
    );
    let described = program.instruction(&sent.data);
    let described = described.expect("the discriminator is described");
    let name = described.name;
    check_args(described, &sent.data);
    // The trace program's accounts have the rights that were recorded.
    if program.name == "trace" {
        return name;
    }
    assert_eq!(rights(described, sent), sent.accounts, "accounts of {name}");
    let credits = runs.credit_only(&sent.data, sent.accounts.len());
    assert_eq!(credit_only(described.access), credits, "credits of {name}");
    for position in credits.iter() {
        let counters = runs.counters(&sent.data, position);
        let described = counters_at(described.access, position);
        assert_eq!(described, counters, "counters of {name}");
    }
    name
}

/// The accounts of the call as the description has them.
fn rights(described: &InstructionDescription, sent: &Instruction) -> Vec<AccountMeta> {
    let repeated = |access: &AccountAccess| vec![*access; usize::from(access.count_max)];
    let all: Vec<_> = described.access.iter().flat_map(repeated).collect();
    let single = described.access.iter();
    let single = single.filter(|access| access.count_max == 1).count();
    let count = sent.accounts.len();
    assert!((single..=all.len()).contains(&count), "{}", described.name);
    let pairs = all.iter().zip(&sent.accounts);
    let metas = pairs.map(|(access, meta)| AccountMeta {
        address: match access.source {
            AddressSource::Fixed(address) => address,
            _ => meta.address,
        },
        is_signer: access.is_signer,
        is_writable: access.is_writable,
    });
    metas.collect()
}

/// Checks that the arguments, as described, take up the data behind the discriminator.
fn check_args(described: &InstructionDescription, data: &[u8]) {
    let args = described.args.iter();
    let mut rest = &data[described.discriminator.len()..];
    for arg in args {
        rest = behind(&arg.layout, rest)
            .unwrap_or_else(|| panic!("`{}` of {} is too long", arg.name, described.name));
    }
    assert!(rest.is_empty(), "{} has {rest:?} behind", described.name);
}

/// What follows a value.
fn behind<'d>(layout: &TypeDescription, data: &'d [u8]) -> Option<&'d [u8]> {
    let size = match layout {
        TypeDescription::Named("u8") => 1,
        TypeDescription::Named("u32") => 4,
        TypeDescription::Named("u64") => 8,
        TypeDescription::Named("pubkey") => 32,
        TypeDescription::Named("string") => {
            let (count, _) = data.split_first_chunk::<4>()?;
            usize::try_from(u32::from_le_bytes(*count))
                .ok()?
                .checked_add(4)?
        }
        TypeDescription::Enum(_, variants) => {
            usize::from(usize::from(*data.first()?) < variants.len())
        }
        TypeDescription::Option(inner) => match data.split_first()? {
            (0, rest) => return Some(rest),
            (1, rest) => return behind(inner, rest),
            _ => return None,
        },
        TypeDescription::Custom {
            encoding: "rest", ..
        } => data.len(),
        TypeDescription::Custom {
            encoding: "bincode",
            content,
            ..
        } => {
            let (count, _) = data.split_first_chunk::<8>()?;
            let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
            let item = if let TypeDescription::List(_) = content {
                32
            } else {
                1
            };
            count.checked_mul(item)?.checked_add(8)?
        }
        other => panic!("no shipped program has an argument of {other:?}"),
    };
    data.get(size..)
}
