//! Bad messages among many good ones, and mailboxes that are not there among those that are.

use std::collections::BTreeSet;
use std::sync::Arc;

use schakel::message::{CaseNumber, Digest, ParcelId, PartnerId, Timestamp};
use schakel::transport::amqp::{Address, Certificates, Letter, Link, Posted, Trace, publisher};
use schakel::transport::{CloudEvent, OutgoingParcel, Proof};
use tokio::task::JoinSet;

use super::load::{Crowd, report};
use super::node::PEACE;
use super::road::{HUB, Road};
use crate::hub::{GEMEENTE, POLITIE, WONEN, until, verify};

const MESSAGES: usize = 10_000;
/// Every hundredth of them is bad.
const BAD: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn bad_messages_are_set_aside_and_all_others_arrive() {
    let _peace = PEACE.read().await;
    let (road, place) = Road::new(&[POLITIE, GEMEENTE]).await;
    let hub = road.start(place).await;
    let reports = (0..MESSAGES).map(|number| {
        let report = report(number);
        let text = match number % (3 * BAD) {
            0 => report.replace("<thema>", "<thema><thema>"),
            n if n == BAD => report.replace("<prioriteit>5<", "<prioriteit>nee<"),
            n if n == 2 * BAD => "\u{0}\u{1}".to_owned(),
            _ => report,
        };
        (number, text)
    });
    let crowd = Crowd::with(reports);
    let mut people = JoinSet::new();
    people.spawn(crowd.clone().collect(vec![road.url(GEMEENTE)]));
    crowd.clone().send(vec![road.url(POLITIE)]).await;
    let bad: BTreeSet<usize> = (0..MESSAGES).step_by(BAD).collect();
    assert_eq!(bad.len(), 100);
    crowd.look(|ledger| {
        assert_eq!(ledger.refused, bad);
        assert_eq!(ledger.accepted.len(), MESSAGES - bad.len());
    });
    let arrived = || crowd.look(|ledger| ledger.effects.len());
    until("all good ones arrive", async || (arrived() == MESSAGES - bad.len()).then_some(())).await;
    crowd.look(|ledger| assert!(ledger.effects.values().all(|ids| ids.len() == 1)));
    people.shutdown().await;
    let stand = hub.office("stand", serde_json::json!({})).await;
    assert_eq!(stand["stand"]["uitval"], bad.len());
    let place = hub.stop().await;
    verify(&place).await;
}

fn parcel(number: u128) -> OutgoingParcel {
    let id: ParcelId = uuid::Uuid::from_u128(number).into();
    OutgoingParcel {
        id,
        case: CaseNumber::from_random([7; 12]),
        event: CloudEvent {
            id: id.to_string(),
            kind: "nl.schakel.signaal-gemeld.v1".to_owned(),
            source: "urn:nld:oin:00000099000000001000:systeem:schakel".to_owned(),
            time: Timestamp::from_micros(0).into(),
        },
        media_type: "application/json".to_owned(),
        bytes: b"{}".to_vec(),
        role: "a.b.c".to_owned(),
        proof: Proof { salt: [1; 32], hash: Digest([2; 32]), checkpoint: None },
        urgent: number.is_multiple_of(7),
    }
}

/// When publishes are pipelined, a return comes with whichever confirm is next. Each letter must
/// have its own verdict all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_mailbox_among_many_is_never_taken_for_another() {
    let _peace = PEACE.read().await;
    let (road, _place) = Road::new(&[POLITIE, WONEN]).await;
    let url = road.node.url(HUB.0, HUB.1, &road.vhost);
    let address = Address::parse(&url, None, 10, Certificates::default()).expect("an address");
    let link = Arc::new(Link::new(address, "proef"));
    let keep_up = link.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { keep_up.run(std::future::pending()).await });
    link.up().await;
    let (publisher, post) = publisher(link);
    tasks.spawn(post.run());
    let mut posting = JoinSet::new();
    for number in 0..5_000_u128 {
        // Every thirteenth goes to somebody who has no mailbox in this vhost.
        let missing = number.is_multiple_of(13);
        let name = if missing { "niemand" } else { WONEN };
        let recipient: PartnerId = name.parse().expect("a name");
        let letter = Letter::parcel(&recipient, parcel(number), Trace([9; 24]));
        let publisher = publisher.clone();
        posting.spawn(async move { (missing, publisher.post(letter).await) });
    }
    let mut wrong = 0;
    while let Some(done) = posting.join_next().await {
        let (missing, verdict) = done.expect("no panic");
        let right = if missing { Posted::Unroutable } else { Posted::Confirmed };
        wrong += usize::from(verdict != right);
    }
    assert_eq!(wrong, 0);
    let depth = async |queue: &str| {
        let found = publisher.link().depth(&format!("uit.{queue}")).await;
        found.expect("an answer").expect("a queue")
    };
    let laid = depth(WONEN).await + depth(&format!("{WONEN}.spoed")).await;
    assert_eq!(laid as usize, 5_000 - 5_000_usize.div_ceil(13));
    assert_eq!(publisher.link().depth("uit.niemand").await.expect("an answer"), None);
    tasks.shutdown().await;
}
