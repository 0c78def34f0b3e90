//! The people of the municipality who use the console: who they are, and what they may be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What somebody does here (*rol*). One person can have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StaffRole {
    /// Directs cases.
    Regisseur,
    /// Keeps partners, connectors and queues going.
    Beheerder,
    /// Looks whether it went as it should.
    Auditor,
}

impl StaffRole {
    pub const ALL: [Self; 3] = [Self::Regisseur, Self::Beheerder, Self::Auditor];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Regisseur => "regisseur",
            Self::Beheerder => "beheerder",
            Self::Auditor => "auditor",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for StaffRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The themes that somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Themes {
    All,
    Some(Vec<String>),
}

impl Themes {
    /// `*`, or names with commas between them.
    pub fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::All;
        }
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self::Some(names.map(str::to_owned).collect())
    }

    /// Whether they cover a theme. What has none yet may be anything: for who sees all only.
    pub fn cover(&self, theme: Option<&str>) -> bool {
        match (self, theme) {
            (Self::All, _) => true,
            (Self::Some(names), Some(theme)) => names.iter().any(|name| name == theme),
            (Self::Some(_), None) => false,
        }
    }
}

impl fmt::Display for Themes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Some(names) => f.write_str(&names.join(",")),
        }
    }
}

/// The name by which somebody logs in: an address or a short name, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Login(String);

/// A login is not of the form that logins have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a login has 1 to 80 letters, digits and . _ - + @")]
pub struct BadLogin;

impl Login {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Login {
    type Err = BadLogin;

    fn from_str(text: &str) -> Result<Self, BadLogin> {
        let text = text.trim().to_ascii_lowercase();
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-+@".contains(&b);
        let ok = (1..=80).contains(&text.len()) && text.bytes().all(fits);
        if ok { Ok(Self(text)) } else { Err(BadLogin) }
    }
}

impl TryFrom<String> for Login {
    type Error = BadLogin;

    fn try_from(text: String) -> Result<Self, BadLogin> {
        text.parse()
    }
}

impl From<Login> for String {
    fn from(login: Login) -> Self {
        login.0
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether two names are of one person, however they are written. The console writes a name with
/// its login between brackets, and the command line what somebody types.
pub fn is_same_person(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let (one, other) = (plain(one), plain(other));
    match (signed(&one), signed(&other)) {
        (Some((_, login)), Some((_, same))) => login == same,
        (Some((name, login)), None) => other == name || other == login || other == one,
        (None, Some((name, login))) => one == name || one == login || one == other,
        (None, None) => one == other,
    }
}

/// Name and login of a signature such as `anna de wit (anna)`.
fn signed(text: &str) -> Option<(&str, &str)> {
    let (name, login) = text.strip_suffix(')')?.rsplit_once(" (")?;
    login.parse::<Login>().is_ok().then_some((name, login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_one_however_it_is_typed() {
        let login = |text: &str| text.parse::<Login>().map(String::from);
        assert_eq!(
            login(" J.Jansen@Gemeente.example "),
            Ok("j.jansen@gemeente.example".to_owned())
        );
        for bad in ["", "a b", "a\u{301}", "<script>", &"a".repeat(81)] {
            assert_eq!(login(bad), Err(BadLogin), "{bad:?}");
        }
    }

    #[test]
    fn themes_cover_what_they_name_and_a_star_covers_what_has_none() {
        let some = Themes::parse("woonoverlast, jeugd,");
        assert!(some.cover(Some("jeugd")) && !some.cover(Some("zorg")) && !some.cover(None));
        assert_eq!(some.to_string(), "woonoverlast,jeugd");
        let all = Themes::parse(" * ");
        assert!(all.cover(None) && all.cover(Some("zorg")));
        assert!(!Themes::parse("").cover(Some("zorg")));
    }

    #[test]
    fn a_person_does_not_become_two_by_writing_a_name_otherwise() {
        assert!(is_same_person("A. de Vries", "  a.  DE vries "));
        assert!(!is_same_person("A. de Vries", "B. de Vries"));
        for same in ["Anna de Wit", "anna", "ANNA DE WIT (anna)", "Een andere naam (anna)"] {
            assert!(is_same_person("Anna de Wit (anna)", same), "{same}");
            assert!(is_same_person(same, "Anna de Wit (anna)"), "{same}");
        }
        // Two people may have one name.
        assert!(!is_same_person("Anna de Wit (anna)", "Anna de Wit (a.dewit)"));
        assert!(is_same_person("Jan (de oude)", "jan (de oude)"));
    }
}
