//! What comes in: recognised, decided, sealed and stored, a group of messages at a time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::cases::CaseBook;
use super::confirm::{Confirmed, Word};
use super::door::RefusedOf;
use super::keys::{Part, Sealed, open_row_key, open_sealed};
use super::outbox::{Announced, Made, ParcelRow};
use super::sql::{Cell, Row, Table, fetch_in, query};
use super::unit::{LeafOf, Unit};
use super::{Accepted, JournalError, LeafKind, Received, Refused, Submission};
use crate::casework;
use crate::evidence::DataKey;
use crate::message::CaseState;
use crate::message::{
    CanonicalMessage, CaseNumber, Digest, Effect, Entropy, Fault, PartnerId, Refusal,
};
use crate::pipeline::{Admitted, Dispatch};

const INBOX: Table = Table {
    name: "inbox",
    columns: "seq, id, public_id, key, content, partner, case_id, leaf, kind, effect, usage, \
              theme, urgent, channel, media_type, received_at, catalogue, sealed_key, names, \
              native, canonical, commitment",
    suffix: "",
};

impl Submission {
    /// Whether what recipients got before matters to what it leads to; to an answer it does not.
    fn looks_back(&self) -> bool {
        let asks = |admitted: &Admitted| admitted.message().effect != Effect::Bevestiging;
        self.rules.looks_back && self.verdict.as_ref().is_ok_and(asks)
    }
}

/// What a group of messages has fetched, and what it will write.
#[derive(Default)]
struct Group {
    /// Messages that came before, by their key.
    known: HashMap<Digest, Row>,
    /// Messages accepted earlier in this group.
    fresh: HashMap<Digest, (Digest, Accepted)>,
    /// Parcels that receipts of this group speak of.
    parcels: HashMap<Uuid, ParcelRow>,
    book: CaseBook,
    inbox: Vec<Vec<Cell>>,
    outbox: Vec<Vec<Cell>>,
    /// Stages to be recorded, after the rows of the group are written.
    words: Vec<Word>,
}

/// The names under which its sender knows a message, as they are sealed.
pub(super) fn names_json(message: &CanonicalMessage) -> Vec<u8> {
    let names = [message.external_id.reveal(), message.reference.as_str()];
    serde_json::Value::from(names.as_slice()).to_string().into_bytes()
}

impl Unit<'_> {
    /// Receives a group; the answers are in the order of the submissions.
    pub async fn receive(
        &mut self,
        submissions: &[&Submission],
    ) -> Result<Vec<Received>, JournalError> {
        let mut group = Group::load(self, submissions).await?;
        let mut answers = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let answer = match &submission.verdict {
                Ok(admitted) => group.admitted(self, submission, admitted).await?,
                Err(refusal) => self.refuse(submission, refusal.clone(), None)?,
            };
            answers.push(answer);
        }
        group.book.store(self).await?;
        INBOX.insert(self.conn, group.inbox).await?;
        self.store_parcels(group.outbox).await?;
        for word in group.words {
            self.record(&word).await?;
        }
        Ok(answers)
    }

    pub fn message_key(&self, partner: &PartnerId, message: &CanonicalMessage) -> Digest {
        let value = format!("{partner}\n{}", message.external_id.reveal());
        self.vault.hub.lookup_hash("bericht", value.as_bytes())
    }

    /// A plain hash of a document that holds a BSN could be guessed, so this one is keyed.
    fn content_hash(&self, bytes: &[u8]) -> Digest {
        self.vault.hub.lookup_hash("inhoud", bytes)
    }

    /// Stores a refused message.
    fn refuse(
        &mut self,
        submission: &Submission,
        refusal: Refusal,
        case: Option<(Uuid, Arc<DataKey>)>,
    ) -> Result<Received, JournalError> {
        let kept = self.keep_refused(RefusedOf {
            partner: &submission.partner,
            channel: submission.channel,
            media_type: submission.media_type.as_deref(),
            at: submission.at,
            catalogue: submission.rules.catalogue,
            refusal: &refusal,
            bytes: Some(&submission.bytes),
            case,
        })?;
        let (salt, commitment) = kept.proof.ok_or(JournalError::Sealing)?; // there are bytes
        Ok(Received::Refused(Refused {
            refusal,
            quarantine: kept.quarantine,
            salt,
            commitment,
            checkpoint: self.checkpoint.clone(),
        }))
    }

    /// The receipt of then, for a message that came before.
    async fn repeat(&mut self, row: &Row) -> Result<Accepted, JournalError> {
        let (id, case) = (row.uuid("id")?, row.uuid("case_id")?);
        let salt = match self.vault.holder_key(case).await {
            Ok(holder) => {
                let key = open_row_key(&holder, id, &row.blob("sealed_key")?)?;
                Some(open_sealed(&key, id, Part::Native, &row.blob("native")?)?.0)
            }
            Err(JournalError::Erased) => None,
            Err(error) => return Err(error),
        };
        let sql = "select count(*) as parcels from outbox where message_id = $1";
        let parcels = query(sql, [id.into()]).fetch_one(&mut *self.conn).await?.int("parcels")?;
        let sql = "select reason, partner from quarantine
                   where message_id = $1 and named = 1 order by seq";
        let mut not_sent_named = Vec::new();
        for row in query(sql, [id.into()]).fetch_all(&mut *self.conn).await? {
            let partner = row.maybe_text("partner")?.and_then(|text| text.parse().ok());
            not_sent_named.push((row.text("reason")?, partner));
        }
        Ok(Accepted {
            public_id: row.uuid("public_id")?.into(),
            repeat: true,
            salt,
            commitment: row.digest("commitment")?,
            case_number: CaseNumber::from_stored(row.text("number")?),
            parcels: usize::try_from(parcels).unwrap_or(0),
            not_sent_named,
            checkpoint: self.checkpoint.clone(),
        })
    }
}

