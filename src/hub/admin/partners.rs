//! What operators ask about partners: who there is, their keys, and who may exchange or is left
//! alone now.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::crowds::person;
use super::{IdAsked, Office, Refused, Told, journal_refused, refused};
use crate::catalogue::partner::Delivery;
use crate::hub::clock;
use crate::journal::{PartnerOrder, UnblockOrder};
use crate::message::{Digest, PartnerId, Timestamp};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartnerAsked {
    partner: PartnerId,
    #[serde(default)]
    label: String,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

impl Office {
    pub(super) async fn partners(&self) -> Told {
        let active = self.hub.active();
        let (suspended, blocked) = (self.hub.suspended(), self.hub.blocked());
        let mut lines = Vec::new();
        for partner in active.catalogue.partners.values() {
            let keys = self.hub.journal.credentials(&partner.id).await.map_err(journal_refused)?;
            let secrets = self.hub.journal.secrets(&partner.id).await.map_err(journal_refused)?;
            let delivery = match &partner.delivery {
                Delivery::Postvak => "postvak",
                Delivery::Webhook { .. } => "webhook",
                Delivery::Map { .. } => "map",
                Delivery::RabbitMq => "rabbitmq",
            };
            lines.push(json!({
                "id": partner.id,
                "naam": partner.name,
                "soort": partner.kind,
                "koppeling": partner.connector,
                "levering": delivery,
                "geschorst": suspended.contains(&partner.id),
                "sleutels": keys,
                "webhookgeheimen": secrets.len(),
                "geblokkeerd": self.blocked(&partner.id, blocked.get(&partner.id)).await?,
            }));
        }
        Ok(json!({ "ketenpartners": lines }))
    }

    /// Since when this hub leaves a partner alone, and when it will try again; null where it does
    /// not. What waits for a later attempt is tried no sooner than that.
    async fn blocked(
        &self,
        partner: &PartnerId,
        span: Option<&(Timestamp, Timestamp)>,
    ) -> Result<Value, Refused> {
        let Some((since, until)) = span else { return Ok(Value::Null) };
        let due = self.hub.journal.next_due(std::slice::from_ref(partner)).await;
        let next = due.map_err(journal_refused)?.map_or(*until, |due| due.max(*until));
        Ok(json!({ "sinds": since, "volgendePoging": next }))
    }

    /// A partner is back: every hub closes its breaker, and what waits goes now.
    pub(super) async fn unblock(&self, asked: PartnerAsked) -> Told {
        self.known(&asked.partner)?;
        let PartnerAsked { partner, door: by, reden: why, .. } = asked;
        person(&by, &why)?;
        let was_blocked = self.hub.blocked().contains_key(&partner);
        let journal = &self.hub.journal;
        let order = UnblockOrder { partner: partner.clone(), by, why };
        let now = clock::now();
        let freed = journal.unblock(order, now).await.map_err(journal_refused)?;
        // Counted before this hub's own breaker closes.
        let waiting = journal.waiting_for(&partner, now).await.map_err(journal_refused)?;
        self.hub.directory.forget(journal).await.map_err(journal_refused)?;
        self.hub.new_mail();
        Ok(json!({
            "partner": partner,
            "wasGeblokkeerd": was_blocked,
            "nu": waiting.0,
            "vervroegd": freed,
            "wachtend": waiting.1,
        }))
    }

    fn known(&self, partner: &PartnerId) -> Result<(), Refused> {
        if self.hub.active().catalogue.partner(partner).is_some() {
            return Ok(());
        }
        let text = format!("Er is geen ketenpartner {partner} in de actieve set.");
        Err(refused(404, "onbekende-partner", &text))
    }

    /// A new token, shown here once and stored nowhere.
    pub(super) async fn make_key(&self, asked: PartnerAsked) -> Told {
        self.known(&asked.partner)?;
        let random: [u8; 32] = clock::random()
            .map_err(|_| refused(503, "toeval", "Het systeem geeft geen toeval."))?;
        let token = format!("schakel_{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        let hash = Digest::of(&[token.as_bytes()]);
        let label = if asked.label.is_empty() { "sleutel".to_owned() } else { asked.label };
        let order = PartnerOrder::AddToken { partner: asked.partner, hash, label };
        let id = self.order(order).await?;
        Ok(json!({ "id": id, "sleutel": token }))
    }

    pub(super) async fn revoke_key(&self, asked: IdAsked) -> Told {
        self.order(PartnerOrder::RevokeToken { id: asked.id }).await?;
        Ok(json!({ "id": asked.id, "ingetrokken": true }))
    }

    pub(super) async fn make_secret(&self, asked: PartnerAsked) -> Told {
        self.known(&asked.partner)?;
        let random: [u8; 32] = clock::random()
            .map_err(|_| refused(503, "toeval", "Het systeem geeft geen toeval."))?;
        let secret = format!("whsec_{}", BASE64_STANDARD.encode(random));
        let order =
            PartnerOrder::AddSecret { partner: asked.partner, secret: secret.clone().into_bytes() };
        let id = self.order(order).await?;
        Ok(json!({ "id": id, "geheim": secret }))
    }

    pub(super) async fn suspend(&self, action: &str, asked: PartnerAsked) -> Told {
        self.known(&asked.partner)?;
        let PartnerAsked { partner, door: by, reden: why, .. } = asked;
        let suspended = action == "schorsen";
        let order = if suspended {
            PartnerOrder::Suspend { partner: partner.clone(), by, why }
        } else {
            PartnerOrder::Resume { partner: partner.clone(), by }
        };
        self.order(order).await?;
        Ok(json!({ "partner": partner, "geschorst": suspended }))
    }

    async fn order(&self, order: PartnerOrder) -> Result<Option<Uuid>, Refused> {
        let journal = &self.hub.journal;
        let id = journal.partner_order(order, clock::now()).await.map_err(journal_refused)?;
        self.hub.directory.forget(journal).await.map_err(journal_refused)?;
        Ok(id)
    }
}
