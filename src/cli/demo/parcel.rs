//! A parcel in the hands of its recipient, and whether it is what the hub says it is.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::form;
use crate::evidence::{commitment, verify_role};
use crate::message::{PartnerId, RoleStatement};

/// How a partner came by a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    Postvak,
    Webhook,
    Map,
}

impl Way {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postvak => "postvak",
            Self::Webhook => "webhook",
            Self::Map => "map",
        }
    }
}

/// What a recipient got, and found when it checked.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    pub zending: Uuid,
    pub partner: PartnerId,
    #[serde(rename = "wijze")]
    pub way: Way,
    pub mediatype: String,
    #[serde(rename = "vorm")]
    pub form: String,
    #[serde(rename = "bytes")]
    pub size_bytes: usize,
    /// The signed role statement, where its signature is the hub's and it is about this parcel.
    #[serde(rename = "rol")]
    pub role: Option<RoleStatement>,
    /// The bytes and the salt give the hash that came with them.
    #[serde(rename = "inhoudKlopt")]
    pub content_holds: bool,
    /// For a webhook: it is signed with the secret that was agreed.
    #[serde(rename = "handtekeningKlopt")]
    pub signature_holds: Option<bool>,
    /// What the recipient said about it.
    #[serde(rename = "antwoord")]
    pub said: Option<String>,
    #[serde(skip)]
    pub document: Vec<u8>,
}

impl Received {
    /// Takes a parcel as described on the wire, and checks it with the hub's public key.
    pub fn check(
        partner: &PartnerId,
        way: Way,
        described: &Value,
        bytes: &[u8],
        key: &[u8; 32],
    ) -> Self {
        let text = |name: &str| described.get(name).and_then(Value::as_str).unwrap_or_default();
        let zending = text("zending").parse().unwrap_or_default();
        let role = verify_role(text("rol"), key).ok();
        let salt = BASE64_STANDARD.decode(text("zout")).ok();
        let salt: Option<[u8; 32]> = salt.and_then(|salt| salt.try_into().ok());
        let hash = salt.map(|salt| commitment(&salt, bytes).to_string());
        Self {
            zending,
            partner: partner.clone(),
            way,
            mediatype: text("mediatype").to_owned(),
            form: form::of(text("mediatype"), bytes),
            size_bytes: bytes.len(),
            role: role.filter(|role| Uuid::from(role.zending) == zending),
            content_holds: hash.is_some_and(|hash| hash == text("hash")),
            signature_holds: None,
            said: None,
            document: bytes.to_vec(),
        }
    }

    /// An answer to something that this partner sent: nobody answers an answer.
    pub fn is_answer(&self) -> bool {
        self.kind().starts_with("ontvangstbevestiging")
    }

    /// The kind of message, by its role; empty where that is not the hub's.
    pub fn kind(&self) -> &str {
        self.role.as_ref().map_or("", |role| role.bericht.as_str())
    }

    /// Everything that the recipient could check was right.
    pub fn holds(&self) -> bool {
        self.role.is_some() && self.content_holds && self.signature_holds != Some(false)
    }
}
