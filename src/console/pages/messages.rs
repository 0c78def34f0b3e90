//! *Berichten* and *Bericht*: which road a message took, who got which fields, and why not others.
//!
//! A coordinator sees what the municipality sent or received. What partners exchange among
//! themselves is closed to it; operators and auditors see that it went, and no content.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::App;
use super::super::answer::{Shown, Wrong, again, csv, page};
use super::super::door::{Asker, Visitor};
use super::super::form::{optional, trimmed};
use super::super::list::{Column, Head, Kept, Pairs, Sort, address, heads, kept};
use super::super::mask::{Field, fields};
use super::super::ui::Ui;
use super::cases::Word;
use super::tasks::partners_of;
use super::themes_of;
use crate::hub::clock;
use crate::journal::{
    FieldReveal, FieldRevealOrder, JournalError, MessageFilter, MessageLine, ParcelView, Trace,
};
use crate::message::{CaseNumber, PartnerId, StaffRole};
use crate::transport::http::AdminDesk as _;

/// Lines of a page.
const PAGE: i64 = 50;
/// Lines of an export.
const EXPORT: i64 = 200;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// A case number, or any number of a message or parcel.
    #[serde(deserialize_with = "trimmed")]
    zoek: String,
    #[serde(deserialize_with = "optional")]
    afzender: Option<PartnerId>,
    #[serde(deserialize_with = "optional")]
    ontvanger: Option<PartnerId>,
    /// The sender's own reference.
    #[serde(deserialize_with = "optional")]
    kenmerk: Option<Word>,
    #[serde(deserialize_with = "optional")]
    soort: Option<Word>,
    #[serde(deserialize_with = "optional")]
    voor: Option<i64>,
    #[serde(deserialize_with = "trimmed")]
    sorteer: String,
    als: String,
    gedaan: Option<String>,
}

/// By what a page of the list can be sorted.
pub const COLUMNS: [Column; 7] = [
    ("ontvangen", "kop-ontvangen", false),
    ("soort", "kop-soort", false),
    ("afzender", "kop-afzender", false),
    ("casus", "kop-casus", false),
    ("thema", "kop-thema", false),
    ("zendingen", "kop-zendingen", true),
    ("status", "kop-status", false),
];

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage {
    ui: Ui,
    lines: Vec<MessageLine>,
    search: String,
    sender: String,
    recipient: String,
    kind: String,
    partners: Vec<(String, String)>,
    kinds: Vec<String>,
    /// The address of older ones.
    older: Option<String>,
    /// The address of the same as a file.
    export: String,
    not_found: bool,
    heads: Vec<Head>,
    kept: Kept,
    sort: String,
    /// Whether there are more than this page, so that only this page is sorted.
    cut: bool,
}

pub async fn list(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Shown {
    let export = asked.als == "csv";
    if let Ok(id) = asked.zoek.parse::<Uuid>() {
        match open_message(&app, &visitor, id).await {
            Ok(trace) => {
                let to = format!("/berichten/{}", trace.message.public_id);
                return Ok(Redirect::to(&to).into_response());
            }
            Err(wrong) if wrong.status == 404 => {}
            Err(wrong) => return Err(wrong),
        }
    }
    let mut found = find(&app, &visitor, &asked).await?;
    let ui = Ui::new(&asker, "berichten").after(asked.gedaan.as_deref());
    let sort = Sort::of(&asked.sorteer, &COLUMNS);
    if let Some(sort) = sort {
        sorted(&ui, &mut found.lines, sort);
    }
    if export {
        return Ok(csv("berichten.csv", &as_rows(&ui, &found.lines)));
    }
    let pairs = pairs(&asked, sort);
    let with = |name: &'static str, value: String| {
        let more: Pairs = pairs.iter().cloned().chain([(name, value)]).collect();
        address("berichten", &more)
    };
    let kinds = app.hub.active().catalogue.messages.keys().map(ToString::to_string).collect();
    Ok(page(&MessagesPage {
        export: with("als", "csv".to_owned()),
        older: found.next.map(|next| with("voor", next.to_string())),
        cut: found.next.is_some() || asked.voor.is_some(),
        heads: heads(&ui, "berichten", &pairs, &COLUMNS, sort),
        kept: kept(&app, &visitor, "berichten", &pairs).await?,
        sort: sort.map(Sort::in_address).unwrap_or_default(),
        not_found: found.lines.is_empty() && !asked.zoek.is_empty(),
        lines: found.lines,
        search: asked.zoek.clone(),
        sender: asked.afzender.map(String::from).unwrap_or_default(),
        recipient: asked.ontvanger.map(String::from).unwrap_or_default(),
        kind: asked.soort.map(|word| word.0).unwrap_or_default(),
        partners: partners_of(&app),
        kinds,
        ui,
    }))
}

