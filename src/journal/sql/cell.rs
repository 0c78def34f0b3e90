//! Values to store, and how each store takes them.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};
use uuid::Uuid;

use super::{PostgresQuery, SqliteQuery};
use crate::message::{Digest, Timestamp};

/// A value to store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::journal) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
    /// A list as one value, which PostgreSQL has and SQLite has not.
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Blobs(Vec<Option<Vec<u8>>>),
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Cell {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl From<Uuid> for Cell {
    fn from(value: Uuid) -> Self {
        Self::Blob(value.as_bytes().to_vec())
    }
}

impl From<Digest> for Cell {
    fn from(value: Digest) -> Self {
        Self::Blob(value.0.to_vec())
    }
}

impl From<Timestamp> for Cell {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.as_micros())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Cell {
    /// Cells of one kind, some of them null, as one value; null where all of them are.
    pub fn array(cells: Vec<Self>) -> Self {
        match cells.iter().find(|cell| **cell != Self::Null) {
            Some(Self::Int(_)) => Self::Ints(cells.into_iter().map(Self::into_int).collect()),
            Some(Self::Text(_)) => Self::Texts(cells.into_iter().map(Self::into_text).collect()),
            Some(Self::Blob(_)) => Self::Blobs(cells.into_iter().map(Self::into_blob).collect()),
            _ => Self::Null,
        }
    }

    /// What PostgreSQL calls it; a null has no type.
    pub const fn type_name(&self) -> Option<&'static str> {
        match self {
            Self::Null => None,
            Self::Int(_) => Some("bigint"),
            Self::Text(_) => Some("text"),
            Self::Blob(_) => Some("bytea"),
            Self::Ints(_) => Some("bigint[]"),
            Self::Texts(_) => Some("text[]"),
            Self::Blobs(_) => Some("bytea[]"),
        }
    }

    /// About how many bytes it is.
    pub const fn size_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            _ => size_of::<i64>(),
        }
    }

    fn into_int(self) -> Option<i64> {
        if let Self::Int(value) = self { Some(value) } else { None }
    }

    fn into_text(self) -> Option<String> {
        if let Self::Text(value) = self { Some(storable(value)) } else { None }
    }

    fn into_blob(self) -> Option<Vec<u8>> {
        if let Self::Blob(value) = self { Some(value) } else { None }
    }
}

/// PostgreSQL has no NUL in a text. Documents are blobs; a word of an operator may have one.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

pub(super) fn bind_sqlite(query: SqliteQuery, cell: Cell) -> SqliteQuery {
    match cell {
        Cell::Int(value) => query.bind(value),
        Cell::Text(value) => query.bind(value),
        Cell::Blob(value) => query.bind(value),
        // No statement for SQLite has a list in it: `fetch_in` and `Table` write places.
        Cell::Null | Cell::Ints(_) | Cell::Texts(_) | Cell::Blobs(_) => query.bind(None::<i64>),
    }
}

pub(super) fn bind_postgres(query: PostgresQuery, cell: Cell) -> PostgresQuery {
    match cell {
        Cell::Null => query.bind(Untyped),
        Cell::Int(value) => query.bind(value),
        Cell::Text(value) => query.bind(storable(value)),
        Cell::Blob(value) => query.bind(value),
        Cell::Ints(values) => query.bind(values),
        Cell::Texts(values) => query.bind(values),
        Cell::Blobs(values) => query.bind(values),
    }
}

/// A null of which the server finds the type itself: statements are prepared once, and the next
/// value in this place may not be null.
struct Untyped;

/// The type `unknown`.
const UNKNOWN: Oid = Oid(705);

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(UNKNOWN)
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}
