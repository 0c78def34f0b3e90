//! How a parcel and a receipt look as AMQP messages.
//!
//! The body is the bare native document. CloudEvents attributes travel as headers that begin with
//! `cloudEvents:` (CloudEvents AMQP Protocol Binding 1.0.2, §3.1.3.1; `datacontenttype` is the
//! property `content_type`, §3.1.1). `user_id` is left out: only the broker may vouch for it.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::topology;
use crate::message::PartnerId;
use crate::transport::{Outcome, OutgoingParcel, Verdict};

/// Written to disk by the broker before it confirms.
const PERSISTENT: u8 = 2;
/// Receipts: the hub has it, or does not take it.
pub const RECEIVED: &str = "nl.schakel.ontvangen.v1";
pub const REFUSED: &str = "nl.schakel.geweigerd.v1";
/// AMQP's short strings end here.
const SHORT_MAX: usize = 255;

/// One message on its way to a mailbox.
#[derive(Clone)]
pub struct Letter {
    pub(super) queue: String,
    /// What a return of the broker is recognised by: no two letters under way share one.
    pub(super) id: String,
    pub(super) properties: BasicProperties,
    pub(super) bytes: Vec<u8>,
}

/// A trace of its own for every letter (W3C Trace Context): two partners cannot join on it.
#[derive(Debug, Clone, Copy)]
pub struct Trace(pub [u8; 24]);

impl Trace {
    fn header(self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (trace, span) = self.0.split_at(16);
        format!("00-{}-{}-01", hex(trace), hex(span))
    }
}

impl Letter {
    /// A parcel for a partner's mailbox.
    pub fn parcel(recipient: &PartnerId, parcel: OutgoingParcel, trace: Trace) -> Self {
        let mut headers = FieldTable::default();
        for (name, value) in parcel.headers() {
            let name = name
                .strip_prefix("ce-")
                .map_or_else(|| name.to_owned(), |attribute| format!("cloudEvents:{attribute}"));
            put(&mut headers, &name, value);
        }
        put(&mut headers, "traceparent", trace.header());
        let id = parcel.id.to_string();
        let properties = common(&id, &parcel.event.kind, &parcel.media_type, headers);
        let queue = topology::mailbox(recipient, parcel.urgent);
        Self { queue, id, properties, bytes: parcel.bytes }
    }

    /// The receipt for a message, under an id of its own. `about` is the sender's own
    /// `message_id`, where it gave one.
    pub fn receipt(
        sender: &PartnerId,
        outcome: &Outcome,
        id: &str,
        about: Option<ShortString>,
        trace: Trace,
    ) -> Self {
        let kind = match outcome.verdict {
            Verdict::Accepted => RECEIVED,
            Verdict::Refused | Verdict::Unavailable { .. } => REFUSED,
        };
        let mut headers = FieldTable::default();
        if let Some(message) = outcome.follow {
            put(&mut headers, "schakel-bericht", message.to_string());
        }
        put(&mut headers, "traceparent", trace.header());
        let mut properties = common(id, kind, &outcome.media_type, headers);
        if let Some(about) = about {
            properties = properties.with_correlation_id(about);
        }
        let (queue, bytes) = (topology::mailbox(sender, false), outcome.body.clone());
        Self { queue, id: id.to_owned(), properties, bytes }
    }
}

fn common(id: &str, kind: &str, media_type: &str, headers: FieldTable) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(id.into())
        .with_type(short(kind))
        .with_content_type(short(media_type))
        .with_app_id("schakel".into())
        .with_headers(headers)
}

fn put(headers: &mut FieldTable, name: &str, value: String) {
    headers.insert(name.into(), AMQPValue::LongString(value.into()));
}

/// Types of the hub are short; one that is not is left out rather than cut in two.
fn short(text: &str) -> ShortString {
    if text.len() <= SHORT_MAX { text.into() } else { ShortString::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::fakes;

    fn text(headers: &FieldTable, name: &str) -> String {
        match headers.inner().get(name) {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn a_parcel_carries_its_event_its_role_and_its_proof() {
        let zorg = fakes::partner("zorg");
        let parcel = fakes::parcel(5);
        let letter = Letter::parcel(&zorg, parcel.clone(), Trace([0xab; 24]));
        assert_eq!(letter.queue, "uit.zorg");
        assert_eq!(letter.id, parcel.id.to_string());
        assert_eq!(letter.bytes, parcel.bytes);
        let about = &letter.properties;
        assert_eq!(about.message_id().as_ref().unwrap().as_str(), letter.id);
        assert_eq!(about.delivery_mode(), &Some(2));
        assert_eq!(about.content_type().as_ref().unwrap().as_str(), "application/xml");
        assert_eq!((about.expiration(), about.user_id()), (&None, &None));
        let headers = about.headers().as_ref().unwrap();
        assert_eq!(text(headers, "cloudEvents:type"), parcel.event.kind);
        assert_eq!(text(headers, "cloudEvents:specversion"), "1.0");
        assert_eq!(text(headers, "schakel-rol"), parcel.role);
        assert_eq!(text(headers, "schakel-hash"), parcel.proof.hash.to_string());
        let trace = format!("00-{}-{}-01", "ab".repeat(16), "ab".repeat(8));
        assert_eq!(text(headers, "traceparent"), trace);
        assert!(!headers.inner().keys().any(|name| name.as_str().starts_with("ce-")));
    }

    #[test]
    fn what_is_urgent_goes_to_the_urgent_mailbox() {
        let parcel = OutgoingParcel { urgent: true, ..fakes::parcel(6) };
        let letter = Letter::parcel(&fakes::partner("zorg"), parcel, Trace([0; 24]));
        assert_eq!(letter.queue, "uit.zorg.spoed");
    }

    #[test]
    fn a_receipt_says_which_message_it_is_about() {
        let outcome = fakes::accepted();
        let about = Some("berichtnummer 1".into());
        let letter = Letter::receipt(&fakes::partner("zorg"), &outcome, "r", about, Trace([0; 24]));
        let said = &letter.properties;
        assert_eq!(said.kind().as_ref().unwrap().as_str(), RECEIVED);
        assert_eq!(said.correlation_id().as_ref().unwrap().as_str(), "berichtnummer 1");
        assert_eq!(letter.bytes, outcome.body);
        let refused = Outcome { verdict: Verdict::Refused, ..outcome };
        let letter = Letter::receipt(&fakes::partner("zorg"), &refused, "r", None, Trace([0; 24]));
        assert_eq!(letter.properties.kind().as_ref().unwrap().as_str(), REFUSED);
        assert_eq!(letter.properties.correlation_id(), &None);
    }
}
