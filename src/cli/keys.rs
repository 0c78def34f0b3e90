//! `schakel keys init` and `schakel keys rotate`: the hub's own key, outside the database.

use std::path::Path;

use clap::Subcommand;

use super::access::{Ground, Halt, key_file, read_keys};
use super::output::{Exit, out, say};
use crate::evidence::HubKeys;
use crate::hub::clock;
use crate::journal::Store;
use crate::lifecycle::{Running, write_private};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Maakt de sleutel van de hub; nooit over een bestaande heen
    #[command(after_help = "Voorbeeld:\n  schakel --data /srv/schakel keys init --name \
        schakel.example/eindhoven")]
    Init {
        /// Naam van de hub, zoals die onder controlepunten komt te staan
        #[arg(long, alias = "naam", default_value = "schakel", value_name = "NAAM")]
        name: String,
    },
    /// Voegt een nieuwe sleutel toe; wat eerder verzegeld is, blijft leesbaar
    #[command(after_help = "Voorbeeld (met de hub gestopt):\n  schakel keys rotate")]
    Rotate,
    /// Toont de openbare sleutel waarmee ketenpartners bewijzen nagaan
    #[command(after_help = "Voorbeeld:\n  schakel keys public > hub.pub")]
    Public,
}

pub async fn run(command: &Command, ground: Ground<'_>) -> Exit {
    let data = ground.data;
    let done = match command {
        Command::Init { name } => init_for(ground, name).await,
        Command::Rotate => rotate(data),
        Command::Public => public(data),
    };
    done.map_or_else(Halt::end, |()| Exit::Ok)
}

/// Makes new keys, unless the store holds a journal that other keys sealed.
async fn init_for(ground: Ground<'_>, name: &str) -> Result<(), Halt> {
    let store = ground.store()?;
    // A store that cannot be reached yet may be looked at later: other keys do not open it.
    if !key_file(ground.data).exists() && matches!(store.exists().await, Ok(true)) {
        return Err(sealed_otherwise(&store.to_string()));
    }
    init(ground.data, name)
}

fn sealed_otherwise(place: &str) -> Halt {
    let text = format!(
        "in {place} ligt een logboek dat met een andere sleutel is verzegeld; zet die terug"
    );
    Halt::new(Exit::NotAllowed, text)
}

fn failed(error: &std::io::Error) -> Halt {
    Halt::new(Exit::Failure, format!("de sleutel kan niet worden geschreven: {error}"))
}

/// Makes new keys in the file of this data folder.
pub fn init(data: &Path, name: &str) -> Result<(), Halt> {
    let path = key_file(data);
    if path.exists() {
        let text = format!("er is al een sleutel in {}; die blijft zoals hij is", path.display());
        return Err(Halt::new(Exit::NotAllowed, text));
    }
    if Store::is_made_in(data) {
        return Err(sealed_otherwise(&data.display().to_string()));
    }
    let random =
        || clock::random::<32>().map_err(|error| Halt::new(Exit::Failure, error.to_string()));
    let keys = HubKeys::generate(name, random()?, random()?, random()?);
    if let Some(folder) = path.parent() {
        create_private(folder).map_err(|error| failed(&error))?;
    }
    write_private(&path, keys.to_text().as_bytes()).map_err(|error| failed(&error))?;
    say(&format!(
        "Sleutel gemaakt in {}. Bewaar een kopie buiten deze machine: zonder sleutel is het \
         logboek niet te lezen.",
        path.display()
    ));
    Ok(())
}

/// Makes a folder that only its owner opens; one that is there stays as it is.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn rotate(data: &Path) -> Result<(), Halt> {
    if Running::read(data).is_some() {
        let text = "stop de hub eerst: een draaiende hub leest zijn sleutel alleen bij de start";
        return Err(Halt::new(Exit::NotAllowed, text));
    }
    let old = read_keys(data)?;
    let mut keys = HubKeys::parse(&old.to_text())
        .map_err(|error| Halt::new(Exit::Invalid, error.to_string()))?;
    let fresh =
        clock::random::<32>().map_err(|error| Halt::new(Exit::Failure, error.to_string()))?;
    let epoch = keys.rotate(fresh);
    let path = key_file(data);
    let draft = path.with_extension("nieuw");
    let _absent = std::fs::remove_file(&draft);
    write_private(&draft, keys.to_text().as_bytes()).map_err(|error| failed(&error))?;
    std::fs::rename(&draft, &path).map_err(|error| failed(&error))?;
    say(&format!(
        "Nieuwe sleutel, tijdperk {epoch}. Bewaar opnieuw een kopie van {}.",
        path.display()
    ));
    Ok(())
}

fn public(data: &Path) -> Result<(), Halt> {
    let keys = read_keys(data)?;
    out(&crate::evidence::verifier_key(keys.name(), &keys.public_key()));
    Ok(())
}
