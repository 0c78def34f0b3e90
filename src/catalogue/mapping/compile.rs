//! Compiling a mapping against the shapes on both sides, with every problem at its line.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::{Fill, ListPart, Mapping, Node, Place, Rule, target};
use crate::catalogue::cel::{CodeLists, Expression, Lineage, Path, Step, Variable};
use crate::catalogue::facts::EARLIER;
use crate::catalogue::problem::{Files, Problem, SourceText};
use crate::catalogue::shape::Shape;

/// Lists nest at most this deep.
const LIST_DEPTH_MAX: usize = 2;
/// Lines in one mapping.
const RULES_MAX: usize = 500;

/// A mapping file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingText {
    #[serde(default)]
    velden: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    lijst: Vec<ListText>,
    #[serde(default)]
    codes: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListText {
    doel: Spanned<String>,
    bron: Option<Spanned<String>>,
    #[serde(default = "element_name")]
    als: String,
    waar: Option<Spanned<String>>,
    #[serde(default)]
    velden: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    lijst: Vec<ListText>,
}

fn element_name() -> String {
    "e".to_owned()
}

/// What a mapping reads and writes.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The shape of `b`.
    pub document: &'a Shape,
    /// The shape of `h`.
    pub hub: &'a Shape,
    /// The shape of `eerder`, where a mapping may use it.
    pub earlier: Option<&'a Shape>,
    /// The shape of the target.
    pub target: &'a Shape,
}

impl Mapping {
    /// Reads and compiles a mapping; adds its code lists to those of the set.
    pub fn load(
        files: &Files,
        file: &str,
        sides: Source<'_>,
        codes: &mut CodeLists,
    ) -> Result<Self, Vec<Problem>> {
        let source = SourceText::read(files, file).map_err(|problem| vec![problem])?;
        let text: MappingText = source.toml().map_err(|problem| vec![problem])?;
        for (name, list) in &text.codes {
            codes.insert(format!("{file}#{name}"), list.clone());
        }
        let mut compiler = Compiler {
            source,
            lists: text.codes.keys().map(|name| format!("{file}#{name}")).collect(),
            rules: Vec::new(),
            failed: BTreeSet::new(),
            problems: Vec::new(),
        };
        let known = [("b", Some(sides.document)), ("h", Some(sides.hub)), (EARLIER, sides.earlier)];
        let known = known.into_iter().filter_map(|(name, shape)| Some((name, shape?)));
        let variables = known.map(|(name, shape)| (name.to_owned(), variable(name, shape)));
        let top = Level {
            shape: sides.target,
            path: Path::root("doel"),
            variables: variables.collect(),
            conditions: BTreeSet::new(),
            depth: 0,
        };
        let mut nodes = compiler.level(&text.velden, &text.lijst, &top);
        target::order(&mut nodes, sides.target);
        let mut missing = Vec::new();
        target::unfilled(&nodes, sides.target, "", true, &mut missing);
        for path in missing.into_iter().filter(|path| !compiler.failed.contains(path)) {
            compiler.problems.push(source.whole(
                "doel-verplicht",
                format!("het schema van het doel vraagt {path}; vul het met een regel zonder ?"),
            ));
        }
        if compiler.rules.len() > RULES_MAX {
            let text = format!("deze vertaling heeft meer dan {RULES_MAX} regels");
            compiler.problems.push(source.whole("te-veel-regels", text));
        }
        if compiler.problems.is_empty() {
            Ok(Self { file: file.to_owned(), rules: compiler.rules, nodes })
        } else {
            Err(compiler.problems)
        }
    }
}

fn variable(name: &str, shape: &Shape) -> Variable {
    Variable { path: Path::root(name), shape: shape.clone() }
}

struct Compiler<'a> {
    source: SourceText<'a>,
    lists: BTreeSet<String>,
    rules: Vec<Rule>,
    /// Targets of lines that were refused: not reported again as not filled.
    failed: BTreeSet<String>,
    problems: Vec<Problem>,
}

