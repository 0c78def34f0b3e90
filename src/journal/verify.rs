//! Verification: the whole evidence hashed again and compared with what is stored.
//!
//! Every leaf goes into a tree whose root must be what each checkpoint signed; every document must
//! have the hash that its leaf has, and where its key still exists, open to what its leaf commits
//! to; no row may lack its leaf and no leaf its row. Rows are read in pages by the numbers that
//! they were given, and pages are checked on all cores. Holds nothing of the whole in memory but
//! one page.

mod check;
mod page;
mod tree;

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use self::page::Page;
use self::tree::Walk;
use super::{Journal, JournalError};

/// Rows of a page; bounds memory.
const PAGE_ROWS: i64 = 2048;

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

impl Journal {
    /// Verifies everything; `progress` hears how many leaves were done.
    pub async fn verify(
        &self,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<VerifyReport, JournalError> {
        let mut conn = self.reads.acquire().await?;
        // One snapshot, so that what is written meanwhile is not found to be half there.
        let mut snapshot = sqlx::Connection::begin(&mut *conn).await?;
        let mut report = VerifyReport::default();
        let mut walk = Walk::default();
        let mut page = Page::fetch(&mut snapshot, &self.vault, None).await?;
        loop {
            let next = page.until;
            // The next page is read while this one is checked.
            let hub = Arc::clone(&self.vault.hub);
            let work = tokio::task::spawn_blocking(move || walk.check(page, &hub));
            let more = match next {
                Some(_) => Some(Page::fetch(&mut snapshot, &self.vault, next).await?),
                None => None,
            };
            let done = work.await.map_err(|_| JournalError::Stopped)?;
            walk = done.walk;
            report.add(done.report);
            tree::compare_tiles(&mut snapshot, done.tiles, &mut report).await?;
            progress(report.leaves);
            match more {
                Some(more) => page = more,
                None => break,
            }
        }
        tree::finish(&mut snapshot, &walk, &mut report).await?;
        Ok(report)
    }
}
