//! Verification: the whole evidence hashed again and compared with what is stored.
//!
//! Every leaf must hash to what the tree has in its place, and the tree to the root that each
//! checkpoint signed; every document must have the hash that its leaf has, and where its key still
//! exists, open to what its leaf commits to; no row may lack its leaf and no leaf its row. Leaves
//! are read in pages by their id, several at a time, whatever order their numbers have; the tree
//! is walked along its tiles. Holds nothing of the whole in memory but those pages.

mod check;
mod page;
mod tree;

use std::sync::Arc;

use serde::Serialize;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::check::Checked;
use self::page::{Page, Range};
use super::keys::Part;
use super::sql::{Pool, query};
use super::{Journal, JournalError};
use crate::evidence::TILE_WIDTH;

/// Leaf ids of a page; bounds memory.
const PAGE_IDS: i64 = 256;

/// Leaf hashes in a tile, as the numbers of rows count them.
const TILE_LEAVES: i64 = 256;
const _: () = assert!(TILE_LEAVES.unsigned_abs() == TILE_WIDTH as u64, "the width of a tile");

/// Findings reported in full at most; all are counted.
pub const FINDINGS_MAX: usize = 1000;

/// What verification found.
#[derive(Debug, Default, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    #[serde(rename = "bladen")]
    pub leaves: u64,
    /// Leaves under the last signature; the rest waits for the next.
    #[serde(rename = "ondertekend")]
    pub signed: u64,
    #[serde(rename = "controlepunten")]
    pub checkpoints: u64,
    /// Documents of which the ciphertext was hashed again.
    #[serde(rename = "documenten")]
    pub documents: u64,
    /// Documents that were opened and compared with their commitment.
    #[serde(rename = "geopend")]
    pub opened: u64,
    /// Documents whose key was destroyed on request.
    #[serde(rename = "gewist")]
    pub erased: u64,
    /// How many things are wrong; empty `findings` would mean none.
    #[serde(rename = "fouten")]
    pub wrong: u64,
    #[serde(rename = "bevindingen")]
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub code: FindingCode,
    /// Which leaf, by its id.
    #[serde(rename = "blad")]
    pub leaf: Option<i64>,
    /// Which message (public id), parcel or entry of quarantine.
    #[serde(rename = "onderwerp")]
    pub subject: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingCode {
    /// A leaf does not read.
    BladOnleesbaar,
    /// A leaf says something else than the columns beside it.
    BladAnders,
    /// The numbers of the leaves have a gap or are not in order.
    Nummering,
    /// The signature under a checkpoint does not hold.
    Handtekening,
    /// A checkpoint is of another series than the restores before it account for.
    Reeks,
    /// The tree has another root than a checkpoint signed.
    Wortel,
    /// A stored tile is not what the leaves hash to.
    Tegel,
    /// A document is not the one that its leaf names.
    Cijfertekst,
    /// A document opens to something else than its leaf commits to.
    Inhoud,
    /// A document does not open though its key exists.
    GaatNietOpen,
    /// A document has no key and was not erased.
    SleutelOntbreekt,
    /// A row has no leaf.
    ZonderBlad,
    /// A leaf has no row.
    ZonderRij,
    /// What a message or a word led to is not what its leaf announced.
    Aangekondigd,
}

impl VerifyReport {
    pub fn is_sound(&self) -> bool {
        self.wrong == 0
    }

    fn find(&mut self, code: FindingCode, leaf: Option<i64>, subject: Option<Uuid>) {
        self.wrong += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { code, leaf, subject });
        }
    }

    /// Takes over what was found about a part.
    fn add(&mut self, part: Self) {
        self.leaves += part.leaves;
        self.checkpoints += part.checkpoints;
        self.documents += part.documents;
        self.opened += part.opened;
        self.erased += part.erased;
        self.wrong += part.wrong;
        let room = FINDINGS_MAX - self.findings.len();
        self.findings.extend(part.findings.into_iter().take(room));
    }
}

/// How far the evidence went when verification began.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Leaves under the last signature.
    size: i64,
    /// Leaves that have a number.
    numbers: i64,
    /// The last leaf id that exists or that any row names.
    last: i64,
}

impl Extent {
    async fn read(scan: &Pool) -> Result<Self, sqlx::Error> {
        let sql = "select (select coalesce(max(size), 0) from checkpoint) as size,
                (select count(*) from numbered) as numbers,
                (select max(id) from (select max(id) as id from leaf
                    union all select max(leaf) from inbox union all select max(leaf) from outbox
                    union all select max(leaf) from attempt
                    union all select max(leaf) from job_event
                    union all select max(leaf) from agreement
                    union all select max(leaf) from quarantine) as ends) as last";
        let row = query(sql, []).fetch_one(&mut scan.acquire().await?).await?;
        let last = row.maybe_int("last")?.unwrap_or(0);
        Ok(Self { size: row.int("size")?, numbers: row.int("numbers")?, last })
    }

    /// The page after an id, from the first leaf to the last; `None` where there is no more.
    async fn page(self, scan: &Pool, start: i64) -> Result<Option<Range>, sqlx::Error> {
        if start >= self.last {
            return Ok(None);
        }
        let mut until = start + PAGE_IDS;
        if scan.is_postgres() {
            // Hubs take ids in blocks, and most of a block is never used.
            let sql = "select max(id) as until from
                (select id from leaf where id > $1 order by id limit $2) as page";
            let row = query(sql, [start.into(), PAGE_IDS.into()]);
            let row = row.fetch_one(&mut scan.acquire().await?).await?;
            until = row.maybe_int("until")?.unwrap_or(self.last);
        }
        // A leaf below the first id was put there by somebody else.
        Ok(Some((if start == 0 { i64::MIN } else { start }, until.min(self.last))))
    }
}

impl Journal {
    /// Verifies everything; `progress` hears how many leaves were done.
    pub async fn verify(
        &self,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<VerifyReport, JournalError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // One page more than there are cores, so that one is read while others are checked.
        let at_once = cores + 1;
        let scan = self.databases.scan_journal(at_once).await?;
        let extent = Extent::read(&scan).await?;
        let mut report = tree::walk(&scan, &self.vault.hub, extent).await?;
        let mut signed = 0;
        let mut start = 0;
        let mut under_way: JoinSet<Result<Checked, JournalError>> = JoinSet::new();
        loop {
            while under_way.len() < at_once
                && let Some(range) = extent.page(&scan, start).await?
            {
                start = range.1;
                let (scan, vault) = (scan.clone(), Arc::clone(&self.vault));
                under_way.spawn(async move {
                    let page = Page::fetch(&scan, &vault, range, extent.size).await?;
                    let work = move || check::check(&page, extent.size);
                    let checked = tokio::task::spawn_blocking(work).await;
                    checked.map_err(|_| JournalError::Stopped)?
                });
            }
            let Some(done) = under_way.join_next().await else { break };
            let done = done.map_err(|_| JournalError::Stopped)??;
            signed += done.signed;
            report.add(done.report);
            progress(report.leaves);
        }
        // A number without a leaf, or a signature under more or fewer leaves than there are.
        let (size, numbers) = (extent.size, extent.numbers);
        let whole = i64::try_from(signed) == Ok(size) && numbers == size;
        if !whole || i64::try_from(report.signed) != Ok(size) {
            report.find(FindingCode::Nummering, None, None);
        }
        Ok(report)
    }
}
