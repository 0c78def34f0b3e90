//! Small reads for the front door: credentials, secrets, suspensions, the active configuration,
//! and proofs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::keys::{Part, open_row_key, open_sealed};
use super::sql::{Conn, Row, fetch_in, query};
use super::{Journal, JournalError, cases, partners, views};
use crate::evidence::{Proof, TreeError, consistency_proof, inclusion_proof};
use crate::message::{CaseId, CaseState, Digest, Glass, MessageId, PartnerId, Timestamp};

/// A credential as operators see it; the token itself is nowhere.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    pub id: Uuid,
    pub partner: PartnerId,
    pub label: String,
    #[serde(rename = "gemaakt")]
    pub added_at: Timestamp,
    #[serde(rename = "ingetrokken")]
    pub revoked_at: Option<Timestamp>,
}

/// A set of configuration that is active, or was proposed.
#[derive(Debug, Clone)]
pub struct Activation {
    pub id: Uuid,
    pub catalogue: Digest,
    pub asked_by: String,
    pub approved_by: Option<String>,
    pub widens: bool,
    pub note: String,
    /// `actief` (now or once), `voorgesteld`, `geweigerd`, or `schaduw`: only tried.
    pub state: String,
    pub at: Timestamp,
    /// When it became active, or was refused.
    pub decided_at: Option<Timestamp>,
    /// Who refused it, and why.
    pub refused: Option<(String, String)>,
}

