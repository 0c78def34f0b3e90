//! What is in a case already goes to whom the glass was broken for, as far as a purpose that was
//! woken gives it and the recipient does not have it; and what waits is looked at again when a
//! glass ends.

use uuid::Uuid;

use super::Moment;
use super::said::{Said, held, own_cases, said};
use crate::casework::Entry;
use crate::catalogue::Catalogue;
use crate::journal::cases::Lane;
use crate::journal::keys::{Part, open_row_key, open_sealed};
use crate::journal::outbox::{Announced, Made, Place};
use crate::journal::receive::{Group, NO_CASE};
use crate::journal::sql::query;
use crate::journal::unit::{LeafOf, Unit};
use crate::journal::{JournalError, LeafKind};
use crate::message::{Digest, Entropy, PartnerId, Timestamp};
use crate::pipeline::{Admitted, Dispatch, Failure, Had, Parcel, Untold, Widened, widen};

/// What the leaf says that announces what was shared.
const OUTCOME: &str = "breekglas";

/// A message that goes, or of which a parcel could not be made.
struct Shared<'s> {
    message: &'s Said,
    dispatch: Dispatch,
}

impl Group {
    /// Shares what is in a case with whom the glass was broken for; how many messages.
    pub(super) async fn share(
        &mut self,
        unit: &mut Unit<'_>,
        set: &Catalogue,
        moment: Moment<'_>,
        recipient: &PartnerId,
    ) -> Result<usize, JournalError> {
        // What was held a moment ago, in this very group, counts as well.
        unit.flush().await?;
        let cases = own_cases(unit.conn, moment.case).await?;
        self.book.add(unit, cases.iter().copied().collect()).await?;
        if moment.rules.looks_back {
            self.book.look_back(unit).await?;
        }
        let all = said((unit.conn, unit.vault), &unit.succession, &cases).await?;
        let held = held(unit.conn, &all, (recipient, &unit.succession)).await?;
        let mut entropy = Entropy::new(unit.vault.random()?);
        let mut shared = 0;
        for message in all.iter().filter(|message| !held.contains(&message.id)) {
            let told = match message.retold(set, &all) {
                None | Some(Err(Untold::Withdrawn)) => continue,
                Some(told) => told,
            };
            let to = (set, recipient);
            let made = self.widened(unit, moment, to, (message, told), &mut entropy).await?;
            let Some(shares) = made else { continue };
            shared += shares.dispatch.parcels.len();
            self.put_shared(unit, moment, &shares).await?;
        }
        let told = Entry {
            partner: Some(recipient.clone()),
            detail: Some(shared.to_string()),
            ..Entry::plain("breekglas-gedeeld")
        };
        self.regie.entry(moment, &told, None);
        Ok(shared)
    }

