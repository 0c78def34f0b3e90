//! What operators decide about partners and configuration: suspension, credentials, webhook
//! secrets, activations. Each is written by the one writer; readers ask the views.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::sql::{Conn, query};
use super::unit::{LeafOf, Unit};
use super::{JournalError, LeafKind};
use crate::message::{Digest, PartnerId, Timestamp, is_same_person};

/// Credentials of a partner that are valid at a time, so that one can follow the other.
pub const CREDENTIALS_MAX: usize = 2;

/// An order about a partner or the configuration.
#[derive(Debug, Clone)]
pub enum PartnerOrder {
    Suspend {
        partner: PartnerId,
        by: String,
        why: String,
    },
    Resume {
        partner: PartnerId,
        by: String,
    },
    /// Only the hash of a token is stored.
    AddToken {
        partner: PartnerId,
        hash: Digest,
        label: String,
    },
    RevokeToken {
        id: Uuid,
    },
    AddSecret {
        partner: PartnerId,
        secret: Vec<u8>,
    },
    RevokeSecret {
        id: Uuid,
    },
    /// Keeps the files of a set, before it is activated or proposed.
    KeepSet {
        catalogue: Digest,
        files: Vec<u8>,
    },
    /// The first set of a journal: does nothing where one is active already.
    Begin(Proposal),
    Activate(Proposal),
    /// A second person agrees to what was proposed.
    Approve {
        id: Uuid,
        by: String,
    },
    /// What was proposed is not to become active. Who proposed it may take it back so as well.
    Refuse {
        id: Uuid,
        by: String,
        why: String,
    },
    /// Somebody sends a partner a test message; written down before it goes.
    Test {
        partner: PartnerId,
        by: String,
        why: String,
    },
    /// Somebody tried a set on traffic of before: nothing follows from it.
    Shadow {
        catalogue: Digest,
        by: String,
        note: String,
    },
}

/// A set of configuration that somebody wants active.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub catalogue: Digest,
    pub asked_by: String,
    /// Where it widens what anyone receives, a second person must approve.
    pub widens: bool,
    pub approved_by: Option<String>,
    pub note: String,
}

pub(super) async fn load_suspended(conn: &mut Conn) -> Result<BTreeSet<PartnerId>, sqlx::Error> {
    let rows = query("select partner from suspension", []).fetch_all(conn).await?;
    rows.iter().map(|row| row.parsed("partner")).collect()
}

/// Partners whose last attempt failed.
pub(super) async fn load_failing(conn: &mut Conn) -> Result<BTreeSet<PartnerId>, sqlx::Error> {
    let rows = query("select partner from failing", []).fetch_all(conn).await?;
    rows.iter().map(|row| row.parsed("partner")).collect()
}

pub(super) fn secret_aad(id: Uuid) -> Vec<u8> {
    format!("webhook {id}").into_bytes()
}

