//! Making another set active: checked, compared with the one in force, approved, and recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use uuid::Uuid;

use super::active::{Active, SetError, checked, keep, recall};
use super::{Hub, clock};
use crate::catalogue::Catalogue;
use crate::catalogue::partner::Delivery;
use crate::catalogue::problem::Files;
use crate::catalogue::purpose::{Grant, Treatment};
use crate::journal::{JournalError, PartnerOrder, Proposal};

/// Who asks for a set, and who agrees.
#[derive(Debug, Clone)]
pub struct Asked {
    pub by: String,
    pub approved_by: Option<String>,
    pub note: String,
    /// Only compare.
    pub dry_run: bool,
}

impl Hub {
    /// Activates a set, or proposes it where a second person must agree.
    pub(super) async fn activate(&self, files: &Files, asked: &Asked) -> Result<Value, SetError> {
        let catalogue = checked(files)?;
        let digest = catalogue.digest();
        let active = self.active();
        let wider = widened(&active.catalogue, &catalogue);
        let narrower = widened(&catalogue, &active.catalogue);
        let mut answer = json!({
            "set": digest.to_string(),
            "huidigeSet": active.catalogue.digest().to_string(),
            "ruimer": wider,
            "krapper": narrower,
            "doelen": changed_targets(&active.catalogue, &catalogue),
        });
        let mut tell = |state: &str| {
            if let Some(object) = answer.as_object_mut() {
                object.insert("status".to_owned(), Value::from(state));
            }
        };
        if digest == active.catalogue.digest() {
            tell("is al actief");
            return Ok(answer);
        }
        if asked.dry_run {
            tell("alleen vergeleken");
            return Ok(answer);
        }
        keep(&self.journal, digest, files).await?;
        let needs_second = !wider.is_empty();
        let proposal = Proposal {
            catalogue: digest,
            asked_by: asked.by.clone(),
            widens: needs_second,
            approved_by: asked.approved_by.clone(),
            note: asked.note.clone(),
        };
        let order = PartnerOrder::Activate(proposal);
        let id = self.journal.partner_order(order, clock::now()).await?;
        if needs_second && asked.approved_by.is_none() {
            tell("voorgesteld: een tweede persoon moet akkoord geven");
            if let Some(object) = answer.as_object_mut() {
                object.insert("voorstel".to_owned(), json!(id));
            }
            return Ok(answer);
        }
        self.take_over(catalogue);
        tell("actief");
        Ok(answer)
    }

    /// A second person agrees to a proposal.
    pub(super) async fn approve(&self, id: Uuid, by: String) -> Result<Value, SetError> {
        let proposals = self.journal.proposals().await?;
        let proposal = proposals.into_iter().find(|p| p.id == id).ok_or(JournalError::NotFound)?;
        let (_, files) = recall(&self.journal, proposal.catalogue).await?;
        let catalogue = checked(&files)?;
        self.journal.partner_order(PartnerOrder::Approve { id, by }, clock::now()).await?;
        let digest = catalogue.digest().to_string();
        self.take_over(catalogue);
        Ok(json!({ "set": digest, "status": "actief" }))
    }

    pub(super) fn take_over(&self, catalogue: Catalogue) {
        tracing::info!(catalogue.digest = %catalogue.digest(), "another set is active");
        self.journal.call_partners(Arc::clone(&catalogue.succession));
        self.active.set(Active::new(catalogue, self.directs.load(Ordering::Relaxed)));
        self.new_mail();
    }
}

/// What somebody would receive under `new` that they do not under `old`, one line each.
pub fn widened(old: &Catalogue, new: &Catalogue) -> Vec<String> {
    let before = disclosures(old);
    let wider = disclosures(new).into_iter().filter(|(line, now)| before.get(line) < Some(now));
    wider.take(500).map(|(line, when)| when.told(line)).collect()
}

/// When something may be disclosed. A later one gives more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// Only after a glass was broken, and for this many minutes at most.
    Broken(u16),
    Always,
}

impl When {
    fn told(self, line: String) -> String {
        match self {
            Self::Always => line,
            Self::Broken(minutes) => {
                format!("{line}, alleen na breekglas en hoogstens {minutes} minuten")
            }
        }
    }
}

/// Targets of the programme that go (`-`) and that come (`+`), a line each; a changed one is both.
fn changed_targets(old: &Catalogue, new: &Catalogue) -> Vec<String> {
    let sentences = |catalogue: &Catalogue| -> BTreeSet<String> {
        let programme = catalogue.programme.iter();
        let said = programme.flat_map(|p| p.targets.iter().map(|target| p.in_words(target)));
        said.collect()
    };
    let (before, now) = (sentences(old), sentences(new));
    let gone = before.difference(&now).map(|line| format!("- {line}"));
    gone.chain(now.difference(&before).map(|line| format!("+ {line}"))).collect()
}

