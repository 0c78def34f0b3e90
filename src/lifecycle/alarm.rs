//! The tasks around alarms: one that watches, and one for each road by which notices go.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::stopped;
use crate::hub::Hub;
use crate::hub::alarm::{Alerts, Courier, Watch, tell_regie};
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
    tasks.spawn(tell_coordinators(hub.clone(), alerts.clone(), stopping.clone()));
    for road in alerts.all_roads() {
        let name = match road {
            Road::Mail => "waarschuwen-mail",
            Road::Webhook => "waarschuwen-webhook",
            Road::Regie => "regie-mail",
            Road::Piket => "regie-piket",
        };
        let (hub, courier) = (hub.clone(), Courier::new(alerts.clone(), road));
        let stopping = stopping.clone();
        tasks.spawn(async move {
            carry(&hub, &courier, stopping).await;
            name
        });
    }
}

/// Puts what coordinators must hear among the notices.
async fn tell_coordinators(
    hub: Arc<Hub>,
    alerts: Alerts,
    stopping: watch::Receiver<bool>,
) -> &'static str {
    while !*stopping.borrow() {
        if let Err(error) = tell_regie(&hub, &alerts).await {
            tracing::warn!(%error, "what coordinators must hear waits");
        }
        tokio::select! {
            () = tokio::time::sleep(DUE_EVERY) => {}
            () = stopped(stopping.clone()) => {}
        }
    }
    "regie-melden"
}

/// Watches until the hub stops, and then says that it is not lost.
async fn keep_watch(
    hub: Arc<Hub>,
    alerts: Alerts,
    stopping: watch::Receiver<bool>,
) -> &'static str {
    let every = alerts.check_every;
    let mut watch = Watch::new(alerts, &hub);
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

/// Sends along one road. A stop waits for what is on its way, so that it does not go twice.
async fn carry(hub: &Hub, courier: &Courier, stopping: watch::Receiver<bool>) {
    while !*stopping.borrow() {
        match courier.step(hub).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "notices wait"),
        }
        tokio::select! {
            () = tokio::time::sleep(DUE_EVERY) => {}
            () = stopped(stopping.clone()) => {}
        }
    }
}
