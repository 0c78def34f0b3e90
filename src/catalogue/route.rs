//! Routes: who must get a message that names nobody, or whom others must hear of as well.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::cel::{Engine, Expression};
use super::partner::Partner;
use super::problem::{Problem, SourceText, nearest};
use super::shape::Shape;
use super::validity::Validity;
use crate::message::{PartnerId, RouteId, Timestamp};

/// One rule of `config/routes.toml`.
#[derive(Debug)]
pub struct Route {
    pub id: RouteId,
    pub line: usize,
    pub themes: Vec<String>,
    pub origins: Vec<String>,
    severities: Vec<String>,
    municipalities: Vec<String>,
    condition: Option<Expression>,
    validity: Validity,
    /// Kinds or partners.
    pub targets: Vec<String>,
}

/// The routes, found by theme, origin and municipality without looking at the others.
#[derive(Debug, Default)]
pub struct Routes {
    pub all: Vec<Route>,
    index: ByTheme,
}

type ByTheme = HashMap<String, ByOrigin>;
type ByOrigin = HashMap<String, ByMunicipality>;
type ByMunicipality = HashMap<String, Vec<usize>>;

/// What stands in the index for any theme, any origin and any municipality.
const ANY: &str = "*";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoutesText {
    #[serde(default)]
    route: Vec<Spanned<RouteText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RouteText {
    id: RouteId,
    #[serde(default)]
    themas: Vec<Spanned<String>>,
    #[serde(default)]
    herkomst: Vec<Spanned<String>>,
    #[serde(default)]
    ernst: Vec<String>,
    #[serde(default)]
    gemeenten: Vec<String>,
    voorwaarde: Option<Spanned<String>>,
    geldig_van: Option<Spanned<String>>,
    geldig_tot: Option<Spanned<String>>,
    naar: Vec<Spanned<String>>,
}

impl Routes {
    /// Reads `config/routes.toml`. Without `partners`, because one of them is broken, the names
    /// of partners are not looked up.
    pub fn load(
        source: SourceText<'_>,
        canonical: &Shape,
        themes: &[String],
        partners: Option<&BTreeMap<PartnerId, Partner>>,
    ) -> Result<Self, Vec<Problem>> {
        let text: RoutesText = source.toml().map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut routes = Self::default();
        for route in text.route {
            let at = route.span().start;
            let line = source.problem(at, "", "").line;
            let route = route.into_inner();
            if routes.all.iter().any(|other| other.id == route.id) {
                problems.push(source.problem(at, "route", "deze route-id komt twee keer voor"));
            }
            check_themes(&source, &route, themes, &mut problems);
            if let Some(partners) = partners {
                check_names(&source, &route, partners, &mut problems);
            }
            let (from, until) = (route.geldig_van.as_ref(), route.geldig_tot.as_ref());
            let validity = Validity::read(from, until, &source, &mut problems);
            let condition = route.voorwaarde.as_ref().and_then(|text| {
                Expression::condition(text.get_ref(), source.file, canonical)
                    .map_err(|e| problems.push(source.problem(text.span().start, "uitdrukking", e)))
                    .ok()
            });
            routes.add(Route {
                id: route.id,
                line,
                themes: plain(route.themas),
                origins: plain(route.herkomst),
                severities: route.ernst,
                municipalities: route.gemeenten,
                condition,
                validity,
                targets: plain(route.naar),
            });
        }
        if problems.is_empty() { Ok(routes) } else { Err(problems) }
    }

    fn add(&mut self, route: Route) {
        let at = self.all.len();
        let any = [ANY.to_owned()];
        let or_any =
            |list: &'_ [String]| if list.is_empty() { any.to_vec() } else { list.to_vec() };
        for theme in or_any(&route.themes) {
            let by_origin = self.index.entry(theme).or_default();
            for origin in or_any(&route.origins) {
                let by_municipality = by_origin.entry(origin).or_default();
                for municipality in or_any(&route.municipalities) {
                    by_municipality.entry(municipality).or_default().push(at);
                }
            }
        }
        self.all.push(route);
    }

    /// The routes that match, in the order of the file.
    pub fn matching(&self, engine: &Engine, asked: &Asked<'_>) -> Vec<&Route> {
        let themes = [asked.theme.unwrap_or(ANY), ANY];
        let origins = [asked.sender.id.as_str(), asked.sender.kind.as_str(), ANY];
        let municipalities = [municipality(asked.data).unwrap_or(ANY), ANY];
        let mut found: Vec<usize> = Vec::new();
        for by_origin in themes.iter().filter_map(|theme| self.index.get(*theme)) {
            for by_municipality in origins.iter().filter_map(|origin| by_origin.get(*origin)) {
                let routes = municipalities.iter().filter_map(|code| by_municipality.get(*code));
                found.extend(routes.flatten());
            }
        }
        // Where a message has no theme or municipality, "any" is looked up twice.
        found.sort_unstable();
        found.dedup();
        let routes = found.into_iter().filter_map(|at| self.all.get(at));
        routes.filter(|route| route.matches(engine, asked)).collect()
    }
}

/// What routing looks at.
#[derive(Debug)]
pub struct Asked<'a> {
    pub sender: &'a Partner,
    pub theme: Option<&'a str>,
    pub data: &'a Value,
    pub now: Timestamp,
}

/// The municipality in which a message plays, as a CBS code.
pub fn municipality(data: &Value) -> Option<&str> {
    data.get("locatie")?.get("gemeentecode")?.as_str()
}

impl Route {
    /// Whether it matches beyond theme, origin and municipality, by which it was found.
    fn matches(&self, engine: &Engine, asked: &Asked<'_>) -> bool {
        let severity = asked.data.get("ernst").and_then(|v| v.as_str());
        let severe = |list: &[String]| severity.is_some_and(|s| list.iter().any(|mine| mine == s));
        (self.severities.is_empty() || severe(&self.severities))
            && self.validity.holds(asked.now)
            && self.condition.as_ref().is_none_or(|condition| {
                let mut scope = engine.scope();
                scope.bind("b", asked.data);
                condition.holds(&scope).unwrap_or(false)
            })
    }
}

fn plain(texts: Vec<Spanned<String>>) -> Vec<String> {
    texts.into_iter().map(Spanned::into_inner).collect()
}

fn check_themes(
    source: &SourceText<'_>,
    route: &RouteText,
    themes: &[String],
    problems: &mut Vec<Problem>,
) {
    for theme in route.themas.iter().filter(|t| !themes.contains(t.get_ref())) {
        let near = nearest(theme.get_ref(), themes.iter().map(String::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        let text = format!("onbekend thema{hint}");
        problems.push(source.problem(theme.span().start, "thema", text));
    }
}

fn check_names(
    source: &SourceText<'_>,
    route: &RouteText,
    partners: &BTreeMap<PartnerId, Partner>,
    problems: &mut Vec<Problem>,
) {
    let known = |name: &str| partners.values().any(|partner| partner.is_meant_by(name));
    for name in route.naar.iter().chain(&route.herkomst).filter(|name| !known(name.get_ref())) {
        let names = partners.values().flat_map(|p| [p.id.as_str(), p.kind.as_str()]);
        let hint = nearest(name.get_ref(), names)
            .map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        let text = format!("onbekende ketenpartner of soort{hint}");
        problems.push(source.problem(name.span().start, "ketenpartner", text));
    }
}
