//! The walk along the tree: what its tiles hash to, and what was signed about it.

use std::sync::Arc;

use super::{Extent, FindingCode, TILE_LEAVES, VerifyReport};
use crate::evidence::{Checkpoint, HubKeys, Restart, TILE_WIDTH, Tile};
use crate::journal::JournalError;
use crate::journal::restart;
use crate::journal::sequence::{TileRow, Tree};
use crate::journal::sql::{Conn, Pool, Row, query};
use crate::message::Digest;

/// Tiles of leaf hashes read in one go.
const TILES: i64 = 64;

struct Signed {
    size: u64,
    root: Digest,
    note: String,
    /// In which it should have been signed: each began with a restart.
    series: u32,
}

/// Part of the tree that was hashed again.
struct Walked {
    tree: Tree,
    report: VerifyReport,
    /// Tiles above those of the leaves that were filled.
    above: Vec<TileRow>,
}

/// Hashes the stored leaf hashes up to every root that was signed.
pub(super) async fn walk(
    scan: &Pool,
    hub: &Arc<HubKeys>,
    extent: Extent,
) -> Result<VerifyReport, JournalError> {
    let mut conn = scan.acquire().await?;
    let mut report = VerifyReport::default();
    let mut tree = Tree::default();
    let restarts = restart::load(&mut conn).await?;
    let mut first = 0;
    while first * TILE_LEAVES < extent.size {
        let sql = "select number, hashes from tile
            where level = 0 and number >= $1 and number < $2 order by number";
        let cells = [first.into(), (first + TILES).into()];
        let tiles = query(sql, cells).fetch_all(&mut conn).await?;
        let sql = "select size, root, note from checkpoint where size > $1 and size <= $2
            order by size";
        let until = ((first + TILES) * TILE_LEAVES).min(extent.size);
        let cells = [(first * TILE_LEAVES).into(), until.into()];
        let signed = query(sql, cells).fetch_all(&mut conn).await?;
        let signed =
            signed.iter().map(|row| signed_row(row, &restarts)).collect::<Result<Vec<_>, _>>()?;
        let hub = Arc::clone(hub);
        let range = (first, until);
        let work = move || extend(tree, range, &tiles, &signed, &hub);
        let walked = tokio::task::spawn_blocking(work).await.map_err(|_| JournalError::Stopped)?;
        let walked = walked?;
        tree = walked.tree;
        report.add(walked.report);
        compare_tiles(&mut conn, walked.above, &mut report).await?;
        first += TILES;
    }
    compare_tiles(&mut conn, tree.edge_rows(), &mut report).await?;
    report.signed = tree.frontier.size();
    Ok(report)
}

fn signed_row(row: &Row, restarts: &[Restart]) -> Result<Signed, sqlx::Error> {
    let size = u64::try_from(row.int("size")?).unwrap_or(0);
    let begun = restarts.iter().rev().find(|restart| size > restart.from.size);
    let series = begun.map_or(1, |restart| restart.series);
    Ok(Signed { size, root: row.digest("root")?, note: row.text("note")?, series })
}

/// Goes on with the hashes of some tiles, up to a number of leaves.
fn extend(
    mut tree: Tree,
    (first, until): (i64, i64),
    tiles: &[Row],
    signed: &[Signed],
    hub: &HubKeys,
) -> Result<Walked, JournalError> {
    let mut report = VerifyReport::default();
    let mut above = Vec::new();
    let mut signed = signed.iter().peekable();
    let until = u64::try_from(until).unwrap_or(0);
    for (expected, row) in (first..).zip(tiles) {
        let tile = Tile::from_bytes(row.bytes("hashes")?).unwrap_or_default();
        let room = usize::try_from(until - tree.frontier.size()).unwrap_or(TILE_WIDTH);
        if row.int("number")? != expected || tile.hashes().len() < room.min(TILE_WIDTH) {
            report.find(FindingCode::Tegel, None, None);
        }
        for hash in tile.hashes().iter().take(room) {
            above.extend(tree.append(*hash).into_iter().filter(|(level, _, _)| *level > 0));
            let size = tree.frontier.size();
            while let Some(next) = signed.next_if(|next| next.size <= size) {
                compare(&tree, next, hub, &mut report);
            }
        }
    }
    for beyond in signed {
        compare(&tree, beyond, hub, &mut report);
    }
    Ok(Walked { tree, report, above })
}

/// Compares what was signed with the tree of that size.
fn compare(tree: &Tree, signed: &Signed, hub: &HubKeys, report: &mut VerifyReport) {
    report.checkpoints += 1;
    let note = Checkpoint::parse_and_verify(&signed.note, hub.name(), &hub.public_key());
    match note {
        Ok(note) if note.size == signed.size && note.root == signed.root => {
            if note.series != signed.series {
                report.find(FindingCode::Reeks, None, None);
            }
        }
        _ => report.find(FindingCode::Handtekening, None, None),
    }
    if tree.frontier.size() != signed.size || tree.frontier.root() != signed.root {
        report.find(FindingCode::Wortel, None, None);
    }
}

/// Compares tiles with those that are stored, which may have grown since.
async fn compare_tiles(
    conn: &mut Conn,
    tiles: Vec<TileRow>,
    report: &mut VerifyReport,
) -> Result<(), JournalError> {
    let sql = "select hashes from tile where level = $1 and number = $2";
    for (level, number, hashes) in tiles {
        let row = query(sql, [level.into(), number.into()]).fetch_optional(&mut *conn).await?;
        let stored = row.map(|row| row.blob("hashes")).transpose()?;
        if !stored.is_some_and(|stored| stored.starts_with(&hashes)) {
            report.find(FindingCode::Tegel, None, None);
        }
    }
    Ok(())
}