/// Every disclosure that purposes allow: whose data, to whom, on which theme, which field, how,
/// under which condition, and when.
fn disclosures(catalogue: &Catalogue) -> BTreeMap<String, When> {
    let mut all: BTreeMap<String, When> =
        recipients(catalogue).into_iter().map(|line| (line, When::Always)).collect();
    for purpose in catalogue.purposes.values() {
        let mut fields = Vec::new();
        flatten(&purpose.grants, String::new(), "", &mut fields);
        let themes: Vec<&str> = if purpose.themes.is_empty() {
            vec!["alle thema's"]
        } else {
            purpose.themes.iter().map(String::as_str).collect()
        };
        let condition = purpose.condition.as_ref().map_or("", |condition| &condition.text);
        let when = purpose.glass.map_or(When::Always, When::Broken);
        for origin in &purpose.origins {
            for recipient in &purpose.recipients {
                for theme in &themes {
                    for field in &fields {
                        let mut line = format!("{origin} → {recipient}, {theme}: {field}");
                        if !condition.is_empty() {
                            line.push_str(&format!(" als {condition}"));
                        }
                        if purpose.bsn_basis.is_some() && field.contains("bsn") {
                            line.push_str(" met eigen grondslag");
                        }
                        let known = all.entry(line).or_insert(when);
                        *known = when.max(*known);
                    }
                }
            }
        }
    }
    all
}

/// Who there is to receive, where it goes, and which routes lead there: a new partner of a kind
/// gets what its kind gets, and a webhook elsewhere brings it elsewhere.
fn recipients(catalogue: &Catalogue) -> BTreeSet<String> {
    let any = |names: &[String]| {
        if names.is_empty() { "alle".to_owned() } else { names.join(", ") }
    };
    let partners = catalogue.partners.values().map(|partner| {
        let way = match &partner.delivery {
            Delivery::Postvak => "postvak".to_owned(),
            Delivery::Webhook { url, netwerken } if netwerken.is_empty() => {
                format!("webhook {url}")
            }
            Delivery::Webhook { url, netwerken } => {
                format!("webhook {url} in {}", netwerken.join(", "))
            }
            Delivery::Map { map } => format!("map {map}"),
            Delivery::RabbitMq => "rabbitmq".to_owned(),
        };
        let any_certificate =
            if partner.certificates.is_empty() { "" } else { ", met certificaat" };
        format!(
            "ketenpartner {} ({}) ontvangt via {way}{any_certificate}",
            partner.id, partner.kind
        )
    });
    let routes = catalogue.routes.all.iter().map(|route| {
        let (themes, origins) = (any(&route.themes), any(&route.origins));
        format!("route {}: {themes} van {origins} → {}", route.id, route.targets.join(", "))
    });
    partners.chain(routes).collect()
}

fn flatten(grant: &Grant, at: String, condition: &str, out: &mut Vec<String>) {
    let own = grant.condition.as_ref().map_or(condition, |condition| &condition.text);
    if let Some(treatment) = grant.treatment {
        let how = match treatment {
            Treatment::Keep => "houd",
            Treatment::Generalise => "veralgemeen",
            Treatment::Mask => "masker",
        };
        let when = if own.is_empty() { String::new() } else { format!(" waar {own}") };
        out.push(format!("{at} ({how}){when}"));
    }
    for (name, inner) in &grant.fields {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        flatten(inner, path, own, out);
    }
    if let Some(elements) = &grant.elements {
        flatten(elements, format!("{at}[]"), own, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::fixture::{catalogue, files, purpose, put};

    /// The set with a purpose more, that sleeps for these minutes or not at all.
    fn with(glass: Option<Option<u16>>) -> Catalogue {
        let mut files = files();
        let text = purpose("politie", "zorg", "'ernst' = 'houd'\n");
        let text = match glass {
            None => return catalogue(&files),
            Some(None) => text,
            Some(Some(minutes)) => {
                let more = format!("breekglas = true\nhoogstensMinuten = {minutes}\n[velden]");
                text.replace("[velden]", &more)
            }
        };
        put(&mut files, "config/purposes/nood.toml", &text);
        catalogue(&files)
    }

    #[test]
    fn what_sleeps_widens_a_set_and_so_does_more_time_and_waking_it_for_good() {
        let (none, short, long) = (with(None), with(Some(Some(60))), with(Some(Some(120))));
        let always = with(Some(None));
        let line = "politie → zorg, alle thema's: ernst (houd)";
        let told = |minutes| format!("{line}, alleen na breekglas en hoogstens {minutes} minuten");
        assert_eq!(widened(&none, &short), [told(60)]);
        assert_eq!(widened(&short, &long), [told(120)]);
        assert_eq!(widened(&long, &always), [line]);
        for (from, to) in [(&short, &none), (&long, &short), (&always, &long)] {
            assert_eq!(widened(from, to), [""; 0]);
        }
    }
}
