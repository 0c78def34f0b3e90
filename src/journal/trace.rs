//! The road of one message, and its opened content for who may see it.

use serde::Serialize;
use uuid::Uuid;

use super::confirm::read_names;
use super::keys::{Part, open_row_key, open_sealed};
use super::sql::{Cell, Conn, Row, query};
use super::{Journal, JournalError, ParcelDetail, ParcelState, views};
use crate::casework::CorrelationKey;
use crate::message::{
    CaseId, Digest, ExternalId, MessageId, ParcelId, PartnerId, PublicId, Stage, Timestamp, Usage,
};

/// A message and everything that became of it; no content.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    #[serde(rename = "bericht")]
    pub message: MessageView,
    #[serde(rename = "zendingen")]
    pub parcels: Vec<ParcelView>,
    /// Who got nothing: partner (where known) and reason.
    #[serde(rename = "nietVerzonden")]
    pub not_sent: Vec<(Option<PartnerId>, String)>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// Stays inside: operators see it, partners never.
    #[serde(skip)]
    pub message: MessageId,
    #[serde(skip)]
    pub case: CaseId,
    #[serde(rename = "id")]
    pub public_id: PublicId,
    #[serde(rename = "casus")]
    pub case_number: String,
    #[serde(rename = "afzender")]
    pub sender: PartnerId,
    #[serde(rename = "soort")]
    pub kind: String,
    #[serde(rename = "gebruik")]
    pub usage: Usage,
    #[serde(rename = "thema")]
    pub theme: Option<String>,
    #[serde(rename = "spoed")]
    pub urgent: bool,
    #[serde(rename = "kanaal")]
    pub channel: String,
    #[serde(rename = "ontvangen")]
    pub received_at: Timestamp,
    /// Digest of the catalogue it was decided under.
    #[serde(skip)]
    pub catalogue: Digest,
    #[serde(rename = "gewist")]
    pub erased_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParcelView {
    #[serde(rename = "zending")]
    pub id: ParcelId,
    #[serde(rename = "ontvanger")]
    pub recipient: PartnerId,
    #[serde(rename = "soort")]
    pub kind: String,
    #[serde(rename = "mediatype")]
    pub media_type: String,
    #[serde(rename = "antwoord")]
    pub answer: bool,
    #[serde(rename = "status")]
    pub state: ParcelState,
    #[serde(rename = "stadium")]
    pub stage: Stage,
    #[serde(rename = "reden")]
    pub stage_reason: Option<String>,
    #[serde(rename = "gemaakt")]
    pub made_at: Timestamp,
    #[serde(rename = "volgendePoging")]
    pub next_attempt_at: Timestamp,
    #[serde(skip)]
    pub catalogue: Digest,
    #[serde(flatten)]
    pub detail: ParcelDetail,
    #[serde(rename = "pogingen")]
    pub attempts: Vec<AttemptView>,
}

#[derive(Debug, Clone, Serialize)]
pub struct AttemptView {
    #[serde(rename = "op")]
    pub at: Timestamp,
    #[serde(rename = "uitkomst")]
    pub outcome: String,
}

/// A message with its content; `Debug` is absent on purpose.
pub struct StoredMessage {
    pub view: MessageView,
    pub media_type: Option<String>,
    pub external_id: ExternalId,
    pub reference: String,
    /// As received.
    pub native: Vec<u8>,
    /// The canonical JSON made of it then.
    pub canonical: Vec<u8>,
    pub salt: [u8; 32],
    pub commitment: Digest,
    /// Whom it asks something, where it is a request of the municipality: it never came in.
    pub asks: Option<PartnerId>,
}

/// A parcel with its content as sent.
pub struct StoredParcel {
    pub view: ParcelView,
    pub message: MessageId,
    pub bytes: Vec<u8>,
    pub salt: [u8; 32],
    pub commitment: Digest,
}

const MESSAGE: &str = "select i.*, c.number, c.erased_at from inbox i
    join cases c on c.id = i.case_id where i.id = $1";

