//! What was said in a case: its signals and supplements, and what their senders said later.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use crate::catalogue::Catalogue;
use crate::evidence::DataKey;
use crate::journal::cases::MERGES_MAX;
use crate::journal::confirm::read_names;
use crate::journal::keys::{Part, Vault, open_row_key, open_sealed};
use crate::journal::sql::{Cell, Conn, Row, fetch_in, query};
use crate::journal::{Journal, JournalError};
use crate::message::{
    CaseNumber, CaseState, Effect, ExternalId, MessageId, MessageKind, PartnerId, PublicId,
    Succession,
};
use crate::pipeline::{self, Admitted, Told, Untold};

/// Messages of a case that are looked at, the newest.
const SAID_MAX: i64 = 1000;

/// A message of a case, opened.
pub struct Said {
    pub(super) id: Uuid,
    pub(super) public_id: Uuid,
    pub(super) case: Uuid,
    pub(super) effect: Effect,
    told: Told,
}

impl Said {
    pub fn sender(&self) -> &PartnerId {
        &self.told.sender
    }

    pub fn public_id(&self) -> PublicId {
        self.public_id.into()
    }

    pub fn kind(&self) -> &MessageKind {
        &self.told.kind
    }

    /// As its sender would tell it now. `None` for what tells nothing by itself: a withdrawal, and
    /// a supplement of a signal that is here.
    pub fn retold(&self, set: &Catalogue, all: &[Self]) -> Option<Result<Admitted, Untold>> {
        let mut earlier = self.of_its_sender(all).take_while(|other| other.id != self.id);
        let supplements = |other: &Self| {
            let reference = other.told.data.get("kenmerk").and_then(Value::as_str);
            let sender = &self.told.sender;
            let about = |own| pipeline::corrects(&self.told.data, sender, own);
            other.effect != Effect::Intrekking && reference.is_some_and(about)
        };
        let tells = match self.effect {
            Effect::Melding => true,
            Effect::Aanvulling => !earlier.any(supplements),
            _ => false,
        };
        tells.then(|| self.now(set, all))
    }

    /// As its sender would tell it now, a supplement too.
    fn now(&self, set: &Catalogue, all: &[Self]) -> Result<Admitted, Untold> {
        let later = self.of_its_sender(all).skip_while(|other| other.id != self.id).skip(1);
        let later = later.map(|later| (later.effect, &later.told.data));
        pipeline::retold(set, self.told.clone(), later)
    }

    fn of_its_sender<'a>(&'a self, all: &'a [Self]) -> impl Iterator<Item = &'a Self> {
        all.iter().filter(|other| other.told.sender == self.told.sender)
    }
}

/// A case with those that were merged into it.
pub(super) async fn own_cases(conn: &mut Conn, case: Uuid) -> Result<Vec<Uuid>, JournalError> {
    let mut all = vec![case];
    let mut newest = all.clone();
    for _ in 0..MERGES_MAX {
        let sql = "select case_id from dossier where merged_into in ({ids})";
        let rows = fetch_in(conn, sql, newest.drain(..).map(Cell::from).collect()).await?;
        for row in &rows {
            newest.push(row.uuid("case_id")?);
        }
        newest.retain(|id| !all.contains(id));
        if newest.is_empty() {
            break;
        }
        all.extend(&newest);
    }
    Ok(all)
}

/// What was said in these cases, in its order. What was erased says nothing.
pub(super) async fn said(
    (conn, vault): (&mut Conn, &Vault),
    succession: &Succession,
    cases: &[Uuid],
) -> Result<Vec<Said>, JournalError> {
    let mut all = Vec::new();
    for case in cases {
        let holder = match vault.holder_key(*case).await {
            Ok(key) => key,
            Err(JournalError::Erased) => continue,
            Err(error) => return Err(error),
        };
        let sql = "select id, public_id, partner, kind, effect, sealed_key, names, canonical, seq
            from inbox where case_id = $1 and effect in ('melding', 'aanvulling', 'intrekking')
            order by seq desc limit $2";
        let rows = query(sql, [(*case).into(), SAID_MAX.into()]);
        for row in rows.fetch_all(&mut *conn).await? {
            all.push((row.int("seq")?, read(&holder, *case, (&row, succession))?));
        }
    }
    all.sort_by_key(|(seq, _)| *seq);
    Ok(all.into_iter().map(|(_, said)| said).collect())
}

