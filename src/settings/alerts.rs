//! The part of the settings about alerts: who hears when something is wrong, and when it is.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::broker::Secret;
use crate::hub::alarm::{Alerts, Kind, PartnerLimits, Thresholds, Times};
use crate::message::{Digest, PartnerId};
use crate::transport::http::guard::{BadNetwork, Blocked, Network};
use crate::transport::http::webhook::{BadSecret, Target};
use crate::transport::mail::{Account, BadAccount, Mailer, Security};

/// Who hears of what. Without a road nobody does, and `schakel alert list` shows it all the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertSettings {
    /// By which this hub is known among others; without it, one that follows from machine and
    /// folder.
    pub name: Option<String>,
    #[serde(default = "check_seconds")]
    pub check_seconds: u32,
    /// What starts or ends within so many seconds goes in one notice.
    #[serde(default = "group_seconds")]
    pub group_seconds: u32,
    pub mail: Option<MailSettings>,
    pub webhook: Option<WebhookSettings>,
    /// Who hears of cases, by the mail server of `mail`.
    pub regie: Option<RegieReaders>,
    #[serde(default)]
    pub limits: LimitSettings,
    /// For partners of whom something else is expected.
    #[serde(default)]
    pub partners: BTreeMap<String, PartnerSettings>,
    /// By condition: how long it must hold to start, and be clear to end.
    #[serde(default)]
    pub times: BTreeMap<String, TimeSettings>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    pub host: String,
    pub port: Option<u16>,
    #[serde(default)]
    pub tls: MailTls,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub password_file: Option<PathBuf>,
    pub from: String,
    pub to: Addresses,
    /// Who signed the server's certificate (PEM), besides whom the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// Coordinators, and who answers for them at any hour.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegieReaders {
    pub to: Addresses,
    /// Without it, the coordinators themselves.
    pub urgent_to: Option<Addresses>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    #[default]
    StartTls,
    Tls,
    /// To this machine only.
    None,
}

/// A list, or in the environment a text with commas.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Addresses {
    Text(String),
    List(Vec<String>),
}

