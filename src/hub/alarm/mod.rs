//! Alarms: somebody hears when something is wrong, once when it starts and once when it ends.
//!
//! [`evaluate`](evaluate::evaluate) and [`compare`](compare::compare) are pure and decide;
//! [`Watch`] looks, [`Courier`] sends what was decided. The journal keeps both going over restarts,
//! and has one of several hubs send each notice.

mod compare;
mod courier;
mod disk;
mod evaluate;
mod kind;
mod notice;
#[cfg(test)]
mod tests;
mod unwritable;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use crate::journal::Road;
use crate::transport::http::webhook::Target;
use crate::transport::mail::Mailer;

pub use self::courier::{Courier, Tried, trial};
pub use self::disk::free_mib;
pub use self::evaluate::{PartnerLimits, Thresholds};
pub use self::kind::{Kind, Times};
pub use self::notice::duration;
pub use self::watch::Watch;

/// What the settings say about alarms, with its secrets read.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// By which this hub is known among others: the same after a restart.
    pub hub: String,
    pub check_every: Duration,
    /// What starts or ends within so many seconds goes in one notice.
    pub group_s: i64,
    pub thresholds: Thresholds,
    pub mail: Option<Mailer>,
    pub webhook: Option<Target>,
    /// The certificate of the hub's door.
    pub certificate: Option<PathBuf>,
}

impl Alerts {
    /// The roads by which notices go.
    pub fn roads(&self) -> Vec<Road> {
        let mail = self.mail.as_ref().map(|_| Road::Mail);
        let webhook = self.webhook.as_ref().map(|_| Road::Webhook);
        mail.into_iter().chain(webhook).collect()
    }
}
