//! JSON Schemas: read with their references bundled, compiled, and used to find all violations.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::problem::{Files, Problem, SourceText};
use super::shape::Shape;
use super::shape_of::shape_of;
use crate::message::{Violation, formats};

/// References that one schema may follow while it is read; doubling references stop here.
const REFERENCES_MAX: usize = 2_000;
/// Violations reported for one document.
const VIOLATIONS_MAX: usize = 100;

/// Compiled regular expressions, shared by the schemas of a set: most repeat each other's.
pub type Patterns = jsonschema::PatternCache;

/// A compiled schema with the structure it describes.
#[derive(Debug)]
pub struct Schema {
    pub file: String,
    pub shape: Shape,
    /// What it says about itself: its title, and `x-schakel`.
    pub title: Option<String>,
    pub annotations: Value,
    validator: jsonschema::Validator,
}

impl Schema {
    /// Reads `file`, takes in the definitions it refers to in other files, and compiles it.
    /// Schemas with the same patterns share them through `patterns`.
    pub fn load(files: &Files, file: &str, patterns: &Patterns) -> Result<Self, Vec<Problem>> {
        let source = SourceText::read(files, file).map_err(|problem| vec![problem])?;
        let mut document = source.json().map_err(|problem| vec![problem])?;
        bundle(files, file, &mut document).map_err(|problem| vec![problem])?;
        let fail = |code, text: String| vec![source.whole(code, text)];
        let shape =
            shape_of(&document, REFERENCES_MAX).map_err(|text| fail("schema-verwijzing", text))?;
        let mut options = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .with_pattern_cache(patterns.clone())
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false);
        for (name, check) in formats::ALL {
            options = options.with_format(name, check);
        }
        let validator = options.build(&document).map_err(|error| {
            fail("schema", format!("geen geldig JSON Schema: {}", error.masked()))
        })?;
        let title = document.get("title").and_then(Value::as_str).map(str::to_owned);
        let annotations = document.get("x-schakel").cloned().unwrap_or_default();
        Ok(Self { file: file.to_owned(), shape, title, annotations, validator })
    }

    /// Whether the document is valid; the cheap question of the usual case.
    pub fn accepts(&self, document: &Value) -> bool {
        self.validator.is_valid(document)
    }

    /// Every violation, with JSON Pointers and never a value; empty where it is valid.
    pub fn violations(&self, document: &Value) -> Vec<Violation> {
        let mut found: Vec<Violation> =
            self.validator.iter_errors(document).flat_map(|e| explain(&e)).collect();
        found.sort();
        found.dedup();
        found.truncate(VIOLATIONS_MAX);
        found
    }
}

/// Moves the `$defs` that references into other files need into this document, under names that
/// tell their file, so that two files may each have a definition of the same name.
fn bundle(files: &Files, file: &str, document: &mut Value) -> Result<(), Problem> {
    let mut taken: Map<String, Value> = Map::new();
    let mut pending = Vec::new();
    localise(document, file, None, &mut pending);
    let mut read: Vec<String> = Vec::new();
    while let Some(other) = pending.pop() {
        if read.contains(&other) {
            continue;
        }
        let mut source = SourceText::read(files, &other)?.json()?;
        localise(&mut source, &other, Some(&other), &mut pending);
        if let Some(Value::Object(defs)) = source.get_mut("$defs") {
            let defs = std::mem::take(defs).into_iter();
            taken.extend(defs.map(|(name, definition)| (name_of(&other, &name), definition)));
        }
        read.push(other);
    }
    if let (false, Some(root)) = (taken.is_empty(), document.as_object_mut()) {
        let defs = root.entry("$defs").or_insert_with(|| Value::Object(Map::new()));
        if let Some(defs) = defs.as_object_mut() {
            defs.append(&mut taken);
        }
    }
    Ok(())
}

/// The name that a definition of another file gets.
fn name_of(file: &str, definition: &str) -> String {
    format!("{}:{definition}", file.replace('/', "."))
}

/// Rewrites `other.json#/$defs/x` to the name that it gets here, and notes the other file. In a
/// file that is taken in, `taken`, its own `#/$defs/x` too.
fn localise(value: &mut Value, file: &str, taken: Option<&str>, pending: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref")
                && let Some((other, definition)) = reference.split_once("#/$defs/")
            {
                if !other.is_empty() {
                    let other = resolve(file, other);
                    *reference = format!("#/$defs/{}", name_of(&other, definition));
                    pending.push(other);
                } else if let Some(taken) = taken {
                    *reference = format!("#/$defs/{}", name_of(taken, definition));
                }
            }
            fields.values_mut().for_each(|field| localise(field, file, taken, pending));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| localise(item, file, taken, pending));
        }
        _ => {}
    }
}