/// What the list shows, as it stands in the address. The sender's own reference is left out of
/// addresses that are made here: it may be about a person.
fn pairs(asked: &Asked, sort: Option<Sort>) -> Pairs {
    let text = |id: &Option<PartnerId>| id.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![
        ("zoek", asked.zoek.clone()),
        ("afzender", text(&asked.afzender)),
        ("ontvanger", text(&asked.ontvanger)),
        ("soort", asked.soort.as_ref().map(|word| word.0.clone()).unwrap_or_default()),
        ("sorteer", sort.map(Sort::in_address).unwrap_or_default()),
    ]
}

fn sorted(ui: &Ui, lines: &mut [MessageLine], sort: Sort) {
    // What could not be delivered first, then what waits.
    let state = |line: &MessageLine| Some((-line.failed.min(1), -line.waiting.min(1)));
    lines.sort_by(|one, other| {
        let (a, b) = (&one.message, &other.message);
        match sort.column {
            "soort" => {
                sort.compare(Some(ui.code("soort", &a.kind)), Some(ui.code("soort", &b.kind)))
            }
            "afzender" => sort.compare(Some(a.sender.as_str()), Some(b.sender.as_str())),
            "casus" => sort.compare(Some(&a.case_number), Some(&b.case_number)),
            "thema" => sort.compare(a.theme.as_ref(), b.theme.as_ref()),
            "zendingen" => sort.compare(Some(one.parcels), Some(other.parcels)),
            "status" => sort.compare(state(one), state(other)),
            _ => sort.compare(Some(a.received_at), Some(b.received_at)),
        }
    });
}

async fn find(
    app: &App,
    visitor: &Visitor,
    asked: &Asked,
) -> Result<crate::journal::FoundMessages, JournalError> {
    let journal = app.hub.journal();
    let mut filter = MessageFilter {
        case: Some(asked.zoek.to_uppercase())
            .filter(|text| !text.is_empty())
            .map(CaseNumber::from_stored),
        sender: asked.afzender.clone(),
        recipient: asked.ontvanger.clone(),
        involving: own_partner(app, visitor),
        kind: asked.soort.as_ref().map(|word| word.0.clone()),
        themes: themes_of(visitor),
        before: asked.voor,
        limit: if asked.als == "csv" { EXPORT } else { PAGE },
    };
    let named = asked.afzender.as_ref().zip(asked.kenmerk.as_ref());
    let Some((sender, reference)) = named else { return journal.find_messages(&filter).await };
    // The sender's own reference is known by its keyed hash only, so each is looked up.
    let mut found = crate::journal::FoundMessages::default();
    for id in journal.find_by_reference(sender, &reference.0).await? {
        let trace = journal.trace(id.into(), clock::now()).await?;
        filter.case = Some(CaseNumber::from_stored(trace.message.case_number.clone()));
        let of_case = journal.find_messages(&filter).await?;
        found.lines.extend(of_case.lines.into_iter().filter(|line| line.message.public_id == id));
    }
    Ok(found)
}

/// The municipality, where the visitor may see only what it sent or received.
pub fn own_partner(app: &App, visitor: &Visitor) -> Option<PartnerId> {
    if visitor.is(StaffRole::Beheerder) || visitor.is(StaffRole::Auditor) {
        return None;
    }
    let active = app.hub.active();
    let own = active.catalogue.municipality().map(|partner| partner.id.clone());
    // Without one there is nothing for a coordinator to see: a name that nobody has.
    own.or_else(|| "-".parse().ok()).or_else(|| "geen".parse().ok())
}

