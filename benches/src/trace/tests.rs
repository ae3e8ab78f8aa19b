//! Trace files as they are recorded, and as they must be refused.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const A: &str = "11111111111111111111111111111112";
const B: &str = "11111111111111111111111111111113";
const C: &str = "11111111111111111111111111111114";

/// A file that goes away when the test ends.
struct TempFile(PathBuf);

impl TempFile {
    fn new(content: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lockstep-trace-{}-{number}.jsonl", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn read(&self) -> Result<Trace, TraceError> {
        Trace::read(&self.0, &TraceOptions::default())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // A file that is gone already is what the test wants anyway.
        let _ = fs::remove_file(&self.0);
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

#[test]
fn every_field_is_read() {
    let line = format!(
        r#"{{"slot":5,"i":3,"sig":"x","w":["{A}","{B}","{A}"],"r":["{C}","{B}","{C}"],"p":["{C}",7,"{C}"],
        "c":["{B}","{C}"],"names":{{"{A}":"pot <(Raffle)","x":"y"}},
        "cu":70,"cl":90,"cp":4,"fee":5000,"err":"InstructionError(0,Custom(6))","vote":0}}"#
    )
    .replace('\n', " ");
    let trace = TempFile::new(line.as_bytes()).read().unwrap();
    let expected = TraceTransaction {
        slot: 5,
        index: 3,
        line: 1,
        signature: Some("x".to_owned()),
        writes: vec![address(A), address(B)],
        reads: vec![address(C)],
        credits: vec![1],
        names: vec![(address(A), "pot (Raffle)".to_owned())],
        programs: vec![address(C)],
        cu: Some(70),
        cu_limit: Some(90),
        cu_price: Some(4),
        fee: Some(5_000),
        failure: Some("InstructionError(0,Custom(6))".to_owned()),
        is_vote: false,
    };
    assert_eq!(trace.blocks[0].transactions, [expected]);
    let list = trace.blocks[0].transactions[0].access_list();
    assert_eq!(
        (list.writes.len(), list.reads.len(), list.cost),
        (2, 1, 370)
    );
}

