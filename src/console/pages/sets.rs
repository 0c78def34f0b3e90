//! Sets of configuration: which is in force, what waits for a second person and what it changes
//! for whom, going back to an earlier one, and trying one on traffic of before.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::App;
use super::super::answer::{Shown, Wrong, again, done, page};
use super::super::door::{Asker, Visitor};
use super::super::form::{optional, trimmed};
use super::super::ui::Ui;
use crate::message::{StaffRole, Timestamp};
use crate::transport::http::AdminDesk as _;

/// What somebody wanted of a set, and what became of that.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetLine {
    pub id: Uuid,
    pub set: String,
    /// `actief`, `voorgesteld`, `geweigerd` or `schaduw`.
    pub stand: String,
    pub door: String,
    pub akkoord: Option<String>,
    pub reden: String,
    pub op: Timestamp,
    pub besloten: Option<Timestamp>,
    pub geweigerd_door: Option<String>,
    pub geweigerd_waarom: Option<String>,
}

/// All that is told of sets.
#[derive(Deserialize)]
pub struct Sets {
    pub set: String,
    pub actief: Option<SetLine>,
    pub voorstellen: Vec<SetLine>,
    pub verloop: Vec<SetLine>,
}

impl Sets {
    /// Whether somebody may go back to the set of a line.
    fn is_earlier(&self, line: &SetLine) -> bool {
        line.stand == "actief" && line.set != self.set
    }
}

pub async fn sets(app: &App) -> Result<Sets, Wrong> {
    let told = app.office.call("sets", Value::Null).await;
    let told = told.map_err(|refused| Wrong::of_office(&refused))?;
    serde_json::from_value(told).map_err(|_| Wrong::failed())
}

#[derive(Template)]
#[template(path = "sets.html")]
struct SetsPage {
    ui: Ui,
    sets: Sets,
    may_decide: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Opened {
    gedaan: Option<String>,
}

pub async fn list(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(opened): Query<Opened>,
) -> Shown {
    let ui = Ui::new(&asker, "koppelingen").after(opened.gedaan.as_deref());
    let may_decide = visitor.is(StaffRole::Beheerder);
    Ok(page(&SetsPage { ui, sets: sets(&app).await?, may_decide }))
}

/// How a field goes.
#[derive(Deserialize)]
struct Way {
    hoe: String,
    waar: String,
    als: String,
    bsn: bool,
    breekglas: Option<i64>,
}

#[derive(Deserialize)]
struct FieldChange {
    ontvanger: String,
    veld: String,
    wordt: String,
    was: Vec<Way>,
    straks: Vec<Way>,
    herkomst: Vec<String>,
    themas: Vec<String>,
    doelbindingen: Vec<String>,
    berichten: Vec<String>,
}

#[derive(Deserialize)]
struct PlaceChange {
    soort: String,
    id: String,
    was: Option<String>,
    straks: Option<String>,
}

#[derive(Deserialize)]
struct Comparison {
    velden: Vec<FieldChange>,
    plaatsen: Vec<PlaceChange>,
    meer: usize,
}

/// How a set differs from the one in force.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    set: String,
    huidige_set: String,
    /// The lines by which it is decided whether a second person is needed.
    ruimer: Vec<String>,
    krapper: Vec<String>,
    doelen: Vec<String>,
    vergelijking: Comparison,
}

/// One set beside the one in force, with what can be decided about it.
#[derive(Template)]
#[template(path = "set.html")]
struct SetPage {
    ui: Ui,
    /// The proposal; none where somebody looks at an earlier set.
    proposal: Option<SetLine>,
    difference: Difference,
    /// The partners that a name means, by that name.
    meant: BTreeMap<String, Vec<String>>,
    may_decide: bool,
    /// Whether who looks is who proposed it.
    own: bool,
    wrong: Option<String>,
    reason: String,
}

impl SetPage {
    /// Where the forms of this page go.
    fn here(&self) -> String {
        match &self.proposal {
            Some(proposal) => format!("/sets/{}", proposal.id),
            None => format!("/eerdere-sets/{}", self.difference.set),
        }
    }

    fn meant_by(&self, name: &str) -> String {
        self.meant.get(name).map(|names| names.join(", ")).unwrap_or_default()
    }
}

