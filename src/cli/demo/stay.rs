//! What a visitor can try on the hub of the demo once the evening is over.

use super::paper::Paper;
use super::venue::{Cast, Home};

/// The address, the tokens and commands to paste.
pub fn commands(cast: &Cast, home: &Home) -> String {
    let mut paper = Paper::default();
    paper.heading("De hub blijft draaien");
    paper.line(&format!("{} over {}", cast.hub, home.path.display()));
    paper.text()
}
