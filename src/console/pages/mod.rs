//! The pages, one module for what belongs together.

pub mod assets;
pub mod cases;
pub mod chain;
pub mod evaluation;
pub mod filters;
pub mod couplings;
pub mod live;
pub mod log;
pub mod login;
pub mod messages;
pub mod orders;
pub mod partners;
pub mod people;
pub mod quarantine;
pub mod remind;
pub mod queues;
pub mod sets;
pub mod tasks;
pub mod today;

use axum::response::Response;

use super::answer::Wrong;
use super::door::{Asker, Visitor};
use crate::message::{StaffRole, Themes};

/// No page stands here.
pub async fn nothing_here(asker: Asker) -> Response {
    Wrong::not_found().page(&asker)
}

/// The themes that a list must be kept to for somebody; none: all.
fn themes_of(visitor: &Visitor) -> Vec<String> {
    match &visitor.account.themes {
        _ if visitor.is(StaffRole::Auditor) => Vec::new(),
        Themes::All => Vec::new(),
        // A theme that nothing has, so that who may see none sees nothing.
        Themes::Some(names) if names.is_empty() => vec!["-".to_owned()],
        Themes::Some(names) => names.clone(),
    }
}
