//! CSV: a header and rows, of which each is a message of its own.
//!
//! RFC 4180, with the separator that the connector names. A file whose structure is in doubt (a
//! row too short, a quote left open) is refused whole, since its cells may have shifted; rows
//! that merely break their schema are refused one by one, elsewhere.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};

use super::Limits;
use super::charset::{BOM, Charset};
use super::findings::{Findings, empty, tame, within_size};
use super::number::typed;
use crate::catalogue::Shape;
use crate::message::{Fault, Refusal};

/// How a connector writes its CSV. The header is required and names the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub separator: u8,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { separator: b';' }
    }
}

/// One row, which is one message.
#[derive(Clone)]
pub struct Row {
    /// The line on which it begins, from 1; the header is the first.
    number: u64,
    header: Arc<Header>,
    cells: Vec<String>,
    raw: Vec<u8>,
}

struct Header {
    columns: Vec<String>,
    /// As received, with a byte order mark where there was one, without its line end.
    raw: Vec<u8>,
}

impl fmt::Debug for Row {
    /// The number only: the rest is content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Reads a file in UTF-8, or in ISO-8859-1 where the media type says so.
pub fn rows(
    bytes: &[u8],
    media_charset: Option<&str>,
    dialect: &Dialect,
    limits: &Limits,
) -> Result<Vec<Row>, Refusal> {
    within_size(bytes, limits)?;
    let marked = bytes.strip_prefix(BOM);
    let charset = match (marked, media_charset) {
        (None, Some(label)) => Charset::named(label)?,
        _ => Charset::Utf8,
    };
    let body = marked.unwrap_or(bytes);
    charset.decode(body).map_err(|error| {
        let line = error.line;
        error.refusal(&format!("rij {line}"))
    })?;
    let mut lines = Lines::new(body, dialect);
    let first = lines.next().ok_or_else(empty)?;
    let columns = columns(&first, charset, dialect, limits)?;
    let mark = if marked.is_some() { BOM } else { b"" };
    let raw = [mark, first.raw].concat();
    let header = Arc::new(Header { columns, raw });

    let mut findings = Findings::new(limits);
    let mut rows = Vec::new();
    for line in lines {
        if rows.len() == limits.rows_max {
            return Err(too_many_rows(limits));
        }
        line.check(&header, dialect, &mut findings);
        let cells = line.record.iter().map(|cell| text(cell, charset).into_owned()).collect();
        let raw = line.raw.to_vec();
        rows.push(Row { number: line.number, header: Arc::clone(&header), cells, raw });
    }
    if rows.is_empty() {
        return Err(empty());
    }
    findings.settle(Fault::Onleesbaar, rows)
}

impl Row {
    /// The line of the file on which this row begins.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A flat object; an empty cell is absent, and numbers and booleans are as the shape says.
    pub fn to_value(&self, shape: &Shape) -> Value {
        let filled = self.header.columns.iter().zip(&self.cells).filter(|(_, c)| !c.is_empty());
        let fields = filled.map(|(column, cell)| {
            let shape = shape.field(column).map_or(&Shape::String, |field| &field.shape);
            (column.clone(), typed(cell, shape))
        });
        Value::Object(fields.collect::<Map<_, _>>())
    }

    /// The text of a cell, to recognise a type or sender before the schema is known.
    pub fn text_at(&self, column: &str) -> Option<&str> {
        let at = self.header.columns.iter().position(|name| name == column)?;
        self.cells.get(at).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    /// Where a JSON Pointer into the value of this row lies: `rij 3, kolom postcode`.
    pub fn place_of(&self, pointer: &str) -> String {
        let row = self.number;
        match pointer.split('/').nth(1) {
            None | Some("") => format!("rij {row}"),
            Some(step) => {
                let column = step.replace("~1", "/").replace("~0", "~");
                format!("rij {row}, kolom {}", tame(&column))
            }
        }
    }

    /// This row as a document of its own: the header and the row, byte for byte as received and
    /// in the encoding of the file, each closed with CR LF.
    pub fn raw(&self) -> Vec<u8> {
        [self.header.raw.as_slice(), b"\r\n", self.raw.as_slice(), b"\r\n"].concat()
    }
}

/// The records of a file with their own bytes and line numbers.
struct Lines<'b> {
    body: &'b [u8],
    reader: csv::Reader<&'b [u8]>,
    begin: usize,
    /// Lines before `begin`.
    lines: u64,
}

struct Line<'b> {
    number: u64,
    raw: &'b [u8],
    record: ByteRecord,
}

