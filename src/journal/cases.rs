//! The case states that a group of messages concerns, fetched in a few reads and kept up to date
//! in memory, so that two messages of one group about one new reference share its case.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::JournalError;
use super::confirm::read_names;
use super::keys::{Part, Vault, open_row_key, open_sealed};
use super::sql::{Cell, Conn, Table, fetch_in, unreadable};
use super::unit::Unit;
use crate::casework::{CorrelationKey, Decision};
use crate::evidence::DataKey;
use crate::message::{CanonicalMessage, CaseNumber, Digest, PartnerId, Timestamp, Usage};
use crate::message::{CaseState, EarlierParcel};
use crate::pipeline::Parcel;

/// What a group knows of its cases.
#[derive(Default)]
pub(super) struct CaseBook {
    by_key: HashMap<Digest, Uuid>,
    by_number: HashMap<String, Uuid>,
    cases: HashMap<Uuid, CaseWork>,
    new_cases: Vec<Vec<Cell>>,
    new_keys: Vec<Vec<Cell>>,
}

/// A case that a group works on.
pub(super) struct CaseWork {
    pub state: CaseState,
    /// Seals what is stored in it.
    pub key: Arc<DataKey>,
    pub lanes: HashMap<PartnerId, Lane>,
}

impl CaseWork {
    /// Notes what recipients get of a message, for those that follow it in this group.
    pub fn remember(
        &mut self,
        (id, message): (Uuid, &CanonicalMessage),
        parcels: &[Parcel],
        at: Timestamp,
    ) {
        self.state.earlier.extend(parcels.iter().map(|parcel| EarlierParcel {
            recipient: parcel.recipient.clone(),
            id: parcel.id,
            made_at: at,
            kind: parcel.role.bericht.clone(),
            message: id.into(),
            sender: message.sender.clone(),
            reference: message.reference.clone(),
        }));
    }
}

/// Whether a lane has unsettled parcels, and whether its last parcel was dropped.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lane {
    pub open: bool,
    pub gap: bool,
}

const CASES: Table =
    Table { name: "cases", columns: "id, number, usage, theme, opened_at", suffix: "" };

const CORRELATION: Table =
    Table { name: "correlation", columns: "key, case_id", suffix: "on conflict (key) do nothing" };

/// The form in which a correlation key is stored.
pub(super) fn hash_of(unit: &Unit<'_>, key: &CorrelationKey) -> Digest {
    unit.vault.hub.lookup_hash("casus", &key.to_bytes())
}

