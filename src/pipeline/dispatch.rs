//! The way out: route, minimise for each recipient, translate, validate, encode.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::encode;
use super::parcel::{Admitted, Dispatch, Failure, NotSent, Parcel};
use super::view::{Role, minimise_for};
use crate::catalogue::connector::{Connector, Format, Outbound};
use crate::catalogue::facts::EARLIER;
use crate::catalogue::mapping::Run;
use crate::catalogue::partner::Partner;
use crate::catalogue::route::{Asked, municipality};
use crate::catalogue::{Catalogue, Shape};
use crate::message::{
    CanonicalMessage, Effect, Entropy, ExternalId, MessageKind, ParcelId, PartnerId, RoleStatement,
    RouteId, Second, Stage, Timestamp, Usage, Violation,
};
use crate::message::{CaseState, EARLIER_MAX, EarlierParcel};

/// Everything that a message leads to, given the case it belongs to.
///
/// `suspended` partners get nothing; they are reported as not sent.
pub fn dispatch(
    catalogue: &Catalogue,
    admitted: &Admitted,
    case: &CaseState,
    suspended: &BTreeSet<PartnerId>,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Dispatch {
    let message = admitted.message();
    let mut out = Dispatch::default();
    let Some(sender) = catalogue.partner(&message.sender) else { return out };
    let recipients = route(catalogue, message, sender, case, now, &mut out.not_sent);
    for (recipient, why) in recipients {
        let skip =
            |reason| NotSent { recipient: Some(recipient.id.clone()), reason, named: why.named };
        if suspended.contains(&recipient.id) {
            out.not_sent.push(skip("geschorst"));
            continue;
        }
        let view = minimise_for(catalogue, message, sender, recipient, case, now);
        let Some(view) = view else {
            // For whom a glass was broken was promised nothing of every sender.
            if !why.glass {
                out.not_sent.push(skip("geen-doelbinding"));
            }
            continue;
        };
        let earlier = got_before(case, message, &recipient.id);
        let (usage, kind) = (message.usage, &message.kind);
        let job = Job { catalogue, recipient, case, now, usage, kind, earlier };
        match job.parcel(entropy.parcel_id(), view.data(), view.role()) {
            Ok(made) => out.parcels.push(Parcel {
                glass: view.glass.filter(|glass| why.glass || glass.used).map(|glass| glass.until),
                withheld: view.minimised.withheld(),
                purposes: view.minimised.purposes,
                route: why.route,
                urgent: message.urgent,
                ..made
            }),
            Err(failure) => out.failures.push(failure),
        }
    }
    out
}

/// The parcel that today's rules make for one recipient, under an id and moment it had before, so
/// that the same content gives the same bytes. None where no purpose grants anything.
pub fn redispatch(
    catalogue: &Catalogue,
    admitted: &Admitted,
    case: &CaseState,
    recipient: &PartnerId,
    earlier: (ParcelId, Timestamp),
    now: Timestamp,
) -> Result<Option<Parcel>, Failure> {
    let message = admitted.message();
    let parties = catalogue.partner(&message.sender).zip(catalogue.partner(recipient));
    let Some((sender, recipient)) = parties else { return Ok(None) };
    let view = minimise_for(catalogue, message, sender, recipient, case, now);
    let Some(view) = view else { return Ok(None) };
    let (id, made_at) = earlier;
    let (usage, kind) = (message.usage, &message.kind);
    let earlier = got_before(case, message, &recipient.id);
    let job = Job { catalogue, recipient, case, now: made_at, usage, kind, earlier };
    let made = job.parcel(id, view.data(), view.role())?;
    Ok(Some(Parcel {
        glass: view.glass.filter(|glass| glass.used).map(|glass| glass.until),
        withheld: view.minimised.withheld(),
        purposes: view.minimised.purposes,
        urgent: message.urgent,
        ..made
    }))
}

/// Why somebody gets a message.
#[derive(Debug, Default)]
struct Why {
    route: Option<RouteId>,
    named: bool,
    /// Only because a glass was broken.
    glass: bool,
}

/// Who may get it: by a route, because the sender names them, or because they got the signal
/// before. A request goes to whom it asks and an answer to the municipality, and no route spreads
/// them. Whether they get it, a purpose decides.
fn route<'c>(
    catalogue: &'c Catalogue,
    message: &CanonicalMessage,
    sender: &'c Partner,
    case: &CaseState,
    now: Timestamp,
    not_sent: &mut Vec<NotSent>,
) -> Vec<(&'c Partner, Why)> {
    let mut chosen = Chosen::new();
    match message.effect {
        Effect::Verzoek => {
            add_named(catalogue, message, &mut chosen, not_sent);
            // A partner's id may be the name of a kind as well; asked is the partner.
            let named = |id: &PartnerId| message.named_recipients.iter().any(|n| n == id.as_str());
            let asked = |id: &PartnerId| catalogue.succession.names(id).any(named);
            chosen.retain(|id, _| asked(id));
        }
        Effect::Antwoord => {
            let directs = catalogue.municipality().map(|p| (&p.id, (p, Why::default())));
            chosen.extend(directs);
        }
        Effect::Melding | Effect::Aanvulling | Effect::Intrekking | Effect::Bevestiging => {
            add_routed(catalogue, message, sender, case, now, &mut chosen);
            add_named(catalogue, message, &mut chosen, not_sent);
        }
    }
    if matches!(message.effect, Effect::Melding | Effect::Aanvulling) {
        let open = case.glasses.iter().filter(|glass| glass.is_open(now));
        for partner in open.filter_map(|glass| catalogue.partner(&glass.recipient)) {
            let why = Why { glass: true, ..Why::default() };
            chosen.entry(&partner.id).or_insert((partner, why));
        }
    }
    if matches!(message.effect, Effect::Aanvulling | Effect::Intrekking) {
        let heard = case.recipients.iter().filter(|id| heard_of(case, message, id));
        for partner in heard.filter_map(|id| catalogue.partner(id)) {
            chosen.entry(&partner.id).or_insert((partner, Why::default()));
        }
    }
    chosen.remove(&sender.id);
    let for_good = chosen.values().any(|(_, why)| !why.glass);
    if !for_good && !not_sent.iter().any(|skipped| skipped.named) {
        not_sent.push(NotSent { recipient: None, reason: "geen-route", named: false });
    }
    chosen.into_values().collect()
}

