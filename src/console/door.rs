//! What every page has: who asks, whether that person may, headers, a log line, and a bound on the
//! time it takes.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::App;
use super::access::Permit;
use super::answer::Wrong;
use super::words::Language;
use crate::journal::Account;
use crate::message::StaffRole;

/// The cookie of a session: only over TLS (or to this machine itself), for this host alone.
const SESSION: &str = "__Host-schakel";
const LANGUAGE: &str = "__Host-taal";

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Who stands before a page.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub account: Account,
}

impl Visitor {
    /// How this person stands beside what was decided: the name, and the login that is unique.
    pub fn signature(&self) -> String {
        format!("{} ({})", self.account.name, self.account.login)
    }

    pub fn is(&self, role: StaffRole) -> bool {
        self.account.roles.contains(&role)
    }

    /// Whether what is of this theme is this person's to see. An auditor sees all themes.
    pub fn sees(&self, theme: Option<&str>) -> bool {
        self.is(StaffRole::Auditor) || self.account.themes.cover(theme)
    }
}

/// Who asks, and in which language; absent where nobody is logged in.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    pub visitor: Option<Visitor>,
    pub language: Language,
    /// The secret of the session, for who logs out.
    pub secret: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// For pages behind the door.
impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let asker = parts.extensions.get::<Asker>();
        let visitor = asker.and_then(|asker| asker.visitor.clone());
        visitor.ok_or_else(|| Redirect::to("/inloggen").into_response())
    }
}

/// The address that a request came from, where it is known.
pub struct From(pub Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<crate::transport::http::PeerAddress>().map(|p| p.0)))
    }
}

#[derive(Clone)]
pub struct Gate {
    pub app: App,
    pub permit: Permit,
}

/// Lets by who may; sends who is not logged in to the door, and tells who may not.
pub async fn gate(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let secret = cookie(request.headers(), SESSION).map(str::to_owned);
    let language = cookie(request.headers(), LANGUAGE).and_then(Language::parse);
    let language = language.unwrap_or_default();
    let account = match &secret {
        Some(secret) => match gate.app.hub.who_is(secret).await {
            Ok(account) => account,
            Err(error) => return Wrong::of_journal(&error).page(&Asker::default()),
        },
        None => None,
    };
    let admitted = gate.permit.admits(account.as_ref());
    let visitor = account.map(|account| Visitor { account });
    let asker = Asker { visitor, language, secret };
    if admitted {
        request.extensions_mut().insert(asker.clone());
        let response = next.run(request).await;
        let wrong = response.extensions().get::<Wrong>().cloned();
        return wrong.map_or(response, |wrong| wrong.page(&asker));
    }
    match &asker.visitor {
        None => to_the_door(request.method(), request.uri()).into_response(),
        Some(visitor) if visitor.account.must_change => Redirect::to("/wachtwoord").into_response(),
        Some(_) => Wrong::not_allowed().page(&asker),
    }
}

/// To the login page, and from there to where somebody wanted to go.
fn to_the_door(method: &Method, uri: &Uri) -> Redirect {
    let wanted = uri.path_and_query().map_or("/", |path| path.as_str());
    if *method == Method::GET && wanted != "/" {
        let wanted: String = form_encoded(wanted);
        return Redirect::to(&format!("/inloggen?naar={wanted}"));
    }
    Redirect::to("/inloggen")
}

/// A text as a part of an address.
pub fn form_encoded(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    text.bytes()
        .map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// Refuses what another site sends. A browser says where a form came from; where it does not, the
/// cookie is not sent along either.
pub async fn same_origin(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let host = text(HOST);
    let own = match (text(ORIGIN), site) {
        (Some(origin), _) => {
            let from = origin.split_once("://").map(|(_, host)| host);
            from.is_some() && from == host
        }
        (None, Some(site)) => matches!(site, "same-origin" | "none"),
        // No browser: it has no cookies of somebody else either.
        (None, None) => true,
    };
    if own { next.run(request).await } else { Wrong::other_site().page(&Asker::default()) }
}

pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// Gives the browser a session to keep, or takes it away.
pub fn keep_session(response: &mut Response, secret: Option<&str>) {
    let (value, age) =
        (secret.unwrap_or_default(), if secret.is_some() { "" } else { "; Max-Age=0" });
    set_cookie(
        response,
        &format!("{SESSION}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{age}"),
    );
}

pub fn keep_language(response: &mut Response, language: Language) {
    let code = language.code();
    let year = 365 * 86_400;
    let text =
        format!("{LANGUAGE}={code}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={year}");
    set_cookie(response, &text);
}

fn set_cookie(response: &mut Response, text: &str) {
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// Headers, a log line with the template of the route, and a bound on the time.
pub async fn dress(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("onbekend", MatchedPath::as_str);
    let answer = tokio::time::timeout(app.request_time, next.run(request)).await;
    let mut response = answer.unwrap_or_else(|_| Wrong::too_slow().page(&Asker::default()));
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(http.method = %method, http.route = route,
        http.status = response.status().as_u16(), http.took_ms = took_ms, "console answered");
    let headers = response.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_a_longer_name_is_another() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("x__Host-taal=en; __Host-taal=nl;a=b"));
        assert_eq!(cookie(&headers, LANGUAGE), Some("nl"));
        assert_eq!(cookie(&headers, SESSION), None);
    }

    #[test]
    fn where_somebody_wanted_to_go_is_kept_as_text() {
        let encoded = form_encoded("/berichten?zoek=a&b=\u{e9}");
        assert_eq!(encoded, "/berichten%3Fzoek%3Da%26b%3D%C3%A9");
    }
}
