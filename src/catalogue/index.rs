//! Who and what a name means, found without going through everybody.

use std::collections::BTreeMap;

use super::partner::Partner;
use super::purpose::Purpose;
use crate::message::{PartnerId, PurposeId};

/// Partners and purposes under each id and each kind of partner that means them.
#[derive(Debug, Default)]
pub struct Index {
    partners: BTreeMap<String, Vec<PartnerId>>,
    purposes: BTreeMap<String, Vec<PurposeId>>,
}

impl Index {
    pub fn new(
        partners: &BTreeMap<PartnerId, Partner>,
        purposes: &BTreeMap<PurposeId, Purpose>,
    ) -> Self {
        let mut index = Self::default();
        for partner in partners.values() {
            let mut add = |name: &str| {
                index.partners.entry(name.to_owned()).or_default().push(partner.id.clone());
            };
            add(partner.id.as_str());
            // What was said of it under a former name is meant for it.
            partner.former.iter().for_each(|former| add(former.id.as_str()));
            if partner.kind.as_str() != partner.id.as_str() {
                add(partner.kind.as_str());
            }
        }
        for purpose in purposes.values() {
            for name in &purpose.recipients {
                index.purposes.entry(name.clone()).or_default().push(purpose.id.clone());
            }
        }
        index
    }

    /// The partners that a name means: the partner itself, or its kind.
    pub fn partners(&self, name: &str) -> impl Iterator<Item = &PartnerId> {
        self.partners.get(name).into_iter().flatten()
    }

    /// The purposes that name this recipient or its kind, each once, in the order of their ids.
    pub fn purposes(&self, recipient: &Partner) -> Vec<&PurposeId> {
        let names = [recipient.id.as_str(), recipient.kind.as_str()];
        let lists = names.iter().filter_map(|name| self.purposes.get(*name));
        let mut found: Vec<&PurposeId> = lists.flatten().collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
