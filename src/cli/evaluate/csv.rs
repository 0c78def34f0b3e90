//! An evaluation for a spreadsheet: one long table, semicolons, a decimal comma.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, so such a text is preceded by
//! an apostrophe (OWASP, CSV injection); numbers are never negative and need none.

use crate::casework::evaluate::Evaluation;
use crate::casework::evaluate::show::clean;
use crate::casework::evaluate::show::sections::{Cell, plain, sections};
use crate::catalogue::programme::Measure;

const HEADER: [&str; 4] = ["onderdeel", "rij", "kolom", "waarde"];

pub fn text(evaluation: &Evaluation) -> String {
    let mut lines: Vec<[String; 4]> = vec![HEADER.map(str::to_owned)];
    let mut add = |part: &str, name: &str, column: &str, value: String| {
        lines.push([part.to_owned(), name.to_owned(), column.to_owned(), value]);
    };
    add("periode", "", "van", evaluation.periode.van.clone());
    add("periode", "", "tot", evaluation.periode.tot.clone());
    for target in &evaluation.doelen {
        let direction = Measure::parse(target.maat).map_or("norm", |m| m.direction().as_str());
        add("doelen", &target.doel, "oordeel", target.oordeel.in_words().to_owned());
        add("doelen", &target.doel, direction, plain(target.norm));
        if let Some(found) = target.gevonden {
            add("doelen", &target.doel, "gevonden", plain(found));
        }
        add("doelen", &target.doel, "uitleg", target.uitleg.clone());
        if let Some(step) = &target.stap {
            add("doelen", &target.doel, "stap", step.clone());
        }
    }
    for section in sections(evaluation) {
        for cells in &section.rows {
            let texts = cells.iter().take_while(|cell| cell.is_text());
            let name = texts.map(Cell::shown).collect::<Vec<_>>().join(" / ");
            for (column, cell) in section.columns.iter().zip(cells) {
                add(section.id, &name, column, cell.plain());
            }
        }
    }
    // Into memory a writer does not fail, and what it holds is text because all its parts are.
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    for line in &lines {
        drop(writer.write_record(line.each_ref().map(|text| safe(text))));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn safe(text: &str) -> String {
    let text = clean(text);
    let runs =
        text.trim_start().starts_with(['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠']);
    if runs { format!("'{text}") } else { text }
}
