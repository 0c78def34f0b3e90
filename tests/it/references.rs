//! An update and a withdrawal name the earlier parcels that their recipient got, and no others.

use serde_json::json;

use crate::hub::{BRANDWEER, GEMEENTE, Hub, POLITIE, Parcel, Place, XML, example, swap};

/// The fire brigade collects, instead of being called.
async fn hub() -> Hub {
    let place = Place::new();
    place.take(&["config", "connectors", "schemas"]);
    let partner = format!("config/partners/{BRANDWEER}.toml");
    let text = std::fs::read_to_string(place.set().join(&partner)).expect("a partner");
    let (head, _) = text.split_once("[levering]").expect("a delivery");
    place.write(&partner, &format!("{head}[levering]\nwijze = \"postvak\"\n"));
    place.start().await
}

/// A report of the police about a dangerous house, under its own number and reference.
fn report(number: &str, reference: &str, more: &str) -> String {
    let text = swap(&example("politie", "in-kleinste"), "PL2100-T-2026-000001", number);
    let text = swap(&text, "<thema>JEU</thema>", "<thema>BRA</thema>");
    let text = swap(&text, "PL2100-2026-1<", &format!("{reference}<"));
    swap(&text, "  </object>", &format!("{more}  </object>"))
}

/// The same signal is more serious than it seemed.
fn supplement(number: &str, reference: &str) -> String {
    let text = swap(&example("politie", "in-wijziging"), "PL2100-B-2026-118260", number);
    let text = swap(&text, "PRODUCTIE", "TEST");
    swap(&text, "PL2100-2026-231107", reference)
}

fn withdrawal(number: &str, reference: &str) -> String {
    let text = swap(&example("politie", "in-verwijdering"), "PL2100-B-2026-119050", number);
    let text = swap(&swap(&text, "PRODUCTIE", "TEST"), "<thema>OND", "<thema>BRA");
    swap(&text, "PL2100-2026-240010", reference)
}

/// What stands in an element that a CAP message has once at most.
fn element<'x>(parcel: &'x Parcel, name: &str) -> Option<&'x str> {
    let (_, rest) = parcel.text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// CAP's extended message identifier of a message, as its recipient can read it.
fn extended(parcel: &Parcel) -> String {
    ["sender", "identifier", "sent"].map(|name| element(parcel, name).expect(name)).join(",")
}

#[tokio::test(flavor = "multi_thread")]
async fn cap_messages_refer_to_what_the_brigade_got_before() {
    let hub = hub().await;
    let politie = hub.token(POLITIE).await;
    let (brandweer, gemeente) = (hub.token(BRANDWEER).await, hub.token(GEMEENTE).await);
    let send = async |document: &str| hub.send(&politie, XML, document).await.message();
    let collect = async || {
        let mut parcels = hub.empty_mailbox(&brandweer).await;
        assert_eq!(parcels.len(), 1, "one message, one parcel");
        parcels.pop().expect("just counted")
    };

    send(&report("PL2100-T-1", "PL2100-2026-1", "")).await;
    let alert = collect().await;
    assert_eq!((element(&alert, "msgType"), element(&alert, "references")), (Some("Alert"), None));

    // Another signal in the same case, which nothing of the first may be taken for.
    let case = alert.whole["casus"].as_str().expect("a case number");
    let same_case = format!("<betreftCasus><identificatie>{case}</identificatie></betreftCasus>\n");
    send(&report("PL2100-T-2", "PL2100-2026-2", &same_case)).await;
    let other = collect().await;
    assert_eq!(other.whole["casus"], alert.whole["casus"]);
    assert_eq!(element(&other, "references"), None, "an Alert updates nothing");

    let updated = send(&supplement("PL2100-T-3", "PL2100-2026-1")).await;
    let update = collect().await;
    assert_eq!(element(&update, "msgType"), Some("Update"));
    assert_eq!(element(&update, "references"), Some(extended(&alert).as_str()));

    send(&withdrawal("PL2100-T-4", "PL2100-2026-1")).await;
    let cancel = collect().await;
    assert_eq!(element(&cancel, "msgType"), Some("Cancel"));
    let both = [extended(&alert), extended(&update)].join(" ");
    assert_eq!(element(&cancel, "references"), Some(both.as_str()));

    // Another recipient of the same messages is told nothing of the brigade's parcels.
    let theirs = hub.empty_mailbox(&gemeente).await;
    assert_eq!(theirs.len(), 4);
    for parcel in [&alert, &other, &update, &cancel] {
        assert!(theirs.iter().all(|their| !their.text.contains(&parcel.id)), "{}", parcel.id);
    }

    // Made once more, the update says what it said: it knows nothing of what came after it.
    let again = json!({ "id": updated, "ontvangers": [BRANDWEER] });
    let done = hub.office("herhaling", again).await;
    assert_eq!(done["opnieuwAangeboden"], json!([update.id]), "{done}");
    assert_eq!(collect().await.text, update.text);
}
