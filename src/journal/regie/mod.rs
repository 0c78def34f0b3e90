//! What cases do about what happens, in the transaction of what happened: requests go out as
//! messages of the municipality, and dossier, tasks, timeline and notices are stored with them.

mod agreements;
mod erasures;
mod hold;
mod notices;
mod orders;
mod rows;
mod said;
mod share;
mod signal;
mod views;

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

pub use self::agreements::{AgreementAct, AgreementShown, AgreementWords, NamedParty};
pub(in crate::journal) use self::erasures::{ErasedCaseOf, recipients};
pub use self::hold::{ASKED, HeldParcels, HoldOrder};
pub use self::notices::{RegiePoint, RegieTelling};
pub use self::orders::{CaseAct, CaseOrder, CaseOrdered};
pub(super) use self::rows::RegieRows;
pub use self::said::Said;
pub use self::views::{
    CaseFilter, CaseShown, CaseView, DossierLine, LIST_MAX as REGIE_LIST_MAX, TaskFilter, TaskLine,
    TimelineLine,
};

use super::inbox::PutMessage;
use super::receive::{Group, NO_CASE};
use super::sql::query;
use super::unit::Unit;
use super::{JournalError, Rules, Submission};
use crate::casework::{self, Ask, CorrelationKey, Decision, Dossier, Follow, PlanRef, Scene};
use crate::catalogue::playbook::Plan;
use crate::catalogue::route::municipality;
use crate::catalogue::{Catalogue, ThemeCase};
use crate::message::{
    CanonicalMessage, Digest, Effect, Entropy, PartnerId, Refusal, RequestWord, Stage, Term,
    Timestamp,
};
use crate::pipeline::{self, About, Parcel, Request};

/// How long a recipient has to say that it has a correction or a withdrawal.
const RECALL: Term = Term::WorkingDays(2);

/// How requests say that they came in: they did not.
const CHANNEL: &str = "regie";

/// Where and when something happens.
#[derive(Clone, Copy)]
pub(super) struct Moment<'r> {
    pub rules: &'r Arc<Rules>,
    pub case: Uuid,
    pub at: Timestamp,
}

/// A partner's answer that counts, and what its case makes of it.
pub(super) struct Answered {
    case: Uuid,
    dossier: Dossier,
    follow: Follow,
}

/// A receipt about the parcel of a request.
pub(super) struct OnRequest {
    pub message: Uuid,
    pub partner: PartnerId,
    pub stage: Stage,
    pub reason: Option<String>,
}

/// A message that was accepted, as its case sees it.
pub(super) struct Happened<'m> {
    pub id: Uuid,
    pub message: &'m CanonicalMessage,
    pub decision: Decision,
    pub answered: Option<Answered>,
    pub word: Option<OnRequest>,
}

impl Group {
    /// Whether an answer counts. Where it does not, its sender is told why and nothing changes.
    pub async fn answered(
        &mut self,
        unit: &mut Unit<'_>,
        submission: &Submission,
        message: &CanonicalMessage,
    ) -> Result<Result<Option<Answered>, Refusal>, JournalError> {
        let Some(said) = &message.answer else { return Ok(Ok(None)) };
        let unknown = || Ok(Err(refusal(casework::AnswerFault::Unknown)));
        let Some(set) = &submission.rules.regie else { return unknown() };
        let keys = [CorrelationKey::Task { usage: message.usage, task: said.task }];
        let found = self.book.found(unit, &keys, submission.at);
        let Some(id) = found.first().map(|found| Uuid::from(found.case.id)) else {
            return unknown();
        };
        let Some(mut dossier) = self.book.case(id).and_then(|case| case.dossier.clone()) else {
            return unknown();
        };
        let plan = self.plan_of(unit, set, &dossier).await?;
        let case = &self.book.case(id).ok_or(NO_CASE)?.state;
        let scene = Scene { catalogue: set, plan: plan.as_deref(), case, at: submission.at };
        let mut entropy = Entropy::new(unit.vault.random()?);
        let partner = &submission.partner;
        Ok(match casework::answer(&mut dossier, scene, partner, said, &mut entropy) {
            Ok(follow) => Ok(Some(Answered { case: id, dossier, follow })),
            Err(fault) => Err(refusal(fault)),
        })
    }

