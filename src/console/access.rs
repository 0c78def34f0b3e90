//! Who may do what: every page and action of the console in one table, closed unless it says so.
//!
//! The table is the only way to a route: the router is made of it, and each of its lines has a
//! permit. What depends on the case (its theme, and who works on it) is asked of [`Visitor`] by the
//! page itself.

use axum::routing::{MethodRouter, get, post};

use super::App;
use super::pages as p;
use crate::journal::Account;
use crate::message::StaffRole::{self, Auditor, Beheerder, Regisseur};

/// Who may come by a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Who is not logged in too.
    Anyone,
    /// Who is logged in, whatever the role, also before a password that must change was changed.
    Known,
    /// One of these roles.
    Roles(&'static [StaffRole]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
}

/// One line of the table.
pub struct Route {
    pub verb: Verb,
    pub path: &'static str,
    pub permit: Permit,
    pub handler: MethodRouter<App>,
}

const EVERY: Permit = Permit::Roles(&[Regisseur, Beheerder, Auditor]);
const DIRECTS: Permit = Permit::Roles(&[Regisseur]);
const DIRECTS_OR_AUDITS: Permit = Permit::Roles(&[Regisseur, Auditor]);
const OPERATES: Permit = Permit::Roles(&[Beheerder]);
const OPERATES_OR_AUDITS: Permit = Permit::Roles(&[Beheerder, Auditor]);
const AUDITS: Permit = Permit::Roles(&[Auditor]);

/// Every route of the console.
pub fn table() -> Vec<Route> {
    use Permit::{Anyone, Known};
    use Verb::{Get, Post};
    let route = |verb, path, permit, handler| Route { verb, path, permit, handler };
    vec![
        route(Get, "/stijl/schakel.css", Anyone, get(p::assets::style)),
        route(Get, "/stijl/thema.css", Anyone, get(p::assets::theme)),
        route(Get, "/stijl/schakel.js", Anyone, get(p::assets::script)),
        route(Get, "/stijl/icoon.svg", Anyone, get(p::assets::icon)),
        route(Get, "/inloggen", Anyone, get(p::login::form)),
        route(Post, "/inloggen", Anyone, post(p::login::enter)),
        route(Post, "/taal", Anyone, post(p::login::language)),
        route(Get, "/", Known, get(p::login::home)),
        route(Post, "/uitloggen", Known, post(p::login::leave)),
        route(Get, "/wachtwoord", Known, get(p::login::password_form)),
        route(Post, "/wachtwoord", Known, post(p::login::change_password)),
        route(Get, "/levend", EVERY, get(p::live::changes)),
        route(Get, "/vandaag", DIRECTS, get(p::today::show)),
        route(Get, "/keten", EVERY, get(p::chain::show)),
        route(Get, "/casussen", DIRECTS_OR_AUDITS, get(p::cases::list)),
        route(Get, "/casussen/{casus}", DIRECTS_OR_AUDITS, get(p::cases::show)),
        route(Get, "/casussen/{casus}/opdracht", DIRECTS, get(p::orders::form)),
        route(Post, "/casussen/{casus}/opdracht", DIRECTS, post(p::orders::give)),
        route(Get, "/taken", DIRECTS_OR_AUDITS, get(p::tasks::list)),
        route(Get, "/taken/herinneren", DIRECTS, get(p::remind::preview)),
        route(Post, "/taken/herinneren", DIRECTS, post(p::remind::remind)),
        route(Get, "/evaluatie", DIRECTS_OR_AUDITS, get(p::evaluation::show)),
        route(Post, "/filters", EVERY, post(p::filters::keep)),
        route(Post, "/filters/verwijderen", EVERY, post(p::filters::forget)),
        route(Get, "/berichten", EVERY, get(p::messages::list)),
        route(Get, "/berichten/{id}", EVERY, get(p::messages::show)),
        route(Get, "/berichten/{id}/uitleg/{ontvanger}", EVERY, get(p::messages::explain)),
        route(Post, "/berichten/{id}/onthullen", DIRECTS, post(p::messages::reveal)),
        route(Get, "/berichten/{id}/bewijs", OPERATES_OR_AUDITS, get(p::log::proof)),
        route(Get, "/uitval", OPERATES_OR_AUDITS, get(p::quarantine::list)),
        route(Get, "/uitval/{id}", OPERATES_OR_AUDITS, get(p::quarantine::show)),
        route(Post, "/uitval/{id}/besluit", OPERATES, post(p::quarantine::decide)),
        route(Post, "/uitval/{id}/inhoud", OPERATES, post(p::quarantine::content)),
        route(Get, "/ketenpartners", OPERATES_OR_AUDITS, get(p::partners::list)),
        route(Get, "/ketenpartners/{id}/besluit", OPERATES, get(p::partners::form)),
        route(Post, "/ketenpartners/{id}/besluit", OPERATES, post(p::partners::decide)),
        route(Get, "/koppelingen", OPERATES_OR_AUDITS, get(p::couplings::list)),
        route(Get, "/koppelingen/{id}", OPERATES_OR_AUDITS, get(p::couplings::show)),
        route(Post, "/koppelingen/{id}/bereik", OPERATES, post(p::couplings::reach)),
        route(Post, "/koppelingen/{id}/proefbericht", OPERATES, post(p::couplings::send_test)),
        route(Get, "/sets", OPERATES_OR_AUDITS, get(p::sets::list)),
        route(Get, "/sets/{id}", OPERATES_OR_AUDITS, get(p::sets::show)),
        route(Post, "/sets/{id}/besluit", OPERATES, post(p::sets::decide)),
        route(Post, "/sets/{id}/schaduw", OPERATES, post(p::sets::shadow)),
        route(Get, "/eerdere-sets/{set}", OPERATES_OR_AUDITS, get(p::sets::earlier)),
        route(Post, "/eerdere-sets/{set}/besluit", OPERATES, post(p::sets::go_back)),
        route(Post, "/eerdere-sets/{set}/schaduw", OPERATES, post(p::sets::shadow_earlier)),
        route(Get, "/wachtrijen", OPERATES_OR_AUDITS, get(p::queues::show)),
        route(Get, "/gebruikers", OPERATES_OR_AUDITS, get(p::people::list)),
        route(Post, "/gebruikers", OPERATES, post(p::people::add)),
        route(Post, "/gebruikers/{login}/besluit", OPERATES, post(p::people::decide)),
        route(Get, "/logboek", AUDITS, get(p::log::show)),
        route(Get, "/verstrekkingen", AUDITS, get(p::log::disclosures)),
        route(Get, "/inzagen", AUDITS, get(p::log::reveals)),
    ]
}

