//! The page as a learner uses it, in a real browser: `cargo test -p book --test browser -- --ignored`.
//!
//! It needs `chromedriver` and Chromium on the path; `.ci/run` installs them. The accessibility check needs the file that
//! `$AXE_CORE` names, `axe.min.js` of the npm package axe-core. The learner's code is not compiled here: a stand-in
//! for the grader looks at the file that was saved, and a stand-in for cargo draws.

#[path = "../served/mod.rs"]
mod served;
mod session;

use std::fs;
use std::time::{Duration, Instant};

use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::json;

use session::{Session, until};

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

/// A picture that is drawn can be cancelled, one in its own size closes by a key, and a page without the key says so.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromedriver and Chromium"]
async fn what_is_begun_can_be_ended_and_says_how_it_ended() {
    let session = Session::start();
    let client = session.browser(1200).await;
    session.open(&client, "/lessons/lesson01/index.html").await;
    until(&client, "the page", 5, &format!("{STATE}.length > 0")).await;
    let figure = "document.querySelector('.picture')";
    let press = async |words: &str| {
        let of = format!("[...{figure}.querySelectorAll('button')].find(one => one.textContent === '{words}')");
        client.execute(&format!("{of}.click()"), vec![]).await.unwrap();
    };
    press("Draw with my code").await;
    let caption = |words: &str| format!("{figure}.querySelector('figcaption').textContent.includes('{words}')");
    until(&client, "progress", 3, &caption("drawing")).await;
    press("Cancel").await;
    until(&client, "the end of it", 3, &caption("Cancelled")).await;
    assert!(!session.file("target/pictures/lesson01/convolution.png").exists());

    press("Full size").await;
    let is_open = "document.querySelector('dialog.zoom').open";
    until(&client, "the picture in its own size", 2, is_open).await;
    let focused = client.active_element().await.unwrap();
    focused.send_keys(&char::from(Key::Escape).to_string()).await.unwrap();
    until(&client, "Escape", 2, &format!("!{is_open}")).await;

    client.delete_all_cookies().await.unwrap();
    session.open(&client, "/lessons/lesson01/index.html").await;
    let says = "document.querySelector('.problem')?.textContent.includes('This page is not live')";
    until(&client, "a page without the key", 3, says).await;
    client.close().await.unwrap();
}
