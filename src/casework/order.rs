//! What a coordinator orders: to ask, remind, go on, extend, take, close and reopen.

use super::agreement::{Agree, AgreementFault};
use super::dossier::{Dossier, Phase, StepState};
use super::task::{Deadlines, Mark, Question, Task, TaskState};
use super::work::{Ask, Asked, Follow, Scene, Work};
use crate::message::{Entropy, PartnerId, RequestWord, TaskId, Timestamp};

/// An order of a coordinator. Who gives it, and why, is noted by whoever carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Somebody looks at it.
    Take,
    /// A task that no plan names.
    Ask {
        partner: PartnerId,
        action: String,
        done: Timestamp,
        urgent: bool,
    },
    /// Ask a step again of this partner: after a refusal or silence, or where there was a choice.
    Assign {
        task: TaskId,
        partner: PartnerId,
    },
    Remind {
        task: TaskId,
    },
    /// More time for what a partner took on.
    Extend {
        task: TaskId,
        until: Timestamp,
    },
    /// The plan goes on without it.
    GoOn {
        task: TaskId,
    },
    /// A task of a coordinator is done; a step of the plan with this result.
    Done {
        task: TaskId,
        result: String,
    },
    Withdraw {
        task: TaskId,
    },
    Close,
    Reopen,
    /// Something about what was agreed.
    Agree(Agree),
    /// Sharing is widened for a while, as purposes that sleep allow.
    BreakGlass {
        recipient: PartnerId,
        until: Timestamp,
    },
    /// That ends before its time.
    EndGlass {
        recipient: PartnerId,
    },
}

/// Why an order cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderFault {
    #[error("dit actieverzoek is er niet in deze casus")]
    UnknownTask,
    #[error("dit actieverzoek is al geëindigd")]
    Ended,
    #[error("dit is een taak van de regisseur, geen verzoek aan een ketenpartner")]
    NotAPartners,
    #[error("dit is een verzoek aan een ketenpartner; trek het in of ga zonder verder")]
    NotACoordinators,
    #[error("bij deze taak hoort geen stap van het draaiboek")]
    NoStep,
    #[error("deze ketenpartner bestaat niet")]
    UnknownPartner,
    #[error("deze termijn ligt in het verleden")]
    PastTerm,
    #[error("de casus is gesloten; heropen haar eerst")]
    Closed,
    #[error("de casus is niet gesloten")]
    NotClosed,
    #[error("de casus is samengevoegd met een andere; geef de opdracht daar")]
    Merged,
    #[error("een casus heeft ten hoogste 200 taken")]
    TooMany,
    #[error("een casus kan niet met zichzelf worden samengevoegd")]
    Itself,
    #[error("deze twee casussen zijn niet samengevoegd")]
    NotMerged,
    #[error("geen doelbinding met breekglas zou deze ketenpartner over dit thema iets geven")]
    NothingSleeps,
    #[error("breekglas mag hier ten hoogste {0} minuten duren")]
    GlassTooLong(u16),
    #[error(
        "breekglas staat voor deze ketenpartner al langer open; beëindig het eerst, of noem meer \
         minuten"
    )]
    GlassOpen,
    #[error("voor deze ketenpartner staat geen breekglas open")]
    NoGlass,
    #[error("in deze casus staat breekglas open, of het is nog niet beoordeeld; doe dat eerst")]
    Widened,
    #[error(transparent)]
    Agreement(#[from] AgreementFault),
}

