//! Filters that somebody keeps of *Berichten*, *Casussen* and *Taken*.
//!
//! Only codes are kept: what somebody typed to find a message can be about a person, and stays out
//! unless it is the number of a case or a message. Whose filter it is, is whose session it is.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::super::App;
use super::super::answer::{Shown, Wrong, done};
use super::super::door::Visitor;
use super::super::form::trimmed;
use super::super::list::{Column, Pairs, Sort, address, query};
use super::{cases, messages, tasks};
use crate::casework::Phase;
use crate::hub::clock;
use crate::journal::{AccountOrder, SavedFilter};
use crate::message::PartnerId;

/// A list of which filters can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Messages,
    Cases,
    Tasks,
}

impl List {
    const ALL: [Self; 3] = [Self::Messages, Self::Cases, Self::Tasks];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.page() == text)
    }

    const fn page(self) -> &'static str {
        match self {
            Self::Messages => "berichten",
            Self::Cases => "casussen",
            Self::Tasks => "taken",
        }
    }

    /// The names in its address, in their order there.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &["zoek", "afzender", "ontvanger", "kenmerk", "soort", "sorteer"],
            Self::Cases => &["fase", "thema", "wie", "alle", "sorteer"],
            Self::Tasks => &["welke", "ketenpartner", "sorteer"],
        }
    }

    const fn columns(self) -> &'static [Column] {
        match self {
            Self::Messages => &messages::COLUMNS,
            Self::Cases => &cases::COLUMNS,
            Self::Tasks => &tasks::COLUMNS,
        }
    }
}

#[derive(Deserialize)]
pub struct Keeping {
    pagina: String,
    #[serde(deserialize_with = "trimmed")]
    naam: String,
    /// What the list shows, as it stands in the address.
    #[serde(default)]
    vraag: String,
}

/// What of an address is kept.
struct Cut {
    pairs: Pairs,
    /// Whether something was left out because it can be about a person.
    left_out: bool,
}

pub async fn keep(State(app): State<App>, visitor: Visitor, Form(asked): Form<Keeping>) -> Shown {
    let list = List::parse(&asked.pagina).ok_or_else(Wrong::not_found)?;
    let cut = cut(&app, &visitor, list, &pairs_of(&asked.vraag)?);
    let order = AccountOrder::KeepFilter {
        account: visitor.account.id,
        page: list.page(),
        filter: SavedFilter { name: asked.naam, query: query(&cut.pairs) },
    };
    app.hub.journal().order_account(order, clock::now()).await?;
    Ok(back(list, &cut.pairs, if cut.left_out { "filter-ingekort" } else { "filter-bewaard" }))
}

pub async fn forget(State(app): State<App>, visitor: Visitor, Form(asked): Form<Keeping>) -> Shown {
    let list = List::parse(&asked.pagina).ok_or_else(Wrong::not_found)?;
    let cut = cut(&app, &visitor, list, &pairs_of(&asked.vraag)?);
    let (account, name) = (visitor.account.id, asked.naam);
    let order = AccountOrder::DropFilter { account, page: list.page(), name };
    app.hub.journal().order_account(order, clock::now()).await?;
    Ok(back(list, &cut.pairs, "filter-verwijderd"))
}

/// To the list, as it was.
fn back(list: List, pairs: &Pairs, what: &str) -> Response {
    done(&address(list.page(), pairs), what)
}

fn pairs_of(text: &str) -> Result<Vec<(String, String)>, Wrong> {
    let uri: Uri = format!("/?{text}").parse().map_err(|_| Wrong::unread(400))?;
    Query::try_from_uri(&uri).map(|Query(pairs)| pairs).map_err(|_| Wrong::unread(400))
}

/// What the list knows of an address, where it is a code.
fn cut(app: &App, visitor: &Visitor, list: List, given: &[(String, String)]) -> Cut {
    let mut cut = Cut { pairs: Pairs::new(), left_out: false };
    for name in list.names() {
        let value = given.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        if is_code(app, visitor, list, (name, value)) {
            cut.pairs.push((name, value.to_owned()));
        } else {
            cut.left_out |= ["zoek", "kenmerk"].contains(name);
        }
    }
    cut
}

fn is_code(app: &App, visitor: &Visitor, list: List, (name, value): (&str, &str)) -> bool {
    let active = app.hub.active();
    let catalogue = &active.catalogue;
    match name {
        "zoek" => is_number(value),
        "afzender" | "ontvanger" | "ketenpartner" => {
            value.parse().is_ok_and(|id: PartnerId| catalogue.partner(&id).is_some())
        }
        "soort" => catalogue.messages.keys().any(|kind| kind.to_string() == value),
        "fase" => Phase::parse(value).is_some(),
        "thema" => catalogue.themes.contains_key(value) && visitor.sees(Some(value)),
        "wie" => value == "mij",
        "alle" => value == "1",
        "welke" => tasks::WHICH.contains(&value),
        "sorteer" => Sort::of(value, list.columns()).is_some(),
        // A sender's own reference can be made of a name or a date of birth.
        _ => false,
    }
}

/// Whether a text is the number of a case or of a message.
fn is_number(text: &str) -> bool {
    let text = text.to_uppercase();
    let mut groups = text.split('-');
    let group = |part: &str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let case = groups.next() == Some("C") && groups.clone().count() == 3 && groups.all(group);
    case || text.parse::<Uuid>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_and_what_may_be_a_name_is_not() {
        for number in
            ["C-0A1B-2C3D-4E5F", "c-0a1b-2c3d-4e5f", "3f0c9a52-7d1e-4b8a-9c64-1f2e3d4c5b6a"]
        {
            assert!(is_number(number), "{number}");
        }
        for other in ["Jansen", "C-Jan", "C-0A1B-2C3D", "C-0A1B-2C3D-4E5F-6G7H", "111222333", ""] {
            assert!(!is_number(other), "{other}");
        }
    }
}
