//! What the rest of the municipality reports, so that who looks around in the console finds figures
//! on the map: signals of residents and of the police, of invented places and of nobody.

use uuid::Uuid;

use super::venue::Cast;
use crate::cli::access::Halt;
use crate::cli::output::Exit;

const POLICE: &str = include_str!("buurten/politie.xml");
const RESIDENTS: &str = include_str!("buurten/inwoners.json");

/// By neighbourhood, how often residents report something there, and how often the police. One is
/// a hot spot, in one residents are silent, and in one there is too little to tell.
const REPORTS: [(&str, u32, u32); 7] = [
    ("BU07721105", 9, 7),
    ("BU07721111", 7, 6),
    ("BU07721122", 6, 8),
    ("BU07721318", 24, 12),
    ("BU07721421", 5, 5),
    ("BU07721614", 5, 21),
    ("BU07721622", 2, 1),
];

/// Sends them, as these partners do.
pub async fn report(cast: &Cast) -> Result<(), Halt> {
    for (at, (area, residents, police)) in (1_u32..).zip(REPORTS) {
        for number in 0..residents {
            let id = Uuid::from_u128(u128::from(at * 1_000 + number)).to_string();
            send(cast, "inwoners-eindhoven", RESIDENTS, [area, &id], at).await?;
        }
        for number in 0..police {
            let id = format!("2026-{}", 260_000 + at * 1_000 + number);
            send(cast, "politie-oost-brabant", POLICE, [area, &id], at).await?;
        }
    }
    Ok(())
}

async fn send(
    cast: &Cast,
    partner: &str,
    document: &str,
    [area, number]: [&str; 2],
    house: u32,
) -> Result<(), Halt> {
    let document = document.replace("{buurt}", area).replace("{nummer}", number);
    // The number of a house has four digits in the code of its address.
    let document = document.replace("{huis}", &(1_000 + house).to_string());
    let known = cast.partners.values().find(|known| known.id.as_str() == partner);
    let sender = known.ok_or_else(|| lost(format!("de demo heeft geen {partner}")))?;
    let status = sender.send(document.as_bytes()).await?.status;
    if (200..300).contains(&status) {
        Ok(())
    } else {
        Err(lost(format!("een melding van {partner} in {area} gaf {status}")))
    }
}

fn lost(text: String) -> Halt {
    Halt::new(Exit::Failure, text)
}
