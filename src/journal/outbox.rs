//! Parcels: stored with their message, claimed by lane, settled by who holds the lease.
//!
//! Of each lane only the oldest unsettled parcel is marked `head`, and only heads are claimed, so
//! that a claim never reads a parcel that has to wait for another.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::cases::{CaseWork, Lane};
use super::fresh::{self, FreshPlace};
use super::inbox::violations_json;
use super::keys::{Part, Sealed};
use super::sql::{Cell, Row, Table, fetch_in, query, query_of, unreadable};
use super::unit::{Entry, LeafOf, Unit};
use super::{JournalError, LeafKind, LeaseToken, Outgoing, ParcelDetail, ParcelState};
use crate::message::{Digest, ParcelId, PartnerId, RoleStatement, Stage, Timestamp, Usage};
use crate::pipeline::{Dispatch, Parcel};

const OUTBOX: Table = Table {
    name: "outbox",
    columns: "seq, id, message_id, case_id, recipient, position, leaf, kind, usage, urgent, \
              answer, gap, made_at, catalogue, media_type, detail, sealed_key, document, digest, \
              commitment, state, stage, head, attempts, next_attempt_at, lease_token",
    suffix: "",
};

/// Where parcels come from.
pub(super) struct Made {
    pub message: Uuid,
    /// The leaf that announces them.
    pub leaf: i64,
    pub at: Timestamp,
    pub catalogue: Digest,
    pub answer: bool,
}

/// Where a parcel stands in its lane.
#[derive(Default)]
pub(super) struct Place {
    pub lane: Lane,
    /// That of the parcel it replaces; `None`: at the end.
    pub position: Option<i64>,
    pub replaces: Option<ParcelId>,
}

/// Parcels as rows, and the digests of them for the leaf that announces them.
#[derive(Default)]
pub(super) struct Put {
    pub rows: Vec<Vec<Cell>>,
    pub announced: Announced,
}

/// What a leaf announces beside its own document: a hash over everything that is stored with it.
#[derive(Default)]
pub(super) struct Announced(Vec<u8>);

impl Announced {
    pub fn blob(&mut self, digest: Digest) {
        self.0.extend_from_slice(&digest.0);
    }

    pub fn parcel(&mut self, id: Uuid, recipient: &str, detail: &str, content: [Digest; 2]) {
        self.0.extend_from_slice(id.as_bytes());
        content.iter().for_each(|digest| self.blob(*digest));
        self.blob(Digest::of(&[detail.as_bytes()]));
        self.0.extend_from_slice(recipient.as_bytes());
        self.0.push(0);
    }

    pub fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// The outcome of the leaf: `word`, and the hash where there is anything to announce.
    pub fn outcome(&self, word: &str) -> String {
        self.hash().map_or_else(|| word.to_owned(), |hash| format!("{word} {hash}"))
    }

    pub fn hash(&self) -> Option<Digest> {
        (!self.0.is_empty()).then(|| Digest::of(&[&self.0]))
    }

    /// The hash in the outcome of a leaf.
    pub fn hash_in(outcome: &str) -> Option<Digest> {
        outcome.rsplit_once(' ').and_then(|(_, hash)| Digest::from_hex(hash))
    }
}

/// A parcel as the writer needs it: everything but its document.
#[derive(Debug, Clone)]
pub(super) struct ParcelRow {
    pub id: Uuid,
    pub message: Uuid,
    pub case: Uuid,
    pub recipient: PartnerId,
    pub position: i64,
    pub usage: Usage,
    pub answer: bool,
    /// Whether it says something about a task.
    pub request: bool,
    pub state: ParcelState,
    pub stage: Stage,
    pub lease: Option<Uuid>,
    pub catalogue: Digest,
    pub digest: Digest,
    pub commitment: Digest,
}

