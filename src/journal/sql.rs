//! Small helpers around sqlx: statements for either store, rows written by the dozen, and lists
//! of ids in a query.
//!
//! One text serves both stores wherever the dialects agree. Every statement costs a hop: to its
//! thread on SQLite, to the server on PostgreSQL. So a batch writes many rows with one. On SQLite
//! the numbers of rows and of ids are rounded to a few sizes, so that the statements stay
//! prepared; on PostgreSQL a batch is one array for each column.

mod batch;
mod cell;
mod conn;
mod row;

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr as _, SqlStr, Sqlite};

pub(super) use self::batch::Table;
pub(super) use self::cell::Cell;
pub(super) use self::conn::{Conn, Pool};
pub(super) use self::row::{Row, unreadable};

use self::cell::{bind_postgres, bind_sqlite};
use self::conn::{Raw, within};

/// Ids per `in` list on SQLite, smallest first.
const IDS: [usize; 4] = [1, 8, 64, 512];

type SqliteQuery = sqlx::query::Query<'static, Sqlite, SqliteArguments>;
type PostgresQuery = sqlx::query::Query<'static, Postgres, sqlx::postgres::PgArguments>;

/// A statement with its values, not bound to a store yet.
pub(super) struct Query<I> {
    sql: SqlStr,
    cells: I,
}

/// A statement with its values; `sql` is always a text of this program.
pub(super) fn query<const N: usize>(sql: &'static str, cells: [Cell; N]) -> Query<[Cell; N]> {
    Query { sql: sql.into_sql_str(), cells }
}

/// A statement that was put together from texts of this program.
pub(super) fn query_of<I: IntoIterator<Item = Cell>>(sql: String, cells: I) -> Query<I> {
    Query { sql: AssertSqlSafe(sql).into_sql_str(), cells }
}

impl<I: IntoIterator<Item = Cell>> Query<I> {
    /// Answers how many rows it wrote.
    pub async fn execute(self, conn: &mut Conn) -> Result<u64, sqlx::Error> {
        let done = match conn.raw() {
            Raw::Sqlite(conn) => self.sqlite().execute(conn).await.map(|done| done.rows_affected()),
            Raw::Postgres(conn) => {
                within(self.postgres().execute(conn)).await.map(|done| done.rows_affected())
            }
        };
        conn.checked(done)
    }

    pub async fn fetch_all(self, conn: &mut Conn) -> Result<Vec<Row>, sqlx::Error> {
        let rows = match conn.raw() {
            Raw::Sqlite(conn) => {
                let rows = self.sqlite().fetch_all(conn).await;
                rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Raw::Postgres(conn) => {
                let rows = within(self.postgres().fetch_all(conn)).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        };
        conn.checked(rows)
    }

    pub async fn fetch_optional(self, conn: &mut Conn) -> Result<Option<Row>, sqlx::Error> {
        let row = match conn.raw() {
            Raw::Sqlite(conn) => {
                self.sqlite().fetch_optional(conn).await.map(|row| row.map(Row::Sqlite))
            }
            Raw::Postgres(conn) => {
                let row = within(self.postgres().fetch_optional(conn)).await;
                row.map(|row| row.map(Row::Postgres))
            }
        };
        conn.checked(row)
    }

    pub async fn fetch_one(self, conn: &mut Conn) -> Result<Row, sqlx::Error> {
        self.fetch_optional(conn).await?.ok_or(sqlx::Error::RowNotFound)
    }

    fn sqlite(self) -> SqliteQuery {
        self.cells.into_iter().fold(sqlx::query(self.sql), bind_sqlite)
    }

    fn postgres(self) -> PostgresQuery {
        self.cells.into_iter().fold(sqlx::query(self.sql), bind_postgres)
    }
}

/// Runs a query that has `in ({ids})` for a list. PostgreSQL gets the list as one array, SQLite
/// 512 ids at a time.
pub(super) async fn fetch_in(
    conn: &mut Conn,
    sql: &'static str,
    ids: Vec<Cell>,
) -> Result<Vec<Row>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    if conn.is_postgres() {
        let sql = sql.replace("in ({ids})", "= any($1)");
        return query_of(sql, [Cell::array(ids)]).fetch_all(conn).await;
    }
    let mut found = Vec::new();
    for (text, padded) in chunks(sql, &ids) {
        found.extend(query_of(text, padded).fetch_all(conn).await?);
    }
    Ok(found)
}

/// Runs an update that has `in ({ids})` for a list, as [`fetch_in`] does; how many rows it wrote.
pub(super) async fn update_in(
    conn: &mut Conn,
    sql: &str,
    ids: Vec<Cell>,
) -> Result<u64, sqlx::Error> {
    if ids.is_empty() {
        return Ok(0);
    }
    if conn.is_postgres() {
        let sql = sql.replace("in ({ids})", "= any($1)");
        return query_of(sql, [Cell::array(ids)]).execute(conn).await;
    }
    let mut written = 0;
    for (text, padded) in chunks(sql, &ids) {
        written += query_of(text, padded).execute(conn).await?;
    }
    Ok(written)
}

/// The statements for a list on SQLite, each with its values: in a few sizes only, so that they
/// stay prepared. The last value of a list stands in for those that are missing.
fn chunks<'a>(sql: &'a str, ids: &'a [Cell]) -> impl Iterator<Item = (String, Vec<Cell>)> + 'a {
    let largest = IDS[IDS.len() - 1]; // IDS is not empty.
    ids.chunks(largest).map(move |chunk| {
        let size = IDS.into_iter().find(|size| *size >= chunk.len()).unwrap_or(largest);
        let last = chunk.last().cloned().unwrap_or(Cell::Null);
        let padded = chunk.iter().cloned().chain(std::iter::repeat(last)).take(size);
        (sql.replace("{ids}", &places(size)), padded.collect())
    })
}

/// Places for `count` values in order. They have no names on purpose: SQLite looks a name up among
/// all of a statement, for every value, which took a fifth of the writer's time.
fn places(count: usize) -> String {
    let mut text = "?, ".repeat(count);
    text.truncate(text.len().saturating_sub(2));
    text
}
