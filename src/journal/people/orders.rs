//! What is written about people: by the journal's one writer, like everything.

use std::net::IpAddr;

use uuid::Uuid;

use super::super::order::{Done, Order};
use super::super::sql::{Cell, query};
use super::super::unit::{LeafOf, Unit};
use super::super::{Journal, JournalError, LeafKind};
use super::filters::SavedFilter;
use crate::message::{AccountId, CaseNumber, Digest, Login, StaffRole, Themes, Timestamp};

/// Failed logins under one name after which it must wait.
pub const THROTTLE_AFTER: i64 = 5;
/// And from one address, behind which a whole town hall may sit.
pub const THROTTLE_ADDRESS_AFTER: i64 = 50;
/// Failures are forgotten after this.
pub(super) const FAILURES_STAY_S: i64 = 3600;
/// Sessions and failures that ended long ago, swept at a login at most.
const SWEPT_S: i64 = 7 * 86_400;

/// What failed logins are counted under: an account's name, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginKey {
    pub(super) hash: Digest,
    pub(super) patience: i64,
}

/// An order about people.
#[derive(Debug, Clone)]
pub enum AccountOrder {
    Add {
        login: Login,
        name: String,
        roles: Vec<StaffRole>,
        themes: Themes,
        /// As Argon2 writes it down (PHC string).
        password: Option<String>,
        by: String,
        why: String,
    },
    /// Another password. Who was logged in with the old one no longer is.
    Password {
        account: AccountId,
        password: String,
        must_change: bool,
        by: String,
        why: String,
    },
    Grant {
        account: AccountId,
        roles: Vec<StaffRole>,
        themes: Themes,
        by: String,
        why: String,
    },
    /// Somebody may no longer log in, and is put out.
    Close {
        account: AccountId,
        by: String,
        why: String,
    },
    Reopen {
        account: AccountId,
        by: String,
        why: String,
    },
    /// Somebody logged in: the failures are forgotten, and a session of before ends.
    Begin {
        account: AccountId,
        session: Digest,
        replaces: Option<Digest>,
        forget: Vec<LoginKey>,
    },
    Seen {
        session: Digest,
    },
    End {
        session: Digest,
    },
    Failed {
        keys: Vec<LoginKey>,
    },
    /// Somebody keeps a filter of a list.
    KeepFilter {
        account: AccountId,
        page: &'static str,
        filter: SavedFilter,
    },
    DropFilter {
        account: AccountId,
        page: &'static str,
        name: String,
    },
    /// Somebody works on a case, or no longer.
    Assign {
        case: CaseNumber,
        account: AccountId,
        works: bool,
    },
}

/// What an order about people came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountDone {
    /// The account that was added.
    pub added: Option<AccountId>,
}

impl Journal {
    pub async fn order_account(
        &self,
        order: AccountOrder,
        now: Timestamp,
    ) -> Result<AccountDone, JournalError> {
        match self.ask(Order::Account { order: Box::new(order), now }).await? {
            Done::Added(added) => Ok(AccountDone { added: added.map(AccountId::from) }),
            _ => Err(JournalError::Stopped),
        }
    }

    /// What failed logins under this name are counted under.
    pub fn login_key(&self, name: &str) -> LoginKey {
        let hash = self.vault.hub.lookup_hash("inlognaam", name.as_bytes());
        LoginKey { hash, patience: THROTTLE_AFTER }
    }

    /// What failed logins from this address are counted under.
    pub fn address_key(&self, address: IpAddr) -> LoginKey {
        let hash = self.vault.hub.lookup_hash("adres", address.to_string().as_bytes());
        LoginKey { hash, patience: THROTTLE_ADDRESS_AFTER }
    }
}

