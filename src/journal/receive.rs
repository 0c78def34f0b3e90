//! What comes in: recognised, decided, sealed and stored, a group of messages at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::cases::{CaseBook, hash_of};
use super::confirm::{Confirmed, Word};
use super::door::RefusedOf;
use super::erasures::persons;
use super::inbox::{INBOX, PutMessage, SealedMessage, inbox_row, named};
use super::keys::{Part, open_row_key, open_sealed};
use super::outbox::{Made, ParcelRow};
use super::regie::{Answered, Happened, RegieRows};
use super::sql::{Cell, Row, Table, fetch_in, query};
use super::unit::{LeafOf, Unit};
use super::{Accepted, JournalError, LeafKind, Received, Refused, Submission};
use crate::casework::{self, Decision, Found, Matching};
use crate::evidence::DataKey;
use crate::message::{
    CanonicalMessage, CaseNumber, Digest, Effect, Entropy, Fault, PartnerId, Refusal, Timestamp,
};
use crate::pipeline::{Admitted, Dispatch};

pub(super) const NO_CASE: JournalError = JournalError::Unreadable("the case of a message");

const PERSON: Table = Table {
    name: "person",
    columns: "key, case_id, since",
    suffix: "on conflict (key, case_id) do nothing",
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
pub(super) struct Group {
    /// Messages that came before, by their key.
    known: HashMap<Digest, Row>,
    /// Messages accepted earlier in this group.
    fresh: HashMap<Digest, (Digest, Accepted)>,
    /// Parcels that receipts of this group speak of.
    parcels: HashMap<Uuid, ParcelRow>,
    pub book: CaseBook,
    inbox: Vec<Vec<Cell>>,
    outbox: Vec<Vec<Cell>>,
    /// Who occurs in which case, since when.
    persons: BTreeMap<(Digest, Uuid), Timestamp>,
    /// Stages to be recorded, after the rows of the group are written.
    words: Vec<Word>,
    /// What cases did about it.
    pub regie: RegieRows,
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
        group.store(self).await?;
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
    /// The cases themselves, for what is no message.
    pub async fn of_cases(
        unit: &mut Unit<'_>,
        cases: BTreeSet<Uuid>,
    ) -> Result<Self, JournalError> {
        let book = CaseBook::load(unit, &[], cases).await?;
        Ok(Self { book, ..Self::default() })
    }

    /// Writes the rows, those that others refer to first.
    pub async fn store(mut self, unit: &mut Unit<'_>) -> Result<(), JournalError> {
        self.book.store(unit).await?;
        let persons = self.persons.into_iter();
        let persons = persons.map(|((key, case), at)| vec![key.into(), case.into(), at.into()]);
        PERSON.insert(unit.conn, persons.collect()).await?;
        INBOX.insert(unit.conn, self.inbox).await?;
        unit.store_parcels(self.outbox).await?;
        for word in self.words {
            unit.record(&word).await?;
        }
        unit.store_regie(self.regie, &self.book).await
    }

    /// Seals a message that belongs to a case, and notes its rows and those of its parcels.
    pub fn put(
        &mut self,
        unit: &mut Unit<'_>,
        put: PutMessage<'_>,
    ) -> Result<Accepted, JournalError> {
        let PutMessage { submission, message, id, public_id, keys, dispatch, .. } = put;
        let Submission { partner, at, .. } = submission;
        let case = self.book.case_mut(put.case).ok_or(NO_CASE)?;
        case.state.participants.insert(partner.clone());
        let sealed = SealedMessage::new(unit, &case.key, id, message, &submission.bytes)?;
        for person in persons(message.usage, &message.data) {
            self.persons.entry((hash_of(unit, &person), put.case)).or_insert(*at);
        }
        let leaf = unit.reserve_leaf();
        let made = Made {
            message: id,
            leaf,
            at: *at,
            catalogue: submission.rules.catalogue,
            answer: message.effect == Effect::Bevestiging,
        };
        let rows = unit.put_parcels(dispatch, &made, case)?;
        if !made.answer {
            case.remember((id, message), &dispatch.parcels, *at);
        }
        let accepted = Accepted {
            public_id,
            repeat: false,
            salt: Some(sealed.native.salt),
            commitment: sealed.native.commitment,
            case_number: case.state.number.clone(),
            parcels: rows.rows.len(),
            not_sent_named: named(dispatch),
            checkpoint: unit.checkpoint.clone(),
        };
        let outcome = sealed.announce(&rows.announced).outcome("aangenomen");
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
        self.outbox.extend(rows.rows);
        let ids = [id.into(), Uuid::from(public_id).into(), keys.0.into(), keys.1.into()];
        let row = inbox_row(unit, submission, message, ids, (put.case, leaf), sealed);
        self.inbox.push(row);
        Ok(accepted)
    }

    /// The reads of a whole group: what came before, the parcels spoken of, the cases.
    async fn load(unit: &mut Unit<'_>, submissions: &[&Submission]) -> Result<Self, JournalError> {
        let (mut ids, mut keys, mut parcels) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
        for submission in submissions {
            let Ok(admitted) = &submission.verdict else { continue };
            let message = admitted.message();
            for name in unit.succession.names(&submission.partner) {
                ids.insert(unit.message_key(name, message).into());
            }
            keys.extend(casework::keys(message, &unit.succession));
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
        // What it sent under a former name is known by its bytes too: who merged may have counted
        // as others did.
        for name in unit.succession.before(&submission.partner) {
            if let Some(row) = self.known.get(&unit.message_key(name, message))
                && row.digest("content")? == content
            {
                return Ok(Received::Accepted(unit.repeat(row).await?));
            }
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
            let partner = &submission.partner;
            let own =
                |(_, parcel): &(_, &ParcelRow)| unit.succession.same(&parcel.recipient, partner);
            match told.zip(parcel).filter(own) {
                Some((told, parcel)) => {
                    confirmed = Some(Confirmed::new(parcel, partner, told, submission.at));
                }
                None => return unit.refuse(submission, unknown_parcel(), None),
            }
        }
        let answered = match self.answered(unit, submission, message).await? {
            Ok(answered) => answered,
            Err(refusal) => return unit.refuse(submission, refusal, None),
        };
        let followed = (confirmed, answered);
        let accepted = self.accept(unit, submission, admitted, followed, (key, content)).await?;
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

    /// Decides, seals and notes the rows of a message, and what its case does about it.
    async fn accept(
        &mut self,
        unit: &mut Unit<'_>,
        submission: &Submission,
        admitted: &Admitted,
        (confirmed, answered): (Option<Confirmed>, Option<Answered>),
        keys: (Digest, Digest),
    ) -> Result<Accepted, JournalError> {
        let Submission { at, rules, .. } = submission;
        let message = admitted.message();
        let mut entropy = Entropy::new(submission.seed);
        let id = Uuid::from(entropy.message_id(*at));
        let public_id = entropy.public_id();
        let (case_id, decision) =
            self.case_of(unit, message, confirmed.as_ref(), submission, &mut entropy)?;
        let word = confirmed.as_ref().map(Confirmed::on_request);
        let dispatch =
            self.decide(unit, submission, admitted, confirmed, case_id, &mut entropy).await?;
        let put = PutMessage {
            submission,
            message,
            id,
            public_id,
            keys,
            case: case_id,
            dispatch: &dispatch,
        };
        let accepted = self.put(unit, put)?;
        let happened = Happened { id, message, decision, answered, word: word.flatten() };
        let parcels = dispatch.parcels.as_slice();
        let moment = super::regie::Moment { rules, case: case_id, at: *at };
        self.happened(unit, moment, happened, parcels, &mut entropy).await?;
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
        Submission { rules, at, .. }: &Submission,
        entropy: &mut Entropy,
    ) -> Result<(Uuid, Decision), JournalError> {
        let keys = casework::keys(message, &unit.succession);
        let own = keys.first().ok_or(JournalError::Unreadable("the keys of a message"))?;
        let told = confirmed.and_then(|confirmed| self.book.case(confirmed.parcel.case));
        let told = told.map(|case| Found { key: own, case: &case.state, dossier: None });
        let mut found: Vec<Found<'_>> = told.into_iter().collect();
        found.extend(self.book.found(unit, &keys, *at));
        let matching = rules.regie.as_deref();
        let matching =
            matching.map_or_else(Matching::default, |set| Matching::of(set, message, *at));
        let decision = casework::decide(message, &found, matching, *at, entropy);
        // Where no set says how long, it is looked at by who knows one.
        let set = rules.regie.as_deref();
        let until =
            set.and_then(|set| casework::loose_retention(set, message.theme.as_deref(), *at));
        let until = until.unwrap_or(*at);
        let id = self.book.settle(unit, decision.clone(), own, (*at, until))?;
        for (key, until) in casework::leaves(message, matching.theme, *at) {
            self.book.liken(unit, &key, id, until);
        }
        Ok((id, decision))
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
