//! Sealing as the journal does it: a key per message, wrapped by its holder's key (the case, or
//! the quarantine entry of a refused message), wrapped by the hub's.
//!
//! Holders' keys lie in a database of their own. The writer commits them before the journal, so
//! that a sealed row never lacks its key; a key without rows is harmless.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use super::JournalError;
use super::beat::HubId;
use super::sql::{Cell, Conn, Pool, Table, fetch_in, query};
use crate::evidence::{DataKey, HubKeys, NONCE_BYTES, WrappedKey, commitment};
use crate::message::Digest;

/// Holders' keys kept open; each holder not used lately costs an unwrap.
const CACHE_MAX: usize = 4096;

/// Keys wrapped anew in one go.
const REWRAP_MAX: i64 = 256;

/// What a sealed blob is, which is bound into its seal beside the id of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The document as received.
    Native,
    /// The canonical JSON made of it.
    Canonical,
    /// The sender's id and reference.
    Names,
    /// The document as sent.
    Parcel,
    /// The document as refused.
    Quarantine,
    /// What was agreed, and with whom.
    Agreement,
    /// The key of a row.
    Key,
}

impl Part {
    fn aad(self, id: Uuid) -> Vec<u8> {
        let name = match self {
            Self::Native => "binnen",
            Self::Canonical => "canoniek",
            Self::Names => "namen",
            Self::Parcel => "zending",
            Self::Quarantine => "uitval",
            Self::Agreement => "afspraak",
            Self::Key => "sleutel",
        };
        format!("{name} {id}").into_bytes()
    }
}

/// A document sealed for a row, and what its evidence says.
pub(super) struct Sealed {
    pub blob: Vec<u8>,
    /// SHA-256 of `blob`.
    pub digest: Digest,
    pub salt: [u8; 32],
    pub commitment: Digest,
}

/// The hub's keys, the store of holders' keys, and the system's generator.
pub(super) struct Vault {
    pub hub: Arc<HubKeys>,
    random: SystemRandom,
    store: Pool,
    cache: Mutex<Cache>,
    /// Names this hub among others, in the tokens of its leases.
    instance: AtomicU64,
}

/// Keys of the present and the previous half; the older half falls away when the newer is full.
#[derive(Default)]
struct Cache {
    newer: HashMap<Uuid, Arc<DataKey>>,
    older: HashMap<Uuid, Arc<DataKey>>,
}

pub(super) const CASE_KEY: Table =
    Table { name: "case_key", columns: "holder, epoch, wrapped", suffix: "" };

impl Vault {
    pub fn new(hub: Arc<HubKeys>, store: Pool) -> Self {
        Self {
            hub,
            random: SystemRandom::new(),
            store,
            cache: Mutex::default(),
            instance: AtomicU64::new(0),
        }
    }

    /// Takes another name among the hubs. Leases under the one before are nobody's soon: after a
    /// failure it is not known which of them were handed to anyone.
    pub fn rename(&self) -> Result<(), JournalError> {
        self.instance.store(u64::from_be_bytes(self.random()?), Ordering::SeqCst);
        Ok(())
    }

    pub fn instance(&self) -> HubId {
        self.instance.load(Ordering::SeqCst).to_be_bytes()
    }

