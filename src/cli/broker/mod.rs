//! `schakel broker`: makes and repairs what the broker must hold, and shows how its queues are.

mod definitions;
mod list;
mod management;
mod passwords;
mod plan;
mod provision;

use clap::Subcommand;

use super::access::{Ground, Halt};
use super::check::chain;
use super::output::Exit;
use crate::hub::{SetError, broker_partners, checked};
use crate::settings::{self, BrokerSettings, Settings};
use crate::transport::amqp::Address;
use crate::transport::amqp::topology::{Terms, Topology};

pub use management::Management;
pub use plan::{Change, Finding, Found};
pub use provision::differences;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Maakt en herstelt wachtrijen, gebruikers en rechten op de broker
    Provision(provision::Asked),
    /// Toont de wachtrijen: hoeveel er wacht en wie er luistert
    #[command(after_help = "Voorbeeld:\n  schakel broker list -o jsonl")]
    List,
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Result<Exit, Halt> {
    match command {
        Command::Provision(asked) => provision::run(asked, ground).await,
        Command::List => list::run(ground).await,
    }
}

/// What the settings and the set say the broker must be.
pub struct Wish {
    pub settings: BrokerSettings,
    pub address: Address,
    pub topology: Topology,
}

impl Wish {
    pub fn read(ground: Ground<'_>) -> Result<Self, Halt> {
        let invalid = |text: String| Halt::new(Exit::Invalid, text);
        let all = Settings::load(ground.config)
            .map_err(|error| invalid(format!("de instellingen kloppen niet: {error}")))?;
        let Some(settings) = all.broker else {
            return Err(invalid(
                "er is geen broker ingesteld; zet broker.url en broker.management_url in \
                 schakel.toml, of SCHAKEL_BROKER__URL en SCHAKEL_BROKER__MANAGEMENT_URL"
                    .to_owned(),
            ));
        };
        let address = settings.address().map_err(|error| invalid(chain(&error)))?;
        let files = settings::read_or_shipped(ground.config)
            .map_err(|error| Halt::new(Exit::Unreachable, chain(&error)))?;
        let catalogue = checked(&files).map_err(|error| match error {
            SetError::Invalid(_) => {
                invalid("de set klopt niet; bekijk de fouten met: schakel check".to_owned())
            }
            error => Halt::new(Exit::Failure, chain(&error)),
        })?;
        let partners = broker_partners(&catalogue);
        let terms = Terms {
            vhost: address.vhost().to_owned(),
            hub: address.user().to_owned(),
            mailbox_days: settings.mailbox_days,
        };
        if Topology::clash(&partners, &terms) {
            return Err(invalid(format!(
                "ketenpartner {} heet als de gebruiker van de hub; geef de hub in broker.url een \
                 andere naam",
                terms.hub
            )));
        }
        let topology = Topology::wanted(&partners, &terms);
        Ok(Self { settings, address, topology })
    }

    /// The management API, as the settings say it is entered.
    pub fn management(&self) -> Result<Management, Halt> {
        let url = self.settings.management();
        let url = url.map_err(|error| Halt::new(Exit::Invalid, chain(&error)))?;
        let authority = self.settings.authority();
        let authority = authority.map_err(|error| Halt::new(Exit::Invalid, chain(&error)))?;
        Management::new(&url, authority)
    }
}

/// All that is missing on a broker whose logins are not ours to make.
pub fn changes(topology: &Topology, found: &Found) -> Vec<Change> {
    plan::plan(topology, found, &plan::Logins::default())
}