impl Group {
    /// The reads of a whole group: what came before, the parcels spoken of, the cases.
    async fn load(unit: &mut Unit<'_>, submissions: &[&Submission]) -> Result<Self, JournalError> {
        let (mut ids, mut keys, mut parcels) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
        for submission in submissions {
            let Ok(admitted) = &submission.verdict else { continue };
            let message = admitted.message();
            ids.insert(unit.message_key(&submission.partner, message).into());
            keys.extend(casework::keys(message));
            parcels.extend(message.confirmation.as_ref().map(|word| Uuid::from(word.parcel)));
        }
        let mut group = Self::default();
        let sql = "select i.*, c.number from inbox i join cases c on c.id = i.case_id
                   where i.key in ({ids})";
        for row in fetch_in(unit.conn, sql, ids.into_iter().collect()).await? {
            group.known.insert(row.digest("key")?, row);
        }
        group.parcels = unit.parcel_rows(parcels).await?;
        let mut cases: BTreeSet<Uuid> = group.parcels.values().map(|p| p.case).collect();
        for row in group.known.values() {
            cases.insert(row.uuid("case_id")?);
        }
        group.book = CaseBook::load(unit, &keys, cases).await?;
        if submissions.iter().any(|submission| submission.looks_back()) {
            group.book.look_back(unit).await?;
        }
        Ok(group)
    }

    async fn admitted(
        &mut self,
        unit: &mut Unit<'_>,
        submission: &Submission,
        admitted: &Admitted,
    ) -> Result<Received, JournalError> {
        let message = admitted.message();
        let key = unit.message_key(&submission.partner, message);
        let content = unit.content_hash(&submission.bytes);
        if let Some((earlier, accepted)) = self.fresh.get(&key) {
            if *earlier == content {
                return Ok(Received::Accepted(Accepted { repeat: true, ..accepted.clone() }));
            }
            return self.conflict(unit, submission, None);
        }
        if let Some(row) = self.known.get(&key) {
            if row.digest("content")? == content {
                return Ok(Received::Accepted(unit.repeat(row).await?));
            }
            let case = row.uuid("case_id")?;
            return self.conflict(unit, submission, Some(case));
        }
        let mut confirmed = None;
        if message.effect == Effect::Bevestiging {
            let told = message.confirmation.as_ref();
            let parcel = told.and_then(|told| self.parcels.get(&told.parcel.into()));
            match told.zip(parcel).filter(|(_, p)| p.recipient == submission.partner) {
                Some(found) => confirmed = Some(Confirmed::new(found.1, found.0, submission.at)),
                None => return unit.refuse(submission, unknown_parcel(), None),
            }
        }
        let accepted = self.accept(unit, submission, admitted, confirmed, (key, content)).await?;
        self.fresh.insert(key, (content, accepted.clone()));
        Ok(Received::Accepted(accepted))
    }

