//! Until when content may be kept: after the longest term of the purposes that concern it.

use crate::catalogue::Catalogue;
use crate::catalogue::purpose::Purpose;
use crate::message::Timestamp;

/// When the content of a case that closes at this moment may no longer be kept: after the longest
/// retention of the purposes under which the municipality gave or got anything about its theme.
pub fn retention(
    catalogue: &Catalogue,
    theme: Option<&str>,
    closed_at: Timestamp,
) -> Option<Timestamp> {
    let municipality = catalogue.municipality()?;
    let own = |purpose: &&Purpose| {
        Purpose::names(&purpose.recipients, municipality)
            || Purpose::names(&purpose.origins, municipality)
    };
    longest(catalogue.purposes.values().filter(own), theme, closed_at)
}

/// The same for a signal that stands by itself, from its last message on. One that never came to
/// the municipality is kept as long as any purpose for its theme says.
pub fn loose_retention(
    catalogue: &Catalogue,
    theme: Option<&str>,
    last_at: Timestamp,
) -> Option<Timestamp> {
    retention(catalogue, theme, last_at)
        .or_else(|| longest(catalogue.purposes.values(), theme, last_at))
        .or_else(|| longest_of_all(catalogue, last_at))
}

/// When a signal that stands by itself is looked at again; none where it goes now. A set without
/// purposes says nothing; another may, in a day.
pub fn look_again(
    catalogue: &Catalogue,
    theme: Option<&str>,
    last_at: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let until = loose_retention(catalogue, theme, last_at);
    let until = until.unwrap_or_else(|| now.plus_seconds(86_400));
    Some(until).filter(|until| *until > now)
}

/// A theme that left the set, or a message without one, that no purpose covers: the longest term
/// there is, rather than for ever.
fn longest_of_all(catalogue: &Catalogue, at: Timestamp) -> Option<Timestamp> {
    after(catalogue.purposes.values().map(|purpose| purpose.retention_days).max()?, at)
}

fn longest<'c>(
    purposes: impl Iterator<Item = &'c Purpose>,
    theme: Option<&str>,
    at: Timestamp,
) -> Option<Timestamp> {
    // What sleeps until a glass is broken keeps nothing longer.
    let concerns = purposes.filter(|purpose| !purpose.sleeps() && purpose.covers_theme(theme));
    after(concerns.map(|purpose| purpose.retention_days).max()?, at)
}

fn after(days: u32, at: Timestamp) -> Option<Timestamp> {
    Some(at.plus_amsterdam_days(i32::try_from(days).unwrap_or(i32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::fixture::{at, catalogue, files, purpose, put};

    #[test]
    fn a_signal_by_itself_goes_after_the_longest_term_that_concerns_it_and_is_looked_at_till_then()
    {
        let mut files = files();
        let brand = purpose("politie", "zorg", "'thema' = 'houd'\n");
        let brand = brand.replace("themas = [\"*\"]", "themas = [\"brand\"]");
        let longer = with_value(&brand, "bewarenDagen = ", "400");
        put(&mut files, "config/purposes/langer.toml", &longer);
        let set = catalogue(&files);
        let short = set.purposes.values().map(|p| p.retention_days).min().unwrap();
        let last = at("2026-01-10T12:00:00+01:00");
        let days = |days: u32| last.plus_amsterdam_days(i32::try_from(days).unwrap());
        assert_eq!(retention(&set, Some("brand"), last), None, "there is no municipality");
        for (theme, until) in
            [(Some("brand"), days(400)), (Some("overlast"), days(short)), (None, days(short))]
        {
            assert_eq!(loose_retention(&set, theme, last), Some(until), "{theme:?}");
            let before = until.plus_seconds(-1);
            assert_eq!(look_again(&set, theme, last, before), Some(until), "{theme:?}");
            assert_eq!(look_again(&set, theme, last, until), None, "{theme:?}");
        }
    }

    /// A line of a file with another value.
    fn with_value(text: &str, line: &str, value: &str) -> String {
        let lines = text.lines().map(|own| match own.starts_with(line) {
            true => format!("{line}{value}\n"),
            false => format!("{own}\n"),
        });
        lines.collect()
    }
}