/// Where in the target, and with which variables, a table of fields stands.
struct Level<'a> {
    shape: &'a Shape,
    path: Path,
    variables: BTreeMap<String, Variable>,
    /// What the conditions of the lists around it read.
    conditions: BTreeSet<Path>,
    depth: usize,
}

impl Compiler<'_> {
    fn level(
        &mut self,
        fields: &BTreeMap<Spanned<String>, Spanned<String>>,
        lists: &[ListText],
        level: &Level<'_>,
    ) -> Vec<Node> {
        let mut nodes = Vec::new();
        for (key, text) in fields {
            let field = self.field(key, text, level);
            if field.is_none() {
                self.fails(key.get_ref(), level);
            }
            if let Some((segments, node)) = field
                && let Err(problem) = target::insert(&mut nodes, &segments, node)
            {
                self.report(key.span().start, "doel", problem);
            }
        }
        for list in lists {
            let made = self.list(list, level);
            if made.is_none() {
                self.fails(list.doel.get_ref(), level);
            }
            if let Some((segments, node)) = made
                && let Err(problem) = target::insert(&mut nodes, &segments, node)
            {
                self.report(list.doel.span().start, "doel", problem);
            }
        }
        nodes
    }

    fn field(
        &mut self,
        key: &Spanned<String>,
        text: &Spanned<String>,
        level: &Level<'_>,
    ) -> Option<(Vec<String>, Node)> {
        let at = key.span().start;
        let parsed = target::parse(key.get_ref()).map_err(|e| self.report(at, "doel", e));
        let (segments, optional) = parsed.ok()?;
        let found = target::find(level.shape, &segments).map_err(|e| self.report(at, "doel", e));
        let field = found.ok()?;
        if matches!(&field.shape, Shape::Object(fields) if !fields.is_empty()) {
            self.report(at, "doel", "dit doel is een object; vul zijn velden".to_owned());
            return None;
        }
        let (expression, lineage) = self.expression(text, &level.variables)?;
        if !optional && let Some(gap) = lineage.unguarded.first() {
            self.report(text.span().start, "kan-ontbreken", gap.in_field());
            return None;
        }
        let fill = match (Place::of(&expression), expression.literal()) {
            (Some(place), _) => Fill::Copy(place),
            (None, Some(value)) => Fill::Literal(value.clone()),
            (None, None) => Fill::Evaluate(expression),
        };
        let rule = self.rules.len();
        let target =
            segments.iter().fold(level.path.clone(), |path, s| path.then(Step::Field(s.clone())));
        let line = self.source.problem(at, "", "").line;
        let reads = lineage.reads.iter().chain(&level.conditions).map(Path::generalised).collect();
        self.rules.push(Rule { target, text: text.get_ref().clone(), line, optional, reads });
        let name = segments.last().cloned()?;
        Some((segments, Node::Field { name, rule, fill, optional }))
    }

    fn list(&mut self, list: &ListText, level: &Level<'_>) -> Option<(Vec<String>, Node)> {
        let at = list.doel.span().start;
        if level.depth == LIST_DEPTH_MAX {
            self.report(
                at,
                "lijst",
                format!("lijsten mogen {LIST_DEPTH_MAX} diep in elkaar staan"),
            );
            return None;
        }
        let parsed = target::parse(list.doel.get_ref()).map_err(|e| self.report(at, "doel", e));
        let (segments, _) = parsed.ok()?;
        let found = target::find(level.shape, &segments).map_err(|e| self.report(at, "doel", e));
        let Shape::Array(shape) = &found.ok()?.shape else {
            self.report(at, "doel", "dit doel is volgens het schema geen lijst".to_owned());
            return None;
        };
        let mut variables = level.variables.clone();
        let mut reads = level.conditions.clone();
        let mut conditions = Vec::new();
        let source = match &list.bron {
            None => None,
            Some(bron) => {
                Some(self.source_of(bron, list, &mut variables, &mut reads, &mut conditions)?)
            }
        };
        if let Some(text) = &list.waar {
            let (condition, lineage) = self.condition(text, &variables)?;
            reads.extend(lineage.reads);
            conditions.push((list.als.clone(), condition));
        }
        let path = segments.iter().fold(level.path.clone(), |p, s| p.then(Step::Field(s.clone())));
        let inner = Level {
            shape,
            path: path.then(Step::Each),
            variables,
            conditions: reads,
            depth: level.depth + 1,
        };
        let children = self.level(&list.velden, &list.lijst, &inner);
        let part = ListPart { source, element: list.als.clone(), conditions, children };
        let name = segments.last().cloned()?;
        Some((segments, Node::List { name, parts: vec![part] }))
    }

    /// The source of a list: a path, or a path with a filter. Binds its element variable.
    fn source_of(
        &mut self,
        bron: &Spanned<String>,
        list: &ListText,
        variables: &mut BTreeMap<String, Variable>,
        reads: &mut BTreeSet<Path>,
        conditions: &mut Vec<(String, Expression)>,
    ) -> Option<Place> {
        let at = bron.span().start;
        let (whole, lineage) = self.expression(bron, variables)?;
        let (path, filter) = match whole.split_filter() {
            None => (whole, None),
            Some((path, name, condition)) => (path, Some((name, condition))),
        };
        let Some(place) = Place::of(&path) else {
            let text = "de bron van een lijst is een pad, of een pad met filter()".to_owned();
            self.report(at, "lijst", text);
            return None;
        };
        let Some(element) = lineage.element else {
            let text = format!("{} is volgens het schema geen lijst", bron.get_ref());
            self.report(at, "lijst", text);
            return None;
        };
        if let Some((name, condition)) = filter {
            variables.insert(name.clone(), element.clone());
            let lineage = condition.lineage(variables).ok()?;
            if name != list.als {
                variables.remove(&name);
            }
            self.guarded(at, &lineage)?;
            reads.extend(lineage.reads);
            conditions.push((name, condition));
        }
        if !matches!(element.shape, Shape::Object(_)) {
            // A leaf that is an element decides whether there is one.
            reads.insert(element.path.clone());
        }
        variables.insert(list.als.clone(), element);
        Some(place)
    }

    fn condition(
        &mut self,
        text: &Spanned<String>,
        variables: &BTreeMap<String, Variable>,
    ) -> Option<(Expression, Lineage)> {
        let (condition, lineage) = self.expression(text, variables)?;
        self.guarded(text.span().start, &lineage)?;
        Some((condition, lineage))
    }

    fn guarded(&mut self, at: usize, lineage: &Lineage) -> Option<()> {
        let Some(gap) = lineage.unguarded.first() else { return Some(()) };
        self.report(at, "kan-ontbreken", gap.in_condition());
        None
    }

    fn expression(
        &mut self,
        text: &Spanned<String>,
        variables: &BTreeMap<String, Variable>,
    ) -> Option<(Expression, Lineage)> {
        let at = text.span().start;
        let compiled = Expression::compile(text.get_ref(), self.source.file);
        let expression = compiled.map_err(|e| self.report(at, "uitdrukking", e)).ok()?;
        for list in expression.code_lists() {
            if !self.lists.contains(&list) {
                let name = list.rsplit('#').next().unwrap_or_default().to_owned();
                self.report(
                    at,
                    "codelijst",
                    format!("onbekende codelijst {name}; zet haar in [codes.{name}]"),
                );
                return None;
            }
        }
        let lineage = expression.lineage(variables);
        let lineage = lineage.map_err(|e| self.report(at, "pad", e)).ok()?;
        Some((expression, lineage))
    }

    fn fails(&mut self, target: &str, level: &Level<'_>) {
        if let Ok((segments, _)) = target::parse(target) {
            let path =
                segments.into_iter().map(Step::Field).fold(level.path.clone(), |p, s| p.then(s));
            self.failed.extend(path.to_string().strip_prefix("doel.").map(str::to_owned));
        }
    }

    fn report(&mut self, at: usize, code: &'static str, text: String) {
        self.problems.push(self.source.problem(at, code, text));
    }
}

impl Place {
    /// The place that an expression is, where it is nothing but a path.
    fn of(expression: &Expression) -> Option<Self> {
        let (variable, steps) = expression.path()?;
        Some(Self { variable: variable.to_owned(), steps: steps.to_vec() })
    }
}
