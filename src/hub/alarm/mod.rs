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
mod regie;
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
pub use self::regie::tell as tell_regie;
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
    /// Mail to coordinators, and to who answers for them at any hour.
    pub regie: Option<Mailer>,
    pub piket: Option<Mailer>,
    /// The certificate of the hub's door.
    pub certificate: Option<PathBuf>,
}

impl Alerts {
    /// The roads by which coordinators hear of cases; urgent things also reach who answers at any
    /// hour, and where nobody is named for that, the coordinators.
    pub fn regie_roads(&self, urgent: bool) -> Vec<Road> {
        let regie = self.regie.as_ref().map(|_| Road::Regie);
        let piket = self.piket.as_ref().map(|_| Road::Piket);
        let mail = if urgent { piket.or(regie) } else { regie };
        let webhook = self.webhook.as_ref().map(|_| Road::Webhook);
        mail.into_iter().chain(webhook.filter(|_| mail.is_some())).collect()
    }

    /// Every road by which anything goes.
    pub fn all_roads(&self) -> Vec<Road> {
        let mut roads = self.roads();
        roads.extend(self.regie.as_ref().map(|_| Road::Regie));
        roads.extend(self.piket.as_ref().map(|_| Road::Piket));
        roads
    }

    /// The roads by which alarms go.
    pub fn roads(&self) -> Vec<Road> {
        let mail = self.mail.as_ref().map(|_| Road::Mail);
        let webhook = self.webhook.as_ref().map(|_| Road::Webhook);
        mail.into_iter().chain(webhook).collect()
    }
}