    /// What the case of a message does about it.
    pub async fn happened(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        happened: Happened<'_>,
        parcels: &[Parcel],
        entropy: &mut Entropy,
    ) -> Result<(), JournalError> {
        let Some(set) = moment.rules.regie.clone() else { return Ok(()) };
        let Happened { id, message, decision, answered, word } = happened;
        if let Some(Answered { case, dossier, follow }) = answered {
            let moment = Moment { case, ..moment };
            self.take_over(moment, dossier)?;
            return self.follow(unit, &set, moment, follow, entropy).await;
        }
        if let Some(word) = word {
            return self.receipt(unit, moment, &word).await;
        }
        match message.effect {
            Effect::Melding => {
                self.signal(unit, &set, moment, (id, message, decision), entropy).await
            }
            Effect::Aanvulling | Effect::Intrekking => {
                self.regie.say_later(moment.case, message);
                self.recall(unit, &set, moment, (message.effect, parcels), entropy).await
            }
            Effect::Bevestiging | Effect::Verzoek | Effect::Antwoord => Ok(()),
        }
    }

    async fn signal(
        &mut self,
        unit: &mut Unit<'_>,
        set: &Arc<Catalogue>,
        moment: Moment<'_>,
        (id, message, decision): (Uuid, &CanonicalMessage, Decision),
        entropy: &mut Entropy,
    ) -> Result<(), JournalError> {
        let case = self.book.case_mut(moment.case).ok_or(NO_CASE)?;
        let theme = case.state.theme.clone();
        let theme = theme.and_then(|theme| set.themes.get(&theme)?.casus.as_ref());
        if case.dossier.is_none() {
            let opened = open(set, theme, (id, message), moment.at);
            let Some((mut dossier, plan)) = opened else { return Ok(()) };
            if let Decision::Open { alike, earlier, .. } = decision {
                dossier.alike = alike;
                earlier.into_iter().for_each(|at| dossier.remember_signal(at));
            }
            case.dossier = Some(dossier);
            self.regie.keep_plan(plan);
            self.regie.remember_signal(id, message);
        }
        let follow = self.step(unit, set, moment, entropy, |dossier, scene, entropy| {
            casework::signal(dossier, scene, theme, entropy)
        });
        let follow = follow.await?;
        self.follow(unit, set, moment, follow, entropy).await
    }

    /// A recipient's word about the parcel of a request.
    pub async fn receipt(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        word: &OnRequest,
    ) -> Result<(), JournalError> {
        let Some(set) = moment.rules.regie.clone() else { return Ok(()) };
        let mut entropy = Entropy::new(unit.vault.random()?);
        let sql = "select task_id, case_id from request where message_id = $1";
        let row = query(sql, [word.message.into()]).fetch_optional(unit.conn).await?;
        let Some(row) = row else { return Ok(()) };
        let task = row.uuid("task_id")?.into();
        let moment = Moment { case: self.book.living(row.uuid("case_id")?), ..moment };
        let said = (word.stage, word.reason.as_deref());
        let follow = self.step(unit, &set, moment, &mut entropy, |dossier, scene, entropy| {
            casework::receipt(dossier, scene, (&word.partner, task), said, entropy)
        });
        let follow = follow.await?;
        self.follow(unit, &set, moment, follow, &mut entropy).await
    }

    /// Who got a correction or a withdrawal must say so in time.
    async fn recall(
        &mut self,
        unit: &mut Unit<'_>,
        set: &Arc<Catalogue>,
        moment: Moment<'_>,
        (effect, parcels): (Effect, &[Parcel]),
        entropy: &mut Entropy,
    ) -> Result<(), JournalError> {
        let by = RECALL.after(moment.at);
        let recall = |parcel: &Parcel| casework::Recall {
            parcel: parcel.id,
            recipient: parcel.recipient.clone(),
            by,
        };
        let said = (effect == Effect::Intrekking, parcels.iter().map(recall).collect());
        let follow = self.step(unit, set, moment, entropy, |dossier, scene, entropy| {
            casework::recalled(dossier, scene, said, entropy)
        });
        let follow = follow.await?;
        self.follow(unit, set, moment, follow, entropy).await
    }

    fn dossier(&self, case: Uuid) -> Result<Option<&Dossier>, JournalError> {
        Ok(self.book.case(case).ok_or(NO_CASE)?.dossier.as_ref())
    }