    /// The same id with other bytes: refused, kept, and somebody should look.
    fn conflict(
        &self,
        unit: &mut Unit<'_>,
        submission: &Submission,
        case: Option<Uuid>,
    ) -> Result<Received, JournalError> {
        let holder = case.and_then(|id| Some((id, Arc::clone(&self.book.case(id)?.key))));
        tracing::warn!(partner.id = %submission.partner, "same message id with other content");
        let refusal = Refusal::one(
            Fault::AndereInhoud,
            "",
            "andere-inhoud",
            Fault::AndereInhoud.title(),
            "This message id was used before with other content.",
        );
        unit.refuse(submission, refusal, holder)
    }

    /// Decides, seals and notes the rows of a message.
    async fn accept(
        &mut self,
        unit: &mut Unit<'_>,
        submission: &Submission,
        admitted: &Admitted,
        confirmed: Option<Confirmed>,
        (key, content): (Digest, Digest),
    ) -> Result<Accepted, JournalError> {
        let Submission { partner, at, .. } = submission;
        let message = admitted.message();
        let mut entropy = Entropy::new(submission.seed);
        let id = Uuid::from(entropy.message_id(*at));
        let public_id = entropy.public_id();
        let case_id = self.case_of(unit, message, confirmed.as_ref(), *at, &mut entropy)?;
        let dispatch =
            self.decide(unit, submission, admitted, confirmed, case_id, &mut entropy).await?;
        let case = self.book.case_mut(case_id).ok_or(NO_CASE)?;
        case.state.participants.insert(partner.clone());
        let sealed = SealedMessage::new(unit, &case.key, id, message, &submission.bytes)?;
        let not_sent_named = named(&dispatch);
        let leaf = unit.reserve_leaf();
        let made = Made {
            message: id,
            leaf,
            at: *at,
            catalogue: submission.rules.catalogue,
            answer: message.effect == Effect::Bevestiging,
        };
        let put = unit.put_parcels(&dispatch, &made, case)?;
        if !made.answer {
            case.remember((id, message), &dispatch.parcels, *at);
        }
        let accepted = Accepted {
            public_id,
            repeat: false,
            salt: Some(sealed.native.salt),
            commitment: sealed.native.commitment,
            case_number: case.state.number.clone(),
            parcels: put.rows.len(),
            not_sent_named,
            checkpoint: unit.checkpoint.clone(),
        };
        let outcome = sealed.announce(&put.announced).outcome("aangenomen");
        let document = Some((sealed.native.digest, sealed.native.commitment));
        unit.put_leaf(
            leaf,
            LeafOf {
                kind: LeafKind::Aangenomen,
                at: *at,
                subject: public_id.into(),
                partner: Some(partner),
                catalogue: submission.rules.catalogue,
                outcome,
                document,
            },
        );
        self.outbox.extend(put.rows);
        let ids = [id.into(), Uuid::from(public_id).into(), key.into(), content.into()];
        let row = inbox_row(unit, submission, message, ids, (case_id, leaf), sealed);
        self.inbox.push(row);
        Ok(accepted)
    }

    /// What follows from the message; for a receipt that is the answer to who sent the parcel's.
    async fn decide(
        &mut self,
        unit: &mut Unit<'_>,
        submission: &Submission,
        admitted: &Admitted,
        confirmed: Option<Confirmed>,
        case_id: Uuid,
        entropy: &mut Entropy,
    ) -> Result<Dispatch, JournalError> {
        let Submission { rules, at, .. } = submission;
        let case = self.book.case(case_id).ok_or(NO_CASE)?;
        let Some(confirmed) = confirmed else {
            return Ok((rules.dispatch)(admitted, &case.state, unit.suspended, *at, entropy));
        };
        let dispatch = unit.answer(rules, &confirmed, &case.state, *at, entropy).await?;
        if let Some(word) = confirmed.into_word(rules.catalogue) {
            // So that a second receipt in this group finds the stage that the first one set.
            if let Some(parcel) = self.parcels.get_mut(&word.parcel) {
                parcel.stage = word.stage;
            }
            self.words.push(word);
        }
        Ok(dispatch)
    }

