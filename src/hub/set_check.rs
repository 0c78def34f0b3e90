//! The last part of the check of a set: its examples, run through the road itself.

use crate::catalogue::Catalogue;
use crate::catalogue::problem::{Files, Problem};
use crate::pipeline::examples;

/// Examples that do not pass, as problems of their files; canonical examples included.
pub fn example_problems(catalogue: &Catalogue, files: &Files) -> Vec<Problem> {
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
