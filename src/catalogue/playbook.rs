//! A playbook (*draaiboek*): which tasks a kind of case asks of whom, in which order and terms,
//! what happens on refusal, silence and completion, and when the case may close.
//!
//! What a case needs of it later is its [`Plan`], which holds no expressions: conditions on the
//! signal are judged when the case opens. Whether a plan can get stuck is for `casework` to try.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::cel::Expression;
use super::problem::{Files, Problem, SourceText, nearest};
use super::shape::Shape;
use crate::message::{Digest, PlaybookId, PurposeId, StepId, Term};

/// Steps of one playbook at most: more are no plan that people follow.
pub const STEPS_MAX: usize = 16;

/// Whom a step names that the municipality does itself.
pub const COORDINATOR: &str = "regisseur";

/// A playbook with its compiled conditions.
#[derive(Debug)]
pub struct Playbook {
    pub plan: Arc<Plan>,
    /// Of the plan; a case names it.
    pub digest: Digest,
    /// Which signals of its theme open a case under it; none: all.
    pub condition: Option<Expression>,
    /// Conditions of steps on the first signal of the case.
    pub conditions: Vec<(StepId, Expression)>,
    pub file: String,
    lines: Vec<usize>,
}

/// What a case does, as data: the same bytes give the same digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub id: PlaybookId,
    pub name: String,
    pub theme: String,
    /// How long a case may be open before a coordinator is asked about it.
    pub term: Term,
    /// How long a coordinator may take to decide, and how long where it is urgent.
    pub decide: Term,
    pub decide_urgent: Term,
    pub steps: Vec<Step>,
    pub closing: Closing,
}

/// One task that the plan asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub id: StepId,
    /// What is asked: a code of `gevraagdeActie.soort`.
    pub action: String,
    /// A kind of partner, a partner, or [`COORDINATOR`].
    pub to: String,
    /// Under which a partner may be asked; a coordinator needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<PurposeId>,
    /// What must have ended before it begins.
    pub after: Vec<StepId>,
    /// It is only asked where these steps ended with one of these results.
    pub only_if: Vec<(StepId, Vec<String>)>,
    /// Whether it is only asked where another step leads to it.
    pub on_demand: bool,
    /// Whether it is judged on the first signal whether this is asked at all.
    pub judged: bool,
    pub urgent: bool,
    pub terms: Terms,
    /// How long before the last term its partner is reminded.
    pub remind: Option<Term>,
    pub on_refusal: Next,
    pub on_silence: Next,
}

/// Delivered is not accepted is not done: each has its own term, all from the moment of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    pub received: Term,
    pub accepted: Term,
    pub done: Term,
}

/// What follows where a partner refuses, or says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// A coordinator decides.
    Coordinator,
    /// The plan goes on without it.
    Continue,
    /// Another step is asked instead.
    Step(StepId),
}

/// When a case closes, once all its steps have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closing {
    pub by: ClosedBy,
    /// How long after its last step it stays done before it closes, or is asked to be closed.
    pub quiet: Term,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClosedBy {
    #[serde(rename = "hub")]
    Hub,
    #[serde(rename = "regisseur")]
    Coordinator,
}

