//! The console as a browser meets it: who gets in, who may open what, what is shown and what is
//! covered, and what others wrote, which is never more than text.

mod browser;
mod evaluation;
mod lists;
mod connections;

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use schakel::console::access::{Verb, table};
use schakel::message::StaffRole;
use serde_json::{Value, json};

use crate::hub::{
    BRANDWEER, GEMEENTE, Hub, POLITIE, Place, Reply, WONEN, XML, checkout, example, swap,
};

const PASSWORD: &str = "paard batterij nietje";
/// What somebody may try to smuggle in through a field.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// A browser: one person's cookies.
struct Browser {
    url: String,
    client: reqwest::Client,
    cookie: String,
}

impl Browser {
    fn before(hub: &Hub) -> Self {
        let log = hub.place.log();
        let at = log.split("De console staat op ").nth(1).and_then(|rest| rest.lines().next());
        let url = at.expect("the console says where it is").to_owned();
        // A connection that rested may be gone when a form is sent, and a form is not sent twice.
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none());
        let client = client.pool_max_idle_per_host(0).build();
        Self { url, client: client.expect("a client"), cookie: String::new() }
    }

    /// Adds somebody, and logs in with the password of one's own choice.
    async fn of(hub: &Hub, login: &str, roles: &[&str], themes: &str) -> Self {
        let made = hub
            .office(
                "gebruiker-toevoegen",
                json!({
                    "inlognaam": login, "naam": format!("Naam {login}"), "rollen": roles,
                    "themas": themes, "door": "test", "reden": "test",
                }),
            )
            .await;
        let made = made["wachtwoord"].as_str().expect("a password").to_owned();
        let mut browser = Self::before(hub);
        assert_eq!(browser.log_in(login, &made).await.status, 303);
        let changed = browser
            .post("/wachtwoord", &[("oud", &made), ("nieuw", PASSWORD), ("nogmaals", PASSWORD)])
            .await;
        assert_eq!(changed.status, 303, "{}", changed.text());
        browser.keep(&changed);
        browser
    }

    fn keep(&mut self, reply: &Reply) {
        let line = reply.headers.get(SET_COOKIE).expect("a cookie").to_str().expect("text");
        assert!(line.starts_with("__Host-schakel="), "{line}");
        for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(line.contains(part), "{line}");
        }
        assert!(!line.contains("Domain"));
        self.cookie = line.split(';').next().expect("a pair").to_owned();
    }

    async fn log_in(&mut self, login: &str, password: &str) -> Reply {
        let form = [("inlognaam", login), ("wachtwoord", password)];
        let reply = self.post("/inloggen", &form).await;
        if reply.status == 303 {
            self.keep(&reply);
        }
        reply
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(self.client.get(format!("{}{path}", self.url))).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        self.post_from(&self.url, path, form).await
    }

    async fn post_from(&self, origin: &str, path: &str, form: &[(&str, &str)]) -> Reply {
        let body: Vec<String> = form.iter().map(|(k, v)| format!("{k}={}", encoded(v))).collect();
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .header(ORIGIN, origin)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let response = request.header(COOKIE, &self.cookie).send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.bytes().await.expect("a body").to_vec() }
    }
}

fn encoded(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric();
    let sign = |b: u8| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(sign).collect()
}

