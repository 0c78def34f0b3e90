//! `schakel case` and `schakel task`: what coordinators see of cases and tasks, and order.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::access::{Ground, Halt};
use super::output::{Exit, Form, Rows, out, say};

#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    /// Toont de casussen die open zijn, wat het eerst moet bovenaan
    #[command(after_help = "Voorbeeld:\n  schakel case list --phase wacht-op-partner")]
    List(CaseList),
    /// Toont een casus: fase, stappen, taken en deelnemers
    Show(Number),
    /// Toont wat er in een casus gebeurde, op volgorde
    Timeline(Number),
    /// Pakt een casus op: een regisseur heeft haar in handen
    Take(Decided),
    /// Vraagt een ketenpartner iets dat niet in het draaiboek staat
    #[command(after_help = "Voorbeeld:\n  schakel case ask C-… --partner wonen-zuid \\\n    \
        --action huisbezoek --until 2026-12-10T17:00:00+01:00 --by 'J. Jansen' \
    --why 'nieuw signaal'")]
    Ask(AskAsked),
    /// Voegt een casus samen met een andere
    Merge(Pair),
    /// Maakt een samengevoegde casus weer los
    Split(Decided),
    /// Zegt dat twee casussen niet over hetzelfde gaan
    Unlike(Pair),
    /// Sluit een casus; wat nog openstaat, wordt ingetrokken
    Close(Decided),
    /// Heropent een gesloten casus
    Reopen(Decided),
    /// Breekt het glas: deelt tijdelijk meer met één ketenpartner, zoals bij direct gevaar
    #[command(
        after_help = "Voorbeeld:\n  schakel case share C-… --with brandweer-brabant-zuidoost \
        \\\n    --minutes 60 --by 'R. Regisseur' --why 'gaslucht, bewoner reageert niet'\n  \
        schakel case share C-… --with brandweer-brabant-zuidoost --end --by … --why …"
    )]
    Share(super::share::ShareAsked),
    /// Bewaart een casus ook na haar bewaartermijn, voor een rechter, een onderzoek of een klacht
    Keep(Decided),
    /// Laat de bewaartermijn van een casus weer gelden
    Unkeep(Decided),
}

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Toont de taken die openstaan, wat het eerst moet bovenaan
    #[command(after_help = "Voorbeeld:\n  schakel task list --overdue")]
    List(TaskList),
    /// Vraagt een stap van deze ketenpartner: na een weigering, stilte of keuze
    Assign(AssignAsked),
    /// Herinnert een ketenpartner nu
    Remind(TaskDecided),
    /// Geeft een ketenpartner meer tijd
    Extend(ExtendAsked),
    /// Gaat verder zonder deze taak
    Skip(TaskDecided),
    /// Zegt dat een taak van de regisseur gedaan is
    Done(DoneAsked),
    /// Trekt een verzoek aan een ketenpartner in
    Withdraw(TaskDecided),
}

