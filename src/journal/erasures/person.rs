//! Finding a person: by the keyed hash of the BSN, in every message that named it.

use std::fmt;

use serde_json::Value;

use super::Journal;
use crate::casework::CorrelationKey;
use crate::journal::JournalError;
use crate::journal::sql::{Cell, query};
use crate::message::{CaseId, Usage, formats};

/// Cases of one person that one request is about, at most.
pub const PERSON_CASES_MAX: usize = 200;

/// A BSN. `Debug` shows nothing of it, and nothing stores it.
#[derive(Clone, PartialEq, Eq)]
pub struct Bsn(String);

impl Bsn {
    /// Reads nine digits that pass the test of eleven, with spaces and dots between them or not.
    pub fn parse(text: &str) -> Option<Self> {
        let kept = |c: &char| !c.is_whitespace() && *c != '.';
        let digits: String = text.chars().filter(kept).collect();
        formats::is_bsn(&digits).then_some(Self(digits))
    }
}

impl fmt::Debug for Bsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bsn(…)")
    }
}

impl Journal {
    /// The cases in which a person occurs and that were not erased, the oldest first.
    pub async fn cases_of_person(&self, bsn: &Bsn) -> Result<Vec<CaseId>, JournalError> {
        let key = |usage| -> Cell {
            let key = CorrelationKey::Person { usage, bsn: bsn.0.clone() };
            self.vault.hub.lookup_hash("casus", &key.to_bytes()).into()
        };
        let most = i64::try_from(PERSON_CASES_MAX).unwrap_or(i64::MAX).saturating_add(1);
        let sql = "select p.case_id from person p join cases c on c.id = p.case_id
            where p.key in ($1, $2, $3) and c.erased_at is null
            order by c.opened_at, c.id limit $4";
        let cells = [key(Usage::Echt), key(Usage::Oefening), key(Usage::Test), most.into()];
        let rows = query(sql, cells).fetch_all(&mut self.reads.acquire().await?).await?;
        if rows.len() > PERSON_CASES_MAX {
            let text = "deze persoon komt in meer dan 200 casussen voor; wis die eerst per casus";
            return Err(JournalError::Order(text));
        }
        let ids = rows.iter().map(|row| row.uuid("case_id").map(CaseId::from));
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

/// Everybody whose BSN a message has, in whatever part of it.
pub(in crate::journal) fn persons(usage: Usage, data: &Value) -> Vec<CorrelationKey> {
    let mut found = Vec::new();
    gather(usage, data, &mut found);
    found.sort();
    found.dedup();
    found
}

fn gather(usage: Usage, data: &Value, found: &mut Vec<CorrelationKey>) {
    match data {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "bsn") {
                    Some(bsn) => found.push(CorrelationKey::Person { usage, bsn: bsn.to_owned() }),
                    None => gather(usage, value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(usage, item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everybody_is_found_once_whatever_the_role_and_wherever_it_stands() {
        let data = json!({
            "betrokkenen": [
                { "rol": "melder", "bsn": "999990019" },
                { "rol": "betrokkene", "bsn": "999990020", "voogd": { "bsn": "999990019" } },
                { "rol": "getuige" },
            ],
        });
        assert_eq!(persons(Usage::Echt, &data).len(), 2);
        assert!(persons(Usage::Echt, &json!({ "bsn": 5 })).is_empty());
    }

    #[test]
    fn a_bsn_is_read_as_people_write_it_and_never_shown() {
        let bsn = Bsn::parse(" 9999.90.019\n").unwrap();
        assert_eq!(format!("{bsn:?}"), "Bsn(…)");
        assert_eq!(Some(bsn), Bsn::parse("999990019"));
        for wrong in ["", "999990018", "99999001", "9999900199", "x99990019"] {
            assert!(Bsn::parse(wrong).is_none(), "{wrong}");
        }
    }
}