    /// The case of the parcel that a receipt speaks of, or the one that the keys lead to.
    fn case_of(
        &mut self,
        unit: &mut Unit<'_>,
        message: &CanonicalMessage,
        confirmed: Option<&Confirmed>,
        at: crate::message::Timestamp,
        entropy: &mut Entropy,
    ) -> Result<Uuid, JournalError> {
        let keys = casework::keys(message);
        let told = confirmed.and_then(|confirmed| self.book.case(confirmed.parcel.case));
        let mut found: Vec<CaseState> = told.map(|case| case.state.clone()).into_iter().collect();
        found.extend(self.book.found(unit, &keys));
        let decision = casework::decide(message, &found, at, entropy);
        let own = keys.first().ok_or(JournalError::Unreadable("the keys of a message"))?;
        self.book.settle(unit, decision, own, at)
    }
}

/// The documents of a message, sealed under one key.
struct SealedMessage {
    sealed_key: Vec<u8>,
    native: Sealed,
    canonical: Sealed,
    names: Sealed,
}

impl SealedMessage {
    fn new(
        unit: &Unit<'_>,
        holder: &DataKey,
        id: Uuid,
        message: &CanonicalMessage,
        bytes: &[u8],
    ) -> Result<Self, JournalError> {
        let (key, sealed_key) = unit.vault.row_key(holder, id)?;
        let canonical = message.data.to_string();
        Ok(Self {
            sealed_key,
            native: unit.vault.seal(&key, id, Part::Native, bytes)?,
            canonical: unit.vault.seal(&key, id, Part::Canonical, canonical.as_bytes())?,
            names: unit.vault.seal(&key, id, Part::Names, &names_json(message))?,
        })
    }

    /// The leaf of a message announces what is stored beside its native document.
    fn announce(&self, parcels: &Announced) -> Announced {
        let mut all = Announced::default();
        all.blob(self.canonical.digest);
        all.blob(self.names.digest);
        all.append(parcels);
        all
    }
}

const NO_CASE: JournalError = JournalError::Unreadable("the case of a message");

fn inbox_row(
    unit: &mut Unit<'_>,
    submission: &Submission,
    message: &CanonicalMessage,
    ids: [Cell; 4],
    (case, leaf): (Uuid, i64),
    sealed: SealedMessage,
) -> Vec<Cell> {
    let mut row = vec![unit.counters.inbox()];
    row.extend(ids);
    row.extend([
        submission.partner.as_str().into(),
        case.into(),
        leaf.into(),
        message.kind.to_string().into(),
        effect_name(message.effect).into(),
        message.usage.as_str().into(),
        message.theme.clone().into(),
        message.urgent.into(),
        submission.channel.into(),
        submission.media_type.clone().into(),
        submission.at.into(),
        submission.rules.catalogue.into(),
        sealed.sealed_key.into(),
        sealed.names.blob.into(),
        sealed.native.blob.into(),
        sealed.canonical.blob.into(),
        sealed.native.commitment.into(),
    ]);
    row
}

fn named(dispatch: &Dispatch) -> Vec<(String, Option<PartnerId>)> {
    let named = dispatch.not_sent.iter().filter(|not_sent| not_sent.named);
    named.map(|not_sent| (not_sent.reason.to_owned(), not_sent.recipient.clone())).collect()
}

pub(super) fn violations_json(violations: &[crate::message::Violation]) -> String {
    serde_json::to_string(violations).unwrap_or_else(|_| "[]".to_owned())
}

const fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Melding => "melding",
        Effect::Aanvulling => "aanvulling",
        Effect::Intrekking => "intrekking",
        Effect::Bevestiging => "bevestiging",
        Effect::Verzoek => "verzoek",
        Effect::Antwoord => "antwoord",
    }
}

fn unknown_parcel() -> Refusal {
    Refusal::one(
        Fault::OnbekendeZending,
        "",
        "onbekende-zending",
        Fault::OnbekendeZending.title(),
        "This parcel is unknown or was not meant for you.",
    )
}
