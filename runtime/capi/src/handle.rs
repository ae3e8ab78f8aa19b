//! Handles: numbers in the shape of pointers, by which C names what this library keeps.
//!
//! ```text
//! bits   63..56  55..32      31..0
//!        kind    generation  slot
//! ```
//! A handle is looked up in the table of its kind and never followed. So one that was freed, one of
//! another kind, and a number from elsewhere are found out: a slot counts its uses, and one whose
//! count has reached the end is not used again. What a call has looked up stays alive until the
//! call ends, also if another thread frees the handle meanwhile.

use std::sync::Arc;

use lockstep_store::sync::Shared;

use crate::status::{Failure, Status};

const _: () = assert!(size_of::<usize>() == 8, "a handle has 64 bits");

const SLOT_BITS: u32 = 32;
const GENERATION_BITS: u32 = 24;
const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 1;

/// A kind of handle; C knows it as an incomplete type.
pub(crate) trait Kind: Sized + 'static {
    /// What a handle of this kind names.
    type Value: Send + Sync + 'static;
    /// The number in its handles, from 1 on: no handle is NULL.
    const NUMBER: u8;
    /// The name in errors.
    const NAME: &'static str;

    /// The values of this kind that are alive.
    fn table() -> &'static Table<Self::Value>;
}

/// The values of one kind that are alive.
#[derive(Debug)]
pub(crate) struct Table<V>(Shared<Slots<V>>);

#[derive(Debug)]
struct Slots<V> {
    slots: Vec<Slot<V>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<V> {
    generation: u32,
    value: Option<Arc<V>>,
}

impl<V> Table<V> {
    pub(crate) fn new() -> Self {
        Self(Shared::new(Slots {
            slots: Vec::new(),
            free: Vec::new(),
        }))
    }
}

fn pack<K: Kind>(slot: u32, generation: u32) -> *mut K {
    let bits = u64::from(K::NUMBER) << (SLOT_BITS + GENERATION_BITS)
        | u64::from(generation) << SLOT_BITS
        | u64::from(slot);
    let bits = usize::try_from(bits).expect("a handle has 64 bits");
    std::ptr::without_provenance_mut(bits)
}

/// Slot and generation of a handle of this kind.
fn unpack<K: Kind>(handle: *mut K) -> Option<(usize, u32)> {
    let bits = u64::try_from(handle.addr()).ok()?;
    let kind = bits >> (SLOT_BITS + GENERATION_BITS);
    let generation = u32::try_from(bits >> SLOT_BITS & u64::from(GENERATION_MAX)).ok()?;
    let slot = usize::try_from(bits & u64::from(u32::MAX)).ok()?;
    (kind == u64::from(K::NUMBER)).then_some((slot, generation))
}

fn refuse<K: Kind>(handle: *mut K) -> Failure {
    if handle.is_null() {
        let found = format!("the {} is NULL", K::NAME);
        return Failure::new(Status::NullArgument, found);
    }
    let found = format!(
        "{:#x} is no {}: it was freed, or is something else",
        handle.addr(),
        K::NAME
    );
    Failure::new(Status::BadHandle, found)
}

/// Keeps a value and gives it a handle.
pub(crate) fn put<K: Kind>(value: K::Value) -> *mut K {
    put_shared(Arc::new(value))
}

/// The same for a value that is held elsewhere, too.
pub(crate) fn put_shared<K: Kind>(value: Arc<K::Value>) -> *mut K {
    let mut table = K::table().0.write();
    if let Some(free) = table.free.pop() {
        let slot = &mut table.slots[free as usize];
        slot.value = Some(value);
        return pack(free, slot.generation);
    }
    let index = u32::try_from(table.slots.len()).expect("there are fewer than 2^32 handles");
    table.slots.push(Slot {
        generation: 0,
        value: Some(value),
    });
    pack(index, 0)
}

/// What a handle names.
pub(crate) fn get<K: Kind>(handle: *mut K) -> Result<Arc<K::Value>, Failure> {
    let found = unpack(handle).and_then(|(slot, generation)| {
        let table = K::table().0.read();
        let slot = table.slots.get(slot)?;
        slot.value
            .as_ref()
            .filter(|_| slot.generation == generation)
            .map(Arc::clone)
    });
    found.ok_or_else(|| refuse(handle))
}

/// Ends a handle and gives what it named.
pub(crate) fn take<K: Kind>(handle: *mut K) -> Result<Arc<K::Value>, Failure> {
    let found = unpack(handle).and_then(|(index, generation)| {
        let mut table = K::table().0.write();
        let slot = table.slots.get_mut(index)?;
        if slot.generation != generation {
            return None;
        }
        let value = slot.value.take()?;
        if generation < GENERATION_MAX {
            slot.generation = generation.saturating_add(1);
            let index = u32::try_from(index).expect("it was 32 bits of the handle");
            table.free.push(index);
        }
        Some(value)
    });
    // The value is dropped by the caller, outside the lock.
    found.ok_or_else(|| refuse(handle))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    struct Number;
    static NUMBERS: LazyLock<Table<u32>> = LazyLock::new(Table::new);
    impl Kind for Number {
        type Value = u32;
        const NUMBER: u8 = 200;
        const NAME: &'static str = "number";
        fn table() -> &'static Table<u32> {
            &NUMBERS
        }
    }

