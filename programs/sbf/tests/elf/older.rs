//! Files of the oldest version of SBPF, as compilers made them: sections with names, and symbols
//! and relocations that tell which instructions call the system, and which name data.
//!
//! ```text
//! file header 64 | .text | .rodata | .dynsym | .dynstr | .dynamic | .rel.dyn | names of sections
//! | section headers of 64 bytes each
//! ```
//! A section's address in memory is its place in the file.

/// Bytes of the file's header, and of a section's.
const HEADER: usize = 64;
/// The kinds of sections.
const PROGRAM: u32 = 1;
const TEXTS: u32 = 3;
const DYNAMIC: u32 = 6;
const RELOCATIONS: u32 = 9;
const SYMBOLS: u32 = 11;
/// The kinds of relocations: an address in this file, and a symbol of which the number is called.
const RELATIVE: u64 = 8;
const CALL: u64 = 10;

/// A section: its name, kind, flags and bytes.
struct Section(&'static str, u32, u64, Vec<u8>);

/// A file of instructions, the first of which is where it begins, and of data that they read.
/// `calls` are the places of instructions that call the system, with the names of the calls;
/// `named` are those of the instructions of two halves whose number is a place in the data.
pub(crate) fn file(text: &[u64], data: &[u8], calls: &[(usize, &str)], named: &[usize]) -> Vec<u8> {
    let mut text: Vec<u8> = text.iter().flat_map(|code| code.to_le_bytes()).collect();
    let data_start = HEADER + text.len();
    for place in named {
        let number = &mut text[place * 8 + 4..][..4];
        let offset = u32::from_le_bytes(number.try_into().unwrap());
        let address = u32::try_from(data_start).unwrap() + offset;
        number.copy_from_slice(&address.to_le_bytes());
    }
    let mut names = vec![0];
    let mut symbols = vec![0; 24];
    let mut relocations = Vec::new();
    let place = |instruction: usize| u64::try_from(HEADER + instruction * 8).unwrap();
    for (number, (call, name)) in (1u64..).zip(calls) {
        symbols.extend(u32::try_from(names.len()).unwrap().to_le_bytes());
        // Global, of no kind, and not in this file.
        symbols.extend([0x10, 0, 0, 0]);
        symbols.extend([0; 16]);
        names.extend(name.as_bytes());
        names.push(0);
        relocations.extend([place(*call), number << 32 | CALL]);
    }
    for instruction in named {
        relocations.extend([place(*instruction), RELATIVE]);
    }
    // Sections are found by their addresses, so that none is empty.
    let padded = |mut bytes: Vec<u8>| {
        bytes.resize(bytes.len().max(1).next_multiple_of(8), 0);
        bytes
    };
    let words =
        |words: &[u64]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let (data, names) = (padded(data.to_vec()), padded(names));
    let symbols_start = data_start + data.len();
    let relocations_start = symbols_start + symbols.len() + names.len() + 5 * 16;
    let [symbols_at, relocations_at] =
        [symbols_start, relocations_start].map(|start| u64::try_from(start).unwrap());
    let relocations = words(&relocations);
    let size = u64::try_from(relocations.len()).unwrap();
    // Each entry is a tag and a number; where there are no relocations, they are not named.
    let tags = match size {
        0 => [[6, symbols_at], [0, 0], [0, 0], [0, 0], [0, 0]],
        _ => [
            [6, symbols_at],
            [17, relocations_at],
            [18, size],
            [19, 16],
            [0, 0],
        ],
    };
    with_headers(vec![
        Section(".text", PROGRAM, 6, text),
        Section(".rodata", PROGRAM, 2, data),
        Section(".dynsym", SYMBOLS, 2, symbols),
        Section(".dynstr", TEXTS, 2, names),
        Section(".dynamic", DYNAMIC, 3, words(tags.as_flattened())),
        Section(".rel.dyn", RELOCATIONS, 2, relocations),
    ])
}

/// Puts the sections one behind the other, and headers around them.
fn with_headers(mut sections: Vec<Section>) -> Vec<u8> {
    let mut names = vec![0];
    let mut name_places = Vec::new();
    for name in sections
        .iter()
        .map(|section| section.0)
        .chain([".shstrtab"])
    {
        name_places.push(u32::try_from(names.len()).unwrap());
        names.extend(name.as_bytes());
        names.push(0);
    }
    names.resize(names.len().next_multiple_of(8), 0);
    sections.push(Section(".shstrtab", TEXTS, 0, names));
    let mut body = Vec::new();
    // The first header is that of no section.
    let mut headers = vec![0; HEADER];
    for (Section(_, kind, flags, bytes), name) in sections.iter().zip(name_places) {
        let start = u64::try_from(HEADER + body.len()).unwrap();
        headers.extend(name.to_le_bytes());
        headers.extend(kind.to_le_bytes());
        let size = u64::try_from(bytes.len()).unwrap();
        let entry_size = match *kind {
            SYMBOLS => 24,
            DYNAMIC | RELOCATIONS => 16,
            _ => 0,
        };
        for number in [*flags, start, start, size] {
            headers.extend(number.to_le_bytes());
        }
        // The symbols' names are in the section behind them.
        headers.extend(if *kind == SYMBOLS { 4u32 } else { 0 }.to_le_bytes());
        headers.extend(0u32.to_le_bytes());
        for number in [8u64, entry_size] {
            headers.extend(number.to_le_bytes());
        }
        body.extend(bytes);
    }
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // A shared object for BPF.
    file.extend([3, 0, 247, 0, 1, 0, 0, 0]);
    let headers_start = u64::try_from(HEADER + body.len()).unwrap();
    // Where it begins, no program headers, and the section headers.
    for number in [64u64, 64, headers_start] {
        file.extend(number.to_le_bytes());
    }
    file.extend([0; 4]);
    let count = u16::try_from(sections.len() + 1).unwrap();
    for number in [64u16, 56, 0, 64, count, count - 1] {
        file.extend(number.to_le_bytes());
    }
    [file, body, headers].concat()
}
