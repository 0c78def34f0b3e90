//! The report: one HTML file that asks nothing of anybody. No script, no font, no picture from
//! elsewhere, and a policy in its head that forbids them; light, dark and on paper.

use std::fmt::Write as _;

use super::palette::declarations;
use crate::casework::evaluate::show::chart::svg;
use crate::casework::evaluate::show::map::Map;
use crate::casework::evaluate::show::plot::{Shown, plot};
use crate::casework::evaluate::show::sections::{Cell, Section, sections, verdict_sign};
use crate::casework::evaluate::show::{Dutch, escape};
use crate::casework::evaluate::{Evaluation, TargetRow, Verdict};
use crate::cli::words::moment;
use crate::message::Timestamp;

const STYLE: &str = "\
body{margin:0 auto;max-width:74rem;padding:1rem 1.25rem 3rem;background:var(--achter);\
color:var(--tekst);font:1rem/1.5 system-ui,sans-serif}\
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}h2{font-size:1.2rem;margin:2.2rem 0 .5rem}\
p{max-width:46rem}.zacht,figcaption{color:var(--zacht)}\
dl{display:flex;flex-wrap:wrap;gap:.75rem;margin:1rem 0}\
dl div{background:var(--vlak);border:1px solid var(--lijn);border-radius:.4rem;\
padding:.5rem .9rem;min-width:8rem}dt{color:var(--zacht);font-size:.9rem}\
dd{margin:0;font-size:1.35rem;font-weight:600}\
.rol{overflow-x:auto}\
table{border-collapse:collapse;width:100%;font-size:.95rem}\
caption{text-align:left;color:var(--zacht);padding:.2rem 0}\
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--lijn)}\
thead th{background:var(--vlak)}th.g,td.g{text-align:right;font-variant-numeric:tabular-nums}\
.oordeel{white-space:nowrap}.goed{color:var(--goed);font-weight:600}\
.mis{color:var(--mis);font-weight:600}\
figure{margin:1rem 0}svg{display:block;width:100%;max-width:45rem;height:auto}\
svg text{fill:var(--tekst);font:13px system-ui,sans-serif}svg .n{fill:var(--zacht);font-size:12px}\
svg line{stroke:var(--lijn);stroke-width:1}.s1{fill:var(--reeks1)}.s2{fill:var(--reeks2)}\
.r2{stroke:var(--reeks2);stroke-width:1.5}.r3{fill:none;stroke:var(--reeks3);stroke-width:1.5}\
.kb{stroke:var(--tekst);stroke-width:1}.k0{fill:var(--vlak)}.kg{fill:var(--achter)}\
.kh{fill:var(--zacht)}.kn{fill:none;stroke-dasharray:4 3}\
svg .kt{stroke:var(--achter);stroke-width:3.5px;paint-order:stroke;font-weight:600}\
svg .kl{font-weight:600}\
a{color:var(--reeks1)}.weg{position:absolute;left:-999rem}.weg:focus{position:static}\
ul{padding-left:1.2rem}";

const PRINT: &str = "\
@page{margin:15mm}body{max-width:none;padding:0;font-size:10pt}table{font-size:9pt}\
tr,figure,dl div{break-inside:avoid}h2{break-after:avoid}thead{display:table-header-group}\
.rol{overflow:visible}.weg{display:none}\
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}";

pub fn text(evaluation: &Evaluation, map: Option<&Map>) -> String {
    let (light, dark) = (declarations(false), declarations(true));
    let name = escape(evaluation.programma.as_deref().unwrap_or("Evaluatie"));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"nl\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Evaluatie: {name}</title>\n\
         <style>:root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\
         {STYLE}@media print{{{PRINT}}}</style>\n</head>\n<body>\n\
         <a class=\"weg\" href=\"#doelen\">Naar de doelen</a>\n"
    );
    head(&mut page, evaluation, &name);
    page.push_str("<main>\n");
    targets(&mut page, evaluation);
    notable(&mut page, evaluation);
    if let Some(map) = map {
        let plot = plot(map, evaluation, Shown::default(), &Dutch);
        part(&mut page, &plot.table, &plot.svg);
    }
    for section in &sections(evaluation) {
        let drawn = section.chart.as_ref().map(|chart| svg(chart, section.id, &Dutch));
        part(&mut page, section, &drawn.unwrap_or_default());
    }
    page.push_str("</main>\n");
    foot(&mut page, evaluation);
    page.push_str("</body>\n</html>\n");
    page
}

