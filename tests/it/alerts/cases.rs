//! Coordinators hear by mail and webhook what there is to decide, together and once.

use serde_json::Value;

use super::desk::{MailServer, Receiver, free_port, settings};
use super::{mailed, report, told};
use crate::hub::{POLITIE, Place, XML, swap, until};

const READERS: &str = "[alerts.regie]\nto = ['regie@gemeente.example']\n\
    urgent_to = ['piket@gemeente.example']\n";

#[tokio::test(flavor = "multi_thread")]
async fn two_cases_that_nobody_has_a_playbook_for_are_one_mail_to_the_coordinators() {
    let (port, hook) = (free_port(), Receiver::open().await);
    let place = Place::new();
    settings(&place, port, &hook, READERS);
    let server = MailServer::start(port, None).await;
    let hub = place.start_with(&[("SCHAKEL_REGIE__ENABLED", "true")]).await;
    let token = hub.token(POLITIE).await;
    for number in [118_301, 118_302] {
        let violence = swap(&report(number), "<thema>WOV</thema>", "<thema>HUI</thema>");
        hub.send(&token, XML, &violence).await.message();
    }
    let mail = mailed(&server, "Regie").await;
    assert_eq!(mail["to"], serde_json::json!(["regie@gemeente.example"]), "{mail}");
    let text = mail["text"].as_str().expect("a text");
    assert!(text.contains("geen draaiboek") && text.contains("schakel case show C-"), "{text}");
    let notices = told(&hook, "regie", 1).await;
    let points = |notice: &Value| notice["punten"].as_array().map_or(0, Vec::len);
    until("both points", async || {
        let notices = told(&hook, "regie", 1).await;
        (notices.iter().map(points).sum::<usize>() == 2).then_some(())
    })
    .await;
    hook.check_signatures();
    let said = format!("{}{text}{notices:?}", mail["subject"]);
    for personal in ["999990342", "Heuvel", "Wilgenroosplein", "5644KD", "Geschreeuw"] {
        assert!(!said.contains(personal), "nothing of a person or a place: {personal}");
    }
    hub.stop().await;
}
