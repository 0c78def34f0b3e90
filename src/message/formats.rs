//! The custom string formats of the schemas, with the checks that their registers prescribe.

/// A burgerservicenummer: nine digits that pass the eleven-test (Wabb; weights 9…2 and -1).
pub fn is_bsn(text: &str) -> bool {
    let Some(digits) = digits::<9>(text) else { return false };
    let weights = [9, 8, 7, 6, 5, 4, 3, 2, -1];
    let sum: i32 = digits.iter().zip(weights).map(|(d, w)| i32::from(*d) * w).sum();
    sum != 0 && sum % 11 == 0
}

/// An OIN: 8 digits of register prefix, then the register's number (Logius, OIN-stelsel).
pub fn is_oin(text: &str) -> bool {
    const PREFIXES: [&str; 6] =
        ["00000001", "00000003", "00000004", "00000007", "00000009", "00000099"];
    digits::<20>(text).is_some() && PREFIXES.iter().any(|p| text.starts_with(p))
}

/// A Dutch postcode as `1234AB` or `1234 AB`: no leading zero, never SA, SD or SS.
pub fn is_postcode(text: &str) -> bool {
    let bytes = text.as_bytes();
    let letters = match bytes.len() {
        6 => &bytes[4..],
        7 if bytes[4] == b' ' => &bytes[5..],
        _ => return false,
    };
    (b'1'..=b'9').contains(&bytes[0])
        && bytes[1..4].iter().all(u8::is_ascii_digit)
        && letters.iter().all(u8::is_ascii_uppercase)
        && ![b"SA", b"SD", b"SS"].iter().any(|barred| letters == barred.as_slice())
}

/// A BAG id: sixteen digits, of which the fifth and sixth tell the kind of object
/// (01 verblijfsobject, 02 ligplaats, 03 standplaats, 10 pand, 20 nummeraanduiding,
/// 30 openbare ruimte; Kadaster, Catalogus BAG).
pub fn is_bag_id(text: &str) -> bool {
    digits::<16>(text).is_some()
        && text.get(4..6).is_some_and(|kind| ["01", "02", "03", "10", "20", "30"].contains(&kind))
        && !text.starts_with("0000")
}

/// A CBS wijkcode: `WK` and six digits (gemeente 4, wijk 2).
pub fn is_wijkcode(text: &str) -> bool {
    text.strip_prefix("WK").is_some_and(|rest| digits::<6>(rest).is_some())
}

/// A CBS buurtcode: `BU` and eight digits (gemeente 4, wijk 2, buurt 2).
pub fn is_buurtcode(text: &str) -> bool {
    text.strip_prefix("BU").is_some_and(|rest| digits::<8>(rest).is_some())
}

/// A KvK number: eight digits.
pub fn is_kvk(text: &str) -> bool {
    digits::<8>(text).is_some_and(|d| d.iter().any(|x| *x != 0))
}

/// An AGB code of a care provider: eight digits, of which two tell the kind (Vektis).
pub fn is_agb(text: &str) -> bool {
    digits::<8>(text).is_some() && !text.starts_with("00")
}

/// A parketnummer of the prosecutor: two digits, a slash, six digits, a dash, two digits.
pub fn is_parketnummer(text: &str) -> bool {
    let parts = text.split_once('/').and_then(|(a, rest)| Some((a, rest.split_once('-')?)));
    parts.is_some_and(|(a, (b, c))| {
        digits::<2>(a).is_some() && digits::<6>(b).is_some() && digits::<2>(c).is_some()
    })
}

/// A date-time as RFC 3339 writes it, with `Z` or a numeric offset.
pub fn is_date_time(text: &str) -> bool {
    text.len() >= 20 && text.as_bytes()[10] == b'T' && super::Timestamp::parse(text).is_some()
}

/// Whether a text has a format.
pub type Check = fn(&str) -> bool;

/// The formats by the name that schemas use.
pub const ALL: [(&str, Check); 10] = [
    ("bsn", is_bsn),
    ("oin", is_oin),
    ("postcode", is_postcode),
    ("bag-id", is_bag_id),
    ("wijkcode", is_wijkcode),
    ("buurtcode", is_buurtcode),
    ("kvk", is_kvk),
    ("agb", is_agb),
    ("parketnummer", is_parketnummer),
    ("date-time", is_date_time),
];

fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes: &[u8; N] = text.as_bytes().try_into().ok()?;
    bytes.iter().all(u8::is_ascii_digit).then(|| bytes.map(|b| b - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bsn_passes_the_eleven_test() {
        assert!(is_bsn("111222333") && is_bsn("999990342"));
        let wrong = ["111222334", "000000000", "12345678", "1112223330", "11122233a", "１11222333"];
        assert!(wrong.iter().all(|text| !is_bsn(text)));
    }

    #[test]
    fn a_postcode_has_no_barred_letters() {
        assert!(is_postcode("5611AB") && is_postcode("5611 AB"));
        let wrong = ["0611AB", "5611SS", "5611ab", "5611", "5611  AB", "5611-AB", "561é AB"];
        assert!(wrong.iter().all(|text| !is_postcode(text)));
    }

    #[test]
    fn register_codes_have_their_shape() {
        assert!(is_bag_id("0772010000123456") && !is_bag_id("0772990000123456"));
        assert!(is_wijkcode("WK077211") && !is_wijkcode("WK07721"));
        assert!(is_buurtcode("BU07721105") && !is_buurtcode("bu07721105"));
        assert!(is_oin("00000001823288444000") && !is_oin("00000002823288444000"));
        assert!(is_kvk("12345678") && !is_kvk("00000000"));
        assert!(is_agb("41412345") && !is_agb("00412345"));
        assert!(is_parketnummer("01/123456-26") && !is_parketnummer("01-123456/26"));
        assert!(is_date_time("2026-11-23T20:15:00+01:00") && !is_date_time("2026-11-23"));
    }
}
