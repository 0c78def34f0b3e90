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
    let concerns = purposes.filter(|purpose| purpose.covers_theme(theme));
    after(concerns.map(|purpose| purpose.retention_days).max()?, at)
}

fn after(days: u32, at: Timestamp) -> Option<Timestamp> {
    Some(at.plus_amsterdam_days(i32::try_from(days).unwrap_or(i32::MAX)))
}
