//! Parcels that leave at once: stored under a lease of this hub, and handed to its deliverer when
//! they are committed. That spares storing the lease apart, and reading back and opening what was
//! sealed a moment ago. What does not fit waits in its lane like any other parcel.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::Outgoing;
use crate::message::PartnerId;

/// Parcels on their way to the deliverer at most.
pub const FRESH_MAX: usize = 1024;

/// How long such a parcel is its deliverer's: longer than a batch can take.
pub(super) const LEASE_S: i64 = 120;

/// The deliverer's end.
pub struct Fresh {
    pub recipients: FreshFor,
    pub parcels: FreshParcels,
}

/// For whom parcels can leave at once.
pub struct FreshFor(watch::Sender<Arc<BTreeSet<PartnerId>>>);

/// Parcels under a lease that is on disk.
pub struct FreshParcels(mpsc::Receiver<Outgoing>);

/// The writer's end.
pub(super) struct FreshDoor {
    recipients: watch::Receiver<Arc<BTreeSet<PartnerId>>>,
    parcels: mpsc::Sender<Outgoing>,
}

/// A place for one parcel, held from before its lease is stored.
pub(super) struct FreshPlace(mpsc::OwnedPermit<Outgoing>);

pub(super) fn fresh() -> (Fresh, FreshDoor) {
    let (recipients, wanted) = watch::channel(Arc::default());
    let (sender, parcels) = mpsc::channel(FRESH_MAX);
    let fresh = Fresh { recipients: FreshFor(recipients), parcels: FreshParcels(parcels) };
    (fresh, FreshDoor { recipients: wanted, parcels: sender })
}

impl FreshFor {
    /// Says for whom, from the next group on.
    pub fn set(&self, recipients: BTreeSet<PartnerId>) {
        self.0.send_if_modified(|present| {
            let changes = **present != recipients;
            if changes {
                *present = Arc::new(recipients);
            }
            changes
        });
    }
}

impl FreshParcels {
    /// Waits for parcels and takes all there are, up to a limit. None come any more when the
    /// journal is gone.
    pub async fn next(&mut self, most: usize) -> Vec<Outgoing> {
        let mut parcels = Vec::new();
        self.0.recv_many(&mut parcels, most).await;
        parcels
    }

    /// Takes what is there now.
    pub fn left(&mut self, most: usize) -> Vec<Outgoing> {
        std::iter::from_fn(|| self.0.try_recv().ok()).take(most).collect()
    }
}

impl FreshDoor {
    /// A place for a parcel to this recipient, where it can leave at once.
    pub fn place(&self, recipient: &PartnerId) -> Option<FreshPlace> {
        if !self.recipients.borrow().contains(recipient) {
            return None;
        }
        self.parcels.clone().try_reserve_owned().ok().map(FreshPlace)
    }
}

impl FreshPlace {
    /// Hands the parcel over: its lease is on disk.
    pub fn put(self, parcel: Outgoing) {
        self.0.send(parcel);
    }
}