impl<'b> Lines<'b> {
    fn new(body: &'b [u8], dialect: &Dialect) -> Self {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(dialect.separator).has_headers(false).flexible(true);
        Self { body, reader: builder.from_reader(body), begin: 0, lines: 0 }
    }
}

impl<'b> Iterator for Lines<'b> {
    type Item = Line<'b>;

    fn next(&mut self) -> Option<Line<'b>> {
        let mut record = ByteRecord::new();
        // Reading from memory, uneven rows allowed: there is no error left to meet.
        if !self.reader.read_byte_record(&mut record).unwrap_or(false) {
            return None;
        }
        let end = usize::try_from(self.reader.position().byte()).ok()?;
        let span = self.body.get(self.begin..end).unwrap_or_default();
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let blank = span.iter().take_while(|byte| is_end(byte)).count();
        let (before, rest) = span.split_at(blank);
        let trailing = rest.iter().rev().take_while(|byte| is_end(byte)).count();
        let (raw, after) = rest.split_at(rest.len() - trailing);
        let number = self.lines + line_ends(before, self.begin, self.body) + 1;
        self.lines = number - 1
            + line_ends(raw, self.begin + blank, self.body)
            + line_ends(after, end - trailing, self.body);
        self.begin = end;
        Some(Line { number, raw, record })
    }
}

/// Line ends in a part of the body that begins at an offset; CR LF is one, and counts at its LF.
fn line_ends(part: &[u8], offset: usize, body: &[u8]) -> u64 {
    let ends = part.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => body.get(offset + at + 1) != Some(&b'\n'),
        _ => false,
    });
    ends.map(|_| 1).sum()
}

impl Line<'_> {
    fn check(&self, header: &Header, dialect: &Dialect, findings: &mut Findings) {
        let (row, count, wanted) = (self.number, self.record.len(), header.columns.len());
        if count != wanted {
            let nl = format!("Deze rij heeft {count} cellen, de kop {wanted}.");
            let en = format!("This row has {count} cells, the header {wanted}.");
            findings.add(|| format!("rij {row}"), "aantal-kolommen", &nl, &en);
        }
        if !is_quoted_well(self.raw, dialect.separator) {
            findings.add(
                || format!("rij {row}"),
                "aanhalingsteken",
                "Een aanhalingsteken hoort om de hele cel, en binnen een cel dubbel.",
                "A quote belongs around the whole cell, and is doubled inside one.",
            );
        }
        for (cell, column) in self.record.iter().zip(&header.columns) {
            if cell.contains(&0) {
                findings.add(
                    || format!("rij {row}, kolom {}", tame(column)),
                    "nul-teken",
                    "De cel bevat een NUL-teken.",
                    "The cell has a NUL character.",
                );
            }
        }
    }
}

