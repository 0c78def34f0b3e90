//! The checks of one page that need no database: leaves against rows and against the tree,
//! documents against leaves.

use std::collections::{HashMap, HashSet};

use super::page::{Attempt, Document, Event, LeafRow, Page};
use super::{FindingCode, Part, TILE_LEAVES, VerifyReport};
use crate::evidence::{Leaf, LeafKind, leaf_hash};
use crate::journal::JournalError;
use crate::journal::keys::{open_row_key, open_whole};
use crate::journal::outbox::Announced;
use crate::message::{Digest, PartnerId};

/// What the rows of a leaf come to.
#[derive(Default)]
struct Rows {
    message: bool,
    refusal: bool,
    attempt: bool,
    agreement: bool,
    announced: Announced,
}

/// What was found on a page, and how many of its leaves are in the tree of that size.
pub(super) struct Checked {
    pub report: VerifyReport,
    pub signed: u64,
}

/// Checks a page against a tree of `size` leaves. Blocks: for a thread that may.
pub(super) fn check(page: &Page, size: i64) -> Result<Checked, JournalError> {
    let mut report = VerifyReport { leaves: page.leaves.len() as u64, ..VerifyReport::default() };
    let mut signed = 0;
    let mut leaves: HashMap<i64, &Leaf> = HashMap::with_capacity(page.leaves.len());
    for row in &page.leaves {
        match read_leaf(row) {
            Ok(leaf) => drop(leaves.insert(row.id, leaf)),
            Err(code) => report.find(code, Some(row.id), Some(row.subject)),
        }
        if let Some(number) = row.number.filter(|number| *number < size) {
            signed += 1;
            if !is_in_tree(page, number, &row.data) {
                report.find(FindingCode::Tegel, Some(row.id), Some(row.subject));
            }
        }
    }
    let mut rows: HashMap<i64, Rows> = HashMap::with_capacity(page.leaves.len());
    for document in &page.documents {
        let digest = Digest::of(&[document.row.bytes("document")?]);
        check_document(document, digest, page, &leaves, &mut report)?;
        announce(document, rows.entry(document.leaf).or_default())?;
    }
    for attempt in &page.attempts {
        rows.entry(attempt.leaf).or_default().attempt = true;
        check_attempt(attempt, leaves.get(&attempt.leaf).copied(), &mut report);
    }
    let mut said: HashSet<i64> = HashSet::with_capacity(page.events.len());
    for event in &page.events {
        said.insert(event.leaf);
        check_event(event, leaves.get(&event.leaf).copied(), &mut report);
    }
    let known: HashSet<i64> = page.leaves.iter().map(|leaf| leaf.id).collect();
    for document in page.documents.iter().filter(|document| !known.contains(&document.leaf)) {
        report.find(FindingCode::ZonderBlad, Some(document.leaf), Some(document.subject));
    }
    for row in &page.leaves {
        let Some(leaf) = leaves.get(&row.id) else { continue };
        if leaf.kind == LeafKind::Klus {
            if !said.contains(&row.id) {
                report.find(FindingCode::ZonderRij, Some(row.id), Some(leaf.subject));
            }
            continue;
        }
        check_rows(row, leaf, &rows.remove(&row.id).unwrap_or_default(), page, &mut report);
    }
    Ok(Checked { report, signed })
}

fn read_leaf(row: &LeafRow) -> Result<&Leaf, FindingCode> {
    let leaf = row.leaf.as_ref().map_err(|_| FindingCode::BladOnleesbaar)?;
    let partner = leaf.partner.as_ref().map(PartnerId::as_str);
    let same = leaf.subject == row.subject && partner == row.partner.as_deref();
    if same { Ok(leaf) } else { Err(FindingCode::BladAnders) }
}

/// Whether the tree has this leaf in this place. What the tiles hash to is compared elsewhere.
fn is_in_tree(page: &Page, number: i64, data: &[u8]) -> bool {
    let place = usize::try_from(number % TILE_LEAVES).unwrap_or(usize::MAX / 64) * 32;
    let tile = page.tiles.get(&(number / TILE_LEAVES));
    tile.and_then(|tile| tile.get(place..place + 32)) == Some(&leaf_hash(data).0)
}

fn announce(document: &Document, rows: &mut Rows) -> Result<(), sqlx::Error> {
    let row = &document.row;
    match document.part {
        Part::Native => {
            rows.message = true;
            for beside in ["canonical", "names"] {
                rows.announced.blob(Digest::of(&[row.bytes(beside)?]));
            }
        }
        Part::Parcel => {
            let recipient = document.partner.as_deref().unwrap_or_default();
            let content = [row.digest("digest")?, row.digest("commitment")?];
            rows.announced.parcel(document.id, recipient, &row.text("detail")?, content);
        }
        Part::Agreement => rows.agreement = true,
        _ => rows.refusal = true,
    }
    Ok(())
}

