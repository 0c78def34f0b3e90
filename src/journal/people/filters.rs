//! Filters of lists that people keep for themselves. Who keeps one has seen to it that it holds
//! codes only; here they are bounded in number and length.

use serde::Serialize;
use uuid::Uuid;

use super::super::sql::{Row, query};
use super::super::unit::Unit;
use super::super::{Journal, JournalError};
use crate::message::AccountId;

/// Filters that one person keeps of one page at most.
pub const FILTERS_MAX: i64 = 20;
/// Characters of a name and of a query.
pub const FILTER_NAME_MAX: usize = 40;
pub const FILTER_QUERY_MAX: usize = 500;

/// A filter that somebody kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedFilter {
    #[serde(rename = "naam")]
    pub name: String,
    /// As it stands in the address, without the question mark.
    #[serde(rename = "vraag")]
    pub query: String,
}

impl Journal {
    /// What somebody keeps of a page, by name.
    pub async fn filters(
        &self,
        account: AccountId,
        page: &str,
    ) -> Result<Vec<SavedFilter>, JournalError> {
        let sql = "select name, query from saved_filter
            where account_id = $1 and page = $2 order by name limit $3";
        let cells = [Uuid::from(account).into(), page.into(), FILTERS_MAX.into()];
        let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| {
            Ok::<_, sqlx::Error>(SavedFilter { name: row.text("name")?, query: row.text("query")? })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

impl Unit<'_> {
    /// Keeps a filter; one with the same name is replaced.
    pub(super) async fn keep_filter(
        &mut self,
        account: Uuid,
        page: &str,
        filter: &SavedFilter,
    ) -> Result<(), JournalError> {
        let fits = (1..=FILTER_NAME_MAX).contains(&filter.name.chars().count())
            && !filter.name.chars().any(char::is_control)
            && filter.query.len() <= FILTER_QUERY_MAX;
        if !fits {
            return Err(JournalError::Order(
                "de naam van een filter heeft 1 tot 40 tekens, en het filter zelf hoogstens 500",
            ));
        }
        let open = "select id from account where id = $1 and closed_at is null";
        if query(open, [account.into()]).fetch_optional(self.conn).await?.is_none() {
            return Err(JournalError::NotFound);
        }
        let sql = "select count(*) as n from saved_filter
            where account_id = $1 and page = $2 and name <> $3";
        let cells = [account.into(), page.into(), filter.name.as_str().into()];
        if query(sql, cells).fetch_one(self.conn).await?.int("n")? >= FILTERS_MAX {
            return Err(JournalError::Order(
                "er zijn al 20 filters van deze lijst; verwijder er eerst een",
            ));
        }
        let sql = "insert into saved_filter (account_id, page, name, query)
            values ($1, $2, $3, $4)
            on conflict (account_id, page, name) do update set query = $4";
        let cells = [
            account.into(),
            page.into(),
            filter.name.as_str().into(),
            filter.query.as_str().into(),
        ];
        query(sql, cells).execute(self.conn).await?;
        Ok(())
    }

    /// One that is not there is gone already.
    pub(super) async fn drop_filter(
        &mut self,
        account: Uuid,
        page: &str,
        name: &str,
    ) -> Result<(), JournalError> {
        let sql = "delete from saved_filter where account_id = $1 and page = $2 and name = $3";
        query(sql, [account.into(), page.into(), name.into()]).execute(self.conn).await?;
        Ok(())
    }
}
