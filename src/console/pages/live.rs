//! Tells open pages that something changed, so that they look again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use super::super::App;
use super::super::answer::Wrong;
use super::super::door::Asker;

/// A page hears of changes at most this often, however many there are.
const AT_MOST_EVERY: Duration = Duration::from_secs(2);
/// After this the browser asks anew, and is looked at again.
const LASTS: Duration = Duration::from_secs(300);

pub async fn changes(State(app): State<App>, asker: Asker) -> Response {
    let Ok(permit) = app.live.clone().try_acquire_owned() else {
        return Wrong::too_many().page(&asker);
    };
    let mut changes = app.hub.watch();
    changes.mark_unchanged();
    let until = tokio::time::Instant::now() + LASTS;
    // The place among those who look live is given back with the stream.
    let begin = (changes, app.stop.clone(), permit);
    let events = stream::unfold(begin, move |(mut changes, mut stop, permit)| async move {
        let changed = async {
            tokio::time::sleep(AT_MOST_EVERY).await;
            changes.changed().await.is_ok()
        };
        let changed = tokio::select! {
            changed = changed => changed,
            () = tokio::time::sleep_until(until) => false,
            _ = stop.wait_for(|stop| *stop) => false,
        };
        // A browser drops an event without data.
        let event = Event::default().event("veranderd").data("kijk");
        changed.then(|| (Ok::<_, Infallible>(event), (changes, stop, permit)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}
