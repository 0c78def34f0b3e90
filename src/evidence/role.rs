//! The role statement, signed: the `Schakel-Rol` header and `.rol.json` beside a file.
//!
//! A JSON Web Signature in compact form (RFC 7515 §7.1) with Ed25519 (`EdDSA`, RFC 8037 §3.1). It
//! is signed with the key that signs checkpoints; the two cannot be mistaken for each other,
//! because a checkpoint has newlines and the signing input of a JWS has none.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::json;

use super::keys::HubKeys;
use crate::message::RoleStatement;

/// Why a role statement is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    #[error("not a JSON Web Signature in compact form")]
    Malformed,
    #[error("the header should say EdDSA and {TYPE}")]
    Header,
    #[error("the signature is not valid")]
    Forged,
    #[error("what was signed is not a role statement")]
    Claims,
}

/// Signs a statement; the header names the keys by their fingerprint.
pub fn sign_role(statement: &RoleStatement, keys: &HubKeys) -> String {
    let header = json!({ "alg": ALGORITHM, "typ": TYPE, "kid": keys.fingerprint() });
    let claims = serde_json::to_vec(statement);
    let claims = claims.expect("strings and numbers"); // cannot fail: no maps, no own serialisers
    sign_compact(&header.to_string(), &claims, keys)
}

/// Checks the signature and reads the statement. Whether it is fresh, and about this parcel, is
/// for the caller to compare.
pub fn verify_role(jws: &str, public_key: &[u8; 32]) -> Result<RoleStatement, RoleError> {
    let (header, claims) = verify_compact(jws, public_key)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| RoleError::Header)?;
    // An extension that must be understood (`crit`) is one that this code does not know.
    if header.alg != ALGORITHM || header.typ != TYPE || header.crit.is_some() {
        return Err(RoleError::Header);
    }
    serde_json::from_slice(&claims).map_err(|_| RoleError::Claims)
}

const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "schakel-rol+jwt";

/// Far above any statement, and what fits in a header of a web server.
const JWS_BYTES_MAX: usize = 16 * 1024;

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    crit: Option<serde_json::Value>,
}

fn sign_compact(header: &str, claims: &[u8], keys: &HubKeys) -> String {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let input = format!("{}.{}", encode(header.as_bytes()), encode(claims));
    let signature = encode(&keys.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// Header and claims, of which only the signature was checked.
fn verify_compact(jws: &str, public_key: &[u8; 32]) -> Result<(Vec<u8>, Vec<u8>), RoleError> {
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| RoleError::Malformed);
    if jws.len() > JWS_BYTES_MAX {
        return Err(RoleError::Malformed);
    }
    let (input, signature) = jws.rsplit_once('.').ok_or(RoleError::Malformed)?;
    let (header, claims) = input.split_once('.').ok_or(RoleError::Malformed)?;
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let key = UnparsedPublicKey::new(&ED25519, public_key);
    key.verify(input.as_bytes(), &signature).map_err(|_| RoleError::Forged)?;
    Ok((header, claims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{CaseNumber, RolePurpose, Timestamp, Usage};

    fn keys() -> HubKeys {
        HubKeys::generate("schakel", [1; 32], [2; 32], [3; 32])
    }

    fn statement() -> RoleStatement {
        RoleStatement {
            zending: uuid::Uuid::from_bytes([7; 16]).into(),
            casus: CaseNumber::from_random([5; 12]),
            gebruik: Usage::Echt,
            bericht: "signaal-gemeld.v1".to_owned(),
            rol: "meedenken".to_owned(),
            gevraagd: None,
            uiterlijk: Some("2026-11-30".to_owned()),
            doelbinding: vec![RolePurpose {
                id: "woonoverlast".to_owned(),
                doel: "Overlast beëindigen".to_owned(),
                grondslag: "Gemeentewet art. 151d".to_owned(),
            }],
            bewaren_dagen: 90,
            vervangt: None,
            voorganger_ontbreekt: false,
            opgesteld: Timestamp::from_micros(1_790_000_000_000_000).into(),
        }
    }

    /// RFC 8037, appendices A.4 and A.5.
    #[test]
    fn the_signature_is_that_of_rfc_8037() {
        let seed = BASE64_URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let keys = HubKeys::generate("a", [0; 32], seed.unwrap().try_into().unwrap(), [0; 32]);
        let expected = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0Jzl\
            nLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let made = sign_compact(r#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing", &keys);
        assert_eq!(made, expected);
        assert!(verify_compact(expected, &keys.public_key()).is_ok());
    }

    #[test]
    fn a_signed_statement_reads_back_and_names_its_key() {
        let jws = sign_role(&statement(), &keys());
        assert_eq!(verify_role(&jws, &keys().public_key()), Ok(statement()));
        let (header, _) = verify_compact(&jws, &keys().public_key()).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["kid"], keys().fingerprint());
    }

    #[test]
    fn a_changed_or_foreign_statement_is_a_forgery() {
        let jws = sign_role(&statement(), &keys());
        let other = RoleStatement { rol: "uitvoeren".to_owned(), ..statement() };
        let other = sign_role(&other, &keys());
        let [header, _, signature] = parts(&jws);
        let [_, other_claims, _] = parts(&other);
        let mixed = format!("{header}.{other_claims}.{signature}");
        assert_eq!(verify_role(&mixed, &keys().public_key()), Err(RoleError::Forged));
        let forger = HubKeys::generate("schakel", [1; 32], [9; 32], [3; 32]);
        assert_eq!(verify_role(&jws, &forger.public_key()), Err(RoleError::Forged));
    }

    #[test]
    fn only_our_algorithm_and_type_are_taken() {
        let claims = serde_json::to_vec(&statement()).unwrap();
        let verify = |header: &str| {
            verify_role(&sign_compact(header, &claims, &keys()), &keys().public_key())
        };
        assert!(verify(r#"{"alg":"EdDSA","typ":"schakel-rol+jwt"}"#).is_ok());
        let wrong = [
            r#"{"alg":"none","typ":"schakel-rol+jwt"}"#,
            r#"{"alg":"HS256","typ":"schakel-rol+jwt"}"#,
            r#"{"alg":"EdDSA","typ":"JWT"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","typ":"schakel-rol+jwt","crit":["b64"]}"#,
            "geen json",
        ];
        assert!(wrong.iter().all(|header| verify(header) == Err(RoleError::Header)));
    }

    #[test]
    fn what_is_no_jws_or_no_statement_is_refused() {
        let jws = sign_role(&statement(), &keys());
        let key = keys().public_key();
        let [header, claims, signature] = parts(&jws);
        let wrong = [
            String::new(),
            "a".repeat(JWS_BYTES_MAX + 1),
            format!("{header}.{claims}"),
            format!("{jws}="),
            format!("{jws}.x"),
        ];
        assert!(wrong.iter().all(|text| verify_role(text, &key) == Err(RoleError::Malformed)));
        assert_eq!(verify_role(&format!("{header}.{claims}."), &key), Err(RoleError::Forged));
        assert!(!signature.is_empty());
        let header = r#"{"alg":"EdDSA","typ":"schakel-rol+jwt"}"#;
        let empty = sign_compact(header, b"{}", &keys());
        assert_eq!(verify_role(&empty, &key), Err(RoleError::Claims));
    }

    fn parts(jws: &str) -> [&str; 3] {
        jws.split('.').collect::<Vec<_>>().try_into().unwrap()
    }
}
