//! Stories of the door with TLS. The certificates are made by `openssl`, as an operator would.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Certificate, Identity};
use tempfile::TempDir;

use super::super::tls::{PeerCertificate, Tls, TlsError, TlsFiles, ends_at};
use super::*;
use crate::message::Digest;

/// An authority with the certificates that it gave out.
struct Authority {
    dir: TempDir,
}

impl Authority {
    fn new() -> Self {
        let authority = Self { dir: tempfile::tempdir().unwrap() };
        let (key, certificate) = (authority.path("ca.key"), authority.path("ca.pem"));
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=Proefautoriteit",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ]);
        authority
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Gives out a certificate for the loopback address; `NAME.pem` and `NAME.key`.
    fn give(&self, name: &str, days: &str) {
        let (key, request) = (self.path(&format!("{name}.key")), self.path("request"));
        openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        let extensions = self.path("extensions");
        std::fs::write(&extensions, "subjectAltName=IP:127.0.0.1").unwrap();
        openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &self.path("ca.pem"),
            "-CAkey",
            &self.path("ca.key"),
            "-CAcreateserial",
            "-days",
            days,
            "-extfile",
            &extensions,
            "-out",
            &self.path(&format!("{name}.pem")),
        ]);
    }

    fn files(&self, name: &str) -> TlsFiles {
        TlsFiles {
            certificate: self.file(&format!("{name}.pem")),
            key: self.file(&format!("{name}.key")),
            client_ca: None,
        }
    }

    /// A client that trusts only this authority, and shows a certificate where it has one.
    fn client(&self, own: Option<(&Self, &str)>) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root = Certificate::from_pem(&read(&self.file("ca.pem"))).unwrap();
        let mut builder = Client::builder().no_proxy().tls_certs_only([root]);
        if let Some((issuer, name)) = own {
            let mut pem = read(&issuer.file(&format!("{name}.pem")));
            pem.extend(read(&issuer.file(&format!("{name}.key"))));
            builder = builder.identity(Identity::from_pem(&pem).unwrap());
        }
        builder.build().unwrap()
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn openssl(words: &[&str]) {
    let done = Command::new("openssl").args(words).output();
    let done = done.expect("openssl; tests/run installs it where it is missing");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

async fn door(files: TlsFiles) -> (Door, Arc<Tls>) {
    let tls = Arc::new(Tls::load(files).unwrap());
    let (hub, limits) = (Arc::new(FakeHub::default()), Limits::default());
    let router = partner_router(hub.clone(), hub.clone(), LargeBodies::default(), &limits);
    (Door::behind(hub, router, limits, Some(tls.clone())).await, tls)
}

async fn post(door: &Door, client: &Client) -> Result<Response, reqwest::Error> {
    let url = format!("https://{}/v1/berichten", door.address);
    let request = client.post(url).bearer_auth("sleutel-politie");
    request.header("content-type", "application/json").body("{}").send().await
}

#[tokio::test]
async fn over_tls_the_door_is_the_same_and_without_it_shut() {
    let authority = Authority::new();
    authority.give("hub", "90");
    let (door, _) = door(authority.files("hub")).await;
    let client = authority.client(None);
    assert_eq!(post(&door, &client).await.unwrap().status(), 202);
    let stranger = Authority::new();
    assert!(post(&door, &stranger.client(None)).await.is_err(), "another authority");
    assert!(door.post("/v1/berichten").body("{}").send().await.is_err(), "without TLS");
    assert_eq!(door.hub.received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn where_clients_must_show_a_certificate_only_those_of_the_authority_enter() {
    let (authority, other) = (Authority::new(), Authority::new());
    ["hub", "politie"].iter().for_each(|name| authority.give(name, "90"));
    other.give("politie", "90");
    let files = TlsFiles { client_ca: Some(authority.file("ca.pem")), ..authority.files("hub") };
    let (door, _) = door(files).await;
    let client = authority.client(Some((&authority, "politie")));
    assert_eq!(post(&door, &client).await.unwrap().status(), 202);
    assert!(post(&door, &authority.client(None)).await.is_err(), "no certificate");
    let forged = authority.client(Some((&other, "politie")));
    assert!(post(&door, &forged).await.is_err(), "a certificate of somebody else's making");
    assert_eq!(door.hub.received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_does_not_serve_behind_another_certificate() {
    let authority = Authority::new();
    ["hub", "politie", "wonen"].iter().for_each(|name| authority.give(name, "90"));
    let files = TlsFiles { client_ca: Some(authority.file("ca.pem")), ..authority.files("hub") };
    let (door, _) = door(files).await;
    let shown = rustls::pki_types::pem::PemObject::from_pem_file(authority.file("politie.pem"));
    let shown: rustls::pki_types::CertificateDer<'_> = shown.unwrap();
    *door.hub.certificate.lock().unwrap() = Some(Digest::of(&[&shown]));
    let client = authority.client(Some((&authority, "politie")));
    assert_eq!(post(&door, &client).await.unwrap().status(), 202);
    let wrong = authority.client(Some((&authority, "wonen")));
    problem(post(&door, &wrong).await.unwrap(), 403, "ander-certificaat").await;
    assert_ne!(PeerCertificate(None), PeerCertificate(Some(Digest::of(&[&shown]))));
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_while_serving_and_a_broken_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    old.give("hub", "90");
    new.give("hub", "90");
    let (door, tls) = door(old.files("hub")).await;
    assert!(!tls.renew().unwrap(), "nothing changed");
    std::fs::copy(new.file("hub.pem"), old.file("hub.pem")).unwrap();
    assert!(matches!(tls.renew(), Err(TlsError::Pair(_))), "the key is still the old one");
    assert_eq!(post(&door, &old.client(None)).await.unwrap().status(), 202);
    std::fs::copy(new.file("hub.key"), old.file("hub.key")).unwrap();
    assert!(tls.renew().unwrap());
    assert_eq!(post(&door, &new.client(None)).await.unwrap().status(), 202);
    assert!(post(&door, &old.client(None)).await.is_err(), "new connections get the new one");
}

#[test]
fn files_that_are_no_certificate_are_named() {
    let authority = Authority::new();
    authority.give("hub", "10");
    let load = |files| Tls::load(files).err().unwrap();
    let good = authority.files("hub");
    let missing = TlsFiles { certificate: authority.file("niets.pem"), ..good.clone() };
    let error = load(missing);
    assert!(matches!(error, TlsError::Pem { .. }) && error.to_string().contains("niets.pem"));
    let swapped = TlsFiles { certificate: authority.file("hub.key"), ..good.clone() };
    assert!(matches!(load(swapped), TlsError::Empty(_)));
    let no_key = TlsFiles { key: authority.file("hub.pem"), ..good.clone() };
    assert!(matches!(load(no_key), TlsError::Pem { .. }));
    let ends = ends_at(&good.certificate).unwrap().as_micros();
    let last = ends_at(&authority.file("ca.pem")).unwrap().as_micros();
    // Made one after the other: a minute, where a busy machine takes a second.
    let apart = (last - ends) - 20 * 86_400_000_000;
    assert!(apart.abs() < 60_000_000, "the authority lasts twenty days longer, not {apart} µs off");
}