/// Who may get a message, each once, with why.
type Chosen<'c> = BTreeMap<&'c PartnerId, (&'c Partner, Why)>;

fn add_routed<'c>(
    catalogue: &'c Catalogue,
    message: &CanonicalMessage,
    sender: &'c Partner,
    case: &CaseState,
    now: Timestamp,
    chosen: &mut Chosen<'c>,
) {
    let theme = message.theme.as_deref().or(case.theme.as_deref());
    let asked = Asked { sender, theme, data: &message.data, now };
    let municipality = municipality(&message.data);
    for route in catalogue.routes.matching(&catalogue.engine, &asked) {
        for target in &route.targets {
            for partner in meant(catalogue, target, municipality) {
                let entry = chosen.entry(&partner.id).or_insert((partner, Why::default()));
                entry.1.route.get_or_insert_with(|| route.id.clone());
            }
        }
    }
}

fn add_named<'c>(
    catalogue: &'c Catalogue,
    message: &CanonicalMessage,
    chosen: &mut Chosen<'c>,
    not_sent: &mut Vec<NotSent>,
) {
    for name in &message.named_recipients {
        let partners = meant(catalogue, name, municipality(&message.data));
        if partners.is_empty() {
            let reason = "onbekende-ontvanger";
            not_sent.push(NotSent { recipient: None, reason, named: true });
        }
        for partner in partners {
            chosen.entry(&partner.id).or_insert((partner, Why::default())).1.named = true;
        }
    }
}

