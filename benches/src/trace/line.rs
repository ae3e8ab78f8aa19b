//! One line of a trace file into a [`TraceTransaction`].

use std::collections::BTreeMap;

use lockstep_interface::Address;
use serde::Deserialize;
use serde_json::Value;

use super::{TraceCause, TraceTransaction};

/// Bytes of an address as most traces have them.
const ADDRESS_SIZE: usize = 32;
/// Bytes of an Ethereum address.
const SHORT_ADDRESS_SIZE: usize = 20;
/// Characters of a bad address that an error shows.
pub(super) const SHOWN_CHARACTERS_MAX: usize = 60;
/// Characters of a name that are kept.
const NAME_CHARACTERS_MAX: usize = 64;

/// The fields of a line that are used; serde passes over all others.
#[derive(Deserialize)]
struct Row {
    slot: u64,
    i: u64,
    sig: Option<Value>,
    w: Vec<String>,
    #[serde(default)]
    r: Vec<String>,
    #[serde(default)]
    c: Vec<String>,
    #[serde(default)]
    names: BTreeMap<String, String>,
    p: Option<Value>,
    cu: Option<u64>,
    cl: Option<u64>,
    cp: Option<u64>,
    fee: Option<u64>,
    err: Option<Value>,
    vote: Option<Flag>,
}

/// `1` or `true`.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Flag {
    Number(u8),
    Bool(bool),
}

/// Parses the line with this number.
pub(super) fn parse(text: &[u8], line: usize) -> Result<TraceTransaction, TraceCause> {
    // serde would also take an array with the fields in order.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(TraceCause::Json("not a JSON object".to_owned()));
    }
    let row: Row =
        serde_json::from_slice(text.trim_ascii_end()).map_err(|error| json_cause(&error))?;
    let mut seen = Vec::with_capacity(row.w.len().saturating_add(row.r.len()));
    let writes = addresses("w", &row.w, &mut seen)?;
    let reads = addresses("r", &row.r, &mut seen)?;
    let programs = programs(row.p.as_ref());
    let credited = addresses("c", &row.c, &mut Vec::new())?;
    let credits = writes.iter().enumerate();
    let credits = credits.filter(|(_, address)| credited.contains(address));
    let credits = credits.map(|(position, _)| position).collect();
    let names = row.names.iter();
    let names = names.filter_map(|(address, name)| Some((parse_address(address)?, shown(name))));
    Ok(TraceTransaction {
        slot: row.slot,
        index: row.i,
        line,
        signature: row.sig.as_ref().and_then(Value::as_str).map(str::to_owned),
        writes,
        credits,
        names: names.collect(),
        reads,
        programs,
        cu: row.cu,
        cu_limit: row.cl,
        cu_price: row.cp,
        fee: row.fee,
        failure: row.err.map(failure_text),
        is_vote: match row.vote {
            Some(Flag::Number(number)) => number != 0,
            Some(Flag::Bool(is_vote)) => is_vote,
            None => false,
        },
    })
}

/// A name as terminals, pages and graphs can show it.
fn shown(name: &str) -> String {
    let is_plain = |letter: &char| matches!(letter, ' ' | ',' | '.' | '_' | '(' | ')' | ':' | '-');
    let letters = name.chars();
    let kept = letters.filter(|letter| letter.is_ascii_alphanumeric() || is_plain(letter));
    kept.take(NAME_CHARACTERS_MAX).collect()
}

/// The addresses of a list, each once. Programs only name what is shown, so that what is no address
/// is passed over.
fn programs(list: Option<&Value>) -> Vec<Address> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    let mut programs = Vec::new();
    for program in items.filter_map(|item| parse_address(item.as_str()?)) {
        if !programs.contains(&program) {
            programs.push(program);
        }
    }
    programs
}

/// Decodes a list and leaves out what was seen before; `w` comes first, so writing wins.
fn addresses(
    field: &'static str,
    texts: &[String],
    seen: &mut Vec<Address>,
) -> Result<Vec<Address>, TraceCause> {
    let mut kept = Vec::with_capacity(texts.len());
    for (position, text) in texts.iter().enumerate() {
        let address = parse_address(text).ok_or_else(|| TraceCause::Address {
            field,
            position,
            text: text.chars().take(SHOWN_CHARACTERS_MAX).collect(),
        })?;
        // Lists are short (63 at most in practice), so a scan beats a set.
        if !seen.contains(&address) {
            seen.push(address);
            kept.push(address);
        }
    }
    Ok(kept)
}

/// Base58 of 32 bytes, or `0x` and 40 hexadecimal digits.
///
/// The 20 bytes are followed by eleven zeros and, as the last byte, their count: without it
/// Ethereum's zero address would become the address of the System program.
///
/// ```
/// use lockstep_benches::trace::parse_address;
/// let address = parse_address("0x00000000000000000000000000000000000000aa").unwrap();
/// assert_eq!((address.as_array()[19], address.as_array()[31]), (0xaa, 20));
/// assert_eq!(parse_address("0xaa"), None);
/// ```
pub fn parse_address(text: &str) -> Option<Address> {
    let mut bytes = [0; ADDRESS_SIZE];
    if let Some(digits) = text.strip_prefix("0x") {
        let (short, rest) = bytes.split_at_mut(SHORT_ADDRESS_SIZE);
        hex::decode_to_slice(digits, short).ok()?;
        *rest.last_mut()? = u8::try_from(SHORT_ADDRESS_SIZE).ok()?;
        return Some(Address::new_from_array(bytes));
    }
    let written = bs58::decode(text).onto(&mut bytes).ok()?;
    (written == ADDRESS_SIZE).then(|| Address::new_from_array(bytes))
}

/// The text of an address that [`parse_address`] has filled up; `None` for any other.
pub(super) fn short_address(address: &Address) -> Option<String> {
    let (short, rest) = address.as_array().split_at(SHORT_ADDRESS_SIZE);
    let (last, zeros) = rest.split_last()?;
    let is_short = usize::from(*last) == SHORT_ADDRESS_SIZE && zeros.iter().all(|byte| *byte == 0);
    is_short.then(|| format!("0x{}", hex::encode(short)))
}

fn failure_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The parser's words without its line number, which always is 1 here.
fn json_cause(error: &serde_json::Error) -> TraceCause {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let cause = text.strip_suffix(place.as_str()).unwrap_or(&text);
    TraceCause::Json(format!("{cause}, column {}", error.column()))
}
