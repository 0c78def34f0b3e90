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
use crate::casework::{CorrelationKey, Decision, Dossier, Found};
use crate::evidence::DataKey;
use crate::message::{
    CanonicalMessage, CaseNumber, CaseState, Digest, EarlierParcel, PartnerId, Succession,
    Timestamp, Usage,
};
use crate::pipeline::Parcel;

/// What a group knows of its cases.
#[derive(Default)]
pub(super) struct CaseBook {
    /// With the moment until which a place or a person counts.
    by_key: HashMap<Digest, (Uuid, Option<Timestamp>)>,
    by_number: HashMap<String, Uuid>,
    cases: HashMap<Uuid, CaseWork>,
    new_cases: Vec<(Uuid, Vec<Cell>)>,
    new_keys: Vec<Vec<Cell>>,
    /// Places and persons that lead to another case from now on, or for longer.
    likenesses: HashMap<Digest, (Uuid, Timestamp)>,
}

/// A case that a group works on.
pub(super) struct CaseWork {
    pub state: CaseState,
    /// Seals what is stored in it.
    pub key: Arc<DataKey>,
    pub lanes: HashMap<PartnerId, Lane>,
    /// What regie knows of it, where regie has to do with it.
    pub dossier: Option<Dossier>,
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
    Table { name: "cases", columns: "id, number, usage, theme, opened_at, erase_at", suffix: "" };

const CORRELATION: Table =
    Table { name: "correlation", columns: "key, case_id", suffix: "on conflict (key) do nothing" };

const LIKENESS: Table = Table {
    name: "correlation",
    columns: "key, case_id, until",
    suffix: "on conflict (key) do update set case_id = excluded.case_id, until = excluded.until",
};

/// How often a merged case is followed to the one that took it over.
pub(super) const MERGES_MAX: usize = 8;

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
                CorrelationKey::Case { number, .. } => numbers.insert(number.as_str().into()),
                key => hashes.insert(hash_of(unit, key).into()),
            };
        }
        let by_key = "select key, case_id, until from correlation where key in ({ids})";
        for row in fetch_in(unit.conn, by_key, hashes.into_iter().collect()).await? {
            let until = row.maybe_int("until")?.map(Timestamp::from_micros);
            book.by_key.insert(row.digest("key")?, (row.uuid("case_id")?, until));
        }
        let by_number = "select id, number from cases where number in ({ids})";
        for row in fetch_in(unit.conn, by_number, numbers.into_iter().collect()).await? {
            book.by_number.insert(row.text("number")?, row.uuid("id")?);
        }
        ids.extend(book.by_key.values().map(|(id, _)| id).chain(book.by_number.values()));
        book.cases = load((unit.conn, unit.vault), &unit.succession, ids).await?;
        book.load_merged(unit).await?;
        for (id, case) in &book.cases {
            unit.vault.remember(*id, Arc::clone(&case.key));
        }
        Ok(book)
    }

    /// Adds cases to those that are known.
    pub async fn add(
        &mut self,
        unit: &mut Unit<'_>,
        mut ids: BTreeSet<Uuid>,
    ) -> Result<(), JournalError> {
        ids.retain(|id| !self.cases.contains_key(id));
        self.cases.extend(load((unit.conn, unit.vault), &unit.succession, ids).await?);
        self.unite();
        Ok(())
    }

    /// Adds the cases that took over others.
    async fn load_merged(&mut self, unit: &mut Unit<'_>) -> Result<(), JournalError> {
        for _ in 0..MERGES_MAX {
            let into = self.cases.values().filter_map(|case| case.dossier.as_ref()?.merged_into);
            let missing: BTreeSet<Uuid> =
                into.map(Uuid::from).filter(|id| !self.cases.contains_key(id)).collect();
            if missing.is_empty() {
                break;
            }
            self.cases.extend(load((unit.conn, unit.vault), &unit.succession, missing).await?);
        }
        self.unite();
        Ok(())
    }

    /// Who took part in a case that was merged takes part in the one that goes on.
    fn unite(&mut self) {
        let merged = self.cases.iter().filter(|(_, case)| {
            case.dossier.as_ref().is_some_and(|dossier| dossier.merged_into.is_some())
        });
        let brought: Vec<(Uuid, CaseState)> =
            merged.map(|(id, case)| (self.living(*id), case.state.clone())).collect();
        let merged: Vec<(Uuid, Uuid)> =
            self.cases.keys().map(|id| (*id, self.living(*id))).filter(|(a, b)| a != b).collect();
        // What a glass opens is what is in the case now, those that were merged into it included.
        for (id, into) in merged {
            let glasses = self.cases.get(&into).map(|case| case.state.glasses.clone());
            if let Some((case, glasses)) = self.cases.get_mut(&id).zip(glasses) {
                case.state.glasses = glasses;
            }
        }
        for (into, brought) in brought {
            let Some(case) = self.cases.get_mut(&into) else { continue };
            case.state.participants.extend(brought.participants);
            case.state.recipients.extend(brought.recipients);
            for parcel in brought.earlier {
                if !case.state.earlier.contains(&parcel) {
                    case.state.earlier.push(parcel);
                }
            }
        }
    }

    /// The case itself, or the one that took it over.
    pub fn living(&self, mut id: Uuid) -> Uuid {
        for _ in 0..MERGES_MAX {
            let dossier = self.cases.get(&id).and_then(|case| case.dossier.as_ref());
            match dossier.and_then(|dossier| dossier.merged_into) {
                Some(into) if self.cases.contains_key(&into.into()) => id = into.into(),
                _ => break,
            }
        }
        id
    }

    /// Adds what recipients got before in these cases.
    pub async fn look_back(&mut self, unit: &mut Unit<'_>) -> Result<(), JournalError> {
        load_earlier(unit.conn, &unit.succession, &mut self.cases).await?;
        self.unite();
        Ok(())
    }

    /// The cases that keys lead to, in their order, each once.
    pub fn found<'b>(
        &'b self,
        unit: &Unit<'_>,
        keys: &'b [CorrelationKey],
        at: Timestamp,
    ) -> Vec<Found<'b>> {
        let mut found: Vec<Found<'b>> = Vec::new();
        for key in keys {
            let id = match key {
                CorrelationKey::Case { number, .. } => self.by_number.get(number).copied(),
                key => {
                    let known = self.by_key.get(&hash_of(unit, key));
                    known.filter(|(_, until)| until.is_none_or(|until| at <= until)).map(|k| k.0)
                }
            };
            let Some(case) = id.and_then(|id| self.cases.get(&self.living(id))) else { continue };
            if !found.iter().any(|known| known.case.id == case.state.id) {
                found.push(Found { key, case: &case.state, dossier: case.dossier.as_ref() });
            }
        }
        found
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
        (at, until): (Timestamp, Timestamp),
    ) -> Result<Uuid, JournalError> {
        let id = Uuid::from(decision.case().id);
        if let Decision::Open { case: state, .. } = decision {
            self.open(unit, state, at, Some(until))?;
        }
        self.lead(unit, own, id);
        Ok(id)
    }

    /// Opens a case. `until` is when its retention is looked at where it stays by itself.
    pub fn open(
        &mut self,
        unit: &mut Unit<'_>,
        state: CaseState,
        at: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        let id = Uuid::from(state.id);
        let key = unit.new_holder(id)?;
        let row = vec![
            id.into(),
            state.number.as_str().into(),
            state.usage.as_str().into(),
            state.theme.clone().into(),
            at.into(),
            until.into(),
        ];
        self.new_cases.push((id, row));
        self.by_number.insert(state.number.as_str().to_owned(), id);
        self.cases.insert(id, CaseWork { state, key, lanes: HashMap::new(), dossier: None });
        Ok(())
    }

    /// Makes a key lead to a case, where it leads to none yet.
    pub fn lead(&mut self, unit: &Unit<'_>, key: &CorrelationKey, id: Uuid) {
        let hash = hash_of(unit, key);
        if !self.by_key.get(&hash).is_some_and(|(case, _)| self.cases.contains_key(case)) {
            self.by_key.insert(hash, (id, None));
            self.new_keys.push(vec![hash.into(), id.into()]);
        }
    }

    /// Makes a place or a person lead to a case until a moment.
    pub fn liken(&mut self, unit: &Unit<'_>, key: &CorrelationKey, id: Uuid, until: Timestamp) {
        let hash = hash_of(unit, key);
        self.by_key.insert(hash, (id, Some(until)));
        self.likenesses.insert(hash, (id, until));
    }

    /// Writes the new cases and keys, before the rows that refer to them.
    pub async fn store(&mut self, unit: &mut Unit<'_>) -> Result<(), sqlx::Error> {
        let new_cases = std::mem::take(&mut self.new_cases).into_iter();
        let rows = new_cases.map(|(id, mut row)| {
            // What is directed has a retention of its own, which begins when it is closed.
            if self.case(id).is_some_and(|case| case.dossier.is_some()) {
                row.pop();
                row.push(Cell::Null);
            }
            row
        });
        CASES.insert(unit.conn, rows.collect()).await?;
        CORRELATION.insert(unit.conn, std::mem::take(&mut self.new_keys)).await?;
        let likenesses = std::mem::take(&mut self.likenesses).into_iter();
        let rows = likenesses.map(|(key, (id, until))| vec![key.into(), id.into(), until.into()]);
        LIKENESS.insert(unit.conn, rows.collect()).await
    }
}