impl ParcelRow {
    pub fn read(row: &Row) -> Result<Self, sqlx::Error> {
        let stage = Stage::parse(&row.text("stage")?).ok_or_else(|| unreadable("stage"))?;
        let state = ParcelState::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))?;
        let usage = Usage::parse(&row.text("usage")?).ok_or_else(|| unreadable("usage"))?;
        Ok(Self {
            id: row.uuid("id")?,
            message: row.uuid("message_id")?,
            case: row.uuid("case_id")?,
            recipient: row.parsed("recipient")?,
            position: row.int("position")?,
            usage,
            answer: row.int("answer")? != 0,
            request: row.text("kind")?.starts_with("actieverzoek."),
            state,
            stage,
            lease: row.maybe_uuid("lease_token")?,
            catalogue: row.digest("catalogue")?,
            digest: row.digest("digest")?,
            commitment: row.digest("commitment")?,
        })
    }

    pub fn leaf<'a>(
        &'a self,
        kind: LeafKind,
        at: Timestamp,
        catalogue: Digest,
        outcome: String,
    ) -> LeafOf<'a> {
        let document = (kind == LeafKind::Poging).then_some((self.digest, self.commitment));
        let (subject, partner) = (self.id, Some(&self.recipient));
        LeafOf { kind, at, subject, partner, catalogue, outcome, document }
    }
}

