//! Under which name a partner is known now that was known under another before.

use std::collections::{BTreeMap, BTreeSet};

use super::PartnerId;

/// Former names of partners: renamed, or merged into another. What was recorded keeps the name of
/// then; whoever acts on it now reads it under the name of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Succession {
    now: BTreeMap<PartnerId, PartnerId>,
    before: BTreeMap<PartnerId, Vec<PartnerId>>,
}

impl Succession {
    /// From pairs of a former name and the name of now. A name of now is nobody's former name.
    pub fn new(pairs: impl IntoIterator<Item = (PartnerId, PartnerId)>) -> Self {
        let mut made = Self::default();
        for (former, now) in pairs {
            made.before.entry(now.clone()).or_default().push(former.clone());
            made.now.insert(former, now);
        }
        made
    }

    pub fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// The name of now; the name itself where nobody took it over.
    pub fn now<'a>(&'a self, name: &'a PartnerId) -> &'a PartnerId {
        self.now.get(name).unwrap_or(name)
    }

    /// Whether two names are one partner's.
    pub fn same(&self, one: &PartnerId, other: &PartnerId) -> bool {
        self.now(one) == self.now(other)
    }

    /// The names that a partner had before.
    pub fn before(&self, name: &PartnerId) -> &[PartnerId] {
        self.before.get(name).map_or(&[], Vec::as_slice)
    }

    /// The name of now first, then those it had before.
    pub fn names<'a>(&'a self, name: &'a PartnerId) -> impl Iterator<Item = &'a PartnerId> {
        std::iter::once(name).chain(self.before(name))
    }

    /// Puts the name of now in the place of a former one.
    pub fn renew(&self, name: &mut PartnerId) {
        if let Some(now) = self.now.get(name) {
            *name = now.clone();
        }
    }

    /// The same for a set of names.
    pub fn renew_all(&self, names: &mut BTreeSet<PartnerId>) {
        if names.iter().any(|name| self.now.contains_key(name)) {
            *names = names.iter().map(|name| self.now(name).clone()).collect();
        }
    }

    /// Adds who goes on for somebody in the set: a new name opens no door that was closed.
    pub fn spread(&self, names: &mut BTreeSet<PartnerId>) {
        let successors = names.iter().filter_map(|name| self.now.get(name));
        let successors: Vec<PartnerId> = successors.cloned().collect();
        names.extend(successors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> PartnerId {
        text.parse().unwrap()
    }

    #[test]
    fn two_that_merged_are_one_now_and_whoever_never_changed_is_itself() {
        let merged = Succession::new([(id("noord"), id("samen")), (id("zuid"), id("samen"))]);
        assert_eq!(merged.now(&id("noord")), &id("samen"));
        assert_eq!(merged.now(&id("politie")), &id("politie"));
        assert!(merged.same(&id("noord"), &id("zuid")) && !merged.same(&id("noord"), &id("om")));
        let samen = id("samen");
        let names: Vec<_> = merged.names(&samen).map(PartnerId::as_str).collect();
        assert_eq!(names, ["samen", "noord", "zuid"]);
    }

    #[test]
    fn a_new_name_opens_no_door_that_was_closed() {
        let renamed = Succession::new([(id("oud"), id("nieuw"))]);
        let mut suspended = BTreeSet::from([id("oud")]);
        renamed.spread(&mut suspended);
        assert!(suspended.contains(&id("nieuw")) && suspended.contains(&id("oud")));
        renamed.renew_all(&mut suspended);
        assert_eq!(suspended, BTreeSet::from([id("nieuw")]));
    }
}
