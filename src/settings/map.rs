//! The map of the settings: a file with the neighbourhoods of the municipality.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::ConsoleSettings;
use crate::casework::evaluate::show::map::{FILE_BYTES_MAX, Map, MapFault};

/// Why there is no map.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    #[error("console.map: {path} kan niet worden gelezen")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("console.map: {path} is geen kaart van buurten:\n{faults}")]
    Faults { path: PathBuf, faults: Faults },
}

/// All that is wrong with a file, a line each.
#[derive(Debug)]
pub struct Faults(pub Vec<MapFault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(|fault| format!("  {fault}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl ConsoleSettings {
    /// The map, where one is set.
    pub fn open_map(&self) -> Result<Option<Map>, MapError> {
        let Some(path) = &self.map else { return Ok(None) };
        let bytes = read(path).map_err(|source| MapError::Io { path: path.clone(), source })?;
        let faults = |faults| MapError::Faults { path: path.clone(), faults: Faults(faults) };
        Map::parse(&bytes, self.map_code.as_deref()).map(Some).map_err(faults)
    }
}

/// The file, and one byte more than it may have: what is too large is not read to its end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(map: PathBuf) -> ConsoleSettings {
        ConsoleSettings { map: Some(map), ..ConsoleSettings::default() }
    }

    #[test]
    fn a_file_that_is_no_map_is_named_with_what_is_wrong_and_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("buurten.geojson");
        let absent = console(path.clone()).open_map().unwrap_err();
        assert!(absent.to_string().contains("buurten.geojson kan niet worden gelezen"));
        std::fs::write(&path, br#"{"type": "FeatureCollection", "features": [{}]}"#).unwrap();
        let wrong = console(path).open_map().unwrap_err().to_string();
        assert!(wrong.contains("\n  feature 1: de eigenschap buurtcode of statcode"), "{wrong}");
        assert!(ConsoleSettings::default().open_map().unwrap().is_none());
    }

    #[test]
    fn the_map_of_the_demo_is_one() {
        let bytes = include_bytes!("../cli/demo/kaart.geojson");
        let map = Map::parse(bytes, None).unwrap();
        let programme = include_str!("../../config/programme.toml");
        for code in map.codes() {
            assert!(programme.contains(code), "{code} is no neighbourhood of the programme");
        }
        assert_eq!(map.codes().count(), programme.matches("[[buurt]]").count());
    }
}
