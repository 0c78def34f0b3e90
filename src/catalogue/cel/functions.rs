//! The helpers that mappings may call besides CEL's own: Dutch dates, postcodes, numbers, codes.
//!
//! Each takes scalars. `null` in gives `null` out, which a `?` target leaves away; what cannot be
//! read gives `null` as well where the reference says so, and an error without the value where not.

use std::sync::Arc;

use cel::extractors::Arguments;
use cel::{Context, ExecutionError, Value};

use super::text;

type Answer = Result<Value, ExecutionError>;

/// Every helper's name, for `check` to know which functions exist.
pub const NAMES: [&str; 23] = [
    "code",
    "stufTijd",
    "naarStufTijd",
    "stufDatum",
    "naarStufDatum",
    "zulu",
    "amsterdam",
    "datumVan",
    "datum10",
    "postcode",
    "telefoon",
    "bsn",
    "hoofd",
    "klein",
    "knip",
    "deel",
    "samen",
    "vervang",
    "getal",
    "kommagetal",
    "tekst",
    "voorletters",
    "leeg",
];

/// A helper of one text; `None` is `null`.
pub type TextHelper = fn(&str) -> Option<String>;

/// The helpers of one text that give a text, or `null`.
pub const TEXT: [(&str, TextHelper); 14] = [
    ("stufTijd", text::stuf_to_rfc),
    ("naarStufTijd", text::rfc_to_stuf),
    ("stufDatum", text::stuf_to_date),
    ("naarStufDatum", text::date_to_stuf),
    ("zulu", text::zulu),
    ("amsterdam", text::amsterdam),
    ("datumVan", text::date_of),
    ("datum10", text::full_date),
    ("postcode", |t| Some(text::postcode(t))),
    ("telefoon", text::telephone),
    ("bsn", |t| Some(text::bsn(t))),
    ("hoofd", |t| Some(t.to_uppercase())),
    ("klein", |t| Some(t.to_lowercase())),
    ("voorletters", |t| Some(text::initials(t))),
];

/// Declares every helper but `code`, which needs the code lists of its mapping.
pub fn declare(context: &mut Context<'_, '_>) -> Result<(), cel::DeclarationError> {
    for (name, apply) in TEXT {
        context.add_function(name, move |Arguments(args): Arguments| -> Answer {
            let text = text_arg(name, &args, 0)?;
            Ok(text.and_then(|t| apply(&t)).map_or(Value::Null, string))
        })?;
    }
    context.add_function("leeg", |Arguments(args): Arguments| -> Answer {
        Ok(Value::Bool(match args.first() {
            Some(Value::String(text)) => text.trim().is_empty(),
            Some(Value::Null) | None => true,
            _ => false,
        }))
    })?;
    context.add_function("getal", |Arguments(args): Arguments| -> Answer {
        let number = text_arg("getal", &args, 0)?.and_then(|t| t.trim().parse::<i64>().ok());
        Ok(number.map_or(Value::Null, Value::Int))
    })?;
    context.add_function("kommagetal", |Arguments(args): Arguments| -> Answer {
        let number = text_arg("kommagetal", &args, 0)?
            .and_then(|t| t.trim().replace(',', ".").parse::<f64>().ok())
            .filter(|n| n.is_finite());
        Ok(number.map_or(Value::Null, Value::Float))
    })?;
    context.add_function("tekst", |Arguments(args): Arguments| -> Answer {
        Ok(args.first().and_then(scalar_text).map_or(Value::Null, string))
    })?;
    several(context)
}

/// The message of the error for a code that its list does not have.
pub const UNKNOWN_CODE: &str = "unknown code";

/// Declares `code(list, value)` and `code(list, value, default)` over all lists of the set.
pub fn declare_codes(
    context: &mut Context<'_, '_>,
    codes: Arc<super::CodeLists>,
) -> Result<(), cel::DeclarationError> {
    context.add_function("code", move |Arguments(args): Arguments| -> Answer {
        let list = text_arg("code", &args, 0)?.unwrap_or_default();
        let Some(value) = args.get(1).filter(|v| !matches!(v, Value::Null)) else {
            return Ok(Value::Null);
        };
        let key = scalar_text(value).unwrap_or_default();
        match codes.get(list.as_str()).and_then(|list| list.get(&key)) {
            Some(meaning) => Ok(string(meaning.clone())),
            None => match args.get(2) {
                Some(default) => Ok(default.clone()),
                None => Err(ExecutionError::function_error("code", UNKNOWN_CODE)),
            },
        }
    })
}

/// The helpers of more than one argument.
fn several(context: &mut Context<'_, '_>) -> Result<(), cel::DeclarationError> {
    context.add_function("knip", |Arguments(args): Arguments| -> Answer {
        let Some(text) = text_arg("knip", &args, 0)? else { return Ok(Value::Null) };
        let most = usize::try_from(int_arg("knip", &args, 1)?).unwrap_or(0);
        Ok(string(text.chars().take(most).collect()))
    })?;
    context.add_function("deel", |Arguments(args): Arguments| -> Answer {
        let Some(text) = text_arg("deel", &args, 0)? else { return Ok(Value::Null) };
        let separator = text_arg("deel", &args, 1)?.unwrap_or_default();
        let at = usize::try_from(int_arg("deel", &args, 2)?).unwrap_or(usize::MAX);
        let part = text.split(separator.as_str()).nth(at).map(str::trim);
        Ok(part.filter(|p| !p.is_empty()).map_or(Value::Null, |p| string(p.to_owned())))
    })?;
    context.add_function("vervang", |Arguments(args): Arguments| -> Answer {
        let Some(text) = text_arg("vervang", &args, 0)? else { return Ok(Value::Null) };
        let from = text_arg("vervang", &args, 1)?.unwrap_or_default();
        let to = text_arg("vervang", &args, 2)?.unwrap_or_default();
        Ok(string(text.replace(from.as_str(), &to)))
    })?;
    context.add_function("samen", |Arguments(args): Arguments| -> Answer {
        let Some(Value::List(parts)) = args.first() else { return Err(wrong("samen")) };
        let separator = text_arg("samen", &args, 1)?.unwrap_or_default();
        let texts = parts.iter().filter_map(scalar_text).filter(|t| !t.trim().is_empty());
        let joined = texts.collect::<Vec<_>>().join(separator.as_str());
        Ok(if joined.is_empty() { Value::Null } else { string(joined) })
    })
}

/// `null` gives `None`; anything but a text is an error that does not repeat it.
pub fn text_arg(
    name: &str,
    args: &[Value],
    at: usize,
) -> Result<Option<Arc<String>>, ExecutionError> {
    match args.get(at) {
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Null) => Ok(None),
        Some(_) => Err(ExecutionError::function_error(name, "not a text")),
        None => Err(ExecutionError::invalid_argument_count(at + 1, args.len())),
    }
}

fn int_arg(name: &str, args: &[Value], at: usize) -> Result<i64, ExecutionError> {
    match args.get(at) {
        Some(Value::Int(whole)) => Ok(*whole),
        _ => Err(wrong(name)),
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.as_ref().clone()),
        Value::Int(whole) => Some(whole.to_string()),
        Value::UInt(whole) => Some(whole.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

pub fn string(text: String) -> Value {
    Value::String(Arc::new(text))
}

fn wrong(name: &str) -> ExecutionError {
    ExecutionError::function_error(name, "wrong arguments")
}
