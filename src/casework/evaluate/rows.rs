//! The tables of an evaluation, out of what was counted.

use std::collections::{BTreeMap, BTreeSet};

use super::conceal::{HIDDEN_BELOW, column_if, one, share_is_told};
use super::judge::{float, tenth};
use super::report::{
    Earlier, Evaluation, Lead, MonthRow, Period, RefusalRow, ResultRow, SenderRow, Share, TermRow,
    ThemeRow, Totals,
};
use super::tally::{Kept, Month, Sum, Tally};
use super::{Asked, RESIDENTS};
use crate::catalogue::programme::{DayCount, Programme};
use crate::message::Second;

mod areas;

/// A first signal so many days into the year before: then that year is no fair measure.
const LATE_START_DAYS: u32 = 31;

/// Makes the tables.
pub struct Maker<'a> {
    pub programme: Option<&'a Programme>,
    pub asked: &'a Asked,
    pub tally: &'a Tally<'a>,
    pub minimum: u64,
}

impl Maker<'_> {
    pub fn evaluation(&self) -> Evaluation {
        let all = self.tally.sum(|key| !key.earlier);
        let area = self.asked.area.as_ref();
        let period = |(from, until): (jiff::civil::Date, jiff::civil::Date)| Period {
            van: from.to_string(),
            tot: until.to_string(),
        };
        let (areas, mut remarks) = self.areas();
        remarks.extend(self.remarks(&all));
        Evaluation {
            programma: self.programme.map(|programme| programme.name.clone()),
            periode: period((self.asked.from(), self.asked.until())),
            peildatum: Second::from(self.asked.now).to_string(),
            thema: self.asked.theme.clone(),
            gebied: area.map(|code| match self.programme {
                Some(programme) => programme.area_in_words(code),
                None => code.to_string(),
            }),
            minimum: self.minimum,
            verborgen_onder: HIDDEN_BELOW,
            doorlooptijd_in: self.programme.map_or(DayCount::Working, |p| p.days).as_str(),
            totaal: self.totals(&all),
            vorige_periode: self.earlier().map(|(signalen, onvolledig)| Earlier {
                periode: period(self.asked.earlier()),
                signalen,
                onvolledig,
            }),
            doelen: self.programme.map(|programme| self.targets(programme)).unwrap_or_default(),
            per_thema: self.themes(),
            per_maand: self.months(),
            per_buurt: areas,
            per_afzender: self.senders(&all),
            per_ernst: self.codes(self.tally.severities.clone()),
            signalen_per_casus: self.per_case(),
            termijnen: self.terms(&all),
            weigeringen: self.refusals(&all),
            uitkomsten: self.results(),
            opmerkingen: remarks,
        }
    }

    /// Whether a part of the municipality is evaluated, so that every count can be small.
    fn is_small(&self) -> bool {
        self.asked.area.as_ref().is_some_and(|area| area.is_small())
    }

    fn totals(&self, all: &Sum) -> Totals {
        let one = |count| one(count, self.is_small());
        Totals {
            signalen: one(all.all_signals()),
            casussen_geopend: one(all.opened),
            casussen_gesloten: one(all.closed),
            casussen_lopend: one(all.still_open),
            actieverzoeken: one(all.tasks_of(|_| true).asked),
        }
    }

    /// How many signals the year before had, and whether it began too late to compare with.
    fn earlier(&self) -> Option<(Option<u64>, bool)> {
        let first = self.tally.first_earlier?;
        let count = self.tally.sum(|key| key.earlier).all_signals();
        let late = super::days::span(self.asked.earlier().0, first) > LATE_START_DAYS;
        Some((one(count, self.is_small()), late))
    }

    fn themes(&self) -> Vec<ThemeRow> {
        let now = self.by_theme(false);
        let before = self.by_theme(true);
        let names: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
        let (empty, small) = (Sum::default(), self.is_small());
        let take = |of: fn(&Sum) -> u64, from: &BTreeMap<String, Sum>| {
            let counts: Vec<u64> =
                names.iter().map(|name| of(from.get(*name).unwrap_or(&empty))).collect();
            column_if(&counts, small)
        };
        let columns = [
            take(Sum::all_signals, &now),
            take(Sum::all_signals, &before),
            take(|sum| sum.opened, &now),
            take(|sum| sum.closed, &now),
            take(|sum| sum.still_open, &now),
        ];
        let cell = |column: usize, row: usize| {
            columns.get(column).and_then(|cells| cells.get(row)).copied().flatten()
        };
        let compares = self.tally.first_earlier.is_some();
        names
            .iter()
            .enumerate()
            .map(|(row, name)| {
                let sum = now.get(*name).unwrap_or(&empty);
                ThemeRow {
                    naam: self.theme_name(name),
                    thema: (*name).clone(),
                    signalen: cell(0, row),
                    vorige_signalen: cell(1, row).filter(|_| compares),
                    casussen_geopend: cell(2, row),
                    casussen_gesloten: cell(3, row),
                    casussen_lopend: cell(4, row),
                    doorlooptijd: self.lead(sum),
                    herhaling: self.share(Kept { met: sum.recurring, of: sum.opened }),
                }
            })
            .collect()
    }

    fn by_theme(&self, earlier: bool) -> BTreeMap<String, Sum> {
        self.tally
            .group(|key| (key.earlier == earlier).then(|| self.tally.name(key.theme).to_owned()))
    }

    fn theme_name(&self, code: &str) -> String {
        match self.programme {
            _ if code.is_empty() => "(geen thema)".to_owned(),
            Some(programme) => programme.theme_in_words(code).to_owned(),
            None => code.to_owned(),
        }
    }

    /// Every month of the period, those without a signal included.
    fn months(&self) -> Vec<MonthRow> {
        let now = self.tally.group(|key| (!key.earlier).then_some(key.month));
        let before = self.tally.group(|key| key.earlier.then_some((key.month.0 + 1, key.month.1)));
        let first = self.asked.from().first_of_month();
        let starts = std::iter::successors(Some(first), |day| {
            day.last_of_month().tomorrow().ok().filter(|next| *next <= self.asked.until())
        });
        let months: Vec<Month> = starts.map(|day| (day.year(), day.month())).collect();
        let empty = Sum::default();
        let take = |from: &BTreeMap<Month, Sum>, of: fn(&Sum) -> u64| {
            let counts: Vec<u64> =
                months.iter().map(|month| of(from.get(month).unwrap_or(&empty))).collect();
            column_if(&counts, self.is_small())
        };
        let (signals, earlier) = (take(&now, Sum::all_signals), take(&before, Sum::all_signals));
        let (opened, closed) = (take(&now, |sum| sum.opened), take(&now, |sum| sum.closed));
        let compares = self.tally.first_earlier.is_some();
        let cells = signals.into_iter().zip(earlier).zip(opened.into_iter().zip(closed));
        let row = |(month, ((signals, earlier), (opened, closed))): (&Month, _)| MonthRow {
            maand: format!("{:04}-{:02}", month.0, month.1),
            signalen: signals,
            vorige_signalen: Option::filter(earlier, |_| compares),
            casussen_geopend: opened,
            casussen_gesloten: closed,
        };
        months.iter().zip(cells).map(row).collect()
    }

    fn senders(&self, all: &Sum) -> Vec<SenderRow> {
        let before = self.tally.sum(|key| key.earlier);
        let kinds: BTreeMap<&str, u32> = all
            .signals
            .keys()
            .chain(before.signals.keys())
            .map(|kind| (self.tally.name(*kind), *kind))
            .collect();
        let take = |from: &Sum| {
            let of = |kind: &u32| from.signals.get(kind).copied().unwrap_or(0);
            column_if(&kinds.values().map(of).collect::<Vec<u64>>(), self.is_small())
        };
        let (now, before) = (take(all), take(&before));
        let compares = self.tally.first_earlier.is_some();
        let row = |(kind, (now, before)): (&&str, (Option<u64>, Option<u64>))| SenderRow {
            soort: (*kind).to_owned(),
            signalen: now,
            vorige_signalen: before.filter(|_| compares),
        };
        kinds.keys().zip(now.into_iter().zip(before)).map(row).collect()
    }

    /// Signals of residents.
    pub fn residents(&self, sum: &Sum) -> u64 {
        let of = sum.signals.iter().filter(|(kind, _)| self.tally.name(**kind) == RESIDENTS);
        of.map(|(_, count)| count).sum()
    }

    /// How many cases got how many signals.
    fn per_case(&self) -> Vec<ResultRow> {
        let mut counts = [0_u64; 4];
        for signals in self.tally.signals_of.values() {
            let [one, two, few, many] = &mut counts;
            let count = match signals {
                0 | 1 => one,
                2 => two,
                3 | 4 => few,
                _ => many,
            };
            *count += 1;
        }
        let shown = column_if(&counts, self.is_small());
        let names = ["1 signaal", "2 signalen", "3 of 4 signalen", "5 of meer signalen"];
        let row =
            |(name, count): (&str, Option<u64>)| ResultRow { code: name.to_owned(), aantal: count };
        names.into_iter().zip(shown).map(row).collect()
    }

    fn codes(&self, counts: BTreeMap<String, u64>) -> Vec<ResultRow> {
        let shown = column_if(&counts.values().copied().collect::<Vec<_>>(), self.is_small());
        let named = |code: String| if code.is_empty() { "(onbekend)".to_owned() } else { code };
        let rows = counts.into_keys().zip(shown);
        rows.map(|(code, aantal)| ResultRow { code: named(code), aantal }).collect()
    }

    fn kinds_asked(&self, all: &Sum) -> BTreeMap<String, u32> {
        all.tasks.keys().map(|kind| (self.tally.name(*kind).to_owned(), *kind)).collect()
    }

    fn terms(&self, all: &Sum) -> Vec<TermRow> {
        let kinds = self.kinds_asked(all);
        let asked: Vec<u64> =
            kinds.values().map(|kind| all.tasks_of(|other| other == *kind).asked).collect();
        let shown = column_if(&asked, self.is_small());
        let row = |((kind, number), asked): ((String, u32), Option<u64>)| {
            let tasks = all.tasks_of(|other| other == number);
            TermRow {
                soort: kind,
                gevraagd: asked,
                ontvangen: self.share(tasks.received),
                aanvaard: self.share(tasks.accepted),
                afgerond: self.share(tasks.done),
                verlopen: one(tasks.expired, self.is_small()),
            }
        };
        kinds.into_iter().zip(shown).map(row).collect()
    }

    fn refusals(&self, all: &Sum) -> Vec<RefusalRow> {
        let mut rows = Vec::new();
        for (kind, number) in self.kinds_asked(all) {
            let tasks = all.tasks_of(|other| other == number);
            let mine = self.tally.reasons.iter().filter(|((of, _), _)| *of == number);
            let reasons = mine.map(|((_, code), count)| (code.clone(), *count)).collect();
            let share = self.share(Kept { met: tasks.refused, of: tasks.answered });
            rows.push(RefusalRow { soort: kind, geweigerd: share, redenen: self.codes(reasons) });
        }
        rows
    }

    fn results(&self) -> Vec<ResultRow> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for ((_, code), count) in &self.tally.results {
            *counts.entry(code.clone()).or_default() += count;
        }
        self.codes(counts)
    }

    fn share(&self, kept: Kept) -> Share {
        let enough = kept.of >= self.minimum;
        let small = self.is_small();
        let told = share_is_told(kept.met, kept.of, small);
        Share {
            aantal: Some(kept.met).filter(|_| told),
            van: one(kept.of, small),
            procent: percentage(kept.met, kept.of).filter(|_| enough && told),
        }
    }

    fn lead(&self, sum: &Sum) -> Lead {
        let enough = sum.closed >= self.minimum;
        Lead {
            mediaan: median(&sum.leads).filter(|_| enough),
            p90: quantile_90(&sum.leads).filter(|_| enough),
        }
    }

    fn remarks(&self, all: &Sum) -> Vec<String> {
        let mut said = Vec::new();
        if self.programme.is_none() {
            said.push(
                "Deze set heeft geen config/programme.toml, dus er is niets om het naast te leggen."
                    .to_owned(),
            );
        }
        if all.all_signals() < self.minimum {
            said.push(format!(
                "Er zijn minder dan {} signalen; daaruit wordt niets geconcludeerd.",
                self.minimum
            ));
        }
        if let Some((_, true)) = self.earlier() {
            said.push(
                "De vorige periode begon later met meten; vergelijk de aantallen niet.".to_owned(),
            );
        }
        said
    }
}

/// Of how many in a hundred, to one decimal.
pub fn percentage(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| tenth(float(part) * 100.0 / float(of)))
}

/// The middle one, or the mean of the two in the middle.
pub fn median(values: &[u32]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = |place: usize| sorted.get(place).copied().map(f64::from);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        at(middle)
    } else {
        Some((at(middle.checked_sub(1)?)? + at(middle)?) / 2.0)
    }
}

/// The smallest value that nine of ten do not exceed (nearest rank).
pub fn quantile_90(values: &[u32]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * 9).div_ceil(10);
    sorted.get(rank.checked_sub(1)?).copied().map(f64::from)
}
