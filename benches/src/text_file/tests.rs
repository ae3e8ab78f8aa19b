//! Files in every packing, and files of other formats.

use std::fs;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// What a file with these bytes reads as.
fn read(content: &[u8]) -> io::Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("file");
    fs::write(&path, content)?;
    let mut text = String::new();
    open(&path)?.read_to_string(&mut text)?;
    Ok(text)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[test]
fn text_is_read_however_it_is_packed() {
    let marked = b"\xef\xbb\xbfa\n";
    for content in [
        b"a\n".to_vec(),
        marked.to_vec(),
        gzip(b"a\n"),
        gzip(marked),
        [gzip(b"a"), gzip(b"\n")].concat(),
        zstd::encode_all(&marked[..], 1).unwrap(),
    ] {
        assert_eq!(read(&content).unwrap(), "a\n", "{content:?}");
    }
    assert_eq!(read(b"").unwrap(), "");
}

#[test]
fn other_formats_are_named() {
    for (content, expected) in [
        (&b"BZh91AY"[..], "is bzip2, expected"),
        (b"PK\x03\x04rest", "is a zip archive, expected"),
        (b"\xff\xfea\0", "is UTF-16, expected"),
        (b"\x1f\x8bno gzip at all", "invalid gzip header"),
    ] {
        let error = read(content).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