/// A path relative to a file of the set; it cannot leave the set.
fn resolve(file: &str, relative: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn explain(error: &jsonschema::ValidationError<'_>) -> Vec<Violation> {
    use jsonschema::error::ValidationErrorKind as Kind;
    let at = error.instance_path().as_str().to_owned();
    let below = |name: &str| below(&at, name);
    let one = |code: &str, nl: String, en: String| vec![Violation::new(at.clone(), code, nl, en)];
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Violation::new(
                below(name),
                "verplicht",
                "Dit veld is verplicht en ontbreekt.",
                "This field is required and missing.",
            )]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().map(|name| unknown_field(&below(&printable(name)))).collect()
        }
        Kind::Type { .. } => one(
            "soort",
            "Deze waarde is van een andere soort dan het schema vraagt.".into(),
            "This value is of another type than the schema asks.".into(),
        ),
        Kind::Enum { options } => one(
            "keuze",
            format!("Kies een van: {}.", choices(options)),
            format!("Choose one of: {}.", choices(options)),
        ),
        Kind::Format { format } => explain_format(&at, format),
        Kind::OneOfNotValid { .. } | Kind::AnyOf { .. } | Kind::OneOfMultipleValid { .. } => one(
            "geen-vorm",
            "Dit past bij geen van de vormen die het schema kent.".into(),
            "This fits none of the forms that the schema knows.".into(),
        ),
        other => {
            let (code, nl, en) = plain(other);
            one(code, nl, en)
        }
    }
}

/// The kinds that are a single limit.
fn plain(kind: &jsonschema::error::ValidationErrorKind) -> (&'static str, String, String) {
    use jsonschema::error::ValidationErrorKind as Kind;
    let say = |code, nl: &str, en: &str| (code, nl.to_owned(), en.to_owned());
    match kind {
        Kind::Constant { .. } => {
            say("vaste-waarde", "Hier hoort een vaste waarde.", "A fixed value belongs here.")
        }
        Kind::Pattern { .. } => say(
            "patroon",
            "Deze waarde heeft niet de gevraagde vorm.",
            "This value does not have the form asked for.",
        ),
        Kind::MinLength { limit } => (
            "te-kort",
            format!("Deze tekst moet minstens {limit} tekens hebben."),
            format!("This text needs at least {limit} characters."),
        ),
        Kind::MaxLength { limit } => (
            "te-lang",
            format!("Deze tekst mag hoogstens {limit} tekens hebben."),
            format!("This text may have at most {limit} characters."),
        ),
        Kind::Minimum { .. } | Kind::ExclusiveMinimum { .. } => {
            say("te-klein", "Dit getal is te klein.", "This number is too small.")
        }
        Kind::Maximum { .. } | Kind::ExclusiveMaximum { .. } => {
            say("te-groot", "Dit getal is te groot.", "This number is too large.")
        }
        Kind::MinItems { limit } => (
            "te-weinig",
            format!("Deze lijst moet minstens {limit} regels hebben."),
            format!("This list needs at least {limit} items."),
        ),
        Kind::MaxItems { limit } => (
            "te-veel",
            format!("Deze lijst mag hoogstens {limit} regels hebben."),
            format!("This list may have at most {limit} items."),
        ),
        Kind::UniqueItems => {
            say("dubbel", "In deze lijst staat iets dubbel.", "This list repeats an item.")
        }
        Kind::MultipleOf { .. } => {
            say("veelvoud", "Dit getal past niet in de stap.", "This number is off the step.")
        }
        Kind::MinProperties { .. } => {
            say("leeg", "Vul hier ten minste één veld in.", "Fill in at least one field here.")
        }
        Kind::FalseSchema => {
            say("onbekend-veld", "Dit veld hoort hier niet.", "This field does not belong here.")
        }
        _ => say("schema", "Dit voldoet niet aan het schema.", "This does not fit the schema."),
    }
}

fn explain_format(at: &str, format: &str) -> Vec<Violation> {
    let (code, what) = match format {
        "bsn" => ("bsn", "burgerservicenummer (elfproef)"),
        "date-time" => ("tijdstip", "tijdstip met Z of een numerieke afwijking (RFC 3339)"),
        "oin" => ("oin", "OIN van twintig cijfers"),
        "bag-id" => ("bag-id", "BAG-identificatie van zestien cijfers"),
        "agb" => ("agb", "AGB-code van acht cijfers"),
        "kvk" => ("kvk", "KvK-nummer van acht cijfers"),
        other => (other, other),
    };
    vec![Violation::new(
        at,
        code,
        format!("Dit is geen geldig(e) {what}."),
        format!("This is not a valid {format}."),
    )]
}

fn unknown_field(place: &str) -> Violation {
    Violation::new(
        place,
        "onbekend-veld",
        "Dit veld kent het schema hier niet.",
        "The schema does not know this field here.",
    )
}

fn choices(options: &Value) -> String {
    let texts = options.as_array().into_iter().flatten().take(12);
    texts
        .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A field name as it may be shown: bounded, and without control characters.
fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// A place in a document, put into words as a JSON Pointer only where something went wrong.
#[derive(Debug, Clone, Copy)]
pub enum At<'a> {
    Root,
    Field(&'a At<'a>, &'a str),
    Element(&'a At<'a>, usize),
}

impl At<'_> {
    pub fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(above, name) => below(&above.pointer(), name),
            Self::Element(above, index) => format!("{}/{index}", above.pointer()),
        }
    }
}

/// A name as a segment of a JSON Pointer (RFC 6901).
pub fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        Cow::Owned(name.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(name)
    }
}

/// A JSON Pointer one field further.
pub fn below(pointer: &str, name: &str) -> String {
    [pointer, "/", &escape(name)].concat()
}

#[cfg(test)]
mod tests;
