//! A copy of the course, its server, and a browser that has opened it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};

/// A copy of the course with its server, and the driver of a browser.
pub struct Session {
    course: tempfile::TempDir,
    pub server: Child,
    driver: Child,
    base: String,
    address: String,
}

impl Drop for Session {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.driver] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const GRADER: &str = r#"#!/bin/sh
# Stands in for `cargo test -p lesson01 -- --json`: what it says depends on the file that was saved.
file="$(dirname "$0")/lessons/lesson01/src/window.rs"
if [ "$1" != lesson01 ]; then echo "cannot grade"; exit 1; fi
shown=null
if grep -q 'exercise 1.1:' "$file"; then verdict=not_started; message=""
elif grep -q 'RIGHT' "$file"; then verdict=passed; message=""
else
  verdict=wrong; message="<b>The window</b> fits at exactly one place."
  shown='{"input":"a map","part":null,"worst":9,"yours":{"shape":[8,8],"rows":8,"columns":8,"values":[0,1,2,3,4,5,6,7,8,99,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63]},"expected":{"shape":[8,8],"rows":8,"columns":8,"values":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63]}}'
fi
cat <<JSON
{"lesson":"lesson01","seed":1,"exercises":[{"id":"1.1","name":"output_size","test":"ex1_1_output_size","title":"x","core":true,
"verdict":"$verdict","mistake":null,"message":"$message","shown":$shown,"seconds":0.1}],
"totals":{"exercises":1,"passed":0,"not_started":0,"failed":1,"filtered_out":0}}
JSON
"#;

const CARGO: &str = r#"#!/bin/sh
# Stands in for `cargo run --quiet --package lesson01 -- block`.
root="$(dirname "$0")"
for picture in "$@"; do :; done
echo "drawing $picture" >&2
sleep 1
mkdir -p "$root/target/pictures/lesson01"
cp "$root/lessons/lesson01/pictures/$picture.png" "$root/target/pictures/lesson01/$picture.png"
"#;

impl Session {
    pub fn start() -> Self {
        let course = tempfile::tempdir().unwrap();
        let (server, base) = crate::served::serve(course.path(), GRADER, CARGO);
        let driver_port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={driver_port}"))
            .stdout(Stdio::null())
            .spawn()
            .expect("chromedriver is on the path");
        Self {
            course,
            server,
            driver,
            base,
            address: format!("http://127.0.0.1:{driver_port}"),
        }
    }

    pub fn site(&self) -> &str {
        self.base.split("/?key").next().unwrap()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.course.path().join(path)
    }

    pub async fn browser(&self, width: u32) -> Client {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let arguments: Vec<_> = arguments
            .iter()
            .map(ToString::to_string)
            .chain([format!("--window-size={width},900")])
            .collect();
        let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
        let Value::Object(capabilities) = capabilities else {
            unreachable!()
        };
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder.capabilities(capabilities.clone()).connect(&self.address).await {
                Ok(client) => {
                    client.goto(&self.base).await.unwrap();
                    return client;
                }
                Err(error) if Instant::now() > until => panic!("no browser: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    pub async fn open(&self, client: &Client, page: &str) {
        client.goto(&format!("{}{page}", self.site())).await.unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until a script gives true.
pub async fn until(client: &Client, what: &str, seconds: u64, script: &str) {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let value = client
            .execute(&format!("return Boolean({script})"), vec![])
            .await
            .unwrap();
        if value == json!(true) {
            return;
        }
        assert!(Instant::now() < end, "{what}: not within {seconds} s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
