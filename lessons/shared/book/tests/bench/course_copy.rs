//! A copy of the course with a server, a stand-in for the grader, and one for the lesson's program.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Grad-CAM passes as soon as its file says so; nothing else is started.
const GRADER: &str = r#"#!/bin/sh
file="$(dirname "$0")/lessons/lesson05/src/grad_cam.rs"
if [ "$1" != lesson05 ]; then echo "cannot grade"; exit 1; fi
if grep -q RIGHT "$file"; then verdict=passed; else verdict=not_started; fi
cat <<JSON
{"lesson":"lesson05","seed":1,"exercises":[{"id":"5.3","name":"grad_cam","test":"ex5_3","title":"x","core":true,
"verdict":"$verdict","mistake":null,"message":"","shown":null,"seconds":0.1}],
"totals":{"exercises":1,"passed":0,"not_started":0,"failed":1,"filtered_out":0}}
JSON
"#;

/// Stands in for `cargo run --quiet --package lesson05 -- --instruments`: what it does depends on the file `mode`.
const CARGO: &str = r#"#!/bin/sh
root="$(dirname "$0")"
echo "$@" >> "$root/asked"
echo "a line that a function prints"
echo "microscope: ready"
while read -r name network site class side; do
  head -c $((3 * side * side)) > /dev/null
  case "$(cat "$root/mode")" in
    right) echo "microscope: map 4 4 $class 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15" ;;
    panics) echo "microscope: problem panicked, index out of bounds" ;;
    nonsense) echo "microscope: map 2 2 1 2 3 4" ;;
    infinite) echo "microscope: map 4 4 inf 1 2 3 4 5 6 7 8 9 10 11 12 13 14 NaN" ;;
    hangs) sleep 600 ;;
    ends) exit 3 ;;
  esac
done
"#;

/// A copy of the course with its server.
pub struct Copy {
    folder: tempfile::TempDir,
    server: Child,
    /// The printed address, with the key.
    pub address: String,
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Copy {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mode"), "right").unwrap();
        let (server, address) = crate::served::serve(folder.path(), GRADER, CARGO);
        Self {
            folder,
            server,
            address,
        }
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn site(&self) -> &str {
        self.address.split("/?key").next().unwrap()
    }

    fn key(&self) -> &str {
        self.address.split("key=").nth(1).unwrap()
    }

    /// What the learner's program does from now on, with sources that have changed.
    pub fn mode(&self, mode: &str) {
        fs::write(self.file("mode"), mode).unwrap();
        let path = self.file("lessons/lesson05/src/grad_cam.rs");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(
            &path,
            format!(
                "{}// RIGHT {mode}\n",
                text.replace("todo!(\"exercise", "unreachable!(\"")
            ),
        )
        .unwrap();
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, None, true)
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, Some(body), true)
    }

    /// One request over a connection of its own.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>, with_key: bool) -> (u16, Value) {
        let host = self.site().trim_start_matches("http://");
        let body = body.map(Value::to_string).unwrap_or_default();
        let key = if with_key {
            format!("x-course-token: {}\r\n", self.key())
        } else {
            String::new()
        };
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{key}connection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, text) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(text).unwrap_or(Value::String(text.into())))
    }

    /// Asks until the answer is as it should be.
    pub fn until(
        &self,
        what: &str,
        seconds: u64,
        mut ask: impl FnMut() -> Value,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            let value = ask();
            if is(&value) {
                return value;
            }
            assert!(Instant::now() < end, "{what}: not within {seconds} s, but {value}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
