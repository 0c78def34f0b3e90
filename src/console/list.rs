//! Lists that people sort and of which they keep filters: what stands in the address is all there
//! is, so that it works without JavaScript and can be sent to a colleague.

use std::cmp::Ordering;

use super::App;
use super::answer::Wrong;
use super::door::{Visitor, form_encoded};
use super::ui::Ui;
use crate::journal::SavedFilter;

/// The names and values of an address.
pub type Pairs = Vec<(&'static str, String)>;

/// A column: its name in the address, its words, and whether it holds numbers.
pub type Column = (&'static str, &'static str, bool);

/// By which column a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    pub column: &'static str,
    pub down: bool,
}

impl Sort {
    /// Reads `geopend`, or `-geopend` for the other way around.
    pub fn of(text: &str, columns: &[Column]) -> Option<Self> {
        let (name, down) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let found = columns.iter().find(|(column, ..)| *column == name);
        found.map(|(column, ..)| Self { column, down })
    }

    pub fn in_address(self) -> String {
        format!("{}{}", if self.down { "-" } else { "" }, self.column)
    }

    /// The order of two values; what has none comes last, either way.
    pub fn compare<T: Ord>(self, one: Option<T>, other: Option<T>) -> Ordering {
        match (one, other) {
            (Some(one), Some(other)) if self.down => other.cmp(&one),
            (Some(one), Some(other)) => one.cmp(&other),
            (one, other) => one.is_none().cmp(&other.is_none()),
        }
    }
}

/// The head of a column, by which the list can be sorted.
pub struct Head {
    pub words: String,
    pub number: bool,
    /// The address of the list sorted by it; once more turns it around.
    pub href: String,
    /// As ARIA says it, of the column that it is sorted by.
    pub sorted: Option<&'static str>,
}

/// The address of a page with these values, those that are empty left out.
pub fn address(page: &str, pairs: &[(&str, String)]) -> String {
    match query(pairs) {
        query if query.is_empty() => format!("/{page}"),
        query => format!("/{page}?{query}"),
    }
}

pub fn query(pairs: &[(&str, String)]) -> String {
    let told = pairs.iter().filter(|(_, value)| !value.is_empty());
    let told: Vec<String> = told.map(|(k, v)| format!("{k}={}", form_encoded(v))).collect();
    told.join("&")
}

/// The heads of a list that shows what `pairs` say.
pub fn heads(
    ui: &Ui,
    page: &str,
    pairs: &Pairs,
    columns: &[Column],
    sort: Option<Sort>,
) -> Vec<Head> {
    let head = |(column, words, number): &Column| {
        let mine = sort.filter(|sort| sort.column == *column);
        let next = Sort { column, down: mine.is_some_and(|sort| !sort.down) };
        let others = pairs.iter().filter(|(name, _)| *name != "sorteer").cloned();
        let pairs: Pairs = others.chain([("sorteer", next.in_address())]).collect();
        Head {
            words: ui.t(words),
            number: *number,
            href: address(page, &pairs),
            sorted: mine.map(|sort| if sort.down { "descending" } else { "ascending" }),
        }
    };
    columns.iter().map(head).collect()
}

/// What somebody keeps of a list, for the template.
pub struct Kept {
    pub page: &'static str,
    /// What the list shows now.
    pub query: String,
    pub filters: Vec<KeptFilter>,
}

pub struct KeptFilter {
    pub name: String,
    pub href: String,
    /// Whether the list shows it now.
    pub here: bool,
}

/// The filters that a visitor keeps of a page.
pub async fn kept(
    app: &App,
    visitor: &Visitor,
    page: &'static str,
    pairs: &Pairs,
) -> Result<Kept, Wrong> {
    let query = query(pairs);
    let shown = |filter: SavedFilter| KeptFilter {
        href: if filter.query.is_empty() {
            format!("/{page}")
        } else {
            format!("/{page}?{}", filter.query)
        },
        here: filter.query == query,
        name: filter.name,
    };
    let filters = app.hub.journal().filters(visitor.account.id, page).await?;
    Ok(Kept { page, filters: filters.into_iter().map(shown).collect(), query })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 2] = [("casus", "kop-casus", false), ("open", "kop-open", true)];

    #[test]
    fn only_a_column_of_the_list_is_sorted_by() {
        let down = Sort { column: "open", down: true };
        assert_eq!(Sort::of("-open", &COLUMNS), Some(down));
        assert_eq!(down.in_address(), "-open");
        for other in ["", "-", "--open", "OPEN", "open;drop table"] {
            assert_eq!(Sort::of(other, &COLUMNS), None, "{other}");
        }
    }

    #[test]
    fn what_has_no_value_comes_last_either_way() {
        for (down, expected) in
            [(false, [Some(1), Some(2), None]), (true, [Some(2), Some(1), None])]
        {
            let mut list = [None, Some(2), Some(1)];
            list.sort_by(|a, b| Sort { column: "open", down }.compare(*a, *b));
            assert_eq!(list, expected);
        }
    }

    #[test]
    fn an_address_holds_what_was_asked_and_nothing_that_is_empty() {
        let pairs: Pairs = vec![("zoek", String::new()), ("fase", "a&b=c".to_owned())];
        assert_eq!(address("casussen", &pairs), "/casussen?fase=a%26b%3Dc");
        assert_eq!(address("casussen", &[]), "/casussen");
    }

    #[test]
    fn a_head_sorts_and_turns_around() {
        let ui = Ui::new(&super::super::door::Asker::default(), "casussen");
        let pairs: Pairs = vec![("fase", "nieuw".to_owned()), ("sorteer", "open".to_owned())];
        let sort = Sort::of("open", &COLUMNS);
        let heads = heads(&ui, "casussen", &pairs, &COLUMNS, sort);
        assert_eq!(heads[0].href, "/casussen?fase=nieuw&sorteer=casus");
        assert_eq!(heads[1].href, "/casussen?fase=nieuw&sorteer=-open");
        assert_eq!((heads[0].sorted, heads[1].sorted), (None, Some("ascending")));
    }
}
