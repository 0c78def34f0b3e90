//! What regie writes in a group: dossiers that changed, their tasks, and what goes with them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::super::JournalError;
use super::super::cases::CaseBook;
use super::super::sql::{Cell, Table};
use super::super::unit::Unit;
use super::Moment;
use super::signal::Later;
use crate::casework::{self, Dossier, Entry, Notice, NoticeKind, Task};
use crate::catalogue::playbook::Plan;
use crate::message::{CanonicalMessage, Digest, PartnerId, TaskId, Timestamp};

const DOSSIER: Table = Table {
    name: "dossier",
    columns: "case_id, document, phase, theme, area, lasting, opened_at, closed_at, due_at, \
              changed_at, erase_at, legal_hold, merged_into",
    suffix: "on conflict (case_id) do update set document = excluded.document,
        phase = excluded.phase, theme = excluded.theme, area = excluded.area,
        lasting = excluded.lasting, closed_at = excluded.closed_at, due_at = excluded.due_at,
        changed_at = excluded.changed_at, erase_at = excluded.erase_at,
        legal_hold = excluded.legal_hold, merged_into = excluded.merged_into",
};

const TASK: Table = Table {
    name: "task",
    columns: "id, case_id, step, action, partner, question, state, urgent, asked_at, received_at, \
              accepted_at, ended_at, received_by, accepted_by, done_by, due_at, reason, result",
    suffix: "on conflict (id) do update set case_id = excluded.case_id, state = excluded.state,
        received_at = excluded.received_at, accepted_at = excluded.accepted_at,
        ended_at = excluded.ended_at, accepted_by = excluded.accepted_by,
        done_by = excluded.done_by, due_at = excluded.due_at, reason = excluded.reason,
        result = excluded.result",
};

const PLAN: Table =
    Table { name: "plan", columns: "digest, document", suffix: "on conflict do nothing" };

const REQUEST: Table =
    Table { name: "request", columns: "message_id, task_id, case_id", suffix: "" };

const TIMELINE: Table = Table {
    name: "timeline",
    columns: "case_id, at, code, task_id, partner, detail, by_whom, why, leaf",
    suffix: "",
};

const NOTICE: Table = Table {
    name: "regie_notice",
    columns: "case_id, task_id, kind, question, partner, by_moment, urgent, at",
    suffix: "",
};

/// What a group writes for regie.
#[derive(Default)]
pub(in crate::journal) struct RegieRows {
    changed: BTreeMap<Uuid, Timestamp>,
    tasks: BTreeMap<TaskId, (Uuid, Task)>,
    timeline: Vec<Vec<Cell>>,
    notices: Vec<Vec<Cell>>,
    requests: Vec<Vec<Cell>>,
    new_plans: BTreeMap<Digest, Arc<Plan>>,
    /// Plans that were fetched.
    pub plans: HashMap<Digest, Arc<Plan>>,
    /// Signals of this group that opened cases: they are not in the database yet.
    pub signals: HashMap<Uuid, (Value, PartnerId)>,
    /// Corrections and withdrawals of this group.
    pub later: Vec<Later>,
    /// Glasses that ended, or end earlier: what waits because of them is looked at again.
    narrowed: Vec<(Uuid, PartnerId)>,
    /// How many messages went because a glass was broken.
    pub shared: Option<usize>,
}

/// Who decided something, and why, with its leaf.
pub(in crate::journal) struct Decided<'a> {
    pub by: &'a str,
    pub why: &'a str,
    pub leaf: i64,
}

impl RegieRows {
    pub fn changed(&mut self, moment: Moment<'_>, before: Option<&Dossier>, after: &Dossier) {
        let case = moment.case;
        self.changed.insert(case, moment.at);
        let narrowed = before.map(|before| after.narrowed_since(before)).unwrap_or_default();
        self.narrowed.extend(narrowed.into_iter().map(|recipient| (case, recipient)));
        for task in &after.tasks {
            if before.and_then(|before| before.task(task.id)) != Some(task) {
                self.tasks.insert(task.id, (case, task.clone()));
            }
        }
    }

    pub fn keep_plan(&mut self, plan: Option<(Digest, Arc<Plan>)>) {
        self.new_plans.extend(plan);
    }

    pub fn remember_signal(&mut self, id: Uuid, message: &CanonicalMessage) {
        self.signals.insert(id, (message.data.clone(), message.sender.clone()));
    }

    pub fn say_later(&mut self, case: Uuid, message: &CanonicalMessage) {
        let (sender, effect) = (message.sender.clone(), message.effect);
        self.later.push(Later { case, sender, effect, data: message.data.clone() });
    }

