//! The checks of one page that need no database: leaves against rows, documents against leaves.

use std::collections::{HashMap, HashSet};

use super::page::{Attempt, Document, LeafRow, Page};
use super::{FindingCode, VerifyReport};
use crate::evidence::{Leaf, LeafKind, commitment};
use crate::journal::keys::{Part, open_row_key, open_sealed};
use crate::journal::outbox::Announced;
use crate::message::{Digest, PartnerId};

/// What the rows of a leaf come to.
#[derive(Default)]
struct Rows {
    message: bool,
    refusal: bool,
    attempt: bool,
    announced: Announced,
}

/// Checks a page, its documents on all cores.
pub(super) fn check(page: &Page, report: &mut VerifyReport) {
    let mut leaves: HashMap<i64, Leaf> = HashMap::with_capacity(page.leaves.len());
    for row in &page.leaves {
        match read_leaf(row) {
            Ok(leaf) => drop(leaves.insert(row.id, leaf)),
            Err(code) => report.find(code, Some(row.id), Some(row.subject)),
        }
    }
    check_documents(page, &leaves, report);
    let mut rows: HashMap<i64, Rows> = HashMap::with_capacity(page.leaves.len());
    for document in &page.documents {
        announce(document, rows.entry(document.leaf).or_default());
    }
    for attempt in &page.attempts {
        rows.entry(attempt.leaf).or_default().attempt = true;
        check_attempt(attempt, leaves.get(&attempt.leaf), report);
    }
    let known: HashSet<i64> = page.leaves.iter().map(|leaf| leaf.id).collect();
    for document in page.documents.iter().filter(|document| !known.contains(&document.leaf)) {
        report.find(FindingCode::ZonderBlad, Some(document.leaf), Some(document.subject));
    }
    for row in &page.leaves {
        let Some(leaf) = leaves.get(&row.id) else { continue };
        check_rows(row, leaf, &rows.remove(&row.id).unwrap_or_default(), page, report);
    }
}

fn read_leaf(row: &LeafRow) -> Result<Leaf, FindingCode> {
    let leaf = Leaf::decode(&row.data).map_err(|_| FindingCode::BladOnleesbaar)?;
    let partner = leaf.partner.as_ref().map(PartnerId::as_str);
    let same = leaf.subject == row.subject && partner == row.partner.as_deref();
    if same { Ok(leaf) } else { Err(FindingCode::BladAnders) }
}

fn announce(document: &Document, rows: &mut Rows) {
    match (document.part, &document.beside, &document.parcel) {
        (Part::Native, Some(beside), _) => {
            rows.message = true;
            beside.iter().for_each(|blob| rows.announced.blob(Digest::of(&[blob])));
        }
        (Part::Parcel, _, Some((digest, detail))) => {
            let recipient = document.partner.as_deref().unwrap_or_default();
            let content = [*digest, document.commitment];
            rows.announced.parcel(document.id, recipient, detail, content);
        }
        _ => rows.refusal = true,
    }
}

/// Whether a leaf has the rows that its kind asks for, and announced what there is.
fn check_rows(row: &LeafRow, leaf: &Leaf, rows: &Rows, page: &Page, report: &mut VerifyReport) {
    let there = match leaf.kind {
        LeafKind::Aangenomen => rows.message,
        LeafKind::Geweigerd => rows.refusal,
        LeafKind::Poging => rows.attempt,
        LeafKind::Stadium => page.parcels.contains(&leaf.subject),
        _ => true,
    };
    if !there {
        report.find(FindingCode::ZonderRij, Some(row.id), Some(leaf.subject));
    } else if rows.announced.hash() != Announced::hash_in(&leaf.outcome) {
        report.find(FindingCode::Aangekondigd, Some(row.id), Some(leaf.subject));
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

fn check_documents(page: &Page, leaves: &HashMap<i64, Leaf>, report: &mut VerifyReport) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = page.documents.len().div_ceil(cores).max(1);
    let parts: Vec<VerifyReport> = std::thread::scope(|scope| {
        let work = |documents: &[Document]| {
            let mut part = VerifyReport::default();
            documents.iter().for_each(|document| check_one(document, page, leaves, &mut part));
            part
        };
        let threads: Vec<_> = page
            .documents
            .chunks(share)
            .map(|documents| scope.spawn(move || work(documents)))
            .collect();
        // A thread that panicked leaves a part unchecked, which must not look sound.
        let failed = |_| VerifyReport { wrong: 1, ..VerifyReport::default() };
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(failed)).collect()
    });
    parts.into_iter().for_each(|part| report.add(part));
}

fn check_one(
    document: &Document,
    page: &Page,
    leaves: &HashMap<i64, Leaf>,
    report: &mut VerifyReport,
) {
    let mut find = |code| report.find(code, Some(document.leaf), Some(document.subject));
    let digest = Digest::of(&[&document.blob]);
    match (&document.parcel, leaves.get(&document.leaf)) {
        (Some((stored, _)), _) if *stored != digest => find(FindingCode::Cijfertekst),
        (Some(_), _) => {}
        (None, Some(leaf)) => {
            let partner = leaf.partner.as_ref().map(PartnerId::as_str);
            if leaf.subject != document.subject
                || partner != document.partner.as_deref()
                || leaf.at != document.at
            {
                find(FindingCode::BladAnders);
            }
            if leaf.ciphertext != Some(digest) {
                find(FindingCode::Cijfertekst);
            }
            if leaf.commitment != Some(document.commitment) {
                find(FindingCode::Inhoud);
            }
        }
        // That there is no leaf is found elsewhere.
        (None, None) => {}
    }
    let Some(holder) = page.keys.get(&document.holder) else {
        if page.erased.contains(&document.holder) {
            report.erased += 1;
        } else {
            find(FindingCode::SleutelOntbreekt);
        }
        report.documents += 1;
        return;
    };
    let opened = open_row_key(holder, document.id, &document.sealed_key)
        .and_then(|key| open_sealed(&key, document.id, document.part, &document.blob));
    match opened {
        Ok((salt, bytes)) if commitment(&salt, &bytes) == document.commitment => {}
        Ok(_) => find(FindingCode::Inhoud),
        Err(_) => find(FindingCode::GaatNietOpen),
    }
    report.documents += 1;
    report.opened += 1;
}
