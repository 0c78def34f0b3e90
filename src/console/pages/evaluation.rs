//! *Evaluatie*: what the programme wants beside what happened, as tables, charts and a map.
//!
//! A period is whole months: the finer somebody may cut, the easier one answer taken from another
//! tells what was hidden because it is small.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use jiff::civil::Date;
use serde::Deserialize;

use super::super::App;
use super::super::answer::{Shown as Answer, Wrong, again, csv, page};
use super::super::door::{Asker, Visitor, form_encoded};
use super::super::form::{optional, trimmed};
use super::super::ui::Ui;
use super::super::words::Language;
use super::cases::Word;
use super::themes_of;
use crate::casework::evaluate::show::Tongue as _;
use crate::casework::evaluate::show::chart::svg;
use crate::casework::evaluate::show::plot::{Shown, plot};
use crate::casework::evaluate::show::sections::{Cell, Section, sections, verdict_sign};
use crate::casework::evaluate::{Asked as Wanted, Evaluation, TargetRow, Verdict, usual_period};
use crate::hub::clock;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// Months, `JJJJ-MM`.
    #[serde(deserialize_with = "trimmed")]
    van: String,
    #[serde(deserialize_with = "trimmed")]
    tot: String,
    #[serde(deserialize_with = "optional")]
    thema: Option<Word>,
    #[serde(deserialize_with = "optional")]
    gebied: Option<Word>,
    /// What the map shows: `per-1000` or `aantal`.
    kaart: String,
    /// Of an export: which table.
    tabel: String,
    als: String,
}

/// Fixed words that stand in cells.
pub const WORDS_OF_CELLS: [&str; 4] = ["brandpunt", "stil", "casussen met", "signalen van ernst"];

/// A table as it is shown, with its picture.
struct Table {
    id: &'static str,
    title: String,
    note: String,
    svg: String,
    /// Of each column its words, and whether it holds numbers.
    heads: Vec<(String, bool)>,
    rows: Vec<Vec<String>>,
}

/// A target and what came of it.
struct Target {
    sign: &'static str,
    class: &'static str,
    verdict: String,
    wish: String,
    found: String,
    step: String,
}

