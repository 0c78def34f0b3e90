//! The receipt (*ontvangstbewijs*): what a sender keeps as proof of what it gave.
//!
//! Its field names are those of the wire.

use serde::{Deserialize, Serialize};

use super::leaf::commitment;
use super::wire;
use crate::message::{Digest, PublicId, Second, Stage};

/// A receipt for one message, sent after the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The id by which the sender follows its message.
    pub id: PublicId,
    pub ontvangen: Second,
    /// `ontvangen` or `geweigerd`.
    pub status: Stage,
    /// The salt of the commitment; only the sender has it beside the hub.
    #[serde(with = "wire::base64")]
    pub zout: [u8; 32],
    /// SHA-256(salt ‖ the bytes as they were received).
    #[serde(with = "wire::hex")]
    pub hash: Digest,
    /// The number of its leaf, where the tree has it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blad: Option<u64>,
    /// The newest signed checkpoint, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controlepunt: Option<String>,
}

/// Whether the receipt is one for these bytes. That the hub stands by it is for a
/// [`Proof`](super::Proof) to show.
pub fn verify_receipt(receipt: &Receipt, bytes: &[u8]) -> bool {
    commitment(&receipt.zout, bytes) == receipt.hash
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::Timestamp;

    fn receipt() -> Receipt {
        Receipt {
            id: uuid::Uuid::from_bytes([7; 16]).into(),
            ontvangen: Timestamp::parse("2026-11-23T19:15:00.000123Z").unwrap().into(),
            status: Stage::Ontvangen,
            zout: [1; 32],
            hash: commitment(&[1; 32], b"{\"melding\":1}"),
            blad: None,
            controlepunt: None,
        }
    }

    #[test]
    fn a_receipt_is_dutch_on_the_wire_and_reads_back() {
        let value = serde_json::to_value(receipt()).unwrap();
        let expected = json!({
            "id": "07070707-0707-0707-0707-070707070707",
            "ontvangen": "2026-11-23T19:15:00Z",
            "status": "ontvangen",
            "zout": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
            "hash": receipt().hash.to_string(),
        });
        assert_eq!(value, expected);
        assert_eq!(serde_json::from_value::<Receipt>(value).unwrap(), receipt());

        let full = Receipt { blad: Some(4), controlepunt: Some("x".to_owned()), ..receipt() };
        let text = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<Receipt>(&text).unwrap(), full);
    }

    #[test]
    fn a_receipt_holds_for_its_own_bytes_only() {
        assert!(verify_receipt(&receipt(), b"{\"melding\":1}"));
        assert!(!verify_receipt(&receipt(), b"{\"melding\":2}"));
        assert!(!verify_receipt(&Receipt { zout: [2; 32], ..receipt() }, b"{\"melding\":1}"));
    }

    #[test]
    fn a_receipt_with_a_bad_field_does_not_read() {
        let bad = |field: &str, value: &str| {
            let mut json = serde_json::to_value(receipt()).unwrap();
            json[field] = value.into();
            serde_json::from_value::<Receipt>(json).unwrap_err().to_string()
        };
        assert_eq!(bad("zout", "AQEB"), "not base64 of the right length");
        assert_eq!(bad("hash", "00"), "not 64 hexadecimal digits");
        assert_eq!(bad("ontvangen", "gisteren"), "not a point in time as RFC 3339 writes it");
    }
}
