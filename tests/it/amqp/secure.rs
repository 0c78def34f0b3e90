//! TLS with an authority of our own, and a certificate as the hub's login.

use super::node::PEACE;
use super::road::{HUB, Road};
use crate::hub::{POLITIE, Place, XML, example, until};

async fn story(road: &Road, place: Place, url: &str, more: &[(&str, &str)]) {
    let settings = [&[("SCHAKEL_BROKER__URL", url)], more].concat();
    let hub = road.start_with(place, &settings).await;
    let mut police = road.partner(POLITIE);
    police.publish(XML, &example("politie", "in-kleinste"), Some("veilig"));
    assert_eq!(police.collect(1)[0].is("about"), "veilig");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_enters_over_tls_by_password_or_by_certificate() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::own(&[POLITIE]).await;
    let tls = road.node.tls();
    let file = |name: &str| tls.join(name).to_str().expect("text").to_owned();
    let authority = file("ca.pem");
    let at = format!("{}/{}", road.node.amqps, road.vhost);
    let by_password = format!("amqps://{}:{}@{at}", HUB.0, HUB.1);
    story(&road, place, &by_password, &[("SCHAKEL_BROKER__CA_FILE", &authority)]).await;

    let (road, place) = Road::own(&[POLITIE]).await;
    let at = format!("{}/{}", road.node.amqps, road.vhost);
    let (certificate, key) = (file("hub.pem"), file("hub.key"));
    let own = [
        ("SCHAKEL_BROKER__CA_FILE", authority.as_str()),
        ("SCHAKEL_BROKER__CERTIFICATE_FILE", certificate.as_str()),
        ("SCHAKEL_BROKER__KEY_FILE", key.as_str()),
    ];
    story(&road, place, &format!("amqps://{}@{at}", HUB.0), &own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_nobody_vouches_for_is_not_trusted() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::own(&[POLITIE]).await;
    let url = format!("amqps://{}:{}@{}/{}", HUB.0, HUB.1, road.node.amqps, road.vhost);
    let hub = road.start_with(place, &[("SCHAKEL_BROKER__URL", &url)]).await;
    until("it says why", async || {
        hub.place.log().contains("invalid peer certificate").then_some(())
    })
    .await;
    let told = hub.get("", "/gereed").await.json().to_string();
    assert!(told.contains(r#""naam":"broker-ontvangen","gereed":false"#), "{told}");
    let place = hub.stop().await;
    assert!(!place.log().contains(HUB.1), "no password in the log");
}
