//! Which repository an address means, and what a client wants of it.

use app::fetch::Service;
use axum::http::{HeaderValue, Uri};

/// An address of git over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Full path of the project, in any letter case.
    pub(super) project: String,
    /// What is wanted.
    pub(super) what: What,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The refs, before anything else.
    Advertise(Service),
    /// The transfer.
    Call(Service),
    /// The same address with `.git`.
    Moved(HeaderValue),
    /// A file of the repository: the protocol of web servers that know nothing of git.
    Dumb,
}

impl Address {
    /// Reads an address; `None` when it is none of git's.
    pub(super) fn parse(uri: &Uri) -> Option<Address> {
        let path = uri.path().strip_prefix('/')?;
        let (repository, rest) = match path.find(".git/") {
            Some(at) => (&path[..at], &path[at + ".git/".len()..]),
            None => return moved(uri, path),
        };
        let what = match rest {
            "info/refs" => match service(uri.query().unwrap_or_default()) {
                Some(service) => What::Advertise(service),
                None => What::Dumb,
            },
            "HEAD" => What::Dumb,
            rest if rest.starts_with("objects/") => What::Dumb,
            rest => What::Call(Service::from_name(rest)?),
        };
        is_project(repository).then(|| Address {
            project: repository.to_owned(),
            what,
        })
    }
}

/// `git clone http://host/group/project` asks without `.git` and follows this once.
fn moved(uri: &Uri, path: &str) -> Option<Address> {
    let repository = path.strip_suffix("/info/refs")?;
    let service = service(uri.query()?)?;
    if !is_project(repository) || repository.split('/').any(|part| part == "-") {
        return None;
    }
    let location = format!("/{repository}.git/info/refs?service={}", service.name());
    let location = HeaderValue::try_from(location).ok()?;
    Some(Address {
        project: repository.to_owned(),
        what: What::Moved(location),
    })
}

/// A namespace and a project at least, none of them empty. Paths of projects need no encoding.
fn is_project(path: &str) -> bool {
    path.contains('/')
        && path.split('/').all(|part| !part.is_empty())
        && !path.contains('%')
        && !path.starts_with("api/")
}

fn service(query: &str) -> Option<Service> {
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix("service="));
    values.next_back().and_then(Service::from_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let (up, down) = (Service::ReceivePack, Service::UploadPack);
        let at = |project: &str, what: What| {
            Some(Address {
                project: project.to_owned(),
                what,
            })
        };
        let moved = HeaderValue::from_static("/a/b.git/info/refs?service=git-upload-pack");
        for (uri, expected) in [
            (
                "/a/b.git/info/refs?service=git-upload-pack",
                at("a/b", What::Advertise(down)),
            ),
            (
                "/a/b/c.git/info/refs?x=1&service=git-receive-pack",
                at("a/b/c", What::Advertise(up)),
            ),
            ("/a/b.git/git-upload-pack", at("a/b", What::Call(down))),
            ("/a/b.git/git-receive-pack", at("a/b", What::Call(up))),
            ("/a/b.git/info/refs", at("a/b", What::Dumb)),
            ("/a/b.git/info/refs?service=git-upload-archive", at("a/b", What::Dumb)),
            ("/a/b.git/HEAD", at("a/b", What::Dumb)),
            ("/a/b.git/objects/info/packs", at("a/b", What::Dumb)),
            ("/a/b/info/refs?service=git-upload-pack", at("a/b", What::Moved(moved))),
            ("/a/b/info/refs", None),
            ("/a/b/-/info/refs?service=git-upload-pack", None),
            ("/a/b.git", None),
            ("/a/b.git/config", None),
            ("/a/b.git/git-upload-pack/x", None),
            ("/b.git/git-upload-pack", None),
            ("//b.git/git-upload-pack", None),
            ("/a%2Fb/c.git/git-upload-pack", None),
            ("/api/v4/x.git/git-upload-pack", None),
            ("/", None),
        ] {
            assert_eq!(Address::parse(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
