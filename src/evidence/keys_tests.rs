//! What the keys of a hub promise.

use super::*;

fn keys() -> HubKeys {
    HubKeys::generate("schakel.example/eindhoven", [1; 32], [2; 32], [3; 32])
}

/// Makes a key file from lines, with the check value that belongs to them.
fn with_check(lines: &[&str]) -> String {
    let body: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
    let check = Digest::of(&[body.as_bytes()]);
    format!("{body}controle {check}\n")
}

#[test]
fn a_key_file_reads_back_as_the_same_keys() {
    let mut before = keys();
    before.rotate([4; 32]);
    let after = HubKeys::parse(&before.to_text()).unwrap();

    assert_eq!(after.to_text(), before.to_text());
    assert_eq!((after.name(), after.epoch()), ("schakel.example/eindhoven", 2));
    assert_eq!(after.fingerprint(), before.fingerprint());
    assert_eq!(after.lookup_hash("bericht", b"1"), before.lookup_hash("bericht", b"1"));
    let wrapped = before.wrap_case_key(&DataKey::new([9; 32]), [0; 12], b"casus");
    assert!(after.unwrap_case_key(&wrapped, b"casus").is_ok());
}

#[test]
fn a_key_file_survives_the_line_ends_of_windows() {
    let text = keys().to_text().replace('\n', "\r\n");
    assert_eq!(HubKeys::parse(&text).unwrap().to_text(), keys().to_text());
}

#[test]
fn a_key_file_cut_off_anywhere_is_an_error() {
    let text = keys().to_text();
    for length in 0..text.len() - 1 {
        let error = HubKeys::parse(text.get(..length).unwrap()).unwrap_err();
        assert!(length < HEADER.len() || error == KeyFileError::Incomplete, "{length}: {error}");
    }
}