    /// What of one message goes; nothing where nothing more does.
    async fn widened<'s>(
        &self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        (set, recipient): (&Catalogue, &PartnerId),
        (message, told): (&'s Said, Result<Admitted, Untold>),
        entropy: &mut Entropy,
    ) -> Result<Option<Shared<'s>>, JournalError> {
        let failed = |failure| {
            let dispatch = Dispatch { failures: vec![failure], ..Dispatch::default() };
            Ok(Some(Shared { message, dispatch }))
        };
        let admitted = match told {
            Ok(admitted) => admitted,
            Err(untold) => {
                let recipient = recipient.clone();
                return failed(Failure { recipient, reason: untold.code(), violations: vec![] });
            }
        };
        let Some(case) = self.book.case(message.case) else { return Ok(None) };
        let had = unit.had(message.id, recipient).await?;
        let had = had.as_ref().map(|(id, made_at, bytes)| Had {
            id: (*id).into(),
            made_at: *made_at,
            bytes,
        });
        let mut state = case.state.clone();
        state.earlier.retain(|parcel| Uuid::from(parcel.message) < message.id);
        match widen(set, &admitted, &state, (recipient, had), moment.at, entropy) {
            Ok(Widened::Nothing | Widened::Same) => Ok(None),
            Ok(Widened::Parcel(parcel)) => {
                let dispatch = Dispatch { parcels: vec![*parcel], ..Dispatch::default() };
                Ok(Some(Shared { message, dispatch }))
            }
            Err(failure) => failed(failure),
        }
    }

    /// Stores a parcel: in the place of the one before it, or at the end of the lane.
    async fn put_shared(
        &mut self,
        unit: &mut Unit<'_>,
        moment: Moment<'_>,
        shared: &Shared<'_>,
    ) -> Result<(), JournalError> {
        let Shared { message, dispatch } = shared;
        let leaf = unit.reserve_leaf();
        let (at, catalogue) = (moment.at, moment.rules.catalogue);
        let made = Made { message: message.id, leaf, at, catalogue, answer: false };
        let mut announced = Announced::default();
        for parcel in &dispatch.parcels {
            self.put_parcel(unit, (message.case, parcel), &made, &mut announced).await?;
        }
        unit.quarantine_unsent(dispatch, &made, message.case, None)?;
        let outcome = announced.outcome(OUTCOME);
        let subject = message.public_id;
        let (kind, partner, document) = (LeafKind::Regie, None, None);
        unit.put_leaf(leaf, LeafOf { kind, at, subject, partner, catalogue, outcome, document });
        Ok(())
    }

    async fn put_parcel(
        &mut self,
        unit: &mut Unit<'_>,
        (case, parcel): (Uuid, &Parcel),
        made: &Made,
        announced: &mut Announced,
    ) -> Result<(), JournalError> {
        let recipient = &parcel.recipient;
        let work = self.book.case_mut(case).ok_or(NO_CASE)?;
        let row = match unit.latest(made.message, recipient).await? {
            Some(old) => unit.exchange(&old, parcel, made, work, announced).await?,
            None => {
                let lane = work.lanes.get(recipient).copied().unwrap_or_default();
                let place = Place { lane, ..Place::default() };
                Some(unit.parcel_row(parcel, made, work, place, announced)?)
            }
        };
        work.lanes.insert(recipient.clone(), Lane { open: true, gap: false });
        work.state.participants.insert(recipient.clone());
        work.state.recipients.insert(recipient.clone());
        unit.store_parcels(row.into_iter().collect()).await?;
        Ok(unit.reorder_lane(case, recipient).await?)
    }
}

impl Unit<'_> {
    /// The newest parcel of a message for a recipient, with its bytes.
    async fn had(
        &mut self,
        message: Uuid,
        recipient: &PartnerId,
    ) -> Result<Option<(Uuid, Timestamp, Vec<u8>)>, JournalError> {
        let Some(old) = self.latest(message, recipient).await? else { return Ok(None) };
        let sql = "select made_at, sealed_key, document from outbox where id = $1";
        let row = query(sql, [old.id.into()]).fetch_one(&mut *self.conn).await?;
        let holder = self.holder_key(old.case).await?;
        let key = open_row_key(&holder, old.id, &row.blob("sealed_key")?)?;
        let (_, bytes) = open_sealed(&key, old.id, Part::Parcel, &row.blob("document")?)?;
        Ok(Some((old.id, row.time("made_at")?, bytes)))
    }

    /// A glass ended: what still waits because of it was made under no set that is in force, so
    /// that every attempt looks again, also where a clock is set back.
    pub(super) async fn look_again(
        &mut self,
        case: Uuid,
        recipient: &PartnerId,
    ) -> Result<(), JournalError> {
        for case in own_cases(self.conn, case).await? {
            let sql = "update outbox set catalogue = $3 where recipient = $1 and case_id = $2
                and state in ('wacht', 'uitval') and detail like '%\"breekglasTot\":%'";
            let cells = [recipient.as_str().into(), case.into(), Digest([0; 32]).into()];
            query(sql, cells).execute(&mut *self.conn).await?;
        }
        Ok(())
    }
}
