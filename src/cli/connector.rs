//! `schakel connector list` and `schakel connector test`.

use clap::Subcommand;
use serde_json::json;

use super::access::{Ground, Halt};
use super::output::{Exit, Form, Rows, out, say};
use super::{check, connector_new};
use crate::catalogue::Catalogue;
use crate::message::ConnectorId;
use crate::pipeline::examples::{self, Report};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Toont alle koppelingen
    List,
    /// Beproeft de voorbeelden van een koppeling, of van alle; heeft geen diensten nodig
    Test {
        /// Naam van de koppeling; zonder naam alle koppelingen
        koppeling: Option<ConnectorId>,
    },
    /// Maakt een koppeling om mee te beginnen, als kopie van een die werkt
    #[command(after_help = "Voorbeeld:\n  schakel export mijn-set\n  schakel --config mijn-set \
        connector new welzijn --like zorgaanbieder")]
    New {
        /// Naam van de nieuwe koppeling, in kleine letters
        koppeling: ConnectorId,
        /// De koppeling waar zij op lijkt
        #[arg(long, value_name = "KOPPELING")]
        like: ConnectorId,
    },
}

pub fn run(command: &Command, ground: Ground<'_>) -> Exit {
    if let Command::New { koppeling, like } = command {
        return connector_new::run(koppeling, like, ground).unwrap_or_else(Halt::end);
    }
    let Ground { config, form, .. } = ground;
    let loaded = match command {
        Command::Test { koppeling: Some(id) } => {
            check::load_with(config, form, |files| Catalogue::parse_only(files, id))
        }
        _ => check::load(config, form),
    };
    let (files, catalogue) = match loaded {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    match command {
        Command::New { .. } => Exit::Ok,
        Command::List => {
            let mut rows =
                Rows::new(&["koppeling", "soort", "standaard", "berichten in", "berichten uit"]);
            for (id, connector) in &catalogue.connectors {
                let inbound: Vec<&str> =
                    connector.inbound.iter().map(|entry| entry.name.as_str()).collect();
                let outbound: Vec<String> =
                    connector.outbound.iter().map(|form| form.kind.to_string()).collect();
                rows.add(vec![
                    json!(id),
                    json!(connector.kind),
                    json!(connector.standard),
                    json!(inbound),
                    json!(outbound),
                ]);
            }
            rows.print(form);
            Exit::Ok
        }
        Command::Test { koppeling } => {
            let ids: Vec<&ConnectorId> = match koppeling {
                None => catalogue.connectors.keys().collect(),
                Some(id) => match catalogue.connectors.get_key_value(id) {
                    Some((id, _)) => vec![id],
                    None => {
                        say(&format!("schakel: er is geen koppeling {id}; zie connector list"));
                        return Exit::NotFound;
                    }
                },
            };
            let mut passed = true;
            for id in ids {
                let report = examples::run(&catalogue, &files, id);
                passed &= report.passed() && !report.cases.is_empty();
                show(id, &report, form);
            }
            if passed { Exit::Ok } else { Exit::Invalid }
        }
    }
}

fn show(id: &ConnectorId, report: &Report, form: Form) {
    if form != Form::Table {
        for case in &report.cases {
            out(&json!({
                "koppeling": id,
                "voorbeeld": case.name,
                "omschrijving": case.about,
                "geslaagd": case.problems.is_empty(),
                "fouten": case.problems,
            })
            .to_string());
        }
        return;
    }
    out(&format!("{id}: {} voorbeelden", report.cases.len()));
    for case in &report.cases {
        let mark = if case.problems.is_empty() { "✓" } else { "✗" };
        out(&format!("  {mark} {}  {}", case.name, case.about));
        case.problems.iter().for_each(|problem| out(&format!("      {problem}")));
    }
    let list = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            out(&format!("  {title}:"));
            lines.iter().for_each(|line| out(&format!("      {line}")));
        }
    };
    list("Regels van de vertaling die geen voorbeeld raakt", &report.untouched_rules);
    list("Velden van het schema die in geen voorbeeld staan", &report.untouched_fields);
}