#[test]
fn a_key_file_with_any_changed_sign_is_an_error() {
    let text = keys().to_text();
    for at in 0..text.len() - 1 {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = b'~';
        let changed = String::from_utf8(bytes).unwrap();
        assert!(HubKeys::parse(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn each_way_a_key_file_can_be_wrong_has_its_own_error() {
    let key = BASE64_STANDARD.encode([1; 32]);
    let (sign, look) = (format!("ondertekenen {key}"), format!("opzoeken {key}"));
    let (first, third) = (format!("tijdvak 1 {key}"), format!("tijdvak 3 {key}"));
    let good = [HEADER, "naam a", &sign, &look, &first];
    assert!(HubKeys::parse(&with_check(&good)).is_ok());

    let error = |text: &str| HubKeys::parse(text).unwrap_err();
    let bad_line = |line, expected| KeyFileError::BadLine { line, expected };
    assert_eq!(error(""), KeyFileError::NotAKeyFile);
    assert_eq!(error("iets anders"), KeyFileError::NotAKeyFile);
    assert_eq!(error("schakel-sleutels v2\n"), KeyFileError::UnknownVersion);
    assert_eq!(error(&with_check(&good[..4])), KeyFileError::Incomplete);
    assert_eq!(error(&with_check(&[HEADER, "naam a b", &sign])), bad_line(2, "naam"));
    assert_eq!(error(&with_check(&[HEADER, "naam a", &look])), bad_line(3, "ondertekenen"));
    let short = [HEADER, "naam a", &sign, "opzoeken AQEB"];
    assert_eq!(error(&with_check(&short)), bad_line(4, "opzoeken"));
    let gap = [HEADER, "naam a", &sign, &look, &first, &third];
    assert_eq!(error(&with_check(&gap)), bad_line(6, "tijdvak"));
    let extra = [HEADER, "naam a", &sign, &look, &first, "nog iets"];
    assert_eq!(error(&with_check(&extra)), bad_line(6, "tijdvak"));
}

#[test]
fn no_error_and_no_debug_shows_a_key() {
    let text = keys().to_text();
    let secrets = [[1; 32], [2; 32], [3; 32]].map(|key| BASE64_STANDARD.encode(key));
    assert!(secrets.iter().all(|secret| text.contains(secret.as_str())));
    let bad = with_check(&[HEADER, "naam a", &format!("sleutel {}", secrets[0])]);
    let mut shown = format!("{:?} {:?}", keys(), HubKeys::parse(&bad));
    for damaged in
        [bad, text.replace("naam", "Naam"), text.get(..text.len() - 3).unwrap().to_owned()]
    {
        shown += &HubKeys::parse(&damaged).unwrap_err().to_string();
    }
    assert!(secrets.iter().all(|secret| !shown.contains(secret.as_str())), "{shown}");
    assert!(!shown.contains("AQEB") && !shown.contains("0101"));
}

#[test]
fn earlier_epochs_still_unwrap_and_unknown_ones_say_so() {
    let mut keys = keys();
    let case = DataKey::new([9; 32]);
    let sealed = case.seal([0; 12], b"", b"inhoud");
    let old = keys.wrap_case_key(&case, [1; 12], b"casus");
    assert_eq!((old.epoch, keys.rotate([4; 32]), keys.epoch()), (1, 2, 2));
    let new = keys.wrap_case_key(&case, [1; 12], b"casus");
    assert_eq!(new.epoch, 2);
    assert_ne!(old.bytes, new.bytes);
    for wrapped in [&old, &new] {
        let opened = keys.unwrap_case_key(wrapped, b"casus").unwrap();
        assert_eq!(opened.open(&sealed, b"").unwrap(), b"inhoud");
    }

    let swapped = WrappedKey { epoch: 2, ..old.clone() };
    assert_eq!(keys.unwrap_case_key(&swapped, b"casus").unwrap_err(), OpenError::Rejected);
    assert_eq!(keys.unwrap_case_key(&old, b"andere").unwrap_err(), OpenError::Rejected);
    for epoch in [0, 3, u32::MAX] {
        let unknown = WrappedKey { epoch, ..old.clone() };
        let error = keys.unwrap_case_key(&unknown, b"casus").unwrap_err();
        assert_eq!(error, OpenError::UnknownEpoch { epoch });
    }
}

#[test]
fn a_secret_opens_in_later_epochs_but_not_elsewhere_or_as_a_key() {
    let mut keys = keys();
    let sealed = keys.seal_secret(&[7; 32], [1; 12], b"webhook:politie");
    keys.rotate([4; 32]);
    assert_eq!(keys.open_secret(&sealed, b"webhook:politie").unwrap(), [7; 32]);
    assert_eq!(keys.open_secret(&sealed, b"webhook:om"), Err(OpenError::Rejected));
    assert_eq!(keys.open_secret(&sealed[..3], b""), Err(OpenError::TooShort));
    assert_eq!(keys.open_secret(&sealed[..9], b""), Err(OpenError::TooShort));
    let as_key = WrappedKey { epoch: 1, bytes: sealed[4..].to_vec() };
    assert!(keys.unwrap_case_key(&as_key, b"webhook:politie").is_err());
}

#[test]
fn a_lookup_hash_depends_on_key_domain_and_value() {
    let hash = keys().lookup_hash("bericht", b"42");
    assert_eq!(hash, keys().lookup_hash("bericht", b"42"));
    assert_ne!(hash, keys().lookup_hash("bericht", b"43"));
    assert_ne!(hash, keys().lookup_hash("bericht4", b"2"));
    let other = HubKeys::generate("schakel.example/eindhoven", [1; 32], [2; 32], [4; 32]);
    assert_ne!(hash, other.lookup_hash("bericht", b"42"));
}

/// RFC 8032 §7.1, test 1.
#[test]
fn signatures_are_those_of_rfc_8032() {
    let hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let keys = HubKeys::generate("a", [0; 32], Digest::from_hex(hex).unwrap().0, [0; 32]);
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(Digest(keys.public_key()).to_string(), public);
    let start = [0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72];
    assert_eq!(keys.sign(b"")[..8], start);
}

#[test]
fn the_fingerprint_tells_hubs_apart_and_outlives_rotation() {
    let mut keys = keys();
    let before = keys.fingerprint();
    assert_eq!(before.len(), 16);
    keys.rotate([4; 32]);
    assert_eq!(keys.fingerprint(), before);
    let other = HubKeys::generate(keys.name(), [1; 32], [5; 32], [3; 32]);
    assert_ne!(other.fingerprint(), before);
}

#[test]
fn a_name_with_signs_that_notes_cannot_have_is_made_fit() {
    let keys = HubKeys::generate("Gemeente\nEind+hoven", [1; 32], [2; 32], [3; 32]);
    assert_eq!(keys.name(), "Gemeente-Eind-hoven");
    assert!(HubKeys::parse(&keys.to_text()).is_ok());
    assert_eq!(HubKeys::generate("", [1; 32], [2; 32], [3; 32]).name(), "schakel");
}
