//! Reading `config/programme.toml`, with file, line and column of everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::{
    AREAS_MAX, Area, AreaCode, DayCount, Direction, FILE, MINIMUM, Measure, Named, Priority,
    Programme, TARGETS_MAX, Target, Unit,
};
use crate::catalogue::problem::{Files, Problem, SourceText, nearest};
use crate::catalogue::theme::Theme;
use crate::catalogue::validity::day;
use crate::message::formats::is_buurtcode;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgrammeText {
    naam: String,
    van: Spanned<String>,
    tot: Spanned<String>,
    doorlooptijd: Option<Spanned<String>>,
    minimum: Option<Spanned<u64>>,
    #[serde(default)]
    buurt: Vec<AreaText>,
    #[serde(default)]
    prioriteit: Vec<PriorityText>,
    #[serde(default)]
    doel: Vec<Spanned<TargetText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AreaText {
    code: Spanned<String>,
    naam: String,
    inwoners: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriorityText {
    id: Spanned<String>,
    naam: String,
    #[serde(default)]
    tekst: String,
    #[serde(default)]
    themas: Vec<Spanned<String>>,
    #[serde(default)]
    gebieden: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetText {
    id: Spanned<String>,
    prioriteit: Option<Spanned<String>>,
    thema: Option<Spanned<String>>,
    gebied: Option<Spanned<String>>,
    jaar: Spanned<i16>,
    soort: Option<Spanned<String>>,
    maat: Spanned<String>,
    hoogstens: Option<Spanned<f64>>,
    minstens: Option<Spanned<f64>>,
    stap: Option<String>,
}

/// What the names in a programme are held against, and what is wrong so far.
struct Reading<'a> {
    source: SourceText<'a>,
    themes: Vec<&'a str>,
    areas: BTreeMap<String, Area>,
    priorities: Vec<String>,
    problems: Vec<Problem>,
}

impl Programme {
    /// Reads the programme of a set, if it has one. Whether the kinds of partner that it names
    /// exist only the whole set shows.
    pub fn load(
        files: &Files,
        themes: &BTreeMap<String, Theme>,
    ) -> Result<Option<Self>, Vec<Problem>> {
        if !files.contains_key(FILE) {
            return Ok(None);
        }
        let source = SourceText::read(files, FILE).map_err(|problem| vec![problem])?;
        let text: ProgrammeText = source.toml().map_err(|problem| vec![problem])?;
        let mut reading = Reading {
            source,
            themes: themes.keys().map(String::as_str).collect(),
            areas: BTreeMap::new(),
            priorities: Vec::new(),
            problems: Vec::new(),
        };
        let (from, until) = reading.period(&text.van, &text.tot);
        let days = reading.day_count(text.doorlooptijd.as_ref());
        let minimum = reading.minimum(text.minimum.as_ref());
        reading.read_areas(text.buurt);
        let priorities = reading.read_priorities(text.prioriteit);
        let mut targets = Vec::new();
        let mut ids = BTreeSet::new();
        if text.doel.len() > TARGETS_MAX {
            let what = format!("meer dan {TARGETS_MAX} doelen; kies wat voorgaat");
            reading.problems.push(source.whole("doel", what));
        }
        for target in text.doel.into_iter().take(TARGETS_MAX) {
            let at = target.span().start;
            let target = target.into_inner();
            if !ids.insert(target.id.get_ref().clone()) {
                reading.wrong(&target.id, "doel", "dit doel komt twee keer voor");
            }
            let years = (from.map(Date::year), until.map(Date::year));
            targets.extend(reading.target(at, target, years, minimum));
        }
        match (reading.problems.is_empty(), from, until) {
            (true, Some(from), Some(until)) => Ok(Some(Self {
                name: text.naam,
                from,
                until,
                days,
                minimum,
                areas: reading.areas,
                priorities,
                targets,
                themes: themes.iter().map(|(id, theme)| (id.clone(), theme.naam.clone())).collect(),
            })),
            _ => Err(reading.problems),
        }
    }
}

impl Reading<'_> {
    fn wrong<T>(&mut self, at: &Spanned<T>, code: &'static str, text: impl Into<String>) {
        let problem = self.source.problem(at.span().start, code, text);
        self.problems.push(problem);
    }

    /// A name that is not among those there are, with the one that was perhaps meant.
    fn unknown<'n>(
        &mut self,
        name: &Spanned<String>,
        code: &'static str,
        what: &str,
        known: impl Iterator<Item = &'n str>,
    ) {
        let near = nearest(name.get_ref(), known);
        let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        self.wrong(name, code, format!("{what}{hint}"));
    }

    fn period(
        &mut self,
        from: &Spanned<String>,
        until: &Spanned<String>,
    ) -> (Option<Date>, Option<Date>) {
        let mut read = |text: &Spanned<String>| {
            let found = day(text.get_ref()).map(|(y, m, d)| jiff::civil::date(y, m, d));
            if found.is_none() {
                self.wrong(text, "datum", "schrijf JJJJ-MM-DD");
            }
            found
        };
        let period = (read(from), read(until));
        if let (Some(first), Some(last)) = period
            && last < first
        {
            self.wrong(until, "datum", "tot ligt vóór van");
        }
        period
    }

    fn day_count(&mut self, text: Option<&Spanned<String>>) -> DayCount {
        let all = [DayCount::Working, DayCount::Calendar];
        let Some(text) = text else { return DayCount::Working };
        if let Some(found) = all.into_iter().find(|days| days.as_str() == text.get_ref()) {
            return found;
        }
        let what = "een doorlooptijd wordt geteld in werkdagen of dagen";
        self.unknown(text, "doorlooptijd", what, all.iter().map(|days| days.as_str()));
        DayCount::Working
    }

    fn minimum(&mut self, asked: Option<&Spanned<u64>>) -> u64 {
        let Some(asked) = asked else { return MINIMUM };
        if *asked.get_ref() < MINIMUM {
            let what = format!("een uitspraak over minder dan {MINIMUM} is toeval; schrijf meer");
            self.wrong(asked, "minimum", what);
        }
        *asked.get_ref()
    }

    fn read_areas(&mut self, areas: Vec<AreaText>) {
        if areas.len() > AREAS_MAX {
            let what = format!("meer dan {AREAS_MAX} buurten");
            self.problems.push(self.source.whole("buurt", what));
        }
        for area in areas.into_iter().take(AREAS_MAX) {
            if !is_buurtcode(area.code.get_ref()) {
                let what = "schrijf de buurtcode van het CBS: BU en acht cijfers";
                self.wrong(&area.code, "buurt", what);
            } else if self.areas.contains_key(area.code.get_ref()) {
                self.wrong(&area.code, "buurt", "deze buurt komt twee keer voor");
            }
            let known = Area { name: area.naam, inhabitants: area.inwoners };
            self.areas.insert(area.code.into_inner(), known);
        }
    }

    fn read_priorities(&mut self, texts: Vec<PriorityText>) -> Vec<Priority> {
        let mut found = Vec::new();
        for text in texts {
            if self.priorities.contains(text.id.get_ref()) {
                self.wrong(&text.id, "prioriteit", "deze prioriteit komt twee keer voor");
            }
            self.priorities.push(text.id.get_ref().clone());
            let themes = text.themas.iter().filter_map(|theme| self.theme(theme)).collect();
            let areas = text.gebieden.iter().filter_map(|area| self.area(area)).collect();
            let id = text.id.into_inner();
            found.push(Priority { id, name: text.naam, text: text.tekst, themes, areas });
        }
        found
    }

    fn theme(&mut self, name: &Spanned<String>) -> Option<String> {
        if self.themes.contains(&name.get_ref().as_str()) {
            return Some(name.get_ref().clone());
        }
        let themes = self.themes.clone();
        self.unknown(name, "thema", "onbekend thema", themes.into_iter());
        None
    }

    /// An area in which the programme has at least one neighbourhood.
    fn area(&mut self, text: &Spanned<String>) -> Option<AreaCode> {
        let Some(code) = AreaCode::parse(text.get_ref()) else {
            let what = "schrijf een code van het CBS: GM0772, WK077213 of BU07721318";
            self.wrong(text, "gebied", what);
            return None;
        };
        if self.areas.keys().any(|known| code.contains(known)) {
            return Some(code);
        }
        let length = code.as_str().len();
        let sort = code.as_str().get(..2).unwrap_or_default();
        let known: BTreeSet<String> = self
            .areas
            .keys()
            .filter_map(|buurt| Some(format!("{sort}{}", buurt.get(2..length)?)))
            .collect();
        let what = "van dit gebied staat geen buurt in het programma";
        self.unknown(text, "gebied", what, known.iter().map(String::as_str));
        None
    }

    fn target(
        &mut self,
        at: usize,
        text: TargetText,
        years: (Option<i16>, Option<i16>),
        minimum: u64,
    ) -> Option<Target> {
        let priority = text.prioriteit.as_ref();
        if let Some(name) = priority.filter(|name| !self.priorities.contains(name.get_ref())) {
            let known = self.priorities.clone();
            let names = known.iter().map(String::as_str);
            self.unknown(name, "prioriteit", "onbekende prioriteit", names);
        }
        let theme = text.thema.as_ref().map(|theme| self.theme(theme));
        let area = text.gebied.as_ref().map(|area| self.area(area));
        let year = *text.jaar.get_ref();
        if let (Some(first), Some(last)) = years
            && !(first..=last).contains(&year)
        {
            self.wrong(&text.jaar, "jaar", "dit jaar valt buiten het programma");
        }
        let Some(measure) = Measure::parse(text.maat.get_ref()) else {
            let known = Measure::ALL.iter().map(|measure| measure.as_str());
            self.unknown(&text.maat, "maat", "onbekende maat", known);
            return None;
        };
        self.check_kind(text.soort.as_ref(), measure);
        let norm = self.norm(at, &text, measure, minimum);
        Some(Target {
            id: text.id.into_inner(),
            priority: text.prioriteit.map(Spanned::into_inner),
            theme: theme.flatten(),
            area: area.flatten(),
            year,
            kind: text.soort.map(|kind| Named { at: kind.span().start, name: kind.into_inner() }),
            measure,
            norm: norm?,
            step: text.stap,
        })
    }

    fn check_kind(&mut self, kind: Option<&Spanned<String>>, measure: Measure) {
        let Some(kind) = kind else { return };
        if !measure.is_by_kind() {
            let what = format!("{} gaat niet over één soort ketenpartner", measure.as_str());
            self.wrong(kind, "soort", what);
        }
    }

    /// The norm, which stands under the key of the measure's own direction.
    fn norm(
        &mut self,
        at: usize,
        text: &TargetText,
        measure: Measure,
        minimum: u64,
    ) -> Option<f64> {
        let (own, other) = match measure.direction() {
            Direction::AtMost => (text.hoogstens.as_ref(), text.minstens.as_ref()),
            Direction::AtLeast => (text.minstens.as_ref(), text.hoogstens.as_ref()),
        };
        let key = measure.direction().as_str();
        if let Some(other) = other {
            let what = format!("bij {} hoort {key}", measure.as_str());
            self.wrong(other, "norm", what);
            return None;
        }
        let Some(norm) = own else {
            let what = format!("dit doel heeft geen norm; schrijf {key} = …");
            self.problems.push(self.source.problem(at, "norm", what));
            return None;
        };
        let value = *norm.get_ref();
        let most = if measure.unit() == Unit::Percent { 100.0 } else { 10_000_000.0 };
        if !(0.0..=most).contains(&value) {
            self.wrong(norm, "norm", format!("een norm ligt tussen 0 en {most}"));
            return None;
        }
        // Fewer than the minimum is never judged, so such a target could never be met.
        #[expect(clippy::cast_precision_loss, reason = "far below two to the power 52")]
        if measure == Measure::Signals && value < minimum as f64 {
            let what = format!("minder dan {minimum} signalen wordt niet beoordeeld; kies meer");
            self.wrong(norm, "norm", what);
            return None;
        }
        Some(value)
    }
}
