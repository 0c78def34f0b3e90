//! An evaluation at a terminal: first where target and reality part, then the tables.

use serde_json::json;

use crate::casework::evaluate::show::clean;
use crate::casework::evaluate::show::sections::{Cell, Section, sections, verdict_sign};
use crate::casework::evaluate::{Evaluation, TargetRow, Verdict};
use crate::cli::output::Rows;

pub fn text(evaluation: &Evaluation) -> String {
    let mut lines = vec![heading(evaluation), String::new()];
    let totals = &evaluation.totaal;
    let count = |count| Cell::count(count).shown();
    lines.push(format!(
        "Signalen: {}. Casussen: {} geopend, {} gesloten, {} lopend. Actieverzoeken: {}.",
        count(totals.signalen),
        count(totals.casussen_geopend),
        count(totals.casussen_gesloten),
        count(totals.casussen_lopend),
        count(totals.actieverzoeken)
    ));
    lines.extend(evaluation.opmerkingen.iter().map(|remark| clean(remark)));
    for (verdict, title) in [
        (Verdict::NietGehaald, "Waar doel en werkelijkheid uit elkaar lopen"),
        (Verdict::Gehaald, "Gehaald"),
        (Verdict::GeenUitspraak, "Te weinig om iets te zeggen"),
    ] {
        let mine: Vec<&TargetRow> =
            evaluation.doelen.iter().filter(|target| target.oordeel == verdict).collect();
        if !mine.is_empty() {
            lines.extend([String::new(), format!("{title} ({})", mine.len())]);
            mine.into_iter().for_each(|target| lines.extend(target_lines(target)));
        }
    }
    for section in sections(evaluation) {
        lines.extend([String::new(), section.title.to_owned(), table(&section)]);
        if !section.note.is_empty() {
            lines.push(section.note.to_owned());
        }
    }
    let explained = evaluation.per_buurt.iter().filter_map(|area| {
        Some(format!("{} ({}): {}", clean(&area.naam), area.oordeel?, area.uitleg.as_ref()?))
    });
    let explained: Vec<String> = explained.collect();
    if !explained.is_empty() {
        lines.extend([String::new(), "Buurten die opvallen".to_owned()]);
        lines.extend(explained);
    }
    lines.join("\n")
}

fn heading(evaluation: &Evaluation) -> String {
    let name = evaluation.programma.as_deref().unwrap_or("Evaluatie");
    let mut about = format!("{} t/m {}", evaluation.periode.van, evaluation.periode.tot);
    for limit in [&evaluation.thema, &evaluation.gebied].into_iter().flatten() {
        about.push_str(&format!(", {limit}"));
    }
    clean(&format!("{name}: {about}"))
}

fn target_lines(target: &TargetRow) -> Vec<String> {
    let mut lines = vec![
        format!("  {} {}", verdict_sign(target), clean(&target.zin)),
        format!("      {}", clean(&target.uitleg)),
    ];
    lines.extend(target.stap.as_ref().map(|step| format!("      → {}", clean(step))));
    lines
}

fn table(section: &Section) -> String {
    let mut rows = Rows::new(&section.columns);
    for cells in &section.rows {
        rows.add(cells.iter().map(|cell| json!(cell.shown())).collect());
    }
    rows.table()
}