/// Carries an order out.
pub fn order(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    order: &Order,
    entropy: &mut Entropy,
) -> Result<Follow, OrderFault> {
    if dossier.merged_into.is_some() {
        return Err(OrderFault::Merged);
    }
    if dossier.is_closed() && *order != Order::Reopen {
        return Err(OrderFault::Closed);
    }
    let mut work = Work::new(dossier, scene, entropy);
    match order {
        Order::Take => work.become_taken(),
        Order::Ask { partner, action, done, urgent } => {
            work.ask_loose(partner, action, *done, *urgent)?;
        }
        Order::Assign { task, partner } => work.assign(*task, partner)?,
        Order::Remind { task } => {
            work.open_task(*task, true)?;
            work.note("herinnerd", Some(*task), None);
            work.follow.asks.push(Ask { task: *task, status: RequestWord::Herinnerd });
        }
        Order::Extend { task, until } => work.extend(*task, *until)?,
        Order::GoOn { task } => {
            work.may_be_let_go(*task)?;
            work.go_on_without(*task)?;
        }
        Order::Done { task, result } => {
            work.open_task(*task, false)?;
            work.may_be_let_go(*task)?;
            work.done(*task, result)?;
        }
        Order::Withdraw { task } => {
            work.open_task(*task, true)?;
            work.withdraw(*task);
            work.end_step_of(*task, StepState::Overgeslagen);
        }
        // Closing would withdraw the task to look back at it.
        Order::Close if work.dossier.is_widened() => return Err(OrderFault::Widened),
        Order::Close => work.close(),
        Order::BreakGlass { recipient, until } => work.break_glass(recipient, *until)?,
        Order::EndGlass { recipient } => work.end_glass_of(recipient)?,
        Order::Agree(agree) => work.agree(agree)?,
        Order::Reopen => {
            if !work.dossier.phase.may_become(Phase::Heropend) {
                return Err(OrderFault::NotClosed);
            }
            work.dossier.closed_at = None;
            work.dossier.erase_at = None;
            work.become_phase(Phase::Heropend);
        }
    }
    Ok(work.advance())
}

