//! The signal that requests are about, once its sender corrected or withdrew it.

use serde_json::Value;

use super::{POLITIE, WONEN, accepted, desk, order, requests, signal};
use crate::casework::Order;
use crate::journal::CaseAct;
use crate::journal::tests::desk::partner;
use crate::journal::tests::place::On;
use crate::message::{CanonicalMessage, Effect, ExternalId, MessageKind, Timestamp};

on_both_stores! {
    what_is_asked_after_a_correction_is_right_and_after_a_withdrawal_names_nobody,
}

/// What the sender of a signal says about it later: with another house, or that it withdraws it.
pub fn later(reference: &str, id: &str, house: Option<u32>) -> CanonicalMessage {
    let (kind, effect) = match house {
        Some(_) => ("signaal-aangevuld.v1", Effect::Aanvulling),
        None => ("signaal-ingetrokken.v1", Effect::Intrekking),
    };
    let mut message = CanonicalMessage {
        kind: MessageKind::parse(kind).unwrap(),
        effect,
        external_id: ExternalId::new(id.to_owned()),
        ..signal(POLITIE, reference, house.unwrap_or(0))
    };
    let fields = message.data.as_object_mut().unwrap();
    let kept = ["kenmerk", "gebruik", "tijdstip", "locatie"];
    fields
        .retain(|name, _| kept.contains(&name.as_str()) && (house.is_some() || name != "locatie"));
    message
}

async fn what_is_asked_after_a_correction_is_right_and_after_a_withdrawal_names_nobody(on: On) {
    let desk = desk(on).await;
    let opened = accepted(&desk, signal(POLITIE, "k-1", 101)).await;
    // Another signal has its own corrections.
    accepted(&desk, later("k-2", "w-2", Some(303))).await;
    accepted(&desk, later("k-1", "w-1", Some(202))).await;
    let until = Timestamp::parse("2026-12-18T16:00:00Z").unwrap();
    let ask = |action: &str| {
        let (partner, action) = (partner(WONEN), action.to_owned());
        CaseAct::Order(Order::Ask { partner, action, done: until, urgent: false })
    };
    order(&desk, &opened.case_number, ask("bemiddelen")).await.unwrap();
    accepted(&desk, later("k-1", "i-1", None)).await;
    order(&desk, &opened.case_number, ask("terugkoppelen")).await.unwrap();
    let asked = requests(&desk, WONEN).await;
    let house = |text: &String| {
        let text: Value = serde_json::from_str(text).unwrap();
        let number = text.pointer("/objecten/0/adres/huisnummer").and_then(Value::as_str);
        number.map(str::to_owned)
    };
    let named: Vec<Option<String>> = asked.iter().map(house).collect();
    assert_eq!(named, [Some("101".to_owned()), Some("202".to_owned()), None], "{asked:?}");
}
