//! A parcel on its way out, the same for mailbox, webhook and folder.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use crate::message::{CaseNumber, Digest, ParcelId, Second};

/// One recipient's parcel with what travels beside it. `Debug` shows ids and sizes only.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingParcel {
    pub id: ParcelId,
    pub case: CaseNumber,
    pub event: CloudEvent,
    pub media_type: String,
    /// The native document, exactly as it was journalled.
    pub bytes: Vec<u8>,
    /// The signed role statement: a compact JWS.
    pub role: String,
    pub proof: Proof,
    pub urgent: bool,
}

/// The attributes of the CloudEvent (CloudEvents 1.0 with the NL GOV 1.1 profile).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudEvent {
    /// The event's id as this recipient knows it.
    pub id: String,
    /// `type`: reverse domain with a version.
    pub kind: String,
    /// `urn:nld:oin:<20 digits>:systeem:<name>`.
    pub source: String,
    /// When it was journalled, not when it happened.
    pub time: Second,
}

/// What lets the recipient prove what it got: leaf commitment, its salt, and a signed tree head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub salt: [u8; 32],
    /// SHA-256 of the salt and the bytes.
    pub hash: Digest,
    /// The newest checkpoint in C2SP signed-note form; `None` before the first.
    pub checkpoint: Option<String>,
}

impl OutgoingParcel {
    /// Everything but the document itself, in the words of the wire.
    pub fn describe(&self) -> Value {
        json!({
            "zending": self.id,
            "casus": self.case,
            "mediatype": self.media_type,
            "rol": self.role,
            "zout": BASE64_STANDARD.encode(self.proof.salt),
            "hash": self.proof.hash.to_string(),
            "controlepunt": self.proof.checkpoint,
            "cloudevent": {
                "specversion": "1.0",
                "id": self.event.id,
                "type": self.event.kind,
                "source": self.event.source,
                "time": self.event.time.to_string(),
                "datacontenttype": self.media_type,
            },
            "spoed": self.urgent,
        })
    }

    /// The same as HTTP headers: CloudEvents in binary mode, role and proof. The checkpoint has
    /// several lines and so travels in base64.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", self.event.id.clone()),
            ("ce-type", self.event.kind.clone()),
            ("ce-source", self.event.source.clone()),
            ("ce-time", self.event.time.to_string()),
            ("schakel-zending", self.id.to_string()),
            ("schakel-casus", self.case.to_string()),
            ("schakel-rol", self.role.clone()),
            ("schakel-zout", BASE64_STANDARD.encode(self.proof.salt)),
            ("schakel-hash", self.proof.hash.to_string()),
        ];
        if let Some(checkpoint) = &self.proof.checkpoint {
            headers.push(("schakel-controlepunt", BASE64_STANDARD.encode(checkpoint)));
        }
        headers
    }
}

impl std::fmt::Debug for OutgoingParcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutgoingParcel")
            .field("id", &self.id)
            .field("media_type", &self.media_type)
            .field("size_bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
