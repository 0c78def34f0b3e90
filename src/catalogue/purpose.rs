//! A purpose (*doelbinding*): who may give what of whose data to whom, why, and until when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::Origin;
use super::cel::Expression;
use super::partner::Partner;
use super::problem::{Files, Problem, SourceText, nearest};
use super::shape::Shape;
use super::validity::Validity;
use crate::message::{PurposeId, Timestamp};

/// A compiled purpose.
#[derive(Debug)]
pub struct Purpose {
    pub id: PurposeId,
    /// Why the data are shared.
    pub goal: String,
    /// The legal basis.
    pub basis: String,
    /// The document in which the sharing was decided (Wpg article 20(2)).
    pub decision: String,
    /// Kinds of partner, or partners, whose data it covers.
    pub origins: Vec<String>,
    pub recipients: Vec<String>,
    /// Empty: every theme.
    pub themes: Vec<String>,
    pub condition: Option<Expression>,
    validity: Validity,
    /// The recipient's role, told in its role statement.
    pub role: String,
    pub retention_days: u32,
    /// The recipient's own basis for processing a BSN.
    pub bsn_basis: Option<String>,
    /// Whether cases may be joined by person.
    pub joins: bool,
    /// Whether the recipient sees the roles of others.
    pub sees_roles: bool,
    pub grants: Grant,
    /// It sleeps, and grants nothing, until a coordinator breaks the glass for one recipient in
    /// one case; for at most this many minutes.
    pub glass: Option<u16>,
}

/// How long a sleeping purpose may be awake where it does not say so, and what it may say at most.
const GLASS_MINUTES: u16 = 240;
const GLASS_MINUTES_MAX: u16 = 1440;

/// What happens to a field. A later one gives more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Treatment {
    #[serde(rename = "masker")]
    Mask,
    #[serde(rename = "veralgemeen")]
    Generalise,
    #[serde(rename = "houd")]
    Keep,
}

/// A tree of what a purpose grants; the most specific grant counts.
#[derive(Debug, Default)]
pub struct Grant {
    pub treatment: Option<Treatment>,
    pub fields: BTreeMap<String, Grant>,
    /// Of the elements of a list.
    pub elements: Option<Box<Grant>>,
    /// Which elements (`b`) it covers.
    pub condition: Option<Expression>,
}

