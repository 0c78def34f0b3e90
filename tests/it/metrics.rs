//! Figures for Prometheus: what came in, what waits, what is ready; no case and no person.

use crate::hub::{GEMEENTE, POLITIE, Place, XML, example, swap, until};

/// The figure on the line that starts like this.
pub fn figure(text: &str, start: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(start))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_the_hub_is_seen_in_its_figures() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let hub = Place::new().start_with(&[("SCHAKEL_METRICS__LISTEN", address.as_str())]).await;
    let politie = hub.token(POLITIE).await;
    let report = example("politie", "in-volledig");
    hub.send(&politie, XML, &report).await.message();
    let broken = swap(&report, "</", "<");
    assert_eq!(hub.send(&politie, XML, &broken).await.status, 500);

    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{address}/metrics");
    let text = until("figures in which all evidence is signed", async || {
        let text = client.get(&url).send().await.ok()?.text().await.ok()?;
        (figure(&text, "schakel_evidence_unsigned_seconds") == Some(0.0)).then_some(text)
    })
    .await;
    let counted = |start: &str| figure(&text, start).unwrap_or_else(|| panic!("{start}\n{text}"));
    let documents = |outcome: &str| {
        counted(&format!(r#"schakel_documents_total{{channel="http",outcome="{outcome}"}}"#))
    };
    assert_eq!((documents("accepted"), documents("refused")), (1.0, 1.0));
    assert_eq!(counted(r#"schakel_answer_seconds_count{channel="http"}"#), 2.0);
    let waiting = format!(r#"schakel_parcels_waiting{{partner="{GEMEENTE}"}}"#);
    assert_eq!(counted(&waiting), 1.0);
    assert!(counted(&format!(r#"schakel_partner_silent_seconds{{partner="{POLITIE}"}}"#)) < 600.0);
    assert_eq!(counted(r#"schakel_ready{part="logboek-schrijven"}"#), 1.0);
    assert!(counted("schakel_quarantined_total") >= 1.0);
    assert!(text.contains("# HELP schakel_parcel_oldest_seconds"));
    for secret in ["PL2100", "Jansen", "0772-"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let elsewhere = client.get(format!("{}/metrics", hub.door.http)).send().await;
    assert_eq!(elsewhere.expect("an answer").status(), 404, "not at the partners' door");
}
