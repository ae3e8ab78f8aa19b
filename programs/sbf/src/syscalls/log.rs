//! Calls that say something: log lines, and the two by which a program gives up.

use lockstep_interface::Address;

use super::{Arguments, BASE, key_at, slices};
use crate::{fault::Fault, vm::Guest};

/// `abort()`
pub(super) fn abort(_: &mut Guest, _: Arguments) -> Result<u64, Fault> {
    Fault::refused("SBF program panicked")
}

/// `sol_panic_(file, size, line, column)`
pub(super) fn panic(
    guest: &mut Guest,
    [file, size, line, column, _]: Arguments,
) -> Result<u64, Fault> {
    guest.spend(size)?;
    let file = text_at(guest, file, size)?;
    Fault::refused(format!("SBF program Panicked in {file} at {line}:{column}"))
}

/// `sol_log_(text, size)`
pub(super) fn text(guest: &mut Guest, [text, size, ..]: Arguments) -> Result<u64, Fault> {
    guest.spend(size.max(BASE))?;
    let text = text_at(guest, text, size)?;
    guest.with(|context, _, _| context.log(|| text));
    Ok(0)
}

/// `sol_log_64_(a, b, c, d, e)`
pub(super) fn numbers(guest: &mut Guest, numbers: Arguments) -> Result<u64, Fault> {
    guest.spend(BASE)?;
    let line = || numbers.map(|number| format!("{number:#x}")).join(", ");
    guest.with(|context, _, _| context.log(line));
    Ok(0)
}

/// `sol_log_pubkey(address)`
pub(super) fn address(guest: &mut Guest, [address, ..]: Arguments) -> Result<u64, Fault> {
    guest.spend(BASE)?;
    let address = Address::new_from_array(key_at(guest, address)?);
    guest.with(|context, _, _| context.log(|| address.to_string()));
    Ok(0)
}

/// `sol_log_compute_units_()`
pub(super) fn units(guest: &mut Guest, _: Arguments) -> Result<u64, Fault> {
    guest.spend(BASE)?;
    guest.with(|context, _, _| {
        let left = context.compute_units_left();
        context.log_line(|| format!("Program consumption: {left} units remaining"));
    });
    Ok(0)
}

/// `sol_log_data(slices, count)`
pub(super) fn data(guest: &mut Guest, [list, count, ..]: Arguments) -> Result<u64, Fault> {
    guest.spend(BASE)?;
    let list = slices(guest, list, count)?;
    guest.spend(BASE.saturating_mul(count))?;
    let sizes = list.iter().map(|(_, size)| *size);
    guest.spend(sizes.fold(0, u64::saturating_add))?;
    let mut fields = Vec::with_capacity(list.len());
    for (address, size) in list {
        fields.push(guest.bytes(address, size)?.to_vec());
    }
    guest.with(|context, _, _| context.log_fields(|| fields));
    Ok(0)
}

fn text_at(guest: &mut Guest, address: u64, size: u64) -> Result<String, Fault> {
    let bytes = guest.bytes(address, size)?;
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Fault::refused(format!("{error}: {bytes:?}")),
    }
}
