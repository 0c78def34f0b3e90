//! Mail out, by SMTP (RFC 5321) with STARTTLS or TLS: plain text in UTF-8. Moves bytes; what a
//! mail says is the hub's, and when it is tried again `ladder`'s. The only file that uses lettre.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use uuid::Uuid;

use crate::message::Timestamp;

/// For each answer of the server, and for a whole mail.
const ANSWER_TIME: Duration = Duration::from_secs(15);
const TOTAL_TIME: Duration = Duration::from_secs(30);

/// More belong in a list at the mail server.
const READERS_MAX: usize = 20;

/// How the connection is kept from others' eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS after a greeting in the clear; refused where the server does not offer it.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None, to this machine only.
    None,
}

impl Security {
    /// The port that belongs to it (RFC 8314, RFC 6409, RFC 5321).
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A server for mail, and whose mail goes to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// User and password.
    pub login: Option<(String, String)>,
    pub from: String,
    pub to: Vec<String>,
    /// Who signed the server's certificate (PEM), besides whom the system trusts.
    pub authority: Option<Vec<u8>>,
}

/// What is wrong with an account. Names the setting, and no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAccount {
    #[error("without TLS mail goes to this machine only: a host of localhost, 127.0.0.1 or ::1")]
    InTheClear,
    #[error("the sender's address cannot be read: write name@domain, or Name <name@domain>")]
    From,
    #[error("a recipient's address cannot be read: write name@domain, or Name <name@domain>")]
    To,
    #[error("there must be from 1 to {READERS_MAX} recipients")]
    Readers,
    #[error("the authority is no certificate in PEM")]
    Authority,
    #[error("TLS cannot be set up for this host")]
    Tls,
}

/// Why a mail did not go. A word for journal and console: what a server answers may name people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    #[error("the server did not answer in time")]
    TooSlow,
    #[error("no secure connection comes about")]
    Tls,
    #[error("the server answered {0}")]
    Answered(u16),
    #[error("the server cannot be reached, or offers no STARTTLS or no login that fits")]
    Connection,
    #[error("the mail cannot be written")]
    Unwritable,
}

impl MailError {
    pub fn code(self) -> String {
        match self {
            Self::TooSlow => "te-langzaam".to_owned(),
            Self::Tls => "geen-tls".to_owned(),
            Self::Answered(status) => format!("smtp-{status}"),
            Self::Connection => "geen-verbinding".to_owned(),
            Self::Unwritable => "mail-onmogelijk".to_owned(),
        }
    }
}

/// One mail, to everybody whom the account names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The same each time it is tried, so that a reader sees that it is the same mail.
    pub id: Uuid,
    pub subject: String,
    pub text: String,
    pub now: Timestamp,
}

/// Sends mail by one account.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Without the login, and without who reads.
impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailer(to {})", self.to.len())
    }
}

