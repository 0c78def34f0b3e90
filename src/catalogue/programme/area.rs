//! CBS codes of a municipality (`GM0772`), a district (`WK077213`) or a neighbourhood
//! (`BU07721318`), and which lies in which.

use std::fmt;

use crate::message::formats::is_buurtcode;

/// Where something plays. The digits of a smaller area begin with those of the larger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AreaCode(String);

impl AreaCode {
    /// Reads a code; `None` for anything that is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (sort, digits) = text.split_at_checked(2)?;
        let length = match sort {
            "GM" => 4,
            "WK" => 6,
            "BU" => return is_buurtcode(text).then(|| Self(text.to_owned())),
            _ => return None,
        };
        let good = digits.len() == length && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether another area, by its code, is this one or lies in it.
    pub fn contains(&self, other: &str) -> bool {
        let (mine, theirs) = (self.0.get(2..), other.get(2..));
        mine.zip(theirs).is_some_and(|(mine, theirs)| theirs.starts_with(mine))
    }

    /// Whether it is smaller than a municipality, so that small numbers can point at people.
    pub fn is_small(&self) -> bool {
        !self.0.starts_with("GM")
    }
}

impl fmt::Display for AreaCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_contains_what_its_digits_begin() {
        let area = |text| AreaCode::parse(text).unwrap();
        assert!(area("GM0772").contains("BU07721318") && area("GM0772").contains("WK077213"));
        assert!(area("WK077213").contains("BU07721318") && !area("WK077213").contains("GM0772"));
        assert!(!area("WK077214").contains("BU07721318") && !area("BU07721318").contains(""));
        for wrong in ["", "GM", "GM077", "WK07721", "BU0772131x", "XX0772", "gm0772", "GMé772"] {
            assert_eq!(AreaCode::parse(wrong), None, "{wrong}");
        }
    }
}
