//! The case in which recipients of an erased one hear of it (AVG article 19): a request to each of
//! them, with terms, reminders and a coordinator behind it as every request has.

use super::dossier::Dossier;
use super::task::{Deadlines, Question, TaskState};
use super::work::{Asked, Entry, Follow, Scene, Work};
use crate::message::{Entropy, PartnerId, TaskId, Term, ToErase};

/// What the municipality asks: a code of `gevraagdeActie.soort`.
const ACTION: &str = "wissen";

/// To say that it has the notice, to say whether it will, and to have erased: within the month that
/// AVG article 12 gives.
const RECEIVED: Term = Term::WorkingDays(2);
const ACCEPTED: Term = Term::WorkingDays(10);
const DONE: Term = Term::WorkingDays(20);
/// A reminder goes this long before.
const REMIND: Term = Term::WorkingDays(2);

/// Asks each of these recipients to erase, and puts before a coordinator whom no message reaches:
/// who is suspended, who left the set, and the municipality's own systems.
pub fn erasure_told(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    recipients: &[(PartnerId, ToErase)],
    unreachable: &[PartnerId],
    entropy: &mut Entropy,
) -> Follow {
    let mut work = Work::new(dossier, scene, entropy);
    for (partner, to_erase) in recipients {
        work.ask(Asked {
            step: None,
            action: ACTION.to_owned(),
            partner: partner.clone(),
            urgent: false,
            deadlines: Deadlines {
                received: RECEIVED.after(scene.at),
                accepted: ACCEPTED.after(scene.at),
                done: DONE.after(scene.at),
            },
            remind: Some(REMIND),
            to_erase: Some(Box::new(to_erase.clone())),
        });
    }
    for partner in unreachable {
        work.untold(partner);
    }
    work.advance()
}

/// A notice that the set gave no way to its recipient: a coordinator tells it instead.
pub fn erasure_untold(
    dossier: &mut Dossier,
    scene: Scene<'_>,
    tasks: &[TaskId],
    entropy: &mut Entropy,
) -> Follow {
    let mut work = Work::new(dossier, scene, entropy);
    for id in tasks {
        let Some(task) = work.dossier.task_mut(*id) else { continue };
        // Nothing was said about it, so that nothing is to be said about its end either.
        task.become_state(TaskState::Ingetrokken, scene.at);
        if let Some(partner) = task.partner().cloned() {
            work.untold(&partner);
        }
    }
    work.advance()
}

impl Work<'_> {
    fn untold(&mut self, partner: &PartnerId) {
        self.follow
            .entries
            .push(Entry { partner: Some(partner.clone()), ..Entry::plain("wissing-niet-gemeld") });
        self.question(Question::MeldWissing, None, None);
    }
}