#[test]
fn absent_and_null_fields_have_defaults() {
    let line = format!(r#"{{"slot":5,"i":0,"w":["{A}"],"err":null,"cu":null,"vote":false}}"#);
    let trace = TempFile::new(line.as_bytes()).read().unwrap();
    let transaction = &trace.blocks[0].transactions[0];
    assert_eq!(
        (transaction.failure.as_ref(), transaction.cost()),
        (None, COST_DEFAULT)
    );
    assert!(transaction.reads.is_empty() && !transaction.is_vote);
}

#[test]
fn short_addresses_are_filled_up() {
    let line = format!(
        r#"{{"slot":1,"i":0,"w":["0x{}","0x00000000000000000000000000000000000000ff"]}}"#,
        "00".repeat(20)
    );
    let trace = TempFile::new(line.as_bytes()).read().unwrap();
    let writes = &trace.blocks[0].transactions[0].writes;
    let mut zero = [0; 32];
    zero[31] = 20;
    assert_eq!(writes[0], Address::new_from_array(zero));
    zero[19] = 0xff;
    assert_eq!(writes[1], Address::new_from_array(zero));
}

#[test]
fn bad_lines_name_file_line_and_cause() {
    let good = format!(r#"{{"slot":9,"i":0,"w":["{A}"]}}"#);
    let check = |bad: &[u8], expected: &str| {
        let file = TempFile::new(&[good.as_bytes(), b"\n\n", bad, b"\n"].concat());
        let text = file.read().unwrap_err().to_string();
        assert_eq!(text, format!("{}:3: {expected}", file.0.display()));
    };
    check(
        b"{",
        "not a transaction: EOF while parsing an object, column 1",
    );
    check(b"[9, 0, []]", "not a transaction: not a JSON object");
    check(
        br#"{"slot":9,"i":0}"#,
        "not a transaction: missing field `w`, column 16",
    );
    check(
        br#"{"slot":-9,"i":0,"w":[]}"#,
        "not a transaction: invalid value: integer `-9`, expected u64, column 10",
    );
    check(
        br#"{"slot":9,"i":0,"w":[]} x"#,
        "not a transaction: trailing characters, column 25",
    );
    check(
        b"{\"slot\":9,\"i\":0,\"w\":[\"\xff\"]}",
        "not a transaction: invalid unicode code point, column 23",
    );
    check(
        format!(r#"{{"slot":8,"i":0,"w":["{A}"]}}"#).as_bytes(),
        "slot 8 follows slot 9, but lines must be in slot order",
    );
    let shape = "is not an address (base58 of 32 bytes, or 0x and 40 hexadecimal digits)";
    for text in [
        "",
        "0x",
        "0x12",
        "l1",
        "111",
        "0xzz",
        &"1".repeat(33),
        &"z".repeat(44),
    ] {
        check(
            format!(r#"{{"slot":9,"i":0,"w":["{A}","{text}"]}}"#).as_bytes(),
            &format!("w[1]: {text:?} {shape}"),
        );
    }
    check(
        format!(r#"{{"slot":9,"i":0,"w":[],"r":["{}"]}}"#, "y".repeat(1_000)).as_bytes(),
        &format!("r[0]: {:?} {shape}", "y".repeat(60)),
    );
    check(&vec![b' '; 5 << 20], "line is longer than 4194304 bytes");
}

#[test]
fn what_cannot_be_opened_or_decompressed_is_an_error() {
    let missing = Trace::read("no/such/file".as_ref(), &TraceOptions::default());
    let text = missing.unwrap_err().to_string();
    assert!(text.starts_with("no/such/file: cannot open: "), "{text}");
    let directory = Trace::read(&std::env::temp_dir(), &TraceOptions::default());
    assert!(matches!(directory.unwrap_err().cause, TraceCause::Open(_)));

    let line = format!("{{\"slot\":9,\"i\":0,\"w\":[\"{A}\"]}}\n").repeat(1_000);
    let packed = zstd::encode_all(line.as_bytes(), 1).unwrap();
    let file = TempFile::new(&packed);
    assert_eq!(file.read().unwrap().transaction_count(), 1_000);
    let cut = TempFile::new(&packed[..packed.len() / 2]);
    let text = cut.read().unwrap_err().to_string();
    assert!(text.contains(": cannot open: incomplete frame"), "{text}");
}

#[test]
fn transactions_are_grouped_into_blocks() {
    let row = |slot: u64, vote: u8| format!(r#"{{"slot":{slot},"i":0,"w":["{A}"],"vote":{vote}}}"#);
    let rows = [
        row(1, 1),
        row(2, 0),
        row(2, 1),
        row(2, 0),
        row(7, 0),
        row(8, 1),
    ]
    .join("\n");
    let file = TempFile::new(rows.as_bytes());
    let shape = |options: TraceOptions| {
        let trace = Trace::read(&file.0, &options).unwrap();
        let blocks = trace.blocks.iter();
        let sizes = blocks.map(|block| (block.number, block.transactions.len()));
        (sizes.collect::<Vec<_>>(), trace.votes_left_out)
    };
    let mut options = TraceOptions::default();
    assert_eq!(shape(options), (vec![(2, 2), (7, 1)], 3));
    options.window = NonZeroUsize::new(2);
    assert_eq!(shape(options), (vec![(0, 2), (1, 1)], 3));
    options.keeps_votes = true;
    assert_eq!(shape(options), (vec![(0, 2), (1, 2), (2, 2)], 0));
    options.window = None;
    assert_eq!(shape(options), (vec![(1, 1), (2, 3), (7, 1), (8, 1)], 0));
}

#[test]
fn a_file_without_transactions_is_an_empty_trace() {
    for content in [&b""[..], b"\n \n", &zstd::encode_all(&b""[..], 1).unwrap()] {
        assert_eq!(TempFile::new(content).read().unwrap(), Trace::default());
    }
}
