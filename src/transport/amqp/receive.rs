//! What a delivery of the broker is: bytes of a partner, or a dead letter and why it died.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use super::letter::{RECEIVED, REFUSED};
use super::topology;
use crate::message::PartnerId;
use crate::transport::{Channel, DeadLetter, Delivery, LastPlace, NotKept, Place, TooLarge};

/// A reason of the broker is a word; anything longer is somebody else's.
const REASON_MAX: usize = 40;

/// Bytes of the partner whose queue it is: the queue is its identity, whatever the message says.
pub(super) fn of_partner(
    partner: &PartnerId,
    properties: &BasicProperties,
    bytes: Vec<u8>,
    place: Option<Place>,
) -> Delivery {
    let media_type = media_type(properties);
    Delivery { partner: partner.clone(), channel: Channel::Amqp, media_type, bytes, place }
}

/// What is known of a document that is too large to be handed over.
pub(super) fn too_large(
    partner: &PartnerId,
    properties: &BasicProperties,
    size_bytes: usize,
) -> TooLarge {
    TooLarge {
        partner: partner.clone(),
        channel: Channel::Amqp,
        media_type: media_type(properties),
        size_bytes: u64::try_from(size_bytes).ok(),
        why: NotKept::OverBound,
    }
}

/// A dead letter. Where it comes from is its routing key, which the queue sets itself: a header
/// a partner could have written.
pub(super) fn dead_letter(
    routing_key: &str,
    properties: &BasicProperties,
    bytes: Vec<u8>,
) -> DeadLetter {
    let kind = properties.kind().as_ref().map_or("", |kind| kind.as_str());
    let place = match topology::owner(routing_key) {
        Some((partner, true)) => LastPlace::Inbound(partner),
        Some((partner, false)) if kind == RECEIVED || kind == REFUSED => {
            LastPlace::Receipt(partner)
        }
        Some((partner, false)) => {
            let id = properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok());
            LastPlace::Mailbox(partner, id)
        }
        None => LastPlace::Unknown,
    };
    let reason = reason(properties.headers().as_ref());
    DeadLetter { place, reason, media_type: media_type(properties), bytes }
}

fn media_type(properties: &BasicProperties) -> Option<String> {
    properties.content_type().as_ref().map(ToString::to_string).filter(|text| !text.is_empty())
}

/// The newest entry of `x-death` stands first; what is not a plain word becomes `onbekend`.
fn reason(headers: Option<&FieldTable>) -> String {
    let deaths = headers.and_then(|headers| headers.inner().get("x-death"));
    let newest = match deaths {
        Some(AMQPValue::FieldArray(deaths)) => deaths.as_slice().first(),
        _ => None,
    };
    let told = match newest {
        Some(AMQPValue::FieldTable(death)) => death.inner().get("reason"),
        _ => None,
    };
    let Some(AMQPValue::LongString(word)) = told else { return "onbekend".to_owned() };
    let word = word.to_string().replace('_', "-");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    let fits = !word.is_empty() && word.len() <= REASON_MAX && word.bytes().all(plain);
    if fits { word } else { "onbekend".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::fakes;

    fn died(reason: &str) -> BasicProperties {
        let mut death = FieldTable::default();
        death.insert("reason".into(), AMQPValue::LongString(reason.into()));
        death.insert("queue".into(), AMQPValue::LongString("in.een-ander".into()));
        let mut headers = FieldTable::default();
        let deaths = vec![AMQPValue::FieldTable(death)].into();
        headers.insert("x-death".into(), AMQPValue::FieldArray(deaths));
        BasicProperties::default().with_headers(headers)
    }

    #[test]
    fn a_dead_letter_is_of_the_queue_it_died_in() {
        let letter = dead_letter("in.zorg", &died("delivery_limit"), b"x".to_vec());
        assert_eq!(letter.place, LastPlace::Inbound(fakes::partner("zorg")));
        assert_eq!(letter.reason, "delivery-limit");
        let parcel = fakes::parcel(3).id;
        let about = died("expired").with_message_id(parcel.to_string().as_str().into());
        let letter = dead_letter("uit.zorg.spoed", &about, Vec::new());
        assert_eq!(letter.place, LastPlace::Mailbox(fakes::partner("zorg"), Some(parcel)));
        let about = about.with_type(RECEIVED.into());
        let letter = dead_letter("uit.zorg", &about, Vec::new());
        assert_eq!(letter.place, LastPlace::Receipt(fakes::partner("zorg")));
        let stray = dead_letter("elders", &BasicProperties::default(), Vec::new());
        assert_eq!((stray.place, stray.reason.as_str()), (LastPlace::Unknown, "onbekend"));
    }

    #[test]
    fn a_reason_is_a_word_of_the_broker_or_nothing() {
        for wrong in ["", "Jan de Vries", "900000012", &"x".repeat(41)] {
            assert_eq!(reason(died(wrong).headers().as_ref()), "onbekend", "{wrong}");
        }
    }

    #[test]
    fn the_queue_is_the_identity() {
        let claims = BasicProperties::default()
            .with_user_id("politie".into())
            .with_content_type("application/xml".into());
        let delivery = of_partner(&fakes::partner("zorg"), &claims, b"<a/>".to_vec(), None);
        assert_eq!(delivery.partner, fakes::partner("zorg"));
        assert_eq!(delivery.media_type.as_deref(), Some("application/xml"));
        assert_eq!(of_partner(&fakes::partner("zorg"), &died("x"), vec![], None).media_type, None);
    }
}
