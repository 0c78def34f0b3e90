//! What coordinators ask about what was agreed. Lists have no text and no names; who wants those
//! says who asks and why, which is in the journal before they are handed out.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Office, Told, journal_refused, needs_name, refused};
use crate::casework::{Agreement, AgreementState, Dossier, Party};
use crate::hub::clock;
use crate::journal::{AgreementAct, AgreementWords, CaseAct, CaseOrder, NamedParty};
use crate::message::{AgreementId, CaseNumber, Timestamp};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeAsked {
    casus: CaseNumber,
    tekst: String,
    /// `{"ketenpartner": "…"}`, or `{"soort": "bewoner", "naam": "…"}`.
    partijen: Vec<NamedParty>,
    tot: Timestamp,
    herzien: Option<Timestamp>,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    casus: CaseNumber,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowAsked {
    afspraak: AgreementId,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeAsked {
    afspraak: AgreementId,
    tot: Option<Timestamp>,
    herzien: Option<Timestamp>,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndAsked {
    afspraak: AgreementId,
    /// `nagekomen`, `niet-nagekomen` or `beeindigd`.
    stand: AgreementState,
    #[serde(default)]
    door: String,
    #[serde(default)]
    reden: String,
}

impl Office {
    pub(super) async fn make_agreement(&self, asked: MakeAsked) -> Told {
        let MakeAsked { casus, tekst: text, partijen: parties, tot, herzien, door, reden } = asked;
        let words = AgreementWords { text, parties, until: tot, review: herzien };
        self.agree(casus, AgreementAct::Make(words), (door, reden)).await
    }

    pub(super) async fn change_agreement(&self, asked: ChangeAsked) -> Told {
        let ChangeAsked { afspraak: id, tot: until, herzien: review, door, reden } = asked;
        self.agree_about(id, AgreementAct::Change { id, until, review }, (door, reden)).await
    }

    pub(super) async fn end_agreement(&self, asked: EndAsked) -> Told {
        let EndAsked { afspraak: id, stand: state, door, reden } = asked;
        if state == AgreementState::Loopt {
            let text = "Zeg wat ervan kwam: nagekomen, niet-nagekomen of beeindigd.";
            return Err(refused(400, "gegevens", text));
        }
        self.agree_about(id, AgreementAct::End { id, state }, (door, reden)).await
    }

    /// The agreements of a case, without what was agreed and without names.
    pub(super) async fn agreements(&self, asked: ListAsked) -> Told {
        let view = self.hub.journal.dossier(&asked.casus).await.map_err(journal_refused)?;
        let dossier = &view.dossier;
        let lines = dossier.agreements.iter().map(|agreement| line(agreement, Some(dossier)));
        Ok(lines.collect())
    }

    pub(super) async fn agreement(&self, asked: ShowAsked) -> Told {
        let ShowAsked { afspraak: id, door: by, reden: why } = asked;
        needs_name(&by, &why)?;
        let (journal, rules) = (&self.hub.journal, self.hub.active().rules);
        let shown = journal.reveal_agreement(id, (by, why), rules, clock::now()).await;
        let shown = shown.map_err(journal_refused)?;
        tracing::warn!(agreement.id = %id, "an agreement was revealed");
        let mut told = line(&shown.agreement, None);
        told["casus"] = json!(shown.case);
        told["tekst"] = json!(shown.words.text);
        told["partijen"] = json!(shown.words.parties);
        Ok(told)
    }

    /// An order about an agreement, in whichever case it is now.
    async fn agree_about(&self, id: AgreementId, act: AgreementAct, who: (String, String)) -> Told {
        let (case, _) = self.hub.journal.agreement(id).await.map_err(journal_refused)?;
        self.agree(case, act, who).await
    }

    async fn agree(
        &self,
        case: CaseNumber,
        act: AgreementAct,
        (by, why): (String, String),
    ) -> Told {
        needs_name(&by, &why)?;
        let order = CaseOrder { case, act: CaseAct::Agree(act), by, why };
        let (journal, rules) = (&self.hub.journal, self.hub.active().rules);
        let done = journal.order_case(order, rules, clock::now()).await.map_err(journal_refused)?;
        // A case that goes on may ask something of a partner.
        self.hub.new_mail();
        Ok(json!(done))
    }
}

/// An agreement in codes and moments. That somebody has to look at it, its case knows.
fn line(agreement: &Agreement, dossier: Option<&Dossier>) -> Value {
    let code = |party: &Party| match party {
        Party::Partner(id) => id.as_str().to_owned(),
        Party::Other { kind } => kind.as_str().to_owned(),
    };
    let asked = dossier
        .map(|dossier| dossier.open_tasks().any(|task| task.agreement == Some(agreement.id)));
    json!({
        "afspraak": agreement.id,
        "stand": agreement.state,
        "partijen": agreement.parties.iter().map(code).collect::<Vec<_>>(),
        "gemaakt": agreement.made_at,
        "tot": agreement.until,
        "herzien": agreement.review_at,
        "teHerzien": asked,
        "geeindigd": agreement.ended_at,
    })
}
