//! TLS: whom we believe, and the handshake.
//!
//! rustls with `ring`: no C library to link, no OpenSSL of the machine to match. The authorities are those of
//! the operating system, so that a company's own count without further settings; without any, every
//! `https` request says so.

use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::{TlsConnector, rustls};

use crate::client::Trust;

/// Makes TLS connections. Authorities are read at the first one.
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    trust: Trust,
    verified: OnceLock<Result<Arc<ClientConfig>, String>>,
    unverified: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Tls {
    pub(crate) fn new(trust: Trust) -> Tls {
        Tls {
            provider: Arc::new(crypto::ring::default_provider()),
            trust,
            verified: OnceLock::new(),
            unverified: OnceLock::new(),
        }
    }

    /// Does the handshake; the other side must prove to be `host`, unless it is not to be verified.
    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        verify: bool,
    ) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(host.trim_end_matches('.').to_owned())
            .map_err(|_| "the host has no name that a certificate could prove".to_owned())?;
        let config = if verify {
            self.verified.get_or_init(|| self.verifying())
        } else {
            self.unverified.get_or_init(|| self.believing())
        };
        let connector = TlsConnector::from(config.clone()?);
        connector.connect(name, stream).await.map_err(|error| error.to_string())
    }

    fn verifying(&self) -> Result<Arc<ClientConfig>, String> {
        let mut roots = RootCertStore::empty();
        match &self.trust {
            Trust::System => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
            Trust::Only(certificates) => {
                roots.add_parsable_certificates(certificates.iter().map(|der| CertificateDer::from(der.clone())));
            }
        }
        if roots.is_empty() {
            return Err("this machine knows no certificate authority (package `ca-certificates`)".to_owned());
        }
        let config = self.builder()?.with_root_certificates(roots).with_no_client_auth();
        Ok(Arc::new(config))
    }

    fn believing(&self) -> Result<Arc<ClientConfig>, String> {
        let verifier = Arc::new(Unverified(Arc::clone(&self.provider)));
        let builder = self.builder()?.dangerous();
        Ok(Arc::new(
            builder.with_custom_certificate_verifier(verifier).with_no_client_auth(),
        ))
    }

    fn builder(&self) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
        ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())
    }
}

/// Believes any certificate: for hooks whose owner switched verification off.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