impl Unit<'_> {
    pub async fn account_order(
        &mut self,
        order: &AccountOrder,
        now: Timestamp,
    ) -> Result<Option<Uuid>, JournalError> {
        match order {
            AccountOrder::Add { login, name, roles, themes, password, by, why } => {
                let new = NewAccount { login, name, roles, themes, password: password.as_deref() };
                return self.add_account(&new, (by, why), now).await.map(Some);
            }
            AccountOrder::Password { account, password, must_change, by, why } => {
                let sql = "update account set password = $2, must_change = $3 where id = $1";
                let id = Uuid::from(*account);
                let cells = [id.into(), password.as_str().into(), (*must_change).into()];
                one(query(sql, cells).execute(self.conn).await?)?;
                self.put_out(id).await?;
                self.account_change(id, "wachtwoord", (by, why), now).await?;
            }
            AccountOrder::Grant { account, roles, themes, by, why } => {
                let sql = "update account set roles = $2, themes = $3 where id = $1";
                let id = Uuid::from(*account);
                let cells = [id.into(), written(roles).into(), themes.to_string().into()];
                one(query(sql, cells).execute(self.conn).await?)?;
                self.account_change(id, "rechten", (by, why), now).await?;
            }
            AccountOrder::Close { account, by, why } => {
                self.close_account((*account).into(), Some(now), (by, why), now).await?;
            }
            AccountOrder::Reopen { account, by, why } => {
                self.close_account((*account).into(), None, (by, why), now).await?;
            }
            AccountOrder::Begin { account, session, replaces, forget } => {
                self.begin_session((*account).into(), *session, now).await?;
                if let Some(old) = replaces {
                    self.end_session(*old).await?;
                }
                for key in forget {
                    let sql = "delete from login_failure where key = $1";
                    query(sql, [key.hash.into()]).execute(self.conn).await?;
                }
            }
            AccountOrder::Seen { session } => {
                let sql = "update session set seen_at = $2 where hash = $1 and seen_at < $2";
                query(sql, [(*session).into(), now.into()]).execute(self.conn).await?;
            }
            AccountOrder::End { session } => self.end_session(*session).await?,
            AccountOrder::Failed { keys } => self.count_failures(keys, now).await?,
            AccountOrder::KeepFilter { account, page, filter } => {
                self.keep_filter((*account).into(), page, filter).await?;
            }
            AccountOrder::DropFilter { account, page, name } => {
                self.drop_filter((*account).into(), page, name).await?;
            }
            AccountOrder::Assign { case, account, works } => {
                self.assign_case(case, (*account).into(), *works, now).await?;
            }
        }
        Ok(None)
    }

    async fn add_account(
        &mut self,
        new: &NewAccount<'_>,
        who: (&str, &str),
        now: Timestamp,
    ) -> Result<Uuid, JournalError> {
        let id = self.vault.uuid()?;
        let sql = "insert into account
                (id, login, name, roles, themes, password, must_change, added_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (login) do nothing";
        let cells = [
            id.into(),
            new.login.as_str().into(),
            new.name.into(),
            written(new.roles).into(),
            new.themes.to_string().into(),
            new.password.into(),
            true.into(),
            now.into(),
        ];
        if query(sql, cells).execute(self.conn).await? == 0 {
            return Err(JournalError::Order("deze inlognaam is er al; kies een andere"));
        }
        self.account_change(id, "toegevoegd", who, now).await?;
        Ok(id)
    }

    async fn close_account(
        &mut self,
        id: Uuid,
        closed: Option<Timestamp>,
        who: (&str, &str),
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let sql = if closed.is_some() {
            "update account set closed_at = $2 where id = $1 and closed_at is null"
        } else {
            "update account set closed_at = $2 where id = $1 and closed_at is not null"
        };
        let done = query(sql, [id.into(), closed.into()]).execute(self.conn).await?;
        if done == 0 {
            let known = query("select id from account where id = $1", [id.into()]);
            let known = known.fetch_optional(self.conn).await?.is_some();
            return Err(if known { JournalError::Settled } else { JournalError::NotFound });
        }
        if closed.is_some() {
            self.put_out(id).await?;
            let sql = "delete from saved_filter where account_id = $1";
            query(sql, [id.into()]).execute(self.conn).await?;
        }
        let code = if closed.is_some() { "gesloten" } else { "heropend" };
        self.account_change(id, code, who, now).await
    }

    /// Who was logged in no longer is.
    async fn put_out(&mut self, account: Uuid) -> Result<(), sqlx::Error> {
        let sql = "delete from session where account_id = $1";
        query(sql, [account.into()]).execute(self.conn).await.map(drop)
    }

    async fn begin_session(
        &mut self,
        account: Uuid,
        session: Digest,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let open = "select id from account where id = $1 and closed_at is null";
        if query(open, [account.into()]).fetch_optional(self.conn).await?.is_none() {
            return Err(JournalError::NotFound);
        }
        let long_ago = now.plus_seconds(-SWEPT_S);
        for sql in [
            "delete from session where seen_at < $1",
            "delete from login_failure where last_at < $1",
        ] {
            query(sql, [long_ago.into()]).execute(self.conn).await?;
        }
        let sql = "insert into session (hash, account_id, born_at, seen_at)
            values ($1, $2, $3, $3)";
        query(sql, [session.into(), account.into(), now.into()]).execute(self.conn).await?;
        Ok(())
    }

    async fn end_session(&mut self, session: Digest) -> Result<(), sqlx::Error> {
        let sql = "delete from session where hash = $1";
        query(sql, [session.into()]).execute(self.conn).await.map(drop)
    }

    async fn count_failures(
        &mut self,
        keys: &[LoginKey],
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        for key in keys {
            let sql = "insert into login_failure (key, failures, last_at) values ($1, 1, $2)
                on conflict (key) do update set
                    failures = case when login_failure.last_at < $3 then 1
                        else login_failure.failures + 1 end,
                    last_at = $2";
            let forgotten = now.plus_seconds(-FAILURES_STAY_S);
            let cells: [Cell; 3] = [key.hash.into(), now.into(), forgotten.into()];
            query(sql, cells).execute(self.conn).await?;
        }
        Ok(())
    }

    async fn assign_case(
        &mut self,
        number: &CaseNumber,
        account: Uuid,
        works: bool,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let sql = "select id from cases where number = $1 and erased_at is null";
        let row = query(sql, [number.as_str().into()]).fetch_optional(self.conn).await?;
        let case = row.ok_or(JournalError::NotFound)?.uuid("id")?;
        let sql = "select name from account where id = $1 and closed_at is null";
        let row = query(sql, [account.into()]).fetch_optional(self.conn).await?;
        let name = row.ok_or(JournalError::NotFound)?.text("name")?;
        let cells = [case.into(), account.into(), now.into()];
        let done = if works {
            let sql = "insert into case_person (case_id, account_id, since)
                values ($1, $2, $3) on conflict (case_id, account_id) do nothing";
            query(sql, cells).execute(self.conn).await?
        } else {
            let sql = "delete from case_person
                where case_id = $1 and account_id = $2 and since <= $3";
            query(sql, cells).execute(self.conn).await?
        };
        if done == 0 {
            return Ok(());
        }
        let code = if works { "werkt-eraan" } else { "werkt-er-niet-meer-aan" };
        // Cases have no id outside the journal but their number: the leaf has one of its own.
        let subject = self.vault.uuid()?;
        let leaf = self.people_leaf(LeafKind::Regie, subject, code, now);
        let sql = "insert into timeline (case_id, at, code, by_whom, leaf)
            values ($1, $2, $3, $4, $5)";
        let cells = [case.into(), now.into(), code.into(), name.into(), leaf.into()];
        query(sql, cells).execute(self.conn).await?;
        Ok(())
    }

    /// The leaf says that something changed, the row beside it what, who did it and why.
    async fn account_change(
        &mut self,
        account: Uuid,
        code: &'static str,
        (by, why): (&str, &str),
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let leaf = self.people_leaf(LeafKind::Toegang, account, code, now);
        let sql = "insert into account_change (account_id, at, code, by_whom, why, leaf)
            values ($1, $2, $3, $4, $5, $6)";
        let cells = [account.into(), now.into(), code.into(), by.into(), why.into(), leaf.into()];
        query(sql, cells).execute(self.conn).await?;
        Ok(())
    }

    pub(super) fn people_leaf(
        &mut self,
        kind: LeafKind,
        subject: Uuid,
        outcome: &str,
        at: Timestamp,
    ) -> i64 {
        self.leaf(LeafOf {
            kind,
            at,
            subject,
            partner: None,
            catalogue: Digest([0; 32]),
            outcome: outcome.to_owned(),
            document: None,
        })
    }
}

struct NewAccount<'a> {
    login: &'a Login,
    name: &'a str,
    roles: &'a [StaffRole],
    themes: &'a Themes,
    password: Option<&'a str>,
}

pub(super) fn written(roles: &[StaffRole]) -> String {
    let mut names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(",")
}

const fn one(written: u64) -> Result<(), JournalError> {
    if written == 1 { Ok(()) } else { Err(JournalError::NotFound) }
}
