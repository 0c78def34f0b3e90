//! The sets that are measured under: the shipped one with its partners on the broker, and the same
//! grown to a thousand partners and ten thousand routes.

use std::fmt::Write as _;
use std::path::Path;

use crate::catalogue::problem::Files;
use crate::cli::access::Halt;
use crate::cli::output::Exit;
use crate::settings;

/// Who sends, and who gets a report by the shipped routes.
pub const SENDER: &str = "politie-oost-brabant";
pub const RECIPIENTS: [&str; 3] = ["gemeente-eindhoven", "ggz-de-kempen", "wonen-zuid"];

/// Partners in all with queues of their own; the others of a grown set have a mailbox of the hub's.
const WITH_QUEUES: usize = 50;
const MAILBOX: &str = "wijze = \"postvak\"";
const BROKER: &str = "wijze = \"rabbitmq\"";
/// The port for discarding, where nothing listens on a machine of today.
const DEAD: &str =
    "wijze = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\nnetwerken = [\"127.0.0.0/8\"]";

/// How large a set is, and how its recipients get their post.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub partners: usize,
    pub routes: usize,
    /// Who of the recipients gets its parcels through the broker. For the others they wait in the
    /// hub until they are collected, which nobody does.
    pub by_broker: &'static [&'static str],
    /// A recipient behind an address where nobody answers.
    pub dead: Option<&'static str>,
}

/// The eight partners and eleven routes of the shipped set, all recipients on the broker.
pub const SHIPPED: Shape = Shape { partners: 0, routes: 0, by_broker: &RECIPIENTS, dead: None };

/// The files of a set of this shape.
pub fn files(shape: Shape) -> Result<Files, Halt> {
    let mut files = settings::shipped();
    let by_broker = shape.by_broker.iter().chain([&SENDER]).map(|partner| (*partner, BROKER));
    for (partner, way) in by_broker.chain(shape.dead.map(|partner| (partner, DEAD))) {
        let path = format!("config/partners/{partner}.toml");
        let text = text(&files, &path)?.replace(MAILBOX, way);
        files.insert(path, text.into_bytes());
    }
    let shipped = files.keys().filter(|path| path.starts_with("config/partners/")).count();
    let more = shape.partners.saturating_sub(shipped);
    let ids = neighbours(&mut files, more)?;
    routes(&mut files, &ids, shape.routes)?;
    Ok(files)
}

/// Partners of other municipalities, like those of the shipped set.
fn neighbours(files: &mut Files, more: usize) -> Result<Vec<Neighbour>, Halt> {
    const KINDS: [(&str, &str); 2] =
        [("wonen-zuid", "woonoverlast"), ("ggz-de-kempen", "verward-gedrag")];
    let mut made = Vec::with_capacity(more);
    for number in 0..more {
        let (like, theme) = KINDS[number % KINDS.len()]; // within: a remainder
        let model = text(files, &format!("config/partners/{like}.toml"))?;
        let municipality = format!("{:04}", 2000 + number / KINDS.len());
        let lines = model.lines().map(|line| match line.split_once(" = ") {
            Some(("oin", _)) => format!("oin = \"0000000199{number:06}0000\""),
            Some(("gebied", _)) => format!("gebied = [\"{municipality}\"]"),
            Some(("afzendercodes", _)) => format!("afzendercodes = [\"M{number:05}\"]"),
            Some(("wijze", _)) if made.len() + 4 < WITH_QUEUES => BROKER.to_owned(),
            Some(("wijze", _)) => MAILBOX.to_owned(),
            _ => line.to_owned(),
        });
        let lines: Vec<String> = lines.collect();
        let id = format!("{like}-{number:04}");
        files.insert(format!("config/partners/{id}.toml"), lines.join("\n").into_bytes());
        made.push(Neighbour { id, municipality, theme });
    }
    Ok(made)
}

struct Neighbour {
    id: String,
    municipality: String,
    theme: &'static str,
}

/// Routes to them, from the same kind of sender and on the same themes as the shipped ones.
fn routes(files: &mut Files, partners: &[Neighbour], all: usize) -> Result<(), Halt> {
    const PATH: &str = "config/routes.toml";
    let mut text = text(files, PATH)?;
    let shipped = text.matches("[[route]]").count();
    for (number, to) in (shipped..all).zip(partners.iter().cycle()) {
        // A text takes everything that is written to it.
        let _written = write!(
            text,
            "\n[[route]]\nid = \"route-{number}\"\nthemas = [\"{}\"]\nherkomst = [\"politie\"]\n\
             gemeenten = [\"{}\"]\nnaar = [\"{}\"]\n",
            to.theme, to.municipality, to.id
        );
    }
    files.insert(PATH.to_owned(), text.into_bytes());
    Ok(())
}

fn text(files: &Files, path: &str) -> Result<String, Halt> {
    let found = files.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let missing = || Halt::new(Exit::Failure, format!("de meegeleverde set heeft geen {path}"));
    found.map(str::to_owned).ok_or_else(missing)
}

/// Writes a set where a hub reads it.
pub fn write(files: &Files, folder: &Path) -> Result<(), Halt> {
    let failed = |error: std::io::Error| Halt::new(Exit::Failure, error.to_string());
    for (path, bytes) in files {
        let path = folder.join(path);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(failed)?;
        }
        std::fs::write(path, bytes).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{broker_partners, checked};

    #[test]
    fn a_grown_set_passes_the_check_and_is_as_large_as_it_was_asked_to_be() {
        for (partners, routes, with_queues) in [(0, 0, 4), (60, 200, 50)] {
            let shape = Shape { partners, routes, ..SHIPPED };
            let catalogue = checked(&files(shape).unwrap()).unwrap();
            assert_eq!(broker_partners(&catalogue).len(), with_queues);
            assert_eq!(catalogue.partners.len(), partners.max(8));
            assert_eq!(catalogue.routes.all.len(), routes.max(11));
        }
        let shape = Shape { by_broker: &[], dead: Some("wonen-zuid"), ..SHIPPED };
        let catalogue = checked(&files(shape).unwrap()).unwrap();
        assert_eq!(broker_partners(&catalogue).len(), 1, "only the sender");
    }
}
