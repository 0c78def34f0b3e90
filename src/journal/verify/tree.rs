//! The walk along the leaves: numbers, roots, signatures and tiles.

use sqlx::SqliteConnection;

use super::page::{LeafRow, Page, Signed};
use super::{FindingCode, VerifyReport, check};
use crate::evidence::{Checkpoint, HubKeys, leaf_hash};
use crate::journal::JournalError;
use crate::journal::sequence::{TileRow, Tree};
use crate::journal::sql::{Read, query};

/// How far the walk is.
#[derive(Default)]
pub(super) struct Walk {
    tree: Tree,
    /// A leaf without a number was met: none may have one after it.
    unsigned: bool,
}

/// A page that was checked.
pub(super) struct Checked {
    pub walk: Walk,
    pub report: VerifyReport,
    pub tiles: Vec<TileRow>,
}

impl Walk {
    /// Checks a page. Blocks: for a thread that may.
    pub fn check(mut self, page: Page, hub: &HubKeys) -> Checked {
        let mut report = VerifyReport::default();
        let mut tiles = Vec::new();
        let mut signed = page.checkpoints.iter().peekable();
        for leaf in &page.leaves {
            report.leaves += 1;
            let expected = i64::try_from(self.tree.frontier.size()).ok();
            match leaf.number {
                None => self.unsigned = true,
                Some(number) if self.unsigned || Some(number) != expected => {
                    report.find(FindingCode::Nummering, Some(leaf.id), Some(leaf.subject));
                    self.append(leaf, &mut tiles);
                }
                Some(_) => self.append(leaf, &mut tiles),
            }
            while let Some(next) = signed.next_if(|next| next.size <= self.tree.frontier.size()) {
                self.compare(next, hub, &mut report);
            }
        }
        for beyond in signed {
            self.compare(beyond, hub, &mut report);
        }
        check::check(&page, &mut report);
        Checked { walk: self, report, tiles }
    }

    fn append(&mut self, leaf: &LeafRow, tiles: &mut Vec<TileRow>) {
        tiles.extend(self.tree.append(leaf_hash(&leaf.data)));
    }

    /// Compares what was signed with the tree of that size.
    fn compare(&self, signed: &Signed, hub: &HubKeys, report: &mut VerifyReport) {
        report.checkpoints += 1;
        let note = Checkpoint::parse_and_verify(&signed.note, hub.name(), &hub.public_key());
        match note {
            Ok(note) if note.size == signed.size && note.root == signed.root => {}
            _ => report.find(FindingCode::Handtekening, None, None),
        }
        let tree = &self.tree.frontier;
        if tree.size() != signed.size || tree.root() != signed.root {
            report.find(FindingCode::Wortel, None, None);
        }
    }
}

/// Compares tiles with those that are stored.
pub(super) async fn compare_tiles(
    conn: &mut SqliteConnection,
    tiles: Vec<TileRow>,
    report: &mut VerifyReport,
) -> Result<(), JournalError> {
    let sql = "select hashes from tile where level = $1 and number = $2";
    for (level, number, hashes) in tiles {
        let row = query(sql, [level.into(), number.into()]).fetch_optional(&mut *conn).await?;
        let stored = row.map(|row| row.blob("hashes")).transpose()?;
        if stored.as_ref() != Some(&hashes) {
            report.find(FindingCode::Tegel, None, None);
        }
    }
    Ok(())
}

/// After the last page: the unfinished tiles, and whether as much is there as was signed.
pub(super) async fn finish(
    conn: &mut SqliteConnection,
    walk: &Walk,
    report: &mut VerifyReport,
) -> Result<(), JournalError> {
    compare_tiles(conn, walk.tree.edge_rows(), report).await?;
    let sql = "select (select coalesce(max(size), 0) from checkpoint) as signed,
            (select count(*) from numbered) as numbers";
    let row = sqlx::query(sql).fetch_one(conn).await?;
    report.signed = u64::try_from(row.int("signed")?).unwrap_or(0);
    let size = walk.tree.frontier.size();
    // A number without a leaf, or a signature under more or fewer leaves than there are.
    if u64::try_from(row.int("numbers")?) != Ok(size) || report.signed != size {
        report.find(FindingCode::Nummering, None, None);
    }
    Ok(())
}