    struct Letter;
    static LETTERS: LazyLock<Table<char>> = LazyLock::new(Table::new);
    impl Kind for Letter {
        type Value = char;
        const NUMBER: u8 = 201;
        const NAME: &'static str = "letter";
        fn table() -> &'static Table<char> {
            &LETTERS
        }
    }

    #[test]
    fn a_handle_names_its_value_until_it_is_freed() {
        let seven = put::<Number>(7);
        let eight = put::<Number>(8);
        assert_eq!(get(seven).map(|value| *value).ok(), Some(7));
        assert_eq!(take(seven).map(|value| *value).ok(), Some(7));
        let again = put::<Number>(9);
        assert_eq!(again.addr() & 0xffff_ffff, seven.addr() & 0xffff_ffff);
        for stale in [get(seven), take(seven)] {
            let refused = stale.expect_err("it was freed");
            assert_eq!(refused.status(), Status::BadHandle);
        }
        assert_eq!(get(eight).map(|value| *value).ok(), Some(8));
        assert_eq!(get(again).map(|value| *value).ok(), Some(9));
    }

    #[test]
    fn a_handle_of_another_kind_and_a_number_are_refused() {
        let letter = put::<Letter>('a');
        let found = get::<Number>(letter.cast()).expect_err("it is a letter");
        assert_eq!(found.status(), Status::BadHandle);
        let none = get::<Letter>(std::ptr::null_mut()).expect_err("it is NULL");
        assert_eq!(none.status(), Status::NullArgument);
        for bits in [1, 1 << 20, usize::MAX, letter.addr().wrapping_add(1 << 20)] {
            let number = std::ptr::without_provenance_mut::<Letter>(bits);
            assert!(get(number).is_err() && take(number).is_err());
        }
    }

    #[test]
    fn a_slot_whose_count_is_at_its_end_is_not_used_again() {
        struct Rare;
        static RARE: LazyLock<Table<()>> = LazyLock::new(Table::new);
        impl Kind for Rare {
            type Value = ();
            const NUMBER: u8 = 202;
            const NAME: &'static str = "rare";
            fn table() -> &'static Table<()> {
                &RARE
            }
        }
        let first = put::<Rare>(());
        assert!(take(first).is_ok());
        RARE.0.write().slots[0].generation = GENERATION_MAX;
        let last = put::<Rare>(());
        assert!(take(last).is_ok());
        let next = put::<Rare>(());
        assert_eq!(unpack(next), Some((1, 0)));
        assert!(get(last).is_err());
    }
}
