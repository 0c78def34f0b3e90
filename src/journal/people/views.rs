//! Reading people: who there are, who is logged in, and who must wait before the next try.

use serde::Serialize;

use super::super::sql::{Row, query, unreadable};
use super::super::{Journal, JournalError};
use super::orders::{FAILURES_STAY_S, LoginKey};
use crate::message::{AccountId, CaseNumber, Digest, Login, StaffRole, Themes, Timestamp};

/// The longest that somebody waits after failed logins.
const WAIT_MOST_S: i64 = 900;
/// The wait after the first failure too many; each that follows doubles it.
const WAIT_FIRST_S: i64 = 15;
/// People that are listed at most, and changes.
const LISTED_MAX: i64 = 1000;

/// Somebody who may use the console. Its password is asked for apart.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub id: AccountId,
    #[serde(rename = "inlognaam")]
    pub login: Login,
    #[serde(rename = "naam")]
    pub name: String,
    #[serde(rename = "rollen")]
    pub roles: Vec<StaffRole>,
    #[serde(rename = "themas", serialize_with = "as_text")]
    pub themes: Themes,
    #[serde(rename = "moetWijzigen")]
    pub must_change: bool,
    #[serde(rename = "sinds")]
    pub added_at: Timestamp,
    #[serde(rename = "gesloten")]
    pub closed_at: Option<Timestamp>,
}

impl Account {
    /// Somebody whom no journal knows, without any role: for tests of who may do what.
    pub fn stranger(login: Login) -> Self {
        Self {
            id: uuid::Uuid::nil().into(),
            name: login.to_string(),
            login,
            roles: Vec::new(),
            themes: Themes::All,
            must_change: false,
            added_at: Timestamp::from_micros(0),
            closed_at: None,
        }
    }
}

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub struct Session {
    pub account: Account,
    pub born_at: Timestamp,
    pub seen_at: Timestamp,
}

/// What changed about an account.
#[derive(Debug, Clone, Serialize)]
pub struct AccountChange {
    #[serde(rename = "op")]
    pub at: Timestamp,
    #[serde(rename = "inlognaam")]
    pub login: Login,
    #[serde(rename = "wat")]
    pub code: String,
    #[serde(rename = "door")]
    pub by: String,
    #[serde(rename = "reden")]
    pub why: String,
}

/// Until when somebody must wait after so many failures, the last of them then, where so many are
/// one too many.
pub fn throttled_until(failures: i64, patience: i64, last_at: Timestamp) -> Option<Timestamp> {
    let over = u32::try_from(failures.checked_sub(patience)?).ok()?;
    let wait = WAIT_FIRST_S.saturating_mul(1_i64.checked_shl(over.min(16))?).min(WAIT_MOST_S);
    Some(last_at.plus_seconds(wait))
}

impl Journal {
    /// Everybody, closed accounts too, by login.
    pub async fn accounts(&self) -> Result<Vec<Account>, JournalError> {
        let sql = "select * from account order by login limit $1";
        let rows = query(sql, [LISTED_MAX.into()]);
        let rows = rows.fetch_all(&mut self.reads.acquire().await?).await?;
        Ok(rows.iter().map(account).collect::<Result<_, _>>()?)
    }

    /// An account with the hash of its password, where it has one.
    pub async fn account(
        &self,
        login: &Login,
    ) -> Result<Option<(Account, Option<String>)>, JournalError> {
        let sql = "select * from account where login = $1";
        let row = query(sql, [login.as_str().into()]);
        let row = row.fetch_optional(&mut self.reads.acquire().await?).await?;
        let read = |row: Row| Ok::<_, sqlx::Error>((account(&row)?, row.maybe_text("password")?));
        Ok(row.map(read).transpose()?)
    }