impl Mailer {
    /// Refuses what can be known to be wrong before anything is sent.
    pub fn new(account: &Account) -> Result<Self, BadAccount> {
        if account.security == Security::None && !is_this_machine(&account.host) {
            return Err(BadAccount::InTheClear);
        }
        let from = account.from.parse().map_err(|_| BadAccount::From)?;
        let to: Result<Vec<Mailbox>, _> = account.to.iter().map(|to| to.parse()).collect();
        let to = to.map_err(|_| BadAccount::To)?;
        if !(1..=READERS_MAX).contains(&to.len()) {
            return Err(BadAccount::Readers);
        }
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&account.host)
            .port(account.port)
            .timeout(Some(ANSWER_TIME))
            .tls(match account.security {
                Security::StartTls => Tls::Required(tls(account)?),
                Security::Tls => Tls::Wrapper(tls(account)?),
                Security::None => Tls::None,
            });
        if let Some((user, password)) = &account.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Self { transport: builder.build(), from, to })
    }

    /// Sends a mail once, and tells how many readers the server refused. One whose address is no
    /// longer good must not keep it from the others.
    pub async fn send(&self, mail: Mail) -> Result<usize, MailError> {
        let message = self.write(mail).ok_or(MailError::Unwritable)?;
        within(self.deliver(&message)).await
    }

    /// Connects, secures the connection, logs in, and says goodbye.
    pub async fn greet(&self) -> Result<(), MailError> {
        let greeting = async { self.transport.test_connection().await.map_err(of_smtp) };
        within(greeting).await.map(drop)
    }

    async fn deliver(&self, message: &Message) -> Result<usize, MailError> {
        let (envelope, bytes) = (message.envelope(), message.formatted());
        let whole = self.transport.send_raw(envelope, &bytes).await.map_err(of_smtp);
        match whole {
            Ok(_) => Ok(0),
            Err(MailError::Answered(500..)) if self.to.len() > 1 => self.each(&bytes).await,
            Err(error) => Err(error),
        }
    }

    /// To each reader by itself; an error where nobody gets it.
    async fn each(&self, bytes: &[u8]) -> Result<usize, MailError> {
        let mut refused = Vec::new();
        for to in &self.to {
            let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()]);
            let envelope = envelope.map_err(|_| MailError::Unwritable)?;
            if let Err(error) = self.transport.send_raw(&envelope, bytes).await.map_err(of_smtp) {
                refused.push(error);
            }
        }
        match refused.first() {
            Some(error) if refused.len() == self.to.len() => Err(*error),
            _ => Ok(refused.len()),
        }
    }

    fn write(&self, mail: Mail) -> Option<Message> {
        let Mail { id, subject, text, now } = mail;
        let since = Duration::from_micros(u64::try_from(now.as_micros()).ok()?);
        let domain = self.from.email.domain();
        let to = self.to.iter().cloned();
        let message = to.fold(Message::builder().from(self.from.clone()), |mail, to| mail.to(to));
        // So that no out-of-office answers it (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message
            .subject(subject)
            .date(SystemTime::UNIX_EPOCH.checked_add(since)?)
            .message_id(Some(format!("<{id}@{domain}>")))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .ok()
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn tls(account: &Account) -> Result<TlsParameters, BadAccount> {
    let mut builder = TlsParameters::builder(account.host.clone());
    if let Some(pem) = &account.authority {
        // lettre takes a text without any certificate for an authority too.
        let holds_one = CertificateDer::pem_slice_iter(pem).any(|found| found.is_ok());
        let authority = Certificate::from_pem(pem).ok().filter(|_| holds_one);
        builder = builder.add_root_certificate(authority.ok_or(BadAccount::Authority)?);
    }
    builder.build_rustls().map_err(|_| BadAccount::Tls)
}

async fn within<T>(work: impl Future<Output = Result<T, MailError>>) -> Result<T, MailError> {
    tokio::time::timeout(TOTAL_TIME, work).await.unwrap_or(Err(MailError::TooSlow))
}

fn of_smtp(error: lettre::transport::smtp::Error) -> MailError {
    match error.status() {
        Some(code) => MailError::Answered(code.into()),
        None if error.is_timeout() => MailError::TooSlow,
        None if error.is_tls() || is_of_tls(&error) => MailError::Tls,
        None => MailError::Connection,
    }
}

/// A handshake that fails comes as an error of the connection, with the reason inside.
fn is_of_tls(error: &dyn std::error::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        let inside = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if cause.is::<rustls::Error>() || inside.is_some_and(|inside| inside.is::<rustls::Error>())
        {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            host: "mail.example".to_owned(),
            port: 587,
            security: Security::StartTls,
            login: Some(("hub".to_owned(), "geheim".to_owned())),
            from: "Schakel Proef <schakel@gemeente.example>".to_owned(),
            to: vec!["piket@gemeente.example".to_owned(), "regie@gemeente.example".to_owned()],
            authority: None,
        }
    }

    #[test]
    fn what_is_wrong_with_an_account_is_found_at_once() {
        let wrong = |change: fn(&mut Account)| {
            let mut account = account();
            change(&mut account);
            Mailer::new(&account).err()
        };
        assert_eq!(wrong(|_| {}), None);
        assert_eq!(wrong(|a| a.security = Security::None), Some(BadAccount::InTheClear));
        for host in ["localhost", "127.0.0.1", "::1"] {
            let mut here = account();
            (here.host, here.security) = (host.to_owned(), Security::None);
            assert!(Mailer::new(&here).is_ok(), "{host}");
        }
        assert_eq!(wrong(|a| a.from = "schakel".to_owned()), Some(BadAccount::From));
        assert_eq!(wrong(|a| a.to.push("iemand".to_owned())), Some(BadAccount::To));
        assert_eq!(wrong(|a| a.to.clear()), Some(BadAccount::Readers));
        assert_eq!(
            wrong(|a| a.authority = Some(b"geen pem".to_vec())),
            Some(BadAccount::Authority)
        );
        assert!(!format!("{:?}", Mailer::new(&account()).unwrap()).contains("geheim"));
    }

    #[test]
    fn a_mail_is_plain_text_in_utf8_with_a_lasting_id() {
        let mailer = Mailer::new(&account()).unwrap();
        let mail = Mail {
            id: Uuid::from_u128(7),
            subject: "Storing bij Schakel: één ding".to_owned(),
            text: "Wat nu: één ding.\n".to_owned(),
            now: Timestamp::parse("2026-11-23T19:15:00Z").unwrap(),
        };
        let written = mailer.write(mail.clone()).unwrap().formatted();
        assert_eq!(written, mailer.write(mail).unwrap().formatted());
        let text = String::from_utf8(written).unwrap();
        for line in [
            "Message-ID: <00000000-0000-0000-0000-000000000007@gemeente.example>\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Date: Mon, 23 Nov 2026 19:15:00 +0000\r\n",
            "To: piket@gemeente.example, regie@gemeente.example\r\n",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.contains("Subject: Storing bij Schakel: =?utf-8?"), "{text}");
    }
}
