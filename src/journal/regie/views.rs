//! Cases, tasks and timelines as coordinators see them: codes, partners and moments.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use uuid::Uuid;

use super::super::cases::read_dossier;
use super::super::sql::{Cell, Row, query, query_of, unreadable};
use super::super::views::detail;
use super::super::{Journal, JournalError};
use crate::casework::{Dossier, Phase, Question, TaskState};
use crate::message::{CaseNumber, PartnerId, RoleStatement, TaskId, Timestamp, Usage};

/// Lines of a list at most.
pub const LIST_MAX: i64 = 500;

/// A case in a list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DossierLine {
    #[serde(rename = "casus")]
    pub number: CaseNumber,
    pub gebruik: Usage,
    pub thema: Option<String>,
    pub fase: Phase,
    pub buurt: Option<String>,
    pub slepend: bool,
    pub geopend: Timestamp,
    pub gesloten: Option<Timestamp>,
    /// The next moment at which something is due.
    pub volgende: Option<Timestamp>,
    #[serde(rename = "openTaken")]
    pub open_tasks: i64,
    #[serde(rename = "teLaat")]
    pub overdue: i64,
}

/// What a list of cases shows.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    pub phase: Option<Phase>,
    /// None: all.
    pub themes: Vec<String>,
    /// Closed and merged ones too.
    pub all: bool,
}

/// A case with all that regie knows of it.
#[derive(Debug, Clone)]
pub struct CaseView {
    pub number: CaseNumber,
    pub usage: Usage,
    pub theme: Option<String>,
    pub dossier: Dossier,
    /// Who takes part: who sent or received something in it.
    pub participants: Vec<PartnerId>,
    /// The case that took it over, and those that may be about the same.
    pub merged_into: Option<CaseNumber>,
    pub alike: Vec<CaseNumber>,
}

/// A case as one of its participants may come to see it.
#[derive(Debug, Clone)]
pub struct CaseShown {
    pub theme: Option<String>,
    pub usage: Usage,
    /// Absent where the signal stands by itself.
    pub dossier: Option<Dossier>,
    /// Who takes part, each with the role of its newest parcel; none for who only sent.
    pub roles: BTreeMap<PartnerId, Option<RoleStatement>>,
}

/// Which tasks a list shows.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    pub overdue: bool,
    pub partner: Option<PartnerId>,
    /// Only those for a coordinator to decide.
    pub to_decide: bool,
    /// Of cases of these themes; none: all.
    pub themes: Vec<String>,
    /// Ended ones too.
    pub all: bool,
}

/// A task in a list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskLine {
    #[serde(rename = "taak")]
    pub id: TaskId,
    pub casus: CaseNumber,
    pub thema: Option<String>,
    pub stap: Option<String>,
    #[serde(rename = "vraag")]
    pub action: String,
    pub ketenpartner: Option<PartnerId>,
    /// Of a coordinator's task.
    #[serde(rename = "teBeslissen")]
    pub question: Option<Question>,
    #[serde(rename = "stand")]
    pub state: TaskState,
    pub spoed: bool,
    pub gevraagd: Timestamp,
    /// The term that matters now.
    pub uiterlijk: Option<Timestamp>,
    #[serde(rename = "afrondenUiterlijk")]
    pub done_by: Timestamp,
}

/// A line of a timeline.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineLine {
    pub op: Timestamp,
    pub wat: String,
    pub taak: Option<TaskId>,
    pub ketenpartner: Option<PartnerId>,
    pub bijzonderheid: Option<String>,
    pub door: Option<String>,
    pub reden: Option<String>,
}

