//! The last part of the check of a set: its examples, run through the road itself, and its
//! playbooks, tried in every way in which a case can go.

use crate::casework;
use crate::catalogue::Catalogue;
use crate::catalogue::problem::{Files, Problem};
use crate::pipeline::examples;

/// What only trying shows to be wrong with a set.
pub fn tried_problems(catalogue: &Catalogue, files: &Files) -> Vec<Problem> {
    let mut problems = example_problems(catalogue, files);
    for playbook in catalogue.playbooks.values() {
        let faults = casework::explore(catalogue, &playbook.plan);
        problems.extend(
            faults
                .iter()
                .map(|fault| playbook.problem(files, fault.step(), "draaiboek", fault.told())),
        );
    }
    problems
}

/// Examples that do not pass, as problems of their files; canonical examples included.
fn example_problems(catalogue: &Catalogue, files: &Files) -> Vec<Problem> {
    let whole = |file: String, text: String| Problem {
        file,
        line: 0,
        column: 0,
        code: "voorbeeld",
        text,
        excerpt: String::new(),
    };
    let mut problems = Vec::new();
    for (kind, message) in &catalogue.messages {
        let prefix = format!("schemas/{}/voorbeelden/", kind.name);
        for (path, bytes) in
            files.range(prefix.clone()..).take_while(|(p, _)| p.starts_with(&prefix))
        {
            match serde_json::from_slice(bytes) {
                Err(error) => problems.push(whole(path.clone(), format!("geen JSON: {error}"))),
                Ok(value) => {
                    problems.extend(message.schema.violations(&value).into_iter().map(|v| {
                        whole(path.clone(), format!("{}: {} [{}]", v.place, v.nl, v.code))
                    }))
                }
            }
        }
    }
    for id in catalogue.connectors.keys() {
        for case in examples::run(catalogue, files, id).cases {
            let file = format!("connectors/{id}/examples/{}", case.name);
            problems.extend(case.problems.into_iter().map(|text| whole(file.clone(), text)));
        }
    }
    problems
}
