//! The tables of an evaluation, the same for every form, and the charts that go with them.
//!
//! Names of themes and neighbourhoods are written by people: here they lose what would steer a
//! terminal or turn a line around, so that no form has to think of it.

use super::{Dutch, Tongue, clean};
use crate::casework::evaluate::{
    AreaRow, Evaluation, MonthRow, RefusalRow, ResultRow, SenderRow, Share, TargetRow, TermRow,
    ThemeRow, Verdict,
};

/// One table, with its chart.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    /// How to read it.
    pub note: &'static str,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    pub chart: Option<Chart>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Text(String),
    Number(f64),
    Percent(f64),
    /// A count that is not told because it is small.
    Hidden,
    /// Nothing to say.
    Empty,
}

/// What stands where a count is not told: see [`super::super::HIDDEN_BELOW`].
pub const FEW: &str = "minder dan 5";

/// Numbers of a table as bars.
pub struct Chart {
    pub title: &'static str,
    pub unit: &'static str,
    /// Months stand side by side, other things below each other.
    pub upright: bool,
    pub series: Vec<&'static str>,
    pub bars: Vec<(String, Vec<Option<f64>>)>,
}

impl Cell {
    pub fn text(text: &str) -> Self {
        Self::Text(clean(text))
    }

    /// A count of which nothing means that it is not told.
    pub fn count(count: Option<u64>) -> Self {
        count.map_or(Self::Hidden, |count| Self::Number(float(count)))
    }

    /// A number of which nothing means that there is none to tell.
    fn maybe(value: Option<f64>) -> Self {
        value.map_or(Self::Empty, Self::Number)
    }

    fn percent(share: Share) -> Self {
        share.procent.map_or(Self::Empty, Self::Percent)
    }

    /// As people read it in Dutch.
    pub fn shown(&self) -> String {
        self.shown_in(&Dutch)
    }

    /// As people read it.
    pub fn shown_in(&self, tongue: &dyn Tongue) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(value) => tongue.number(*value),
            Self::Percent(value) => format!("{} %", tongue.number(*value)),
            Self::Hidden => tongue.word(FEW),
            Self::Empty => "–".to_owned(),
        }
    }

    /// As a spreadsheet reads it.
    pub fn plain(&self) -> String {
        match self {
            Self::Number(value) | Self::Percent(value) => plain(*value),
            other => other.shown(),
        }
    }

    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }
}

/// A number without groups, so that a spreadsheet reads it as one.
pub fn plain(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.replace('.', ","), str::to_owned)
}

