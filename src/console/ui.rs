//! What every template can ask: words, moments, names, and who looks.

use std::fmt::Display;

use super::access::MENU;
use super::door::{Asker, Visitor};
use super::words::Language;
use crate::journal::Account;
use crate::message::{StaffRole, Timestamp};

/// How many there are: what templates have at hand.
pub trait Count {
    fn count(self) -> i64;
}

impl Count for i64 {
    fn count(self) -> i64 {
        self
    }
}

impl Count for usize {
    fn count(self) -> i64 {
        i64::try_from(self).unwrap_or(i64::MAX)
    }
}

impl<T: Count + Copy> Count for &T {
    fn count(self) -> i64 {
        (*self).count()
    }
}

/// The words and the visitor of one page.
pub struct Ui {
    pub language: Language,
    /// The page: names its title (`titel-…`) and its line in the menu.
    pub here: &'static str,
    pub visitor: Option<Visitor>,
    /// What was just done, in words.
    pub done: Option<String>,
}

impl Ui {
    pub fn new(asker: &Asker, here: &'static str) -> Self {
        Self { language: asker.language, here, visitor: asker.visitor.clone(), done: None }
    }

    /// Says what was just done, where the code is one that has words.
    #[must_use]
    pub fn after(mut self, done: Option<&str>) -> Self {
        let known = |code: &str| self.language.find(&format!("gedaan-{code}"), &[]);
        self.done = done.and_then(known);
        self
    }

    pub fn t(&self, name: &str) -> String {
        self.language.say(name, &[])
    }

    /// A text about a number.
    pub fn tn(&self, name: &str, n: impl Count) -> String {
        self.language.say(name, &[("n", n.count().into())])
    }

    /// A text about something that has a name.
    pub fn ta(&self, name: &str, x: impl Display) -> String {
        self.language.say(name, &[("x", x.to_string().into())])
    }

    /// The words of a code; the code where it has none.
    pub fn code(&self, kind: &str, code: &str) -> String {
        // Names of texts have no full stops, and kinds of messages have.
        let name = format!("{kind}-{}", code.replace('.', "-"));
        self.language.find(&name, &[]).unwrap_or_else(|| code.to_owned())
    }

    /// The words of a detail of a timeline, whichever list of codes it is from.
    pub fn detail(&self, code: &str) -> String {
        let lists = ["stap", "vraag", "resultaat", "weigering", "fase", "gebeurd"];
        let mut found = lists.iter().map(|list| self.language.find(&format!("{list}-{code}"), &[]));
        found.find_map(|found| found).unwrap_or_else(|| code.to_owned())
    }

    /// A field of a message in words: `betrokkenen[].geboortedatum` or `/locatie/adres`.
    pub fn field(&self, path: &str) -> String {
        let steps = path.split(['.', '/']).map(|step| step.trim_end_matches("[]"));
        let steps = steps.filter(|step| !step.is_empty() && *step != "*");
        let words = |step: &str| {
            let mut words = String::new();
            for sign in step.chars() {
                if sign.is_uppercase() && words.ends_with(char::is_lowercase) {
                    words.push(' ');
                    words.extend(sign.to_lowercase());
                } else {
                    words.push(sign);
                }
            }
            words
        };
        let told: Vec<String> = steps.map(words).collect();
        if told.is_empty() { self.t("heel-document") } else { told.join(" › ") }
    }

    /// The first signs of a digest, by which people tell sets apart.
    pub fn short<'d>(&self, digest: &'d str) -> &'d str {
        digest.get(..12).unwrap_or(digest)
    }

    /// The other language, for the switch.
    pub const fn other_language(&self) -> &'static str {
        match self.language {
            Language::Dutch => "en",
            Language::English => "nl",
        }
    }

    /// What the visitor may open, and whether that is this page.
    pub fn menu(&self) -> Vec<(&'static str, bool)> {
        let account = self.visitor.as_ref().map(|visitor| &visitor.account);
        let open = MENU.iter().filter(|(_, permit)| permit.admits(account));
        open.map(|(page, _)| (*page, *page == self.here)).collect()
    }

    pub fn name(&self) -> &str {
        self.visitor.as_ref().map_or("", |visitor| visitor.account.name.as_str())
    }

    pub fn is(&self, role: &str) -> bool {
        let role = StaffRole::parse(role);
        self.visitor.as_ref().is_some_and(|visitor| role.is_some_and(|role| visitor.is(role)))
    }

    pub fn roles(&self, account: &Account) -> String {
        let words = account.roles.iter().map(|role| self.code("rol", role.as_str()));
        words.collect::<Vec<_>>().join(", ")
    }

    /// A moment for people, in Amsterdam: `di 1 dec 2026 14:05`.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass what they borrow")]
    pub fn when(&self, at: &Timestamp) -> String {
        at.to_amsterdam_words(self.language == Language::English)
    }

    /// A moment for machines.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass what they borrow")]
    pub fn exact(&self, at: &Timestamp) -> String {
        at.to_amsterdam()
    }
}
