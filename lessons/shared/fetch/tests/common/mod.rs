//! A hub on the loopback interface, and what it serves.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use checkpoints::checksum;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use real_data::catalogue::{Catalogue, Item, Kind, RemoteFile};

pub const REVISION: &str = "00000000000000000000000000000000c0ffee00";

/// A server that speaks the hub's protocol for files: `/datasets/OWNER/NAME/resolve/REVISION/PATH`, without `datasets` for
/// models, answers with the file's facts and the address of its bytes, which come whole or in ranges.
pub struct Hub {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    requests: Vec<String>,
    /// Bytes of content that are sent before the connection breaks; endless without.
    budget: Option<usize>,
    ignores_ranges: bool,
    /// Sent instead of everything: a status line, headers, a body.
    instead: Option<(String, Vec<String>, String)>,
}

impl Hub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // It ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Self { endpoint, state }
    }

    /// Serves these bytes as a file of an item.
    pub fn serve(&self, item: &Item, file: &RemoteFile, bytes: &[u8]) {
        let path = path_of(item, file);
        self.state.lock().unwrap().files.insert(path, bytes.to_vec());
    }

    /// Breaks connections once so many bytes of content were sent.
    pub fn break_after(&self, bytes: Option<usize>) {
        self.state.lock().unwrap().budget = bytes;
    }

    /// Sends whole files only.
    pub fn ignore_ranges(&self) {
        self.state.lock().unwrap().ignores_ranges = true;
    }

    /// Answers everything with this, as a network does in which one has to log in first, or a hub that is busy.
    pub fn answer_instead(&self, status: &str, headers: &[&str], body: &str) {
        let headers = headers.iter().map(|header| header.to_string()).collect();
        self.state.lock().unwrap().instead = Some((status.into(), headers, body.into()));
    }

    /// What was asked for since the last call: `GET bytes=0-4194303`.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

fn path_of(item: &Item, file: &RemoteFile) -> String {
    let kind = match item.kind {
        Kind::Data => "datasets/",
        Kind::Weights => "",
    };
    let Item {
        owner,
        repository,
        revision,
        ..
    } = item;
    format!("/{kind}{owner}/{repository}/resolve/{revision}/{}", file.path)
}

