//! What only the whole set shows: names that point nowhere, and routes that can give nothing.

use super::Catalogue;
use super::connector::Connector;
use super::partner::Partner;
use super::playbook::{Playbook, Step};
use super::problem::{Files, Problem, SourceText, nearest};
use super::purpose::Purpose;
use super::route::Route;

/// Problems between the files of a set that are each right by themselves.
pub fn cross_check(catalogue: &Catalogue, files: &Files) -> Vec<Problem> {
    let mut problems = Vec::new();
    for partner in catalogue.partners.values() {
        check_partner(catalogue, files, partner, &mut problems);
    }
    for purpose in catalogue.purposes.values() {
        check_purpose(catalogue, files, purpose, &mut problems);
    }
    for route in &catalogue.routes.all {
        check_route(catalogue, files, route, &mut problems);
    }
    check_programme(catalogue, files, &mut problems);
    for playbook in catalogue.playbooks.values() {
        for step in &playbook.plan.steps {
            check_step(catalogue, files, playbook, step, &mut problems);
        }
    }
    problems
}

/// A step that asks a partner for what no purpose grants it would be asked, and never arrive.
fn check_step(
    catalogue: &Catalogue,
    files: &Files,
    playbook: &Playbook,
    step: &Step,
    out: &mut Vec<Problem>,
) {
    let mut report = |code, text| out.push(playbook.problem(files, Some(&step.id), code, text));
    let Some(municipality) = catalogue.municipality() else {
        return report("regie", "een draaiboek vraagt een ketenpartner van soort gemeente".into());
    };
    if step.is_coordinators() {
        return;
    }
    let meant = catalogue.meant_by(&step.to);
    if meant.is_empty() {
        let names = catalogue.partners.values().flat_map(|p| [p.id.as_str(), p.kind.as_str()]);
        let near = nearest(&step.to, names);
        let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        return report("ketenpartner", format!("onbekende ketenpartner of soort{hint}"));
    }
    let Some(named) = &step.purpose else {
        let text = "noem de doelbinding waaronder dit gevraagd mag worden";
        return report("doelbinding", text.to_owned());
    };
    let Some(purpose) = catalogue.purposes.get(named) else {
        let near = nearest(named.as_str(), catalogue.purposes.keys().map(|p| p.as_str()));
        let hint = near.map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
        return report("doelbinding", format!("onbekende doelbinding{hint}"));
    };
    if purpose.sleeps() {
        let text = format!("doelbinding {} slaapt (breekglas): zij geeft geen verzoek", purpose.id);
        return report("geen-doelbinding", text);
    }
    let theme = Some(playbook.plan.theme.as_str());
    let grants = |partner: &&Partner| {
        Purpose::names(&purpose.recipients, partner)
            && Purpose::names(&purpose.origins, municipality)
            && purpose.covers_theme(theme)
            && purpose.grants_field(ASKED)
    };
    for partner in meant.iter().filter(|partner| !grants(partner)) {
        let text = format!(
            "doelbinding {} geeft {} geen verzoek van de gemeente over {}",
            purpose.id, partner.id, playbook.plan.theme
        );
        report("geen-doelbinding", text);
    }
}

/// The field of a request that says what is asked.
const ASKED: &str = "gevraagdeActie";

fn text<'a>(files: &'a Files, file: &'a str) -> SourceText<'a> {
    SourceText::read(files, file).unwrap_or(SourceText { file, text: "" })
}

