//! A flat object as CSV: a header and one row (RFC 4180).
//!
//! Cells are written exactly, also when they begin with `=` or `+`: a system reads them, and a
//! guard against spreadsheet formulas would change the data. Exports for people guard their own.

use serde_json::Value;

use super::below;
use crate::message::Violation;

/// The header and one row, lines closed with CR LF; what is null or absent is an empty cell.
pub fn csv(value: &Value, columns: &[String], separator: u8) -> Result<Vec<u8>, Vec<Violation>> {
    let Value::Object(fields) = value else {
        return Err(vec![violation("", "A row must be an object.")]);
    };
    let mut wrong: Vec<Violation> = fields
        .keys()
        .filter(|name| !columns.contains(name))
        .map(|name| violation(&below("", name), "There is no column of this name."))
        .collect();
    let mut row = Vec::with_capacity(columns.len());
    for column in columns {
        row.push(match fields.get(column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(scalar @ (Value::Bool(_) | Value::Number(_))) => scalar.to_string(),
            Some(Value::Array(_) | Value::Object(_)) => {
                wrong.push(violation(&below("", column), "A cell cannot hold a list or object."));
                String::new()
            }
        });
        if row.last().is_some_and(|cell| cell.contains('\0')) {
            wrong.push(violation(&below("", column), "A cell cannot hold a NUL character."));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut out = String::new();
    line(&mut out, columns, char::from(separator));
    line(&mut out, &row, char::from(separator));
    Ok(out.into_bytes())
}

fn line(out: &mut String, cells: &[String], separator: char) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.push(separator);
        }
        // A row of nothing at all would be a blank line, which readers skip.
        let blank = cells.len() == 1 && cell.is_empty();
        if blank || cell.contains([separator, '"', '\r', '\n']) {
            out.extend(["\"", &cell.replace('"', "\"\""), "\""]);
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}

fn violation(pointer: &str, en: &str) -> Violation {
    let nl = "Dit veld past niet in een CSV-rij van deze koppeling.";
    Violation::new(pointer, "niet-uit-te-drukken", nl, en)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn columns() -> Vec<String> {
        ["kenmerk", "tekst", "aantal"].map(str::to_owned).to_vec()
    }

    #[test]
    fn cells_are_quoted_where_they_must_and_otherwise_exact() {
        let row = json!({"kenmerk": "=1+1", "tekst": "hij zei \"é;\"\nen ging", "aantal": 3});
        let text = String::from_utf8(csv(&row, &columns(), b';').unwrap()).unwrap();
        assert_eq!(text, "kenmerk;tekst;aantal\r\n=1+1;\"hij zei \"\"é;\"\"\nen ging\";3\r\n");
    }

    #[test]
    fn absent_and_null_are_empty_and_what_does_not_fit_is_named() {
        let text = csv(&json!({"tekst": null, "aantal": true}), &columns(), b',').unwrap();
        assert_eq!(text, b"kenmerk,tekst,aantal\r\n,,true\r\n");
        let wrong = csv(&json!({"tekst": [1], "extra": 1, "kenmerk": "\0"}), &columns(), b',');
        let places: Vec<_> = wrong.unwrap_err().into_iter().map(|v| v.place).collect();
        assert_eq!(places, ["/extra", "/kenmerk", "/tekst"]);
    }
}
