//! Making another set active: checked, compared with the one in force, approved, and recorded.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use uuid::Uuid;

use super::active::{Active, SetError, checked, keep, kept_files};
use super::shadow::Tried;
use super::{Hub, clock};
use crate::catalogue::Catalogue;
use crate::catalogue::disclosure::{compare, widened};
use crate::catalogue::problem::Files;
use crate::journal::{Activation, JournalError, PartnerOrder, Proposal};
use crate::message::Digest;

/// Who asks for a set, and who agrees.
#[derive(Debug, Clone)]
pub struct Asked {
    pub by: String,
    pub approved_by: Option<String>,
    pub note: String,
    /// Only compare.
    pub dry_run: bool,
}

impl Hub {
    /// Activates a set, or proposes it where a second person must agree.
    pub(super) async fn activate(&self, files: &Files, asked: &Asked) -> Result<Value, SetError> {
        let catalogue = checked(files)?;
        let digest = catalogue.digest();
        let active = self.active();
        let needs_second = !widened(&active.catalogue, &catalogue).is_empty();
        let mut answer = compared(&active.catalogue, &catalogue);
        let mut tell = |state: &str| {
            if let Some(object) = answer.as_object_mut() {
                object.insert("status".to_owned(), Value::from(state));
            }
        };
        if digest == active.catalogue.digest() {
            tell("is al actief");
            return Ok(answer);
        }
        if asked.dry_run {
            tell("alleen vergeleken");
            return Ok(answer);
        }
        keep(&self.journal, digest, files).await?;
        let proposal = Proposal {
            catalogue: digest,
            asked_by: asked.by.clone(),
            widens: needs_second,
            approved_by: asked.approved_by.clone(),
            note: asked.note.clone(),
        };
        let order = PartnerOrder::Activate(proposal);
        let id = self.journal.partner_order(order, clock::now()).await?;
        if needs_second && asked.approved_by.is_none() {
            tell("voorgesteld: een tweede persoon moet akkoord geven");
            if let Some(object) = answer.as_object_mut() {
                object.insert("voorstel".to_owned(), json!(id));
            }
            return Ok(answer);
        }
        self.take_over(catalogue);
        tell("actief");
        Ok(answer)
    }

    /// A second person agrees to a proposal. `seen` is the set with which it was compared, where
    /// somebody looked at that first: they agree to what they saw, and to nothing else.
    pub(super) async fn approve(
        &self,
        id: Uuid,
        by: String,
        seen: Option<Digest>,
    ) -> Result<Value, SetError> {
        if seen.is_some_and(|seen| seen != self.active().catalogue.digest()) {
            return Err(SetError::Moved);
        }
        let catalogue = self.proposed(id).await?;
        self.journal.partner_order(PartnerOrder::Approve { id, by }, clock::now()).await?;
        let digest = catalogue.digest().to_string();
        self.take_over(catalogue);
        Ok(json!({ "set": digest, "status": "actief" }))
    }

    /// The set of a proposal that waits, checked again: this hub may be another than the one that
    /// took it.
    async fn proposed(&self, id: Uuid) -> Result<Catalogue, SetError> {
        let proposals = self.journal.proposals().await?;
        let proposal = proposals.into_iter().find(|p| p.id == id).ok_or(JournalError::NotFound)?;
        let files = kept_files(&self.journal, proposal.catalogue).await?;
        let catalogue = checked(&files)?;
        if catalogue.digest() != proposal.catalogue {
            return Err(SetError::Changed(proposal.catalogue));
        }
        Ok(catalogue)
    }

    /// A proposal beside what is active now.
    pub(super) async fn proposal(&self, id: Uuid) -> Result<Value, SetError> {
        let proposals = self.journal.proposals().await?;
        let proposal = proposals.into_iter().find(|p| p.id == id).ok_or(JournalError::NotFound)?;
        let catalogue = self.candidate(Tried::Proposal(id)).await?;
        let compared = compared(&self.active().catalogue, &catalogue);
        Ok(json!({ "voorstel": line_of(&proposal), "verschil": compared }))
    }

    /// A set that was active before takes over again: an activation like any other.
    pub(super) async fn return_to(&self, set: Digest, asked: &Asked) -> Result<Value, SetError> {
        let known = self.journal.activation_history().await?;
        if !known.iter().any(|row| row.catalogue == set && row.state == "actief") {
            return Err(JournalError::NotFound.into());
        }
        if asked.dry_run {
            let catalogue = self.candidate(Tried::Set(set)).await?;
            return Ok(compared(&self.active().catalogue, &catalogue));
        }
        let files = kept_files(&self.journal, set).await?;
        Box::pin(self.activate(&files, asked)).await
    }

    /// The set in force, what waits for a second person, and what was wanted of sets before.
    pub(super) async fn sets(&self) -> Result<Value, JournalError> {
        let history = self.journal.activation_history().await?;
        let current = self.journal.current_activation().await?;
        let proposals = self.journal.proposals().await?;
        let lines = |rows: &[Activation]| rows.iter().map(line_of).collect::<Vec<_>>();
        Ok(json!({
            "set": self.active().catalogue.digest().to_string(),
            "actief": current.as_ref().map(line_of),
            "voorstellen": lines(&proposals),
            "verloop": lines(&history),
        }))
    }

    pub(super) fn take_over(&self, catalogue: Catalogue) {
        tracing::info!(catalogue.digest = %catalogue.digest(), "another set is active");
        self.journal.call_partners(Arc::clone(&catalogue.succession));
        self.active.set(Active::new(catalogue, self.directs.load(Ordering::Relaxed)));
        self.new_mail();
    }
}

/// How another set differs from the one in force.
fn compared(active: &Catalogue, other: &Catalogue) -> Value {
    json!({
        "set": other.digest().to_string(),
        "huidigeSet": active.digest().to_string(),
        "ruimer": widened(active, other),
        "krapper": widened(other, active),
        "doelen": changed_targets(active, other),
        "vergelijking": compare(active, other),
    })
}

fn line_of(row: &Activation) -> Value {
    json!({
        "id": row.id,
        "set": row.catalogue.to_string(),
        "stand": row.state,
        "door": row.asked_by,
        "akkoord": row.approved_by,
        "geeftMeer": row.widens,
        "reden": row.note,
        "op": row.at,
        "besloten": row.decided_at,
        "geweigerdDoor": row.refused.as_ref().map(|(by, _)| by),
        "geweigerdWaarom": row.refused.as_ref().map(|(_, why)| why),
    })
}

/// Targets of the programme that go (`-`) and that come (`+`), a line each; a changed one is both.
fn changed_targets(old: &Catalogue, new: &Catalogue) -> Vec<String> {
    let sentences = |catalogue: &Catalogue| -> BTreeSet<String> {
        let programme = catalogue.programme.iter();
        let said = programme.flat_map(|p| p.targets.iter().map(|target| p.in_words(target)));
        said.collect()
    };
    let (before, now) = (sentences(old), sentences(new));
    let gone = before.difference(&now).map(|line| format!("- {line}"));
    gone.chain(now.difference(&before).map(|line| format!("+ {line}"))).collect()
}