impl Journal {
    /// The road of a message, found by its public id, its own id, or one of its parcels.
    pub async fn trace(&self, id: Uuid, now: Timestamp) -> Result<Trace, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let message = self.message_of(&mut conn, id).await?;
        let row = query(MESSAGE, [message.into()]).fetch_one(&mut conn).await?;
        let sql = "select * from outbox where message_id = $1 order by seq";
        let mut parcels = Vec::new();
        for row in query(sql, [message.into()]).fetch_all(&mut conn).await? {
            parcels.push(parcel_view(&mut conn, &row, now).await?);
        }
        let sql = "select partner, reason from quarantine
            where message_id = $1 and parcel_id is null order by seq";
        let mut not_sent = Vec::new();
        for row in query(sql, [message.into()]).fetch_all(&mut conn).await? {
            let partner = row.maybe_text("partner")?.and_then(|text| text.parse().ok());
            not_sent.push((partner, row.text("reason")?));
        }
        Ok(Trace { message: message_view(&row)?, parcels, not_sent })
    }

    /// The message of an id: its own, that by which its sender follows it, or that of a parcel.
    pub(super) async fn message_of(&self, conn: &mut Conn, id: Uuid) -> Result<Uuid, JournalError> {
        let sql = "select id from inbox where id = $1 or public_id = $1
            union all select message_id from outbox where id = $1 limit 1";
        let row = query(sql, [id.into()]).fetch_optional(conn).await?;
        Ok(row.ok_or(JournalError::NotFound)?.uuid("id")?)
    }

    /// The messages of a partner about one reference (*kenmerk*) of its own, oldest first.
    pub async fn find_by_reference(
        &self,
        partner: &PartnerId,
        reference: &str,
    ) -> Result<Vec<PublicId>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let mut found = Vec::new();
        for usage in [Usage::Echt, Usage::Oefening, Usage::Test] {
            let key = CorrelationKey::Signal {
                usage,
                sender: partner.clone(),
                reference: reference.to_owned(),
            };
            let hash = self.vault.hub.lookup_hash("casus", &key.to_bytes());
            // A case holds other references too, so each message is looked into.
            let sql = "select i.id, i.public_id, i.case_id, i.sealed_key, i.names from inbox i
                join correlation k on k.case_id = i.case_id
                where k.key = $1 and i.partner = $2 order by i.seq";
            let cells = [hash.into(), partner.as_str().into()];
            for row in query(sql, cells).fetch_all(&mut conn).await? {
                let id = row.uuid("id")?;
                let holder = self.vault.holder_key(row.uuid("case_id")?).await?;
                let key = open_row_key(&holder, id, &row.blob("sealed_key")?)?;
                let (_, names) = open_sealed(&key, id, Part::Names, &row.blob("names")?)?;
                if read_names(&names)?[1] == reference {
                    found.push(row.uuid("public_id")?.into());
                }
            }
        }
        Ok(found)
    }

    /// A message with its content, found as `trace` finds it.
    pub async fn message(&self, id: Uuid) -> Result<StoredMessage, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let id = self.message_of(&mut conn, id).await?;
        let row = query(MESSAGE, [id.into()]).fetch_one(&mut conn).await?;
        let sql = "select t.partner from request r join task t on t.id = r.task_id
            where r.message_id = $1 and t.partner is not null";
        let asks = query(sql, [id.into()]).fetch_optional(&mut conn).await?;
        let asks = asks.map(|row| row.parsed("partner")).transpose()?;
        drop(conn);
        let view = message_view(&row)?;
        let holder = self.vault.holder_key(view.case.into()).await?;
        let key = open_row_key(&holder, id, &row.blob("sealed_key")?)?;
        let (salt, native) = open_sealed(&key, id, Part::Native, &row.blob("native")?)?;
        let (_, canonical) = open_sealed(&key, id, Part::Canonical, &row.blob("canonical")?)?;
        let (_, names) = open_sealed(&key, id, Part::Names, &row.blob("names")?)?;
        let [external_id, reference] = read_names(&names)?;
        Ok(StoredMessage {
            view,
            media_type: row.maybe_text("media_type")?,
            external_id: ExternalId::new(external_id),
            reference,
            native,
            canonical,
            salt,
            commitment: row.digest("commitment")?,
            asks,
        })
    }

    /// A parcel with its content, as it was or will be sent.
    pub async fn parcel(&self, id: ParcelId, now: Timestamp) -> Result<StoredParcel, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let id = Uuid::from(id);
        let sql = "select * from outbox where id = $1";
        let row = query(sql, [id.into()]).fetch_optional(&mut conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let view = parcel_view(&mut conn, &row, now).await?;
        drop(conn);
        let holder = self.vault.holder_key(row.uuid("case_id")?).await?;
        let key = open_row_key(&holder, id, &row.blob("sealed_key")?)?;
        let (salt, bytes) = open_sealed(&key, id, Part::Parcel, &row.blob("document")?)?;
        let message = row.uuid("message_id")?.into();
        let commitment = row.digest("commitment")?;
        Ok(StoredParcel { view, message, bytes, salt, commitment })
    }

    /// All messages of a case, oldest first, found by the id of anything in it or by its number.
    pub async fn case_messages(&self, number: &str) -> Result<Vec<MessageView>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = "select i.*, c.number, c.erased_at from cases c
            join inbox i on i.case_id = c.id where c.number = $1 order by i.seq";
        let rows = query(sql, [Cell::from(number)]).fetch_all(&mut conn).await?;
        rows.iter().map(|row| message_view(row).map_err(JournalError::from)).collect()
    }
}

pub(super) fn message_view(row: &Row) -> Result<MessageView, sqlx::Error> {
    Ok(MessageView {
        message: row.uuid("id")?.into(),
        case: row.uuid("case_id")?.into(),
        public_id: row.uuid("public_id")?.into(),
        case_number: row.text("number")?,
        sender: row.parsed("partner")?,
        kind: row.text("kind")?,
        usage: views::usage(row)?,
        theme: row.maybe_text("theme")?,
        urgent: row.int("urgent")? != 0,
        channel: row.text("channel")?,
        received_at: row.time("received_at")?,
        catalogue: row.digest("catalogue")?,
        erased_at: row.maybe_time("erased_at")?,
    })
}

async fn parcel_view(
    conn: &mut Conn,
    row: &Row,
    now: Timestamp,
) -> Result<ParcelView, sqlx::Error> {
    let id = row.uuid("id")?;
    let sql = "select at, outcome from attempt where parcel_id = $1 order by seq";
    let mut attempts = Vec::new();
    for row in query(sql, [id.into()]).fetch_all(conn).await? {
        attempts.push(AttemptView { at: row.time("at")?, outcome: row.text("outcome")? });
    }
    Ok(ParcelView {
        id: id.into(),
        recipient: row.parsed("recipient")?,
        kind: row.text("kind")?,
        media_type: row.text("media_type")?,
        answer: row.int("answer")? != 0,
        state: views::state(row, now)?,
        stage: views::stage(row)?,
        stage_reason: row.maybe_text("stage_reason")?,
        made_at: row.time("made_at")?,
        next_attempt_at: row.time("next_attempt_at")?,
        catalogue: row.digest("catalogue")?,
        detail: views::detail(row)?,
        attempts,
    })
}