impl Unit<'_> {
    /// Carries an order out; answers with the id of what was added, where something was.
    pub async fn partner_order(
        &mut self,
        order: &PartnerOrder,
        now: Timestamp,
    ) -> Result<Option<Uuid>, JournalError> {
        match order {
            PartnerOrder::Suspend { partner, by, why } => {
                let sql = "insert into suspension (partner, since, by_whom, why)
                    values ($1, $2, $3, $4) on conflict (partner) do nothing";
                let cells =
                    [partner.as_str().into(), now.into(), by.as_str().into(), why.as_str().into()];
                query(sql, cells).execute(&mut *self.conn).await?;
                self.partner_leaf(partner, "geschorst", now)?;
                self.suspensions_changed = true;
                Ok(None)
            }
            PartnerOrder::Resume { partner, .. } => {
                let sql = "delete from suspension where partner = $1";
                let done = query(sql, [partner.as_str().into()]).execute(&mut *self.conn).await?;
                if done == 0 {
                    return Err(JournalError::NotFound);
                }
                self.partner_leaf(partner, "hervat", now)?;
                self.suspensions_changed = true;
                Ok(None)
            }
            PartnerOrder::AddToken { partner, hash, label } => {
                self.add_token(partner, *hash, label, now).await.map(Some)
            }
            PartnerOrder::RevokeToken { id } => self.revoke_token(*id, now).await.map(|()| None),
            PartnerOrder::AddSecret { partner, secret } => {
                self.add_secret(partner, secret, now).await.map(Some)
            }
            PartnerOrder::RevokeSecret { id } => self.revoke_secret(*id, now).await.map(|()| None),
            PartnerOrder::Test { partner, by, why } => {
                let sql = "insert into test_message (partner, at, by_whom, why)
                    values ($1, $2, $3, $4)";
                let cells =
                    [partner.as_str().into(), now.into(), by.as_str().into(), why.as_str().into()];
                query(sql, cells).execute(&mut *self.conn).await?;
                self.partner_leaf(partner, "proefbericht", now)?;
                Ok(None)
            }
            order => self.set_order(order, now).await,
        }
    }

    /// An order about sets.
    async fn set_order(
        &mut self,
        order: &PartnerOrder,
        now: Timestamp,
    ) -> Result<Option<Uuid>, JournalError> {
        match order {
            PartnerOrder::KeepSet { catalogue, files } => {
                let sql = "insert into set_files (catalogue, files, at) values ($1, $2, $3)
                    on conflict (catalogue) do nothing";
                let cells = [(*catalogue).into(), files.clone().into(), now.into()];
                query(sql, cells).execute(&mut *self.conn).await?;
                Ok(None)
            }
            PartnerOrder::Begin(proposal) => {
                let sql = "select id from activation where state = 'actief' limit 1";
                match query(sql, []).fetch_optional(self.conn).await? {
                    Some(_) => Ok(None),
                    None => self.activate(proposal, now).await.map(Some),
                }
            }
            PartnerOrder::Activate(proposal) => self.activate(proposal, now).await.map(Some),
            PartnerOrder::Approve { id, by } => {
                self.approve(*id, by, now).await.map(|()| Some(*id))
            }
            PartnerOrder::Refuse { id, by, why } => {
                self.refuse_proposal(*id, (by, why), now).await.map(|()| Some(*id))
            }
            PartnerOrder::Shadow { catalogue, by, note } => {
                let tried = Proposal {
                    catalogue: *catalogue,
                    asked_by: by.clone(),
                    widens: false,
                    approved_by: None,
                    note: note.clone(),
                };
                self.put_activation(&tried, "schaduw", now).await.map(Some)
            }
            // The others are about partners.
            _ => Err(JournalError::NotFound),
        }
    }

    pub(super) fn partner_leaf(
        &mut self,
        partner: &PartnerId,
        outcome: &str,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let subject = self.vault.uuid()?;
        self.leaf(LeafOf {
            kind: LeafKind::Vastgehouden,
            at: now,
            subject,
            partner: Some(partner),
            catalogue: Digest([0; 32]),
            outcome: outcome.to_owned(),
            document: None,
        });
        Ok(())
    }

    async fn add_token(
        &mut self,
        partner: &PartnerId,
        hash: Digest,
        label: &str,
        now: Timestamp,
    ) -> Result<Uuid, JournalError> {
        let sql = "select count(*) as valid from credential
            where partner = $1 and revoked_at is null";
        let row = query(sql, [partner.as_str().into()]).fetch_one(&mut *self.conn).await?;
        room_for_one(row.int("valid")?)?;
        let id = self.vault.uuid()?;
        let sql = "insert into credential (id, partner, hash, label, added_at)
            values ($1, $2, $3, $4, $5)";
        let cells = [id.into(), partner.as_str().into(), hash.into(), label.into(), now.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(id)
    }

    async fn revoke_token(&mut self, id: Uuid, now: Timestamp) -> Result<(), JournalError> {
        let sql = "update credential set revoked_at = $2 where id = $1 and revoked_at is null";
        let done = query(sql, [id.into(), now.into()]).execute(&mut *self.conn).await?;
        if done == 1 { Ok(()) } else { Err(JournalError::NotFound) }
    }

    async fn add_secret(
        &mut self,
        partner: &PartnerId,
        secret: &[u8],
        now: Timestamp,
    ) -> Result<Uuid, JournalError> {
        let sql = "select count(*) as valid from secret
            where partner = $1 and revoked_at is null";
        let row = query(sql, [partner.as_str().into()]).fetch_one(&mut *self.conn).await?;
        room_for_one(row.int("valid")?)?;
        let id = self.vault.uuid()?;
        let sealed = self.vault.hub.seal_secret(secret, self.vault.random()?, &secret_aad(id));
        let sql = "insert into secret (id, partner, sealed, added_at) values ($1, $2, $3, $4)";
        let cells = [id.into(), partner.as_str().into(), sealed.into(), now.into()];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(id)
    }

    async fn revoke_secret(&mut self, id: Uuid, now: Timestamp) -> Result<(), JournalError> {
        let sql = "update secret set revoked_at = $2 where id = $1 and revoked_at is null";
        let done = query(sql, [id.into(), now.into()]).execute(&mut *self.conn).await?;
        if done == 1 { Ok(()) } else { Err(JournalError::NotFound) }
    }

    async fn activate(
        &mut self,
        proposal: &Proposal,
        now: Timestamp,
    ) -> Result<Uuid, JournalError> {
        let Proposal { asked_by, widens, approved_by, .. } = proposal;
        if approved_by.as_ref().is_some_and(|by| is_same_person(by, asked_by)) {
            return Err(JournalError::SamePerson);
        }
        let active = !widens || approved_by.is_some();
        let state = if active { "actief" } else { "voorgesteld" };
        self.put_activation(proposal, state, now).await
    }

    /// What somebody wants of a set, with its leaf.
    async fn put_activation(
        &mut self,
        proposal: &Proposal,
        state: &str,
        now: Timestamp,
    ) -> Result<Uuid, JournalError> {
        let Proposal { catalogue, asked_by, widens, approved_by, note } = proposal;
        let id = self.vault.uuid()?;
        let active = state == "actief";
        let decided_at = if active { Some(self.decided_at(now).await?) } else { None };
        let leaf = self.leaf(activation_leaf(id, *catalogue, state, now));
        let sql = "insert into activation (id, catalogue, asked_by, approved_by, widens, note,
                state, at, decided_at, leaf) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let cells = [
            id.into(),
            (*catalogue).into(),
            asked_by.as_str().into(),
            approved_by.clone().into(),
            (*widens).into(),
            note.as_str().into(),
            state.into(),
            now.into(),
            decided_at.into(),
            leaf.into(),
        ];
        query(sql, cells).execute(&mut *self.conn).await?;
        Ok(id)
    }

    /// A moment after every decision before it: hubs whose clocks differ agree on the last one.
    async fn decided_at(&mut self, now: Timestamp) -> Result<Timestamp, sqlx::Error> {
        let sql = "select max(decided_at) as last from activation";
        let last = query(sql, []).fetch_one(self.conn).await?.maybe_int("last")?;
        let next = last.map_or(i64::MIN, |last| last.saturating_add(1));
        Ok(Timestamp::from_micros(now.as_micros().max(next)))
    }

    async fn approve(&mut self, id: Uuid, by: &str, now: Timestamp) -> Result<(), JournalError> {
        let (catalogue, asked_by) = self.waiting_proposal(id).await?;
        if is_same_person(&asked_by, by) {
            return Err(JournalError::SamePerson);
        }
        let leaf = self.leaf(activation_leaf(id, catalogue, "actief", now));
        let sql = "update activation set state = 'actief', approved_by = $2, decided_at = $3,
                leaf = $4 where id = $1";
        let decided_at = self.decided_at(now).await?;
        let cells = [id.into(), by.into(), decided_at.into(), leaf.into()];
        query(sql, cells).execute(&mut *self.conn).await.map(drop)?;
        Ok(())
    }

    async fn refuse_proposal(
        &mut self,
        id: Uuid,
        (by, why): (&str, &str),
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let (catalogue, _) = self.waiting_proposal(id).await?;
        let leaf = self.leaf(activation_leaf(id, catalogue, "geweigerd", now));
        let sql = "update activation set state = 'geweigerd', refused_by = $2, refused_why = $3,
                decided_at = $4, leaf = $5 where id = $1";
        let decided_at = self.decided_at(now).await?;
        let cells = [id.into(), by.into(), why.into(), decided_at.into(), leaf.into()];
        query(sql, cells).execute(&mut *self.conn).await.map(drop)?;
        Ok(())
    }

    /// The set of a proposal that waits, and who wants it.
    async fn waiting_proposal(&mut self, id: Uuid) -> Result<(Digest, String), JournalError> {
        let sql = "select catalogue, asked_by, state from activation where id = $1";
        let row = query(sql, [id.into()]).fetch_optional(&mut *self.conn).await?;
        let row = row.ok_or(JournalError::NotFound)?;
        match row.text("state")?.as_str() {
            "voorgesteld" => Ok((row.digest("catalogue")?, row.text("asked_by")?)),
            // Somebody tried it: that was never a proposal.
            "schaduw" => Err(JournalError::NotFound),
            _ => Err(JournalError::Settled),
        }
    }
}

fn activation_leaf(id: Uuid, catalogue: Digest, state: &str, at: Timestamp) -> LeafOf<'static> {
    LeafOf {
        kind: LeafKind::Activering,
        at,
        subject: id,
        partner: None,
        catalogue,
        outcome: state.to_owned(),
        document: None,
    }
}

fn room_for_one(valid: i64) -> Result<(), JournalError> {
    let valid = usize::try_from(valid).unwrap_or(usize::MAX);
    if valid < CREDENTIALS_MAX { Ok(()) } else { Err(JournalError::TooMany(CREDENTIALS_MAX)) }
}
