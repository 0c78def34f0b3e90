//! Randomness as an argument: the core draws ids and salts from a seed that its caller made.

use ring::hmac;
use uuid::Uuid;

use super::{AgreementId, CaseId, CaseNumber, MessageId, ParcelId, PublicId, TaskId, Timestamp};

/// A stream of unpredictable bytes from one 32-byte seed: HMAC-SHA-256 over a counter.
///
/// The same seed gives the same ids, so that golden cases are repeatable; the hub seeds it from
/// the system's generator, once for every message. Never used for sealing keys or nonces.
pub struct Entropy {
    key: hmac::Key,
    counter: u64,
}

impl Entropy {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed), counter: 0 }
    }

    /// The next `N` bytes, at most 32.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32) }
        self.counter += 1;
        let tag = hmac::sign(&self.key, &self.counter.to_be_bytes());
        let mut out = [0; N];
        out.copy_from_slice(&tag.as_ref()[..N]);
        out
    }

    fn uuid_v4(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    fn uuid_v7(&mut self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    pub fn message_id(&mut self, now: Timestamp) -> MessageId {
        self.uuid_v7(now).into()
    }

    pub fn case_id(&mut self, now: Timestamp) -> CaseId {
        self.uuid_v7(now).into()
    }

    pub fn public_id(&mut self) -> PublicId {
        self.uuid_v4().into()
    }

    pub fn parcel_id(&mut self) -> ParcelId {
        self.uuid_v4().into()
    }

    pub fn task_id(&mut self) -> TaskId {
        self.uuid_v4().into()
    }

    pub fn agreement_id(&mut self) -> AgreementId {
        self.uuid_v4().into()
    }

    /// An alarm, or a notice about some.
    pub fn alarm_id(&mut self) -> Uuid {
        self.uuid_v4()
    }

    pub fn case_number(&mut self) -> CaseNumber {
        CaseNumber::from_random(self.bytes())
    }
}