impl Addresses {
    fn list(&self) -> Vec<String> {
        match self {
            Self::List(list) => list.clone(),
            Self::Text(text) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(str::to_owned).collect()
            }
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    pub url: Option<Secret>,
    pub url_file: Option<PathBuf>,
    /// `whsec_` and 24 to 64 bytes in base64.
    pub secret: Option<Secret>,
    pub secret_file: Option<PathBuf>,
    /// Private networks in which the address may lie.
    pub networks: Option<Addresses>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    pub waiting_seconds: u32,
    /// 0: nobody has to say anything.
    pub silent_seconds: u32,
    pub unreachable_seconds: u32,
    pub quarantine_new: u32,
    pub quarantine_window_seconds: u32,
    pub conflict_window_seconds: u32,
    pub unsigned_seconds: u32,
    pub certificate_days: u32,
    pub disk_free_mib: u32,
    pub hub_gone_seconds: u32,
    pub reveals_hour: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            waiting_seconds: 24 * 3_600,
            silent_seconds: 0,
            unreachable_seconds: 600,
            quarantine_new: 10,
            quarantine_window_seconds: 3_600,
            conflict_window_seconds: 3_600,
            unsigned_seconds: 60,
            certificate_days: 21,
            disk_free_mib: 1_024,
            hub_gone_seconds: 60,
            reveals_hour: 20,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerSettings {
    pub waiting_seconds: Option<u32>,
    pub silent_seconds: Option<u32>,
    pub unreachable_seconds: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSettings {
    pub hold_seconds: Option<u32>,
    pub clear_seconds: Option<u32>,
}

const fn check_seconds() -> u32 {
    15
}

const fn group_seconds() -> u32 {
    60
}

/// Longer than these are mistakes.
const CHECK_MAX: u32 = 3_600;
const GROUP_MAX: u32 = 24 * 3_600;
/// A name stands in notices and on the command line.
const NAME_MAX: usize = 60;

/// What is wrong with the settings of alerts. Names files and keys, never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    #[error("alerts.{0} must be from {1} to {2}")]
    Range(&'static str, u32, u32),
    #[error("alerts.name has 1 to 60 letters, digits, dots and hyphens")]
    Name,
    #[error("alerts.{0} and alerts.{0}_file are both missing; set one of them")]
    Missing(&'static str),
    #[error("alerts.{0} and alerts.{0}_file cannot both be set")]
    Twice(&'static str),
    #[error("cannot read {path}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("alerts.mail.user and alerts.mail.password (or password_file) go together")]
    HalfLogin,
    #[error("alerts.regie needs the server of alerts.mail")]
    NoServer,
    #[error("alerts.mail does not serve")]
    Mail(#[from] BadAccount),
    #[error("alerts.webhook.secret does not serve")]
    Secret(#[from] BadSecret),
    #[error("alerts.webhook.networks does not serve")]
    Network(#[from] BadNetwork),
    #[error("alerts.webhook.url does not serve; name a private network in alerts.webhook.networks")]
    Address(#[from] Blocked),
    #[error("alerts.partners.{0} is no name of a partner")]
    Partner(String),
    #[error("alerts.times.{0} is no condition; those are {1}")]
    Condition(String, String),
}

impl AlertSettings {
    /// Everything with its secrets read and its roads made.
    pub fn open(&self, data: &Path, certificate: Option<PathBuf>) -> Result<Alerts, AlertsError> {
        within("check_seconds", self.check_seconds, 1, CHECK_MAX)?;
        within("group_seconds", self.group_seconds, 0, GROUP_MAX)?;
        Ok(Alerts {
            hub: self.hub_name(data)?,
            check_every: Duration::from_secs(self.check_seconds.into()),
            group_s: self.group_seconds.into(),
            thresholds: self.thresholds()?,
            mail: self.mail.as_ref().map(|mail| mail.open(&mail.to)).transpose()?,
            regie: self.regie_mail(|readers| Some(&readers.to))?,
            piket: self.regie_mail(|readers| readers.urgent_to.as_ref())?,
            webhook: self.webhook.as_ref().map(WebhookSettings::open).transpose()?,
            certificate,
        })
    }

    /// A mailer for readers of cases.
    fn regie_mail(
        &self,
        readers: impl Fn(&RegieReaders) -> Option<&Addresses>,
    ) -> Result<Option<Mailer>, AlertsError> {
        let Some(to) = self.regie.as_ref().and_then(readers) else { return Ok(None) };
        let mail = self.mail.as_ref().ok_or(AlertsError::NoServer)?;
        mail.open(to).map(Some)
    }

    /// Partners that are named here, so that `check` can tell which of them are nobody.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.partners.keys().map(String::as_str)
    }

    /// Files that hold secrets.
    pub fn secret_files(&self) -> Vec<&Path> {
        let mail = self.mail.as_ref().and_then(|mail| mail.password_file.as_deref());
        let webhook = self.webhook.as_ref();
        let files = webhook.map(|hook| [hook.url_file.as_deref(), hook.secret_file.as_deref()]);
        mail.into_iter().chain(files.into_iter().flatten().flatten()).collect()
    }

    /// The same after a restart, and another for each hub.
    fn hub_name(&self, data: &Path) -> Result<String, AlertsError> {
        if let Some(name) = &self.name {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
            let fits = (1..=NAME_MAX).contains(&name.len()) && name.chars().all(good);
            return if fits { Ok(name.clone()) } else { Err(AlertsError::Name) };
        }
        let machine = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        let folder = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
        let place = folder.to_string_lossy();
        let digest = Digest::of(&[machine.trim().as_bytes(), b"\0", place.as_bytes()]).to_string();
        Ok(format!("hub-{}", digest.get(..6).unwrap_or_default()))
    }

    fn thresholds(&self) -> Result<Thresholds, AlertsError> {
        let limits = &self.limits;
        let usual = PartnerLimits {
            waiting_s: limits.waiting_seconds.into(),
            silent_s: limits.silent_seconds.into(),
            unreachable_s: limits.unreachable_seconds.into(),
        };
        let mut partners = BTreeMap::new();
        for (name, own) in &self.partners {
            let id: PartnerId = name.parse().map_err(|_| AlertsError::Partner(name.clone()))?;
            let or = |own: Option<u32>, usual| own.map_or(usual, i64::from);
            let limits = PartnerLimits {
                waiting_s: or(own.waiting_seconds, usual.waiting_s),
                silent_s: or(own.silent_seconds, usual.silent_s),
                unreachable_s: or(own.unreachable_seconds, usual.unreachable_s),
            };
            partners.insert(id, limits);
        }
        let mut times = BTreeMap::new();
        for (code, own) in &self.times {
            let kind = Kind::of_code(code).ok_or_else(|| {
                let codes = Kind::ALL.map(Kind::code).join(", ");
                AlertsError::Condition(code.clone(), codes)
            })?;
            let usual = kind.usual_times();
            let hold_s = own.hold_seconds.map_or(usual.hold_s, i64::from);
            let clear_s = own.clear_seconds.map_or(usual.clear_s, i64::from);
            times.insert(kind, Times { hold_s, clear_s });
        }
        Ok(Thresholds {
            usual,
            partners,
            quarantine_new: limits.quarantine_new.into(),
            quarantine_window_s: limits.quarantine_window_seconds.into(),
            conflict_window_s: limits.conflict_window_seconds.into(),
            unsigned_s: limits.unsigned_seconds.into(),
            certificate_days: limits.certificate_days.into(),
            disk_free_mib: limits.disk_free_mib.into(),
            hub_gone_s: limits.hub_gone_seconds.into(),
            reveals_hour: limits.reveals_hour.into(),
            times,
        })
    }
}

impl MailSettings {
    fn open(&self, to: &Addresses) -> Result<Mailer, AlertsError> {
        let security = match self.tls {
            MailTls::StartTls => Security::StartTls,
            MailTls::Tls => Security::Tls,
            MailTls::None => Security::None,
        };
        let given = (self.password.as_ref(), self.password_file.as_deref());
        let password = secret("mail.password", given.0, given.1)?;
        let login = match (&self.user, password) {
            (Some(user), Some(password)) => Some((user.clone(), password)),
            (None, None) => None,
            _ => return Err(AlertsError::HalfLogin),
        };
        let authority = self.ca_file.as_deref().map(read).transpose()?;
        Ok(Mailer::new(&Account {
            host: self.host.clone(),
            port: self.port.unwrap_or(security.usual_port()),
            security,
            login,
            from: self.from.clone(),
            to: to.list(),
            authority,
        })?)
    }
}

impl WebhookSettings {
    fn open(&self) -> Result<Target, AlertsError> {
        let url = secret("webhook.url", self.url.as_ref(), self.url_file.as_deref())?;
        let url = url.ok_or(AlertsError::Missing("webhook.url"))?;
        let given = (self.secret.as_ref(), self.secret_file.as_deref());
        let key = secret("webhook.secret", given.0, given.1)?;
        let key = key.ok_or(AlertsError::Missing("webhook.secret"))?;
        let networks = self.networks.as_ref().map(Addresses::list).unwrap_or_default();
        let networks: Result<Vec<Network>, _> = networks.iter().map(|text| text.parse()).collect();
        Ok(Target::new(&url, key.parse()?, None, networks?)?)
    }
}

fn within(name: &'static str, value: u32, least: u32, most: u32) -> Result<(), AlertsError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(AlertsError::Range(name, least, most))
    }
}

fn secret(
    name: &'static str,
    given: Option<&Secret>,
    file: Option<&Path>,
) -> Result<Option<String>, AlertsError> {
    match (given, file) {
        (Some(_), Some(_)) => Err(AlertsError::Twice(name)),
        (Some(text), None) => Ok(Some(text.reveal().to_owned())),
        (None, Some(path)) => {
            let text = String::from_utf8_lossy(&read(path)?).trim().to_owned();
            Ok(Some(text))
        }
        (None, None) => Ok(None),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AlertsError> {
    std::fs::read(path).map_err(|source| AlertsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "[mail]\nhost = 'localhost'\ntls = 'none'\nfrom = 'hub@a.example'\n";
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn settings(toml: &str) -> AlertSettings {
        toml::from_str(toml).unwrap()
    }

    fn opened(toml: &str) -> Result<Alerts, AlertsError> {
        settings(toml).open(Path::new("/een/map"), None)
    }

    fn said(toml: &str) -> String {
        crate::hub::chain(&opened(toml).unwrap_err())
    }

    #[test]
    fn nothing_is_needed_and_a_hub_has_a_lasting_name() {
        let alerts = opened("").unwrap();
        assert!(alerts.roads().is_empty());
        assert_eq!(alerts.hub, opened("").unwrap().hub);
        let elsewhere = settings("").open(Path::new("/een/andere/map"), None).unwrap();
        assert_ne!(alerts.hub, elsewhere.hub);
        assert_eq!(opened("name = 'hub-1'").unwrap().hub, "hub-1");
        assert_eq!(alerts.thresholds.usual.silent_s, 0);
    }

    #[test]
    fn limits_are_by_partner_and_times_by_condition() {
        let alerts = opened(
            "[limits]\nwaiting_seconds = 10\n[partners.wonen-zuid]\nsilent_seconds = 5\n\
             [times.schijf-vol]\nhold_seconds = 1",
        )
        .unwrap();
        let own = alerts.thresholds.partners[&"wonen-zuid".parse().unwrap()];
        assert_eq!((own.waiting_s, own.silent_s, own.unreachable_s), (10, 5, 600));
        let times = alerts.thresholds.times(Kind::Disk);
        assert_eq!((times.hold_s, times.clear_s), (1, 300));
    }

    #[test]
    fn addresses_are_a_list_or_a_text_with_commas() {
        let to = |toml: &str| settings(&format!("{MAIL}{toml}")).mail.unwrap().to.list();
        assert_eq!(
            to("to = ['a@b.example', 'c@d.example']"),
            to("to = 'a@b.example, c@d.example'")
        );
        assert!(opened(&format!("{MAIL}to = 'a@b.example'")).unwrap().mail.is_some());
    }

    #[test]
    fn secrets_come_from_files_as_well_and_are_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("geheim");
        std::fs::write(&file, format!("{KEY}\n")).unwrap();
        let text = format!(
            "[webhook]\nurl = 'https://meldkamer.example/x'\nsecret_file = '{}'",
            file.display()
        );
        assert!(opened(&text).unwrap().webhook.is_some());
        assert_eq!(settings(&text).secret_files(), [file.as_path()]);
        let text = format!("[webhook]\nurl = 'https://geheim.example/x'\nsecret = '{KEY}'");
        let shown = format!("{:?} {:?}", settings(&text), opened(&text).unwrap().webhook);
        assert!(!shown.contains("whsec_"), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (toml, expected) in [
            ("check_seconds = 0", "alerts.check_seconds must be from 1"),
            ("name = 'een naam'", "alerts.name"),
            ("[partners.Wonen]\nsilent_seconds = 1", "alerts.partners.Wonen"),
            ("[times.schijf]\nhold_seconds = 1", "schijf-vol"),
            ("[webhook]\nurl = 'https://a.example/'", "alerts.webhook.secret"),
            ("[webhook]\nsecret = 'x'", "alerts.webhook.url"),
            ("[webhook]\nurl = 'https://a.example/'\nsecret = 'x'", "whsec_"),
        ] {
            let said = said(toml);
            assert!(said.contains(expected), "{toml}: {said}");
        }
        let hook = format!("[webhook]\nurl = 'http://10.1.2.3/'\nsecret = '{KEY}'\n");
        assert!(said(&hook).contains("alerts.webhook.networks"));
        assert!(opened(&format!("{hook}networks = '10.1.0.0/16'")).is_ok());
        let open =
            "[mail]\nhost = 'mail.example'\ntls = 'none'\nfrom = 'a@b.example'\nto = 'c@d.nl'";
        assert!(said(open).contains("this machine only"));
        assert!(said(&format!("{MAIL}to = 'a@b.example'\nuser = 'x'")).contains("go together"));
        assert!(said(&format!("{MAIL}to = []")).contains("1 to 20 recipients"));
    }
}
