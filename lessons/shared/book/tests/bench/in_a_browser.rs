//! The page of the bench as a person uses it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};

use crate::course_copy::Copy;

struct Driver(Child, u16);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Driver {
    fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={free}"))
            .stdout(Stdio::null())
            .spawn();
        Self(driver.expect("chromedriver is on the path"), free)
    }

    async fn browser(&self, width: u32) -> Client {
        let flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ];
        let flags: Vec<String> = flags
            .map(String::from)
            .into_iter()
            .chain([format!("--window-size={width},1400")])
            .collect();
        let Value::Object(capabilities) = json!({ "goog:chromeOptions": { "args": flags } }) else {
            unreachable!()
        };
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{}", self.1))
                .await
            {
                Ok(client) => return client,
                Err(error) if Instant::now() > until => panic!("no browser: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

async fn run(client: &Client, script: &str) -> Value {
    client.execute(script, vec![]).await.unwrap()
}

/// Waits until a script gives something else than before.
async fn changes(client: &Client, what: &str, script: &str, before: &Value) -> Value {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let now = run(client, script).await;
        if now != *before && !now.is_null() && now != json!("") {
            return now;
        }
        assert!(Instant::now() < end, "{what} does not change: {before}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

const PAGE: &str = "/lessons/shared/microscope/index.html";
const LOGITS: &str = "return document.querySelector('#bench-logits')?.textContent ?? ''";
const CAM: &str = "return document.querySelector('#bench-grad_cam')?.toDataURL() ?? ''";
const STATUS: &str = "return document.querySelector('#bench-status')?.textContent ?? ''";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromedriver and Chromium"]
async fn a_figure_is_dragged_and_the_network_follows() {
    let copy = Copy::start();
    let driver = Driver::start();
    let client = driver.browser(1300).await;
    client.goto(&copy.address).await.unwrap();
    client.goto(&format!("{}{PAGE}", copy.site())).await.unwrap();
    let logits = changes(&client, "logits", LOGITS, &json!("")).await;
    let status = changes(&client, "the time", STATUS, &json!("")).await;
    let before = changes(
        &client,
        "Grad-CAM",
        "return document.querySelector('#bench-grad_cam')?.ariaLabel ?? ''",
        &json!(""),
    )
    .await;
    assert!(before.as_str().unwrap().contains("Grad-CAM for"), "{before}");

    // Drag the figure by 40 pixels of the screen.
    let middle = run(
        &client,
        "const view = document.querySelector('#bench-view'); view.scrollIntoView({ block: 'center' }); const box = view.getBoundingClientRect(); \
         const at = axis => Number(document.querySelector(`#bench-${axis}-0`).value) / 128; \
         return [box.left + at('x') * box.width, box.top + at('y') * box.height]",
    )
    .await;
    let (x, y) = (middle[0].as_f64().unwrap(), middle[1].as_f64().unwrap());
    let to = |x: f64, y: f64| PointerAction::MoveTo { duration: None, x, y };
    let drag = MouseActions::new("mouse".into())
        .then(to(x, y))
        .then(PointerAction::Down {
            button: MOUSE_BUTTON_LEFT,
        })
        .then(to(x + 20.0, y + 10.0))
        .then(to(x + 40.0, y + 20.0))
        .then(PointerAction::Up {
            button: MOUSE_BUTTON_LEFT,
        });
    client.perform_actions(drag).await.unwrap();
    changes(&client, "the logits after dragging", LOGITS, &logits).await;
    changes(&client, "the time", STATUS, &status).await;
    tokio::time::sleep(Duration::from_millis(500)).await;

    // Another class: another map, the same logits.
    let (logits, cam) = (run(&client, LOGITS).await, run(&client, CAM).await);
    client
        .find(Locator::Css("#bench-class"))
        .await
        .unwrap()
        .select_by_value("7")
        .await
        .unwrap();
    changes(&client, "the map of another class", CAM, &cam).await;
    assert_eq!(run(&client, LOGITS).await, logits);

    // By keyboard, and what has changed since it was pinned.
    run(
        &client,
        "document.querySelector('#bench-pin').click(); document.querySelector('#bench-view').focus()",
    )
    .await;
    client
        .active_element()
        .await
        .unwrap()
        .send_keys("\u{e014}")
        .await
        .unwrap();
    changes(
        &client,
        "the difference",
        "return document.querySelector('#bench-difference').ariaLabel",
        &json!(null),
    )
    .await;
    let last = changes(&client, "the logits after a key", LOGITS, &logits).await;
    tokio::time::sleep(Duration::from_millis(500)).await;

    // A hundred changes in a row: what is shown at the end is the last.
    run(
        &client,
        "const grain = document.querySelector('#bench-grain'); for (let i = 0; i <= 100; i++) { grain.value = i / 2; \
         grain.dispatchEvent(new Event('input')); }",
    )
    .await;
    changes(&client, "the logits after a hundred changes", LOGITS, &last).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let numbers =
        "return [...document.querySelectorAll('#bench-logits td:nth-child(2)')].map(c => c.textContent).join(' ')";
    let settled = run(&client, numbers).await;

    // The link brings the same state back, in a page of its own: the last of the hundred.
    let link = client.current_url().await.unwrap();
    client.goto("about:blank").await.unwrap();
    client.goto(link.as_str()).await.unwrap();
    changes(&client, "logits", LOGITS, &json!("")).await;
    assert_eq!(
        run(&client, "return document.querySelector('#bench-grain').value").await,
        json!("50")
    );
    assert_eq!(
        run(&client, "return document.querySelector('#bench-class').value").await,
        json!("7")
    );
    assert_eq!(run(&client, numbers).await, settled);
    client.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromedriver and Chromium"]
async fn the_bench_is_accessible_and_not_wider_than_the_window() {
    let copy = Copy::start();
    let driver = Driver::start();
    for width in [1300, 420] {
        let client = driver.browser(width).await;
        client.goto(&copy.address).await.unwrap();
        for theme in ["light", "navy"] {
            run(&client, &format!("localStorage.setItem('mdbook-theme', '{theme}')")).await;
            client.goto("about:blank").await.unwrap();
            client.goto(&format!("{}{PAGE}", copy.site())).await.unwrap();
            changes(&client, "logits", LOGITS, &json!("")).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            let wide = run(
                &client,
                "return document.documentElement.scrollWidth - window.innerWidth",
            )
            .await;
            assert!(wide.as_f64().unwrap() <= 0.0, "{width}: {wide} too wide");
            let Some(axe) = std::env::var_os("AXE_CORE") else {
                continue;
            };
            run(&client, &std::fs::read_to_string(&axe).unwrap()).await;
            let script = "const done = arguments[arguments.length - 1]; \
                axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then(r => done(r.violations.map(v => \
                v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160)).slice(0, 3).join(' | '))));";
            let found = client.execute_async(script, vec![]).await.unwrap();
            assert_eq!(found, json!([]), "{theme} at {width}");
        }
        client.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromedriver and Chromium"]
async fn the_index_of_an_atlas_sorts_and_filters() {
    let (kept, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let subject = microscope::Subject::open(None).unwrap();
    let scope = microscope::Microscope::with(subject, microscope::Images::Scenes(60), kept.path());
    let conv1 = [scope.site("conv1").unwrap()];
    let atlas = microscope::atlas::write(&scope, &conv1, out.path()).unwrap();

    let driver = Driver::start();
    let client = driver.browser(1300).await;
    client.goto(&format!("file://{}", atlas.index.display())).await.unwrap();
    let count = "return document.querySelector('#count').textContent";
    assert_eq!(run(&client, count).await, json!("16 of 16 units"));
    let column = |at: usize| {
        format!(
            "return [...document.querySelectorAll('#units tbody tr')].map(row => Number(row.cells[{at}].dataset.value))"
        )
    };
    let zeros = column(5);
    let unsorted: Vec<f64> = serde_json::from_value(run(&client, &zeros).await).unwrap();
    let mut rising = unsorted.clone();
    rising.sort_by(f64::total_cmp);
    let falling: Vec<f64> = rising.iter().rev().copied().collect();
    let press = |at: usize| {
        let client = client.clone();
        async move {
            let head = format!("#units thead button[data-column=\"{at}\"]");
            client.find(Locator::Css(&head)).await.unwrap().click().await.unwrap();
        }
    };
    for expected in [&falling, &rising] {
        press(5).await;
        let now: Vec<f64> = serde_json::from_value(run(&client, &zeros).await).unwrap();
        assert_eq!(
            &now, expected,
            "numbers begin with the largest, and turn round at the next press"
        );
    }
    press(0).await;
    let first = "return document.querySelector('#units tbody tr').cells[0].textContent.trim()";
    assert_eq!(
        run(&client, first).await,
        json!("conv1 0"),
        "names begin with the first"
    );

    client
        .find(Locator::Css("#words"))
        .await
        .unwrap()
        .send_keys("conv1 1")
        .await
        .unwrap();
    assert_eq!(run(&client, count).await, json!("7 of 16 units"), "1 and 10 to 15");
    let shown = "return [...document.querySelectorAll('#units tbody tr')].filter(row => !row.hidden).length";
    assert_eq!(run(&client, shown).await, json!(7));
}
