//! Names of a test's own, and what its requests have in common.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outbound::{Bytes, Client, HeaderMap, Limits, Method, Policy, Request, Resolve, Trust};

/// Names of a test, and how often they were asked for.
#[derive(Clone, Default)]
pub(crate) struct Names {
    addresses: HashMap<&'static str, Vec<IpAddr>>,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Names {
    pub(crate) fn of(names: &[(&'static str, &[&str])]) -> Names {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Names {
            addresses: names.iter().map(|(name, list)| (*name, parse(list))).collect(),
            asked: Arc::default(),
        }
    }
}

impl Resolve for Names {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        _port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.addresses.get(host).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// A client that may ask what is listed, with names of its own.
pub(crate) fn client(allow: &[String], names: Names) -> Client {
    let policy = Policy {
        allow: allow.iter().map(|entry| entry.parse().unwrap()).collect(),
        only_allowed: false,
    };
    Client::with(policy, names, Trust::System)
}

/// A `GET` with the limits of a test.
pub(crate) fn get(url: &str) -> Request {
    Request {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        verify: true,
        limits: Limits {
            connect: Duration::from_secs(20),
            total: Duration::from_secs(20),
            redirects: 5,
            body: 1000,
            cut: false,
        },
    }
}
