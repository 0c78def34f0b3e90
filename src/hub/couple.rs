//! How each partner is connected: its state, under which set and which form of its connector, what
//! was exchanged last, what waits, and whether it can be reached.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::active::{Active, SetError, kept_files};
use super::broker::broker_partners;
use super::{Hub, clock};
use crate::catalogue::partner::{Delivery, Partner};
use crate::catalogue::problem::Files;
use crate::journal::{AlarmState, ExchangeSeen, JournalError, QueueSeen};
use crate::message::{ConnectorId, Digest, Entropy, PartnerId, Timestamp};
use crate::pipeline::examples::rehearse;
use crate::transport::amqp::topology;
use crate::transport::files::Folder;
use crate::transport::http::guard::Network;
use crate::transport::http::webhook::Webhooks;

/// What counts as lately.
const LATELY_S: i64 = 24 * 3600;
/// Alarms looked at; those that are open come first.
const ALARMS_MAX: usize = 500;
/// Sets of which is told how a connector was.
const SETS_MAX: usize = 10;
/// Queues of the broker that are looked at, and how long that may take.
const BROKER_QUEUES_MAX: usize = 200;
const BROKER_WAIT: Duration = Duration::from_secs(4);
const SILENT: &str = "ketenpartner-stil";

/// How a partner stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coupling {
    pub id: PartnerId,
    pub naam: String,
    pub soort: String,
    pub koppeling: ConnectorId,
    pub standaard: String,
    pub levering: &'static str,
    /// `geschorst`, `geblokkeerd`, `stil` or `actief`.
    pub stand: &'static str,
    /// Since when it is left alone or silent, where that is so.
    pub sinds: Option<Timestamp>,
    /// When the hub tries again, where it leaves the partner alone.
    pub volgende_poging: Option<Timestamp>,
    pub verkeer: ExchangeSeen,
}

/// A queue of the broker.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BrokerQueue {
    pub naam: String,
    pub ketenpartner: Option<PartnerId>,
    /// None where there is no such queue.
    pub aantal: Option<u32>,
}

fn way_of(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Postvak => "postvak",
        Delivery::Webhook { .. } => "webhook",
        Delivery::Map { .. } => "map",
        Delivery::RabbitMq => "rabbitmq",
    }
}

/// What the files of a connector are, in short: two sets with the same have the same connector.
fn mark_of(files: &Files, id: &ConnectorId) -> Option<Digest> {
    let prefix = format!("connectors/{id}/");
    let own = files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
    let mut parts: Vec<[u8; 32]> = Vec::new();
    for (path, bytes) in own {
        parts.push(Digest::of(&[path.as_bytes()]).0);
        parts.push(Digest::of(&[bytes]).0);
    }
    let parts: Vec<&[u8]> = parts.iter().map(<[u8; 32]>::as_slice).collect();
    (!parts.is_empty()).then(|| Digest::of(&parts))
}

impl Hub {
    /// How every partner stands.
    pub async fn couplings(&self) -> Result<Vec<Coupling>, JournalError> {
        let active = self.active();
        let (suspended, blocked) = (self.suspended(), self.blocked());
        let silent = self.silent().await?;
        let since = clock::now().plus_seconds(-LATELY_S);
        let mut all = Vec::new();
        for partner in active.catalogue.partners.values() {
            let span = blocked.get(&partner.id);
            let silent = silent.get(partner.id.as_str());
            let (stand, sinds) = match (suspended.contains(&partner.id), span, silent) {
                (true, ..) => ("geschorst", None),
                (_, Some((since, _)), _) => ("geblokkeerd", Some(*since)),
                (_, _, Some(since)) => ("stil", Some(*since)),
                _ => ("actief", None),
            };
            let connector = active.catalogue.connector_of(partner);
            all.push(Coupling {
                id: partner.id.clone(),
                naam: partner.name.clone(),
                soort: partner.kind.to_string(),
                koppeling: partner.connector.clone(),
                standaard: connector.map(|found| found.standard.clone()).unwrap_or_default(),
                levering: way_of(&partner.delivery),
                stand,
                sinds,
                volgende_poging: span.map(|(_, until)| *until),
                verkeer: self.exchanged(&active, &partner.id, since).await?,
            });
        }
        Ok(all)
    }

    /// Under the name of now and under those of before.
    async fn exchanged(
        &self,
        active: &Active,
        partner: &PartnerId,
        since: Timestamp,
    ) -> Result<ExchangeSeen, JournalError> {
        let mut all = ExchangeSeen::default();
        for name in active.catalogue.succession.names(partner) {
            all.add(self.journal.exchanged(name, since).await?);
        }
        Ok(all)
    }

    /// What waits for one partner, under whichever of its names.
    pub async fn waiting_row(&self, partner: &PartnerId) -> Result<QueueSeen, JournalError> {
        let active = self.active();
        let names: Vec<PartnerId> = active.catalogue.succession.names(partner).cloned().collect();
        let mut rows = self.journal.queues(&names).await?.into_iter();
        let mut all = rows.next().ok_or(JournalError::NotFound)?;
        rows.for_each(|row| all.add(row));
        Ok(all)
    }

    /// Partners of whom an open alarm says that they are silent, and since when.
    async fn silent(&self) -> Result<BTreeMap<String, Timestamp>, JournalError> {
        let alarms = self.journal.alarms(ALARMS_MAX).await?;
        let open = alarms
            .into_iter()
            .filter(|alarm| alarm.condition == SILENT && alarm.state == AlarmState::Open);
        Ok(open.map(|alarm| (alarm.subject, alarm.since)).collect())
    }