impl Journal {
    /// A case as it is now, for who dispatches this message of it anew: of what recipients got,
    /// only what was made of messages before it. `Erased` where its content is gone.
    pub async fn case_state(
        &self,
        case: CaseId,
        message: MessageId,
    ) -> Result<CaseState, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let (id, names) = (Uuid::from(case), self.roll.get());
        let mut found = cases::load((&mut conn, &self.vault), &names, BTreeSet::from([id])).await?;
        cases::load_earlier(&mut conn, &names, &mut found).await?;
        if let Some(mut case) = found.remove(&id) {
            let into = case.dossier.as_ref().and_then(|dossier| dossier.merged_into);
            if let Some(into) = into {
                case.state.glasses = self.glasses_of(into.into()).await?;
            }
            // The ids of messages are in the order of their moments.
            case.state.earlier.retain(|parcel| parcel.message < message);
            return Ok(case.state);
        }
        let known = query("select id from cases where id = $1", [id.into()]);
        match known.fetch_optional(&mut conn).await? {
            Some(_) => Err(JournalError::Erased),
            None => Err(JournalError::NotFound),
        }
    }

    /// The glasses of a case that took over others, or of the one that took that over.
    async fn glasses_of(&self, mut case: Uuid) -> Result<Vec<Glass>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        for _ in 0..cases::MERGES_MAX {
            let sql = "select document from dossier where case_id = $1";
            let row = query(sql, [case.into()]).fetch_optional(&mut conn).await?;
            let Some(row) = row else { break };
            let dossier = cases::read_dossier(&row.text("document")?, &self.roll.get())?;
            let Some(into) = dossier.merged_into else { return Ok(dossier.glasses) };
            case = into.into();
        }
        Ok(Vec::new())
    }

    /// When the next parcel for one of these recipients is due; in the past where one is.
    pub async fn next_due(
        &self,
        recipients: &[PartnerId],
    ) -> Result<Option<Timestamp>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        let names = recipients.iter().map(|recipient| recipient.as_str().into()).collect();
        let sql = "select min(next_attempt_at) as due from outbox
            where head = 1 and urgent in (0, 1) and recipient in ({ids})";
        let rows = fetch_in(&mut conn, sql, names).await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in &rows {
            due.extend(row.maybe_time("due")?);
        }
        Ok(due.into_iter().min())
    }

    /// Whose token this is.
    pub async fn find_token(&self, hash: Digest) -> Result<Option<PartnerId>, JournalError> {
        let sql = "select partner from credential where hash = $1 and revoked_at is null";
        let row =
            query(sql, [hash.into()]).fetch_optional(&mut self.reads.acquire().await?).await?;
        Ok(row.map(|row| row.parsed("partner")).transpose()?)
    }

    /// The credentials of a partner, revoked ones too.
    pub async fn credentials(&self, partner: &PartnerId) -> Result<Vec<Credential>, JournalError> {
        let sql = "select * from credential where partner = $1 order by added_at";
        let rows = query(sql, [partner.as_str().into()])
            .fetch_all(&mut self.reads.acquire().await?)
            .await?;
        let read = |row: &Row| {
            Ok(Credential {
                id: row.uuid("id")?,
                partner: row.parsed("partner")?,
                label: row.text("label")?,
                added_at: row.time("added_at")?,
                revoked_at: row.maybe_time("revoked_at")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The valid webhook secrets of a partner with their ids, newest first.
    pub async fn secrets(&self, partner: &PartnerId) -> Result<Vec<(Uuid, Vec<u8>)>, JournalError> {
        let sql = "select id, sealed from secret
            where partner = $1 and revoked_at is null order by added_at desc";
        let rows = query(sql, [partner.as_str().into()])
            .fetch_all(&mut self.reads.acquire().await?)
            .await?;
        let mut secrets = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.uuid("id")?;
            let aad = partners::secret_aad(id);
            let secret = self.vault.hub.open_secret(&row.blob("sealed")?, &aad);
            secrets.push((id, secret.map_err(|_| JournalError::Unreadable("a secret"))?));
        }
        Ok(secrets)
    }

    pub async fn suspended(&self) -> Result<BTreeSet<PartnerId>, JournalError> {
        Ok(partners::load_suspended(&mut self.reads.acquire().await?).await?)
    }

    /// The configuration that is active now.
    pub async fn current_activation(&self) -> Result<Option<Activation>, JournalError> {
        let sql = "select * from activation where state = 'actief'
            order by decided_at desc, seq desc limit 1";
        Ok(self.activations(sql).await?.pop())
    }

    /// The files of a set that was kept, as they were given.
    pub async fn set_files(&self, catalogue: Digest) -> Result<Option<Vec<u8>>, JournalError> {
        let sql = "select files from set_files where catalogue = $1";
        let mut conn = self.reads.acquire().await?;
        let row = query(sql, [catalogue.into()]).fetch_optional(&mut conn).await?;
        Ok(row.map(|row| row.blob("files")).transpose()?)
    }

    /// Proposals that wait for a second person, oldest first.
    pub async fn proposals(&self) -> Result<Vec<Activation>, JournalError> {
        self.activations("select * from activation where state = 'voorgesteld' order by seq").await
    }

    /// What was wanted of sets lately, and what became of that; the newest first.
    pub async fn activation_history(&self) -> Result<Vec<Activation>, JournalError> {
        self.activations("select * from activation order by seq desc limit 100").await
    }

    async fn activations(&self, sql: &'static str) -> Result<Vec<Activation>, JournalError> {
        let rows = query(sql, []).fetch_all(&mut self.reads.acquire().await?).await?;
        let read = |row: &Row| {
            Ok(Activation {
                id: row.uuid("id")?,
                catalogue: row.digest("catalogue")?,
                asked_by: row.text("asked_by")?,
                approved_by: row.maybe_text("approved_by")?,
                widens: row.int("widens")? != 0,
                note: row.text("note")?,
                state: row.text("state")?,
                at: row.time("at")?,
                decided_at: row.maybe_time("decided_at")?,
                refused: row.maybe_text("refused_by")?.zip(row.maybe_text("refused_why")?),
            })
        };
        rows.iter().map(read).collect()
    }

    /// The newest signed checkpoint.
    pub async fn latest_checkpoint(&self) -> Result<Option<Arc<str>>, JournalError> {
        Ok(views::newest_checkpoint(&mut self.reads.acquire().await?).await?)
    }

    /// Proofs of all leaves about a subject (public id, parcel, refusal), oldest first, in the
    /// newest signed tree. Leaves that are not in it yet are left out. `with_salt` adds the salt
    /// of the document, for the partner that has it anyway.
    pub async fn proofs(&self, subject: Uuid, with_salt: bool) -> Result<Vec<Proof>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        // One snapshot, so that tiles and checkpoint are of the same moment.
        conn.snapshot().await?;
        let sql = "select size, note from checkpoint order by size desc limit 1";
        let Some(row) = query(sql, []).fetch_optional(&mut conn).await? else {
            conn.end().await?;
            return Ok(Vec::new());
        };
        let (size, note) = (u64::try_from(row.int("size")?).unwrap_or(0), row.text("note")?);
        let sql = "select l.data, n.number from leaf l join numbered n on n.leaf = l.id
            where l.subject = $1 order by n.number";
        let mut proofs = Vec::new();
        for row in query(sql, [subject.into()]).fetch_all(&mut conn).await? {
            let number = u64::try_from(row.int("number")?).unwrap_or(u64::MAX);
            let node = |node: &mut dyn FnMut(u8, u64) -> Option<Digest>| {
                inclusion_proof(number, size, node)
            };
            let path = path_of(&mut conn, node).await?;
            proofs.push(Proof {
                blad: row.blob("data")?,
                volgnummer: number,
                omvang: size,
                pad: path,
                controlepunt: note.clone(),
                zout: None,
            });
        }
        conn.end().await?;
        drop(conn);
        if with_salt && !proofs.is_empty() {
            let salt = self.salt_of(subject).await?;
            proofs.iter_mut().for_each(|proof| proof.zout = salt);
        }
        Ok(proofs)
    }

    /// Proof that the newest signed tree starts with the tree of `size` leaves.
    pub async fn consistency(&self, size: u64) -> Result<Vec<Digest>, JournalError> {
        let mut conn = self.reads.acquire().await?;
        conn.snapshot().await?;
        let sql = "select coalesce(max(size), 0) as size from checkpoint";
        let newest = query(sql, []).fetch_one(&mut conn).await?.int("size")?;
        let newest = u64::try_from(newest).unwrap_or(0);
        let node =
            |node: &mut dyn FnMut(u8, u64) -> Option<Digest>| consistency_proof(size, newest, node);
        let path = path_of(&mut conn, node).await;
        conn.end().await?;
        path
    }

    /// The salt of a document by the subject of its leaves; `None` where it was erased.
    async fn salt_of(&self, subject: Uuid) -> Result<Option<[u8; 32]>, JournalError> {
        let sql = "select salt from restart where id = $1";
        let mut conn = self.reads.acquire().await?;
        if let Some(row) = query(sql, [subject.into()]).fetch_optional(&mut conn).await? {
            return Ok(row.blob("salt")?.try_into().ok());
        }
        drop(conn);
        let sql = "select id, case_id as holder, sealed_key, native as document, 'i' as kind
                from inbox where public_id = $1
            union all select id, case_id, sealed_key, document, 'o' from outbox where id = $1
            union all select id, holder, sealed_key, document, 'q' from quarantine
                where id = $1 and document is not null";
        let row =
            query(sql, [subject.into()]).fetch_optional(&mut self.reads.acquire().await?).await?;
        let Some(row) = row else { return Ok(None) };
        let part = match row.text("kind")?.as_str() {
            "i" => Part::Native,
            "o" => Part::Parcel,
            _ => Part::Quarantine,
        };
        let id = row.uuid("id")?;
        let holder = match self.vault.holder_key(row.uuid("holder")?).await {
            Err(JournalError::Erased) => return Ok(None),
            holder => holder?,
        };
        let key = open_row_key(&holder, id, &row.blob("sealed_key")?)?;
        Ok(Some(open_sealed(&key, id, part, &row.blob("document")?)?.0))
    }
}

/// A path in the tree. The pure function asks for nodes; those it lacks are fetched, until it
/// lacks none.
async fn path_of(
    conn: &mut Conn,
    path: impl Fn(&mut dyn FnMut(u8, u64) -> Option<Digest>) -> Result<Vec<Digest>, TreeError>,
) -> Result<Vec<Digest>, JournalError> {
    let mut nodes: BTreeMap<(u8, u64), Digest> = BTreeMap::new();
    loop {
        let mut missing = Vec::new();
        let found = path(&mut |level, index| {
            let known = nodes.get(&(level, index)).copied();
            if known.is_none() {
                missing.push((level, index));
            }
            // Any hash will do for now: the path is only taken when none was missing.
            Some(known.unwrap_or(Digest([0; 32])))
        });
        let found = found.map_err(|_| JournalError::NotFound)?;
        if missing.is_empty() {
            return Ok(found);
        }
        for (level, index) in missing {
            let node = views::tree_node(conn, level, index).await?;
            nodes.insert((level, index), node.ok_or(JournalError::Unreadable("a tile"))?);
        }
    }
}
