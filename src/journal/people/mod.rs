//! Who may use the console, who is logged in, who works on which case, and who saw what unmasked.
//!
//! A password comes in as its hash and a session's secret as its digest: neither is ever here.

mod filters;
mod orders;
mod reveals;
mod views;

pub use filters::{FILTER_NAME_MAX, FILTER_QUERY_MAX, FILTERS_MAX, SavedFilter};
pub use orders::{AccountDone, AccountOrder, LoginKey, THROTTLE_ADDRESS_AFTER, THROTTLE_AFTER};
pub use reveals::{FieldReveal, FieldRevealOrder};
pub use views::{Account, AccountChange, Session, throttled_until};