/// Results with which a partner may end a task; `schemas/actieverzoek-antwoord/v1.json` has them.
pub const RESULTS: [&str; 6] = [
    "opgelost",
    "deels-opgelost",
    "niet-opgelost",
    "niet-aangetroffen",
    "overgedragen",
    "niet-nodig",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaybookText {
    naam: String,
    thema: Spanned<String>,
    voorwaarde: Option<Spanned<String>>,
    termijn: Term,
    besluit: Term,
    #[serde(rename = "besluitSpoed")]
    besluit_spoed: Option<Term>,
    sluiten: ClosingText,
    stap: Vec<Spanned<StepText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosingText {
    door: ClosedBy,
    na: Term,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StepText {
    id: StepId,
    vraag: Spanned<String>,
    aan: String,
    doelbinding: Option<PurposeId>,
    #[serde(default)]
    na: Vec<Spanned<StepId>>,
    wanneer: Option<Spanned<String>>,
    #[serde(default)]
    bij_resultaat: std::collections::BTreeMap<Spanned<StepId>, Vec<Spanned<String>>>,
    #[serde(default)]
    spoed: bool,
    ontvangen: Option<Term>,
    aanvaarden: Option<Term>,
    afronden: Term,
    herinneren: Option<Term>,
    #[serde(default)]
    bij_weigering: Option<Spanned<String>>,
    #[serde(default)]
    bij_stilte: Option<Spanned<String>>,
}

impl Playbook {
    /// Reads `config/playbooks/<id>.toml`. What is asked must be a code of `actions`.
    pub fn load(
        files: &Files,
        file: &str,
        id: PlaybookId,
        canonical: &Shape,
        (themes, actions): (&[String], &[String]),
    ) -> Result<Self, Vec<Problem>> {
        let source = SourceText::read(files, file).map_err(|problem| vec![problem])?;
        let text: PlaybookText = source.toml().map_err(|problem| vec![problem])?;
        let mut reader = Reader { source, canonical, actions, problems: Vec::new() };
        reader.among(&text.thema, themes.iter().map(String::as_str), "thema");
        let condition = text.voorwaarde.as_ref().and_then(|text| reader.condition(text));
        let mut conditions = Vec::new();
        let lines = text.stap.iter().map(|step| reader.line(step.span().start)).collect();
        reader.bounds(&text.stap);
        let names: Vec<StepId> = text.stap.iter().map(|step| step.get_ref().id.clone()).collect();
        let steps: Vec<StepText> = text.stap.into_iter().map(Spanned::into_inner).collect();
        let demanded = demanded(&steps);
        let mut plan_steps = Vec::with_capacity(steps.len());
        for step in steps {
            if let Some(found) = step.wanneer.as_ref().and_then(|text| reader.condition(text)) {
                conditions.push((step.id.clone(), found));
            }
            plan_steps.push(reader.step(step, &names, &demanded));
        }
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        let plan = Plan {
            id,
            name: text.naam,
            theme: text.thema.into_inner(),
            term: text.termijn,
            decide: text.besluit,
            decide_urgent: text.besluit_spoed.unwrap_or(text.besluit),
            steps: plan_steps,
            closing: Closing { by: text.sluiten.door, quiet: text.sluiten.na },
        };
        let digest = plan.digest();
        Ok(Self {
            plan: Arc::new(plan),
            digest,
            condition,
            conditions,
            file: file.to_owned(),
            lines,
        })
    }

    /// A problem at a step, or at the playbook as a whole where it is about none.
    pub fn problem(
        &self,
        files: &Files,
        step: Option<&StepId>,
        code: &'static str,
        text: String,
    ) -> Problem {
        let source = SourceText::read(files, &self.file);
        let source = source.unwrap_or(SourceText { file: &self.file, text: "" });
        let at = step.and_then(|id| self.plan.steps.iter().position(|step| step.id == *id));
        match at.and_then(|at| self.lines.get(at)) {
            Some(line) => {
                let before = source.text.split_inclusive('\n').take(line.saturating_sub(1));
                source.problem(before.map(str::len).sum(), code, text)
            }
            None => source.whole(code, text),
        }
    }
}

impl Step {
    /// Whether the municipality does it itself.
    pub fn is_coordinators(&self) -> bool {
        self.to == COORDINATOR
    }
}

impl Plan {
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// SHA-256 of its JSON, whose keys have one order.
    pub fn digest(&self) -> Digest {
        Digest::of(&[&self.to_json()])
    }

    pub fn to_json(&self) -> Vec<u8> {
        // A plan has no map and no number that JSON does not know.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The steps that others lead to, and that nothing precedes: they begin when they are led to.
fn demanded(steps: &[StepText]) -> BTreeSet<String> {
    let mut demanded = BTreeSet::new();
    for step in steps {
        for next in [&step.bij_weigering, &step.bij_stilte].into_iter().flatten() {
            demanded.extend(next.get_ref().strip_prefix("stap ").map(str::to_owned));
        }
    }
    demanded
}

/// What the parts of a file are read with.
struct Reader<'a> {
    source: SourceText<'a>,
    canonical: &'a Shape,
    actions: &'a [String],
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        self.source.problem(offset, "", "").line
    }

    fn report(&mut self, at: usize, code: &'static str, text: impl Into<String>) {
        self.problems.push(self.source.problem(at, code, text));
    }

    fn condition(&mut self, text: &Spanned<String>) -> Option<Expression> {
        match Expression::condition(text.get_ref(), self.source.file, self.canonical) {
            Ok(found) => Some(found),
            Err(error) => {
                self.report(text.span().start, "uitdrukking", error);
                None
            }
        }
    }

    fn among<'n>(
        &mut self,
        name: &Spanned<String>,
        known: impl Iterator<Item = &'n str> + Clone,
        what: &'static str,
    ) {
        if known.clone().any(|one| one == name.get_ref()) {
            return;
        }
        let near = nearest(name.get_ref(), known);
        let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        self.report(name.span().start, what, format!("onbekend: {what}{hint}"));
    }

    fn bounds(&mut self, steps: &[Spanned<StepText>]) {
        if steps.is_empty() || steps.len() > STEPS_MAX {
            let text = format!("een draaiboek heeft één tot {STEPS_MAX} stappen");
            self.problems.push(self.source.whole("stap", text));
        }
        for (at, step) in steps.iter().enumerate() {
            let id = &step.get_ref().id;
            if steps.iter().take(at).any(|earlier| earlier.get_ref().id == *id) {
                self.report(step.span().start, "stap", "deze stap-id komt twee keer voor");
            }
        }
    }

    fn step(&mut self, text: StepText, names: &[StepId], demanded: &BTreeSet<String>) -> Step {
        let actions = self.actions;
        self.among(&text.vraag, actions.iter().map(String::as_str), "vraag");
        let mut after = Vec::new();
        for id in text.na {
            self.known(&id, names, &text.id);
            after.push(id.into_inner());
        }
        let mut only_if = Vec::new();
        for (id, results) in text.bij_resultaat {
            self.known(&id, names, &text.id);
            for result in &results {
                self.among(result, RESULTS.into_iter(), "resultaat");
            }
            // What looks at a result comes after it.
            if !after.contains(id.get_ref()) {
                after.push(id.get_ref().clone());
            }
            let results = results.into_iter().map(Spanned::into_inner).collect();
            only_if.push((id.into_inner(), results));
        }
        let on_refusal = self.next(text.bij_weigering, names, &text.id);
        let on_silence = self.next(text.bij_stilte, names, &text.id);
        Step {
            on_demand: after.is_empty() && demanded.contains(text.id.as_str()),
            id: text.id,
            action: text.vraag.into_inner(),
            to: text.aan,
            purpose: text.doelbinding,
            after,
            only_if,
            judged: text.wanneer.is_some(),
            urgent: text.spoed,
            terms: Terms {
                received: text.ontvangen.or(text.aanvaarden).unwrap_or(text.afronden),
                accepted: text.aanvaarden.unwrap_or(text.afronden),
                done: text.afronden,
            },
            remind: text.herinneren,
            on_refusal,
            on_silence,
        }
    }

    fn known(&mut self, id: &Spanned<StepId>, names: &[StepId], own: &StepId) {
        if id.get_ref() == own {
            self.report(id.span().start, "stap", "een stap kan niet op zichzelf wachten");
        } else if !names.contains(id.get_ref()) {
            let near = nearest(id.get_ref().as_str(), names.iter().map(StepId::as_str));
            let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
            self.report(id.span().start, "stap", format!("onbekende stap{hint}"));
        }
    }

    fn next(&mut self, text: Option<Spanned<String>>, names: &[StepId], own: &StepId) -> Next {
        let Some(text) = text else { return Next::Coordinator };
        let at = text.span();
        match text.get_ref().as_str() {
            "regisseur" => Next::Coordinator,
            "verder" => Next::Continue,
            other => match other.strip_prefix("stap ").and_then(|id| id.parse().ok()) {
                Some(id) => {
                    let id: Spanned<StepId> = Spanned::new(at, id);
                    self.known(&id, names, own);
                    Next::Step(id.into_inner())
                }
                None => {
                    let hint = "schrijf \"regisseur\", \"verder\" of \"stap <id>\"";
                    self.report(at.start, "vervolg", hint);
                    Next::Coordinator
                }
            },
        }
    }
}