    /// How a partner's connector was in the sets of before, the newest first: what its files are,
    /// and whether that is what they are now.
    pub(super) async fn connector_history(&self, id: &ConnectorId) -> Result<Value, SetError> {
        let digest = self.active().catalogue.digest();
        let files = match kept_files(&self.journal, digest).await {
            Ok(files) => Some(files),
            Err(SetError::Missing(_) | SetError::Changed(_)) => None,
            Err(error) => return Err(error),
        };
        let present = files.as_ref().and_then(|files| mark_of(files, id));
        let rows = self.journal.activation_history().await?;
        let rows = rows.into_iter().filter(|row| row.state == "actief");
        let mut marks: BTreeMap<Digest, Option<Digest>> = BTreeMap::from([(digest, present)]);
        let mut lines = Vec::new();
        for row in rows.take(SETS_MAX) {
            let mark = match marks.get(&row.catalogue) {
                Some(mark) => *mark,
                None => match kept_files(&self.journal, row.catalogue).await {
                    Ok(files) => mark_of(&files, id),
                    Err(SetError::Missing(_) | SetError::Changed(_)) => None,
                    Err(error) => return Err(error),
                },
            };
            marks.insert(row.catalogue, mark);
            lines.push(json!({
                "set": row.catalogue.to_string(),
                "sinds": row.decided_at.unwrap_or(row.at),
                "door": row.asked_by,
                "akkoord": row.approved_by,
                "reden": row.note,
                "vingerafdruk": mark.map(|mark| mark.to_string()),
                "zelfdeAlsNu": mark.is_some() && mark == present,
            }));
        }
        Ok(json!({
            "set": digest.to_string(),
            "vingerafdruk": present.map(|mark| mark.to_string()),
            "eerder": lines,
        }))
    }

    /// What waits for every recipient.
    pub async fn waiting_rows(&self) -> Result<Vec<QueueSeen>, JournalError> {
        let active = self.active();
        let mut rows = Vec::new();
        for id in active.catalogue.partners.keys() {
            rows.push(self.waiting_row(id).await?);
        }
        Ok(rows)
    }

    /// The queues of the broker as this hub sees them; none where it has no broker, or where that
    /// does not tell in time.
    pub async fn broker_queues(&self) -> Option<Vec<BrokerQueue>> {
        let link = &self.links.get()?.publishing;
        let mut names = vec![(topology::DEAD.to_owned(), None)];
        for partner in broker_partners(&self.active().catalogue) {
            names.push((topology::inbound(&partner), Some(partner.clone())));
            for urgent in [true, false] {
                names.push((topology::mailbox(&partner, urgent), Some(partner.clone())));
            }
        }
        names.truncate(BROKER_QUEUES_MAX);
        let looking = async {
            let mut found = Vec::with_capacity(names.len());
            for (naam, ketenpartner) in names {
                let aantal = link.depth(&naam).await.ok()?;
                found.push(BrokerQueue { naam, ketenpartner, aantal });
            }
            Some(found)
        };
        tokio::time::timeout(BROKER_WAIT, looking).await.ok().flatten()
    }

    /// Whether the hub has a broker at all.
    pub fn has_broker(&self) -> bool {
        self.links.get().is_some()
    }

    /// The examples of a partner's connector that come in, and one of them down the whole road.
    pub(super) async fn rehearse(
        &self,
        partner: &Partner,
        name: Option<&str>,
    ) -> Result<Value, SetError> {
        let active = self.active();
        let files = kept_files(&self.journal, active.catalogue.digest()).await?;
        let examples = rehearse::incoming(&files, &partner.connector);
        let Some(name) = name else { return Ok(json!({ "voorbeelden": examples })) };
        let seed = clock::random().map_err(|_| JournalError::Sealing)?;
        let entropy = &mut Entropy::new(seed);
        let (example, now) = ((partner, name), clock::now());
        let told = rehearse::rehearse(&active.catalogue, &files, example, now, entropy);
        let told = told.ok_or(JournalError::NotFound)?;
        Ok(json!({ "voorbeelden": examples, "proef": told }))
    }

    /// Whether the place where a partner's parcels go is there. No message is sent.
    pub(super) async fn reach(&self, partner: &Partner) -> (bool, String) {
        let no = |code: &str| (false, code.to_owned());
        match &partner.delivery {
            Delivery::Postvak => (true, "haalt-zelf-op".to_owned()),
            Delivery::Webhook { url, netwerken } => {
                let named: Result<Vec<Network>, _> =
                    netwerken.iter().map(|text| Network::from_str(text)).collect();
                let Ok(named) = named else { return no("netwerk-onjuist") };
                self.knock(&self.webhooks, url, named).await
            }
            Delivery::Map { map } => {
                let path = self.exchange_folder().join(map);
                match Folder::open(partner.id.clone(), path).await {
                    Ok(_) => (true, "map-is-er".to_owned()),
                    Err(_) => no("map-ontbreekt"),
                }
            }
            Delivery::RabbitMq => {
                let Some(links) = self.links.get() else { return no("geen-broker") };
                let name = topology::mailbox(&partner.id, false);
                match links.publishing.depth(&name).await {
                    Ok(Some(_)) => (true, "postvak-is-er".to_owned()),
                    Ok(None) => no("postvak-ontbreekt"),
                    Err(_) => no("broker-onbereikbaar"),
                }
            }
        }
    }

    async fn knock(&self, by: &Webhooks, url: &str, named: Vec<Network>) -> (bool, String) {
        match by.knock(url, named).await {
            Ok(status) => (true, format!("http-{status}")),
            Err(code) => (false, code),
        }
    }
}
