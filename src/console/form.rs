//! Reading forms and addresses of pages: what is absent or empty is not there.

use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::message::Timestamp;

/// A field of a form: `None` where it is empty or does not read as what it must be.
pub fn optional<'de, D: Deserializer<'de>, T: FromStr>(from: D) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.and_then(|text| text.trim().parse().ok()))
}

/// A text of a form, without what surrounds it.
pub fn trimmed<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = Option::<String>::deserialize(from)?.unwrap_or_default();
    Ok(text.trim().to_owned())
}

/// A moment as a browser gives it: Amsterdam's time, without seconds.
pub fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::from_amsterdam_civil(text.trim())
}

/// A path within this site to go to after logging in; never another site's.
pub fn own_path(text: &str) -> Option<&str> {
    let own =
        text.starts_with('/') && !text.starts_with("//") && !text.contains(['\\', '\r', '\n']);
    own.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_site_is_gone_to() {
        assert_eq!(own_path("/taken?te_laat=1"), Some("/taken?te_laat=1"));
        for other in ["//kwaad.example", "https://kwaad.example", "/\\kwaad.example", "taken", ""] {
            assert_eq!(own_path(other), None, "{other}");
        }
    }

    #[test]
    fn a_moment_of_a_form_is_amsterdams() {
        let at = moment("2026-12-10T17:00").unwrap();
        assert_eq!(at.to_string(), "2026-12-10T16:00:00Z");
        assert_eq!(moment("morgen"), None);
    }
}