/// The names of the columns, which must be there, differ, and not be too many.
fn columns(
    line: &Line<'_>,
    charset: Charset,
    dialect: &Dialect,
    limits: &Limits,
) -> Result<Vec<String>, Refusal> {
    let max = limits.columns_max;
    if line.record.len() > max {
        let nl = format!("Het bestand heeft meer dan {max} kolommen.");
        let en = format!("The file has more than {max} columns.");
        return Err(Refusal::one(Fault::TeGroot, "rij 1", "te-veel-kolommen", &nl, &en));
    }
    let mut findings = Findings::new(limits);
    let names: Vec<String> =
        line.record.iter().map(|cell| text(cell, charset).trim().to_owned()).collect();
    let row = line.number;
    if !is_quoted_well(line.raw, dialect.separator) {
        let nl = "De aanhalingstekens in de kop kloppen niet.";
        let en = "The quotes in the header do not match.";
        findings.add(|| format!("rij {row}"), "aanhalingsteken", nl, en);
    }
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() || name.contains('\0') {
            let (nl, en) = ("Een kolom heeft geen naam.", "A column has no name.");
            findings.add(|| format!("rij {row}, kolom {}", at + 1), "kolomnaam", nl, en);
        } else if names.iter().take(at).any(|other| other == name) {
            let (nl, en) = ("Deze kolom komt twee keer voor.", "This column occurs twice.");
            let place = || format!("rij {row}, kolom {}", tame(name));
            findings.add(place, "dubbele-kolom", nl, en);
        }
    }
    if let [only] = names.as_slice()
        && only.contains([';', ',', '\t'])
    {
        let separator = char::from(dialect.separator).escape_default();
        let nl = format!("De kolommen moeten door {separator} gescheiden zijn.");
        let en = format!("The columns must be separated by {separator}.");
        findings.add(|| format!("rij {row}"), "scheidingsteken", &nl, &en);
    }
    findings.settle(Fault::Onleesbaar, names)
}

/// Whether quotes stand only around whole cells and doubled within (RFC 4180 §2.5 to §2.7).
fn is_quoted_well(raw: &[u8], separator: u8) -> bool {
    let mut rest = raw;
    loop {
        match rest.split_first() {
            Some((b'"', inside)) => {
                let mut bytes = inside.iter().enumerate().peekable();
                let end = loop {
                    match bytes.next() {
                        None => return false,
                        Some((_, b'"')) if bytes.next_if(|(_, b)| **b == b'"').is_some() => {}
                        Some((at, b'"')) => break at + 1,
                        Some(_) => {}
                    }
                };
                match inside.get(end..).unwrap_or_default().split_first() {
                    None => return true,
                    Some((next, after)) if *next == separator => rest = after,
                    Some(_) => return false,
                }
            }
            _ => {
                let end = rest.iter().position(|byte| *byte == separator);
                let (cell, after) = rest.split_at(end.unwrap_or(rest.len()));
                if cell.contains(&b'"') {
                    return false;
                }
                match after.split_first() {
                    None => return true,
                    Some((_, after)) => rest = after,
                }
            }
        }
    }
}

/// The text of a cell; the whole file was found to be in this encoding before.
fn text(cell: &[u8], charset: Charset) -> Cow<'_, str> {
    charset.decode(cell).unwrap_or_else(|_| String::from_utf8_lossy(cell))
}

