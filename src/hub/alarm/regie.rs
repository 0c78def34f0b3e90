//! What coordinators are told of cases: what there is to decide and by when, grouped, in plain
//! Dutch. Case numbers, partners, terms and codes; nothing of a person or a place.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Alerts;
use super::notice::moment;
use crate::casework::Question;
use crate::catalogue::Catalogue;
use crate::hub::{Hub, clock};
use crate::journal::{JournalError, NewNotice, NoticeKind, RegiePoint, RegieTelling, Road};
use crate::message::{Entropy, Second, Timestamp};

/// Points that a mail shows; it counts the rest.
const SHOWN_MAX: usize = 25;

/// Puts what coordinators must hear among the notices that go out.
pub async fn tell(hub: &Hub, alerts: &Alerts) -> Result<u64, JournalError> {
    let (usual, urgent) = (alerts.regie_roads(false), alerts.regie_roads(true));
    if usual.is_empty() && urgent.is_empty() {
        return Ok(0);
    }
    let Ok(seed) = clock::random() else { return Ok(0) };
    let catalogue = Arc::clone(&hub.active().catalogue);
    let compose = move |points: &[RegiePoint], now: Timestamp| {
        let mut entropy = Entropy::new(seed);
        compose(points, &catalogue, [&usual, &urgent], now, &mut entropy)
    };
    let telling = RegieTelling { group_s: alerts.group_s, compose: Arc::new(compose) };
    hub.journal().tell_regie(telling, clock::now()).await
}

/// One notice of what can wait for working hours, and one of what cannot.
fn compose(
    points: &[RegiePoint],
    catalogue: &Catalogue,
    [usual, urgent]: [&Vec<Road>; 2],
    now: Timestamp,
    entropy: &mut Entropy,
) -> Vec<NewNotice> {
    let mut notices = Vec::new();
    for (at_any_hour, roads) in [(true, urgent), (false, usual)] {
        let mine = points.iter().filter(|point| is_for_any_hour(point) == at_any_hour);
        let lines: Vec<Value> = mine.map(|point| line(point, catalogue)).collect();
        if lines.is_empty() || roads.is_empty() {
            continue;
        }
        let id = entropy.alarm_id();
        let body = json!({
            "soort": "regie",
            "id": id,
            "hub": catalogue.hub.naam,
            "op": Second::from(now).to_string(),
            "spoed": at_any_hour,
            "punten": lines,
        });
        let roads = Some(roads.clone());
        notices.push(NewNotice { id, kind: NoticeKind::Regie, body: body.to_string(), roads });
    }
    notices
}

/// What nobody decided in time goes to who answers at any hour, and so does what is urgent.
fn is_for_any_hour(point: &RegiePoint) -> bool {
    point.urgent || point.kind == "niet-beslist"
}

fn line(point: &RegiePoint, catalogue: &Catalogue) -> Value {
    let partner = point.partner.as_ref().and_then(|id| catalogue.partner(id));
    let theme = point.theme.as_ref().and_then(|theme| catalogue.themes.get(theme));
    let what = match (point.kind.as_str(), point.question) {
        ("afspraak-loopt-af", _) => "De termijn van een afspraak loopt af",
        ("vastgehouden", _) => Question::BeoordeelVasthouden.in_words(),
        ("niet-ontvangen", _) => "Een verzoek is niet opgehaald",
        (_, Some(question)) => question.in_words(),
        _ => "Er is iets te beslissen",
    };
    let code = match point.question {
        Some(question) => question.as_str(),
        None => point.kind.as_str(),
    };
    let late = point.kind == "niet-beslist";
    // The number of a person would be another matter: this is the desk that answers day and night.
    let call = partner.filter(|_| is_for_any_hour(point) || point.kind == "niet-ontvangen");
    let agreed =
        point.kind == "afspraak-loopt-af" || point.question == Some(Question::HerzieAfspraak);
    let held =
        point.kind == "vastgehouden" || point.question == Some(Question::BeoordeelVasthouden);
    let look = if agreed { "agreement list" } else { "case show" };
    let next = if held {
        "schakel quarantine list --reason vasthouden-gevraagd".to_owned()
    } else {
        format!("schakel {look} {}", point.case)
    };
    json!({
        "casus": point.case,
        "thema": theme.map(|theme| &theme.naam),
        "code": code,
        "wat": what,
        "teLaat": late,
        "ketenpartner": partner.map(|partner| &partner.name),
        "bel": call.map(|partner| &partner.telephone),
        "uiterlijk": Second::from(point.by).to_string(),
        "watNu": next,
    })
}

