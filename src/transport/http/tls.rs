//! TLS at the door: TLS 1.2 and 1.3 (RFC 8446) with the hub's certificate, and where asked for,
//! with a certificate of every client.
//!
//! The files are read again while the hub runs, so that a certificate can be renewed without a
//! restart; files that do not fit each other change nothing. Whom a client's certificate belongs
//! to is the hub's to say: here it only has to come from the right authority.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::message::{Digest, Timestamp};

/// Where certificate and key lie, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The hub's certificate and those between it and its root.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The authorities whose certificates clients must show; `None`: none is asked for.
    pub client_ca: Option<PathBuf>,
}

/// Files that TLS cannot be done with. Names the file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path} cannot be read as PEM")]
    Pem {
        path: PathBuf,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    #[error("{0} holds a certificate that does not read")]
    Certificate(PathBuf),
    #[error("certificate and key do not fit each other, or are of a kind that TLS does not use")]
    Pair(#[source] rustls::Error),
    #[error("the authorities for clients cannot be used")]
    Authorities(#[source] rustls::server::VerifierBuilderError),
}

/// What a client showed of itself: SHA-256 of its certificate, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCertificate(pub Option<Digest>);

/// The present certificate, and where the next one will be.
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<Loaded>>,
}

struct Loaded {
    config: Arc<ServerConfig>,
    /// Of everything in the files, to see that they changed.
    content: Digest,
}

impl Tls {
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let loaded = Loaded::read(&files)?;
        Ok(Self { files, current: RwLock::new(Arc::new(loaded)) })
    }

    /// Reads the files again; true where they changed. Connections that are open stay as they are.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let loaded = Loaded::read(&self.files)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let changed = loaded.content != current.content;
        if changed {
            *current = Arc::new(loaded);
        }
        Ok(changed)
    }

    /// The handshake; `None` where the client does not manage it in time.
    pub(super) async fn welcome(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> Option<(TlsStream<TcpStream>, PeerCertificate)> {
        let config = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&current.config)
        };
        let accepted = TlsAcceptor::from(config).accept(stream);
        match tokio::time::timeout(patience, accepted).await {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let peer = PeerCertificate(shown.map(|shown| Digest::of(&[shown])));
                Some((stream, peer))
            }
            // The error names what the client did, not what it sent.
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS with this client");
                None
            }
            Err(_) => {
                tracing::debug!("a client took too long to shake hands");
                None
            }
        }
    }
}

impl Loaded {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&files.key);
        let key = key.map_err(|source| TlsError::Pem { path: files.key.clone(), source })?;
        let authorities = files.client_ca.as_deref().map(certificates).transpose()?;
        let mut content: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
        content.push(key.secret_der());
        content.extend(authorities.iter().flatten().map(AsRef::<[u8]>::as_ref));
        let content = Digest::of(&content);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?;
        let builder = match authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                builder.with_client_cert_verifier(verifier(files, authorities, provider)?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), content })
    }
}

fn verifier(
    files: &TlsFiles,
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let path = || files.client_ca.clone().unwrap_or_default();
        roots.add(authority).map_err(|_| TlsError::Certificate(path()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(TlsError::Authorities)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::Pem { path: path.to_owned(), source };
    let found = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if found.is_empty() { Err(TlsError::Empty(path.to_owned())) } else { Ok(found) }
}

/// When the first certificate of a file ends.
pub fn ends_at(path: &Path) -> Result<Timestamp, TlsError> {
    let chain = certificates(path)?;
    let first = chain.first().ok_or_else(|| TlsError::Empty(path.to_owned()))?;
    let (_, first) = x509_parser::parse_x509_certificate(first)
        .map_err(|_| TlsError::Certificate(path.to_owned()))?;
    let seconds = first.validity().not_after.timestamp();
    Ok(Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
}
