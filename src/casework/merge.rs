//! Two cases that turn out to be one, and one that turns out to be two.
//!
//! The case that is merged keeps its messages, its key and its number; its open tasks move to the
//! other, and move back when the two are split.

use super::dossier::Dossier;
use super::order::OrderFault;
use super::task::{Question, TaskState};
use super::work::Entry;
use crate::message::{CaseId, Timestamp};

/// Merges a case into another.
pub fn merge(
    (from_id, from): (CaseId, &mut Dossier),
    (into_id, into): (CaseId, &mut Dossier),
    at: Timestamp,
) -> Result<[Entry; 2], OrderFault> {
    if from.merged_into.is_some() || into.merged_into.is_some() {
        return Err(OrderFault::Merged);
    }
    if from_id == into_id {
        return Err(OrderFault::Itself);
    }
    if from.is_closed() || into.is_closed() {
        return Err(OrderFault::Closed);
    }
    // A glass is of one case: what it opens may not grow, or go, by what somebody merges.
    if [&*from, &*into].iter().any(|dossier| dossier.open_glasses().next().is_some()) {
        return Err(OrderFault::Widened);
    }
    forget(from, into_id, at);
    forget(into, from_id, at);
    let (open, ended) = from.tasks.drain(..).partition(|task| task.is_open());
    from.tasks = ended;
    for mut task in Vec::from_iter(open) {
        // That sharing was widened is looked back at, whatever becomes of the case.
        let stays = task.question().filter(|asked| *asked != Question::BeoordeelBreekglas);
        if stays.is_some() {
            task.become_state(TaskState::Ingetrokken, at);
            from.tasks.push(task);
        } else {
            task.from = Some((from_id, task.step.take()));
            into.tasks.push(task);
        }
    }
    into.take_agreements(from_id, from);
    for glass in &from.glasses {
        if !into.glasses.iter().any(|known| known.recipient == glass.recipient) {
            into.glasses.push(glass.clone());
        }
    }
    for signal in &from.signals {
        into.remember_signal(*signal);
    }
    into.quiet_since = None;
    from.merged_into = Some(into_id);
    Ok([Entry::plain("samengevoegd-in"), Entry::plain("samengevoegd-met")])
}

/// Undoes a merge: what the case brought along goes back to it.
pub fn split(
    (from_id, from): (CaseId, &mut Dossier),
    (into_id, into): (CaseId, &mut Dossier),
    at: Timestamp,
) -> Result<[Entry; 2], OrderFault> {
    if from.merged_into != Some(into_id) {
        return Err(OrderFault::NotMerged);
    }
    if into.open_glasses().next().is_some() {
        return Err(OrderFault::Widened);
    }
    let brought = |task: &super::Task| task.from.as_ref().is_some_and(|(id, _)| *id == from_id);
    let (back, stay) = into.tasks.drain(..).partition(brought);
    into.tasks = stay;
    for mut task in Vec::from_iter(back) {
        task.step = task.from.take().and_then(|(_, step)| step);
        from.tasks.push(task);
    }
    into.return_agreements(from_id, from, at);
    for signal in &from.signals {
        if let Some(at) = into.signals.iter().position(|known| known == signal) {
            into.signals.remove(at);
        }
    }
    from.merged_into = None;
    Ok([Entry::plain("gesplitst-van"), Entry::plain("gesplitst-uit")])
}

/// Nobody needs to decide any more whether these two are alike.
pub fn forget(dossier: &mut Dossier, other: CaseId, at: Timestamp) {
    dossier.alike.retain(|id| *id != other);
    if dossier.alike.is_empty() {
        for task in &mut dossier.tasks {
            if task.is_open() && task.question() == Some(Question::BeoordeelKoppeling) {
                task.become_state(TaskState::Afgerond, at);
            }
        }
    }
}