    /// The token of a new lease: who leases, and something nobody guesses.
    pub fn lease_token(&self) -> Result<Uuid, JournalError> {
        if !self.store.is_postgres() {
            return self.uuid();
        }
        let [a, b, c, d, e, f, g, h] = self.instance();
        let [i, j, k, l, m, n, o, p] = self.random::<8>()?;
        Ok(Uuid::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]))
    }

    pub fn random<const N: usize>(&self) -> Result<[u8; N], JournalError> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).map_err(|_| JournalError::Sealing)?;
        Ok(bytes)
    }

    pub fn uuid(&self) -> Result<Uuid, JournalError> {
        Ok(uuid::Builder::from_random_bytes(self.random()?).into_uuid())
    }

    pub fn new_key(&self) -> Result<DataKey, JournalError> {
        Ok(DataKey::new(self.random()?))
    }

    /// A key for a row, and how the row stores it.
    pub fn row_key(&self, holder: &DataKey, id: Uuid) -> Result<(DataKey, Vec<u8>), JournalError> {
        let key = self.new_key()?;
        let wrapped = holder.wrap(&key, self.random()?, &Part::Key.aad(id));
        Ok((key, wrapped))
    }

    /// Seals salt ‖ bytes.
    pub fn seal(
        &self,
        key: &DataKey,
        id: Uuid,
        part: Part,
        bytes: &[u8],
    ) -> Result<Sealed, JournalError> {
        let salt: [u8; 32] = self.random()?;
        let plain = [&salt, bytes].concat();
        let blob = key.seal(self.random::<NONCE_BYTES>()?, &part.aad(id), &plain);
        let digest = Digest::of(&[&blob]);
        Ok(Sealed { digest, commitment: commitment(&salt, bytes), blob, salt })
    }

    /// The row of a new holder's key in the store.
    pub fn holder_row(&self, holder: Uuid, key: &DataKey) -> Result<[Cell; 3], JournalError> {
        let WrappedKey { epoch, bytes } =
            self.hub.wrap_case_key(key, self.random()?, &Part::Key.aad(holder));
        Ok([holder.into(), i64::from(epoch).into(), bytes.into()])
    }

    /// Keys of holders that have not been erased.
    pub async fn holder_keys(
        &self,
        holders: impl IntoIterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, Arc<DataKey>>, JournalError> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for holder in holders {
            match self.cached(holder) {
                Some(key) => drop(found.insert(holder, key)),
                None => missing.push(Cell::from(holder)),
            }
        }
        if !missing.is_empty() {
            let mut conn = self.store.acquire().await?;
            found.extend(self.read_keys(&mut conn, missing).await?);
        }
        Ok(found)
    }

    /// How many keys there are.
    pub async fn count(&self) -> Result<i64, sqlx::Error> {
        let sql = "select count(*) as n from case_key";
        query(sql, []).fetch_one(&mut self.store.acquire().await?).await?.int("n")
    }

    /// The key of one holder; `Erased` where it is gone.
    pub async fn holder_key(&self, holder: Uuid) -> Result<Arc<DataKey>, JournalError> {
        self.holder_keys([holder]).await?.remove(&holder).ok_or(JournalError::Erased)
    }

    async fn read_keys(
        &self,
        conn: &mut Conn,
        holders: Vec<Cell>,
    ) -> Result<HashMap<Uuid, Arc<DataKey>>, JournalError> {
        const SQL: &str = "select holder, epoch, wrapped from case_key where holder in ({ids})";
        let mut found = HashMap::new();
        for row in fetch_in(conn, SQL, holders).await? {
            let holder = row.uuid("holder")?;
            let epoch = u32::try_from(row.int("epoch")?).unwrap_or(0);
            let wrapped = WrappedKey { epoch, bytes: row.blob("wrapped")? };
            let key = self.hub.unwrap_case_key(&wrapped, &Part::Key.aad(holder));
            let key = key.map_err(|_| JournalError::Unreadable("the key of a case"))?;
            found.insert(holder, Arc::new(key));
        }
        Ok(found)
    }

    /// Wraps the keys of earlier epochs under the present one, some at a time; answers how many.
    pub async fn rewrap(&self, store: &mut Conn) -> Result<u64, JournalError> {
        store.begin().await?;
        let sql = "select holder from case_key where epoch < $1 limit $2";
        let cells = [i64::from(self.hub.epoch()).into(), REWRAP_MAX.into()];
        let mut holders = Vec::new();
        for row in query(sql, cells).fetch_all(&mut *store).await? {
            holders.push(Cell::from(row.uuid("holder")?));
        }
        let keys = self.read_keys(store, holders).await?;
        for (holder, key) in &keys {
            let sql = "update case_key set epoch = $2, wrapped = $3 where holder = $1";
            let [holder, epoch, wrapped] = self.holder_row(*holder, key)?;
            query(sql, [holder, epoch, wrapped]).execute(&mut *store).await?;
        }
        store.commit().await?;
        Ok(keys.len() as u64)
    }

    /// Over PostgreSQL nothing is kept open: another hub may have erased it since.
    fn cached(&self, holder: Uuid) -> Option<Arc<DataKey>> {
        if self.store.is_postgres() {
            return None;
        }
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.newer.get(&holder).or_else(|| cache.older.get(&holder)).cloned()
    }

    /// Keeps a key open. For the writer only: a reader could put back what was just erased.
    pub fn remember(&self, holder: Uuid, key: Arc<DataKey>) {
        if self.store.is_postgres() {
            return;
        }
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.newer.len() >= CACHE_MAX / 2 {
            cache.older = std::mem::take(&mut cache.newer);
        }
        cache.newer.insert(holder, key);
    }

    pub fn forget(&self, holder: Uuid) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.newer.remove(&holder);
        cache.older.remove(&holder);
    }
}

/// Unwraps the key of a row.
pub(super) fn open_row_key(
    holder: &DataKey,
    id: Uuid,
    wrapped: &[u8],
) -> Result<DataKey, JournalError> {
    let key = holder.unwrap(wrapped, &Part::Key.aad(id));
    key.map_err(|_| JournalError::Unreadable("the key of a row"))
}

/// Opens what `Vault::seal` sealed, into salt and bytes.
pub(super) fn open_sealed(
    key: &DataKey,
    id: Uuid,
    part: Part,
    blob: &[u8],
) -> Result<([u8; 32], Vec<u8>), JournalError> {
    let mut plain = open_whole(key, id, part, blob)?;
    let salt = plain.first_chunk::<32>().copied().ok_or(NO_DOCUMENT)?;
    plain.drain(..32);
    Ok((salt, plain))
}

const NO_DOCUMENT: JournalError = JournalError::Unreadable("a document");

/// Opens what `Vault::seal` sealed: the salt, and behind it the bytes.
pub(super) fn open_whole(
    key: &DataKey,
    id: Uuid,
    part: Part,
    blob: &[u8],
) -> Result<Vec<u8>, JournalError> {
    key.open(blob, &part.aad(id)).map_err(|_| NO_DOCUMENT)
}
