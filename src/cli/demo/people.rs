//! Who can look at the console of the demo: one person for each role, with a password of this run.

use std::net::SocketAddr;
use std::sync::Arc;

use super::paper::Paper;
use crate::cli::access::Halt;
use crate::cli::output::Exit;
use crate::hub::people::{hash_password, new_password};
use crate::hub::{Hub, clock};
use crate::journal::AccountOrder;
use crate::message::{Login, StaffRole, Themes};

/// A login of the demo.
pub struct Guest {
    login: Login,
    password: String,
}

/// Adds one person for each role. Their passwords need not be changed first: they live as long as
/// the demo.
pub async fn welcome(hub: &Arc<Hub>) -> Result<Vec<Guest>, Halt> {
    let lost = |text: String| Halt::new(Exit::Failure, text);
    let mut guests = Vec::new();
    let names = [
        ("r.visser", "R. Visser", StaffRole::Regisseur),
        ("b.mulder", "B. Mulder", StaffRole::Beheerder),
        ("a.smit", "A. Smit", StaffRole::Auditor),
    ];
    for (login, name, role) in names {
        let login: Login = login.parse().map_err(|_| lost("geen inlognaam".to_owned()))?;
        let password = new_password().map_err(|error| lost(error.to_string()))?;
        let hash = hash_password(&login, password.clone()).await;
        let hash = hash.map_err(|error| lost(error.to_string()))?;
        let (by, why) = ("schakel demo".to_owned(), "rondkijken".to_owned());
        let add = AccountOrder::Add {
            login: login.clone(),
            name: name.to_owned(),
            roles: vec![role],
            themes: Themes::All,
            password: None,
            by: by.clone(),
            why: why.clone(),
        };
        let journal = hub.journal();
        let failed = |error: crate::journal::JournalError| lost(error.to_string());
        let added = journal.order_account(add, clock::now()).await.map_err(failed)?.added;
        let account = added.ok_or_else(|| lost("de gebruiker is er niet".to_owned()))?;
        let order = AccountOrder::Password { account, password: hash, must_change: false, by, why };
        journal.order_account(order, clock::now()).await.map_err(failed)?;
        guests.push(Guest { login, password });
    }
    Ok(guests)
}

/// Where the console is, and who can log in.
pub fn tell(console: Option<SocketAddr>, guests: &[Guest]) -> String {
    let Some(address) = console else { return String::new() };
    let mut paper = Paper::default();
    paper.heading("De console");
    paper.line(&format!("http://{address}   (een browser op deze machine)"));
    for guest in guests {
        paper.line(&format!("{:<10} {}", guest.login.as_str(), guest.password));
    }
    paper.text()
}
