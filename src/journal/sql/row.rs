//! Rows of either store, read as the hub's own types.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type, TypeInfo as _, ValueRef as _};
use uuid::Uuid;

use crate::message::{Digest, Timestamp};

/// A row that was fetched.
pub(in crate::journal) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn get<'r, T>(&'r self, column: &str) -> Result<T, sqlx::Error>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    pub fn int(&self, column: &str) -> Result<i64, sqlx::Error> {
        self.maybe_int(column)?.ok_or_else(|| unreadable(column))
    }

    /// A number. What PostgreSQL reckons itself may be narrower than what the tables hold, and a
    /// truth is 0 or 1 in SQLite.
    pub fn maybe_int(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
        let row = match self {
            Self::Sqlite(row) => return row.try_get(column),
            Self::Postgres(row) => row,
        };
        let kind = row.try_get_raw(column)?.type_info().into_owned();
        Ok(match kind.name() {
            "INT4" => row.try_get::<Option<i32>, _>(column)?.map(i64::from),
            "BOOL" => row.try_get::<Option<bool>, _>(column)?.map(i64::from),
            _ => row.try_get(column)?,
        })
    }

    pub fn text(&self, column: &str) -> Result<String, sqlx::Error> {
        self.get(column)
    }

    pub fn maybe_text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        self.get(column)
    }

    pub fn blob(&self, column: &str) -> Result<Vec<u8>, sqlx::Error> {
        self.get(column)
    }

    /// As `blob`, where it lies.
    pub fn bytes(&self, column: &str) -> Result<&[u8], sqlx::Error> {
        self.get(column)
    }

    pub fn maybe_blob(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
        self.get(column)
    }

    pub fn uuid(&self, column: &str) -> Result<Uuid, sqlx::Error> {
        self.maybe_uuid(column)?.ok_or_else(|| unreadable(column))
    }

    pub fn maybe_uuid(&self, column: &str) -> Result<Option<Uuid>, sqlx::Error> {
        let bytes: Option<&[u8]> = self.get(column)?;
        let read = |bytes| Uuid::from_slice(bytes).map_err(|_| unreadable(column));
        bytes.map(read).transpose()
    }

    pub fn digest(&self, column: &str) -> Result<Digest, sqlx::Error> {
        let bytes: &[u8] = self.get(column)?;
        bytes.try_into().map(Digest).map_err(|_| unreadable(column))
    }

    pub fn time(&self, column: &str) -> Result<Timestamp, sqlx::Error> {
        self.int(column).map(Timestamp::from_micros)
    }

    pub fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(self.maybe_int(column)?.map(Timestamp::from_micros))
    }

    /// A text that parses as `T`, such as a partner id.
    pub fn parsed<T: std::str::FromStr>(&self, column: &str) -> Result<T, sqlx::Error> {
        let text: &str = self.get(column)?;
        text.parse().map_err(|_| unreadable(column))
    }
}

/// A stored value that does not read. Names the column, never the value.
pub(in crate::journal) fn unreadable(column: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("column {column} does not read").into())
}