/// The partners of each kind.
fn meant(app: &App) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for partner in app.hub.active().catalogue.partners.values() {
        for name in [partner.kind.to_string(), partner.id.to_string()] {
            all.entry(name).or_default().push(partner.name.clone());
        }
    }
    all
}

async fn proposal_page(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    id: Uuid,
) -> Result<SetPage, Wrong> {
    let told = app.office.call("set-voorstel", json!({ "id": id })).await;
    let mut told = told.map_err(|refused| Wrong::of_office(&refused))?;
    let part = |told: &mut Value, name: &str| told.get_mut(name).map(Value::take);
    let proposal = part(&mut told, "voorstel").unwrap_or_default();
    let proposal: SetLine = serde_json::from_value(proposal).map_err(|_| Wrong::failed())?;
    let difference = part(&mut told, "verschil").unwrap_or_default();
    Ok(SetPage {
        ui: Ui::new(asker, "koppelingen"),
        own: crate::message::is_same_person(&proposal.door, &visitor.signature()),
        proposal: Some(proposal),
        difference: serde_json::from_value(difference).map_err(|_| Wrong::failed())?,
        meant: meant(app),
        may_decide: visitor.is(StaffRole::Beheerder),
        wrong: None,
        reason: String::new(),
    })
}

async fn earlier_page(
    app: &App,
    asker: &Asker,
    visitor: &Visitor,
    set: &str,
) -> Result<SetPage, Wrong> {
    let body = json!({ "set": set, "alleenVergelijken": true });
    let told = app.office.call("set-terugzetten", body).await;
    let told = told.map_err(|refused| match Wrong::of_office(&refused) {
        // An address that is no set leads nowhere.
        wrong if wrong.status == 400 => Wrong::not_found(),
        wrong => wrong,
    })?;
    Ok(SetPage {
        ui: Ui::new(asker, "koppelingen"),
        proposal: None,
        difference: serde_json::from_value(told).map_err(|_| Wrong::failed())?,
        meant: meant(app),
        may_decide: visitor.is(StaffRole::Beheerder),
        own: false,
        wrong: None,
        reason: String::new(),
    })
}

pub async fn show(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<Uuid>,
) -> Shown {
    Ok(page(&proposal_page(&app, &asker, &visitor, id).await?))
}

pub async fn earlier(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(set): Path<String>,
) -> Shown {
    Ok(page(&earlier_page(&app, &asker, &visitor, &set).await?))
}

#[derive(Deserialize)]
pub struct Deciding {
    /// `goedkeuren` or `weigeren`.
    #[serde(default)]
    besluit: String,
    #[serde(deserialize_with = "trimmed", default)]
    reden: String,
    /// The set with which this was compared on the page that was looked at.
    #[serde(deserialize_with = "trimmed", default)]
    gezien: String,
}

/// What was refused, in the words of the office.
fn told_of(ui: &Ui, refused: &(u16, Value)) -> String {
    let wrong = Wrong::of_office(refused);
    wrong.told.clone().unwrap_or_else(|| ui.code("fout", wrong.code))
}

pub async fn decide(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<Uuid>,
    Form(asked): Form<Deciding>,
) -> Shown {
    let by = visitor.signature();
    let (action, body) = match asked.besluit.as_str() {
        "goedkeuren" => {
            let body = json!({ "id": id, "door": by, "gezien": asked.gezien });
            ("set-goedkeuren", body)
        }
        "weigeren" => ("set-weigeren", json!({ "id": id, "door": by, "reden": asked.reden })),
        _ => return Err(Wrong::not_found()),
    };
    let ui = Ui::new(&asker, "koppelingen");
    let refused = if action == "set-weigeren" && asked.reden.is_empty() {
        ui.t("reden-ontbreekt")
    } else {
        match app.office.call(action, body).await {
            Ok(_) => return Ok(done("/sets", action)),
            Err(refused) => told_of(&ui, &refused),
        }
    };
    // The comparison is made anew: it may be another by now.
    let mut form = proposal_page(&app, &asker, &visitor, id).await?;
    form.wrong = Some(refused);
    form.reason = asked.reden;
    Ok(again(&form))
}

