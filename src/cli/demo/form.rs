//! What a document is, read from the document itself: `sigLk01 (Lk01)`, `Flag`, `csv, 2 rijen`.

use serde_json::Value;

/// A short name for what these bytes are, for a reader who knows the standards.
pub fn of(media_type: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence.rsplit(['/', '+']).next() {
        Some("xml") => xml(&text),
        Some("json") => json(essence, &text),
        Some("csv") => csv(&text),
        _ => essence.to_owned(),
    }
}

/// The root element, and the message code that StUF and CAP write inside it.
fn xml(text: &str) -> String {
    let is_element = |part: &&str| !part.starts_with(['?', '!']);
    let root = text.split('<').skip(1).find(is_element).unwrap_or_default();
    let name = root.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next();
    let name = name.and_then(|name| name.rsplit(':').next()).unwrap_or("xml");
    match ["berichtcode", "msgType"].iter().find_map(|code| element(text, code)) {
        Some(code) if name.starts_with(code) => code.to_owned(),
        Some(code) => format!("{name} ({code})"),
        None => name.to_owned(),
    }
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("{name}>"))?;
    let (inside, _) = rest.split_once('<')?;
    (!inside.is_empty()).then_some(inside)
}

fn json(essence: &str, text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let at = |path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    if essence == "application/problem+json" {
        return format!("probleem {}", at("/code").unwrap_or_default());
    }
    if let Some(kind) = at("/resourceType") {
        return match at("/entry/0/resource/resourceType") {
            Some(inner) => format!("{kind} ({inner})"),
            None => kind,
        };
    }
    if let Some(kind) = at("/bericht/berichtsoort").or_else(|| at("/bericht/soort")) {
        return kind;
    }
    if let Some(verb) = at("/stuurgegevens/bewerking") {
        return format!("zaak ({verb})");
    }
    if value.get("hash").is_some() { "ontvangstbewijs".to_owned() } else { "json".to_owned() }
}

fn csv(text: &str) -> String {
    match text.lines().filter(|line| !line.trim().is_empty()).count().saturating_sub(1) {
        1 => "csv, 1 rij".to_owned(),
        rows => format!("csv, {rows} rijen"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_say_what_they_are() {
        let stuf = b"<?xml version='1.0'?>\n<p:Bv03Bericht><p:berichtcode>Bv03</p:berichtcode>";
        assert_eq!(of("application/xml; charset=utf-8", stuf), "Bv03");
        assert_eq!(of("application/xml", b"<alert><msgType>Ack</msgType></alert>"), "alert (Ack)");
        assert_eq!(of("application/fhir+json", br#"{"resourceType":"Flag"}"#), "Flag");
        assert_eq!(of("application/problem+json", br#"{"code":"ongeldig"}"#), "probleem ongeldig");
        assert_eq!(of("text/csv", b"a;b\n1;2\n3;4\n"), "csv, 2 rijen");
        assert_eq!(of("image/png", b""), "image/png");
    }
}