impl Work<'_> {
    /// An open task: of a partner, or of a coordinator.
    fn open_task(&self, id: TaskId, of_partner: bool) -> Result<&Task, OrderFault> {
        let task = self.dossier.task(id).ok_or(OrderFault::UnknownTask)?;
        match task.partner() {
            None if of_partner => Err(OrderFault::NotAPartners),
            Some(_) if !of_partner => Err(OrderFault::NotACoordinators),
            _ if !task.is_open() => Err(OrderFault::Ended),
            _ => Ok(task),
        }
    }

    fn become_taken(&mut self) {
        self.dossier.taken = true;
        if matches!(self.dossier.phase, Phase::Nieuw | Phase::Heropend) {
            self.become_phase(Phase::InBehandeling);
        }
    }

    fn ask_loose(
        &mut self,
        partner: &PartnerId,
        action: &str,
        done: Timestamp,
        urgent: bool,
    ) -> Result<(), OrderFault> {
        let at = self.scene.at;
        let partner = self.scene.catalogue.partner(partner).ok_or(OrderFault::UnknownPartner)?;
        if done <= at {
            return Err(OrderFault::PastTerm);
        }
        if self.dossier.open_tasks().count() >= super::dossier::TASKS_MAX {
            return Err(OrderFault::TooMany);
        }
        // Without terms of a plan: taken on within a quarter of the time, a day at most.
        let first = at.plus_seconds((done.seconds_since(at) / 4).min(86_400));
        let deadlines = Deadlines { received: first, accepted: first, done };
        let (action, partner) = (action.to_owned(), partner.id.clone());
        self.ask(Asked {
            step: None,
            action,
            partner,
            urgent,
            deadlines,
            remind: None,
            to_erase: None,
        });
        Ok(())
    }

    /// The step of a coordinator's task, or of a partner's, is asked of this partner.
    fn assign(&mut self, id: TaskId, partner: &PartnerId) -> Result<(), OrderFault> {
        let partner = self.scene.catalogue.partner(partner).ok_or(OrderFault::UnknownPartner)?;
        let task = self.dossier.task(id).ok_or(OrderFault::UnknownTask)?;
        if !task.is_open() {
            return Err(OrderFault::Ended);
        }
        let earlier = if task.partner().is_some() { Some(id) } else { task.about };
        let step = task.step.as_ref().ok_or(OrderFault::NoStep)?;
        let step = self.scene.plan.and_then(|plan| plan.step(step)).ok_or(OrderFault::NoStep)?;
        if let Some(earlier) = earlier {
            self.withdraw(earlier);
        }
        self.end(id);
        self.end_questions_about(earlier);
        self.dossier.set_step(&step.id, StepState::Loopt);
        self.ask_step(step, partner.id.clone());
        Ok(())
    }

    fn extend(&mut self, id: TaskId, until: Timestamp) -> Result<(), OrderFault> {
        self.open_task(id, true)?;
        if until <= self.scene.at {
            return Err(OrderFault::PastTerm);
        }
        if let Some(task) = self.dossier.task_mut(id) {
            task.deadlines.done = until;
            // Who was asked to take it on by then has as long to do so.
            if task.state < TaskState::Aanvaard {
                task.deadlines.accepted = task.deadlines.accepted.max(until);
            }
            task.remind_done = None;
            task.marks.retain(|mark| !matches!(mark, Mark::TeLaat | Mark::Stil));
        }
        self.note("verlengd", Some(id), None);
        self.follow.asks.push(Ask { task: id, status: RequestWord::Gewijzigd });
        self.answered_itself(id, &[Question::BeoordeelVertraging, Question::BeoordeelStilte]);
        Ok(())
    }

    /// The plan goes on: the task, or the one that a coordinator's is about, is given up.
    fn go_on_without(&mut self, id: TaskId) -> Result<(), OrderFault> {
        let task = self.dossier.task(id).ok_or(OrderFault::UnknownTask)?;
        if !task.is_open() {
            return Err(OrderFault::Ended);
        }
        let partners = if task.partner().is_some() { Some(id) } else { task.about };
        let refused = partners.and_then(|id| self.dossier.task(id));
        let ended = match refused.map(|task| task.state) {
            Some(TaskState::Geweigerd) => StepState::Geweigerd,
            Some(_) => StepState::Stil,
            None => StepState::Overgeslagen,
        };
        if let Some(partners) = partners {
            self.give_up(partners);
        }
        self.end_step_of(id, ended);
        self.end(id);
        self.end_questions_about(partners);
        Ok(())
    }

    /// A coordinator's task is done. A step that waits for nothing else goes on with it.
    fn done(&mut self, id: TaskId, result: &str) -> Result<(), OrderFault> {
        let task = self.dossier.task(id).ok_or(OrderFault::UnknownTask)?;
        let own = task.question() == Some(Question::VoerUit);
        let hangs = task.step.as_ref().is_some_and(|step| {
            let asked = |task: &Task| task.step.as_ref() == Some(step) && task.partner().is_some();
            self.dossier.step(step) == Some(&StepState::Loopt)
                && !self.dossier.open_tasks().any(asked)
        });
        if own {
            self.end_step_of(id, StepState::Gedaan(result.to_owned()));
            if let Some(task) = self.dossier.task_mut(id) {
                task.result = Some(result.to_owned());
            }
        } else if hangs {
            return self.go_on_without(id);
        }
        self.end(id);
        Ok(())
    }

    fn end_step_of(&mut self, id: TaskId, ended: StepState) {
        let step = self.dossier.task(id).and_then(|task| task.step.clone());
        if let Some(step) = step.filter(|step| self.dossier.step(step) == Some(&StepState::Loopt)) {
            self.dossier.set_step(&step, ended);
        }
    }

    /// Ends a coordinator's task; a partner's ends by other words.
    fn end(&mut self, id: TaskId) {
        let at = self.scene.at;
        let Some(task) = self.dossier.task_mut(id) else { return };
        let question = task.question().map(Question::as_str);
        if let Some(question) = question.filter(|_| task.is_open()) {
            task.become_state(TaskState::Afgerond, at);
            self.note("beslist", Some(id), Some(question));
        }
    }

    fn end_questions_about(&mut self, about: Option<TaskId>) {
        if let Some(about) = about {
            self.answered_itself(about, &Question::ALL);
        }
    }
}
