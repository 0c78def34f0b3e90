//! The console in a real browser; `browser.py` beside this file is what it does.

use std::path::PathBuf;

use serde_json::json;

use super::connections::wider;
use super::evaluation::{months, with_signals};
use super::{Browser, PASSWORD, hub, with_a_signal};
use crate::hub::{POLITIE, XML, checkout, example};

/// The browser, and the Python that drives it. `tests/run` installs both.
fn browser_tools() -> (PathBuf, PathBuf) {
    let tools = checkout().join("target/browser");
    let found = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(PathBuf::from);
    let chromium = found.into_iter().find(|path| path.is_file());
    assert!(
        tools.join("playwright").is_dir() && chromium.is_some(),
        "this story needs Chromium and Playwright: tests/run installs them"
    );
    (tools, chromium.expect("it is there"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_goes_around_with_mouse_keyboard_and_a_narrow_screen() {
    if std::env::var_os("SCHAKEL_TEST_WITHOUT_BROWSER").is_some() {
        println!("left out: there is no browser here");
        return;
    }
    let (tools, chromium) = browser_tools();
    let hub = hub().await;
    let (_, case) = with_a_signal(&hub).await;
    let politie = hub.token(POLITIE).await;
    assert!(hub.send(&politie, XML, "<kapot>").await.status >= 400);
    with_signals(&hub, &politie).await;
    let mut url = String::new();
    let people = [
        ("regie", "regisseur"),
        ("beheer", "beheerder"),
        ("tweede", "beheerder"),
        ("audit", "auditor"),
    ];
    for (login, role) in people {
        url = Browser::of(&hub, login, &[role], "*").await.url;
    }
    let proposal = wider(&hub, "Naam beheer (beheer)").await;
    let report = example("politie", "in-volledig");
    let number = report.split("referentienummer>").nth(1).and_then(|rest| rest.split('<').next());
    let number = number.expect("a number").to_owned();
    let other = |digit: &str| report.replace(&number, &format!("{number}-{digit}"));
    let given = json!({
        "url": url, "hub": hub.door.http, "password": PASSWORD, "case": case, "token": politie,
        "months": months(),
        "proposal": proposal,
        "documents": { "eerste": other("1"), "tweede": other("2") },
        "chromium": chromium,
        "shots": std::env::var("SCHAKEL_TEST_SHOTS").ok(),
    });
    let script = checkout().join("tests/it/console/browser.py");
    let mut command = tokio::process::Command::new("python3");
    let run = command.arg(script).arg(given.to_string()).env("PYTHONPATH", tools).output();
    let done = run.await.expect("python runs");
    let said = String::from_utf8_lossy(&done.stdout);
    let wrong = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}\n{wrong}");
    println!("{said}");
}
