//! Where the demo plays: a folder of its own, a hub started as `serve` starts it, and its
//! partners with their tokens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::folder::Folder;
use super::listener::Listener;
use super::partner::Partner;
use crate::casework::evaluate::show::map::Map;
use crate::catalogue::Catalogue;
use crate::catalogue::partner::Delivery;
use crate::catalogue::problem::Files;
use crate::cli::access::{Access, Halt, client};
use crate::cli::output::Exit;
use crate::cli::serve::halt_of;
use crate::console::Look;
use crate::evidence::HubKeys;
use crate::hub::clock;
use crate::journal::Store;
use crate::lifecycle::{Addresses, ConsoleDoor, Service, write_private};
use crate::message::PartnerId;
use crate::settings;

/// The folder of the demo; one that it made for itself goes away with it.
pub struct Home {
    pub path: PathBuf,
    temporary: bool,
}

impl Home {
    /// A folder that was asked for, or a fresh one that only its owner may enter.
    pub fn open(asked: Option<&Path>, keep: bool) -> Result<Self, Halt> {
        if let Some(path) = asked {
            if Store::is_made_in(path) {
                let text = format!(
                    "in {} ligt al een logboek; de demo begint in een lege map",
                    path.display()
                );
                return Err(Halt::new(Exit::NotAllowed, text));
            }
            std::fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
            return Ok(Self { path: path.to_owned(), temporary: false });
        }
        let [a, b, c, d] = random::<4>()?;
        let name = format!("schakel-demo-{a:02x}{b:02x}{c:02x}{d:02x}");
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| unusable(&path, &error))?;
        Ok(Self { path, temporary: !keep })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, "the folder of the demo could not be removed");
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], Halt> {
    clock::random().map_err(|error| Halt::new(Exit::Failure, error.to_string()))
}

fn unusable(path: &Path, error: &std::io::Error) -> Halt {
    let text = format!("de map {} is niet te gebruiken: {error}", path.display());
    Halt::new(Exit::Unreachable, text)
}

/// The hub of the demo, before its partners know it.
pub struct Venue {
    pub service: Service,
    pub keys: Arc<HubKeys>,
    pub listener: Listener,
}

impl Venue {
    /// Starts a hub with keys of its own over the shipped set, in which one address is changed:
    /// that of the partner that is called.
    pub async fn open(
        home: &Home,
        (listen, console): (SocketAddr, bool),
        called: &PartnerId,
    ) -> Result<Self, Halt> {
        // Not by way of the environment: the demo never touches somebody's real key.
        let keys = HubKeys::generate("schakel-demo", random()?, random()?, random()?);
        let key_file = home.path.join("hub.key");
        write_private(&key_file, keys.to_text().as_bytes())
            .map_err(|error| unusable(&key_file, &error))?;
        let keys = Arc::new(keys);
        let listener = Listener::bind(called.clone())
            .await
            .map_err(|error| Halt::new(Exit::Unreachable, format!("geen vrije poort: {error}")))?;
        let mut files = settings::shipped();
        call_at(&mut files, called, &format!("http://{}/schakel", listener.address))?;
        let look = Look { map: Some(Arc::new(map()?)), ..Look::default() };
        let console = console.then_some(ConsoleDoor { listen: None, beyond_loopback: false, look });
        let addresses = Addresses {
            alerts: None,
            // The evening is exchange only; the case after it begins to direct.
            directs: false,
            http: listen,
            beyond_loopback: false,
            tls: None,
            metrics: None,
            console,
            broker: None,
        };
        let store = Store::in_folder(&home.path);
        let service = Service::start(&home.path, &store, keys.clone(), &files, &addresses)
            .await
            .map_err(|error| halt_of(&error))?;
        Ok(Self { service, keys, listener })
    }

    /// Connects the partners: each gets what an operator would give it.
    pub async fn connect(&self, home: &Home) -> Result<Cast, Halt> {
        let access = Access::open(&home.path, &Store::in_folder(&home.path), None).await?;
        let catalogue = self.service.hub.active().catalogue;
        let client = client()?;
        let mut cast = Cast {
            access,
            catalogue: catalogue.clone(),
            key: self.keys.public_key(),
            hub: format!("http://{}", self.service.http),
            partners: BTreeMap::new(),
            folders: BTreeMap::new(),
        };
        for (id, partner) in &catalogue.partners {
            if let Delivery::Map { map } = &partner.delivery {
                let root = self.service.hub.exchange_folder().join(map);
                cast.folders.insert(id.clone(), Folder { id: id.clone(), root });
                continue;
            }
            if let Delivery::Webhook { .. } = &partner.delivery {
                let asked = json!({ "partner": id });
                let made = cast.access.call("webhookgeheim-maken", asked).await?;
                self.listener.agree(text_of(&made, "geheim"), cast.key);
            }
            let asked = json!({ "partner": id, "label": "demo" });
            let made = cast.access.call("sleutel-maken", asked).await?;
            let media_type = catalogue.connector_of(partner).and_then(|c| c.media_types.first());
            let client = Partner {
                id: id.clone(),
                token: text_of(&made, "sleutel").to_owned(),
                hub: cast.hub.clone(),
                client: client.clone(),
                media_type: media_type.cloned().unwrap_or_default(),
            };
            cast.partners.insert(id.clone(), client);
        }
        Ok(cast)
    }
}

/// Everybody who takes part, and the way to the operator's actions.
pub struct Cast {
    pub access: Access,
    pub catalogue: Arc<Catalogue>,
    /// The hub's public key, by which partners check what they get.
    pub key: [u8; 32],
    pub hub: String,
    pub partners: BTreeMap<PartnerId, Partner>,
    pub folders: BTreeMap<PartnerId, Folder>,
}

impl Cast {
    /// The standard of a partner's connector.
    pub fn standard(&self, id: &PartnerId) -> String {
        let partner = self.catalogue.partner(id);
        let connector = partner.and_then(|partner| self.catalogue.connector_of(partner));
        connector.map(|connector| connector.standard.clone()).unwrap_or_default()
    }

    /// Whether this partner collects from its mailbox.
    pub fn collects(&self, id: &PartnerId) -> bool {
        let partner = self.catalogue.partner(id);
        partner.is_some_and(|partner| matches!(partner.delivery, Delivery::Postvak))
    }
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The neighbourhoods of the demo, for figures on a map.
fn map() -> Result<Map, Halt> {
    let broken = |_| Halt::new(Exit::Failure, "de kaart van de demo is niet te lezen");
    Map::parse(include_bytes!("kaart.geojson"), None).map_err(broken)
}

/// Puts another webhook address in a partner's file.
fn call_at(files: &mut Files, partner: &PartnerId, url: &str) -> Result<(), Halt> {
    let path = format!("config/partners/{partner}.toml");
    let broken = || Halt::new(Exit::Failure, format!("{path} heeft geen webhook"));
    let text = files.get(&path).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let mut table: toml::Table = text.and_then(|t| t.parse().ok()).ok_or_else(broken)?;
    let delivery = table.get_mut("levering").and_then(toml::Value::as_table_mut);
    let delivery = delivery.filter(|d| d.contains_key("url")).ok_or_else(broken)?;
    delivery.insert("url".to_owned(), url.into());
    let text = toml::to_string(&table).map_err(|_| broken())?;
    files.insert(path, text.into_bytes());
    Ok(())
}