impl Section {
    /// Whether a column holds words.
    pub fn is_text(&self, column: usize) -> bool {
        self.rows.iter().any(|row| row.get(column).is_some_and(Cell::is_text))
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near two to the power 52")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

fn float_of(count: Option<u64>) -> Option<f64> {
    count.map(float)
}

/// Every table that has rows, in the order in which they are read.
pub fn sections(evaluation: &Evaluation) -> Vec<Section> {
    let all = [
        months(evaluation),
        themes(evaluation),
        areas(evaluation),
        senders(evaluation),
        terms(evaluation),
        refusals(evaluation),
        reasons(evaluation),
        results(evaluation),
        repeats(evaluation),
    ];
    all.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

/// The sign, the word and the target itself.
pub fn verdict_sign(target: &TargetRow) -> &'static str {
    match target.oordeel {
        Verdict::Gehaald => "✓",
        Verdict::NietGehaald => "✗",
        Verdict::GeenUitspraak => "?",
    }
}

fn months(evaluation: &Evaluation) -> Section {
    let compares = evaluation.vorige_periode.is_some();
    let mut columns = vec!["maand", "signalen"];
    if compares {
        columns.push("een jaar eerder");
    }
    columns.extend(["casussen geopend", "casussen gesloten"]);
    let row = |month: &MonthRow| {
        let mut row = vec![Cell::text(&month.maand), Cell::count(month.signalen)];
        if compares {
            row.push(Cell::count(month.vorige_signalen));
        }
        row.extend([Cell::count(month.casussen_geopend), Cell::count(month.casussen_gesloten)]);
        row
    };
    let bars = evaluation.per_maand.iter().map(|month| {
        let mut values = vec![float_of(month.signalen)];
        if compares {
            values.push(float_of(month.vorige_signalen));
        }
        (month.maand.clone(), values)
    });
    let series = if compares { vec!["deze periode", "een jaar eerder"] } else { vec!["signalen"] };
    Section {
        id: "per-maand",
        title: "Signalen per maand",
        note: "",
        columns,
        rows: evaluation.per_maand.iter().map(row).collect(),
        chart: Some(Chart {
            title: "Signalen per maand",
            unit: "",
            upright: true,
            series,
            bars: bars.collect(),
        }),
    }
}

fn themes(evaluation: &Evaluation) -> Section {
    let compares = evaluation.vorige_periode.is_some();
    let mut columns = vec!["thema", "signalen"];
    if compares {
        columns.push("een jaar eerder");
    }
    columns.extend(["geopend", "gesloten", "lopend", "mediaan", "p90", "herhaling"]);
    let row = |theme: &ThemeRow| {
        let mut row = vec![Cell::text(&theme.naam), Cell::count(theme.signalen)];
        if compares {
            row.push(Cell::count(theme.vorige_signalen));
        }
        row.extend([
            Cell::count(theme.casussen_geopend),
            Cell::count(theme.casussen_gesloten),
            Cell::count(theme.casussen_lopend),
            Cell::maybe(theme.doorlooptijd.mediaan),
            Cell::maybe(theme.doorlooptijd.p90),
            Cell::percent(theme.herhaling),
        ]);
        row
    };
    let bars = evaluation.per_thema.iter().map(|theme| {
        let mut values = vec![float_of(theme.signalen)];
        if compares {
            values.push(float_of(theme.vorige_signalen));
        }
        (clean(&theme.naam), values)
    });
    let series = if compares { vec!["deze periode", "een jaar eerder"] } else { vec!["signalen"] };
    Section {
        id: "per-thema",
        title: "Thema's: signalen, casussen en doorlooptijd",
        note: "Mediaan en p90 zijn doorlooptijden van gesloten casussen: de helft, en negen van de \
               tien, duurden niet langer. Herhaling: casussen die slepend zijn of heropend.",
        columns,
        rows: evaluation.per_thema.iter().map(row).collect(),
        chart: Some(Chart {
            title: "Signalen per thema",
            unit: "",
            upright: false,
            series,
            bars: bars.collect(),
        }),
    }
}

fn areas(evaluation: &Evaluation) -> Section {
    let row = |area: &AreaRow| {
        let inhabitants = area.inwoners.map_or(Cell::Empty, |count| Cell::Number(float(count)));
        vec![
            Cell::text(&area.naam),
            Cell::text(&area.buurt),
            inhabitants,
            Cell::count(area.signalen),
            Cell::count(area.van_inwoners),
            Cell::count(area.van_professionals),
            Cell::maybe(area.van_inwoners_per1000),
            Cell::maybe(area.van_professionals_per1000),
            area.oordeel.map_or(Cell::Empty, Cell::text),
        ]
    };
    let bars = evaluation.per_buurt.iter().filter(|area| area.inwoners.is_some()).map(|area| {
        let values = vec![area.van_inwoners_per1000, area.van_professionals_per1000];
        (clean(&area.naam), values)
    });
    Section {
        id: "per-buurt",
        title: "Buurten: brandpunten en stille buurten",
        note: "Brandpunt: per inwoner minstens anderhalf keer zoveel signalen als in de middelste \
               buurt, en meer dan toeval verklaart. Stil: professionals signaleren er minstens zo \
               vaak als in de middelste buurt, inwoners hoogstens half zo vaak.",
        columns: vec![
            "buurt",
            "code",
            "inwoners",
            "signalen",
            "van inwoners",
            "van professionals",
            "inwoners per 1.000",
            "professionals per 1.000",
            "oordeel",
        ],
        rows: evaluation.per_buurt.iter().map(row).collect(),
        chart: Some(Chart {
            title: "Signalen per 1.000 inwoners",
            unit: "",
            upright: false,
            series: vec!["van inwoners", "van professionals"],
            bars: bars.collect(),
        }),
    }
}

fn senders(evaluation: &Evaluation) -> Section {
    let compares = evaluation.vorige_periode.is_some();
    let mut columns = vec!["soort", "signalen"];
    if compares {
        columns.push("een jaar eerder");
    }
    let row = |sender: &SenderRow| {
        let mut row = vec![Cell::text(&sender.soort), Cell::count(sender.signalen)];
        if compares {
            row.push(Cell::count(sender.vorige_signalen));
        }
        row
    };
    let bar = |sender: &SenderRow| (clean(&sender.soort), vec![float_of(sender.signalen)]);
    Section {
        id: "per-afzender",
        title: "Wie signaleert",
        note: "",
        columns,
        rows: evaluation.per_afzender.iter().map(row).collect(),
        chart: Some(Chart {
            title: "Signalen per soort afzender",
            unit: "",
            upright: false,
            series: vec!["signalen"],
            bars: evaluation.per_afzender.iter().map(bar).collect(),
        }),
    }
}

fn terms(evaluation: &Evaluation) -> Section {
    let row = |term: &TermRow| {
        vec![
            Cell::text(&term.soort),
            Cell::count(term.gevraagd),
            Cell::percent(term.ontvangen),
            Cell::percent(term.aanvaard),
            Cell::percent(term.afgerond),
            Cell::count(term.verlopen),
        ]
    };
    let bar = |term: &TermRow| {
        let values = vec![term.ontvangen.procent, term.aanvaard.procent, term.afgerond.procent];
        (clean(&term.soort), values)
    };
    Section {
        id: "termijnen",
        title: "Termijnen van actieverzoeken",
        note: "Ontvangen is niet aanvaard en aanvaard is niet afgerond: elk heeft een eigen \
               termijn. Een weigering op tijd telt als een antwoord op tijd. Wat nog loopt, telt \
               niet mee.",
        columns: vec![
            "soort",
            "gevraagd",
            "op tijd ontvangen",
            "op tijd beantwoord",
            "op tijd afgerond",
            "verlopen",
        ],
        rows: evaluation.termijnen.iter().map(row).collect(),
        chart: Some(Chart {
            title: "Op tijd, in procenten",
            unit: "%",
            upright: false,
            series: vec!["ontvangen", "beantwoord", "afgerond"],
            bars: evaluation.termijnen.iter().map(bar).collect(),
        }),
    }
}

fn refusals(evaluation: &Evaluation) -> Section {
    let row = |refusal: &RefusalRow| {
        vec![
            Cell::text(&refusal.soort),
            Cell::count(refusal.geweigerd.van),
            Cell::count(refusal.geweigerd.aantal),
            Cell::percent(refusal.geweigerd),
        ]
    };
    let bar = |refusal: &RefusalRow| (clean(&refusal.soort), vec![refusal.geweigerd.procent]);
    Section {
        id: "weigeringen",
        title: "Weigeringen",
        note: "",
        columns: vec!["soort", "beantwoord", "geweigerd", "aandeel"],
        rows: evaluation.weigeringen.iter().map(row).collect(),
        chart: Some(Chart {
            title: "Geweigerd, in procenten van wat werd beantwoord",
            unit: "%",
            upright: false,
            series: vec!["geweigerd"],
            bars: evaluation.weigeringen.iter().map(bar).collect(),
        }),
    }
}

fn reasons(evaluation: &Evaluation) -> Section {
    let rows = evaluation.weigeringen.iter().flat_map(|refusal| {
        refusal.redenen.iter().map(|reason| {
            vec![Cell::text(&refusal.soort), Cell::text(&reason.code), Cell::count(reason.aantal)]
        })
    });
    Section {
        id: "redenen",
        title: "Redenen van weigering",
        note: "",
        columns: vec!["soort", "reden", "aantal"],
        rows: rows.collect(),
        chart: None,
    }
}

fn results(evaluation: &Evaluation) -> Section {
    let row = |result: &ResultRow| vec![Cell::text(&result.code), Cell::count(result.aantal)];
    Section {
        id: "uitkomsten",
        title: "Uitkomsten van afgeronde actieverzoeken",
        note: "",
        columns: vec!["uitkomst", "aantal"],
        rows: evaluation.uitkomsten.iter().map(row).collect(),
        chart: None,
    }
}

fn repeats(evaluation: &Evaluation) -> Section {
    let named = |what: &'static str, rows: &[ResultRow]| {
        let row = |row: &ResultRow| {
            vec![Cell::text(what), Cell::text(&row.code), Cell::count(row.aantal)]
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let per_case = named("casussen met", &evaluation.signalen_per_casus);
    let severities = named("signalen van ernst", &evaluation.per_ernst);
    Section {
        id: "spreiding",
        title: "Spreiding",
        note: "",
        columns: vec!["wat", "waarde", "aantal"],
        rows: per_case.into_iter().chain(severities).collect(),
        chart: None,
    }
}
