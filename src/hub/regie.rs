//! Time in cases, of which what is due is done by whoever of several hubs comes first; and a case
//! as one of its participants may see it.

use serde_json::{Value, json};

use super::{Hub, clock};
use crate::casework::{self, Task};
use crate::catalogue::{Catalogue, Origin};
use crate::journal::{CaseShown, ErasureOrder, JournalError};
use crate::message::{CaseId, CaseNumber, PartnerId, RoleStatement, Second, Timestamp};

/// Cases that the journal does in one go; where it did as many there may be more.
const FULL: u64 = 100;

impl Hub {
    /// Destroys the content of what may no longer be kept; how many were looked at. Their
    /// tombstones stay. What was begun before and not finished is finished first.
    pub async fn retention_step(&self) -> Result<usize, JournalError> {
        if self.is_closed() {
            return Ok(0);
        }
        self.journal.finish_erasures(clock::now()).await?;
        let cases = self.journal.cases_to_erase(clock::now()).await?;
        let mut gone = 0;
        for case in &cases {
            gone += self.let_go(*case, None).await?;
        }
        if gone > 0 {
            tracing::info!(cases = gone, "the retention of cases ended");
        }
        Ok(gone + self.loose_step().await?)
    }

    /// The same for signals that stand by themselves. Each is judged when it is due, by the set of
    /// then and by its last message, and goes or is looked at again later.
    async fn loose_step(&self) -> Result<usize, JournalError> {
        let (now, set) = (clock::now(), self.active().catalogue);
        let due = self.journal.loose_cases(now).await?;
        let (mut later, mut gone) = (Vec::new(), 0);
        for case in &due {
            match casework::look_again(&set, case.theme.as_deref(), case.last_at, now) {
                _ if case.directed => later.push((case.id, None)),
                None => gone += self.let_go(case.id, Some(case.last_at)).await?,
                until => later.push((case.id, until)),
            }
        }
        let done = gone + later.len();
        self.journal.keep_loose(later).await?;
        if gone > 0 {
            tracing::info!(cases = gone, "the retention of signals by themselves ended");
        }
        Ok(done)
    }

    /// Destroys the content of a case by itself, unless it must stay after all; how many went.
    async fn let_go(&self, case: CaseId, last: Option<Timestamp>) -> Result<usize, JournalError> {
        let (by, why) = ("schakel".to_owned(), "bewaartermijn".to_owned());
        let order = ErasureOrder { id: case.into(), by, why };
        match self.journal.erase_unless_later(order, last, clock::now()).await {
            // Another hub was first; a message came, or a coordinator said that it stays.
            Err(JournalError::Erased | JournalError::Settled | JournalError::Order(_)) => Ok(0),
            Ok(_) => Ok(1),
            Err(error) => Err(error),
        }
    }

    /// Does what is due in cases; true where there may be more.
    pub async fn regie_step(&self) -> Result<bool, JournalError> {
        if self.is_closed() {
            return Ok(false);
        }
        let rules = self.active().rules;
        let count = self.journal.regie_clock(rules, clock::now()).await?;
        if count > 0 {
            tracing::info!(cases = count, "what was due in cases is done");
            self.new_mail();
        }
        Ok(count >= FULL)
    }
}

/// A case for one of its participants: its own role and tasks, and the roles of others where one
/// of its purposes grants those.
pub(super) fn shown(
    catalogue: &Catalogue,
    partner: &PartnerId,
    number: &CaseNumber,
    case: &CaseShown,
    now: Timestamp,
) -> Value {
    let tasks = case.dossier.iter().flat_map(|dossier| &dossier.tasks);
    let own = tasks.filter(|task| task.partner() == Some(partner));
    let role = case.roles.get(partner).and_then(Option::as_ref);
    let mut told = json!({
        "casus": number,
        "gebruik": case.usage,
        "thema": case.theme,
        "fase": case.dossier.as_ref().map(|dossier| dossier.phase),
        "rol": role.map_or("afzender", |role| role.rol.as_str()),
        "doelbinding": role.map(|role| &role.doelbinding),
        "bewarenDagen": role.map(|role| role.bewaren_dagen),
        "taken": own.map(|task| task_shown(task, now)).collect::<Vec<_>>(),
    });
    if sees_roles(catalogue, partner, case, now)
        && let Some(object) = told.as_object_mut()
    {
        let others = case.roles.iter().filter(|(id, _)| *id != partner);
        let others = others.map(|(id, role)| other_shown(catalogue, id, role.as_ref()));
        object.insert("deelnemers".to_owned(), others.collect());
    }
    told
}

/// That somebody takes part is itself sensitive: only a purpose opens it.
fn sees_roles(
    catalogue: &Catalogue,
    partner: &PartnerId,
    case: &CaseShown,
    now: Timestamp,
) -> bool {
    let Some(recipient) = catalogue.partner(partner) else { return false };
    let theme = case.theme.as_deref();
    let origins = || case.roles.keys().filter_map(|id| catalogue.partner(id));
    catalogue.purposes_to(recipient).filter(|purpose| purpose.sees_roles).any(|purpose| {
        origins().any(|origin| purpose.applies(&Origin::Partner(origin), recipient, theme, now))
    })
}

fn other_shown(catalogue: &Catalogue, id: &PartnerId, role: Option<&RoleStatement>) -> Value {
    let partner = catalogue.partner(id);
    json!({
        "ketenpartner": id,
        "naam": partner.map(|partner| &partner.name),
        "soort": partner.map(|partner| &partner.kind),
        "rol": role.map_or("afzender", |role| role.rol.as_str()),
    })
}

fn task_shown(task: &Task, now: Timestamp) -> Value {
    json!({
        "actieverzoek": task.id,
        "vraag": task.action,
        "stand": task.state,
        "spoed": task.urgent,
        "gevraagd": Second::from(task.asked_at),
        "uiterlijk": task.due_at().map(Second::from),
        "afrondenUiterlijk": Second::from(task.deadlines.done),
        "teLaat": task.is_overdue(now),
        "reden": task.reason,
        "resultaat": task.result,
    })
}
