//! Comparing a closed journal, and its release into a new series of checkpoints.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::keys::Vault;
use super::sql::{Cell, Conn, query, unreadable};
use super::standing::{self, Closure, Released, Why};
use super::unit::Unit;
use super::witness::Signed;
use super::writer::State;
use super::{JournalError, OpenError, lease, shared};
use crate::evidence::{Comparison, ErasedCase, Head, Held, Leaf, LeafKind, Restart, commitment};
use crate::message::{Digest, Timestamp};

/// All restarts, the oldest first.
pub(super) async fn load(conn: &mut Conn) -> Result<Vec<Restart>, sqlx::Error> {
    let rows = query("select statement from restart order by series", []).fetch_all(conn).await?;
    let read = |bytes: &[u8]| Restart::parse(bytes).ok_or_else(|| unreadable("statement"));
    rows.iter().map(|row| read(row.bytes("statement")?)).collect()
}

/// The series in which the next checkpoint is signed.
pub(super) async fn series(conn: &mut Conn) -> Result<u32, sqlx::Error> {
    let sql = "select coalesce(max(series), 1) as series from restart";
    let series = query(sql, []).fetch_one(conn).await?.int("series")?;
    u32::try_from(series).map_err(|_| unreadable("series"))
}

/// Why the witness cannot be asked, as orders answer it.
fn unasked(error: OpenError) -> JournalError {
    match error {
        OpenError::Folder { source, .. } | OpenError::File(source) => {
            JournalError::Witness(source.kind())
        }
        OpenError::Recovery(error) => error,
        _ => JournalError::Unreadable("the witness"),
    }
}

impl State {
    /// Carries out erasures that the journal forgot, as far as that makes no leaf: the intent is
    /// written down and the key destroyed. The marks follow at the release. Answers how many.
    pub async fn erase_again(
        &mut self,
        vault: &Vault,
        list: &BTreeSet<ErasedCase>,
    ) -> Result<u64, JournalError> {
        let forgotten = standing::forgotten(&mut self.journal, list).await?;
        if forgotten.is_empty() {
            return Ok(0);
        }
        self.journal.begin().await?;
        for erased in &forgotten {
            let sql = "insert into erasure (holder, kind, asked_by, why, asked_at)
                values ($1, 'casus', 'schakel', 'opnieuw gewist na terugzetten', $2)
                on conflict (holder) do nothing";
            query(sql, [erased.holder.into(), erased.at.into()]).execute(&mut self.journal).await?;
        }
        self.journal.commit().await?;
        self.destroy_keys(forgotten.iter().map(|erased| Cell::from(erased.holder)).collect())
            .await?;
        forgotten.iter().for_each(|erased| vault.forget(erased.holder));
        Ok(forgotten.len() as u64)
    }

    /// Compares, and closes a journal that was open where it is not whole.
    pub async fn compare(
        &mut self,
        vault: &Vault,
        notes: &[String],
        erased: &BTreeSet<ErasedCase>,
        now: Timestamp,
    ) -> Result<Comparison, JournalError> {
        let mut given = Vec::with_capacity(notes.len());
        for (at, note) in notes.iter().enumerate() {
            let signed = Signed::read(note.as_str().into(), &vault.hub);
            given.push(signed.ok_or(JournalError::OtherCheckpoint(at + 1))?);
        }
        let seen = self.witness.read(&vault.hub).await.map_err(unasked)?;
        let held = standing::held(&mut self.journal, &vault.hub).await?;
        let known: Vec<Head> = given.iter().map(|signed| signed.head).chain(seen.newest).collect();
        if known.is_empty() && held.head.size > 0 {
            return Err(JournalError::NothingKnown);
        }
        let mut verdicts = Vec::with_capacity(known.len());
        for head in known {
            let verdict = standing::verdict(&mut self.journal, &held, &head).await?;
            verdicts.push((head, verdict));
        }
        // What was given is remembered: the next comparison may be without it.
        self.witness.erased(erased.iter().copied().collect()).await?;
        for signed in &given {
            self.witness.note(signed, &vault.hub).await;
        }
        let list: BTreeSet<ErasedCase> = seen.erased.union(erased).copied().collect();
        let forgotten = self.erase_again(vault, &list).await?;
        let before = self.closure.clone();
        let again = before.as_ref().map_or(0, |closure| closure.erased_again) + forgotten;
        let comparison = Comparison::of(&held, &verdicts, again, now);
        if before.is_none() && comparison.is_whole() && again == 0 {
            return Ok(comparison);
        }
        let why = match &comparison {
            Comparison { differs: true, .. } => Why::AndereBoom,
            Comparison { lacks: false, .. } => Why::VergetenWissingen,
            _ => Why::AchterGetuige,
        };
        let mut closure = before.unwrap_or_else(|| Closure::new(why, now));
        closure.erased_again = again;
        closure.compared = Some(comparison.clone());
        standing::save(&mut self.journal, &closure).await?;
        self.closure = Some(closure);
        Ok(comparison)
    }

