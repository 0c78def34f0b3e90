//! A partner holds a message, with a reason that is repeated nowhere.

use serde_json::json;

use crate::transport::fakes::MESSAGE;

use super::*;

fn path(number: u128) -> String {
    format!("/v1/berichten/{}/vasthouden", uuid::Uuid::from_u128(number))
}

#[tokio::test]
async fn what_has_not_left_waits_and_every_refusal_says_what_to_do() {
    let door = Door::open().await;
    let asked = door.post(&path(MESSAGE)).json(&json!({ "reden": "adres is geheim" }));
    let answer: Value = asked.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["status"], "bij-regisseur");
    assert_eq!(answer["zendingen"]["vastgehouden"], 2);
    let late = door.post(&path(MESSAGE)).json(&json!({ "reden": "te laat" })).send().await.unwrap();
    let told = problem(late, 409, "niets-vast-te-houden").await;
    assert!(told["detail"].as_str().unwrap().contains("intrekking"));
    let long = "a".repeat(501);
    for bad in [json!({}), json!({ "reden": " " }), json!({ "reden": 3 }), json!({ "reden": long })]
    {
        let response = door.post(&path(MESSAGE)).json(&bad).send().await.unwrap();
        let told = problem(response, 422, "geen-reden").await;
        assert_eq!(codes(&told), ["geen-reden"]);
    }
    let extra = json!({ "reden": "ja", "bsn": "123456782" });
    let response = door.post(&path(MESSAGE)).json(&extra).send().await.unwrap();
    let told = problem(response, 400, "ongeldig-verzoek").await;
    assert!(!told.to_string().contains("123456782"));
}

#[tokio::test]
async fn another_partner_and_an_unknown_number_get_the_same_answer() {
    let door = Door::open().await;
    let mut answers = Vec::new();
    for (token, path) in [
        ("sleutel-zorg", path(MESSAGE)),
        ("sleutel-politie", path(MESSAGE + 1)),
        ("sleutel-politie", "/v1/berichten/geen-nummer/vasthouden".to_owned()),
    ] {
        let asked = door.client.post(door.url(&path)).bearer_auth(token);
        let response = asked.json(&json!({ "reden": "x" })).send().await.unwrap();
        let mut told = problem(response, 404, "niet-gevonden").await;
        if let Some(fields) = told.as_object_mut() {
            fields.remove("instance");
        }
        answers.push(told);
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    let suspended = door.client.post(door.url(&path(MESSAGE))).bearer_auth("sleutel-geschorst");
    let response = suspended.json(&json!({ "reden": "x" })).send().await.unwrap();
    assert_eq!(response.status(), 403);
}