/// Reads what `regie` wrote, with partners under their names of now.
pub(super) fn read_dossier(text: &str, succession: &Succession) -> Result<Dossier, JournalError> {
    let read = serde_json::from_str(text);
    let mut dossier: Dossier =
        read.map_err(|_| JournalError::Unreadable("the dossier of a case"))?;
    dossier.call_partners(succession);
    Ok(dossier)
}

/// Cases by id, with who takes part and how their lanes are. Erased ones are left out.
pub(super) async fn load(
    (conn, vault): (&mut Conn, &Vault),
    succession: &Succession,
    ids: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, CaseWork>, JournalError> {
    let mut cases = HashMap::new();
    if ids.is_empty() {
        return Ok(cases);
    }
    let cells: Vec<Cell> = ids.iter().copied().map(Cell::from).collect();
    let mut keys = vault.holder_keys(ids).await?;
    // An erasure that was begun counts: its key is about to go, if it is not gone already.
    let sql = "select c.id, c.number, c.usage, c.theme, d.document from cases c
                   left join dossier d on d.case_id = c.id
                   where c.id in ({ids}) and c.erased_at is null
                   and not exists (select 1 from erasure e where e.holder = c.id)";
    for row in fetch_in(conn, sql, cells.clone()).await? {
        let id = row.uuid("id")?;
        let Some(key) = keys.remove(&id) else { continue };
        let usage = Usage::parse(&row.text("usage")?).ok_or_else(|| unreadable("usage"))?;
        let dossier = row.maybe_text("document")?;
        let dossier = dossier.map(|text| read_dossier(&text, succession)).transpose()?;
        let state = CaseState {
            id: id.into(),
            number: CaseNumber::from_stored(row.text("number")?),
            usage,
            theme: row.maybe_text("theme")?,
            participants: BTreeSet::new(),
            recipients: BTreeSet::new(),
            earlier: Vec::new(),
            glasses: dossier.as_ref().map_or_else(Vec::new, |dossier| dossier.glasses.clone()),
        };
        cases.insert(id, CaseWork { state, key, lanes: HashMap::new(), dossier });
    }
    let senders = "select distinct case_id, partner from inbox where case_id in ({ids})";
    for row in fetch_in(conn, senders, cells.clone()).await? {
        if let Some(case) = cases.get_mut(&row.uuid("case_id")?) {
            case.state.participants.insert(succession.now(&row.parsed("partner")?).clone());
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
            let recipient = succession.now(&recipient).clone();
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
    succession: &Succession,
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
            recipient: succession.now(&row.parsed("recipient")?).clone(),
            id: row.uuid("id")?.into(),
            made_at: row.time("made_at")?,
            kind: row.text("kind")?,
            message: message.into(),
            sender: succession.now(&row.parsed("partner")?).clone(),
            reference,
        });
    }
    Ok(())
}
