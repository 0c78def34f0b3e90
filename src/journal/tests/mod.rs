//! The journal with fake rules: what it promises, told as stories.

mod desk;
mod earlier;
mod erasure;
mod evidence;
mod incoming;
mod mailbox;
mod operators;
mod outage;
mod parcels;
mod reveals;
mod turned_away;
mod unconfirmed;
