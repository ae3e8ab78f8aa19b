//! Where the fields of a state lie in the data of its account.

use std::ops::Range;

use super::{FieldDescription, ProgramDescription, TaggedDescription, TypeDescription};

/// Discriminator and bump seed of a tagged state.
const HEADER_SIZE: usize = 2;

impl ProgramDescription {
    /// The state that an account's data holds: the one with its discriminator, or the untagged one
    /// that is as long as the data.
    ///
    /// ```
    /// let token = lockstep_programs::token::DESCRIPTION;
    /// let mint = token.state_in(&[0; 82]);
    /// assert_eq!(mint.map(|state| state.name), Some("Mint"));
    /// assert!(token.state_in(&[0; 7]).is_none());
    /// ```
    pub fn state_in(&self, data: &[u8]) -> Option<&'static TaggedDescription> {
        let is_of = |state: &&TaggedDescription| match state.discriminator {
            Some(discriminator) => data.first() == Some(&discriminator),
            None => skip(&state.layout, data) == Some(data.len()),
        };
        self.states.iter().find(is_of)
    }
}

impl TaggedDescription {
    /// The fields of a state and where they lie in its account's data; as far as the data can be
    /// decoded.
    ///
    /// ```
    /// let mint = lockstep_programs::token::DESCRIPTION.states[0];
    /// let supply = mint.fields_in(&[0; 82]).into_iter().find(|(name, _)| *name == "supply");
    /// assert_eq!(supply, Some(("supply", 36..44)));
    /// ```
    pub fn fields_in(&self, data: &[u8]) -> Vec<(&'static str, Range<usize>)> {
        let TypeDescription::Struct(_, fields) = self.layout else {
            return Vec::new();
        };
        let mut start = self.discriminator.map_or(0, |_| HEADER_SIZE);
        let mut found = Vec::with_capacity(fields.len());
        for FieldDescription { name, layout } in fields {
            let size = data.get(start..).and_then(|rest| skip(layout, rest));
            let Some(end) = size.and_then(|size| start.checked_add(size)) else {
                break;
            };
            found.push((*name, start..end));
            start = end;
        }
        found
    }

    /// The fields whose values differ between two states.
    ///
    /// ```
    /// let mint = lockstep_programs::token::DESCRIPTION.states[0];
    /// let (before, mut after) = ([0; 82], [0; 82]);
    /// after[36] = 5;
    /// assert_eq!(mint.changed(&before, &after), ["supply"]);
    /// ```
    pub fn changed(&self, before: &[u8], after: &[u8]) -> Vec<&'static str> {
        let earlier = self.fields_in(before);
        let later = self.fields_in(after).into_iter().enumerate();
        let changed = later.filter(|(index, (_, range))| {
            let was = earlier.get(*index).map(|(_, range)| range.clone());
            was.and_then(|range| before.get(range)) != after.get(range.clone())
        });
        changed.map(|(_, (name, _))| name).collect()
    }
}

/// The bytes that a value of this layout takes at the beginning of the data; `None` if they hold
/// no such value.
fn skip(layout: &TypeDescription, data: &[u8]) -> Option<usize> {
    let size = match layout {
        TypeDescription::Named(name) => match *name {
            "bool" | "u8" | "i8" => 1,
            "u16" | "i16" => 2,
            "u32" | "i32" => 4,
            "u64" | "i64" => 8,
            "u128" | "i128" => 16,
            "pubkey" => 32,
            "string" | "bytes" => count(data)?.checked_add(4)?,
            _ => return None,
        },
        TypeDescription::Option(content) => match data.first()? {
            0 => 1,
            _ => skip(content, data.get(1..)?)?.checked_add(1)?,
        },
        TypeDescription::List(item) => {
            skip_repeated(item, count(data)?, data.get(4..)?)?.checked_add(4)?
        }
        TypeDescription::Array(item, length) => skip_repeated(item, *length, data)?,
        TypeDescription::Tuple(items) => skip_all(items.iter(), data)?,
        TypeDescription::Struct(_, fields) => {
            skip_all(fields.iter().map(|field| &field.layout), data)?
        }
        TypeDescription::Enum(_, variants) => {
            let variant = variants.get(usize::from(*data.first()?))?;
            let fields = variant.fields.iter().map(|field| &field.layout);
            skip_all(fields, data.get(1..)?)?.checked_add(1)?
        }
        TypeDescription::Custom { .. } => return None,
    };
    (size <= data.len()).then_some(size)
}

/// The bytes that values of these layouts take, one after the other.
fn skip_all<'t>(layouts: impl Iterator<Item = &'t TypeDescription>, data: &[u8]) -> Option<usize> {
    let mut end = 0usize;
    for layout in layouts {
        end = end.checked_add(skip(layout, data.get(end..)?)?)?;
    }
    Some(end)
}

/// The bytes that this number of values of one layout takes.
fn skip_repeated(item: &TypeDescription, count: usize, data: &[u8]) -> Option<usize> {
    let mut end = 0usize;
    for _ in 0..count {
        let size = skip(item, data.get(end..)?)?;
        // Values without bytes could stand here by the billion.
        if size == 0 {
            break;
        }
        end = end.checked_add(size)?;
    }
    Some(end)
}

/// The count that a list or a text begins with.
fn count(data: &[u8]) -> Option<usize> {
    let bytes = data.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}
