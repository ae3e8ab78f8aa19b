//! Text on its way to a terminal. Names and contents of files may hold control characters, which
//! a terminal would obey; they are written as escapes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Whether a terminal acts on a character, or shows the text around it in another order or not at
/// all: control and format characters, and the separators of lines and paragraphs.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A text from outside for one line: what a terminal would obey is escaped, as `\u{1b}`.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Lines of our own: the same, except for line ends and, if colours are shown, the sequences that
/// set them.
pub(crate) fn printable(text: &str, has_colours: bool) -> Cow<'_, str> {
    if !text.contains(|character| character != '\n' && is_obeyed(character)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let size = match style_size(rest) {
            Some(size) if has_colours => size,
            _ => character.len_utf8(),
        };
        let (part, behind) = rest.split_at(size);
        match part {
            "\n" => out.push('\n'),
            part if size > 1 && character == '\u{1b}' => out.push_str(part),
            part => out.push_str(&escaped(part)),
        }
        rest = behind;
    }
    Cow::Owned(out)
}

/// The bytes of the style sequence that a text begins with, if it does: `ESC [ digits and ; m`.
fn style_size(text: &str) -> Option<usize> {
    let sequence = text.strip_prefix("\u{1b}[")?;
    let end = sequence.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    let is_style = sequence.get(end..)?.starts_with('m');
    is_style.then(|| end.saturating_add("\u{1b}[m".len()))
}

/// JSON in which those characters, which stand in its strings only, are escaped as JSON does.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_obeyed) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if is_obeyed(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Writes a line to stderr. A failure has no place to be told at, and changes no exit code.
pub(crate) fn note(line: &str) {
    let line = format!("{}\n", escaped(line));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        let check = |text: &str, expected: &str| {
            assert_eq!(escaped(text), expected);
            assert_eq!(printable(text, false), expected);
        };
        check(
            "tr\u{e4}ger/\u{65e5}\u{672c}.jsonl",
            "tr\u{e4}ger/\u{65e5}\u{672c}.jsonl",
        );
        check("a\u{1b}]0;x\u{7}b", "a\\u{1b}]0;x\\u{7}b");
        check("a\u{9b}31mb\r\tc\u{7f}", "a\\u{9b}31mb\\r\\tc\\u{7f}");
        check(
            "\u{202e}txt\u{2066}\u{feff}",
            "\\u{202e}txt\\u{2066}\\u{feff}",
        );
        assert_eq!(escaped("two\nlines"), "two\\nlines");
        assert_eq!(printable("two\nlines\u{1b}", false), "two\nlines\\u{1b}");
    }

    #[test]
    fn styles_pass_where_colours_are_shown_and_nothing_else_does() {
        let styled = "\u{1b}[1;32mgood\u{1b}[0m\n";
        assert_eq!(printable(styled, true), styled);
        assert_eq!(printable("\u{1b}[1mx", false), "\\u{1b}[1mx");
        assert_eq!(
            printable("\u{1b}[2J\u{1b}[1mx", true),
            "\\u{1b}[2J\u{1b}[1mx"
        );
        assert_eq!(printable("\u{1b}[1", true), "\\u{1b}[1");
    }

    #[test]
    fn json_means_the_same_escaped() {
        let value = "a\u{9b}b\u{7f}\u{202e}\u{e0001}c";
        let text = serde_json::to_string(value).unwrap();
        let escaped = json(&text);
        assert_eq!(escaped, "\"a\\u009bb\\u007f\\u202e\\udb40\\udc01c\"");
        let read: String = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, value);
    }
}