/// Whether somebody got a signal before, or a request, which says of a signal where it plays and
/// around whom. Who got nothing but other signals of the case need not hear of this one.
pub(super) fn heard_of(
    case: &CaseState,
    message: &CanonicalMessage,
    recipient: &PartnerId,
) -> bool {
    let about = |parcel: &EarlierParcel| {
        parcel.is_about(message) || parcel.kind.starts_with("actieverzoek.")
    };
    // Where nobody looked back, all who got anything are told.
    case.earlier.is_empty()
        || case.earlier.iter().any(|parcel| parcel.recipient == *recipient && about(parcel))
}

/// The partners a name means; a kind means those that work in the message's municipality.
fn meant<'c>(catalogue: &'c Catalogue, name: &str, municipality: Option<&str>) -> Vec<&'c Partner> {
    let mut partners = catalogue.meant_by(name);
    partners.retain(|partner| partner.id.as_str() == name || partner.serves(municipality));
    partners
}

/// A recipient's answer about a parcel, on its way back to who sent the message.
#[derive(Debug, Clone)]
pub struct Feedback {
    pub sender: PartnerId,
    pub external_id: ExternalId,
    pub reference: String,
    pub usage: Usage,
    pub stage: Stage,
    pub reason: Option<String>,
}

/// The parcel that tells a sender that its message was accepted or refused. None where its
/// connector has no form for it. Never says by whom.
pub fn feedback(
    catalogue: &Catalogue,
    about: &Feedback,
    case: &CaseState,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Dispatch {
    let mut out = Dispatch::default();
    let kind = MessageKind { name: "ontvangstbevestiging".to_owned(), version: 1 };
    let Some(recipient) = catalogue.partner(&about.sender) else { return out };
    let connector = catalogue.connector_of(recipient);
    if !connector.is_some_and(|c| c.outbound.iter().any(|form| form.kind == kind)) {
        return out;
    }
    let mut data = json!({
        "kenmerk": about.reference,
        "gebruik": about.usage,
        "tijdstip": Second::from(now),
        "status": about.stage,
        "bericht": about.external_id.reveal(),
    });
    if let (Some(reason), Some(object)) = (&about.reason, data.as_object_mut()) {
        object.insert("reden".to_owned(), Value::from(reason.clone()));
    }
    let role = Role { name: "afzender".to_owned(), purposes: Vec::new(), retention_days: 365 };
    let (usage, kind, earlier) = (about.usage, &kind, Vec::new());
    let job = Job { catalogue, recipient, case, now, usage, kind, earlier };
    match job.parcel(entropy.parcel_id(), &data, role) {
        Ok(parcel) => out.parcels.push(parcel),
        Err(failure) => out.failures.push(failure),
    }
    out
}

/// The making of one parcel.
pub(super) struct Job<'a> {
    pub catalogue: &'a Catalogue,
    pub recipient: &'a Partner,
    pub case: &'a CaseState,
    pub now: Timestamp,
    pub usage: Usage,
    pub kind: &'a MessageKind,
    pub earlier: Vec<Earlier>,
}

/// An earlier parcel as a mapping sees it in `eerder`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Earlier {
    zending: ParcelId,
    opgesteld: Second,
    bericht: String,
}

/// What a recipient got before about the same signal, the newest last.
pub(super) fn got_before(
    case: &CaseState,
    message: &CanonicalMessage,
    recipient: &PartnerId,
) -> Vec<Earlier> {
    let same = |parcel: &&EarlierParcel| parcel.recipient == *recipient && parcel.is_about(message);
    let newest_first = case.earlier.iter().rev().filter(same).take(EARLIER_MAX);
    let mut earlier: Vec<Earlier> = newest_first
        .map(|parcel| Earlier {
            zending: parcel.id,
            opgesteld: parcel.made_at.into(),
            bericht: parcel.kind.clone(),
        })
        .collect();
    earlier.reverse();
    earlier
}