    pub fn entry(&mut self, moment: Moment<'_>, entry: &Entry, decided: Option<&Decided<'_>>) {
        self.timeline.push(vec![
            moment.case.into(),
            moment.at.into(),
            entry.code.into(),
            entry.task.map(Uuid::from).into(),
            entry.partner.as_ref().map(PartnerId::as_str).into(),
            entry.detail.clone().into(),
            decided.map(|decided| decided.by).into(),
            decided.map(|decided| decided.why).into(),
            decided.map(|decided| decided.leaf).into(),
        ]);
    }

    pub fn notice(&mut self, moment: Moment<'_>, notice: &Notice) {
        let (kind, question) = match notice.kind {
            NoticeKind::NietOntvangen => ("niet-ontvangen", None),
            NoticeKind::Beslissen(question) => ("beslissen", Some(question.as_str())),
            NoticeKind::AfspraakLooptAf => ("afspraak-loopt-af", None),
            NoticeKind::Vastgehouden => ("vastgehouden", None),
            NoticeKind::NietBeslist(question) => ("niet-beslist", Some(question.as_str())),
        };
        self.notices.push(vec![
            moment.case.into(),
            notice.task.map(Uuid::from).into(),
            kind.into(),
            question.into(),
            notice.partner.as_ref().map(PartnerId::as_str).into(),
            notice.by.into(),
            notice.urgent.into(),
            moment.at.into(),
        ]);
    }

    pub fn request(&mut self, message: Uuid, task: TaskId, case: Uuid) {
        self.requests.push(vec![message.into(), Uuid::from(task).into(), case.into()]);
    }
}

impl Unit<'_> {
    /// Writes what regie has to write. The dossiers are those of the book.
    pub async fn store_regie(
        &mut self,
        rows: RegieRows,
        book: &CaseBook,
    ) -> Result<(), JournalError> {
        if rows.changed.is_empty() && rows.timeline.is_empty() {
            return Ok(());
        }
        for (case, recipient) in &rows.narrowed {
            self.look_again(*case, recipient).await?;
        }
        let plans = rows.new_plans.iter();
        let plan_rows = plans.map(|(digest, plan)| vec![(*digest).into(), plan.to_json().into()]);
        PLAN.insert(self.conn, plan_rows.collect()).await?;
        let mut dossiers = Vec::with_capacity(rows.changed.len());
        for (id, at) in &rows.changed {
            let Some(work) = book.case(*id) else { continue };
            let Some(dossier) = &work.dossier else { continue };
            let plan = dossier.plan.as_ref().and_then(|plan| {
                rows.new_plans.get(&plan.digest).or_else(|| rows.plans.get(&plan.digest))
            });
            dossiers.push((*id, *at, work.state.theme.as_deref(), dossier, plan));
        }
        let mut cells = Vec::with_capacity(dossiers.len());
        for (id, at, theme, dossier, plan) in dossiers {
            let due = casework::next_due(dossier, plan.map(|plan| &**plan));
            cells.push(dossier_row((id, at), theme, dossier, due)?);
        }
        DOSSIER.insert(self.conn, cells).await?;
        let tasks = rows.tasks.values().map(|(case, task)| task_row(*case, task)).collect();
        TASK.insert(self.conn, tasks).await?;
        REQUEST.insert(self.conn, rows.requests).await?;
        TIMELINE.insert(self.conn, rows.timeline).await?;
        NOTICE.insert(self.conn, rows.notices).await?;
        Ok(())
    }
}

fn dossier_row(
    (case, at): (Uuid, Timestamp),
    theme: Option<&str>,
    dossier: &Dossier,
    due: Option<Timestamp>,
) -> Result<Vec<Cell>, JournalError> {
    let document = serde_json::to_string(dossier)
        .map_err(|_| JournalError::Unreadable("the dossier of a case"))?;
    Ok(vec![
        case.into(),
        document.into(),
        dossier.phase.as_str().into(),
        theme.into(),
        dossier.area.clone().into(),
        dossier.lasting.into(),
        dossier.opened_at.into(),
        dossier.closed_at.into(),
        due.into(),
        at.into(),
        dossier.erase_at.filter(|_| !dossier.legal_hold).into(),
        dossier.legal_hold.into(),
        dossier.merged_into.map(Uuid::from).into(),
    ])
}

fn task_row(case: Uuid, task: &Task) -> Vec<Cell> {
    vec![
        Uuid::from(task.id).into(),
        case.into(),
        task.step.as_ref().map(|step| step.as_str().to_owned()).into(),
        task.action.as_str().into(),
        task.partner().map(PartnerId::as_str).into(),
        task.question().map(|question| question.as_str()).into(),
        task.state.as_str().into(),
        task.urgent.into(),
        task.asked_at.into(),
        task.received_at.into(),
        task.accepted_at.into(),
        task.ended_at.into(),
        task.deadlines.received.into(),
        task.deadlines.accepted.into(),
        task.deadlines.done.into(),
        task.due_at().into(),
        task.reason.clone().into(),
        task.result.clone().into(),
    ]
}
