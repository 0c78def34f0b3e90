//! Rows written by the dozen.

use super::{Cell, Conn, places, query_of};

/// Rows per insert on SQLite, largest first; it takes 32,766 parameters.
const ROWS: [usize; 3] = [32, 8, 1];

/// Rows and bytes per insert on PostgreSQL, of which a message holds a gigabyte at most.
const ROWS_MAX: usize = 2048;
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// A table that is written by the dozen.
pub(in crate::journal) struct Table {
    pub name: &'static str,
    pub columns: &'static str,
    /// Such as `on conflict (key) do nothing`.
    pub suffix: &'static str,
}

impl Table {
    /// Inserts all rows, each with a cell per column, in the order given.
    pub async fn insert(&self, conn: &mut Conn, rows: Vec<Vec<Cell>>) -> Result<(), sqlx::Error> {
        if conn.is_postgres() {
            return self.insert_arrays(conn, rows).await;
        }
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        for size in ROWS {
            while left >= size {
                left -= size;
                let cells = rows.by_ref().take(size).flatten();
                query_of(self.sql(size), cells).execute(conn).await?;
            }
        }
        Ok(())
    }

    /// Inserts in a transaction of its own.
    pub async fn insert_committed(
        &self,
        conn: &mut Conn,
        rows: Vec<Vec<Cell>>,
    ) -> Result<(), sqlx::Error> {
        if rows.is_empty() {
            return Ok(());
        }
        conn.begin().await?;
        self.insert(conn, rows).await?;
        conn.commit().await
    }

    fn sql(&self, rows: usize) -> String {
        let width = self.columns.split(',').count();
        let values: Vec<String> =
            std::iter::repeat_n(format!("({})", places(width)), rows).collect();
        let Self { name, columns, suffix } = self;
        format!("insert into {name} ({columns}) values {} {suffix}", values.join(", "))
    }

    async fn insert_arrays(
        &self,
        conn: &mut Conn,
        rows: Vec<Vec<Cell>>,
    ) -> Result<(), sqlx::Error> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut columns: Vec<Vec<Cell>> = vec![Vec::new(); self.columns.split(',').count()];
            let (mut count, mut size) = (0, 0);
            while count < ROWS_MAX && size < BYTES_MAX {
                let Some(row) = rows.next() else { break };
                count += 1;
                size += row.iter().map(Cell::size_bytes).sum::<usize>();
                columns.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
            }
            let (sql, cells) = self.arrays(columns);
            query_of(sql, cells).execute(conn).await?;
        }
        Ok(())
    }

    /// A column that is null in all rows has no type, and is left to its default: that is how
    /// numbers come from sequences, in the order of the rows.
    fn arrays(&self, columns: Vec<Vec<Cell>>) -> (String, Vec<Cell>) {
        let (mut names, mut places, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        for (column, values) in self.columns.split(',').zip(columns) {
            let values = Cell::array(values);
            if let Some(kind) = values.type_name() {
                names.push(column.trim());
                cells.push(values);
                places.push(format!("${}::{kind}", cells.len()));
            }
        }
        let Self { name, suffix, .. } = self;
        let (names, places) = (names.join(", "), places.join(", "));
        let sql = format!(
            "insert into {name} ({names}) select {names} from unnest({places}) with ordinality \
             as fresh ({names}, nth) order by nth {suffix}"
        );
        (sql, cells)
    }
}
