//! One recipient's view of a message: the purposes that hold for it, and what they leave.

use serde_json::Value;

use super::dispatch::heard_of;
use super::minimise::{Decision, Grants, Minimised, Wanted, minimise};
use crate::catalogue::partner::Partner;
use crate::catalogue::purpose::Purpose;
use crate::catalogue::{Catalogue, Origin, Shape};
use crate::message::{CanonicalMessage, CaseState, Effect, PartnerId, RolePurpose, Timestamp};

/// One recipient's view of a message.
pub struct View<'c> {
    pub minimised: Minimised,
    /// The purposes that granted something, in the order in which they did.
    pub purposes: Vec<&'c Purpose>,
    /// Where a glass was broken that wakes a purpose for this.
    pub glass: Option<Woken>,
}

/// What a broken glass does to a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Woken {
    /// Until when all that was woken is awake.
    pub until: Timestamp,
    /// Whether something is granted by it that would not be granted otherwise.
    pub used: bool,
}

impl View<'_> {
    pub(super) fn data(&self) -> &Value {
        &self.minimised.data
    }

    pub fn decisions(&self) -> &[Decision] {
        &self.minimised.decisions
    }

    pub(super) fn role(&self) -> Role {
        let first = self.purposes.first();
        Role {
            name: first.map_or("meedenken", |purpose| purpose.role.as_str()).to_owned(),
            purposes: self
                .purposes
                .iter()
                .map(|purpose| RolePurpose {
                    id: purpose.id.to_string(),
                    doel: purpose.goal.clone(),
                    grondslag: purpose.basis.clone(),
                })
                .collect(),
            retention_days: self.purposes.iter().map(|p| p.retention_days).min().unwrap_or(0),
        }
    }
}

/// What a recipient may see of a message today, and what is withheld; `None` where no purpose
/// grants it anything.
pub fn minimise_for<'c>(
    catalogue: &'c Catalogue,
    message: &'c CanonicalMessage,
    sender: &'c Partner,
    recipient: &'c Partner,
    case: &CaseState,
    now: Timestamp,
) -> Option<View<'c>> {
    view(catalogue, message, (sender, recipient), case, now, Wanted::Withheld)
}

/// As `minimise_for`, with a decision about every field.
pub fn explain_for<'c>(
    catalogue: &'c Catalogue,
    message: &'c CanonicalMessage,
    sender: &'c Partner,
    recipient: &'c Partner,
    case: &CaseState,
    now: Timestamp,
) -> Option<View<'c>> {
    view(catalogue, message, (sender, recipient), case, now, Wanted::Every)
}

fn view<'c>(
    catalogue: &'c Catalogue,
    message: &'c CanonicalMessage,
    (sender, recipient): (&'c Partner, &'c Partner),
    case: &CaseState,
    now: Timestamp,
    wanted: Wanted,
) -> Option<View<'c>> {
    let theme = message.theme.as_deref().or(case.theme.as_deref());
    let holds = |purpose: &&Purpose| {
        purpose.condition.as_ref().is_none_or(|condition| {
            let mut scope = catalogue.engine.scope();
            scope.bind("b", &message.data);
            condition.holds(&scope).unwrap_or(false)
        })
    };
    let takes_back = takes_back(case, message, &recipient.id);
    let awake = |purpose: &&Purpose| {
        !purpose.sleeps() || takes_back || wakes(case, &recipient.id, purpose, now).is_some()
    };
    let applicable = |origin: Origin<'_>| -> Vec<&'c Purpose> {
        let found = catalogue
            .purposes_to(recipient)
            .filter(|purpose| purpose.concerns(&origin, recipient, theme, now));
        found.filter(awake).filter(holds).collect()
    };
    let purposes = applicable(Origin::Partner(sender));
    if purposes.is_empty() {
        return None;
    }
    let of_origin = |kind: &str| applicable(Origin::Kind(kind));
    let shape: &Shape = &catalogue.messages.get(&message.kind)?.schema.shape;
    let engine = &catalogue.engine;
    let grants = Grants { engine, purposes, of_origin: &of_origin, now, wanted };
    let minimised = minimise(&message.data, shape, &grants, case.number.as_str());
    let used = minimised.purposes.iter();
    let mut purposes: Vec<&Purpose> = used.filter_map(|id| catalogue.purposes.get(id)).collect();
    if purposes.is_empty() {
        purposes.clone_from(&grants.purposes);
    }
    let until = |purpose: &&Purpose| wakes(case, &recipient.id, purpose, now);
    let used = purposes.iter().filter_map(until).min();
    let woken = used.or_else(|| grants.purposes.iter().filter_map(until).min());
    let glass = woken.filter(|_| !takes_back);
    let glass = glass.map(|until| Woken { until, used: used.is_some() });
    Some(View { minimised, purposes, glass })
}

/// Until when a sleeping purpose is awake, because the glass was broken for this recipient.
fn wakes(
    case: &CaseState,
    recipient: &PartnerId,
    purpose: &Purpose,
    now: Timestamp,
) -> Option<Timestamp> {
    case.glass(recipient)?.wakes(purpose.glass?, now)
}

/// Whether a message takes back what its recipient got under a glass. That it must hear also when
/// the glass has ended: it says nothing new of anybody.
fn takes_back(case: &CaseState, message: &CanonicalMessage, recipient: &PartnerId) -> bool {
    message.effect == Effect::Intrekking
        && case.glass(recipient).is_some()
        && heard_of(case, message, recipient)
}

/// What a recipient is told about its own part.
pub(super) struct Role {
    pub name: String,
    pub purposes: Vec<RolePurpose>,
    pub retention_days: u32,
}