    /// Lets something happen to the dossier of a case; nothing where it has none.
    async fn step(
        &mut self,
        unit: &mut Unit<'_>,
        set: &Catalogue,
        moment: Moment<'_>,
        entropy: &mut Entropy,
        what: impl FnOnce(&mut Dossier, Scene<'_>, &mut Entropy) -> Follow,
    ) -> Result<Follow, JournalError> {
        let Moment { case, at, .. } = moment;
        let Some(mut dossier) = self.dossier(case)?.cloned() else { return Ok(Follow::default()) };
        let plan = self.plan_of(unit, set, &dossier).await?;
        let work = self.book.case_mut(case).ok_or(NO_CASE)?;
        let scene = Scene { catalogue: set, plan: plan.as_deref(), case: &work.state, at };
        let follow = what(&mut dossier, scene, entropy);
        self.regie.changed(moment, work.dossier.as_ref(), &dossier);
        work.state.glasses.clone_from(&dossier.glasses);
        work.dossier = Some(dossier);
        Ok(follow)
    }

    /// The case has another dossier from now on.
    fn take_over(&mut self, moment: Moment<'_>, dossier: Dossier) -> Result<(), JournalError> {
        let work = self.book.case_mut(moment.case).ok_or(NO_CASE)?;
        self.regie.changed(moment, work.dossier.as_ref(), &dossier);
        work.state.glasses.clone_from(&dossier.glasses);
        work.dossier = Some(dossier);
        Ok(())
    }

    /// Carries out what follows: requests, notices, and the lines of the timeline.
    async fn follow(
        &mut self,
        unit: &mut Unit<'_>,
        set: &Arc<Catalogue>,
        moment: Moment<'_>,
        follow: Follow,
        entropy: &mut Entropy,
    ) -> Result<(), JournalError> {
        for entry in &follow.entries {
            self.regie.entry(moment, entry, None);
        }
        for notice in &follow.notices {
            self.regie.notice(moment, notice);
        }
        let mut unsent = Vec::new();
        for ask in &follow.asks {
            let went = self.ask(unit, set, moment, ask, entropy).await?;
            if !went && ask.status == RequestWord::Gevraagd {
                unsent.push(ask.task);
            }
        }
        for recipient in &follow.shares {
            let shared = self.share(unit, set, moment, recipient).await?;
            self.regie.shared = Some(shared);
        }
        for task in unsent {
            let next = self.step(unit, set, moment, entropy, |dossier, scene, entropy| {
                casework::unsent(dossier, scene, task, entropy)
            });
            let next = next.await?;
            // What is asked instead may not leave either; a plan has an end.
            Box::pin(self.follow(unit, set, moment, next, entropy)).await?;
        }
        Ok(())
    }

    /// Says something to a partner about its task; whether anything goes to it.
    async fn ask(
        &mut self,
        unit: &mut Unit<'_>,
        set: &Arc<Catalogue>,
        moment: Moment<'_>,
        ask: &Ask,
        entropy: &mut Entropy,
    ) -> Result<bool, JournalError> {
        let signal = self.signal_of(unit, moment.case).await?;
        let case = self.book.case(moment.case).ok_or(NO_CASE)?;
        let (state, dossier) = (&case.state, case.dossier.as_ref());
        let task = dossier.and_then(|dossier| dossier.task(ask.task));
        let Some(task) = task else { return Ok(false) };
        let Some(partner) = task.partner() else { return Ok(false) };
        let sender = signal.as_ref().and_then(|signal| set.partner(&signal.sender));
        let about = signal.as_ref().zip(sender).map(|(signal, sender)| About {
            data: &signal.data,
            sender: &sender.id,
            origin: &sender.kind,
        });
        let first = ask.status == RequestWord::Gevraagd;
        let request = Request {
            task: task.id,
            status: ask.status,
            partner,
            action: &task.action,
            received_by: Some(task.deadlines.received).filter(|_| first),
            accepted_by: Some(task.deadlines.accepted).filter(|_| first),
            done_by: Some(task.deadlines.done),
            usage: state.usage,
            theme: state.theme.as_deref(),
            urgent: task.urgent,
            case: &state.number,
            about,
            to_erase: task.to_erase.as_deref(),
            at: moment.at,
        };
        match pipeline::ask(set, &request) {
            Ok(admitted) => {
                let key = CorrelationKey::Task { usage: state.usage, task: task.id };
                self.book.lead(unit, &key, moment.case);
                self.put_request(unit, moment, &admitted, ask, entropy)
            }
            Err(failure) => {
                let made = super::outbox::Made {
                    message: Uuid::nil(),
                    leaf: 0,
                    at: moment.at,
                    catalogue: moment.rules.catalogue,
                    answer: false,
                };
                let mut dispatch = pipeline::Dispatch::default();
                dispatch.failures.push(failure);
                unit.quarantine_unsent(&dispatch, &made, moment.case, None)?;
                Ok(false)
            }
        }
    }

    /// Stores a request as the message of the municipality that it is.
    fn put_request(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        admitted: &pipeline::Admitted,
        ask: &Ask,
        entropy: &mut Entropy,
    ) -> Result<bool, JournalError> {
        let message = admitted.message();
        let state = &self.book.case(moment.case).ok_or(NO_CASE)?.state;
        let (rules, at) = (moment.rules, moment.at);
        let dispatch = (rules.dispatch)(admitted, state, unit.suspended, at, entropy);
        let submission = Submission {
            rules: Arc::clone(rules),
            partner: message.sender.clone(),
            channel: CHANNEL,
            media_type: Some("application/json".to_owned()),
            bytes: message.data.to_string().into_bytes(),
            at,
            verdict: Ok(admitted.clone()),
            seed: [0; 32],
            held: None,
        };
        let id = Uuid::from(entropy.message_id(at));
        // Two reminders can fall in one second; each is a message of its own.
        let unique = Digest::of(&[id.as_bytes()]);
        let put = PutMessage {
            submission: &submission,
            message,
            id,
            public_id: entropy.public_id(),
            keys: (unit.request_key(unique), unique),
            case: moment.case,
            dispatch: &dispatch,
        };
        let sent = self.put(unit, put)?.parcels > 0;
        self.regie.request(id, ask.task, moment.case);
        Ok(sent)
    }

    /// The plan that a case runs under, whatever the set has now.
    async fn plan_of(
        &mut self,
        unit: &mut Unit<'_>,
        set: &Catalogue,
        dossier: &Dossier,
    ) -> Result<Option<Arc<Plan>>, JournalError> {
        let Some(PlanRef { id, digest }) = &dossier.plan else { return Ok(None) };
        if let Some(playbook) = set.playbooks.get(id).filter(|p| p.digest == *digest) {
            self.regie.plans.insert(*digest, Arc::clone(&playbook.plan));
            return Ok(Some(Arc::clone(&playbook.plan)));
        }
        if let Some(plan) = self.regie.plans.get(digest) {
            return Ok(Some(Arc::clone(plan)));
        }
        let sql = "select document from plan where digest = $1";
        let row = query(sql, [(*digest).into()]).fetch_optional(unit.conn).await?;
        let unreadable = || JournalError::Unreadable("the plan of a case");
        let plan: Plan = serde_json::from_slice(&row.ok_or_else(unreadable)?.blob("document")?)
            .map_err(|_| unreadable())?;
        let plan = Arc::new(plan);
        self.regie.plans.insert(*digest, Arc::clone(&plan));
        Ok(Some(plan))
    }
}

impl Unit<'_> {
    /// The permanent key of a request, which no partner's message can have.
    fn request_key(&self, unique: Digest) -> Digest {
        self.vault.hub.lookup_hash("verzoek", &unique.0)
    }
}