fn answer(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut lines = reader.by_ref().lines();
    let first = lines.next()?.ok()?;
    let (method, rest) = first.split_once(' ')?;
    let path = rest.split(' ').next()?.to_string();
    let (mut range, mut length) = (None, 0);
    for line in lines {
        let line = line.ok()?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("range: ") {
            range = Some(value.to_string());
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
    // A body that nobody reads resets the connection.
    reader.read_exact(&mut vec![0; length]).ok()?;
    let mut state = state.lock().ok()?;
    let mut stream = stream;
    if let Some((status, headers, body)) = state.instead.clone() {
        return send(&mut stream, &status, &headers, body.as_bytes());
    }
    if method == "POST" {
        return paths_info(&mut stream, &path, &state.files);
    }
    let wanted = path.strip_prefix("/cdn").unwrap_or(&path);
    let Some(bytes) = state.files.get(wanted).cloned() else {
        state.requests.push(format!("{method} {path}"));
        let body = r#"{"error":"Entry not found"}"#;
        return send(
            &mut stream,
            "404 Not Found",
            &["X-Error-Code: EntryNotFound".into()],
            body.as_bytes(),
        );
    };
    if wanted == path {
        let facts = [
            format!("Location: /cdn{path}"),
            format!("X-Repo-Commit: {REVISION}"),
            format!("X-Linked-Etag: \"{}\"", checksum(&bytes)),
            format!("X-Linked-Size: {}", bytes.len()),
        ];
        return send(&mut stream, "302 Found", &facts, b"");
    }
    state.requests.push(match &range {
        Some(range) => format!("{method} {range}"),
        None => method.to_string(),
    });
    let (status, facts, content) = match range.filter(|_| !state.ignores_ranges) {
        None => ("200 OK", String::new(), &bytes[..]),
        Some(range) => {
            let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
            let (start, end): (usize, usize) = (start.parse().ok()?, end.parse().ok()?);
            let facts = format!("Content-Range: bytes {start}-{end}/{}", bytes.len());
            ("206 Partial Content", facts, &bytes[start..=end])
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{facts}{}Accept-Ranges: bytes\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        if facts.is_empty() { "" } else { "\r\n" },
        content.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    if method == "GET" {
        let sent = state.budget.map_or(content.len(), |left| left.min(content.len()));
        stream.write_all(&content[..sent]).ok()?;
        state.budget = state.budget.map(|left| left - sent);
    }
    stream.flush().ok()
}

/// `POST /api/models/OWNER/NAME/paths-info/REVISION`: the files of that revision with their sizes, as the hub writes them.
fn paths_info(stream: &mut TcpStream, path: &str, files: &HashMap<String, Vec<u8>>) -> Option<()> {
    let (repository, revision) = path.strip_prefix("/api/models/")?.split_once("/paths-info/")?;
    let prefix = format!("/{repository}/resolve/{revision}/");
    let entries: Vec<String> = files
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?, bytes)))
        .map(|(path, bytes)| {
            let (size, sum) = (bytes.len(), checksum(bytes));
            let lfs = format!(r#"{{"oid":"{sum}","size":{size},"pointerSize":134}}"#);
            format!(r#"{{"type":"file","oid":"0","size":{size},"path":"{path}","lfs":{lfs}}}"#)
        })
        .collect();
    let body = format!("[{}]", entries.join(","));
    send(
        stream,
        "200 OK",
        &["Content-Type: application/json".into()],
        body.as_bytes(),
    )
}

fn send(stream: &mut TcpStream, status: &str, headers: &[String], body: &[u8]) -> Option<()> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    stream.flush().ok()
}

/// A file of the catalogue with these bytes.
pub fn file(path: &str, bytes: &[u8], images: usize) -> RemoteFile {
    RemoteFile {
        path: path.into(),
        size: bytes.len() as u64,
        sha256: checksum(bytes),
        images,
    }
}

/// A catalogue with weights of these bytes.
pub fn weights(bytes: &[u8]) -> Catalogue {
    Catalogue {
        items: vec![Item {
            name: "resnet18".into(),
            title: "A small ResNet-18".into(),
            kind: Kind::Weights,
            owner: "timm".into(),
            repository: "resnet18.tv_in1k".into(),
            revision: REVISION.into(),
            about: String::new(),
            meanwhile: String::new(),
            commands: vec![],
            files: vec![file("model.safetensors", bytes, 0)],
        }],
        batches: vec![],
    }
}

/// A catalogue with CIFAR-10 in these two parquet files of so many rows.
pub fn cifar10(train: (&[u8], usize), test: (&[u8], usize)) -> Catalogue {
    Catalogue {
        items: vec![Item {
            name: "cifar10".into(),
            title: "A small CIFAR-10".into(),
            kind: Kind::Data,
            owner: "uoft-cs".into(),
            repository: "cifar10".into(),
            revision: REVISION.into(),
            about: String::new(),
            meanwhile: String::new(),
            commands: vec![],
            files: vec![
                file("plain_text/train-00000-of-00001.parquet", train.0, train.1),
                file("plain_text/test-00000-of-00001.parquet", test.0, test.1),
            ],
        }],
        batches: vec![],
    }
}

/// Rows in CIFAR's binary layout: no image is like another, like its mirror image, or like itself turned.
pub fn rows(images: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(images.len() * 3073);
    for image in images {
        bytes.push((image % 10) as u8);
        for channel in 0..3 {
            for row in 0..32 {
                for column in 0..32 {
                    bytes.push((7 * column + 3 * row * row + 50 * channel + 13 * image) as u8);
                }
            }
        }
    }
    bytes
}

/// The rows as the hub's parquet: a group `img` of PNG `bytes` and a `path`, and a `label`.
pub fn parquet(rows: &[u8], path: &Path) -> Vec<u8> {
    let images = rows.chunks_exact(3073).map(|row| png(&row[1..])).collect();
    let labels = rows.iter().step_by(3073).map(|&label| i64::from(label));
    write_parquet(images, labels.collect(), path)
}

/// Parquet with these bytes for images.
pub fn write_parquet(images: Vec<Vec<u8>>, labels: Vec<i64>, path: &Path) -> Vec<u8> {
    const SCHEMA: &str = "message schema {
        OPTIONAL group img { OPTIONAL BYTE_ARRAY bytes; OPTIONAL BYTE_ARRAY path (STRING); }
        OPTIONAL INT64 label;
    }";
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let count = labels.len();
    let mut images = Some(images);
    while let Some(mut column) = group.next_column().unwrap() {
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let (values, present): (Vec<ByteArray>, i16) = match images.take() {
                    Some(images) => (images.into_iter().map(ByteArray::from).collect(), 2),
                    None => (vec![], 1), // no path
                };
                writer.write_batch(&values, Some(&vec![present; count]), None).unwrap();
            }
            ColumnWriter::Int64ColumnWriter(writer) => {
                writer.write_batch(&labels, Some(&vec![1; count]), None).unwrap();
            }
            _ => unreachable!("the schema has no other columns"),
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    std::fs::read(path).unwrap()
}

/// Planes of 32×32 as a PNG file.
fn png(planes: &[u8]) -> Vec<u8> {
    let at = |x: u32, y: u32, channel: usize| planes[(channel * 32 + y as usize) * 32 + x as usize];
    let image = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([0, 1, 2].map(|c| at(x, y, c))));
    let mut bytes = std::io::Cursor::new(vec![]);
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