/// Whether a leaf has the rows that its kind asks for, and announced what there is.
fn check_rows(row: &LeafRow, leaf: &Leaf, rows: &Rows, page: &Page, report: &mut VerifyReport) {
    let there = match leaf.kind {
        LeafKind::Aangenomen => rows.message,
        // Of what was not read there is nothing to show.
        LeafKind::Geweigerd => rows.refusal || leaf.ciphertext.is_none(),
        LeafKind::Poging => rows.attempt,
        LeafKind::Stadium => page.parcels.contains(&leaf.subject),
        LeafKind::Activering => return check_activation(row, leaf, page, report),
        LeafKind::Herstel => return check_restart(row, leaf, page, report),
        // What an order sealed must still be there.
        LeafKind::Regie => rows.agreement || leaf.ciphertext.is_none(),
        LeafKind::Inzage
        | LeafKind::Vastgehouden
        | LeafKind::Wissing
        | LeafKind::Klus
        | LeafKind::Toegang => true,
    };
    if !there {
        report.find(FindingCode::ZonderRij, Some(row.id), Some(leaf.subject));
    } else if rows.announced.hash() != Announced::hash_in(&leaf.outcome) {
        report.find(FindingCode::Aangekondigd, Some(row.id), Some(leaf.subject));
    }
}

/// A set that became active, or was proposed: the row keeps the last leaf about it.
fn check_activation(row: &LeafRow, leaf: &Leaf, page: &Page, report: &mut VerifyReport) {
    let (id, subject) = (Some(row.id), Some(leaf.subject));
    match page.activations.get(&leaf.subject) {
        None => report.find(FindingCode::ZonderRij, id, subject),
        Some(activation) => {
            let last = activation.leaf == row.id;
            let same = !last || activation.state == leaf.outcome;
            if activation.catalogue != leaf.catalogue || !same {
                report.find(FindingCode::BladAnders, id, subject);
            }
        }
    }
}

/// Where a series began: the statement is the one that its leaf commits to.
fn check_restart(row: &LeafRow, leaf: &Leaf, page: &Page, report: &mut VerifyReport) {
    let (id, subject) = (Some(row.id), Some(leaf.subject));
    let Some(restart) = page.restarts.get(&leaf.subject) else {
        return report.find(FindingCode::ZonderRij, id, subject);
    };
    if leaf.commitment != Some(restart.commitment) {
        report.find(FindingCode::Inhoud, id, subject);
    } else if restart.leaf != row.id || restart.outcome != leaf.outcome {
        report.find(FindingCode::BladAnders, id, subject);
    }
}

/// A change of a job: its leaf commits to who did it and why, and to what the job is.
fn check_event(event: &Event, leaf: Option<&Leaf>, report: &mut VerifyReport) {
    let (id, job) = (Some(event.leaf), Some(event.job));
    let Some(leaf) = leaf else { return report.find(FindingCode::ZonderBlad, id, job) };
    let same = (leaf.kind, leaf.subject, leaf.at) == (LeafKind::Klus, event.job, event.at);
    if !same {
        report.find(FindingCode::BladAnders, id, job);
    } else if leaf.outcome != event.outcome {
        report.find(FindingCode::Aangekondigd, id, job);
    }
}

fn check_attempt(attempt: &Attempt, leaf: Option<&Leaf>, report: &mut VerifyReport) {
    let (id, parcel) = (Some(attempt.leaf), Some(attempt.parcel));
    let Some(leaf) = leaf else { return report.find(FindingCode::ZonderBlad, id, parcel) };
    let committed = leaf.ciphertext.zip(leaf.commitment);
    if leaf.subject != attempt.parcel {
        report.find(FindingCode::BladAnders, id, parcel);
    } else if attempt.digest.is_none() || attempt.digest != committed {
        report.find(FindingCode::Cijfertekst, id, parcel);
    }
}

fn check_document(
    document: &Document,
    digest: Digest,
    page: &Page,
    leaves: &HashMap<i64, &Leaf>,
    report: &mut VerifyReport,
) -> Result<(), JournalError> {
    let mut find = |code| report.find(code, Some(document.leaf), Some(document.subject));
    let row = &document.row;
    let commitment = row.digest("commitment")?;
    match (document.part, leaves.get(&document.leaf)) {
        (Part::Parcel, _) if row.digest("digest")? != digest => find(FindingCode::Cijfertekst),
        (Part::Parcel, _) => {}
        (_, Some(leaf)) => {
            let partner = leaf.partner.as_ref().map(PartnerId::as_str);
            let same = leaf.subject == document.subject && leaf.at == document.at;
            if !same || partner != document.partner.as_deref() {
                find(FindingCode::BladAnders);
            }
            if leaf.ciphertext != Some(digest) {
                find(FindingCode::Cijfertekst);
            }
            if leaf.commitment != Some(commitment) {
                find(FindingCode::Inhoud);
            }
        }
        // That there is no leaf is found elsewhere.
        (_, None) => {}
    }
    let erased = page.erased.contains(&document.holder);
    let key = page.keys.get(&document.holder);
    match key {
        None if !erased => find(FindingCode::SleutelOntbreekt),
        None => {}
        Some(holder) => {
            let opened = open_row_key(holder, document.id, row.bytes("sealed_key")?);
            let blob = row.bytes("document")?;
            match opened.and_then(|key| open_whole(&key, document.id, document.part, blob)) {
                // Salt and bytes follow each other, as the commitment has them.
                Ok(whole) if Digest::of(&[&whole]) == commitment => {}
                Ok(_) => find(FindingCode::Inhoud),
                Err(_) => find(FindingCode::GaatNietOpen),
            }
        }
    }
    report.documents += 1;
    report.opened += u64::from(key.is_some());
    report.erased += u64::from(key.is_none() && erased);
    Ok(())
}