    /// Who the secret of a cookie belongs to.
    pub async fn session(&self, hash: Digest) -> Result<Option<Session>, JournalError> {
        let sql = "select a.*, s.born_at, s.seen_at from session s
            join account a on a.id = s.account_id where s.hash = $1 and a.closed_at is null";
        let row =
            query(sql, [hash.into()]).fetch_optional(&mut self.reads.acquire().await?).await?;
        let read = |row: Row| {
            Ok::<_, sqlx::Error>(Session {
                account: account(&row)?,
                born_at: row.time("born_at")?,
                seen_at: row.time("seen_at")?,
            })
        };
        Ok(row.map(read).transpose()?)
    }

    /// Until when nobody may try to log in under one of these, where somebody must wait.
    pub async fn login_wait(
        &self,
        keys: &[LoginKey],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let mut latest = None;
        for key in keys {
            let sql = "select failures, last_at from login_failure
                where key = $1 and last_at >= $2";
            let cells = [key.hash.into(), now.plus_seconds(-FAILURES_STAY_S).into()];
            if let Some(row) = query(sql, cells).fetch_optional(&mut conn).await? {
                let (failures, last_at) = (row.int("failures")?, row.time("last_at")?);
                latest = latest.max(throttled_until(failures, key.patience, last_at));
            }
        }
        Ok(latest.filter(|until| *until > now))
    }

    /// What changed about accounts, the newest first.
    pub async fn account_changes(&self) -> Result<Vec<AccountChange>, JournalError> {
        let sql = "select c.at, c.code, c.by_whom, c.why, a.login from account_change c
            join account a on a.id = c.account_id order by c.seq desc limit $1";
        let rows = query(sql, [LISTED_MAX.into()]);
        let rows = rows.fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| -> Result<AccountChange, sqlx::Error> {
            Ok(AccountChange {
                at: row.time("at")?,
                login: login(row)?,
                code: row.text("code")?,
                by: row.text("by_whom")?,
                why: row.text("why")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Who works on a case.
    pub async fn case_people(&self, number: &CaseNumber) -> Result<Vec<Account>, JournalError> {
        let sql = "select a.* from case_person p join account a on a.id = p.account_id
            join cases c on c.id = p.case_id where c.number = $1 order by p.since";
        let rows = query(sql, [number.as_str().into()]);
        let rows = rows.fetch_all(&mut self.reads.acquire().await?).await?;
        Ok(rows.iter().map(account).collect::<Result<_, _>>()?)
    }

    /// The numbers of the cases that somebody works on.
    pub async fn cases_of(&self, id: AccountId) -> Result<Vec<CaseNumber>, JournalError> {
        let sql = "select c.number from case_person p join cases c on c.id = p.case_id
            where p.account_id = $1 and c.erased_at is null order by p.since desc limit $2";
        let rows = query(sql, [uuid::Uuid::from(id).into(), LISTED_MAX.into()]);
        let rows = rows.fetch_all(&mut self.reads.acquire().await?).await?;
        let number = |row: &Row| row.text("number").map(CaseNumber::from_stored);
        Ok(rows.iter().map(number).collect::<Result<_, _>>()?)
    }
}

fn login(row: &Row) -> Result<Login, sqlx::Error> {
    row.text("login")?.parse().map_err(|_| unreadable("login"))
}

fn account(row: &Row) -> Result<Account, sqlx::Error> {
    let roles = row.text("roles")?;
    Ok(Account {
        id: row.uuid("id")?.into(),
        login: login(row)?,
        name: row.text("name")?,
        roles: roles.split(',').filter_map(StaffRole::parse).collect(),
        themes: Themes::parse(&row.text("themes")?),
        must_change: row.int("must_change")? != 0,
        added_at: row.time("added_at")?,
        closed_at: row.maybe_time("closed_at")?,
    })
}

fn as_text<S: serde::Serializer>(themes: &Themes, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(themes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_too_often_waits_longer_each_time_and_never_for_ever() {
        let last = Timestamp::from_micros(1_000_000_000_000);
        let wait = |failures| throttled_until(failures, 5, last).map(|at| at.seconds_since(last));
        assert_eq!([0, 4].map(wait), [None, None]);
        assert_eq!([5, 6, 7].map(wait), [Some(15), Some(30), Some(60)]);
        assert_eq!([11, 12, 1_000_000].map(wait), [Some(900); 3]);
    }
}
