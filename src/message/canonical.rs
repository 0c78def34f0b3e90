//! A message in the hub's own form, and the references by which it finds its case.

use serde_json::Value;

use super::{
    ConnectorId, Effect, ExternalId, KindId, MessageKind, ParcelId, PartnerId, Stage, TaskAnswer,
    Usage,
};

/// A validated canonical message. Made by `pipeline::admit`; everything after it reads this.
#[derive(Debug, Clone)]
pub struct CanonicalMessage {
    /// Who sent it, and of what kind that partner is: the origin of its data.
    pub sender: PartnerId,
    pub origin: KindId,
    pub connector: ConnectorId,
    pub kind: MessageKind,
    pub effect: Effect,
    /// The sender's own id of this message.
    pub external_id: ExternalId,
    pub usage: Usage,
    /// The sender's reference of the signal, which later messages about it repeat.
    pub reference: String,
    pub theme: Option<String>,
    pub urgent: bool,
    /// Earlier messages and cases that it refers to.
    pub references: Vec<Reference>,
    /// Recipients that the sender names: partner ids or kinds of partner.
    pub named_recipients: Vec<String>,
    /// What a receipt says about which parcel; only for `Effect::Bevestiging`.
    pub confirmation: Option<Confirmation>,
    /// What a partner says about which task; only for `Effect::Antwoord`.
    pub answer: Option<TaskAnswer>,
    /// The canonical data, valid against `schemas/<name>/v<version>.json`.
    pub data: Value,
}

/// A reference to an earlier message or case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A case number, which only participants know.
    Case(String),
    /// A signal by its sender (`None`: the partner that refers to it) and that sender's reference.
    Signal { sender: Option<PartnerId>, reference: String },
}

/// A recipient's word about a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    pub parcel: ParcelId,
    /// `Ontvangen`, `Geaccepteerd` or `Geweigerd`.
    pub stage: Stage,
    /// A reason code such as `geen-capaciteit`; never free text.
    pub reason: Option<String>,
}