/// A native document that was made.
pub(super) struct Made<'a> {
    pub form: &'a Outbound,
    pub native: Value,
    pub bytes: Vec<u8>,
    pub fired: Vec<bool>,
}

impl Job<'_> {
    pub(super) fn parcel(&self, id: ParcelId, data: &Value, role: Role) -> Result<Parcel, Failure> {
        let made = self.native(id, data)?;
        let asked = data.get("gevraagdeActie");
        let text = |field: &str| Some(asked?.get(field)?.as_str()?.to_owned());
        Ok(Parcel {
            id,
            recipient: self.recipient.id.clone(),
            purposes: Vec::new(),
            route: None,
            urgent: false,
            media_type: made.form.media_type.clone(),
            bytes: made.bytes,
            role: RoleStatement {
                zending: id,
                casus: self.case.number.clone(),
                gebruik: self.usage,
                bericht: self.kind.to_string(),
                rol: role.name,
                gevraagd: text("soort"),
                uiterlijk: text("uiterlijk"),
                doelbinding: role.purposes,
                bewaren_dagen: role.retention_days,
                vervangt: None,
                voorganger_ontbreekt: false,
                opgesteld: self.now.into(),
            },
            withheld: Vec::new(),
            glass: None,
        })
    }

    /// The recipient's own document of minimised data, valid and encoded.
    pub(super) fn native(&self, id: ParcelId, data: &Value) -> Result<Made<'_>, Failure> {
        let fail = |reason, violations| Failure {
            recipient: self.recipient.id.clone(),
            reason,
            violations,
        };
        let connector = self
            .catalogue
            .connector_of(self.recipient)
            .ok_or_else(|| fail("vertaling-uit", Vec::new()))?;
        let form = self.form(connector, data).ok_or_else(|| fail("geen-vorm", Vec::new()))?;
        let (hub, earlier) = (self.facts(id), json!(self.earlier));
        let (native, fired) = Run::new(&form.mapping, &self.catalogue.engine)
            .document(&[("b", data), ("h", &hub), (EARLIER, &earlier)])
            .map_err(|violations| fail("vertaling-uit", violations))?;
        if !form.schema.accepts(&native) {
            return Err(fail("schema-uit", form.schema.violations(&native)));
        }
        let bytes = encode_as(&connector.format, &form.schema.shape, &native)
            .map_err(|violations| fail("schema-uit", violations))?;
        Ok(Made { form, native, bytes, fired })
    }

    /// The recipient's first form for this kind whose condition holds.
    fn form<'c>(&self, connector: &'c Connector, data: &Value) -> Option<&'c Outbound> {
        connector.outbound.iter().filter(|form| form.kind == *self.kind).find(|form| {
            form.condition.as_ref().is_none_or(|condition| {
                let mut scope = self.catalogue.engine.scope();
                scope.bind("b", data);
                condition.holds(&scope).unwrap_or(false)
            })
        })
    }

    fn facts(&self, id: ParcelId) -> Value {
        let recipient = self.recipient;
        json!({
            "zending": id,
            "casus": self.case.number,
            "opgesteld": Second::from(self.now),
            "bericht": self.kind.to_string(),
            "hub": { "naam": self.catalogue.hub.naam, "oin": self.catalogue.hub.oin },
            "ontvanger": { "naam": recipient.name, "oin": recipient.oin, "id": recipient.id },
        })
    }
}

/// A native value in the bytes of its format; the columns of CSV are those of its schema.
pub fn encode_as(
    format: &Format,
    shape: &Shape,
    native: &Value,
) -> Result<Vec<u8>, Vec<Violation>> {
    match format {
        Format::Json => Ok(encode::json(native)),
        Format::Xml(namespaces) => encode::xml(native, namespaces),
        Format::Csv { separator } => {
            let columns = match shape {
                Shape::Object(fields) => fields.iter().map(|field| field.name.clone()).collect(),
                _ => Vec::new(),
            };
            encode::csv(native, &columns, *separator)
        }
    }
}
