//! The helpers of mappings as plain functions on text.

use crate::message::Timestamp;

/// `YYYYMMDD`, or with `HHMMSS` and milliseconds (StUF 03.01), to RFC 3339 in Amsterdam time.
pub fn stuf_to_rfc(text: &str) -> Option<String> {
    let digits = text.trim();
    let well_formed =
        (8..=17).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !well_formed {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("00");
    let civil = format!(
        "{}-{}-{}T{}:{}:{}",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 12),
        part(12, 14),
    );
    Timestamp::from_amsterdam_civil(&civil).map(Timestamp::to_amsterdam)
}

/// RFC 3339 to `YYYYMMDDHHMMSS` in Amsterdam time.
pub fn rfc_to_stuf(text: &str) -> Option<String> {
    let local = Timestamp::parse(text)?.to_amsterdam();
    Some(local.chars().take(19).filter(char::is_ascii_digit).collect())
}

/// `19840309` to `1984-03-09`.
pub fn stuf_to_date(text: &str) -> Option<String> {
    let digits = text.trim();
    let dated = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit());
    if !dated {
        return None;
    }
    let (year, rest) = digits.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    full_date(&format!("{year}-{month}-{day}"))
}

/// A full date, or the date of a point in time, as `YYYYMMDD`.
pub fn date_to_stuf(text: &str) -> Option<String> {
    let date = full_date(text).or_else(|| date_of(text))?;
    Some(date.replace('-', ""))
}

/// RFC 3339 in UTC, written with `Z`.
pub fn zulu(text: &str) -> Option<String> {
    Timestamp::parse(text).map(|t| t.to_string())
}

/// RFC 3339 with Amsterdam's numeric offset.
pub fn amsterdam(text: &str) -> Option<String> {
    Timestamp::parse(text).map(Timestamp::to_amsterdam)
}

/// The date in Amsterdam of a point in time.
pub fn date_of(text: &str) -> Option<String> {
    Timestamp::parse(text).map(|t| t.to_amsterdam().chars().take(10).collect())
}

/// The text itself where it is a date that exists, `YYYY-MM-DD`.
pub fn full_date(text: &str) -> Option<String> {
    let shaped = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    shaped.then(|| text.to_owned())
}

/// A postcode without spaces, in capitals.
pub fn postcode(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase()
}

/// A Dutch or international number as `+31612345678`; `None` where it is none.
pub fn telephone(text: &str) -> Option<String> {
    let plus = text.trim_start().starts_with(['+']);
    let cleaned = text.replace("(0)", "");
    if cleaned.chars().any(|c| !(c.is_ascii_digit() || " +-()./".contains(c))) {
        return None;
    }
    let digits: String = cleaned.chars().filter(char::is_ascii_digit).collect();
    let international = if plus {
        digits
    } else if let Some(rest) = digits.strip_prefix("00") {
        rest.to_owned()
    } else {
        format!("31{}", digits.strip_prefix('0')?)
    };
    (8..=15).contains(&international.len()).then(|| format!("+{international}"))
}

/// A BSN with its leading zeroes, without dots and spaces.
pub fn bsn(text: &str) -> String {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '.').collect();
    format!("{digits:0>9}")
}

/// `Johannes Pieter` to `J.P.`
pub fn initials(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c == '.').filter(|w| !w.is_empty());
    words.filter_map(|w| w.chars().next()).flat_map(|c| [c, '.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuf_times_are_amsterdam_times_on_both_sides_of_the_clock_change() {
        let winter = stuf_to_rfc("20261120214000");
        assert_eq!(winter.as_deref(), Some("2026-11-20T21:40:00+01:00"));
        let summer = stuf_to_rfc("20260720214000123");
        assert_eq!(summer.as_deref(), Some("2026-07-20T21:40:00+02:00"));
        assert_eq!(stuf_to_rfc("20260230"), None);
        assert_eq!(stuf_to_rfc("vandaag"), None);
        assert_eq!(rfc_to_stuf("2026-11-20T20:40:00Z").as_deref(), Some("20261120214000"));
    }

    #[test]
    fn dates_that_do_not_exist_are_no_dates() {
        assert_eq!(stuf_to_date("19840309").as_deref(), Some("1984-03-09"));
        assert_eq!(stuf_to_date("19840230"), None);
        assert_eq!(date_to_stuf("1984-03-09").as_deref(), Some("19840309"));
        assert_eq!(date_to_stuf("30-39"), None);
    }

    #[test]
    fn telephone_numbers_become_international() {
        assert_eq!(telephone("06-12 34 56 78").as_deref(), Some("+31612345678"));
        assert_eq!(telephone("+31 (0)40 123 4567").as_deref(), Some("+31401234567"));
        assert_eq!(telephone("0031401234567").as_deref(), Some("+31401234567"));
        assert_eq!(telephone("geheim"), None);
    }

    #[test]
    fn names_and_numbers_are_tidied() {
        assert_eq!(initials("Johannes Pieter"), "J.P.");
        assert_eq!(postcode(" 5611 ab"), "5611AB");
        assert_eq!(bsn("1112.22.333"), "111222333");
        assert_eq!(bsn("12345672"), "012345672");
    }
}
