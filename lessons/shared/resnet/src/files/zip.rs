//! The zip archives that `torch.save` writes: nothing in them is compressed, so an entry is a slice of the file.
//!
//! Of what a zip archive may hold, this reads the names, places and sizes in the table at its end and nothing else. Padding
//! that is no well-formed extra field (there is one in a file that was saved under a name of 21 characters) is passed over.

use std::collections::HashMap;
use std::ops::Range;

/// Where each entry's bytes are.
pub(super) type Entries = HashMap<String, Range<usize>>;

const END: [u8; 4] = *b"PK\x05\x06";
const END_LENGTH: usize = 22;
const LARGE_END: [u8; 4] = *b"PK\x06\x06";
const LARGE_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const ROW: [u8; 4] = *b"PK\x01\x02";
const ROW_LENGTH: usize = 46;
const HEADER: [u8; 4] = *b"PK\x03\x04";
const HEADER_LENGTH: usize = 30;

/// The entries of an archive.
///
/// **Errors** say what is broken, or that an entry is compressed.
pub(super) fn entries(bytes: &[u8]) -> Result<Entries, String> {
    let (count, table) = table(bytes)?;
    let mut entries = Entries::new();
    let mut at = table;
    for _ in 0..count {
        let row = bytes
            .get(at..)
            .and_then(|rest| rest.get(..ROW_LENGTH))
            .filter(|row| row.starts_with(&ROW));
        let row = row.ok_or("the table of its zip archive is broken")?;
        let lengths = [28, 30, 32].map(|place| usize::from(u16_at(row, place)));
        let variable = bytes
            .get(at + ROW_LENGTH..)
            .and_then(|rest| rest.get(..lengths.iter().sum()));
        let variable = variable.ok_or("the table of its zip archive is broken")?;
        let (name, rest) = variable.split_at(lengths[0]);
        let name = String::from_utf8_lossy(name).into_owned();
        at += ROW_LENGTH + variable.len();

        let [compressed, size, header] = places(row, &rest[..lengths[1]]);
        if name.ends_with('/') {
            continue;
        }
        if u16_at(row, 10) != 0 || compressed != size {
            return Err(format!("{name:?} in it is compressed; torch.save compresses nothing"));
        }
        let data = data(bytes, header, size).ok_or_else(|| format!("{name:?} in it reaches beyond its end"))?;
        if entries.insert(name.clone(), data).is_some() {
            return Err(format!("it holds {name:?} twice"));
        }
    }
    Ok(entries)
}

/// Number of entries, and where their table begins.
fn table(bytes: &[u8]) -> Result<(u64, usize), String> {
    const LONGEST_COMMENT: usize = u16::MAX as usize;
    let from = bytes.len().saturating_sub(END_LENGTH + LONGEST_COMMENT);
    let ends = bytes[from..].windows(END_LENGTH).rposition(|end| end.starts_with(&END));
    let at = from + ends.ok_or("it is cut short: the table at the end of its zip archive is missing")?;
    let (mut count, mut start) = (u64::from(u16_at(bytes, at + 10)), u64::from(u32_at(bytes, at + 16)));
    // More than 65,535 entries or 4 GiB: the numbers stand in another record.
    let large = at
        .checked_sub(20)
        .filter(|&locator| bytes[locator..].starts_with(&LARGE_LOCATOR))
        .and_then(|locator| usize::try_from(u64_at(bytes, locator + 8)).ok())
        .and_then(|record| bytes.get(record..)?.get(..56))
        .filter(|record| record.starts_with(&LARGE_END));
    if let Some(record) = large {
        (count, start) = (u64_at(record, 32), u64_at(record, 48));
    }
    match usize::try_from(start) {
        Ok(start) if start <= at => Ok((count, start)),
        _ => Err("the table of its zip archive is broken".into()),
    }
}

/// Compressed size, size and place of the header. Where one is too large for its four bytes, it stands in an extra field.
fn places(row: &[u8], mut extra: &[u8]) -> [u64; 3] {
    let mut places = [20, 24, 42].map(|place| u64::from(u32_at(row, place)));
    while extra.len() >= 4 {
        let (kind, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(field) = extra[4..].get(..length) else { break };
        if kind == 1 {
            let [compressed, size, header] = &mut places;
            let mut numbers = field.chunks_exact(8).map(|number| u64_at(number, 0));
            for place in [size, compressed, header] {
                if *place == u64::from(u32::MAX) {
                    *place = numbers.next().unwrap_or(*place);
                }
            }
        }
        extra = &extra[4 + length..];
    }
    places
}

/// The bytes behind a header.
fn data(bytes: &[u8], header: u64, size: u64) -> Option<Range<usize>> {
    let at = usize::try_from(header).ok()?;
    let header = bytes
        .get(at..)?
        .get(..HEADER_LENGTH)
        .filter(|header| header.starts_with(&HEADER))?;
    let start = at + HEADER_LENGTH + usize::from(u16_at(header, 26)) + usize::from(u16_at(header, 28));
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    (end <= bytes.len()).then_some(start..end)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("N bytes")
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}