/// A message that somebody may see; otherwise as if it were not there.
async fn open_message(app: &App, visitor: &Visitor, id: Uuid) -> Result<Trace, Wrong> {
    let trace = app.hub.journal().trace(id, clock::now()).await?;
    let involved = match own_partner(app, visitor) {
        None => true,
        Some(own) => {
            trace.message.sender == own
                || trace.parcels.iter().any(|parcel| parcel.recipient == own && !parcel.answer)
        }
    };
    let role = visitor.is(StaffRole::Beheerder) || visitor.is(StaffRole::Auditor);
    if involved && (role || visitor.sees(trace.message.theme.as_deref())) {
        Ok(trace)
    } else {
        Err(Wrong::not_found())
    }
}

fn as_rows(ui: &Ui, lines: &[MessageLine]) -> Vec<Vec<String>> {
    let head = [
        "kop-ontvangen",
        "kop-casus",
        "kop-afzender",
        "kop-soort",
        "kop-thema",
        "kop-zendingen",
        "kop-wachtend",
        "kop-uitval",
    ];
    let head = head.map(|name| ui.language.say(name, &[])).to_vec();
    let row = |line: &MessageLine| {
        vec![
            line.message.received_at.to_amsterdam(),
            line.message.case_number.clone(),
            line.message.sender.to_string(),
            line.message.kind.clone(),
            line.message.theme.clone().unwrap_or_default(),
            line.parcels.to_string(),
            line.waiting.to_string(),
            line.failed.to_string(),
        ]
    };
    std::iter::once(head).chain(lines.iter().map(row)).collect()
}

/// A field of what the municipality has of a message.
struct Masked {
    pointer: String,
    /// In the clear only right after it was revealed.
    value: Option<String>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    ui: Ui,
    trace: Trace,
    parcels: Vec<ParcelView>,
    answers: Vec<ParcelView>,
    names: BTreeMap<String, String>,
    fields: Vec<Masked>,
    reveals: Vec<FieldReveal>,
    may_reveal: bool,
    wrong: Option<String>,
    chosen: Option<String>,
    reason: String,
}

impl MessagePage {
    fn name(&self, id: &PartnerId) -> String {
        self.names.get(id.as_str()).cloned().unwrap_or_else(|| id.to_string())
    }
}

pub async fn show(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<Uuid>,
) -> Shown {
    Ok(page(&message_page(&app, &asker, &visitor, id).await?))
}

async fn message_page(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    id: Uuid,
) -> Result<MessagePage, Wrong> {
    let trace = open_message(app, visitor, id).await?;
    let journal = app.hub.journal();
    let reveals = journal.field_reveals(Some(id)).await?;
    let works = works_on(app, visitor, &trace).await?;
    let fields = if visitor.is(StaffRole::Regisseur) && trace.message.erased_at.is_none() {
        own_fields(app, &trace).await?
    } else {
        Vec::new()
    };
    let (answers, parcels) = trace.parcels.iter().cloned().partition(|parcel| parcel.answer);
    Ok(MessagePage {
        ui: Ui::new(asker, "berichten"),
        parcels,
        answers,
        names: partners_of(app).into_iter().collect(),
        fields: fields
            .into_iter()
            .map(|field| Masked { pointer: field.pointer, value: None })
            .collect(),
        reveals,
        may_reveal: works,
        wrong: None,
        chosen: None,
        reason: String::new(),
        trace,
    })
}

async fn works_on(app: &App, visitor: &Visitor, trace: &Trace) -> Result<bool, JournalError> {
    let number = CaseNumber::from_stored(trace.message.case_number.clone());
    let people = app.hub.journal().case_people(&number).await?;
    Ok(people.iter().any(|account| account.id == visitor.account.id))
}

