//! Instructions of the Address Lookup Table program.

use lockstep_interface::Address;
use lockstep_programs::lookup_table::instruction::LookupTableInstruction;
use serde_json::Value;

use super::{Call, typed};

pub(super) fn parse(call: &Call<'_>) -> Option<Value> {
    const TABLE: &str = "lookupTableAccount";
    const AUTHORITY: &str = "lookupTableAuthority";
    let (kind, names): (_, &[&str]) = match LookupTableInstruction::decode(call.data)? {
        LookupTableInstruction::Create { .. } => (
            "createLookupTable",
            &[TABLE, AUTHORITY, "payerAccount", "systemProgram"],
        ),
        LookupTableInstruction::Freeze => ("freezeLookupTable", &[TABLE, AUTHORITY]),
        LookupTableInstruction::Extend { .. } => (
            "extendLookupTable",
            &[TABLE, AUTHORITY, "payerAccount", "systemProgram"],
        ),
        LookupTableInstruction::Deactivate => ("deactivateLookupTable", &[TABLE, AUTHORITY]),
        LookupTableInstruction::Close => ("closeLookupTable", &[TABLE, AUTHORITY, "recipient"]),
    };
    let mut info = call.named(names);
    match LookupTableInstruction::decode(call.data)? {
        LookupTableInstruction::Create { recent_slot, bump } => {
            info.insert("recentSlot".to_owned(), recent_slot.into());
            info.insert("bumpSeed".to_owned(), bump.into());
        }
        LookupTableInstruction::Extend { addresses } => {
            let addresses = addresses.iter();
            let texts = addresses.map(|address| Address::new_from_array(*address).to_string());
            info.insert("newAddresses".to_owned(), texts.collect::<Vec<_>>().into());
        }
        _ => {}
    }
    Some(typed(kind, info.into()))
}
