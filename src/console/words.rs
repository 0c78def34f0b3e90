//! What the console says, in Dutch and in English: every word stands in `words/*.ftl`.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

const DUTCH: &str = include_str!("words/nl.ftl");
const ENGLISH: &str = include_str!("words/en.ftl");

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    Dutch,
    English,
}

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 2]> =
    LazyLock::new(|| [bundle("nl", DUTCH), bundle("en", ENGLISH)]);

/// A line that does not parse is left out; a test holds that there is none.
fn bundle(language: &str, text: &str) -> FluentBundle<FluentResource> {
    let language: LanguageIdentifier = language.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Marks around what is filled in would end up in attributes and in exports.
    bundle.set_use_isolating(false);
    let resource = match FluentResource::try_new(text.to_owned()) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    bundle.add_resource_overriding(resource);
    bundle
}

impl Language {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Dutch => "nl",
            Self::English => "en",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Dutch, Self::English].into_iter().find(|language| language.code() == text)
    }

    fn bundle(self) -> &'static FluentBundle<FluentResource> {
        let [dutch, english] = &*BUNDLES;
        match self {
            Self::Dutch => dutch,
            Self::English => english,
        }
    }

    /// A text by its name; the name itself where there is none.
    pub fn say(self, name: &str, args: &[(&str, FluentValue<'_>)]) -> String {
        self.find(name, args).unwrap_or_else(|| name.to_owned())
    }

    /// A text by its name, where there is one.
    pub fn find(self, name: &str, args: &[(&str, FluentValue<'_>)]) -> Option<String> {
        let bundle = self.bundle();
        let pattern = bundle.get_message(name)?.value()?;
        let mut given = FluentArgs::new();
        for (name, value) in args {
            given.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        Some(bundle.format_pattern(pattern, Some(&given), &mut errors).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::casework::{Phase, Question, TaskState};
    use crate::message::StaffRole;

    fn names(text: &str) -> BTreeSet<String> {
        let name = |line: &str| line.split_once(" =").map(|(name, _)| name.to_owned());
        text.lines().filter(|line| !line.starts_with([' ', '#'])).filter_map(name).collect()
    }

    /// What templates and pages are made of.
    fn sources() -> Vec<String> {
        let mut texts = Vec::new();
        for folder in ["templates", "pages", ""] {
            let folder = format!("{}/src/console/{folder}", env!("CARGO_MANIFEST_DIR"));
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() && path.file_name().unwrap() != "words.rs" {
                    texts.push(std::fs::read_to_string(path).unwrap());
                }
            }
        }
        texts
    }

    /// Every name between quotes after one of these, and the names of columns.
    fn used() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for text in sources() {
            for (call, kept) in
                [("ui.t(\"", ""), ("ui.tn(\"", ""), ("ui.ta(\"", ""), ("\"kop-", "kop-")]
            {
                for rest in text.split(call).skip(1) {
                    found.insert(format!("{kept}{}", rest.split('"').next().unwrap()));
                }
            }
        }
        found
    }

    #[test]
    fn every_line_is_understood_and_none_stands_twice() {
        for text in [DUTCH, ENGLISH] {
            assert!(FluentResource::try_new(text.to_owned()).is_ok());
            let lines = text.lines().filter(|line| !line.starts_with([' ', '#']));
            let named = lines.filter(|line| line.contains(" =")).count();
            assert_eq!(names(text).len(), named, "a name stands twice");
        }
    }

    #[test]
    fn both_languages_say_the_same_things() {
        let (dutch, english) = (names(DUTCH), names(ENGLISH));
        assert_eq!(dutch.difference(&english).collect::<Vec<_>>(), Vec::<&String>::new());
        assert_eq!(english.difference(&dutch).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn no_word_is_missing() {
        let (known, used) = (names(DUTCH), used());
        assert!(used.len() > 100, "the names that are used were not found");
        assert_eq!(used.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn no_word_is_left_over() {
        let sources = sources();
        let of_codes = [
            "menu-",
            "fase-",
            "stand-",
            "vraag-",
            "opdracht-",
            "gedaan-",
            "status-",
            "stadium-",
            "reden-",
            "gebeurd-",
            "rol-",
            "soort-",
            "uitkomst-",
            "stap-",
            "levering-",
            "blad-",
            "gebruik-",
            "besluit-",
            "wijziging-",
            "fout-",
            "kanaal-",
            "richting-",
            "resultaat-",
            "weigering-",
            "cijfer-",
            "bereik-",
            "hoe-",
            "plaats-",
            "wordt-",
        ];
        let is_code = |name: &&String| of_codes.iter().any(|code| name.starts_with(code));
        let is_said = |name: &&String| {
            let quoted = format!("\"{name}\"");
            sources.iter().any(|text| text.contains(&quoted))
        };
        let known = names(DUTCH);
        let left: Vec<_> = known.iter().filter(|n| !is_code(n) && !is_said(n)).collect();
        assert_eq!(left, Vec::<&String>::new());
    }

    #[test]
    fn every_code_of_the_hub_has_its_words() {
        let phases = Phase::ALL.map(|phase| format!("fase-{}", phase.as_str()));
        let states = TaskState::ALL.map(|state| format!("stand-{}", state.as_str()));
        let questions = Question::ALL.map(|question| format!("vraag-{}", question.as_str()));
        let roles = StaffRole::ALL.map(|role| format!("rol-{role}"));
        let known = names(DUTCH);
        for name in phases.iter().chain(&states).chain(&questions).chain(&roles) {
            assert!(known.contains(name), "{name}");
        }
        for (page, _) in super::super::access::MENU {
            assert!(known.contains(&format!("menu-{page}")), "{page}");
        }
        for order in super::super::pages::orders::ORDERS {
            for kind in ["opdracht", "gedaan"] {
                assert!(known.contains(&format!("{kind}-{}", order.name)), "{}", order.name);
            }
        }
    }

    #[test]
    fn every_code_of_the_wire_has_its_words() {
        let parts = include_str!("../../schemas/delen/v1.json");
        let answer = include_str!("../../schemas/actieverzoek-antwoord/v1.json");
        let codes = |text: &str, pointer: &str| -> Vec<String> {
            let schema: serde_json::Value = serde_json::from_str(text).unwrap();
            serde_json::from_value(schema.pointer(pointer).unwrap().clone()).unwrap()
        };
        let known = names(DUTCH);
        for (kind, codes) in [
            ("stap", codes(parts, "/$defs/gevraagdeActie/properties/soort/enum")),
            ("weigering", codes(answer, "/properties/reden/enum")),
            ("resultaat", codes(answer, "/properties/resultaat/enum")),
        ] {
            for code in codes {
                assert!(known.contains(&format!("{kind}-{code}")), "{kind}-{code}");
            }
        }
    }

    #[test]
    fn a_text_can_have_a_number_and_a_name() {
        let count = |n: i64| Language::Dutch.say("aantal-taken", &[("n", n.into())]);
        assert_eq!([1, 2].map(count), ["1 taak", "2 taken"]);
        assert_eq!(Language::English.say("geen-naam", &[]), "geen-naam");
    }
}