/// What was found.
struct Found {
    evaluation: Arc<Evaluation>,
    totals: Vec<(&'static str, String)>,
    targets: Vec<Target>,
    tables: Vec<Table>,
    notable: Vec<(String, String, String)>,
    map: Option<Table>,
}

#[derive(Template)]
#[template(path = "evaluation.html")]
struct EvaluationPage {
    ui: Ui,
    from: String,
    until: String,
    theme: String,
    area: String,
    themes: Vec<(String, String)>,
    may_all: bool,
    areas: Vec<(String, String)>,
    shown: Shown,
    /// The address of this, without what it is exported as.
    address: String,
    wrong: Option<String>,
    found: Option<Found>,
}

pub async fn show(
    State(app): State<App>,
    asker: Asker,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Answer {
    let mut shown = form(&app, &asker, &visitor, &asked);
    let Some(wanted) = wanted(&shown) else {
        shown.wrong = Some(shown.ui.t("evaluatie-periode-fout"));
        return Ok(again(&shown));
    };
    let active = app.hub.active();
    let evaluation = app.figures.of(app.hub.journal(), &active, &wanted).await?;
    if asked.als == "csv" {
        return export(&app, &shown, &evaluation, &asked.tabel);
    }
    shown.found = Some(found(&app, &shown.ui, evaluation, shown.shown));
    Ok(page(&shown))
}

/// The page with what was chosen, before anything is evaluated.
fn form(app: &App, asker: &Asker, visitor: &Visitor, asked: &Asked) -> EvaluationPage {
    let active = app.hub.active();
    let programme = active.catalogue.programme.as_ref();
    let (from, until) = usual_period(programme, clock::now().amsterdam_day());
    let month = |text: &str, usual: Date| {
        let usual = || usual.strftime("%Y-%m").to_string();
        if text.is_empty() { usual() } else { text.to_owned() }
    };
    // Somebody of some themes sees those, one at a time.
    let only = themes_of(visitor);
    let known = active.catalogue.themes.keys().filter(|theme| visitor.sees(Some(theme)));
    let named = |theme: &String| {
        let name = programme.map_or(theme.as_str(), |programme| programme.theme_in_words(theme));
        (theme.clone(), name.to_owned())
    };
    let themes: Vec<(String, String)> = known.map(named).collect();
    let theme = asked.thema.as_ref().map(|word| word.0.clone());
    let theme = theme.filter(|theme| themes.iter().any(|(known, _)| known == theme));
    let theme = theme.or_else(|| only.first().cloned()).unwrap_or_default();
    let area = asked.gebied.as_ref().map(|word| word.0.clone()).unwrap_or_default();
    let mut areas: Vec<(String, String)> = Vec::new();
    for (code, area) in programme.iter().flat_map(|programme| &programme.areas) {
        let district = code.get(2..8).map(|digits| format!("WK{digits}")).unwrap_or_default();
        if !areas.iter().any(|(known, _)| *known == district) {
            areas.push((district.clone(), district));
        }
        areas.push((code.clone(), area.name.clone()));
    }
    let shown = Shown::parse(&asked.kaart).unwrap_or_default();
    let (from, until) = (month(&asked.van, from), month(&asked.tot, until));
    let pairs = [
        ("van", from.as_str()),
        ("tot", until.as_str()),
        ("thema", theme.as_str()),
        ("gebied", area.as_str()),
        ("kaart", shown.as_str()),
    ];
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = pairs.map(|(k, v)| format!("{k}={}", form_encoded(v))).collect();
    EvaluationPage {
        ui: Ui::new(asker, "evaluatie"),
        address: format!("/evaluatie?{}", pairs.join("&")),
        from,
        until,
        theme,
        area,
        themes,
        may_all: only.is_empty(),
        areas,
        shown,
        wrong: None,
        found: None,
    }
}

/// What is to be evaluated; nothing where the months are none, or not in order.
fn wanted(page: &EvaluationPage) -> Option<Wanted> {
    let first = |month: &str| format!("{month}-01").parse::<Date>().ok();
    let (from, until) = (first(&page.from)?, first(&page.until)?.last_of_month());
    let mut wanted = Wanted::new(from, until, clock::now())?;
    wanted.theme = Some(page.theme.clone()).filter(|theme| !theme.is_empty());
    if page.area.is_empty() { Some(wanted) } else { wanted.of_area(&page.area) }
}

fn found(app: &App, ui: &Ui, evaluation: Arc<Evaluation>, shown: Shown) -> Found {
    let count = |count| Cell::count(count).shown_in(&ui.language);
    let totals = &evaluation.totaal;
    let totals = vec![
        ("totaal-signalen", count(totals.signalen)),
        ("totaal-geopend", count(totals.casussen_geopend)),
        ("totaal-gesloten", count(totals.casussen_gesloten)),
        ("totaal-lopend", count(totals.casussen_lopend)),
        ("totaal-verzoeken", count(totals.actieverzoeken)),
    ];
    let notable = evaluation.per_buurt.iter().filter_map(|area| {
        let verdict = fixed(&ui.language, area.oordeel?);
        Some((area.naam.clone(), verdict, area.uitleg.clone()?))
    });
    let map = app.map.as_ref().map(|map| {
        let plot = plot(map, &evaluation, shown, &ui.language);
        Table { svg: plot.svg, ..table(ui, &plot.table) }
    });
    Found {
        totals,
        targets: targets(ui, &evaluation),
        tables: sections(&evaluation).iter().map(|section| table(ui, section)).collect(),
        notable: notable.collect(),
        map,
        evaluation,
    }
}

/// Where something must be done comes first; within that the order of the programme.
fn targets(ui: &Ui, evaluation: &Evaluation) -> Vec<Target> {
    let mut rows: Vec<&TargetRow> = evaluation.doelen.iter().collect();
    rows.sort_by_key(|target| match target.oordeel {
        Verdict::NietGehaald => 0,
        Verdict::Gehaald => 1,
        Verdict::GeenUitspraak => 2,
    });
    let target = |row: &TargetRow| Target {
        sign: verdict_sign(row),
        class: match row.oordeel {
            Verdict::Gehaald => "verdict-good",
            Verdict::NietGehaald => "verdict-bad",
            Verdict::GeenUitspraak => "quiet-text",
        },
        verdict: ui.language.word(row.oordeel.in_words()),
        wish: row.zin.clone(),
        found: row.uitleg.clone(),
        step: row.stap.clone().unwrap_or_else(|| "–".to_owned()),
    };
    rows.into_iter().map(target).collect()
}

fn table(ui: &Ui, section: &Section) -> Table {
    let language = ui.language;
    let drawn = section.chart.as_ref().map(|chart| svg(chart, section.id, &language));
    let heads = section.columns.iter().enumerate();
    let cell = |(at, cell): (usize, &Cell)| match cell {
        Cell::Text(text) => in_words(ui, (section.id, at), text),
        other => other.shown_in(&language),
    };
    Table {
        id: section.id,
        title: language.word(section.title),
        note: if section.note.is_empty() { String::new() } else { language.word(section.note) },
        svg: drawn.unwrap_or_default(),
        heads: heads.map(|(at, name)| (language.word(name), !section.is_text(at))).collect(),
        rows: section.rows.iter().map(|row| row.iter().enumerate().map(cell).collect()).collect(),
    }
}

/// The words of a code in a cell, where its column has codes.
fn in_words(ui: &Ui, column: (&str, usize), text: &str) -> String {
    match column {
        ("redenen", 1) => ui.code("weigering", text),
        ("uitkomsten", 0) => ui.code("resultaat", text),
        ("per-buurt" | "spreiding", _) => fixed(&ui.language, text),
        _ => text.to_owned(),
    }
}

fn fixed(language: &Language, text: &str) -> String {
    let known = WORDS_OF_CELLS.into_iter().find(|word| *word == text);
    known.map_or_else(|| text.to_owned(), |word| language.word(word))
}

/// One of the tables as a file, numbers as a spreadsheet reads them.
fn export(app: &App, page: &EvaluationPage, evaluation: &Evaluation, name: &str) -> Answer {
    let ui = &page.ui;
    if name == "doelen" {
        let heads = ["kop-oordeel", "kop-doel", "kop-gevonden", "kop-stap"];
        let head = heads.map(|name| ui.t(name)).to_vec();
        let row = |target: Target| vec![target.verdict, target.wish, target.found, target.step];
        let rows = targets(ui, evaluation).into_iter().map(row);
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        return Ok(csv("evaluatie-doelen.csv", &rows));
    }
    let of_map = app.map.as_ref().filter(|_| name == "kaart");
    let of_map = of_map.map(|map| plot(map, evaluation, page.shown, &ui.language).table);
    let section = of_map.or_else(|| sections(evaluation).into_iter().find(|s| s.id == name));
    let section = section.ok_or_else(Wrong::not_found)?;
    let cell = |(at, cell): (usize, &Cell)| match cell {
        Cell::Text(text) => in_words(ui, (section.id, at), text),
        Cell::Hidden => cell.shown_in(&ui.language),
        other => other.plain(),
    };
    let head = section.columns.iter().map(|name| ui.language.word(name)).collect();
    let rows = section.rows.iter().map(|row| row.iter().enumerate().map(cell).collect());
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    Ok(csv(&format!("evaluatie-{}.csv", section.id), &rows))
}
