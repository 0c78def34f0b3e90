//! What is told about alarms: one notice for all that start, and one for all that end, within a
//! while of each other. Pure; in plain Dutch, with partners, counts, ages and codes only.

use serde_json::{Value, json};

use super::kind::Kind;
use crate::journal::{Alarm, AlarmState, NewNotice, NoticeKind};
use crate::message::{Entropy, Timestamp};

/// Alarms in one notice at most; what is left goes in the next.
const LINES_MAX: usize = 200;
/// Of those a mail shows so many, and counts the rest.
const SHOWN_MAX: usize = 25;

/// Makes notices of what started or ended long enough ago, and notes in the alarms which it was.
/// Gives the alarms that changed by it.
pub fn gather(
    alarms: &mut [Alarm],
    hub: &str,
    group_s: i64,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Vec<NewNotice> {
    let mut notices = Vec::new();
    for kind in [NoticeKind::Start, NoticeKind::End] {
        let waits = |alarm: &Alarm| moment_of(kind, alarm);
        let oldest = alarms.iter().filter_map(waits).min();
        if oldest.is_none_or(|oldest| now.seconds_since(oldest) < group_s) {
            continue;
        }
        let id = entropy.alarm_id();
        let mut lines = Vec::new();
        let wanted = alarms.iter_mut().filter(|alarm| moment_of(kind, alarm).is_some());
        for alarm in wanted.take(LINES_MAX) {
            match kind {
                NoticeKind::Start => alarm.start_notice = Some(id),
                NoticeKind::End => alarm.end_notice = Some(id),
                NoticeKind::Regie => {}
            }
            lines.extend(line(alarm));
        }
        let body = body(word(kind), &id.to_string(), hub, lines, now);
        notices.push(NewNotice { id, kind, body: body.to_string(), roads: None });
    }
    notices
}

/// When an alarm started or ended of which nothing was told yet.
fn moment_of(kind: NoticeKind, alarm: &Alarm) -> Option<Timestamp> {
    match kind {
        NoticeKind::Start if alarm.start_notice.is_none() => alarm.started_at,
        // Its start is told first, even where that lasted shorter than the while.
        NoticeKind::End if alarm.end_notice.is_none() && alarm.start_notice.is_some() => {
            alarm.ended_at
        }
        _ => None,
    }
}

const fn word(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Start => "storing-begonnen",
        NoticeKind::End => "storing-voorbij",
        NoticeKind::Regie => "regie",
    }
}

fn body(kind: &str, id: &str, hub: &str, lines: Vec<Value>, now: Timestamp) -> Value {
    json!({ "soort": kind, "id": id, "hub": hub, "op": seconds(now), "storingen": lines })
}

/// A notice that only shows that notices arrive.
pub fn trial(id: &str, hub: &str, now: Timestamp) -> Value {
    body("proef", id, hub, Vec::new(), now)
}

fn line(alarm: &Alarm) -> Option<Value> {
    let kind = Kind::of_code(&alarm.condition)?;
    let subject = &alarm.subject;
    Some(json!({
        "id": alarm.id,
        "code": alarm.condition,
        "onderwerp": (!subject.is_empty()).then_some(subject),
        "sinds": seconds(alarm.since),
        "tot": alarm.clear_at.filter(|_| alarm.state == AlarmState::Over).map(seconds),
        "omvang": kind.unit().map(|_| alarm.amount),
        "eenheid": kind.unit(),
        "wat": kind.title(subject),
        "ernst": kind.severity(alarm.amount),
        "watNu": kind.next_step(subject),
    }))
}

/// RFC 3339 in whole seconds.
fn seconds(moment: Timestamp) -> String {
    crate::message::Second::from(moment).to_string()
}

/// Subject and text of the mail that says the same as a notice's JSON.
pub fn mail(body: &Value) -> (String, String) {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let hub = text("hub");
    let lines = body.get("storingen").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let over = text("soort") == "storing-voorbij";
    let (subject, opening, closing) = match text("soort") {
        "proef" => (
            format!("Proef: waarschuwing van {hub}"),
            "Dit is een proef. Er is niets aan de hand.".to_owned(),
            "Waarschuwingen van de hub komen hier aan.",
        ),
        "storing-voorbij" => (
            format!("Voorbij bij {hub}: {}", summary(lines)),
            format!("Bij {hub} is voorbij:"),
            "U hoeft niets meer te doen.",
        ),
        _ => (
            format!("Storing bij {hub}: {}", summary(lines)),
            format!("Bij {hub} is iets dat aandacht vraagt:"),
            "U krijgt bericht als het voorbij is. Alles wat openstaat: schakel alert list",
        ),
    };
    let mut mail = format!("{opening}\n\n");
    for (number, line) in lines.iter().take(SHOWN_MAX).enumerate() {
        mail.push_str(&entry(number + 1, line, over, text("op")));
    }
    if let Some(more) = lines.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        mail.push_str(&format!("En nog {more}; alles staat in: schakel alert list\n\n"));
    }
    mail.push_str(&format!("{closing}\n\nKenmerk van dit bericht: {}\n", text("id")));
    (subject, mail)
}

/// What a subject line says of the lines.
fn summary(lines: &[Value]) -> String {
    match lines {
        [only] => lower_first(only.get("wat").and_then(Value::as_str).unwrap_or_default()),
        several => format!("{} meldingen", several.len()),
    }
}

fn lower_first(text: &str) -> String {
    // A sentence that begins with the name of a hub or a partner stays as it is.
    let begins = ["Ketenpartner ", "Zendingen ", "De ", "Het "];
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if begins.iter().any(|word| text.starts_with(word)) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn entry(number: usize, line: &Value, over: bool, told_at: &str) -> String {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
    let since = Timestamp::parse(text("sinds"));
    let until = Timestamp::parse(if over { text("tot") } else { told_at });
    let lasted = match (since, until) {
        (Some(since), Some(until)) => duration(until.seconds_since(since)),
        _ => String::new(),
    };
    let when = since.map(moment).unwrap_or_default();
    let wrong = text("wat");
    if over {
        let ended = until.map(moment).unwrap_or_default();
        return format!(
            "{number}. {wrong}\n   Van:      {when}\n   Tot:      {ended} ({lasted})\n\n"
        );
    }
    format!(
        "{number}. {wrong}\n   Sinds:    {when} ({lasted})\n   Hoe erg:  {}\n   Wat nu:   {}\n\n",
        text("ernst"),
        text("watNu")
    )
}

/// A moment as a clock on the wall in Amsterdam says it.
pub(super) fn moment(time: Timestamp) -> String {
    let text = time.to_amsterdam();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// How long something took, in one unit.
pub fn duration(seconds: i64) -> String {
    let of = |count: i64, one: &str, more: &str| {
        format!("{count} {}", if count == 1 { one } else { more })
    };
    match seconds.max(0) {
        seconds @ 0..120 => of(seconds, "seconde", "seconden"),
        seconds @ 120..7_200 => of(seconds / 60, "minuut", "minuten"),
        seconds @ 7_200..172_800 => format!("{} uur", seconds / 3_600),
        seconds => of(seconds / 86_400, "dag", "dagen"),
    }
}