/// A plan under its digest.
type KeptPlan = (Digest, Arc<Plan>);

/// The first dossier of a case, and the plan that it will run under; nothing where signals of its
/// theme stay loose.
fn open(
    set: &Catalogue,
    theme: Option<&ThemeCase>,
    (id, message): (Uuid, &CanonicalMessage),
    at: Timestamp,
) -> Option<(Dossier, Option<KeptPlan>)> {
    let theme_case = theme?;
    let playbook = message.theme.as_deref().and_then(|t| set.playbook_for(t, &message.data));
    if playbook.is_none() && !theme_case.opens_a_case() {
        return None;
    }
    let mut dossier = Dossier::new(at);
    let text = |path: &str| message.data.pointer(path).and_then(Value::as_str).map(str::to_owned);
    dossier.about = Some(id.into());
    dossier.municipality = municipality(&message.data).map(str::to_owned);
    dossier.area = text("/locatie/buurtcode");
    let plan = playbook.map(|playbook| {
        dossier.plan = Some(PlanRef { id: playbook.plan.id.clone(), digest: playbook.digest });
        dossier.judged = casework::judge(set, playbook, &message.data);
        (playbook.digest, Arc::clone(&playbook.plan))
    });
    Some((dossier, plan))
}

fn refusal(fault: casework::AnswerFault) -> Refusal {
    let (code, nl, en) = fault.told();
    Refusal::one(fault.kind(), "", code, nl, en)
}