/// The fields of a message as the municipality has it: what it sent, or the parcel that it got.
/// Never what another recipient got.
async fn own_fields(app: &App, trace: &Trace) -> Result<Vec<Field>, Wrong> {
    let active = app.hub.active();
    let Some(own) = active.catalogue.municipality().map(|partner| &partner.id) else {
        return Ok(Vec::new());
    };
    let journal = app.hub.journal();
    let bytes = if trace.message.sender == *own {
        journal.message(trace.message.public_id.into()).await?.canonical
    } else {
        let parcel = trace.parcels.iter().find(|p| p.recipient == *own && !p.answer);
        let Some(parcel) = parcel else { return Ok(Vec::new()) };
        journal.parcel(parcel.id, clock::now()).await?.bytes
    };
    Ok(serde_json::from_slice(&bytes).map(|value: Value| fields(&value)).unwrap_or_default())
}

#[derive(Deserialize)]
pub struct Revealing {
    veld: String,
    #[serde(deserialize_with = "trimmed")]
    reden: String,
}

/// Shows one field in the clear, after who sees it and why is on disk.
pub async fn reveal(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<Uuid>,
    Form(asked): Form<Revealing>,
) -> Shown {
    let mut shown = message_page(&app, &asker, &visitor, id).await?;
    if !shown.may_reveal {
        return Err(Wrong::not_assigned());
    }
    let fields = own_fields(&app, &shown.trace).await?;
    let field = fields.into_iter().find(|field| field.pointer == asked.veld);
    let field = field.ok_or_else(Wrong::not_found)?;
    shown.chosen = Some(field.pointer.clone());
    if asked.reden.chars().count() < 5 {
        shown.wrong = Some(shown.ui.t("reden-ontbreekt"));
        shown.reason = asked.reden;
        return Ok(again(&shown));
    }
    let order = FieldRevealOrder {
        of: id,
        field: field.pointer.clone(),
        account: visitor.account.id,
        by: visitor.signature(),
        why: asked.reden,
    };
    app.hub.journal().reveal_field(order, clock::now()).await?;
    shown.reveals = app.hub.journal().field_reveals(Some(id)).await?;
    if let Some(masked) = shown.fields.iter_mut().find(|f| f.pointer == field.pointer) {
        masked.value = Some(field.value);
    }
    Ok(page(&shown))
}

/// A field in the explanation of a parcel.
#[derive(Deserialize)]
struct Explained {
    veld: String,
    uitkomst: String,
    reden: Option<String>,
    herkomst: Option<String>,
    doelbinding: Option<String>,
    grondslag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Considered {
    id: String,
    doel: String,
    grondslag: String,
    geldt_nu: bool,
    geldt_voor_thema: bool,
    voorwaarde: Option<String>,
}

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    ui: Ui,
    id: Uuid,
    case: String,
    recipient: String,
    given: Vec<Explained>,
    withheld: Vec<Explained>,
    purposes: Vec<Considered>,
}

/// Which fields one recipient gets and does not, and why.
pub async fn explain(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path((id, recipient)): Path<(Uuid, String)>,
) -> Shown {
    let trace = open_message(&app, &visitor, id).await?;
    let body = json!({ "id": id, "ontvanger": recipient });
    let told = app.office.call("uitleg", body).await;
    let mut told = told.map_err(|refused| Wrong::of_office(&refused))?;
    let fields: Vec<Explained> = lines_of(&mut told, "velden");
    let (withheld, given) = fields.into_iter().partition(|field| field.uitkomst == "onthouden");
    let names: BTreeMap<String, String> = partners_of(&app).into_iter().collect();
    Ok(page(&ExplainPage {
        ui: Ui::new(&asker, "berichten"),
        id,
        case: trace.message.case_number,
        recipient: names.get(&recipient).cloned().unwrap_or(recipient),
        given,
        withheld,
        purposes: lines_of(&mut told, "doelbindingen"),
    }))
}

fn lines_of<T: serde::de::DeserializeOwned>(told: &mut Value, name: &str) -> Vec<T> {
    let lines = told.get_mut(name).map(Value::take).unwrap_or_default();
    serde_json::from_value(lines).unwrap_or_default()
}