impl CaseBook {
    /// Fetches the cases that the keys lead to, and those named by id. Erased ones are left out.
    pub async fn load(
        unit: &mut Unit<'_>,
        keys: &[CorrelationKey],
        mut ids: BTreeSet<Uuid>,
    ) -> Result<Self, JournalError> {
        let mut book = Self::default();
        let (mut hashes, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        for key in keys {
            match key {
                CorrelationKey::Signal { .. } => hashes.insert(hash_of(unit, key).into()),
                CorrelationKey::Case { number, .. } => numbers.insert(number.as_str().into()),
            };
        }
        let by_key = "select key, case_id from correlation where key in ({ids})";
        for row in fetch_in(unit.conn, by_key, hashes.into_iter().collect()).await? {
            book.by_key.insert(row.digest("key")?, row.uuid("case_id")?);
        }
        let by_number = "select id, number from cases where number in ({ids})";
        for row in fetch_in(unit.conn, by_number, numbers.into_iter().collect()).await? {
            book.by_number.insert(row.text("number")?, row.uuid("id")?);
        }
        ids.extend(book.by_key.values().chain(book.by_number.values()));
        book.cases = load(unit.conn, unit.vault, ids).await?;
        for (id, case) in &book.cases {
            unit.vault.remember(*id, Arc::clone(&case.key));
        }
        Ok(book)
    }

    /// Adds what recipients got before in these cases.
    pub async fn look_back(&mut self, unit: &mut Unit<'_>) -> Result<(), JournalError> {
        load_earlier(unit.conn, &mut self.cases).await
    }

    /// The states that keys lead to, in their order, each once.
    pub fn found(&self, unit: &Unit<'_>, keys: &[CorrelationKey]) -> Vec<CaseState> {
        let mut ids: Vec<Uuid> = Vec::new();
        for key in keys {
            let id = match key {
                CorrelationKey::Signal { .. } => self.by_key.get(&hash_of(unit, key)),
                CorrelationKey::Case { number, .. } => self.by_number.get(number),
            };
            ids.extend(id.filter(|id| !ids.contains(id)).copied().into_iter().collect::<Vec<_>>());
        }
        ids.iter().filter_map(|id| self.cases.get(id)).map(|case| case.state.clone()).collect()
    }

    pub fn case(&self, id: Uuid) -> Option<&CaseWork> {
        self.cases.get(&id)
    }

    pub fn case_mut(&mut self, id: Uuid) -> Option<&mut CaseWork> {
        self.cases.get_mut(&id)
    }

    /// Takes a decision over: opens the case where it is new, and remembers the message's own key.
    pub fn settle(
        &mut self,
        unit: &mut Unit<'_>,
        decision: Decision,
        own: &CorrelationKey,
        at: Timestamp,
    ) -> Result<Uuid, JournalError> {
        let id = Uuid::from(decision.case().id);
        if let Decision::Open(state) = decision {
            let key = unit.new_holder(id)?;
            self.new_cases.push(vec![
                id.into(),
                state.number.as_str().into(),
                state.usage.as_str().into(),
                state.theme.clone().into(),
                at.into(),
            ]);
            self.by_number.insert(state.number.as_str().to_owned(), id);
            self.cases.insert(id, CaseWork { state, key, lanes: HashMap::new() });
        }
        let hash = hash_of(unit, own);
        if !self.by_key.get(&hash).is_some_and(|case| self.cases.contains_key(case)) {
            self.by_key.insert(hash, id);
            self.new_keys.push(vec![hash.into(), id.into()]);
        }
        Ok(id)
    }

    /// Writes the new cases and keys, before the rows that refer to them.
    pub async fn store(&mut self, unit: &mut Unit<'_>) -> Result<(), sqlx::Error> {
        CASES.insert(unit.conn, std::mem::take(&mut self.new_cases)).await?;
        CORRELATION.insert(unit.conn, std::mem::take(&mut self.new_keys)).await
    }
}

/// Cases by id, with who takes part and how their lanes are. Erased ones are left out.
pub(super) async fn load(
    conn: &mut Conn,
    vault: &Vault,
    ids: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, CaseWork>, JournalError> {
    let mut cases = HashMap::new();
    if ids.is_empty() {
        return Ok(cases);
    }
    let cells: Vec<Cell> = ids.iter().copied().map(Cell::from).collect();
    let mut keys = vault.holder_keys(ids).await?;
    // An erasure that was begun counts: its key is about to go, if it is not gone already.
    let sql = "select id, number, usage, theme from cases
                   where id in ({ids}) and erased_at is null
                   and not exists (select 1 from erasure e where e.holder = cases.id)";
    for row in fetch_in(conn, sql, cells.clone()).await? {
        let id = row.uuid("id")?;
        let Some(key) = keys.remove(&id) else { continue };
        let usage = Usage::parse(&row.text("usage")?).ok_or_else(|| unreadable("usage"))?;
        let state = CaseState {
            id: id.into(),
            number: CaseNumber::from_stored(row.text("number")?),
            usage,
            theme: row.maybe_text("theme")?,
            participants: BTreeSet::new(),
            recipients: BTreeSet::new(),
            earlier: Vec::new(),
        };
        cases.insert(id, CaseWork { state, key, lanes: HashMap::new() });
    }
    let senders = "select distinct case_id, partner from inbox where case_id in ({ids})";
    for row in fetch_in(conn, senders, cells.clone()).await? {
        if let Some(case) = cases.get_mut(&row.uuid("case_id")?) {
            case.state.participants.insert(row.parsed("partner")?);
        }
    }
    // A parcel of which the operator decided that it shall not go has the stage `verlopen`.
    let lanes = "select case_id, recipient,
                max(case when state in ('wacht', 'uitval') then 1 else 0 end) as open,
                max(case when stage = 'verlopen' then position else 0 end) as dropped,
                max(position) as last, max(1 - answer) as informed
            from outbox where case_id in ({ids}) group by case_id, recipient";
    for row in fetch_in(conn, lanes, cells).await? {
        if let Some(case) = cases.get_mut(&row.uuid("case_id")?) {
            let recipient: PartnerId = row.parsed("recipient")?;
            let lane =
                Lane { open: row.int("open")? != 0, gap: row.int("dropped")? == row.int("last")? };
            case.lanes.insert(recipient.clone(), lane);
            case.state.participants.insert(recipient.clone());
            // Who only got an answer did not hear of the signal itself.
            if row.int("informed")? != 0 {
                case.state.recipients.insert(recipient);
            }
        }
    }
    Ok(cases)
}

/// The newest `EARLIER_MAX` parcels of each recipient in these cases, in the order of its lane.
/// Which signal each was about lies sealed with its message.
pub(super) async fn load_earlier(
    conn: &mut Conn,
    cases: &mut HashMap<Uuid, CaseWork>,
) -> Result<(), JournalError> {
    let sql = "select * from (
            select o.case_id, o.recipient, o.id, o.made_at, o.kind, o.position, o.seq,
                o.message_id, i.partner, i.sealed_key, i.names, row_number() over (
                    partition by o.case_id, o.recipient order by o.position desc, o.seq desc
                ) as age
            from outbox o join inbox i on i.id = o.message_id
            where o.case_id in ({ids}) and o.answer = 0 and o.state <> 'vervallen'
        ) as parcels where age <= 20 order by position, seq";
    let ids = cases.keys().copied().map(Cell::from).collect();
    for row in fetch_in(conn, sql, ids).await? {
        let Some(case) = cases.get_mut(&row.uuid("case_id")?) else { continue };
        let message = row.uuid("message_id")?;
        let key = open_row_key(&case.key, message, &row.blob("sealed_key")?)?;
        let (_, names) = open_sealed(&key, message, Part::Names, &row.blob("names")?)?;
        let [_, reference] = read_names(&names)?;
        case.state.earlier.push(EarlierParcel {
            recipient: row.parsed("recipient")?,
            id: row.uuid("id")?.into(),
            made_at: row.time("made_at")?,
            kind: row.text("kind")?,
            message: message.into(),
            sender: row.parsed("partner")?,
            reference,
        });
    }
    Ok(())
}