/// Subject and text of the mail that says the same as a notice's JSON.
pub(super) fn mail(body: &Value) -> (String, String) {
    let points = body.get("punten").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let urgent = body.get("spoed").and_then(Value::as_bool).unwrap_or(false);
    let text = |value: &Value, key: &str| -> String {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let head = if urgent { "SPOED, regie" } else { "Regie" };
    let subject = match points {
        [only] => format!("{head}: casus {}", text(only, "casus")),
        several => format!("{head}: {} punten", several.len()),
    };
    let mut mail = format!("{} vraagt uw aandacht:\n\n", text(body, "hub"));
    for (number, point) in points.iter().take(SHOWN_MAX).enumerate() {
        mail.push_str(&format!("{}. {}\n", number + 1, text(point, "wat")));
        let mut more = |label: &str, value: String| {
            if !value.is_empty() {
                mail.push_str(&format!("   {label:<14}{value}\n"));
            }
        };
        more("Casus:", format!("{} {}", text(point, "casus"), text(point, "thema")));
        more("Ketenpartner:", text(point, "ketenpartner"));
        more("Bel:", text(point, "bel"));
        let by = Timestamp::parse(&text(point, "uiterlijk")).map(moment).unwrap_or_default();
        let late = point.get("teLaat").and_then(Value::as_bool).unwrap_or(false);
        more("Uiterlijk:", if late { format!("{by} (voorbij)") } else { by });
        more("Wat nu:", text(point, "watNu"));
        mail.push('\n');
    }
    if let Some(more) = points.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        mail.push_str(&format!("En nog {more}; alles staat in: schakel task list --to-decide\n\n"));
    }
    mail.push_str(&format!("Kenmerk van dit bericht: {}\n", text(body, "id")));
    (subject, mail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::fixture;

    fn point(kind: &str, question: Option<Question>, urgent: bool) -> RegiePoint {
        RegiePoint {
            case: crate::message::CaseNumber::from_random([0; 12]),
            theme: Some("overlast".into()),
            task: Some(uuid::Uuid::from_u128(1).into()),
            kind: kind.into(),
            question,
            partner: Some("politie-1".parse().unwrap()),
            by: Timestamp::parse("2026-11-25T22:59:59Z").unwrap(),
            urgent,
        }
    }

    fn composed(points: &[RegiePoint]) -> Vec<NewNotice> {
        let catalogue = fixture::catalogue(&fixture::files());
        let (usual, urgent) = (vec![Road::Regie], vec![Road::Piket, Road::Webhook]);
        let now = Timestamp::parse("2026-11-25T12:00:00Z").unwrap();
        compose(points, &catalogue, [&usual, &urgent], now, &mut Entropy::new([1; 32]))
    }

    #[test]
    fn what_can_wait_goes_together_and_what_cannot_goes_to_who_answers_at_any_hour() {
        let silence = Some(Question::BeoordeelStilte);
        let notices = composed(&[
            point("beslissen", silence, false),
            point("niet-beslist", silence, false),
            point("niet-ontvangen", None, true),
        ]);
        let roads: Vec<_> = notices.iter().map(|notice| notice.roads.clone().unwrap()).collect();
        assert_eq!(roads, [vec![Road::Piket, Road::Webhook], vec![Road::Regie]]);
        let counts = notices.iter().map(|notice| {
            let body: Value = serde_json::from_str(&notice.body).unwrap();
            body["punten"].as_array().unwrap().len()
        });
        assert_eq!(counts.collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_mail_says_what_there_is_to_do_by_when_and_whom_to_call() {
        let notices = composed(&[point("niet-beslist", Some(Question::BeoordeelStilte), false)]);
        let body: Value = serde_json::from_str(&notices[0].body).unwrap();
        let (subject, text) = mail(&body);
        assert_eq!(subject, "SPOED, regie: casus C-0000-0000-0000");
        for said in
            ["zwijgt", "+31400000101", "2026-11-25 23:59 (voorbij)", "schakel case show C-0000"]
        {
            assert!(text.contains(said), "{said} in {text}");
        }
    }

    #[test]
    fn what_is_said_of_an_agreement_leads_to_the_agreements_of_its_case() {
        let review = Some(Question::HerzieAfspraak);
        for (kind, question, said) in [
            ("afspraak-loopt-af", None, "De termijn van een afspraak loopt af"),
            ("beslissen", review, "Een afspraak moet worden herzien"),
        ] {
            let about = RegiePoint { partner: None, task: None, ..point(kind, question, false) };
            let body: Value = serde_json::from_str(&composed(&[about])[0].body).unwrap();
            let (_, text) = mail(&body);
            let look = "schakel agreement list C-0000-0000-0000";
            assert!(text.contains(said) && text.contains(look), "{text}");
        }
    }
}
