//! Neighbourhoods: where much is reported, and where residents are silent.

use std::collections::{BTreeMap, BTreeSet};

use super::{Maker, float, tenth};
use crate::casework::evaluate::conceal::column;
use crate::casework::evaluate::report::AreaRow;
use crate::casework::evaluate::tally::Sum;
use crate::catalogue::programme::number;
use crate::message::formats::is_buurtcode;

/// A hot spot has so many times the signals per inhabitant of the neighbourhood in the middle, and
/// so many standard deviations more than that would give by chance (a Poisson count). The middle
/// one and not the mean, which a single hot spot would raise for all.
const HOT_TIMES: f64 = 1.5;
const HOT_DEVIATIONS: f64 = 2.0;
/// Silent: professionals report at least as much as in the middle, residents at most this part.
const SILENT_PART: f64 = 0.5;

/// What one neighbourhood has, before anything is hidden.
struct Counted<'a> {
    code: &'a str,
    name: String,
    inhabitants: Option<u64>,
    residents: u64,
    professionals: u64,
}

/// Signals per inhabitant of the neighbourhood in the middle.
struct Usual {
    residents: f64,
    professionals: f64,
    all: f64,
}

impl Usual {
    fn of(counted: &[Counted<'_>]) -> Self {
        let middle = |of: fn(&Counted<'_>) -> u64| {
            let rate = |area: &Counted<'_>| Some(float(of(area)) / float(area.inhabitants?));
            let mut rates: Vec<f64> = counted.iter().filter_map(rate).collect();
            rates.sort_by(f64::total_cmp);
            rates.get(rates.len() / 2).copied().unwrap_or(0.0)
        };
        Self {
            residents: middle(|area| area.residents),
            professionals: middle(|area| area.professionals),
            all: middle(|area| area.residents + area.professionals),
        }
    }
}

impl Maker<'_> {
    /// A row per neighbourhood, by code, and what must be said about the others.
    pub(super) fn areas(&self) -> (Vec<AreaRow>, Vec<String>) {
        let sums =
            self.tally.group(|key| (!key.earlier).then(|| self.tally.name(key.area).to_owned()));
        let counted = self.counted(&sums);
        let usual = Usual::of(&counted);
        let residents = column(&counted.iter().map(|area| area.residents).collect::<Vec<_>>());
        let others = column(&counted.iter().map(|area| area.professionals).collect::<Vec<_>>());
        let rows = counted.iter().zip(residents.into_iter().zip(others));
        let rows = rows.map(|(area, shown)| self.row(area, shown, &usual)).collect();
        (rows, self.about_others(&sums, &counted))
    }

    /// The neighbourhoods of the programme that were asked about, and those that had facts.
    fn counted<'s>(&'s self, sums: &'s BTreeMap<String, Sum>) -> Vec<Counted<'s>> {
        let known = self.programme.iter().flat_map(|programme| programme.areas.keys());
        let is_asked = |code: &&str| self.asked.is_about(self.asked.theme.as_deref(), Some(code));
        let known = known.map(String::as_str).filter(is_asked);
        let seen = sums.keys().map(String::as_str).filter(|code| is_buurtcode(code));
        let codes: BTreeSet<&str> = known.chain(seen).collect();
        let one = |code: &'s str| {
            let area = self.programme.and_then(|programme| programme.areas.get(code));
            let all = sums.get(code).map_or(0, Sum::all_signals);
            let residents = sums.get(code).map_or(0, |sum| self.residents(sum));
            Counted {
                code,
                name: area.map_or_else(|| code.to_owned(), |area| area.name.clone()),
                inhabitants: area.map(|area| area.inhabitants).filter(|count| *count > 0),
                residents,
                professionals: all - residents,
            }
        };
        codes.into_iter().map(one).collect()
    }

    fn row(
        &self,
        area: &Counted<'_>,
        (residents, professionals): (Option<u64>, Option<u64>),
        usual: &Usual,
    ) -> AreaRow {
        let rate =
            |count: Option<u64>| Some(tenth(float(count?) * 1000.0 / float(area.inhabitants?)));
        let (verdict, why) = self.verdict(area, usual).unzip();
        AreaRow {
            buurt: area.code.to_owned(),
            naam: area.name.clone(),
            inwoners: area.inhabitants,
            signalen: residents.zip(professionals).map(|(one, other)| one + other),
            van_inwoners: residents,
            van_professionals: professionals,
            van_inwoners_per1000: rate(residents),
            van_professionals_per1000: rate(professionals),
            oordeel: verdict,
            uitleg: why,
        }
    }

    /// Whether it stands out, and why; only where there is enough to say so.
    fn verdict(&self, area: &Counted<'_>, usual: &Usual) -> Option<(&'static str, String)> {
        let people = float(area.inhabitants?);
        let (residents, professionals) = (usual.residents * people, usual.professionals * people);
        let least = float(self.minimum);
        let silent = float(area.professionals) >= professionals.max(least)
            && residents >= least
            && float(area.residents) <= residents * SILENT_PART;
        if silent {
            let why = "professionals signaleren hier minstens zo vaak als in de middelste buurt, \
                       inwoners hoogstens half zo vaak; ga langs en vraag wat er speelt";
            return Some(("stil", why.to_owned()));
        }
        let (all, expected) = (float(area.residents + area.professionals), usual.all * people);
        let hot = all >= least
            && all >= expected * HOT_TIMES
            && all - expected > HOT_DEVIATIONS * expected.sqrt();
        hot.then(|| {
            let times = number(tenth(HOT_TIMES));
            let text = format!(
                "per inwoner minstens {times} keer zoveel signalen als in de middelste buurt; \
                 zet hier als eerste op in"
            );
            ("brandpunt", text)
        })
    }

    fn about_others(&self, sums: &BTreeMap<String, Sum>, counted: &[Counted<'_>]) -> Vec<String> {
        let mut said = Vec::new();
        let others = sums.iter().filter(|(code, _)| !is_buurtcode(code));
        let outside: u64 = others.map(|(_, sum)| sum.all_signals()).sum();
        let all: u64 = sums.values().map(Sum::all_signals).sum();
        if outside > 0 && all >= self.minimum {
            let part = number(tenth(float(outside) * 100.0 / float(all)));
            said.push(format!(
                "{part} % van de signalen noemt geen buurt en telt in geen buurt mee."
            ));
        }
        let unknown: Vec<&str> = counted
            .iter()
            .filter(|area| area.inhabitants.is_none() && self.programme.is_some())
            .map(|area| area.code)
            .take(10)
            .collect();
        if !unknown.is_empty() {
            said.push(format!(
                "Van {} is geen aantal inwoners bekend; zet ze in config/programme.toml.",
                unknown.join(", ")
            ));
        }
        said
    }
}