fn head(page: &mut String, evaluation: &Evaluation, name: &str) {
    let mut about = format!("{} tot en met {}", evaluation.periode.van, evaluation.periode.tot);
    for limit in [&evaluation.thema, &evaluation.gebied].into_iter().flatten() {
        about.push_str(&format!(" · {limit}"));
    }
    let made = Timestamp::parse(&evaluation.peildatum).map(moment).unwrap_or_default();
    let _ = write!(
        page,
        "<header>\n<h1>{name}</h1>\n<p>Evaluatie van {}. \
         <span class=\"zacht\">Gemaakt op {}.</span></p>\n<dl>\n",
        escape(&about),
        escape(&made),
    );
    let totals = &evaluation.totaal;
    for (what, count) in [
        ("Signalen", totals.signalen),
        ("Casussen geopend", totals.casussen_geopend),
        ("Casussen gesloten", totals.casussen_gesloten),
        ("Casussen lopend", totals.casussen_lopend),
        ("Actieverzoeken", totals.actieverzoeken),
    ] {
        let count = escape(&Cell::count(count).shown());
        let _ = writeln!(page, "<div><dt>{what}</dt><dd>{count}</dd></div>");
    }
    page.push_str("</dl>\n");
    if !evaluation.opmerkingen.is_empty() {
        page.push_str("<ul>\n");
        for remark in &evaluation.opmerkingen {
            let _ = writeln!(page, "<li>{}</li>", escape(remark));
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</header>\n");
}

fn targets(page: &mut String, evaluation: &Evaluation) {
    page.push_str("<section aria-labelledby=\"doelen\">\n<h2 id=\"doelen\">Doelen</h2>\n");
    if evaluation.doelen.is_empty() {
        page.push_str("<p>Er zijn geen doelen voor wat hier is bekeken.</p>\n</section>\n");
        return;
    }
    page.push_str(
        "<div class=\"rol\" tabindex=\"0\" role=\"region\" aria-label=\"Tabel met doelen\">\
         <table>\n\
         <thead><tr><th scope=\"col\">oordeel</th><th scope=\"col\">doel</th>\
         <th scope=\"col\">gevonden</th><th scope=\"col\">volgende stap</th></tr>\
         </thead>\n<tbody>\n",
    );
    // Where something must be done comes first; within that the order of the programme.
    let mut rows: Vec<&TargetRow> = evaluation.doelen.iter().collect();
    rows.sort_by_key(|target| match target.oordeel {
        Verdict::NietGehaald => 0,
        Verdict::Gehaald => 1,
        Verdict::GeenUitspraak => 2,
    });
    for target in rows {
        let class = match target.oordeel {
            Verdict::Gehaald => "goed",
            Verdict::NietGehaald => "mis",
            Verdict::GeenUitspraak => "zacht",
        };
        let _ = writeln!(
            page,
            "<tr><td class=\"oordeel {class}\"><span aria-hidden=\"true\">{} </span>{}</td>\
             <th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            verdict_sign(target),
            target.oordeel.in_words(),
            escape(&target.zin),
            escape(&target.uitleg),
            escape(target.stap.as_deref().unwrap_or("–")),
        );
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

/// Neighbourhoods that stand out, in sentences.
fn notable(page: &mut String, evaluation: &Evaluation) {
    let told = evaluation.per_buurt.iter().filter_map(|area| {
        let (verdict, why) = (area.oordeel?, area.uitleg.as_deref()?);
        let name = escape(&area.naam);
        Some(format!("<li><strong>{name}</strong> ({verdict}): {}.</li>\n", escape(why)))
    });
    let told: String = told.collect();
    if !told.is_empty() {
        let _ = write!(
            page,
            "<section aria-labelledby=\"opvallend\">\n<h2 id=\"opvallend\">Buurten die opvallen\
             </h2>\n<ul>\n{told}</ul>\n</section>\n"
        );
    }
}

fn part(page: &mut String, section: &Section, drawn: &str) {
    let (id, title) = (section.id, section.title);
    let _ = write!(page, "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n");
    if !section.note.is_empty() {
        let _ = writeln!(page, "<p class=\"zacht\">{}</p>", escape(section.note));
    }
    if !drawn.is_empty() {
        let _ = writeln!(page, "<figure>{drawn}</figure>");
    }
    let _ = write!(
        page,
        "<div class=\"rol\" tabindex=\"0\" role=\"region\" aria-label=\"Tabel: {title}\"><table>\n\
         <thead><tr>"
    );
    for (at, column) in section.columns.iter().enumerate() {
        let class = if section.is_text(at) { "" } else { " class=\"g\"" };
        let _ = write!(page, "<th scope=\"col\"{class}>{}</th>", escape(column));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for cells in &section.rows {
        page.push_str("<tr>");
        for (at, cell) in cells.iter().enumerate() {
            let shown = escape(&cell.shown());
            let _ = match (at, section.is_text(at)) {
                (0, _) => write!(page, "<th scope=\"row\">{shown}</th>"),
                (_, true) => write!(page, "<td>{shown}</td>"),
                (_, false) => write!(page, "<td class=\"g\">{shown}</td>"),
            };
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

fn foot(page: &mut String, evaluation: &Evaluation) {
    let _ = write!(
        page,
        "<footer>\n<h2>Leeswijzer</h2>\n<p>Over minder dan {} signalen, casussen of actieverzoeken \
         wordt niets beweerd; daar staat een streepje of geen uitspraak. Aantallen onder de {} per \
         buurt worden niet genoemd, nul ook niet, en ook niet wat ze zou verraden: soms is daarom \
         een groter aantal verborgen. Doorlooptijden zijn in {}. Een vorige periode is dezelfde \
         periode een jaar eerder.</p>\n</footer>\n",
        evaluation.minimum, evaluation.verborgen_onder, evaluation.doorlooptijd_in,
    );
}
