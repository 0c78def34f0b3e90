//! The OpenAPI document says what the routes do, and no more.

use std::collections::BTreeSet;

use super::super::about::OPENAPI;
use super::*;

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (path.clone(), method.clone())).collect::<Vec<_>>()
        })
        .collect();
    let routed: BTreeSet<(String, String)> = routes()
        .into_iter()
        .map(|(path, method, _)| (path.to_owned(), method.to_owned()))
        .collect();
    assert_eq!(described, routed);
    assert_eq!(document["info"]["version"], API_VERSION);
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn references_lead_somewhere_and_examples_fit_their_schemas() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut contents = Vec::new();
    walk(&document, &mut |value| {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            let found = document.pointer(target.trim_start_matches('#'));
            assert!(found.is_some(), "{target} leads nowhere");
        }
        if value.get("schema").is_some() && value.get("example").is_some() {
            contents.push(value.clone());
        }
    });
    assert!(contents.len() > 15);
    for content in contents {
        let mut schema = document.clone();
        schema["allOf"] = serde_json::json!([content["schema"]]);
        let checked = jsonschema::validate(&schema, &content["example"]);
        assert!(checked.is_ok(), "{content}");
    }
}

#[tokio::test]
async fn it_is_published_for_everybody() {
    let door = Door::open().await;
    let response = door.client.get(door.url("/openapi.json")).send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.json::<Value>().await.unwrap()["info"]["title"], "Schakel");
    let index: Value = door.client.get(door.url("/v1")).send().await.unwrap().json().await.unwrap();
    assert_eq!(index["beschrijving"], "/openapi.json");
}

fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| walk(field, visit)),
        _ => {}
    }
}
