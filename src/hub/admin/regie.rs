//! What coordinators ask of cases and tasks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{IdAsked, Office, Refused, Told, journal_refused, needs_name, refused};
use crate::casework::{self, Assignee, Phase, Task};
use crate::hub::clock;
use crate::journal::{CaseAct, CaseFilter, CaseOrder, CaseView, TaskFilter};
use crate::message::{CaseNumber, PartnerId, TaskId, Timestamp};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CasesAsked {
    fase: Option<Phase>,
    thema: Option<String>,
    alle: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseAsked {
    casus: CaseNumber,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct TasksAsked {
    te_laat: bool,
    te_beslissen: bool,
    ketenpartner: Option<PartnerId>,
    alle: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderAsked {
    /// Of an order about a task it need not be said.
    casus: Option<CaseNumber>,
    /// `oppakken`, `vragen`, `toewijzen`, `herinneren`, `verlengen`, `verder`, `gedaan`,
    /// `intrekken`, `sluiten`, `heropenen`, `samenvoegen`, `splitsen` or `niet-gelijk`.
    opdracht: String,
    taak: Option<TaskId>,
    ketenpartner: Option<PartnerId>,
    /// What is asked: a code of `gevraagdeActie.soort`.
    vraag: Option<String>,
    uiterlijk: Option<Timestamp>,
    #[serde(default)]
    spoed: bool,
    resultaat: Option<String>,
    /// The other case.
    met: Option<CaseNumber>,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

impl Office {
    pub(super) async fn cases(&self, asked: CasesAsked) -> Told {
        let themes = asked.thema.into_iter().collect();
        let filter = CaseFilter { phase: asked.fase, themes, all: asked.alle };
        let lines = self.hub.journal.dossiers(&filter, clock::now()).await;
        Ok(json!(lines.map_err(journal_refused)?))
    }

    pub(super) async fn case(&self, asked: CaseAsked) -> Told {
        let view = self.hub.journal.dossier(&asked.casus).await.map_err(journal_refused)?;
        Ok(as_json(&view, clock::now()))
    }

    pub(super) async fn timeline(&self, asked: CaseAsked) -> Told {
        let lines = self.hub.journal.timeline(&asked.casus).await.map_err(journal_refused)?;
        Ok(json!(lines))
    }

    /// What has not left yet of a message waits for a person.
    pub(super) async fn hold(&self, asked: IdAsked) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let who = (asked.door, asked.reden);
        let held = self.hub.journal.hold(asked.id, who, clock::now()).await;
        Ok(json!(held.map_err(journal_refused)?))
    }

    pub(super) async fn tasks(&self, asked: TasksAsked) -> Told {
        let filter = TaskFilter {
            overdue: asked.te_laat,
            partner: asked.ketenpartner,
            to_decide: asked.te_beslissen,
            themes: Vec::new(),
            all: asked.alle,
        };
        let lines = self.hub.journal.tasks(&filter, clock::now()).await;
        Ok(json!(lines.map_err(journal_refused)?))
    }

    pub(super) async fn order_case(&self, asked: OrderAsked) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let act = asked.act()?;
        let case = match (&asked.casus, asked.taak) {
            (Some(case), _) => case.clone(),
            (None, Some(task)) => {
                self.hub.journal.case_of_task(task).await.map_err(journal_refused)?
            }
            (None, None) => return Err(refused(400, "gegevens", "Noem de casus of de taak.")),
        };
        let OrderAsked { door: by, reden: why, .. } = asked;
        let order = CaseOrder { case, act, by, why };
        let (journal, rules) = (&self.hub.journal, self.hub.active().rules);
        let done = journal.order_case(order, rules, clock::now()).await;
        let done = done.map_err(journal_refused)?;
        self.hub.new_mail();
        Ok(json!(done))
    }
}

impl OrderAsked {
    fn act(&self) -> Result<CaseAct, Refused> {
        use casework::Order as O;
        let lacks = |what: &str| {
            let text = format!("Bij deze opdracht hoort ook: {what}.");
            refused(400, "gegevens", &text)
        };
        let task = || self.taak.ok_or_else(|| lacks("taak"));
        let partner = || self.ketenpartner.clone().ok_or_else(|| lacks("ketenpartner"));
        let until = || self.uiterlijk.ok_or_else(|| lacks("uiterlijk"));
        let other = || self.met.clone().ok_or_else(|| lacks("met"));
        Ok(CaseAct::Order(match self.opdracht.as_str() {
            "oppakken" => O::Take,
            "vragen" => O::Ask {
                partner: partner()?,
                action: self.vraag.clone().ok_or_else(|| lacks("vraag"))?,
                done: until()?,
                urgent: self.spoed,
            },
            "toewijzen" => O::Assign { task: task()?, partner: partner()? },
            "herinneren" => O::Remind { task: task()? },
            "verlengen" => O::Extend { task: task()?, until: until()? },
            "verder" => O::GoOn { task: task()? },
            "gedaan" => O::Done {
                task: task()?,
                result: self.resultaat.clone().unwrap_or_else(|| "opgelost".to_owned()),
            },
            "intrekken" => O::Withdraw { task: task()? },
            "sluiten" => O::Close,
            "heropenen" => O::Reopen,
            "samenvoegen" => return Ok(CaseAct::Merge { into: other()? }),
            "splitsen" => return Ok(CaseAct::Split),
            "bewaren" => return Ok(CaseAct::Keep { kept: true }),
            "niet-meer-bewaren" => return Ok(CaseAct::Keep { kept: false }),
            "niet-gelijk" => return Ok(CaseAct::Unlike { other: other()? }),
            _ => return Err(refused(400, "opdracht", "Deze opdracht bestaat niet.")),
        }))
    }
}

/// A case in the words of the console. Codes, partners and moments; no content of messages.
fn as_json(view: &CaseView, now: Timestamp) -> Value {
    let dossier = &view.dossier;
    let steps: Vec<Value> =
        dossier.steps.iter().map(|(step, state)| json!({ "stap": step, "stand": state })).collect();
    json!({
        "casus": view.number,
        "gebruik": view.usage,
        "thema": view.theme,
        "fase": dossier.phase,
        "geopend": dossier.opened_at,
        "gesloten": dossier.closed_at,
        "draaiboek": dossier.plan.as_ref().map(|plan| &plan.id),
        "bewarenTot": dossier.erase_at,
        "moetBewaardBlijven": dossier.legal_hold,
        "slepend": dossier.lasting,
        "buurt": dossier.area,
        "signalen": dossier.signals.len(),
        "stappen": steps,
        "taken": dossier.tasks.iter().map(|task| task_json(task, now)).collect::<Vec<_>>(),
        "afspraken": Some(dossier.agreements.len()).filter(|count| *count > 0),
        "deelnemers": view.participants,
        "samengevoegdIn": view.merged_into,
        "lijktOp": view.alike,
    })
}

fn task_json(task: &Task, now: Timestamp) -> Value {
    let question = match task.assignee {
        Assignee::Coordinator(question) => Some(question),
        Assignee::Partner(_) => None,
    };
    json!({
        "taak": task.id,
        "stap": task.step,
        "vraag": task.action,
        "ketenpartner": task.partner(),
        "teBeslissen": question,
        "uitleg": question.map(casework::Question::in_words),
        "stand": task.state,
        "spoed": task.urgent,
        "gevraagd": task.asked_at,
        "ontvangen": task.received_at,
        "aanvaard": task.accepted_at,
        "geeindigd": task.ended_at,
        "uiterlijk": task.due_at(),
        "teLaat": task.is_overdue(now),
        "reden": task.reason,
        "resultaat": task.result,
        "verwacht": task.expected,
        "over": task.about,
        "afspraak": task.agreement,
    })
}
