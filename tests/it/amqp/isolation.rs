//! Every partner tries what belongs to another: reading, writing, declaring, binding, spoofing.

use serde_json::{Value, json};

use super::node::PEACE;
use super::road::{Partner, Road};
use crate::hub::{GGZ, POLITIE, WONEN, XML, example};

/// Everything that a partner may try against a name that is not its own.
fn attacks(own: &str, other: &str) -> Vec<Value> {
    let body = "PHgvPg==";
    let publish = |exchange: String, key: String, user: Value| {
        json!({
            "do": "publish", "exchange": exchange, "key": key, "body": body, "user_id": user,
        })
    };
    let attempt = |what: &str, queue: String, exchange: String| {
        json!({
            "do": "attempt", "what": what, "queue": queue, "exchange": exchange,
        })
    };
    let mut all = Vec::new();
    for queue in [format!("in.{other}"), format!("uit.{other}"), format!("uit.{other}.spoed")] {
        for what in ["get", "consume", "declare", "purge", "delete"] {
            all.push(attempt(what, queue.clone(), String::new()));
        }
        all.push(attempt("bind", queue.clone(), format!("in.{own}")));
        all.push(attempt("unbind", queue.clone(), "schakel.uit".to_owned()));
        all.push(publish(String::new(), queue, Value::Null));
    }
    let own_box = format!("uit.{own}");
    for exchange in [format!("in.{other}"), "schakel.uit".to_owned(), "schakel.uitval".to_owned()] {
        all.push(publish(exchange.clone(), format!("uit.{other}"), Value::Null));
        all.push(attempt("bind", own_box.clone(), exchange.clone()));
        all.push(attempt("declare-exchange", String::new(), exchange.clone()));
        all.push(attempt("delete-exchange", String::new(), exchange.clone()));
        all.push(attempt("bind-exchange", format!("in.{own}"), exchange));
    }
    for topic in ["amq.topic", "amq.direct", "amq.fanout"] {
        all.push(publish(topic.to_owned(), format!("uit.{other}"), Value::Null));
        all.push(attempt("bind", own_box.clone(), topic.to_owned()));
    }
    all.push(attempt("get", "schakel.uitval".to_owned(), String::new()));
    all.push(attempt("declare", "van-mij".to_owned(), String::new()));
    all.push(attempt("declare", String::new(), String::new()));
    all.push(attempt("get", format!("in.{own}"), String::new()));
    all.push(attempt("delete", own_box, String::new()));
    // To its own exchange, but under another's name.
    all.push(publish(format!("in.{own}"), String::new(), json!(other)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_writes_or_changes_what_is_anothers() {
    let _peace = PEACE.read().await;
    let names = [POLITIE, WONEN, GGZ];
    let (road, place) = Road::new(&names).await;
    let hub = road.start(place).await;
    for own in names {
        let mut partner = road.partner(own);
        for other in names.into_iter().filter(|other| *other != own) {
            for attack in attacks(own, other) {
                let answer = partner.ask(&attack);
                let code = answer["code"].as_u64();
                assert!(matches!(code, Some(403 | 406)), "{own}: {attack} gave {answer}");
            }
        }
    }
    // All of that changed nothing: what everybody sends is taken, and is still its own.
    let mut police = road.partner(POLITIE);
    police.publish(XML, &example("politie", "in-volledig"), Some("nog-steeds"));
    assert_eq!(police.collect(1)[0].is("about"), "nog-steeds");
    let mut forged = road.partner(WONEN);
    forged.publish(XML, &example("politie", "in-kleinste"), None);
    let answer =
        forged.collect(2).into_iter().find(|message| message.is("type").ends_with("geweigerd.v1"));
    assert!(answer.is_some(), "the queue is the identity, whatever the document says");
    let place = hub.stop().await;
    let (_, changes) = road.broker(&place, &["provision", "--dry-run"]).await;
    assert_eq!(changes, json!([]), "the broker is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_enters_no_other_vhost_and_without_its_password_none() {
    let _peace = PEACE.read().await;
    let (road, _place) = Road::new(&[POLITIE]).await;
    let try_at = |url: String| {
        let mut partner = Partner::new(POLITIE, &url);
        partner.ask(&json!({ "do": "attempt", "what": "get", "queue": format!("uit.{POLITIE}") }))
    };
    let password = road.password(POLITIE);
    assert_eq!(try_at(road.url(POLITIE))["ok"], true);
    for url in [
        road.node.url(POLITIE, "verkeerd", &road.vhost),
        road.node.url(POLITIE, &password, "%2F"),
        road.node.url(WONEN, &password, &road.vhost),
        // A partner that is not of this vhost's set.
        road.node.url(WONEN, &road.password(WONEN), &road.vhost),
    ] {
        assert_eq!(try_at(url.clone())["ok"], false, "{url}");
    }
}

/// What cannot be closed before RabbitMQ 4.2.6: whoever knows the name of a queue may ask whether
/// it is there and how much lies in it (docs/decisions/0015). Nothing of what lies in it.
#[tokio::test(flavor = "multi_thread")]
async fn how_full_anothers_queue_is_shows_on_old_brokers_only() {
    let _peace = PEACE.read().await;
    let (road, _place) = Road::new(&[POLITIE, WONEN]).await;
    let overview = road.node.get("overview").await.expect("an overview");
    let version = overview["rabbitmq_version"].as_str().expect("a version").to_owned();
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    let closed = numbers.as_slice() >= [4, 2, 6].as_slice();
    let queue = format!("uit.{WONEN}");
    let mut police = road.partner(POLITIE);
    let told = police.ask(&json!({ "do": "attempt", "what": "look", "queue": queue }));
    if closed {
        assert_eq!(told["code"], 403, "{version}: {told}");
    } else {
        assert_eq!(told, json!({ "ok": true, "messages": 0, "consumers": 0 }), "{version}");
    }
}
