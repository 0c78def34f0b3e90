//! The journal with fake rules: what it promises, told as stories. Each plays on both stores.

/// Makes a test on each store of every story.
macro_rules! on_both_stores {
    ($($story:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::On::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::On::Postgres).await;
            })*
        }
    };
}

mod agreements;
mod alarms;
mod backups;
mod desk;
mod earlier;
mod erasure;
mod erasures;
mod evidence;
mod facts;
mod fresh;
mod hubs;
mod hubs_at_once;
mod incoming;
mod job_plans;
mod jobs;
mod mailbox;
mod observe;
mod operators;
mod outage;
mod parcels;
mod people;
mod place;
mod plug;
#[path = "../../../tests/support/postgres.rs"]
mod postgres;
mod regie;
mod restored;
mod reveals;
mod turned_away;
mod unblock;
mod unconfirmed;
mod witness;
