//! The page as a learner uses it, in a real browser: `cargo test -p book --test browser -- --ignored`.
//!
//! It needs `chromedriver` and Chromium on the path; `.ci/run` installs them. The accessibility check needs the file that
//! `$AXE_CORE` names, `axe.min.js` of the npm package axe-core. The learner's code is not compiled here: a stand-in
//! for the grader looks at the file that was saved, and a stand-in for cargo draws.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};

/// A copy of the course with its server, and a browser that has opened it.
struct Session {
    course: tempfile::TempDir,
    server: Child,
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
    fn start() -> Self {
        let course = tempfile::tempdir().unwrap();
        copy(course::root().unwrap(), course.path());
        for (name, text) in [("grader", GRADER), ("cargo", CARGO)] {
            let path = course.path().join(name);
            fs::write(&path, text).unwrap();
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let port = free_port();
        let server = Command::new(env!("CARGO_BIN_EXE_book"))
            .args(["--no-open", "--port", &port.to_string()])
            .current_dir(course.path())
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("LESSON_STATE")
            .env("LESSON_GRADER", course.path().join("grader"))
            .env("CARGO", course.path().join("cargo"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let driver_port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={driver_port}"))
            .stdout(Stdio::null())
            .spawn()
            .expect("chromedriver is on the path");
        let mut session = Self {
            course,
            server,
            driver,
            base: format!("http://127.0.0.1:{port}"),
            address: format!("http://127.0.0.1:{driver_port}"),
        };
        session.base = session.first_line();
        session
    }

    /// The address that the server prints once it answers.
    fn first_line(&mut self) -> String {
        use std::io::{BufRead, BufReader};
        let out = self.server.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        line.trim()
            .strip_prefix("The course: ")
            .expect("an address")
            .to_string()
    }

    fn site(&self) -> &str {
        self.base.split("/?key").next().unwrap()
    }

    fn file(&self, path: &str) -> PathBuf {
        self.course.path().join(path)
    }

    async fn browser(&self, width: u32) -> Client {
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

    async fn open(&self, client: &Client, page: &str) {
        client.goto(&format!("{}{page}", self.site())).await.unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Texts, pictures and sources, without what is built and what is known of the learner.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name();
        if ["target", ".git", ".lesson"].iter().any(|skipped| name == *skipped) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Waits until a script gives true.
async fn until(client: &Client, what: &str, seconds: u64, script: &str) {
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

const STATE: &str = "document.querySelector('[data-exercise=\"1.1\"] .state').textContent";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromedriver and Chromium"]
async fn a_learner_reads_answers_saves_and_draws() {
    let session = Session::start();
    let client = session.browser(1200).await;

    // The start page says where one stands.
    until(
        &client,
        "the table of progress",
        5,
        "document.querySelector('#progress table')",
    )
    .await;

    // A lesson: the stub's documentation, its formula, and what is next to it.
    session.open(&client, "/lessons/lesson01/index.html").await;
    until(
        &client,
        "the exercise's state",
        5,
        &format!("{STATE} === 'not started'"),
    )
    .await;
    until(
        &client,
        "a formula",
        1,
        "document.querySelector('[data-exercise=\"1.1\"] .formula i')",
    )
    .await;

    // A question, first wrongly, then rightly; it is remembered.
    let question = ".quiz fieldset:not([hidden])";
    let first = format!("document.querySelector('{question}')");
    client
        .execute(
            &format!("{first}.querySelector('label:not([data-right]) input').click()"),
            vec![],
        )
        .await
        .unwrap();
    until(
        &client,
        "the wrong answer",
        2,
        &format!("{first}.querySelector('.result').textContent === 'No.'"),
    )
    .await;
    until(
        &client,
        "why it is wrong",
        2,
        &format!("{first}.querySelector('.why:not([hidden])').textContent.length > 10"),
    )
    .await;
    client
        .execute(&format!("{first}.querySelector('[data-right] input').click()"), vec![])
        .await
        .unwrap();
    until(
        &client,
        "the right answer",
        2,
        &format!("{first}.querySelector('.result').textContent === 'Right.'"),
    )
    .await;
    let kept = session.file(".lesson/quiz.json");
    let end = Instant::now() + Duration::from_secs(3);
    while !fs::read_to_string(&kept).unwrap_or_default().contains("true") {
        assert!(Instant::now() < end, "the answer is not remembered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // A save: the verdict appears by itself, as maps, and what the attempt printed is text and no markup.
    let stub = session.file("lessons/lesson01/src/window.rs");
    let text = fs::read_to_string(&stub).unwrap();
    let (start, _) = text.split_once("todo!(").unwrap();
    fs::write(&stub, format!("{start}Ok(input)\n}}\n")).unwrap();
    until(&client, "the verdict after a save", 3, &format!("{STATE} === 'wrong'")).await;
    until(
        &client,
        "three maps",
        1,
        "document.querySelectorAll('[data-exercise=\"1.1\"] canvas').length === 3",
    )
    .await;
    until(
        &client,
        "markup is escaped",
        1,
        "document.querySelector('[data-exercise=\"1.1\"] .verdict pre').textContent.includes('<b>')",
    )
    .await;

    // A hint is shared with the terminal.
    client
        .execute(
            "document.querySelector('[data-exercise=\"1.1\"] .hint').open = true",
            vec![],
        )
        .await
        .unwrap();
    let end = Instant::now() + Duration::from_secs(3);
    while !fs::read_to_string(session.file(".lesson/hints.json"))
        .unwrap_or_default()
        .contains("1.1")
    {
        assert!(Instant::now() < end, "the hint is not remembered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // Passed: the solution may be compared with.
    fs::write(&stub, format!("{start}Ok(input) // RIGHT\n}}\n")).unwrap();
    until(&client, "the pass", 3, &format!("{STATE} === 'passed'")).await;
    client
        .execute(
            "document.querySelector('[data-exercise=\"1.1\"] button.diff').click()",
            vec![],
        )
        .await
        .unwrap();
    until(
        &client,
        "the diff",
        3,
        "document.querySelector('[data-exercise=\"1.1\"] .solution table')",
    )
    .await;

    // A picture: drawn by a button, then both are there, with a word on how far apart they are.
    let figure = "document.querySelector('.picture')";
    client
        .execute(&format!("{figure}.querySelector('button').click()"), vec![])
        .await
        .unwrap();
    until(
        &client,
        "one's own picture",
        8,
        &format!("{figure}.querySelector('.own')"),
    )
    .await;
    until(
        &client,
        "the comparison",
        2,
        &format!("{figure}.querySelector('figcaption').textContent.includes('byte for byte')"),
    )
    .await;

    // The notebook is saved into the file.
    session.open(&client, "/lessons/LEARNINGS.html").await;
    until(&client, "the notebook", 3, "document.querySelector('#notebook-text')").await;
    client
        .find(Locator::Css("#notebook-text"))
        .await
        .unwrap()
        .send_keys("seen in a browser")
        .await
        .unwrap();
    client
        .execute("document.querySelector('#notebook button').click()", vec![])
        .await
        .unwrap();
    until(
        &client,
        "the save",
        3,
        "document.querySelector('#notebook [role=status]').textContent.includes('Saved')",
    )
    .await;
    assert!(
        fs::read_to_string(session.file("lessons/LEARNINGS.md"))
            .unwrap()
            .contains("seen in a browser")
    );

    // Changed elsewhere meanwhile: nothing is lost.
    fs::write(session.file("lessons/LEARNINGS.md"), "from the editor").unwrap();
    client
        .execute("document.querySelector('#notebook button').click()", vec![])
        .await
        .unwrap();
    until(
        &client,
        "the refusal",
        3,
        "document.querySelector('.problem')?.textContent.includes('changed elsewhere')",
    )
    .await;
    assert_eq!(
        fs::read_to_string(session.file("lessons/LEARNINGS.md")).unwrap(),
        "from the editor"
    );
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromedriver and Chromium"]
async fn pages_are_quick_small_local_accessible_and_work_by_keyboard_and_when_narrow() {
    let session = Session::start();
    for width in [1200, 400] {
        let client = session.browser(width).await;
        for page in [
            "/index.html",
            "/GUIDE.html",
            "/GUIDE.es.html",
            "/lessons/lesson02/index.html",
            "/lessons/LEARNINGS.html",
        ] {
            session.open(&client, page).await;
            until(
                &client,
                "the script has run",
                5,
                "document.querySelector('main') && document.readyState === 'complete'",
            )
            .await;
            tokio::time::sleep(Duration::from_millis(400)).await;
            let measured = client
                .execute(
                    "const all = performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'));
                     return { ready: performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd,
                       bytes: all.filter(e => !/\\.(png|jpg)/.test(e.name)).reduce((sum, e) => sum + e.decodedBodySize, 0),
                       outside: all.map(e => e.name).filter(name => !name.startsWith(location.origin)),
                       wide: document.documentElement.scrollWidth - window.innerWidth };",
                    vec![],
                )
                .await
                .unwrap();
            assert!(measured["ready"].as_f64().unwrap() < 1000.0, "{page}: {measured}");
            assert!(measured["bytes"].as_f64().unwrap() < 1e6, "{page}: {measured}");
            assert_eq!(measured["outside"], json!([]), "{page}");
            assert!(
                measured["wide"].as_f64().unwrap() <= 0.0,
                "{page} is wider than a window of {width}: {measured}"
            );
            if let Some(axe) = std::env::var_os("AXE_CORE") {
                for theme in ["light", "navy"] {
                    let choose = format!("localStorage.setItem('mdbook-theme', '{theme}')");
                    client.execute(&choose, vec![]).await.unwrap();
                    session.open(&client, page).await;
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    client
                        .execute(&fs::read_to_string(&axe).unwrap(), vec![])
                        .await
                        .unwrap();
                    let found = client
                        .execute_async(
                            "const done = arguments[arguments.length - 1];
                             axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })
                               .then(r => done(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).slice(0, 3).join(' | '))));",
                            vec![],
                        )
                        .await
                        .unwrap();
                    assert_eq!(found, json!([]), "{page} in {theme} at {width}");
                }
            }
        }
        client.close().await.unwrap();
    }

    // By keyboard alone: tab to a question and answer it with space.
    let client = session.browser(1200).await;
    session.open(&client, "/lessons/lesson01/index.html").await;
    until(&client, "the page", 5, &format!("{STATE}.length > 0")).await;
    client
        .execute(
            "document.querySelector('.quiz fieldset:not([hidden]) input').focus()",
            vec![],
        )
        .await
        .unwrap();
    let focused = client.active_element().await.unwrap();
    focused.send_keys(" ").await.unwrap();
    until(
        &client,
        "an answer by keyboard",
        2,
        "document.querySelector('.quiz .result').textContent.length > 0",
    )
    .await;
    let focused = client.active_element().await.unwrap();
    focused.send_keys(&char::from(Key::Tab).to_string()).await.unwrap();
    until(
        &client,
        "tab goes on",
        2,
        "!['BODY', 'HTML'].includes(document.activeElement.tagName)",
    )
    .await;
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromedriver and Chromium"]
async fn a_server_that_is_gone_is_a_sentence_on_the_page() {
    let mut session = Session::start();
    let client = session.browser(1200).await;
    session.open(&client, "/lessons/lesson01/index.html").await;
    until(&client, "the page", 5, &format!("{STATE}.length > 0")).await;
    session.server.kill().unwrap();
    until(
        &client,
        "a sentence",
        10,
        "document.querySelector('.problem')?.textContent.includes('cargo run -p book')",
    )
    .await;
    client.close().await.unwrap();
}