impl Unit<'_> {
    /// Seals the parcels of a dispatch into rows, and quarantines what was not sent.
    pub fn put_parcels(
        &mut self,
        dispatch: &Dispatch,
        made: &Made,
        case: &mut CaseWork,
    ) -> Result<Put, JournalError> {
        let mut put = Put::default();
        let case_id = Uuid::from(case.state.id);
        for parcel in &dispatch.parcels {
            let recipient = parcel.recipient.clone();
            let lane = case.lanes.get(&recipient).copied().unwrap_or_default();
            let place = Place { lane, position: None, replaces: None };
            let row = self.parcel_row(parcel, made, case, place, &mut put.announced)?;
            put.rows.push(row);
            case.lanes.insert(recipient.clone(), Lane { open: true, gap: false });
            case.state.participants.insert(recipient.clone());
            if !made.answer {
                case.state.recipients.insert(recipient);
            }
        }
        self.quarantine_unsent(dispatch, made, case_id, None)?;
        Ok(put)
    }

    /// Notes who gets nothing, and why; `only` limits that to one recipient.
    pub fn quarantine_unsent(
        &mut self,
        dispatch: &Dispatch,
        made: &Made,
        case_id: Uuid,
        only: Option<&PartnerId>,
    ) -> Result<(), JournalError> {
        let concerns = |recipient: Option<&PartnerId>| only.is_none() || recipient == only;
        let common =
            || Entry { case: Some(case_id), message: Some(made.message), ..Entry::default() };
        for not_sent in &dispatch.not_sent {
            if !concerns(not_sent.recipient.as_ref()) {
                continue;
            }
            let entry = Entry {
                partner: not_sent.recipient.as_ref(),
                reason: not_sent.reason,
                detail: "[]".to_owned(),
                named: not_sent.named,
                ..common()
            };
            self.quarantine(self.vault.uuid()?, made.at, entry);
        }
        for failure in &dispatch.failures {
            if !concerns(Some(&failure.recipient)) {
                continue;
            }
            let entry = Entry {
                partner: Some(&failure.recipient),
                reason: failure.reason,
                detail: violations_json(&failure.violations),
                ..common()
            };
            self.quarantine(self.vault.uuid()?, made.at, entry);
        }
        Ok(())
    }

    /// One parcel, sealed, as a row of the outbox.
    pub fn parcel_row(
        &mut self,
        parcel: &Parcel,
        made: &Made,
        case: &CaseWork,
        place: Place,
        announced: &mut Announced,
    ) -> Result<Vec<Cell>, JournalError> {
        let id = Uuid::from(parcel.id);
        let (key, sealed_key) = self.vault.row_key(&case.key, id)?;
        let sealed = self.vault.seal(&key, id, Part::Parcel, &parcel.bytes)?;
        let detail = ParcelDetail {
            role: RoleStatement { vervangt: place.replaces, ..parcel.role.clone() },
            purposes: parcel.purposes.clone(),
            route: parcel.route.clone(),
            withheld: parcel.withheld.clone(),
            glass: parcel.glass,
        };
        let unwritable = |_| JournalError::Unreadable("the detail of a parcel");
        let text = serde_json::to_string(&detail).map_err(unwritable)?;
        let content = [sealed.digest, sealed.commitment];
        announced.parcel(id, parcel.recipient.as_str(), &text, content);
        let head = !place.lane.open;
        let lease = match head.then(|| self.place(&parcel.recipient)).flatten() {
            Some(room) => Some(self.leave(room, parcel, made, case, (&place, detail, &sealed))?),
            None => {
                self.left_due |= head;
                None
            }
        };
        let due = lease.map_or(made.at, |_| made.at.plus_seconds(fresh::LEASE_S));
        let seq = self.counters.outbox();
        Ok(vec![
            seq.clone(),
            id.into(),
            made.message.into(),
            Uuid::from(case.state.id).into(),
            parcel.recipient.as_str().into(),
            place.position.map_or(seq, Cell::from),
            made.leaf.into(),
            parcel.role.bericht.as_str().into(),
            parcel.role.gebruik.as_str().into(),
            parcel.urgent.into(),
            made.answer.into(),
            place.lane.gap.into(),
            made.at.into(),
            made.catalogue.into(),
            parcel.media_type.as_str().into(),
            text.into(),
            sealed_key.into(),
            sealed.blob.into(),
            sealed.digest.into(),
            sealed.commitment.into(),
            ParcelState::Wacht.as_str().into(),
            Stage::Klaargezet.as_str().into(),
            head.into(),
            i64::from(lease.is_some()).into(),
            due.into(),
            lease.into(),
        ])
    }

    /// A place for a parcel that can leave at once.
    fn place(&self, recipient: &PartnerId) -> Option<FreshPlace> {
        self.door.filter(|_| !self.suspended.contains(recipient))?.place(recipient)
    }

    /// Lets a parcel leave when this is committed; the token of its lease.
    fn leave(
        &mut self,
        room: FreshPlace,
        parcel: &Parcel,
        made: &Made,
        case: &CaseWork,
        stored: (&Place, ParcelDetail, &Sealed),
    ) -> Result<Uuid, JournalError> {
        let (place, mut detail, sealed) = stored;
        detail.role.voorganger_ontbreekt |= place.lane.gap;
        let token = self.vault.lease_token()?;
        let outgoing = Outgoing {
            id: parcel.id,
            lease: LeaseToken(token),
            recipient: parcel.recipient.clone(),
            message: made.message.into(),
            case: case.state.id,
            kind: parcel.role.bericht.clone(),
            usage: parcel.role.gebruik,
            urgent: parcel.urgent,
            answer: made.answer,
            made_at: made.at,
            catalogue: made.catalogue,
            media_type: parcel.media_type.clone(),
            bytes: parcel.bytes.clone(),
            detail,
            attempts: 1,
            salt: sealed.salt,
            commitment: sealed.commitment,
            checkpoint: self.checkpoint.clone(),
        };
        self.leaving.push((room, outgoing));
        Ok(token)
    }

    pub async fn store_parcels(&mut self, rows: Vec<Vec<Cell>>) -> Result<(), sqlx::Error> {
        OUTBOX.insert(self.conn, rows).await
    }

    /// Parcels by id, without their documents.
    pub async fn parcel_rows(
        &mut self,
        ids: BTreeSet<Uuid>,
    ) -> Result<HashMap<Uuid, ParcelRow>, sqlx::Error> {
        let sql = "select id, message_id, case_id, recipient, position, kind, usage, answer, state,
                stage, lease_token, catalogue, digest, commitment
            from outbox where id in ({ids})";
        let rows = fetch_in(self.conn, sql, ids.into_iter().map(Cell::from).collect()).await?;
        rows.iter().map(|row| ParcelRow::read(row).map(|parcel| (parcel.id, parcel))).collect()
    }

    pub async fn parcel_row_of(&mut self, id: Uuid) -> Result<ParcelRow, JournalError> {
        self.parcel_rows(BTreeSet::from([id])).await?.remove(&id).ok_or(JournalError::NotFound)
    }

    /// Marks the oldest unsettled parcel of a lane, unless it is in quarantine.
    pub async fn advance_lane(
        &mut self,
        case: Uuid,
        recipient: &PartnerId,
    ) -> Result<(), sqlx::Error> {
        self.advance_lanes(BTreeSet::from([(case, recipient.clone())])).await
    }

    /// As `advance_lane`, for many at a time.
    pub async fn advance_lanes(
        &mut self,
        lanes: BTreeSet<(Uuid, PartnerId)>,
    ) -> Result<(), sqlx::Error> {
        if self.conn.is_postgres() {
            let (cases, recipients) =
                lanes.iter().map(|(c, r)| (Cell::from(*c), Cell::from(r.as_str()))).unzip();
            let cells = [Cell::array(cases), Cell::array(recipients)];
            let lanes = "unnest($1::bytea[], $2::text[]) as lane (column1, column2)";
            let advanced = query_of(advance(lanes), cells).execute(self.conn).await?;
            self.left_due |= advanced > 0;
            return Ok(());
        }
        let mut lanes = lanes.into_iter();
        for size in LANES {
            while lanes.len() >= size {
                let cells = lanes.by_ref().take(size);
                let cells = cells.flat_map(|(c, r)| [Cell::from(c), Cell::from(r.as_str())]);
                let values = vec!["(?, ?)"; size].join(", ");
                let sql = advance(&format!("(values {values}) as lane"));
                let cells: Vec<Cell> = cells.collect();
                self.left_due |= query_of(sql, cells).execute(self.conn).await? > 0;
            }
        }
        Ok(())
    }

    /// As `advance_lane`, where a parcel came back that may be older than the head.
    pub async fn reorder_lane(
        &mut self,
        case: Uuid,
        recipient: &PartnerId,
    ) -> Result<(), sqlx::Error> {
        let sql = "update outbox set head = 0 where case_id = $1 and recipient = $2 and head = 1";
        let clear = query(sql, [case.into(), recipient.as_str().into()]);
        clear.execute(&mut *self.conn).await?;
        self.advance_lane(case, recipient).await
    }

    /// Ends the waiting of a parcel and lets the next of its lane come forward.
    pub async fn close_parcel(
        &mut self,
        parcel: &ParcelRow,
        state: ParcelState,
    ) -> Result<(), sqlx::Error> {
        let sql = "update outbox set state = $2, head = 0, lease_token = null where id = $1";
        let update = query(sql, [parcel.id.into(), state.as_str().into()]);
        update.execute(&mut *self.conn).await?;
        self.advance_lane(parcel.case, &parcel.recipient).await
    }
}

/// Lanes per statement on SQLite, largest first.
const LANES: [usize; 3] = [32, 8, 1];

/// Marks the heads of lanes, which are rows of a case and a recipient.
fn advance(lanes: &str) -> String {
    format!(
        "update outbox set head = 1 where head = 0 and state = 'wacht' and seq in (
            select (select o.seq from outbox o
                where o.case_id = lane.column1 and o.recipient = lane.column2
                    and o.state in ('wacht', 'uitval')
                order by o.position, o.seq limit 1)
            from {lanes})"
    )
}

/// A word that may stand in evidence: codes of the hub do, anything else becomes `overig`.
pub(super) fn fixed_code(text: &str) -> String {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_code = (1..=60).contains(&text.len()) && text.bytes().all(fits);
    if is_code { text.to_owned() } else { "overig".to_owned() }
}
