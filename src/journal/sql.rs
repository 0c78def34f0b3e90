//! Small helpers around sqlx: rows written by the dozen, and lists of ids in a query.
//!
//! Every statement on SQLite costs a hop to its thread, so a batch writes many rows with one. The
//! numbers of rows and of ids are rounded to a few sizes, so that the statements stay prepared.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};
use uuid::Uuid;

use crate::message::{Digest, Timestamp};

/// A row that was read.
pub(super) type Row = sqlx::sqlite::SqliteRow;

/// Rows per insert, largest first; SQLite takes 32,766 parameters.
const ROWS: [usize; 3] = [32, 8, 1];

/// Ids per `in` list, smallest first.
const IDS: [usize; 4] = [1, 8, 64, 512];

/// A value to store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
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

/// A query with its values bound.
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, SqliteArguments>;

/// Binds a cell to the next parameter.
pub(super) fn bind(query: Query<'_>, cell: Cell) -> Query<'_> {
    match cell {
        Cell::Null => query.bind(None::<i64>),
        Cell::Int(value) => query.bind(value),
        Cell::Text(value) => query.bind(value),
        Cell::Blob(value) => query.bind(value),
    }
}

/// A statement with its values; `sql` is always a text of this program.
pub(super) fn query<const N: usize>(sql: &'static str, cells: [Cell; N]) -> Query<'static> {
    cells.into_iter().fold(sqlx::query(sql), bind)
}

/// A table that is written by the dozen.
pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static str,
    /// Such as `on conflict (key) do nothing`.
    pub suffix: &'static str,
}

impl Table {
    /// Inserts all rows, each with a cell per column, in the order given.
    pub async fn insert(
        &self,
        conn: &mut SqliteConnection,
        rows: Vec<Vec<Cell>>,
    ) -> Result<(), sqlx::Error> {
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        for size in ROWS {
            while left >= size {
                left -= size;
                let sql = self.sql(size);
                let cells = rows.by_ref().take(size).flatten();
                cells.fold(sqlx::query(AssertSqlSafe(sql)), bind).execute(&mut *conn).await?;
            }
        }
        Ok(())
    }

    fn sql(&self, rows: usize) -> String {
        let width = self.columns.split(',').count();
        let values: Vec<String> =
            std::iter::repeat_n(format!("({})", places(width)), rows).collect();
        let Self { name, columns, suffix } = self;
        format!("insert into {name} ({columns}) values {} {suffix}", values.join(", "))
    }
}

/// Runs a query that has `{ids}` in the place of a list, once for every 512 ids.
pub(super) async fn fetch_in(
    conn: &mut SqliteConnection,
    sql: &'static str,
    ids: Vec<Cell>,
) -> Result<Vec<Row>, sqlx::Error> {
    let mut found = Vec::new();
    let largest = IDS[IDS.len() - 1]; // IDS is not empty.
    for chunk in ids.chunks(largest) {
        let size = IDS.into_iter().find(|size| *size >= chunk.len()).unwrap_or(largest);
        let last = chunk.last().cloned().unwrap_or(Cell::Null);
        let padded = chunk.iter().cloned().chain(std::iter::repeat(last)).take(size);
        let text = sql.replace("{ids}", &places(size));
        let query = padded.fold(sqlx::query(AssertSqlSafe(text)), bind);
        found.extend(query.fetch_all(&mut *conn).await?);
    }
    Ok(found)
}

/// Places for `count` values in order. They have no names on purpose: SQLite looks a name up among
/// all of a statement, for every value, which took a fifth of the writer's time.
fn places(count: usize) -> String {
    let mut text = "?, ".repeat(count);
    text.truncate(text.len().saturating_sub(2));
    text
}

/// Reads columns as the hub's own types.
pub(super) trait Read {
    fn int(&self, column: &str) -> Result<i64, sqlx::Error>;
    fn text(&self, column: &str) -> Result<String, sqlx::Error>;
    fn maybe_text(&self, column: &str) -> Result<Option<String>, sqlx::Error>;
    fn blob(&self, column: &str) -> Result<Vec<u8>, sqlx::Error>;
    /// As `blob`, where it lies.
    fn bytes(&self, column: &str) -> Result<&[u8], sqlx::Error>;
    fn maybe_blob(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error>;
    fn uuid(&self, column: &str) -> Result<Uuid, sqlx::Error>;
    fn maybe_uuid(&self, column: &str) -> Result<Option<Uuid>, sqlx::Error>;
    fn digest(&self, column: &str) -> Result<Digest, sqlx::Error>;
    fn time(&self, column: &str) -> Result<Timestamp, sqlx::Error>;
    fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, sqlx::Error>;
    /// A text that parses as `T`, such as a partner id.
    fn parsed<T: std::str::FromStr>(&self, column: &str) -> Result<T, sqlx::Error>;
}

impl Read for Row {
    fn int(&self, column: &str) -> Result<i64, sqlx::Error> {
        self.try_get(column)
    }

    fn text(&self, column: &str) -> Result<String, sqlx::Error> {
        self.try_get(column)
    }

    fn maybe_text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }

    fn blob(&self, column: &str) -> Result<Vec<u8>, sqlx::Error> {
        self.try_get(column)
    }

    fn bytes(&self, column: &str) -> Result<&[u8], sqlx::Error> {
        self.try_get(column)
    }

    fn maybe_blob(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
        self.try_get(column)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, sqlx::Error> {
        self.try_get(column)
    }

    fn maybe_uuid(&self, column: &str) -> Result<Option<Uuid>, sqlx::Error> {
        self.try_get(column)
    }

    fn digest(&self, column: &str) -> Result<Digest, sqlx::Error> {
        let bytes: &[u8] = self.try_get(column)?;
        bytes.try_into().map(Digest).map_err(|_| unreadable(column))
    }

    fn time(&self, column: &str) -> Result<Timestamp, sqlx::Error> {
        self.try_get(column).map(Timestamp::from_micros)
    }

    fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
        let micros: Option<i64> = self.try_get(column)?;
        Ok(micros.map(Timestamp::from_micros))
    }

    fn parsed<T: std::str::FromStr>(&self, column: &str) -> Result<T, sqlx::Error> {
        let text: &str = self.try_get(column)?;
        text.parse().map_err(|_| unreadable(column))
    }
}

/// A stored value that does not read. Names the column, never the value.
pub(super) fn unreadable(column: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("column {column} does not read").into())
}