fn to(reply: &Reply) -> &str {
    reply.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The map of the demo, which is of the shipped programme.
fn map() -> std::path::PathBuf {
    checkout().join("src/cli/demo/kaart.geojson")
}

async fn hub() -> Hub {
    let map = map();
    let env = [
        ("SCHAKEL_CONSOLE__MAP", map.to_str().expect("a path")),
        ("SCHAKEL_REGIE__ENABLED", "true"),
        ("SCHAKEL_CONSOLE__ENABLED", "true"),
        ("SCHAKEL_CONSOLE__LISTEN", "127.0.0.1:0"),
    ];
    Place::new().start_with(&env).await
}

/// A route with something in the places of its path.
fn filled(path: &str) -> String {
    path.replace("{casus}", "C-0000-0000-0000")
        .replace("{id}", "3f0c9a52-7d1e-4b8a-9c64-1f2e3d4c5b6a")
        .replace("{ontvanger}", WONEN)
        .replace("{login}", "niemand")
        .replace("{set}", &"0".repeat(64))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_open_to_whom_the_table_says_and_to_nobody_else() {
    let hub = hub().await;
    let nobody = Browser::before(&hub);
    let people = [
        (StaffRole::Regisseur, Browser::of(&hub, "regie", &["regisseur"], "*").await),
        (StaffRole::Beheerder, Browser::of(&hub, "beheer", &["beheerder"], "*").await),
        (StaffRole::Auditor, Browser::of(&hub, "audit", &["auditor"], "*").await),
    ];
    let account = |role| {
        let mut account = schakel::journal::Account::stranger("x".parse().expect("a login"));
        account.roles = vec![role];
        account
    };
    for route in table() {
        let path = filled(route.path);
        // These end a session or hold one open; they have stories of their own.
        if ["/uitloggen", "/levend", "/wachtwoord"].contains(&route.path) {
            continue;
        }
        let ask = async |browser: &Browser| match route.verb {
            Verb::Get => browser.get(&path).await,
            Verb::Post => browser.post(&path, &[("reden", "proef"), ("besluit", "x")]).await,
        };
        let refused = |reply: &Reply| {
            let code = reply.text().contains("<code>niet-toegestaan</code>");
            reply.status == 403 && code || to(reply).starts_with("/inloggen")
        };
        let reply = ask(&nobody).await;
        assert_eq!(!refused(&reply), route.permit.admits(None), "{path} for nobody");
        for (role, browser) in &people {
            let reply = ask(browser).await;
            let admitted = route.permit.admits(Some(&account(*role)));
            assert_eq!(!refused(&reply), admitted, "{path} for {role}: {}", reply.status);
            assert!(reply.status < 500, "{path} for {role}: {}", reply.status);
            // The other verb is no way around it.
            let other = match route.verb {
                Verb::Get => browser.post(&path, &[]).await,
                Verb::Post => browser.get(&path).await,
            };
            let twin = table().iter().any(|r| r.path == route.path && r.verb != route.verb);
            assert!(twin || other.status >= 400, "{path} by the other verb for {role}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_at_the_door_and_ends_with_it() {
    let hub = hub().await;
    let mut anna = Browser::of(&hub, "anna", &["regisseur"], "*").await;
    assert_eq!(anna.get("/vandaag").await.status, 200);
    let before = anna.cookie.clone();
    assert_eq!(anna.log_in("ANNA ", PASSWORD).await.status, 303);
    assert_ne!(anna.cookie, before, "a login gives a new secret");
    let after = std::mem::replace(&mut anna.cookie, before);
    assert_eq!(to(&anna.get("/vandaag").await), "/inloggen?naar=/vandaag", "the old one ended");
    anna.cookie = after;
    let left = anna.post("/uitloggen", &[]).await;
    assert_eq!(to(&left), "/inloggen?gedaan=uitgelogd");
    assert_eq!(to(&anna.get("/vandaag").await), "/inloggen?naar=/vandaag");

    // Who is put out is out at once, and the page that somebody wanted is come back to.
    let entered = anna.post(
        "/inloggen",
        &[("inlognaam", "anna"), ("wachtwoord", PASSWORD), ("naar", "/taken?welke=te-laat")],
    );
    let entered = entered.await;
    assert_eq!(to(&entered), "/taken?welke=te-laat");
    anna.keep(&entered);
    hub.office(
        "gebruiker-sluiten",
        json!({ "inlognaam": "anna", "door": "b", "reden": "uit dienst" }),
    )
    .await;
    assert!(to(&anna.get("/vandaag").await).starts_with("/inloggen"));
    assert_eq!(anna.log_in("anna", PASSWORD).await.status, 401);
    let elsewhere = anna
        .post("/inloggen", &[("inlognaam", "x"), ("wachtwoord", "y"), ("naar", "//kwaad.example")]);
    assert_eq!(elsewhere.await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_waits_and_another_site_changes_nothing() {
    let hub = hub().await;
    let mut anna = Browser::of(&hub, "anna", &["beheerder"], "*").await;
    let mut stranger = Browser::before(&hub);
    for _ in 0..5 {
        assert_eq!(stranger.log_in("anna", "verkeerd wachtwoord").await.status, 401);
    }
    // The right password does not help before the wait is over, whoever gives it.
    let waits = stranger.log_in("anna", PASSWORD).await;
    assert_eq!(waits.status, 429, "{}", waits.text());
    assert!(!waits.header("retry-after").is_empty());
    assert_eq!(anna.log_in("anna", PASSWORD).await.status, 429);
    assert_eq!(anna.get("/uitval").await.status, 200, "who is in stays in");

    let form = [("besluit", "schorsen"), ("reden", "van een andere site")];
    let path = format!("/ketenpartners/{WONEN}/besluit");
    for origin in ["https://kwaad.example", "null", "http://127.0.0.1:1"] {
        let reply = anna.post_from(origin, &path, &form).await;
        assert_eq!(reply.status, 403, "{origin}");
    }
    let partners = hub.office("ketenpartners", json!({})).await.to_string();
    assert!(!partners.contains("\"geschorst\":true"));
    assert_eq!(to(&anna.post(&path, &form).await), "/ketenpartners?gedaan=schorsen");
    let partners = hub.office("ketenpartners", json!({})).await.to_string();
    assert!(partners.contains("\"geschorst\":true"));
    let log = hub.place.log();
    let secret = anna.cookie.split('=').nth(1).expect("a secret");
    assert!(!log.contains(PASSWORD) && !log.contains(secret), "no secret is logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_its_headers_and_no_script_of_its_own() {
    let hub = hub().await;
    let anna = Browser::of(&hub, "anna", &["regisseur", "beheerder", "auditor"], "*").await;
    for route in table().iter().filter(|route| route.verb == Verb::Get) {
        if ["/levend", "/"].contains(&route.path) {
            continue;
        }
        let reply = anna.get(&filled(route.path)).await;
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{}", route.path);
        assert!(!policy.contains("unsafe"), "{}", route.path);
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "same-origin");
        assert_eq!(reply.header("x-frame-options"), "DENY");
        let text = reply.text();
        if !reply.header("content-type").starts_with("text/html") {
            continue;
        }
        assert_eq!(reply.header("cache-control"), "no-store", "{}", route.path);
        assert!(text.len() < 100_000, "{} has {} bytes", route.path, text.len());
        for inline in ["style=\"", " onclick", "javascript:", "<style"] {
            assert!(!text.contains(inline), "{} has {inline}", route.path);
        }
        assert_eq!(text.matches("<script").count(), 1, "{}", route.path);
    }
}

/// A hub with a report of the police that a coordinator can see.
async fn with_a_signal(hub: &Hub) -> (String, String) {
    let politie = hub.token(POLITIE).await;
    let report = example("politie", "in-volledig");
    let sent = hub.send(&politie, XML, &report).await.message();
    let trace = hub.office("spoor", json!({ "id": sent })).await;
    let case = trace[0]["bericht"]["casus"].as_str().expect("a number").to_owned();
    (sent, case)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_directs_a_case_that_is_taken_up_first() {
    let hub = hub().await;
    let (_, case) = with_a_signal(&hub).await;
    let anna = Browser::of(&hub, "anna", &["regisseur"], "*").await;
    let page = format!("/casussen/{case}");
    assert!(anna.get("/casussen").await.text().contains(&case));
    assert!(anna.get(&page).await.text().contains("U werkt niet aan deze casus"));

    let order = format!("{page}/opdracht");
    let close = [("opdracht", "sluiten"), ("reden", "het is voorbij")];
    let refused = anna.post(&order, &close).await;
    assert!(refused.status == 403 && refused.text().contains("niet-uw-casus"));
    let take = [("opdracht", "oppakken"), ("reden", "ik doe deze")];
    assert_eq!(to(&anna.post(&order, &take).await), format!("{page}?gedaan=oppakken"));
    let shown = anna.get(&format!("{page}?gedaan=oppakken")).await.text();
    assert!(shown.contains("U werkt nu aan deze casus") && shown.contains("Naam anna"));

    // What is lacking is said, and nothing that was filled in is lost.
    let ask = [
        ("opdracht", "vragen"),
        ("ketenpartner", WONEN),
        ("vraag", "huisbezoek"),
        ("uiterlijk", "2020-01-01T12:00"),
        ("reden", "bel eerst <b>"),
    ];
    let late = anna.post(&order, &ask).await;
    assert_eq!(late.status, 422);
    let text = late.text();
    assert!(text.contains("deze termijn ligt in het verleden"), "{text}");
    assert!(text.contains("bel eerst &#60;b&#62;") && text.contains("2020-01-01T12:00"));
    let mut ask = ask;
    ask[3].1 = "2036-01-04T12:00";
    assert_eq!(to(&anna.post(&order, &ask).await), format!("{page}?gedaan=vragen"));
    let told = hub.office("casus-tijdlijn", json!({ "casus": case })).await;
    let lines = told.as_array().expect("lines");
    let by = |line: &&Value| line["door"] == "Naam anna (anna)";
    assert!(lines.iter().filter(by).count() >= 2, "{told}");
    assert_eq!(to(&anna.post(&order, &close).await), format!("{page}?gedaan=sluiten"));
    assert_eq!(hub.office("casus", json!({ "casus": case })).await["fase"], "gesloten");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_theme_that_is_not_ones_own_nothing_is_there() {
    let hub = hub().await;
    let (sent, case) = with_a_signal(&hub).await;
    let themes = hub.office("casus", json!({ "casus": case })).await["thema"].clone();
    let other = if themes == "jeugd" { "brand" } else { "overlast-jeugd" };
    let known = hub.office("casussen", json!({})).await;
    assert!(known.to_string().contains(&case));
    let made = hub
        .try_office(
            "gebruiker-toevoegen",
            &json!({
                "inlognaam": "proef", "naam": "P", "rollen": ["regisseur"],
                "themas": "bestaat-niet", "door": "t", "reden": "t",
            }),
        )
        .await;
    assert_eq!(made.status, 400, "a theme that is not there is refused");
    let olga = Browser::of(&hub, "olga", &["regisseur"], other).await;
    assert!(!olga.get("/casussen?alle=1").await.text().contains(&case));
    assert!(!olga.get("/berichten").await.text().contains(&case));
    assert!(!olga.get("/vandaag?wie=team").await.text().contains(&case));
    for path in [format!("/casussen/{case}"), format!("/berichten/{sent}")] {
        let reply = olga.get(&path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(!reply.text().contains(&case));
    }
    let order = format!("/casussen/{case}/opdracht");
    let take = [("opdracht", "oppakken"), ("reden", "toch")];
    assert_eq!(olga.post(&order, &take).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_covered_and_who_sees_a_field_is_written_down_first() {
    let hub = hub().await;
    let (sent, case) = with_a_signal(&hub).await;
    let anna = Browser::of(&hub, "anna", &["regisseur"], "*").await;
    let audit = Browser::of(&hub, "audit", &["auditor"], "*").await;
    let page = format!("/berichten/{sent}");
    let token = hub.token(GEMEENTE).await;
    let parcel =
        hub.collect(&token).await.into_iter().find(|p| p.whole.to_string().contains(&case));
    let document: Value =
        serde_json::from_str(&parcel.expect("a parcel of the case").text).expect("JSON");
    let (pointer, secret) = a_text(&document, String::new()).expect("a field with a text");

    let shown = anna.get(&page).await.text();
    assert!(shown.contains(&pointer) && !shown.contains(&secret), "covered");
    let why = [("veld", pointer.as_str()), ("reden", "huisbezoek voorbereiden")];
    let reveal = format!("{page}/onthullen");
    assert_eq!(anna.post(&reveal, &why).await.status, 403, "not one's case");
    let take = [("opdracht", "oppakken"), ("reden", "ik doe deze")];
    anna.post(&format!("/casussen/{case}/opdracht"), &take).await;
    let without = [("veld", pointer.as_str()), ("reden", " ")];
    assert_eq!(anna.post(&reveal, &without).await.status, 422);
    assert!(!audit.get("/inzagen").await.text().contains(&pointer));
    let told = anna.post(&reveal, &why).await;
    assert!(told.status == 200 && told.text().contains("<mark>"));
    assert!(!anna.get(&page).await.text().contains("<mark>"), "covered again");
    let seen = audit.get("/inzagen").await.text();
    assert!(seen.contains(&pointer) && seen.contains("huisbezoek voorbereiden"));
    assert!(!seen.contains(&secret));
    assert!(hub.place.log().contains("console answered") && !hub.place.log().contains(&secret));
    let odd = [("veld", "/bestaat/niet"), ("reden", "zomaar proberen")];
    assert_eq!(anna.post(&reveal, &odd).await.status, 404);
}

/// The first field with a text of some length.
fn a_text(value: &Value, at: String) -> Option<(String, String)> {
    match value {
        Value::Object(fields) => {
            fields.iter().find_map(|(name, value)| a_text(value, format!("{at}/{name}")))
        }
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(i, value)| a_text(value, format!("{at}/{i}")))
        }
        Value::String(text) if text.len() > 14 && text.contains(' ') => Some((
            at,
            text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ' ').take(12).collect(),
        )),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_partners_write_is_text_and_nothing_more() {
    let hub = hub().await;
    let politie = hub.token(POLITIE).await;
    let report = example("politie", "in-volledig");
    let (_, case) = with_a_signal(&hub).await;
    let escaped = HOSTILE.replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    // Refused documents keep what they hold; its places and codes come from the document as well.
    let broken = swap(&report, "</", &format!("{escaped}</"));
    let refused = hub.send(&politie, XML, &broken).await;
    assert!(refused.status >= 400);
    hub.send(&politie, XML, &format!("<{}/>", "x".repeat(300))).await;
    let anna = Browser::of(&hub, "anna", &["regisseur", "beheerder", "auditor"], "*").await;
    let list = anna.get("/uitval").await.text();
    let entry = list.split("/uitval/").nth(1).and_then(|rest| rest.split('"').next());
    let entry = format!("/uitval/{}", entry.expect("an entry"));
    let why = [("reden", HOSTILE)];
    let content = anna.post(&format!("{entry}/inhoud"), &why).await;
    let order = format!("/casussen/{case}/opdracht");
    anna.post(&order, &[("opdracht", "oppakken"), ("reden", HOSTILE)]).await;
    let search = format!("/berichten?zoek={}&soort={}", encoded(HOSTILE), encoded(HOSTILE));
    let pages = [
        content,
        anna.get(&entry).await,
        anna.get("/uitval").await,
        anna.get(&search).await,
        anna.get(&format!("/casussen/{case}")).await,
        anna.get(&format!("/uitval?reden={}", encoded(HOSTILE))).await,
        anna.get(&format!("/verstrekkingen?casus={}", encoded(HOSTILE))).await,
        anna.get(&format!("/inloggen?naar={}", encoded(HOSTILE))).await,
        anna.post("/gebruikers", &[("inlognaam", HOSTILE), ("naam", HOSTILE), ("reden", HOSTILE)])
            .await,
    ];
    for page in &pages {
        let text = page.text();
        assert!(!text.contains("<script>alert") && !text.contains("<img"), "{text}");
        assert!(page.status < 500);
    }
    assert!(pages[0].text().contains("&#60;") || pages[0].text().contains("&lt;"));
    let csv = anna.get("/uitval?als=csv").await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    for path in ["/taken", "/casussen", "/berichten", "/inzagen"] {
        let reply = anna.get(&format!("{path}?als=csv")).await;
        assert!(reply.header("content-disposition").starts_with("attachment"), "{path}");
        for line in reply.text().lines() {
            for cell in line.trim_start_matches('\u{feff}').split(';') {
                let formula = cell.trim_matches('"').starts_with(['=', '+', '@', '-']);
                assert!(!formula, "{path}: {line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_partners_exchange_among_themselves_is_closed_to_a_coordinator() {
    let hub = hub().await;
    let anna = Browser::of(&hub, "anna", &["regisseur"], "*").await;
    let beheer = Browser::of(&hub, "beheer", &["beheerder"], "*").await;
    let brandweer = hub.token(BRANDWEER).await;
    let sent = hub.send(&brandweer, XML, &example("brandweer", "in-volledig")).await;
    let id = sent.message();
    let trace = hub.office("spoor", json!({ "id": id })).await;
    let parcels = trace[0]["zendingen"].as_array().expect("parcels");
    let to_us = parcels.iter().any(|p| p["ontvanger"] == GEMEENTE && p["antwoord"] == false);
    let seen = anna.get(&format!("/berichten/{id}")).await.status;
    assert_eq!(seen == 200, to_us, "{trace}");
    assert_eq!(anna.get("/berichten").await.text().contains(&id), to_us);
    // An operator sees that it went, and nothing of what is in it.
    let page = beheer.get(&format!("/berichten/{id}")).await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("/onthullen"));
}