/// Goes back to an earlier set, or proposes that where anyone receives more by it.
pub async fn go_back(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(set): Path<String>,
    Form(asked): Form<Deciding>,
) -> Shown {
    let mut form = earlier_page(&app, &asker, &visitor, &set).await?;
    let refused = if asked.reden.is_empty() {
        form.ui.t("reden-ontbreekt")
    } else if form.difference.huidige_set != asked.gezien {
        form.ui.t("set-intussen-veranderd")
    } else {
        let body = json!({ "set": set, "door": visitor.signature(), "reden": asked.reden });
        match app.office.call("set-terugzetten", body).await {
            Ok(told) => {
                let waits = told.get("voorstel").is_some();
                return Ok(done("/sets", if waits { "set-voorgesteld" } else { "set-actief" }));
            }
            Err(refused) => told_of(&form.ui, &refused),
        }
    };
    form.wrong = Some(refused);
    form.reason = asked.reden;
    Ok(again(&form))
}

/// Differences of one group for one recipient.
#[derive(Deserialize)]
struct TallyLine {
    partner: Option<String>,
    soort: Option<String>,
    reden: Option<String>,
    ontvanger: Option<String>,
    gevolg: String,
    aantal: i64,
    velden: BTreeMap<String, i64>,
    redenen: BTreeMap<String, i64>,
}

#[derive(Deserialize, Default)]
struct FieldTurns {
    meer: BTreeMap<String, i64>,
    minder: BTreeMap<String, i64>,
    anders: BTreeMap<String, i64>,
}

#[derive(Deserialize)]
struct Outcome {
    regels: Vec<TallyLine>,
    velden: BTreeMap<String, FieldTurns>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    set: String,
    bekeken: i64,
    geweigerd_bekeken: i64,
    overgeslagen: i64,
    vanaf: Option<Timestamp>,
    afgebroken: bool,
    uitkomst: Outcome,
}

impl Run {
    /// Lines of these consequences, for recipients or for messages as a whole.
    fn lines(&self, wanted: &str, of_recipients: bool) -> Vec<&TallyLine> {
        let fits =
            |line: &&TallyLine| line.gevolg == wanted && line.ontvanger.is_some() == of_recipients;
        self.uitkomst.regels.iter().filter(fits).collect()
    }

    fn same(&self) -> i64 {
        self.uitkomst.regels.iter().filter(|line| line.gevolg == "zelfde").map(|l| l.aantal).sum()
    }

    fn differs(&self) -> bool {
        self.uitkomst.regels.iter().any(|line| line.gevolg != "zelfde")
    }
}

#[derive(Template)]
#[template(path = "shadow.html")]
struct ShadowPage {
    ui: Ui,
    run: Run,
    back: String,
    names: BTreeMap<String, String>,
}

impl ShadowPage {
    fn name(&self, id: &str) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }
}

#[derive(Deserialize)]
pub struct Running {
    #[serde(deserialize_with = "optional", default)]
    aantal: Option<usize>,
}

async fn run(app: &App, asker: &Asker, (what, back): (Value, String)) -> Shown {
    let told = app.office.call("set-schaduw", what).await;
    let told = told.map_err(|refused| Wrong::of_office(&refused))?;
    let run: Run = serde_json::from_value(told).map_err(|_| Wrong::failed())?;
    let names = super::tasks::partners_of(app).into_iter().collect();
    Ok(page(&ShadowPage { ui: Ui::new(asker, "koppelingen"), run, back, names }))
}

/// Tries a proposal on the newest messages.
pub async fn shadow(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(id): Path<Uuid>,
    Form(asked): Form<Running>,
) -> Shown {
    let body = json!({ "voorstel": id, "door": visitor.signature(), "aantal": asked.aantal });
    run(&app, &asker, (body, format!("/sets/{id}"))).await
}

/// The same of an earlier set.
pub async fn shadow_earlier(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Path(set): Path<String>,
    Form(asked): Form<Running>,
) -> Shown {
    // Only one that was active once.
    let form = earlier_page(&app, &asker, &visitor, &set).await?;
    let set = &form.difference.set;
    let body = json!({ "set": set, "door": visitor.signature(), "aantal": asked.aantal });
    run(&app, &asker, (body, format!("/eerdere-sets/{set}"))).await
}
