//! What a recipient is told about its own part: the role statement of a parcel.

use serde::{Deserialize, Serialize};

use super::{CaseNumber, ParcelId, Second, Usage};

/// The claims of the signed `Schakel-Rol` header, and of `.rol.json` beside a file.
///
/// Says who the recipient is in this case and why it may know; nothing about anybody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleStatement {
    /// This parcel.
    pub zending: ParcelId,
    /// The case number, which only participants know.
    pub casus: CaseNumber,
    pub gebruik: Usage,
    /// The message type, such as `signaal-gemeld.v1`.
    pub bericht: String,
    /// The recipient's role, such as `meedenken` or `uitvoeren`, from its purpose.
    pub rol: String,
    /// What is asked, in one code, and by when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gevraagd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uiterlijk: Option<String>,
    /// The purposes under which it may know, with their goal and legal basis.
    pub doelbinding: Vec<RolePurpose>,
    /// How long it may be kept, in days.
    pub bewaren_dagen: u32,
    /// The parcel that this one replaces, after a replay under changed rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vervangt: Option<ParcelId>,
    /// True where an earlier parcel of this case was dropped or is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voorganger_ontbreekt: bool,
    pub opgesteld: Second,
}

/// One purpose in a role statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolePurpose {
    pub id: String,
    pub doel: String,
    pub grondslag: String,
}
