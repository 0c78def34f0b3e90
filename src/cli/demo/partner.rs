//! A partner with its own token, over the API that every partner uses.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::parcel::{Received, Way};
use crate::cli::access::Halt;
use crate::cli::output::Exit;
use crate::message::PartnerId;

/// Parcels asked for at once.
const COLLECT: u16 = 20;

/// One partner's client.
pub struct Partner {
    pub id: PartnerId,
    pub token: String,
    pub hub: String,
    pub client: reqwest::Client,
    /// What its connector takes and sends.
    pub media_type: String,
}

/// What the hub answered to a document.
pub struct Reply {
    pub status: u16,
    pub media_type: String,
    pub body: Vec<u8>,
    /// Where the message can be followed; only where it was accepted.
    pub follow: Option<String>,
}

impl Partner {
    pub async fn send(&self, document: &[u8]) -> Result<Reply, Halt> {
        let request = self.client.post(format!("{}/v1/berichten", self.hub));
        let request = request.header("content-type", &self.media_type).body(document.to_vec());
        let response = request.bearer_auth(&self.token).send().await.map_err(lost)?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (media_type, follow) = (header("content-type").unwrap_or_default(), header("location"));
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(lost)?.to_vec();
        Ok(Reply { status, media_type, body, follow })
    }

    /// What the hub tells the sender of a message about it.
    pub async fn follow(&self, path: &str) -> Result<Value, Halt> {
        let request = self.client.get(format!("{}{path}", self.hub));
        answer(request.bearer_auth(&self.token)).await
    }

    /// Collects what lies in its mailbox now, and checks every parcel.
    pub async fn collect(&self, key: &[u8; 32]) -> Result<Vec<Received>, Halt> {
        let mut collected = Vec::new();
        loop {
            let request = self.client.post(format!("{}/v1/postvak/ophalingen", self.hub));
            let request = request.json(&json!({ "limiet": COLLECT })).bearer_auth(&self.token);
            let answer = answer(request).await?;
            let parcels = answer.get("zendingen").and_then(Value::as_array);
            let Some(parcels) = parcels.filter(|parcels| !parcels.is_empty()) else {
                return Ok(collected);
            };
            for parcel in parcels {
                let document = parcel.get("inhoud").and_then(Value::as_str).unwrap_or_default();
                let bytes = BASE64_STANDARD.decode(document).unwrap_or_default();
                collected.push(Received::check(&self.id, Way::Postvak, parcel, &bytes, key));
            }
        }
    }

    /// Says what it does with a parcel.
    pub async fn confirm(
        &self,
        parcel: &mut Received,
        status: &str,
        reason: Option<&str>,
    ) -> Result<(), Halt> {
        let path = format!("{}/v1/postvak/{}/ontvangst", self.hub, parcel.zending);
        let word = json!({ "status": status, "reden": reason });
        let told = answer(self.client.post(path).json(&word).bearer_auth(&self.token)).await?;
        let stage = told.get("stadium").and_then(Value::as_str).unwrap_or_default();
        parcel.said = Some(match reason {
            Some(reason) => format!("{stage}: {reason}"),
            None => stage.to_owned(),
        });
        Ok(())
    }
}

/// Sends a request of which the answer must be JSON with status 200.
async fn answer(request: reqwest::RequestBuilder) -> Result<Value, Halt> {
    let response = request.send().await.map_err(lost)?;
    let status = response.status().as_u16();
    let value: Value = response.json().await.map_err(lost)?;
    if status == 200 {
        return Ok(value);
    }
    let code = value.get("code").and_then(Value::as_str).unwrap_or("onbekend");
    Err(Halt::new(Exit::Failure, format!("de hub antwoordt {status} ({code})")))
}

fn lost(error: reqwest::Error) -> Halt {
    Halt::new(Exit::Unreachable, format!("de hub antwoordt niet: {}", error.without_url()))
}