fn check_partner(catalogue: &Catalogue, files: &Files, partner: &Partner, out: &mut Vec<Problem>) {
    let file = format!("config/partners/{}.toml", partner.id);
    let source = text(files, &file);
    let at = |key: &str| source.text.find(key).unwrap_or(0);
    match catalogue.connectors.get(&partner.connector) {
        None => {
            let ids = catalogue.connectors.keys().map(|id| id.as_str());
            let hint = nearest(partner.connector.as_str(), ids)
                .map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
            let text = format!("onbekende koppeling{hint}");
            out.push(source.problem(at("koppeling"), "koppeling", text));
        }
        Some(Connector { kind, .. }) if *kind != partner.kind => {
            let text = format!("deze koppeling is voor soort {kind}, niet {}", partner.kind);
            out.push(source.problem(at("soort"), "koppeling", text));
        }
        Some(_) => {}
    }
    let twin = catalogue.partners.values().find(|p| p.id < partner.id && p.oin == partner.oin);
    if let Some(twin) = twin {
        let text = format!("dit OIN heeft ook {}; een OIN hoort bij één ketenpartner", twin.id);
        out.push(source.problem(at("oin"), "oin", text));
    }
    for former in &partner.former {
        let others = catalogue.partners.values().filter(|other| other.id != partner.id);
        let mut others = others.flat_map(|other| other.former.iter().map(|former| &former.id));
        let text = if catalogue.partners.contains_key(&former.id) {
            "deze naam is nog van een ketenpartner: haal dat bestand weg, of deze regel"
        } else if others.any(|other| *other == former.id) {
            "deze naam staat bij twee ketenpartners; een naam gaat op in één andere"
        } else {
            continue;
        };
        out.push(source.problem(at(&format!("\"{}\"", former.id)), "voorheen", text));
    }
    // Requests are made in the name of one municipality: it is the controller of its cases.
    let other = catalogue.municipality().filter(|other| other.id < partner.id);
    if let Some(other) = other.filter(|_| partner.is_municipality()) {
        let text = format!("een hub dient één gemeente, en deze set heeft ook {}", other.id);
        out.push(source.problem(at("soort"), "gemeente", text));
    }
}

fn check_purpose(catalogue: &Catalogue, files: &Files, purpose: &Purpose, out: &mut Vec<Problem>) {
    let file = format!("config/purposes/{}.toml", purpose.id);
    let source = text(files, &file);
    for name in purpose.origins.iter().chain(&purpose.recipients) {
        let known = catalogue.partners.values().any(|p| p.is_meant_by(name))
            || catalogue.connectors.values().any(|c| c.kind.as_str() == name);
        if !known {
            let names = catalogue.partners.values().flat_map(|p| [p.id.as_str(), p.kind.as_str()]);
            let hint = nearest(name, names)
                .map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
            let at = source.text.find(&format!("\"{name}\"")).unwrap_or(0);
            let text = format!("onbekende ketenpartner of soort{hint}");
            out.push(source.problem(at, "ketenpartner", text));
        }
    }
}

/// Targets about a kind of partner that there is none of.
fn check_programme(catalogue: &Catalogue, files: &Files, out: &mut Vec<Problem>) {
    let source = text(files, super::programme::FILE);
    let kinds = || {
        let partners = catalogue.partners.values().map(|partner| partner.kind.as_str());
        partners.chain(catalogue.connectors.values().map(|connector| connector.kind.as_str()))
    };
    let targets = catalogue.programme.iter().flat_map(|programme| &programme.targets);
    for kind in targets.filter_map(|target| target.kind.as_ref()) {
        if !kinds().any(|known| known == kind.name) {
            let hint = nearest(&kind.name, kinds())
                .map_or_else(String::new, |near| format!("; bedoelde u {near}?"));
            let text = format!("onbekende soort ketenpartner{hint}");
            out.push(source.problem(kind.at, "soort", text));
        }
    }
}

/// A route on which no purpose can ever give anything is a mistake that only shows at night.
fn check_route(catalogue: &Catalogue, files: &Files, route: &Route, out: &mut Vec<Problem>) {
    let source = text(files, "config/routes.toml");
    for target in route.targets.iter() {
        let recipients = catalogue.meant_by(target);
        for recipient in recipients {
            let granted = catalogue.purposes_to(recipient).any(|purpose| {
                !purpose.sleeps()
                    && themes_meet(&route.themes, &purpose.themes)
                    && origins_meet(catalogue, &route.origins, &purpose.origins)
            });
            if !granted {
                let offset = offset_of_line(source.text, route.line);
                let text = format!(
                    "route {} geeft {} niets: geen doelbinding dekt deze herkomst en dit thema",
                    route.id, recipient.id
                );
                out.push(source.problem(offset, "geen-doelbinding", text));
            }
        }
    }
}

fn themes_meet(route: &[String], purpose: &[String]) -> bool {
    route.is_empty() || purpose.is_empty() || route.iter().any(|theme| purpose.contains(theme))
}

fn origins_meet(catalogue: &Catalogue, route: &[String], purpose: &[String]) -> bool {
    route.is_empty()
        || catalogue
            .partners
            .values()
            .any(|partner| Purpose::names(route, partner) && Purpose::names(purpose, partner))
}

fn offset_of_line(text: &str, line: usize) -> usize {
    text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
}
