//! The colours of the report, for paper and light screens and for dark ones. A test holds that
//! texts have the contrast of WCAG 2.2 AA (4.5 to 1) and bars that of graphics (3 to 1).

/// A name in the style sheet, the colour on light and the colour on dark.
pub const COLOURS: [(&str, &str, &str); 10] = [
    ("--achter", "#ffffff", "#14181d"),
    ("--vlak", "#f3f5f7", "#1f252c"),
    ("--tekst", "#1a1e23", "#e8ecf0"),
    ("--zacht", "#4a5560", "#b4bec8"),
    ("--lijn", "#76828e", "#8794a1"),
    ("--reeks1", "#1f5fa8", "#7db3f0"),
    ("--reeks2", "#a34d00", "#f0a860"),
    ("--reeks3", "#4a5560", "#b4bec8"),
    ("--goed", "#1b6b2f", "#7fd494"),
    ("--mis", "#a61b1b", "#ff9d94"),
];

/// The declarations of one side.
pub fn declarations(dark: bool) -> String {
    let one = |(name, light, other): &(&str, &str, &str)| {
        format!("{name}:{};", if dark { other } else { light })
    };
    COLOURS.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value =
                f64::from(u8::from_str_radix(colour.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_colour_can_be_read_on_both_grounds_light_and_dark() {
        for dark in [false, true] {
            let of = |name: &str| {
                let (_, light, other) = COLOURS.iter().find(|(n, ..)| *n == name).unwrap();
                if dark { *other } else { *light }
            };
            for ground in ["--achter", "--vlak"] {
                for (name, least) in [
                    ("--tekst", 4.5),
                    ("--zacht", 4.5),
                    ("--goed", 4.5),
                    ("--mis", 4.5),
                    ("--reeks1", 3.0),
                    ("--reeks2", 3.0),
                    ("--reeks3", 3.0),
                    ("--lijn", 3.0),
                ] {
                    let found = contrast(of(name), of(ground));
                    assert!(found >= least, "{name} on {ground}, dark {dark}: {found:.2}");
                }
            }
        }
    }
}