fn too_many_rows(limits: &Limits) -> Refusal {
    let max = limits.rows_max;
    let nl = format!("Het bestand heeft meer dan {max} rijen.");
    let en = format!("The file has more than {max} rows.");
    Refusal::one(Fault::TeGroot, "", "te-veel-rijen", &nl, &en)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::Field;

    fn read(text: &[u8]) -> Result<Vec<Row>, Refusal> {
        rows(text, None, &Dialect::default(), &Limits::default())
    }

    fn places(text: &[u8]) -> Vec<(String, String)> {
        read(text).unwrap_err().violations.into_iter().map(|v| (v.place, v.code)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(place, code)| (place.to_string(), code.to_string())).collect()
    }

    fn shape() -> Shape {
        let field = |name: &str, shape| Field {
            name: name.to_owned(),
            required: false,
            shape,
            sensitive: None,
        };
        Shape::Object(vec![
            field("postcode", Shape::String),
            field("kamers", Shape::Integer),
            field("huur", Shape::Number),
            field("urgent", Shape::Boolean),
        ])
    }

    #[test]
    fn each_row_is_a_flat_object_as_its_shape_says() {
        let text =
            b"postcode;kamers;huur;urgent;extra\r\n5611AB;3;612.50;true;\r\n\r\n;drie;;;x\r\n";
        let rows = read(text).unwrap();
        assert_eq!(
            rows[0].to_value(&shape()),
            json!({"postcode": "5611AB", "kamers": 3, "huur": 612.5, "urgent": true})
        );
        assert_eq!(rows[1].to_value(&shape()), json!({"kamers": "drie", "extra": "x"}));
        assert_eq!(rows[1].place_of("/kamers"), "rij 4, kolom kamers");
        assert_eq!(rows[1].place_of(""), "rij 4");
        assert_eq!((rows[0].text_at("kamers"), rows[1].text_at("postcode")), (Some("3"), None));
    }

    #[test]
    fn a_row_is_a_document_of_its_own_byte_for_byte() {
        let text = b"a;b\n1;\"x\n\"\"y\"\n2;\xC3\xA9";
        let rows = read(text).unwrap();
        assert_eq!(rows[0].raw(), b"a;b\r\n1;\"x\n\"\"y\"\r\n");
        assert_eq!(rows[1].raw(), b"a;b\r\n2;\xC3\xA9\r\n");
        assert_eq!((rows[0].number(), rows[1].number()), (2, 4));
        let again = read(&rows[0].raw()).unwrap();
        assert_eq!(again[0].to_value(&Shape::Any), json!({"a": "1", "b": "x\n\"y"}));
    }

    #[test]
    fn a_byte_order_mark_and_iso_8859_1_are_understood() {
        let marked = read(b"\xEF\xBB\xBFnaam;b\r\nRen\xC3\xA9;1\r\n").unwrap();
        assert_eq!(marked[0].to_value(&Shape::Any)["naam"], "René");
        let latin = b"naam;b\r\nRen\xE9;1\r\n";
        let (dialect, limits) = (Dialect::default(), Limits::default());
        let read_latin = rows(latin, Some("iso-8859-1"), &dialect, &limits).unwrap();
        assert_eq!(read_latin[0].to_value(&Shape::Any)["naam"], "René");
        assert!(read_latin[0].raw().contains(&0xE9), "the bytes stay in the file's encoding");
        assert_eq!(places(latin), pairs(&[("rij 2", "codering")]));
        let other = rows(latin, Some("utf-16"), &dialect, &limits).unwrap_err();
        assert_eq!(other.fault, Fault::Mediatype);
    }

    #[test]
    fn every_row_in_doubt_is_named_at_once() {
        let text = b"a;b\n1\n1;2\n1;2;3\n1;5\" pijp\n\0;\"open\n";
        let expected = pairs(&[
            ("rij 2", "aantal-kolommen"),
            ("rij 4", "aantal-kolommen"),
            ("rij 5", "aanhalingsteken"),
            ("rij 6", "aanhalingsteken"),
            ("rij 6, kolom a", "nul-teken"),
        ]);
        assert_eq!(places(text), expected);
    }

    #[test]
    fn a_header_names_every_column_once() {
        assert_eq!(
            places(b"a;;a\n1;2;3\n"),
            pairs(&[("rij 1, kolom 2", "kolomnaam"), ("rij 1, kolom a", "dubbele-kolom")])
        );
        assert_eq!(places(b"a,b\n1,2\n"), pairs(&[("rij 1", "scheidingsteken")]));
        assert_eq!(places(b""), pairs(&[("", "leeg")]));
        assert_eq!(places(b"a;b\n"), pairs(&[("", "leeg")]));
    }

    #[test]
    fn size_rows_and_columns_are_bounded() {
        let limits = Limits { rows_max: 2, columns_max: 2, bytes_max: 40, ..Limits::default() };
        let codes = |text: &[u8]| {
            let result = rows(text, None, &Dialect::default(), &limits);
            result.map(|rows| rows.len()).map_err(|r| (r.fault, r.violations[0].code.clone()))
        };
        assert_eq!(codes(b"a;b\n1;2\n3;4\n"), Ok(2));
        let too_large = |code: &str| Err((Fault::TeGroot, code.to_owned()));
        assert_eq!(codes(b"a;b\n1;2\n3;4\n5;6\n"), too_large("te-veel-rijen"));
        assert_eq!(codes(b"a;b;c\n1;2;3\n"), too_large("te-veel-kolommen"));
        assert_eq!(codes(&[b'x'; 41]), too_large("te-groot"));
    }
}
