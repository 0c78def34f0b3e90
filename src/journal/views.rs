//! Reading rows as the types that callers get; shared by all views.

use std::sync::Arc;

use uuid::Uuid;

use super::sql::{Conn, Row, query, unreadable};
use super::{LeaseToken, Outgoing, ParcelDetail, ParcelState};
use crate::evidence::{Tile, TilePlace};
use crate::message::{Digest, Stage, Timestamp, Usage};

/// The newest signed checkpoint.
pub(super) async fn newest_checkpoint(conn: &mut Conn) -> Result<Option<Arc<str>>, sqlx::Error> {
    let sql = "select note from checkpoint order by size desc limit 1";
    let row = query(sql, []).fetch_optional(conn).await?;
    row.map(|row| row.text("note").map(Arc::from)).transpose()
}

/// A parcel without its lease and its opened document.
pub(super) fn outgoing(row: &Row) -> Result<Outgoing, sqlx::Error> {
    Ok(Outgoing {
        id: row.uuid("id")?.into(),
        lease: LeaseToken(Uuid::nil()),
        recipient: row.parsed("recipient")?,
        message: row.uuid("message_id")?.into(),
        case: row.uuid("case_id")?.into(),
        kind: row.text("kind")?,
        usage: usage(row)?,
        urgent: row.int("urgent")? != 0,
        answer: row.int("answer")? != 0,
        made_at: row.time("made_at")?,
        catalogue: row.digest("catalogue")?,
        media_type: row.text("media_type")?,
        bytes: Vec::new(),
        detail: detail(row)?,
        attempts: u32::try_from(row.int("attempts")?).unwrap_or(u32::MAX),
        salt: [0; 32],
        commitment: row.digest("commitment")?,
        checkpoint: None,
    })
}

/// What explains a parcel; that its predecessor is missing may have become known later.
pub(super) fn detail(row: &Row) -> Result<ParcelDetail, sqlx::Error> {
    let stored = serde_json::from_str(&row.text("detail")?);
    let mut detail: ParcelDetail = stored.map_err(|_| unreadable("detail"))?;
    detail.role.voorganger_ontbreekt |= row.int("gap")? != 0;
    Ok(detail)
}

pub(super) fn usage(row: &Row) -> Result<Usage, sqlx::Error> {
    Usage::parse(&row.text("usage")?).ok_or_else(|| unreadable("usage"))
}

pub(super) fn stage(row: &Row) -> Result<Stage, sqlx::Error> {
    Stage::parse(&row.text("stage")?).ok_or_else(|| unreadable("stage"))
}

/// The state of a parcel as it is at `now`: a lease is a state only as long as it lasts.
pub(super) fn state(row: &Row, now: Timestamp) -> Result<ParcelState, sqlx::Error> {
    let stored = ParcelState::parse(&row.text("state")?).ok_or_else(|| unreadable("state"))?;
    let leased = row.maybe_uuid("lease_token")?.is_some() && row.time("next_attempt_at")? > now;
    let waits = stored == ParcelState::Wacht;
    Ok(if waits && leased { ParcelState::Geleased } else { stored })
}

/// A node of the tree, from the tile that holds it.
pub(super) async fn tree_node(
    conn: &mut Conn,
    level: u8,
    index: u64,
) -> Result<Option<Digest>, sqlx::Error> {
    let place = TilePlace::of(level, index);
    let number = i64::try_from(place.tile_index).unwrap_or(i64::MAX);
    let sql = "select hashes from tile where level = $1 and number = $2";
    let row = query(sql, [i64::from(place.tile_level).into(), number.into()]);
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
    let tile = Tile::from_bytes(&row.blob("hashes")?).ok_or_else(|| unreadable("hashes"))?;
    Ok(tile.node(place.level, place.index))
}
