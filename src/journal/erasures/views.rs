//! Requests as people see them, and what one would destroy.

use serde::Serialize;
use uuid::Uuid;

use super::Journal;
use crate::journal::JournalError;
use crate::journal::regie::recipients;
use crate::journal::sql::{Conn, Row, query};
use crate::message::{CaseId, CaseNumber, PartnerId, Succession, Timestamp};

/// Requests that are listed at most.
const LIST_MAX: i64 = 200;

/// A request, and what it is about.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasureLine {
    pub verzoek: i64,
    /// `casus`, `persoon` or `uitval`.
    pub soort: String,
    /// `wacht`, `goedgekeurd`, `geweigerd` or `vervallen`.
    pub stand: String,
    pub door: String,
    pub reden: String,
    pub gevraagd: Timestamp,
    pub vervalt: Timestamp,
    pub beslist_door: Option<String>,
    pub beslist_reden: Option<String>,
    pub beslist: Option<Timestamp>,
    pub onderdelen: Vec<ErasureItemLine>,
}

/// One case of a request, or one document of quarantine.
#[derive(Debug, Clone, Serialize)]
pub struct ErasureItemLine {
    pub casus: Option<CaseNumber>,
    pub uitval: Option<Uuid>,
    /// `gewist`, `bewaard` or `was-gewist`, once it was approved.
    pub uitkomst: Option<String>,
    /// The case in which recipients hear of it.
    pub kennisgeving: Option<CaseNumber>,
}

/// A case that an erasure would destroy.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasureSubject {
    #[serde(skip)]
    pub id: CaseId,
    pub casus: CaseNumber,
    pub gebruik: String,
    pub thema: Option<String>,
    pub sinds: Timestamp,
    pub berichten: i64,
    pub zendingen: i64,
    /// Who had of it, or may have.
    pub ontvangers: Vec<PartnerId>,
    pub moet_bewaard_blijven: bool,
}

impl Journal {
    /// Requests, the newest first: those that wait, or all.
    pub async fn erasure_requests(
        &self,
        all: bool,
        now: Timestamp,
    ) -> Result<Vec<ErasureLine>, JournalError> {
        let waiting = "select * from erasure_request where state = 'wacht' and until > $1
            order by number desc limit $2";
        let every = "select * from erasure_request where $1 > 0 order by number desc limit $2";
        let sql = if all { every } else { waiting };
        let mut conn = self.reads.acquire().await?;
        let rows = query(sql, [now.into(), LIST_MAX.into()]).fetch_all(&mut conn).await?;
        let mut lines = rows.iter().map(|row| line(row, now)).collect::<Result<Vec<_>, _>>()?;
        for line in &mut lines {
            line.onderdelen = items(&mut conn, line.verzoek).await?;
        }
        Ok(lines)
    }

    /// What is known of these cases, for who decides whether they are to be erased.
    pub async fn erasure_subjects(
        &self,
        cases: &[CaseId],
    ) -> Result<Vec<ErasureSubject>, JournalError> {
        let (names, mut conn) = (self.roll.get(), self.reads.acquire().await?);
        let mut found = Vec::with_capacity(cases.len());
        for case in cases {
            found.extend(subject(&mut conn, &names, (*case).into()).await?);
        }
        Ok(found)
    }

    /// The case that a message, a parcel, a case or a refused document belongs to, and those that
    /// were merged into it; none where the document stands by itself.
    pub async fn cases_with(&self, id: Uuid) -> Result<Vec<CaseId>, JournalError> {
        let sql = "with recursive down (id, depth) as (
                select c.id, 0 from cases c where c.id in (
                    select id from cases where id = $1
                    union all select case_id from inbox where id = $1 or public_id = $1
                    union all select case_id from outbox where id = $1
                    union all select holder from quarantine where id = $1 and holder is not null)
                union all select d.case_id, down.depth + 1
                    from down join dossier d on d.merged_into = down.id where down.depth < 8)
            select id, min(depth) as depth from down group by id order by 2, 1";
        let rows = query(sql, [id.into()]).fetch_all(&mut self.reads.acquire().await?).await?;
        let ids = rows.iter().map(|row| row.uuid("id").map(CaseId::from));
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Open entries of quarantine that came in and belong to no case: nothing in them is searched.
    pub async fn unsearched(&self) -> Result<i64, JournalError> {
        let sql = "select count(*) as many from quarantine
            where state = 'open' and direction = 'inkomend' and holder = id";
        let row = query(sql, []).fetch_one(&mut self.reads.acquire().await?).await?;
        Ok(row.int("many")?)
    }
}

fn line(row: &Row, now: Timestamp) -> Result<ErasureLine, sqlx::Error> {
    let (state, until) = (row.text("state")?, row.time("until")?);
    let lapsed = state == "wacht" && until <= now;
    Ok(ErasureLine {
        verzoek: row.int("number")?,
        soort: row.text("kind")?,
        stand: if lapsed { "vervallen".to_owned() } else { state },
        door: row.text("asked_by")?,
        reden: row.text("why")?,
        gevraagd: row.time("asked_at")?,
        vervalt: until,
        beslist_door: row.maybe_text("decided_by")?,
        beslist_reden: row.maybe_text("decided_why")?,
        beslist: row.maybe_int("decided_at")?.map(Timestamp::from_micros),
        onderdelen: Vec::new(),
    })
}

async fn items(conn: &mut Conn, number: i64) -> Result<Vec<ErasureItemLine>, sqlx::Error> {
    let sql = "select i.holder, i.kind, i.outcome, c.number, n.number as notice
        from erasure_item i left join cases c on c.id = i.holder
            left join cases n on n.id = i.notice
        where i.request = $1 order by c.opened_at, i.holder";
    let rows = query(sql, [number.into()]).fetch_all(conn).await?;
    let read = |row: &Row| {
        let is_case = row.text("kind")? == "casus";
        Ok(ErasureItemLine {
            casus: row.maybe_text("number")?.map(CaseNumber::from_stored),
            uitval: if is_case { None } else { Some(row.uuid("holder")?) },
            uitkomst: row.maybe_text("outcome")?,
            kennisgeving: row.maybe_text("notice")?.map(CaseNumber::from_stored),
        })
    };
    rows.iter().map(read).collect()
}

async fn subject(
    conn: &mut Conn,
    names: &Succession,
    case: Uuid,
) -> Result<Option<ErasureSubject>, sqlx::Error> {
    let sql = "select c.number, c.usage, c.theme, c.opened_at,
            case when c.legal_hold = 1 or d.legal_hold = 1 or m.legal_hold = 1
                then 1 else 0 end as kept,
            (select count(*) from inbox i where i.case_id = c.id) as messages,
            (select count(*) from outbox o where o.case_id = c.id) as parcels
        from cases c left join dossier d on d.case_id = c.id
            left join dossier m on m.case_id = d.merged_into
        where c.id = $1";
    let Some(row) = query(sql, [case.into()]).fetch_optional(&mut *conn).await? else {
        return Ok(None);
    };
    Ok(Some(ErasureSubject {
        id: case.into(),
        casus: CaseNumber::from_stored(row.text("number")?),
        gebruik: row.text("usage")?,
        thema: row.maybe_text("theme")?,
        sinds: row.time("opened_at")?,
        berichten: row.int("messages")?,
        zendingen: row.int("parcels")?,
        ontvangers: recipients(conn, names, case).await?.into_keys().collect(),
        moet_bewaard_blijven: row.int("kept")? != 0,
    }))
}
