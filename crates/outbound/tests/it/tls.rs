//! `https`: whom the client believes.

use std::net::SocketAddr;
use std::sync::Arc;

use outbound::{Client, Error, Policy, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use testkit::Site;

use crate::requests::{Names, get};

/// An authority, and a server at `secure.test` that it has signed for.
async fn secure(answer: String) -> (Vec<u8>, SocketAddr) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["secure.test".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = params.signed_by(&key, &authority).unwrap().into();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    (authority.der().to_vec(), address)
}

fn client(trust: Trust) -> Client {
    let names = Names::of(&[("secure.test", &["127.0.0.1"]), ("other.test", &["127.0.0.1"])]);
    let policy = Policy {
        allow: vec!["127.0.0.1".parse().unwrap()],
        only_allowed: false,
    };
    Client::with(policy, names, trust)
}

#[tokio::test]
async fn a_server_must_prove_its_name_unless_told_otherwise() {
    let (authority, address) = secure(Site::ok("hello")).await;
    let known = client(Trust::Only(vec![authority]));
    let url = |host: &str| format!("https://{host}:{}/x.yml", address.port());
    let response = known.send(get(&url("secure.test"))).await.unwrap();
    assert_eq!(&response.body[..], b"hello");
    let error = known.send(get(&url("other.test"))).await.unwrap_err();
    assert!(matches!(&error, Error::Tls { .. }), "{error:?}");

    let (stranger, _) = secure(Site::ok("")).await;
    let unknown = client(Trust::Only(vec![stranger]));
    let error = unknown.send(get(&url("secure.test"))).await.unwrap_err();
    assert!(matches!(&error, Error::Tls { .. }), "{error:?}");
    let mut request = get(&url("other.test"));
    request.verify = false;
    assert_eq!(unknown.send(request).await.unwrap().status, 200);

    let nobody = client(Trust::Only(Vec::new()));
    let error = nobody.send(get(&url("secure.test"))).await.unwrap_err();
    assert!(error.to_string().contains("knows no certificate authority"), "{error}");
}

#[tokio::test]
async fn a_redirect_does_not_leave_https() {
    let (authority, address) = secure(Site::redirect(302, "http://other.test/x.yml")).await;
    let client = client(Trust::Only(vec![authority]));
    let url = format!("https://secure.test:{}/x.yml", address.port());
    let error = client.send(get(&url)).await.unwrap_err();
    assert_eq!(error, Error::Redirect("a redirect leads from https to http"));
}

#[tokio::test]
async fn plain_http_on_a_secure_port_is_an_error() {
    let (authority, address) = secure(Site::ok("hello")).await;
    let client = client(Trust::Only(vec![authority]));
    let url = format!("http://secure.test:{}/x.yml", address.port());
    assert!(client.send(get(&url)).await.is_err());
}
