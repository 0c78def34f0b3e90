//! Errors as partners read them: problem+json (RFC 9457) with every violation, in Dutch.

use serde_json::{Map, Value, json};

use crate::message::{Fault, Refusal, Violation};

/// A problem document. Holds sentences and places, never a value of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    /// Stable, lower-case; also the last part of `type`.
    pub code: &'static str,
    pub title: &'static str,
    pub detail: Option<String>,
    pub violations: Vec<Violation>,
}

impl Problem {
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    pub const fn new(status: u16, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, detail: None, violations: Vec::new() }
    }

    /// What the hub refused, with all its violations.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        let fault = refusal.fault;
        Self::new(fault.http_status(), fault.code(), fault.title())
            .with_violations(refusal.violations.clone())
    }

    pub(super) fn of_fault(fault: Fault) -> Self {
        Self::new(fault.http_status(), fault.code(), fault.title())
    }

    pub const fn unavailable() -> Self {
        Self::new(
            503,
            "niet-beschikbaar",
            "De hub kan nu niets vastleggen; er is niets aangenomen. Probeer het later opnieuw.",
        )
    }

    /// The hub was shut on purpose, until its operators have compared its journal.
    pub fn closed() -> Self {
        let title = "De hub neemt nu niets aan en verstuurt niets; er is niets aangenomen.";
        Self::new(503, "alleen-lezen", title).with_detail(
            "Het logboek van de hub is teruggezet en wordt eerst vergeleken met wat eerder is \
             ondertekend. Bewaar uw bericht en stuur het later opnieuw, met hetzelfde \
             berichtnummer. De beheerder van de hub gaat verder met: schakel restore compare.",
        )
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }

    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("type", json!(format!("urn:schakel:probleem:{}", self.code)));
        put("title", json!(self.title));
        put("status", json!(self.status));
        put("code", json!(self.code));
        if let Some(detail) = &self.detail {
            put("detail", json!(detail));
        }
        if !self.violations.is_empty() {
            put("fouten", json!(self.violations));
        }
        Value::Object(fields)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_json().to_string().into_bytes()
    }
}
