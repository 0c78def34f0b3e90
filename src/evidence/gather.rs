//! Finding checkpoints in what partners keep: a receipt, a parcel, a proof, a log, or the note.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;

/// The field that holds one, in everything that the hub gives out.
const FIELD: &str = "controlepunt";

/// Texts that may be a signed checkpoint. Whether they are is for
/// [`Checkpoint::parse_and_verify`](super::Checkpoint::parse_and_verify) to say.
pub fn notes_in(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(document) = serde_json::from_slice::<Value>(bytes) {
        walk(&document, &mut found);
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        found.push(note_of(text));
    }
    found.sort();
    found.dedup();
    found
}

/// serde_json itself bounds how deep a document is.
fn walk(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == FIELD => found.push(note_of(text)),
                    _ => walk(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}

/// In a header of HTTP or AMQP a note travels in base64, because it has several lines.
fn note_of(text: &str) -> String {
    let decoded = BASE64_STANDARD.decode(text.trim()).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.filter(|text| text.contains('\n')).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "schakel\n7\nCQkJ\n\n\u{2014} schakel abcd\n";

    #[test]
    fn a_checkpoint_is_found_wherever_a_partner_keeps_it() {
        let receipt = serde_json::json!({ "id": "x", "controlepunt": NOTE }).to_string();
        let proofs = serde_json::json!({ "bewijzen": [{ "pad": [] }, { "controlepunt": NOTE }] });
        let mailbox = serde_json::json!({ "zendingen": [{ "controlepunt": NOTE }, {}] });
        let header = BASE64_STANDARD.encode(NOTE);
        let padded = format!("{header}\n");
        let in_json = serde_json::json!({ "controlepunt": header }).to_string();
        let table = [
            NOTE.to_owned(),
            receipt,
            proofs.to_string(),
            mailbox.to_string(),
            header,
            padded,
            in_json,
        ];
        for document in table {
            assert_eq!(notes_in(document.as_bytes()), [NOTE], "{document}");
        }
    }

    #[test]
    fn what_holds_none_gives_none_or_its_own_text() {
        for nothing in ["{}", "[]", "{\"controlepunt\":null}", "7", "{\"a\":{\"b\":[1]}}"] {
            assert!(notes_in(nothing.as_bytes()).is_empty(), "{nothing}");
        }
        assert!(notes_in(&[0xff, 0xfe]).is_empty());
        assert_eq!(notes_in(b"geen controlepunt"), ["geen controlepunt"]);
    }
}