/// Fields that can be generalised, by name, and into what.
pub const GENERALISED: [(&str, &str); 8] = [
    ("postcode", "vier cijfers"),
    ("geboortedatum", "een leeftijdsgroep"),
    ("naam", "voorletters en de eerste letter van de geslachtsnaam"),
    ("punt", "een vak van honderd meter"),
    ("tijdstip", "het hele uur"),
    ("begin", "het hele uur"),
    ("eind", "het hele uur"),
    ("buurtcode", "de wijk"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PurposeText {
    doel: String,
    grondslag: String,
    besluit: String,
    herkomst: Vec<String>,
    ontvangers: Vec<String>,
    themas: Vec<Spanned<String>>,
    voorwaarde: Option<Spanned<String>>,
    geldig_van: Spanned<String>,
    geldig_tot: Spanned<String>,
    rol: String,
    bewaren_dagen: u32,
    bsn_grondslag: Option<String>,
    #[serde(default)]
    koppelen: bool,
    #[serde(default)]
    rollen: bool,
    #[serde(default)]
    breekglas: bool,
    hoogstens_minuten: Option<Spanned<u16>>,
    velden: BTreeMap<Spanned<String>, Spanned<Treatment>>,
    #[serde(default)]
    lijsten: BTreeMap<Spanned<String>, Spanned<String>>,
}

impl Purpose {
    /// Reads `config/purposes/<id>.toml`; `canonical` is the shape of all canonical data at once.
    pub fn load(
        files: &Files,
        file: &str,
        id: PurposeId,
        canonical: &Shape,
        themes: &[String],
    ) -> Result<Self, Vec<Problem>> {
        let source = SourceText::read(files, file).map_err(|problem| vec![problem])?;
        let text: PurposeText = source.toml().map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let (from, until) = (Some(&text.geldig_van), Some(&text.geldig_tot));
        let validity = Validity::read(from, until, &source, &mut problems);
        let named: Vec<String> = text.themas.iter().map(|t| t.get_ref().clone()).collect();
        for theme in text.themas.iter().filter(|t| t.get_ref() != "*") {
            if !themes.contains(theme.get_ref()) {
                let near = nearest(theme.get_ref(), themes.iter().map(String::as_str));
                let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
                let at = theme.span().start;
                problems.push(source.problem(at, "thema", format!("onbekend thema{hint}")));
            }
        }
        let condition = text.voorwaarde.as_ref().and_then(|t| {
            Expression::condition(t.get_ref(), source.file, canonical)
                .map_err(|e| problems.push(source.problem(t.span().start, "uitdrukking", e)))
                .ok()
        });
        let glass = text.glass(&source, &mut problems);
        let mut grants = Grant::default();
        for (path, treatment) in &text.velden {
            if let Err(e) = grants.add(path.get_ref(), *treatment.get_ref(), canonical) {
                problems.push(source.problem(path.span().start, "veld", e));
            }
        }
        for (path, text) in &text.lijsten {
            if let Err(e) = grants.restrict(path.get_ref(), text, canonical, source.file) {
                problems.push(source.problem(text.span().start, "lijst", e));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            id,
            goal: text.doel,
            basis: text.grondslag,
            decision: text.besluit,
            origins: text.herkomst,
            recipients: text.ontvangers,
            themes: if named.iter().any(|t| t == "*") { Vec::new() } else { named },
            condition,
            validity,
            role: text.rol,
            retention_days: text.bewaren_dagen,
            bsn_basis: text.bsn_grondslag,
            joins: text.koppelen,
            sees_roles: text.rollen,
            grants,
            glass,
        })
    }

    /// Whether it covers this theme; a message without one is covered by purposes for all.
    pub fn covers_theme(&self, theme: Option<&str>) -> bool {
        self.themes.is_empty() || theme.is_some_and(|t| self.themes.iter().any(|mine| mine == t))
    }

    /// Whether it holds at this moment, by Amsterdam's calendar; both days included.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.validity.holds(now)
    }

    /// Whether it lets data of this origin go to this recipient, on this theme, at this moment.
    /// Its condition is asked of the message by whoever has one. One that sleeps lets nothing go.
    pub fn applies(
        &self,
        origin: &Origin<'_>,
        recipient: &Partner,
        theme: Option<&str>,
        now: Timestamp,
    ) -> bool {
        !self.sleeps() && self.concerns(origin, recipient, theme, now)
    }

    /// Whether it grants nothing unless a glass was broken.
    pub const fn sleeps(&self) -> bool {
        self.glass.is_some()
    }

    /// As `applies`, whether it sleeps or not.
    pub fn concerns(
        &self,
        origin: &Origin<'_>,
        recipient: &Partner,
        theme: Option<&str>,
        now: Timestamp,
    ) -> bool {
        origin.is_among(&self.origins)
            && Self::names(&self.recipients, recipient)
            && self.covers_theme(theme)
            && self.is_valid(now)
    }

    /// Whether it gives a field of the message itself as it is.
    pub fn grants_field(&self, name: &str) -> bool {
        let grant = self.grants.fields.get(name);
        grant.is_some_and(|grant| grant.treatment == Some(Treatment::Keep))
    }

    /// Whether a name among its origins or recipients means this partner.
    pub fn names(list: &[String], partner: &Partner) -> bool {
        list.iter().any(|name| partner.is_meant_by(name))
    }
}

impl PurposeText {
    /// For how many minutes it may be woken, where it sleeps. Joining cases and seeing roles are no
    /// matter of one case and a while.
    fn glass(&self, source: &SourceText<'_>, problems: &mut Vec<Problem>) -> Option<u16> {
        let minutes = self.hoogstens_minuten.as_ref();
        let mut report = |at: usize, text: String| {
            problems.push(source.problem(at, "breekglas", text));
        };
        let bounds = 1..=GLASS_MINUTES_MAX;
        match minutes {
            Some(minutes) if !self.breekglas => {
                let text = "hoogstensMinuten hoort bij breekglas = true".to_owned();
                report(minutes.span().start, text);
            }
            Some(minutes) if !bounds.contains(minutes.get_ref()) => {
                let text = format!("hoogstensMinuten is van 1 tot en met {GLASS_MINUTES_MAX}");
                report(minutes.span().start, text);
            }
            _ => {}
        }
        for (name, set) in [("koppelen", self.koppelen), ("rollen", self.rollen)] {
            if self.breekglas && set {
                let at = source.text.find(name).unwrap_or(0);
                report(at, format!("een doelbinding met breekglas geeft geen {name}"));
            }
        }
        let minutes = minutes.map_or(GLASS_MINUTES, |minutes| *minutes.get_ref());
        self.breekglas.then_some(minutes)
    }
}

impl Grant {
    fn add(&mut self, path: &str, treatment: Treatment, shape: &Shape) -> Result<(), String> {
        let (node, shape, name) = self.reach(path, shape)?;
        match treatment {
            Treatment::Generalise if !GENERALISED.iter().any(|(field, _)| *field == name) => {
                return Err(format!("{name} kan niet worden veralgemeend"));
            }
            Treatment::Mask if !matches!(shape, Shape::String) => {
                return Err("alleen tekst kan worden gemaskeerd".to_owned());
            }
            _ => node.treatment = Some(treatment),
        }
        Ok(())
    }

    fn restrict(
        &mut self,
        path: &str,
        text: &Spanned<String>,
        shape: &Shape,
        file: &str,
    ) -> Result<(), String> {
        if !path.ends_with("[]") {
            return Err(format!("schrijf {path}[]: een voorwaarde gaat over de elementen"));
        }
        let (node, shape, _) = self.reach(path, shape)?;
        node.condition = Some(Expression::condition(text.get_ref(), file, shape)?);
        Ok(())
    }

    /// The node of a path such as `betrokkenen[].naam`, its shape and its last name.
    fn reach<'g, 's>(
        &'g mut self,
        path: &str,
        shape: &'s Shape,
    ) -> Result<(&'g mut Self, &'s Shape, String), String> {
        let (mut node, mut shape) = (self, shape);
        let mut last = String::new();
        for segment in path.split('.') {
            let (name, each) = match segment.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (segment, false),
            };
            let Shape::Object(fields) = shape else {
                return Err(format!("{last} heeft geen velden"));
            };
            let field = fields.iter().find(|field| field.name == name).ok_or_else(|| {
                let near = nearest(name, fields.iter().map(|field| field.name.as_str()));
                let near = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
                format!("het canonieke bericht kent geen {name}{near}")
            })?;
            shape = &field.shape;
            node = node.fields.entry(name.to_owned()).or_default();
            if each {
                let Shape::Array(element) = shape else {
                    return Err(format!("{name} is geen lijst"));
                };
                shape = element;
                node = &mut **node.elements.get_or_insert_default();
            }
            name.clone_into(&mut last);
        }
        Ok((node, shape, last))
    }
}
