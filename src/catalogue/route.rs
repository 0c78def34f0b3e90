//! Routes: who must get a message that names nobody, or whom others must hear of as well.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use toml::Spanned;

use super::cel::{Engine, Expression, Path, Variable};
use super::partner::Partner;
use super::problem::{Problem, SourceText, nearest};
use super::shape::Shape;
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
    valid_from: Option<String>,
    valid_until: Option<String>,
    /// Kinds or partners.
    pub targets: Vec<String>,
}

/// The routes, found by theme and origin without looking at the others.
#[derive(Debug, Default)]
pub struct Routes {
    pub all: Vec<Route>,
    by_theme_and_origin: HashMap<(String, String), Vec<usize>>,
}

/// What stands in the index for "any theme" and "any origin".
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
    geldig_van: Option<String>,
    geldig_tot: Option<String>,
    naar: Vec<Spanned<String>>,
}

impl Routes {
    /// Reads `config/routes.toml`.
    pub fn load(
        source: SourceText<'_>,
        canonical: &Shape,
        themes: &[String],
        partners: &BTreeMap<PartnerId, Partner>,
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
            check_names(&source, &route, themes, partners, &mut problems);
            let condition = route.voorwaarde.as_ref().and_then(|text| {
                compile(text, canonical, source.file)
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
                valid_from: route.geldig_van,
                valid_until: route.geldig_tot,
                targets: plain(route.naar),
            });
        }
        if problems.is_empty() { Ok(routes) } else { Err(problems) }
    }

    fn add(&mut self, route: Route) {
        let at = self.all.len();
        let any = [ANY.to_owned()];
        let themes = if route.themes.is_empty() { &any[..] } else { &route.themes };
        let origins = if route.origins.is_empty() { &any[..] } else { &route.origins };
        for theme in themes {
            for origin in origins {
                let key = (theme.clone(), origin.clone());
                self.by_theme_and_origin.entry(key).or_default().push(at);
            }
        }
        self.all.push(route);
    }

    /// The routes that match, in the order of the file.
    pub fn matching(&self, engine: &Engine, asked: &Asked<'_>) -> Vec<&Route> {
        let themes = [asked.theme.unwrap_or(ANY), ANY];
        let origins = [asked.sender.id.as_str(), asked.sender.kind.as_str(), ANY];
        let mut found: Vec<usize> = Vec::new();
        for theme in themes.iter().take(if asked.theme.is_some() { 2 } else { 1 }) {
            for origin in origins {
                let key = ((*theme).to_owned(), origin.to_owned());
                found.extend(self.by_theme_and_origin.get(&key).into_iter().flatten());
            }
        }
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
    pub data: &'a serde_json::Value,
    pub now: Timestamp,
}

impl Route {
    fn matches(&self, engine: &Engine, asked: &Asked<'_>) -> bool {
        let text = |pointer: &str| asked.data.pointer(pointer).and_then(|v| v.as_str());
        let among = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|v| list.iter().any(|mine| mine == v))
        };
        let today: String = asked.now.to_amsterdam().chars().take(10).collect();
        among(&self.severities, text("/ernst"))
            && among(&self.municipalities, text("/locatie/gemeentecode"))
            && self.valid_from.as_ref().is_none_or(|day| *day <= today)
            && self.valid_until.as_ref().is_none_or(|day| today <= *day)
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

fn compile(text: &Spanned<String>, shape: &Shape, file: &str) -> Result<Expression, String> {
    let expression = Expression::compile(text.get_ref(), file)?;
    let variable = Variable { path: Path::root("b"), shape: shape.clone() };
    let lineage = expression.lineage(&BTreeMap::from([("b".to_owned(), variable)]))?;
    match lineage.unguarded.first() {
        Some(path) => Err(format!("{path} kan ontbreken; gebruik has()")),
        None => Ok(expression),
    }
}

fn check_names(
    source: &SourceText<'_>,
    route: &RouteText,
    themes: &[String],
    partners: &BTreeMap<PartnerId, Partner>,
    problems: &mut Vec<Problem>,
) {
    let known = |name: &str| partners.values().any(|partner| partner.is_meant_by(name));
    for theme in route.themas.iter().filter(|t| !themes.contains(t.get_ref())) {
        let near = nearest(theme.get_ref(), themes.iter().map(String::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        let text = format!("onbekend thema{hint}");
        problems.push(source.problem(theme.span().start, "thema", text));
    }
    for name in route.naar.iter().chain(&route.herkomst).filter(|name| !known(name.get_ref())) {
        let names = partners.values().flat_map(|p| [p.id.as_str(), p.kind.as_str()]);
        let hint = nearest(name.get_ref(), names)
            .map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        let text = format!("onbekende ketenpartner of soort{hint}");
        problems.push(source.problem(name.span().start, "ketenpartner", text));
    }
}
