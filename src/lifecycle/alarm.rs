//! The tasks around alarms: one that watches, and one for each road by which notices go.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{spawn_loop, stopped};
use crate::hub::Hub;
use crate::hub::alarm::{Alerts, Courier, Watch};
use crate::journal::Road;

/// How often it is looked whether a notice is due.
const DUE_EVERY: Duration = Duration::from_secs(1);

/// Starts them.
pub(super) fn start(
    hub: &Arc<Hub>,
    alerts: &Alerts,
    tasks: &mut JoinSet<&'static str>,
    stopping: &watch::Receiver<bool>,
) {
    tasks.spawn(keep_watch(hub.clone(), alerts.clone(), stopping.clone()));
    for road in alerts.roads() {
        let name = match road {
            Road::Mail => "waarschuwen-mail",
            Road::Webhook => "waarschuwen-webhook",
        };
        spawn_loop(tasks, name, stopping, carry(hub.clone(), alerts.clone(), road));
    }
}

/// Watches until the hub stops, and then says that it is not lost.
async fn keep_watch(
    hub: Arc<Hub>,
    alerts: Alerts,
    stopping: watch::Receiver<bool>,
) -> &'static str {
    let every = alerts.check_every;
    let mut watch = Watch::new(alerts);
    while !*stopping.borrow() {
        watch.step(&hub).await;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stopped(stopping.clone()) => {}
        }
    }
    watch.leave(&hub).await;
    "waken"
}

/// Sends along one road. What is cut off is sent again when its lease ends, under the same id.
async fn carry(hub: Arc<Hub>, alerts: Alerts, road: Road) {
    let courier = Courier::new(alerts, road);
    loop {
        match courier.step(&hub).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(road = road.as_str(), %error, "notices wait"),
        }
        tokio::time::sleep(DUE_EVERY).await;
    }
}