impl Journal {
    /// Cases, what is due first on top; then those without anything due, what changed last first.
    /// Each part is a walk along an index, however many cases there are.
    pub async fn dossiers(
        &self,
        filter: &CaseFilter,
        now: Timestamp,
    ) -> Result<Vec<DossierLine>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let mut lines: Vec<DossierLine> = Vec::new();
        let due = ("d.due_at is not null", "d.due_at");
        for (part, order) in [due, ("d.due_at is null", "d.changed_at desc")] {
            let sql = format!(
                "select c.number, c.usage, d.theme, d.phase, d.area, d.lasting, d.opened_at,
                    d.closed_at, d.due_at,
                    (select count(*) from task t where t.case_id = d.case_id
                        and t.due_at is not null) as open_tasks,
                    (select count(*) from task t where t.case_id = d.case_id
                        and t.due_at < $1) as overdue
                from dossier d join cases c on c.id = d.case_id
                where {part} and c.erased_at is null and ($2 = '' or d.phase = $2)
                    and ($3 = 1 or d.phase <> 'gesloten') {}
                order by {order} limit $4",
                of_themes("d.theme", 5, &filter.themes),
            );
            let room = LIST_MAX - i64::try_from(lines.len()).unwrap_or(LIST_MAX);
            let cells: [Cell; 4] = [
                now.into(),
                filter.phase.map_or("", Phase::as_str).into(),
                i64::from(filter.all || filter.phase.is_some()).into(),
                room.into(),
            ];
            let cells = cells.into_iter().chain(cells_of(&filter.themes));
            for row in query_of(sql, cells).fetch_all(&mut conn).await? {
                lines.push(case_line(&row)?);
            }
        }
        Ok(lines)
    }

    /// A case by its number.
    pub async fn dossier(&self, number: &CaseNumber) -> Result<CaseView, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = "select c.id, c.number, c.usage, c.theme, d.document
            from cases c left join dossier d on d.case_id = c.id
            where c.number = $1 and c.erased_at is null";
        let row = query(sql, [number.as_str().into()]).fetch_optional(&mut conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        let loose = "dit signaal staat los; er is geen casus te regisseren";
        let document = row.maybe_text("document")?.ok_or(JournalError::Order(loose))?;
        let names = self.roll.get();
        let dossier = read_dossier(&document, &names)?;
        let sql = "select partner from inbox where case_id = $1
            union select recipient as partner from outbox where case_id = $1 order by 1";
        let rows = query(sql, [row.uuid("id")?.into()]).fetch_all(&mut conn).await?;
        let participants = rows.iter().map(|row| row.parsed("partner"));
        let mut participants = participants.collect::<Result<BTreeSet<PartnerId>, _>>()?;
        names.renew_all(&mut participants);
        let mut numbers = Vec::new();
        for id in dossier.merged_into.iter().chain(&dossier.alike) {
            let sql = "select number from cases where id = $1";
            let row = query(sql, [Uuid::from(*id).into()]).fetch_optional(&mut conn).await?;
            numbers.push(row.map(|row| row.text("number")).transpose()?);
        }
        let mut numbers = numbers.into_iter().map(|n| n.map(CaseNumber::from_stored));
        let merged_into = dossier.merged_into.and_then(|_| numbers.next()).flatten();
        Ok(CaseView {
            number: CaseNumber::from_stored(row.text("number")?),
            usage: Usage::parse(&row.text("usage")?).ok_or_else(|| unreadable("usage"))?,
            theme: row.maybe_text("theme")?,
            merged_into,
            alike: numbers.flatten().collect(),
            dossier,
            participants: participants.into_iter().collect(),
        })
    }

    /// The number of the case that a task is of.
    pub async fn case_of_task(&self, task: TaskId) -> Result<CaseNumber, JournalError> {
        let sql = "select c.number from task t join cases c on c.id = t.case_id where t.id = $1";
        let row = query(sql, [Uuid::from(task).into()]);
        let row = row.fetch_optional(&mut self.reads.acquire().await?).await?;
        Ok(CaseNumber::from_stored(row.ok_or(JournalError::NotFound)?.text("number")?))
    }

    /// A case for a participant; to anybody else there is no such case.
    pub async fn case_for(
        &self,
        partner: &PartnerId,
        number: &CaseNumber,
    ) -> Result<Option<CaseShown>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = "select c.id, c.usage, c.theme, d.document
            from cases c left join dossier d on d.case_id = c.id
            where c.number = $1 and c.erased_at is null";
        let row = query(sql, [number.as_str().into()]).fetch_optional(&mut conn).await?;
        let Some(row) = row else { return Ok(None) };
        let (id, names) = (row.uuid("id")?, self.roll.get());
        let mut roles = BTreeMap::new();
        let sql = "select distinct partner from inbox where case_id = $1";
        for row in query(sql, [id.into()]).fetch_all(&mut conn).await? {
            roles.insert(names.now(&row.parsed("partner")?).clone(), None);
        }
        let sql = "select recipient, detail, gap from outbox
            where case_id = $1 and answer = 0 and state <> 'vervallen' order by seq desc limit $2";
        for row in query(sql, [id.into(), LIST_MAX.into()]).fetch_all(&mut conn).await? {
            let role: &mut Option<RoleStatement> =
                roles.entry(names.now(&row.parsed("recipient")?).clone()).or_default();
            if role.is_none() {
                *role = Some(detail(&row)?.role);
            }
        }
        if !roles.contains_key(partner) {
            return Ok(None);
        }
        let document = row.maybe_text("document")?;
        Ok(Some(CaseShown {
            theme: row.maybe_text("theme")?,
            usage: Usage::parse(&row.text("usage")?).ok_or_else(|| unreadable("usage"))?,
            dossier: document.map(|text| read_dossier(&text, &names)).transpose()?,
            roles,
        }))
    }

    /// What happened in a case, in order.
    pub async fn timeline(&self, number: &CaseNumber) -> Result<Vec<TimelineLine>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let sql = "select id from cases where number = $1";
        let row = query(sql, [number.as_str().into()]).fetch_optional(&mut conn).await?;
        let id = row.ok_or(JournalError::NotFound)?.uuid("id")?;
        let sql = "select at, code, task_id, partner, detail, by_whom, why from timeline
            where case_id = $1 order by seq limit $2";
        let rows = query(sql, [id.into(), (LIST_MAX * 4).into()]).fetch_all(&mut conn).await?;
        let read = |row: &Row| -> Result<TimelineLine, sqlx::Error> {
            Ok(TimelineLine {
                op: row.time("at")?,
                wat: row.text("code")?,
                taak: row.maybe_uuid("task_id")?.map(TaskId::from),
                ketenpartner: partner(row)?,
                bijzonderheid: row.maybe_text("detail")?,
                door: row.maybe_text("by_whom")?,
                reden: row.maybe_text("why")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Tasks, the most urgent term first.
    pub async fn tasks(
        &self,
        filter: &TaskFilter,
        now: Timestamp,
    ) -> Result<Vec<TaskLine>, JournalError> {
        let mut wanted = vec!["1 = 1"];
        if filter.overdue {
            wanted.push("t.due_at < $1");
        } else if !filter.all {
            wanted.push("t.due_at is not null");
        }
        let names = self.roll.get();
        let names: Vec<&PartnerId> =
            filter.partner.iter().flat_map(|partner| names.names(partner)).collect();
        let of_partner = places("t.partner", 3 + filter.themes.len(), names.len());
        if filter.to_decide {
            wanted.push("t.question is not null");
        }
        let order = if filter.all { "t.asked_at desc" } else { "t.due_at" };
        let sql = format!(
            "select t.*, c.number, c.theme from task t join cases c on c.id = t.case_id
             where c.erased_at is null and {} {} {of_partner} and $1 > 0
             order by {order} limit $2",
            wanted.join(" and "),
            of_themes("c.theme", 3, &filter.themes),
        );
        let cells: [Cell; 2] = [now.into(), LIST_MAX.into()];
        let cells = cells.into_iter().chain(cells_of(&filter.themes));
        let cells = cells.chain(names.iter().map(|name| name.as_str().into()));
        let rows = query_of(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        let mut lines = rows.iter().map(task_line).collect::<Result<Vec<_>, _>>()?;
        let names = self.roll.get();
        for partner in lines.iter_mut().filter_map(|line| line.ketenpartner.as_mut()) {
            names.renew(partner);
        }
        Ok(lines)
    }
}

/// A condition for themes, whose places begin at this number; nothing where there are none.
fn of_themes(column: &str, first: usize, themes: &[String]) -> String {
    places(column, first, themes.len())
}

/// A condition that a column is one of so many values; nothing where there are none.
fn places(column: &str, first: usize, count: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let places: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    format!("and {column} in ({})", places.join(", "))
}

fn cells_of(themes: &[String]) -> impl Iterator<Item = Cell> {
    themes.iter().map(|theme| theme.as_str().into())
}

fn case_line(row: &Row) -> Result<DossierLine, sqlx::Error> {
    let moment = |column| Ok::<_, sqlx::Error>(row.maybe_int(column)?.map(Timestamp::from_micros));
    Ok(DossierLine {
        number: CaseNumber::from_stored(row.text("number")?),
        gebruik: Usage::parse(&row.text("usage")?).ok_or_else(|| unreadable("usage"))?,
        thema: row.maybe_text("theme")?,
        fase: Phase::parse(&row.text("phase")?).ok_or_else(|| unreadable("phase"))?,
        buurt: row.maybe_text("area")?,
        slepend: row.int("lasting")? != 0,
        geopend: row.time("opened_at")?,
        gesloten: moment("closed_at")?,
        volgende: moment("due_at")?,
        open_tasks: row.int("open_tasks")?,
        overdue: row.int("overdue")?,
    })
}

fn task_line(row: &Row) -> Result<TaskLine, sqlx::Error> {
    let question = row.maybe_text("question")?;
    Ok(TaskLine {
        id: row.uuid("id")?.into(),
        casus: CaseNumber::from_stored(row.text("number")?),
        thema: row.maybe_text("theme")?,
        stap: row.maybe_text("step")?,
        action: row.text("action")?,
        ketenpartner: partner(row)?,
        question: question.and_then(|text| Question::parse(&text)),
        state: TaskState::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))?,
        spoed: row.int("urgent")? != 0,
        gevraagd: row.time("asked_at")?,
        uiterlijk: row.maybe_int("due_at")?.map(Timestamp::from_micros),
        done_by: row.time("done_by")?,
    })
}

fn partner(row: &Row) -> Result<Option<PartnerId>, sqlx::Error> {
    let name = row.maybe_text("partner")?;
    name.map(|name| name.parse().map_err(|_| unreadable("partner"))).transpose()
}
