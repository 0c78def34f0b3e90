//! Numbers that survive: a decimal text is only a number when writing it again gives the same.
//!
//! Integers live as 64 bits and everything else as a double. Whatever those cannot hold exactly
//! (a 23-digit reference number, a twentieth decimal) is refused instead of rounded.

use serde_json::{Number, Value};

use crate::catalogue::Shape;

/// What is wrong with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lossy {
    TooLarge,
    TooPrecise,
}

/// The double that a JSON number token stands for, and whether it is the same number.
///
/// `None` for an integer of 64 bits, which needs no double.
pub(super) fn double(token: &str) -> Option<(f64, Option<Lossy>)> {
    let plain = token.strip_prefix('-').unwrap_or(token).bytes().all(|b| b.is_ascii_digit());
    if plain && token != "-0" {
        let fits =
            token.len() <= 18 || token.parse::<u64>().is_ok() || token.parse::<i64>().is_ok();
        return (!fits).then_some((0.0, Some(Lossy::TooLarge)));
    }
    let value: f64 = token.parse().unwrap_or(0.0);
    let lossy = if value.is_infinite() {
        Some(Lossy::TooLarge)
    } else {
        (!is_same(token, value)).then_some(Lossy::TooPrecise)
    };
    Some((value, lossy))
}

/// The text of an XML or CSV field as its shape asks; a string where it does not fit.
pub(super) fn typed(text: &str, shape: &Shape) -> Value {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
    let value = match shape {
        Shape::Integer => integer(trimmed).map(Value::Number),
        Shape::Number => integer(trimmed).or_else(|| decimal(trimmed)).map(Value::Number),
        Shape::Boolean => match trimmed {
            "true" | "1" => Some(Value::Bool(true)),
            "false" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn integer(text: &str) -> Option<Number> {
    text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok()
}

/// A decimal as XML Schema writes it: `7.5`, `+7.50`, `.5`, `7e-3`; no `INF` or `NaN`.
fn decimal(text: &str) -> Option<Number> {
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let no_digits = (whole.is_empty() && fraction.is_empty()) || power.is_empty();
    if no_digits || ![whole, fraction, power].iter().all(|part| all_digits(part)) {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    (value.is_finite() && is_same(text, value)).then(|| Number::from_f64(value)).flatten()
}

/// Whether a double is exactly what its text says.
fn is_same(text: &str, value: f64) -> bool {
    // Fifteen digits always survive a double, as long as no exponent leaves its range.
    let short = text.len() <= 16 && !text.contains(['e', 'E']);
    // As documents are written: where two texts are as near to a double, writers may differ.
    let written = || Number::from_f64(value).map(|number| number.to_string());
    short || written().is_some_and(|written| significant(text) == significant(&written))
}

/// Sign, significant digits and the place of the decimal point, so that equal numbers are equal.
fn significant(text: &str) -> (bool, Vec<u8>, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..leading);
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        return (false, digits, 0);
    }
    // An exponent beyond 64 bits is out of every range; saturating keeps it so.
    let far = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let count = |digits: usize| i64::try_from(digits).unwrap_or(i64::MAX);
    let point = count(whole.len()) - count(leading);
    (negative, digits, exponent.parse().unwrap_or(far).saturating_add(point))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Its double lies halfway between two texts of that length; this one is written.
    const TIE: &str = "2077617066672742.2";

    #[test]
    fn numbers_that_survive_are_numbers() {
        for token in ["1.5", "-0", "52.0907374", "1e3", "12.50", "1E-7", "0.30000000000000004", TIE]
        {
            assert_eq!(double(token).unwrap().1, None, "{token}");
        }
        for token in ["0", "-1", "18446744073709551615", "-9223372036854775808"] {
            assert_eq!(double(token), None, "{token}");
        }
    }

    #[test]
    fn numbers_that_do_not_survive_say_why() {
        let why = |token| double(token).unwrap().1;
        assert_eq!(why("18446744073709551616"), Some(Lossy::TooLarge));
        assert_eq!(why("-9223372036854775809"), Some(Lossy::TooLarge));
        assert_eq!(why("12345678901234567890123"), Some(Lossy::TooLarge));
        assert_eq!(why("1e999"), Some(Lossy::TooLarge));
        assert_eq!(why("1e99999999999999999999"), Some(Lossy::TooLarge));
        assert_eq!(why("1e-999"), Some(Lossy::TooPrecise));
        assert_eq!(why("0.12345678901234567890"), Some(Lossy::TooPrecise));
        assert_eq!(why("9007199254740993.0"), Some(Lossy::TooPrecise));
    }

    #[test]
    fn a_field_is_what_its_shape_asks_or_stays_a_string() {
        assert_eq!(typed(" 007\n", &Shape::Integer), json!(7));
        assert_eq!(typed("7,5", &Shape::Number), json!("7,5"));
        assert_eq!(typed("-7.50", &Shape::Number), json!(-7.5));
        assert_eq!(typed("7", &Shape::Number), json!(7));
        for text in ["inf", "NaN", "", ".", "e5", "1e", "--1", "+-1", "0x10", "1e999"] {
            assert_eq!(typed(text, &Shape::Number), json!(text));
        }
        assert_eq!(typed("1", &Shape::Boolean), json!(true));
        assert_eq!(typed("ja", &Shape::Boolean), json!("ja"));
        assert_eq!(typed("007", &Shape::String), json!("007"));
    }
}
