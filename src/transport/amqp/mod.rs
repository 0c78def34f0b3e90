//! RabbitMQ as the partners' road: what it must hold, and moving bytes to and from it.
//!
//! The only room that knows lapin. Messages of partners go to an [`Inlet`](super::Inlet), dead
//! letters to a [`DeadDesk`](super::DeadDesk); parcels and receipts leave through one
//! [`Publisher`]. Nothing here retries a parcel: order, retry times and truth are the journal's.

mod address;
mod consumer;
mod letter;
mod link;
mod outsider;
mod probe;
mod publisher;
mod receive;
pub mod topology;

pub use address::{Address, AddressError, Certificates, ConnectError};
pub use consumer::{Feed, Random, Source};
pub use letter::{Letter, RECEIVED, REFUSED, Trace};
pub use link::{Link, LinkError};
pub use outsider::{Mail, Outsider};
pub use probe::{Probed, probe, reach};
pub use publisher::{BATCH_MAX, Post, Posted, Publisher, publisher};