fn read(
    holder: &Arc<DataKey>,
    case: Uuid,
    (row, succession): (&Row, &Succession),
) -> Result<Said, JournalError> {
    let unreadable = || JournalError::Unreadable("a message of a case");
    let id = row.uuid("id")?;
    let key = open_row_key(holder, id, &row.blob("sealed_key")?)?;
    let (_, data) = open_sealed(&key, id, Part::Canonical, &row.blob("canonical")?)?;
    let (_, names) = open_sealed(&key, id, Part::Names, &row.blob("names")?)?;
    let [external_id, _] = read_names(&names)?;
    let effect = match row.text("effect")?.as_str() {
        "melding" => Effect::Melding,
        "aanvulling" => Effect::Aanvulling,
        _ => Effect::Intrekking,
    };
    let told = Told {
        sender: succession.now(&row.parsed("partner")?).clone(),
        kind: MessageKind::parse(&row.text("kind")?).ok_or_else(unreadable)?,
        external_id: ExternalId::new(external_id),
        data: serde_json::from_slice(&data).map_err(|_| unreadable())?,
    };
    Ok(Said { id, public_id: row.uuid("public_id")?, case, effect, told })
}

/// Messages of which a person decided, or must decide, that this recipient does not get them:
/// they were held because they would endanger somebody.
pub(super) async fn held(
    conn: &mut Conn,
    all: &[Said],
    (recipient, succession): (&PartnerId, &Succession),
) -> Result<BTreeSet<Uuid>, JournalError> {
    let sql = "select message_id, partner, state from quarantine
        where message_id in ({ids}) and reason = 'vastgehouden'
            and state in ('open', 'vervallen')";
    let ids = all.iter().map(|said| said.id.into()).collect();
    let mut held = BTreeSet::new();
    for row in fetch_in(conn, sql, ids).await? {
        let open = row.text("state")? == "open";
        let partner = row.maybe_text("partner")?;
        let its = |name: &PartnerId| partner.as_deref() == Some(name.as_str());
        if open || succession.names(recipient).any(its) {
            held.insert(row.uuid("message_id")?);
        }
    }
    Ok(held)
}

impl Journal {
    /// What was said in a case and those merged into it, without what is held from a recipient.
    pub async fn said_in(
        &self,
        number: &CaseNumber,
        recipient: &PartnerId,
    ) -> Result<(Vec<Said>, BTreeSet<PublicId>), JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = "select id from cases where number = $1";
        let row = query(sql, [number.as_str().into()]).fetch_optional(&mut conn).await?;
        let case = row.ok_or(JournalError::NotFound)?.uuid("id")?;
        let cases = own_cases(&mut conn, case).await?;
        let names = self.roll.get();
        let all = said((&mut conn, &self.vault), &names, &cases).await?;
        let held = held(&mut conn, &all, (recipient, &names)).await?;
        let held = all.iter().filter(|said| held.contains(&said.id));
        let held = held.map(Said::public_id).collect();
        Ok((all, held))
    }

    /// The case of a message as it is now, for who would dispatch it anew.
    pub async fn case_of_said(&self, said: &Said) -> Result<CaseState, JournalError> {
        self.case_state(said.case.into(), said.id.into()).await
    }

    /// A message as its sender would tell it now, in its own case or the one that took that over;
    /// nothing where it is a request or an answer.
    pub async fn retold(
        &self,
        set: &Catalogue,
        message: MessageId,
    ) -> Result<Option<Result<Admitted, Untold>>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let id = Uuid::from(message);
        let sql = "select case_id from inbox where id = $1";
        let row = query(sql, [id.into()]).fetch_optional(&mut conn).await?;
        let mut case = row.ok_or(JournalError::NotFound)?.uuid("case_id")?;
        let mut cases = vec![case];
        for _ in 0..MERGES_MAX {
            let sql = "select merged_into from dossier where case_id = $1";
            let row = query(sql, [case.into()]).fetch_optional(&mut conn).await?;
            let into = row.map(|row| row.maybe_uuid("merged_into")).transpose()?.flatten();
            let Some(into) = into else { break };
            cases.push(into);
            case = into;
        }
        let all = said((&mut conn, &self.vault), &self.roll.get(), &cases).await?;
        let own = all.iter().find(|said| said.id == id);
        Ok(own.map(|own| own.now(set, &all)))
    }
}