impl Permit {
    /// Whether somebody may come by; `None` is who is not logged in.
    pub fn admits(self, visitor: Option<&Account>) -> bool {
        match (self, visitor) {
            (Self::Anyone, _) => true,
            (_, None) => false,
            (Self::Known, Some(_)) => true,
            (Self::Roles(roles), Some(account)) => {
                !account.must_change && account.roles.iter().any(|role| roles.contains(role))
            }
        }
    }
}

/// What the menu shows: the pages that somebody may open, in this order.
pub const MENU: [(&str, Permit); 14] = [
    ("vandaag", DIRECTS),
    ("keten", EVERY),
    ("casussen", DIRECTS_OR_AUDITS),
    ("taken", DIRECTS_OR_AUDITS),
    ("berichten", EVERY),
    ("evaluatie", DIRECTS_OR_AUDITS),
    ("uitval", OPERATES_OR_AUDITS),
    ("ketenpartners", OPERATES_OR_AUDITS),
    ("koppelingen", OPERATES_OR_AUDITS),
    ("wachtrijen", OPERATES_OR_AUDITS),
    ("gebruikers", OPERATES_OR_AUDITS),
    ("logboek", AUDITS),
    ("verstrekkingen", AUDITS),
    ("inzagen", AUDITS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn account(roles: &[StaffRole], must_change: bool) -> Account {
        let stranger = Account::stranger("anna".parse().unwrap());
        Account { roles: roles.to_vec(), must_change, ..stranger }
    }

    #[test]
    fn a_route_stands_in_the_table_once() {
        let lines: Vec<_> = table().into_iter().map(|r| (r.path, r.verb == Verb::Get)).collect();
        assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len());
    }

    #[test]
    fn who_is_not_logged_in_gets_the_door_and_nothing_behind_it() {
        let open: Vec<_> =
            table().iter().filter(|r| r.permit.admits(None)).map(|r| r.path).collect();
        let door = [
            "/stijl/schakel.css",
            "/stijl/thema.css",
            "/stijl/schakel.js",
            "/stijl/icoon.svg",
            "/inloggen",
            "/inloggen",
            "/taal",
        ];
        assert_eq!(open, door);
    }

    #[test]
    fn only_who_may_act_can_post_and_an_auditor_never_changes_anything() {
        let own =
            ["/inloggen", "/taal", "/uitloggen", "/wachtwoord", "/filters", "/filters/verwijderen"];
        for route in table().iter().filter(|r| r.verb == Verb::Post && !own.contains(&r.path)) {
            assert!(!route.permit.admits(Some(&account(&[Auditor], false))), "{}", route.path);
        }
    }

    #[test]
    fn a_password_that_must_change_is_changed_before_anything_else() {
        let all = [Regisseur, Beheerder, Auditor];
        let new = account(&all, true);
        let open = table().iter().filter(|r| r.permit.admits(Some(&new))).count();
        let before =
            table().iter().filter(|r| matches!(r.permit, Permit::Anyone | Permit::Known)).count();
        assert_eq!(open, before);
        assert!(table().iter().all(|r| r.permit.admits(Some(&account(&all, false)))));
    }

    #[test]
    fn every_page_of_the_menu_is_a_route_with_the_same_permit() {
        for (name, permit) in MENU {
            let path = format!("/{name}");
            let route = table().into_iter().find(|r| r.path == path && r.verb == Verb::Get);
            assert_eq!(route.map(|r| r.permit), Some(permit), "{path}");
        }
    }
}
