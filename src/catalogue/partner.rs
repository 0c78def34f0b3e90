//! A partner: who it is, which connector it speaks, and where its parcels go.

use std::collections::BTreeMap;

use serde::Deserialize;

use toml::Spanned;

use super::facts::MUNICIPALITY;
use super::problem::{Files, Problem, SourceText};
use super::validity::Validity;
use crate::message::{ConnectorId, Digest, KindId, Oin, PartnerId, Succession, Timestamp};

/// One organisation that exchanges with the hub.
#[derive(Debug, Clone)]
pub struct Partner {
    pub id: PartnerId,
    pub name: String,
    pub kind: KindId,
    pub connector: ConnectorId,
    pub oin: Oin,
    pub aliases: Vec<Alias>,
    /// The names that it, or who merged into it, had in the hub before.
    pub former: Vec<Former>,
    /// What it calls itself in its own messages, besides its OIN.
    pub sender_codes: Vec<String>,
    /// CBS municipality codes; empty: everywhere.
    pub area: Vec<String>,
    /// The contact that answers day and night.
    pub telephone: String,
    pub delivery: Delivery,
    /// SHA-256 of the certificates with which it may come over TLS; empty: any, or none.
    pub certificates: Vec<Digest>,
}

/// An OIN that the partner had before, and until when messages may still carry it.
#[derive(Debug, Clone)]
pub struct Alias {
    pub oin: Oin,
    pub validity: Validity,
}

/// A name that a partner had in the hub, and until when its keys still open the door.
#[derive(Debug, Clone)]
pub struct Former {
    pub id: PartnerId,
    pub validity: Validity,
}

/// Where parcels go.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "wijze", rename_all = "lowercase", deny_unknown_fields)]
pub enum Delivery {
    /// The partner collects them.
    Postvak,
    /// The hub posts them, signed.
    Webhook {
        url: String,
        /// Private networks (CIDR) in which the address may lie.
        #[serde(default)]
        netwerken: Vec<String>,
    },
    /// The hub writes them into the partner's folder, and reads what the partner puts there.
    Map { map: String },
    /// The hub lays them in the partner's queues, and reads what the partner publishes.
    RabbitMq,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartnerText {
    naam: String,
    soort: KindId,
    koppeling: ConnectorId,
    oin: Oin,
    #[serde(default)]
    aliassen: Vec<AliasText>,
    #[serde(default)]
    voorheen: Vec<FormerText>,
    #[serde(default)]
    afzendercodes: Vec<String>,
    #[serde(default)]
    gebied: Vec<String>,
    contact: ContactText,
    levering: Delivery,
    #[serde(default)]
    certificaten: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasText {
    oin: Oin,
    /// `YYYY-MM-DD`, inclusive.
    tot: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormerText {
    ketenpartner: PartnerId,
    /// `YYYY-MM-DD`, inclusive.
    tot: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactText {
    telefoon: String,
}

impl Partner {
    /// Reads `config/partners/<id>.toml`.
    pub fn load(files: &Files, file: &str, id: PartnerId) -> Result<Self, Problem> {
        let source = SourceText::read(files, file)?;
        let text: PartnerText = source.toml()?;
        if let Delivery::Map { map } = &text.levering
            && !is_folder_name(map)
        {
            let hint = "map is één mapnaam zonder schuine strepen of punten";
            return Err(source.whole("levering", hint));
        }
        let until = |tot: &Spanned<String>| {
            Validity::until(tot.get_ref())
                .ok_or_else(|| source.problem(tot.span().start, "datum", "schrijf JJJJ-MM-DD"))
        };
        let alias = |alias: AliasText| Ok(Alias { validity: until(&alias.tot)?, oin: alias.oin });
        let former = |former: FormerText| {
            Ok(Former { validity: until(&former.tot)?, id: former.ketenpartner })
        };
        let certificate = |text: Spanned<String>| {
            let plain = text.get_ref().replace(':', "").to_ascii_lowercase();
            let hint = "schrijf de SHA-256 van het certificaat: 64 hexadecimale cijfers";
            Digest::from_hex(&plain)
                .ok_or_else(|| source.problem(text.span().start, "certificaat", hint))
        };
        Ok(Self {
            id,
            name: text.naam,
            kind: text.soort,
            connector: text.koppeling,
            oin: text.oin,
            aliases: text.aliassen.into_iter().map(alias).collect::<Result<_, _>>()?,
            former: text.voorheen.into_iter().map(former).collect::<Result<_, _>>()?,
            sender_codes: text.afzendercodes,
            area: text.gebied,
            telephone: text.contact.telefoon,
            delivery: text.levering,
            certificates: text
                .certificaten
                .into_iter()
                .map(certificate)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether a document that names this sender at this moment comes from this partner.
    pub fn is_called(&self, sender: &str, now: Timestamp) -> bool {
        self.oin.as_str() == sender
            || self.sender_codes.iter().any(|code| code == sender)
            || self.aliases.iter().any(|a| a.oin.as_str() == sender && a.validity.holds(now))
    }

    /// Whether the partner works in a municipality.
    pub fn serves(&self, municipality: Option<&str>) -> bool {
        self.area.is_empty()
            || municipality.is_none_or(|code| self.area.iter().any(|area| area == code))
    }

    /// Whether it is of the kind that directs: a municipality.
    pub fn is_municipality(&self) -> bool {
        self.kind.as_str() == MUNICIPALITY
    }

    /// Whether a name in a route, a purpose or a message means this partner.
    pub fn is_meant_by(&self, name: &str) -> bool {
        self.id.as_str() == name || self.kind.as_str() == name
    }
}

/// Who goes on under which name.
pub fn succession(partners: &BTreeMap<PartnerId, Partner>) -> Succession {
    Succession::new(partners.values().flat_map(|partner| {
        partner.former.iter().map(|former| (former.id.clone(), partner.id.clone()))
    }))
}

fn is_folder_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= 60 && name.chars().all(good)
}
