//! What is asked about the people who use the console. A password that is made here is said once.

use serde::Deserialize;
use serde_json::json;

use super::{Office, Refused, Told, journal_refused, needs_name, refused};
use crate::hub::clock;
use crate::hub::people::{BadPassword, hash_password, new_password};
use crate::journal::{Account, AccountOrder};
use crate::message::{Login, StaffRole, Themes};

/// Characters of a name of a person.
const NAME_CHARS_MOST: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonAsked {
    inlognaam: Login,
    #[serde(default)]
    naam: String,
    #[serde(default)]
    rollen: Vec<StaffRole>,
    /// `*`, or names of themes with commas between them.
    #[serde(default)]
    themas: String,
    /// Without it the hub makes one.
    wachtwoord: Option<String>,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

impl Office {
    pub(super) async fn people(&self) -> Told {
        let journal = &self.hub.journal;
        let accounts = journal.accounts().await.map_err(journal_refused)?;
        let changes = journal.account_changes().await.map_err(journal_refused)?;
        Ok(json!({ "gebruikers": accounts, "wijzigingen": changes }))
    }

    pub(super) async fn add_person(&self, asked: PersonAsked) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let name = asked.naam.trim().to_owned();
        let fits = !name.is_empty()
            && name.chars().count() <= NAME_CHARS_MOST
            && !name.chars().any(char::is_control);
        if !fits {
            return Err(refused(400, "gegevens", "Geef een naam van 1 tot 100 tekens."));
        }
        let themes = self.rights(&asked)?;
        let (password, made) = password_of(&asked).await?;
        let order = AccountOrder::Add {
            login: asked.inlognaam.clone(),
            name,
            roles: asked.rollen,
            themes,
            password: Some(password),
            by: asked.door,
            why: asked.reden,
        };
        self.hub.journal.order_account(order, clock::now()).await.map_err(journal_refused)?;
        Ok(json!({ "inlognaam": asked.inlognaam, "wachtwoord": made }))
    }

    pub(super) async fn change_password(&self, asked: PersonAsked) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let account = self.person(&asked.inlognaam).await?;
        let (password, made) = password_of(&asked).await?;
        let order = AccountOrder::Password {
            account: account.id,
            password,
            must_change: true,
            by: asked.door,
            why: asked.reden,
        };
        self.hub.journal.order_account(order, clock::now()).await.map_err(journal_refused)?;
        Ok(json!({ "inlognaam": asked.inlognaam, "wachtwoord": made }))
    }

    pub(super) async fn change_rights(&self, asked: PersonAsked) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let account = self.person(&asked.inlognaam).await?;
        let themes = self.rights(&asked)?;
        let PersonAsked { rollen: roles, door: by, reden: why, .. } = asked;
        let order = AccountOrder::Grant { account: account.id, roles, themes, by, why };
        self.hub.journal.order_account(order, clock::now()).await.map_err(journal_refused)?;
        Ok(json!({ "inlognaam": asked.inlognaam }))
    }

    pub(super) async fn close_person(&self, asked: PersonAsked, closed: bool) -> Told {
        needs_name(&asked.door, &asked.reden)?;
        let account = self.person(&asked.inlognaam).await?.id;
        let (by, why) = (asked.door, asked.reden);
        let order = if closed {
            AccountOrder::Close { account, by, why }
        } else {
            AccountOrder::Reopen { account, by, why }
        };
        self.hub.journal.order_account(order, clock::now()).await.map_err(journal_refused)?;
        Ok(json!({ "inlognaam": asked.inlognaam, "gesloten": closed }))
    }

    async fn person(&self, login: &Login) -> Result<Account, Refused> {
        let found = self.hub.journal.account(login).await.map_err(journal_refused)?;
        let unknown = || {
            let text = "Deze inlognaam is er niet; bekijk ze met: schakel user list.";
            refused(404, "onbekende-gebruiker", text)
        };
        found.map(|(account, _)| account).ok_or_else(unknown)
    }

    /// The themes that somebody is to see, which must be there; and that there is a role.
    fn rights(&self, asked: &PersonAsked) -> Result<Themes, Refused> {
        if asked.rollen.is_empty() {
            let text = "Noem ten minste een rol: regisseur, beheerder of auditor.";
            return Err(refused(400, "gegevens", text));
        }
        let themes = if asked.themas.trim().is_empty() { "*" } else { &asked.themas };
        let themes = Themes::parse(themes);
        if let Themes::Some(names) = &themes {
            let known = &self.hub.active().catalogue.themes;
            if let Some(unknown) = names.iter().find(|name| !known.contains_key(name.as_str())) {
                let text = format!("Het thema {unknown} staat niet in de actieve set.");
                return Err(refused(400, "onbekend-thema", &text));
            }
        }
        Ok(themes)
    }
}

/// The hash of the password that was given or made, and the one that was made.
async fn password_of(asked: &PersonAsked) -> Result<(String, Option<String>), Refused> {
    let lost = |error: BadPassword| {
        refused(400, "wachtwoord", &format!("Dit wachtwoord kan niet: {error}."))
    };
    let made = match asked.wachtwoord {
        Some(_) => None,
        None => Some(new_password().map_err(|_| lost(BadPassword::Failed))?),
    };
    let password = asked.wachtwoord.clone().or_else(|| made.clone()).unwrap_or_default();
    let hash = hash_password(&asked.inlognaam, password).await.map_err(lost)?;
    Ok((hash, made))
}
