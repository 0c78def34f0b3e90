//! What the journal answers when it cannot do as asked, sorted by what the caller does next.

use std::path::PathBuf;
use std::sync::Arc;

use super::crowd::Holder;
use crate::message::{JobState, Stage};

/// An order that was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// Try again later (503): disk full, an I/O error. Nothing was stored of the whole group.
    #[error("the journal cannot be read or written")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// Try again later (503): more is queued than the journal takes.
    #[error("the journal has more work than it can queue")]
    Busy,
    /// The writer has stopped: the process is ending.
    #[error("the journal has stopped")]
    Stopped,
    /// The system's random generator failed, or a key does not do what keys do.
    #[error("the journal cannot seal")]
    Sealing,
    #[error("nothing is known under this id")]
    NotFound,
    #[error("the content was erased")]
    Erased,
    #[error("the lease of this parcel ended or passed to somebody else")]
    StaleLease,
    #[error("a parcel at stage {f} cannot become {t}", f = .from.as_str(), t = .to.as_str())]
    Stage { from: Stage, to: Stage },
    #[error("this was settled before")]
    Settled,
    #[error("at most {0} are valid at a time; revoke one first")]
    TooMany(usize),
    /// Another has it in hand, and says until when it must be left alone.
    #[error("job {} has this in hand", .0.job)]
    Held(Holder),
    #[error("a job that is {} does not change like that", .0.as_str())]
    Job(JobState),
    #[error("a second person must approve this")]
    SamePerson,
    /// A coordinator's order that the case does not allow.
    #[error("{0}")]
    Fault(crate::casework::OrderFault),
    /// The same, where there is no case that could say so.
    #[error("{0}")]
    Order(&'static str),
    /// Nothing is written until it was compared with what was signed before; see `standing`.
    #[error("the journal is only read until it was compared and released")]
    Closed,
    #[error("the journal was not compared, or something newer is known since")]
    NotCompared,
    #[error("the journal is open: there is nothing to release")]
    NotClosed,
    /// A checkpoint that was given is none of this hub.
    #[error("checkpoint {0} is not signed by this hub")]
    OtherCheckpoint(usize),
    #[error("no checkpoint is known to compare the journal with")]
    NothingKnown,
    /// Try again later (503): an erasure that is not on the list would be forgotten by a restore.
    #[error("the list of erasures beside the journal cannot be written: {0}")]
    Witness(std::io::ErrorKind),
    #[error("stored content does not open: {0}")]
    Unreadable(&'static str),
}

impl JournalError {
    /// Whether the order alone is at fault, and was found so before it wrote anything.
    pub(super) const fn concerns_order_only(&self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::Erased
                | Self::StaleLease
                | Self::Stage { .. }
                | Self::Settled
                | Self::TooMany(_)
                | Self::SamePerson
                | Self::Closed
                | Self::NotCompared
                | Self::NotClosed
                | Self::OtherCheckpoint(_)
                | Self::NothingKnown
                | Self::Held(_)
                | Self::Fault(_)
                | Self::Order(_)
                | Self::Job(_)
        )
    }

    /// Whether the group only met another hub at the wrong moment: a deadlock, or a transaction
    /// that cannot be put in an order. The same group again does better.
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Unavailable(source) = self else { return false };
        let code = source.as_database_error().and_then(|error| error.code());
        matches!(code.as_deref(), Some("40P01" | "40001"))
    }

    /// Whether the group may have been stored all the same: its last answer is missing.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Unavailable(_)) && !self.is_conflict() && !self.may_be_one_order()
    }

    /// Whether the orders of a failed group may do better one by one: not where the disk fails.
    pub(super) fn may_be_one_order(&self) -> bool {
        match self {
            Self::Unavailable(source) => source
                .as_database_error()
                .is_some_and(|error| !matches!(error.kind(), sqlx::error::ErrorKind::Other)),
            Self::Busy | Self::Stopped => false,
            _ => true,
        }
    }
}

impl From<sqlx::Error> for JournalError {
    fn from(source: sqlx::Error) -> Self {
        Self::Unavailable(Arc::new(source))
    }
}

/// The journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the journal in {dir} is in use by {holder}")]
    Locked { dir: PathBuf, holder: String },
    #[error("dit logboek is verzegeld met een andere sleutel (this journal has another key)")]
    OtherKey,
    #[error("the journal was written by a newer schakel (schema {found}, this one knows {known})")]
    Newer { found: i64, known: i64 },
    #[error("the database does not flush to disk (synchronous = {0}, 2 is needed)")]
    NotDurable(i64),
    /// What PostgreSQL answers may be lost when its machine stops.
    #[error(
        "PostgreSQL does not flush to disk ({setting} = {value}): set it to on in postgresql.conf \
         or for the role and the database of the hub, and reload"
    )]
    Unflushed { setting: &'static str, value: String },
    #[error("{0} is not a URL of PostgreSQL such as postgres://schakel@host/schakel")]
    Url(&'static str),
    #[error("the evidence tree is not what the last checkpoint signed: {0}")]
    Evidence(&'static str),
    #[error(
        "{0} holds the witness of another hub: a journal of its own begins in an empty data folder"
    )]
    OtherWitness(PathBuf),
    #[error("the data folder {dir} cannot be used")]
    Folder {
        dir: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the file cannot be read or written")]
    File(#[from] std::io::Error),
    #[error("the database cannot be opened")]
    Database(#[from] sqlx::Error),
    #[error("the journal could not finish what was left")]
    Recovery(#[from] JournalError),
}