#[derive(Debug, Args)]
pub struct CaseList {
    /// Alleen deze fase: nieuw, in-behandeling, wacht-op-partner, afgerond, gesloten, heropend
    #[arg(long, value_name = "FASE")]
    phase: Option<String>,
    /// Alleen dit thema
    #[arg(long, value_name = "THEMA")]
    theme: Option<String>,
    /// Ook gesloten casussen
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub struct TaskList {
    /// Alleen wat te laat is
    #[arg(long)]
    overdue: bool,
    /// Alleen wat een regisseur moet beslissen
    #[arg(long)]
    to_decide: bool,
    /// Alleen van deze ketenpartner
    #[arg(long, value_name = "KETENPARTNER")]
    partner: Option<String>,
    /// Ook wat geëindigd is, het nieuwste bovenaan
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub struct Number {
    /// Het casusnummer
    casus: String,
}

/// Who decides, and why.
#[derive(Debug, Args)]
pub struct Who {
    /// Wie dit besluit
    #[arg(long, value_name = "NAAM")]
    pub(super) by: String,
    /// Waarom
    #[arg(long, value_name = "REDEN")]
    pub(super) why: String,
}

#[derive(Debug, Args)]
pub struct Decided {
    /// Het casusnummer
    casus: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct Pair {
    /// Het casusnummer
    casus: String,
    /// De andere casus
    #[arg(long = "with", value_name = "CASUS")]
    with: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct AskAsked {
    /// Het casusnummer
    casus: String,
    /// Wie het moet doen
    #[arg(long, value_name = "KETENPARTNER")]
    partner: String,
    /// Wat er gevraagd wordt, zoals huisbezoek
    #[arg(long, value_name = "VRAAG")]
    action: String,
    /// Wanneer het af moet zijn, zoals 2026-12-10T17:00:00+01:00
    #[arg(long, value_name = "MOMENT")]
    until: String,
    /// Met spoed, ook buiten kantooruren
    #[arg(long)]
    urgent: bool,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct TaskDecided {
    /// De taak
    taak: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct AssignAsked {
    /// De taak
    taak: String,
    /// Wie het moet doen
    #[arg(long, value_name = "KETENPARTNER")]
    partner: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct ExtendAsked {
    /// De taak
    taak: String,
    /// Wanneer het af moet zijn
    #[arg(long, value_name = "MOMENT")]
    until: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub struct DoneAsked {
    /// De taak
    taak: String,
    /// Wat ervan kwam: opgelost, deels-opgelost, niet-opgelost, …
    #[arg(long, value_name = "RESULTAAT")]
    result: Option<String>,
    #[command(flatten)]
    who: Who,
}

pub async fn run_case(command: &CaseCommand, ground: Ground<'_>) -> Result<Exit, Halt> {
    let (number, order, who, more) = match command {
        CaseCommand::List(asked) => return list(asked, ground).await,
        CaseCommand::Show(Number { casus }) => return show(casus, ground).await,
        CaseCommand::Timeline(Number { casus }) => return timeline(casus, ground).await,
        CaseCommand::Take(asked) => (&asked.casus, "oppakken", &asked.who, json!({})),
        CaseCommand::Ask(asked) => {
            let more = json!({
                "ketenpartner": asked.partner,
                "vraag": asked.action,
                "uiterlijk": asked.until,
                "spoed": asked.urgent,
            });
            (&asked.casus, "vragen", &asked.who, more)
        }
        CaseCommand::Share(asked) => return super::share::run(asked, ground).await,
        CaseCommand::Merge(pair) => {
            (&pair.casus, "samenvoegen", &pair.who, json!({ "met": pair.with }))
        }
        CaseCommand::Unlike(pair) => {
            (&pair.casus, "niet-gelijk", &pair.who, json!({ "met": pair.with }))
        }
        CaseCommand::Split(asked) => (&asked.casus, "splitsen", &asked.who, json!({})),
        CaseCommand::Close(asked) => (&asked.casus, "sluiten", &asked.who, json!({})),
        CaseCommand::Keep(asked) => (&asked.casus, "bewaren", &asked.who, json!({})),
        CaseCommand::Unkeep(asked) => (&asked.casus, "niet-meer-bewaren", &asked.who, json!({})),
        CaseCommand::Reopen(asked) => (&asked.casus, "heropenen", &asked.who, json!({})),
    };
    order_case(Some(number), order, who, more, ground).await
}

pub async fn run_task(command: &TaskCommand, ground: Ground<'_>) -> Result<Exit, Halt> {
    let (task, order, who, more) = match command {
        TaskCommand::List(asked) => return tasks(asked, ground).await,
        TaskCommand::Assign(asked) => {
            (&asked.taak, "toewijzen", &asked.who, json!({ "ketenpartner": asked.partner }))
        }
        TaskCommand::Remind(asked) => (&asked.taak, "herinneren", &asked.who, json!({})),
        TaskCommand::Extend(asked) => {
            (&asked.taak, "verlengen", &asked.who, json!({ "uiterlijk": asked.until }))
        }
        TaskCommand::Skip(asked) => (&asked.taak, "verder", &asked.who, json!({})),
        TaskCommand::Done(asked) => {
            (&asked.taak, "gedaan", &asked.who, json!({ "resultaat": asked.result }))
        }
        TaskCommand::Withdraw(asked) => (&asked.taak, "intrekken", &asked.who, json!({})),
    };
    let mut more = more;
    more["taak"] = json!(task);
    order_case(None, order, who, more, ground).await
}

async fn order_case(
    number: Option<&str>,
    order: &str,
    who: &Who,
    more: Value,
    ground: Ground<'_>,
) -> Result<Exit, Halt> {
    let mut body: Map<String, Value> = more.as_object().cloned().unwrap_or_default();
    body.retain(|_, value| !value.is_null());
    body.extend(number.map(|number| ("casus".to_owned(), json!(number))));
    body.insert("opdracht".to_owned(), json!(order));
    body.insert("door".to_owned(), json!(who.by));
    body.insert("reden".to_owned(), json!(who.why));
    let done = ground.ask("casus-opdracht", Value::Object(body)).await?;
    if ground.form == Form::Table {
        out(&format!("Gedaan. Casus {}: {}.", cell(&done["casus"]), cell(&done["fase"])));
    } else {
        out(&done.to_string());
    }
    Ok(Exit::Ok)
}

async fn list(asked: &CaseList, ground: Ground<'_>) -> Result<Exit, Halt> {
    let mut body = json!({ "thema": asked.theme, "alle": asked.all });
    body["fase"] = json!(asked.phase);
    let lines = ground.ask("casussen", body).await?;
    print(
        &lines,
        &[
            "casus",
            "thema",
            "fase",
            "buurt",
            "slepend",
            "openTaken",
            "teLaat",
            "volgende",
            "geopend",
        ],
        ground.form,
    );
    say(&format!("{} casussen.", lines.as_array().map_or(0, Vec::len)));
    Ok(Exit::Ok)
}

async fn tasks(asked: &TaskList, ground: Ground<'_>) -> Result<Exit, Halt> {
    let body = json!({
        "teLaat": asked.overdue,
        "teBeslissen": asked.to_decide,
        "ketenpartner": asked.partner,
        "alle": asked.all,
    });
    let lines = ground.ask("taken", body).await?;
    let columns =
        ["taak", "casus", "vraag", "ketenpartner", "stand", "spoed", "uiterlijk", "gevraagd"];
    print(&lines, &columns, ground.form);
    let count = lines.as_array().map_or(0, Vec::len);
    say(&match (count, asked.overdue) {
        (0, true) => "Niets is te laat.".to_owned(),
        (count, _) => format!("{count} taken."),
    });
    Ok(Exit::Ok)
}

async fn show(number: &str, ground: Ground<'_>) -> Result<Exit, Halt> {
    let case = ground.ask("casus", json!({ "casus": number })).await?;
    if ground.form != Form::Table {
        out(&case.to_string());
        return Ok(Exit::Ok);
    }
    for (label, field) in [
        ("Casus", "casus"),
        ("Thema", "thema"),
        ("Fase", "fase"),
        ("Draaiboek", "draaiboek"),
        ("Buurt", "buurt"),
        ("Geopend", "geopend"),
        ("Gesloten", "gesloten"),
        ("Bewaren tot", "bewarenTot"),
        ("Samengevoegd in", "samengevoegdIn"),
        ("Afspraken", "afspraken"),
    ] {
        if !case[field].is_null() {
            out(&format!("{label:<16} {}", cell(&case[field])));
        }
    }
    let names = |field: &str| {
        let names = case[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(", ")
    };
    out(&format!("{:<16} {}", "Deelnemers", names("deelnemers")));
    for glass in case["breekglas"].as_array().into_iter().flatten() {
        let (partner, until) = (cell(&glass["ketenpartner"]), cell(&glass["tot"]));
        out(&format!("{:<16} open voor {partner} tot {until}", "Breekglas"));
    }
    if case["moetBewaardBlijven"] == true {
        out("Bewaren          ook na de bewaartermijn");
    }
    if case["slepend"] == true {
        out("Slepend          de signalen houden aan");
    }
    if !names("lijktOp").is_empty() {
        out(&format!("{:<16} {}", "Lijkt op", names("lijktOp")));
    }
    out("");
    print(
        &case["taken"],
        &["taak", "vraag", "ketenpartner", "stand", "uiterlijk", "teLaat", "reden", "resultaat"],
        Form::Table,
    );
    let decide = case["taken"].as_array().into_iter().flatten();
    for task in decide.filter(|task| task["uitleg"].is_string() && !task["uiterlijk"].is_null()) {
        out(&format!("\nTe beslissen: {} ({})", cell(&task["uitleg"]), cell(&task["taak"])));
    }
    Ok(Exit::Ok)
}

async fn timeline(number: &str, ground: Ground<'_>) -> Result<Exit, Halt> {
    let lines = ground.ask("casus-tijdlijn", json!({ "casus": number })).await?;
    let columns = ["op", "wat", "ketenpartner", "bijzonderheid", "door", "reden"];
    print(&lines, &columns, ground.form);
    Ok(Exit::Ok)
}

/// Rows of objects under the columns that are named.
pub(super) fn print(lines: &Value, columns: &[&'static str], form: Form) {
    let mut rows = Rows::new(columns);
    for line in lines.as_array().into_iter().flatten() {
        rows.add(columns.iter().map(|column| shown(&line[*column], form)).collect());
    }
    rows.print(form);
}

/// A value for people: moments in Amsterdam's time, in minutes.
fn shown(value: &Value, form: Form) -> Value {
    if form == Form::Table { json!(cell(value)) } else { value.clone() }
}

pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "ja".to_owned(),
        Value::Bool(false) => String::new(),
        Value::String(text) => match crate::message::Timestamp::parse(text) {
            Some(at) => at.to_amsterdam().get(..16).unwrap_or_default().replace('T', " "),
            None => text.clone(),
        },
        other => other.to_string(),
    }
}