    /// Releases a journal that was compared: states what is left behind, and opens it.
    pub async fn reopen(
        &mut self,
        vault: &Vault,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<Released, JournalError> {
        let closure = self.closure.clone().ok_or(JournalError::NotClosed)?;
        let compared = closure.compared.ok_or(JournalError::NotCompared)?;
        let seen = self.witness.read(&vault.hub).await.map_err(unasked)?;
        let newer = |head: Head| compared.known.is_none_or(|known| head.is_after(&known));
        if seen.newest.is_some_and(newer) {
            return Err(JournalError::NotCompared);
        }
        self.erase_again(vault, &seen.erased).await?;
        self.journal.begin().await?;
        let begun = self.begin_series(vault, &compared, by, why, now).await;
        let released = match begun {
            Ok(released) => released,
            Err(error) => {
                self.journal.rollback().await?;
                return Err(error);
            }
        };
        self.journal.commit().await?;
        self.finish_erasures(vault, now).await?;
        if !self.journal.is_postgres() {
            lease::release_all(&mut self.journal, now).await?;
        }
        self.closure = None;
        Ok(released)
    }

    async fn begin_series(
        &mut self,
        vault: &Vault,
        compared: &Comparison,
        by: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<Released, JournalError> {
        if self.journal.is_postgres() {
            if !shared::become_sequencer(&mut self.journal).await? {
                return Err(JournalError::Busy);
            }
            self.counters.refill(&mut self.journal).await?;
        }
        // Of two hubs that are told so at once, one releases.
        if standing::clear(&mut self.journal).await? == 0 {
            return Err(JournalError::NotClosed);
        }
        let held = standing::held(&mut self.journal, &vault.hub).await?;
        let restart = statement(&held, compared, by, why, now);
        let mut unit = self.unit(vault);
        let id = unit.state(&restart).await?;
        unit.flush().await?;
        self.counters = unit.counters;
        Ok(Released { series: restart.series, id, size: restart.from.size })
    }
}

fn statement(held: &Held, compared: &Comparison, by: &str, why: &str, now: Timestamp) -> Restart {
    Restart {
        series: Restart::number(now, held, compared.known.as_ref()),
        at: now,
        from: held.head,
        known: compared.known,
        missing: compared.missing,
        differs: compared.differs,
        by: by.to_owned(),
        why: why.to_owned(),
    }
}

impl Unit<'_> {
    /// Stores a restart with the leaf that commits to it; answers under which id.
    async fn state(&mut self, restart: &Restart) -> Result<uuid::Uuid, JournalError> {
        let (id, salt) = (self.vault.uuid()?, self.vault.random::<32>()?);
        let statement = restart.to_bytes();
        let leaf = self.reserve_leaf();
        self.put(
            leaf,
            &Leaf {
                kind: LeafKind::Herstel,
                at: restart.at,
                subject: id,
                partner: None,
                catalogue: Digest([0; 32]),
                outcome: format!("reeks-{}", restart.series),
                ciphertext: None,
                commitment: Some(commitment(&salt, &statement)),
            },
        );
        let sql = "insert into restart (series, id, statement, salt, leaf)
            values ($1, $2, $3, $4, $5)";
        let series = i64::from(restart.series);
        let cells = [series.into(), id.into(), statement.into(), salt.to_vec().into(), leaf.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(id)
    }
}

impl State {
    /// Lets the witness know of the newest checkpoint.
    pub async fn tell_witness(&mut self, vault: &Vault, newest: Option<Arc<str>>) {
        let Some(note) = newest.filter(|note| self.noted.as_ref() != Some(note)) else { return };
        if let Some(signed) = Signed::read(Arc::clone(&note), &vault.hub) {
            self.witness.note(&signed, &vault.hub).await;
        }
        self.noted = Some(note);
    }
}
