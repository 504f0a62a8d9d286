//! `default`, and the root keywords that are its older form.

use model::definition::{Artifacts, Cache, IdToken, Image, Report, Retry};

use crate::yaml::Node;

use super::checks::{Checked, Checks, Finding};
use super::{artifacts, cache, image, script, small};

/// Keywords that jobs may take from `default`.
pub(crate) const KEYS: [&str; 12] = [
    "before_script",
    "after_script",
    "hooks",
    "cache",
    "image",
    "services",
    "interruptible",
    "timeout",
    "retry",
    "tags",
    "artifacts",
    "id_tokens",
];

/// Each keyword as checked, so that a job that takes it repeats its messages; `None` = not written.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) before_script: Option<Checked<Vec<String>>>,
    pub(crate) after_script: Option<Checked<Vec<String>>>,
    pub(crate) hooks: Option<Checked<Vec<String>>>,
    pub(crate) caches: Option<Checked<Vec<Cache>>>,
    pub(crate) image: Option<Checked<Image>>,
    pub(crate) services: Option<Checked<Vec<Image>>>,
    pub(crate) interruptible: Option<Checked<bool>>,
    pub(crate) timeout: Option<Checked<i64>>,
    pub(crate) retry: Option<Checked<Retry>>,
    pub(crate) tags: Option<Checked<Vec<String>>>,
    pub(crate) artifacts: Option<Checked<(Artifacts, Vec<Report>)>>,
    pub(crate) id_tokens: Option<Checked<Vec<IdToken>>>,
    /// `identity` of a paid tier is written.
    pub(crate) identity: bool,
}

/// Reads `default`; its own messages come first, then those of its keywords in GitLab's order.
pub(crate) fn default(node: &Node, found: &mut Vec<Finding>) -> Defaults {
    let mut checks = Checks::new(node, "default");
    checks.hash();
    let allowed: Vec<&str> = KEYS.into_iter().chain(["identity"]).collect();
    checks.allowed_keys(&allowed);
    let valid = checks.ok();
    found.extend(checks.found);
    let mut defaults = Defaults::default();
    if valid {
        defaults = read(node);
    }
    defaults
}

fn read(node: &Node) -> Defaults {
    let some = |key: &str| node.get_some(key);
    Defaults {
        before_script: some("before_script").map(|n| script::commands(n, "default:before_script")),
        after_script: some("after_script").map(|n| script::commands(n, "default:after_script")),
        hooks: some("hooks").map(|n| script::hooks(n, "default:hooks")),
        caches: some("cache").map(|n| cache::caches(n, "default")),
        image: some("image").map(|n| image::image(n, "default:image")),
        services: some("services").map(|n| image::services(n, "default:services")),
        interruptible: some("interruptible").map(|n| small::boolean(n, "default:interruptible")),
        timeout: some("timeout").map(|n| small::timeout(n, "default:timeout")),
        retry: some("retry").map(small::retry),
        tags: some("tags").map(|n| small::tags(n, "default:tags")),
        artifacts: some("artifacts").map(|n| artifacts::artifacts(n, "default:artifacts")),
        id_tokens: some("id_tokens").map(|n| small::id_tokens(n, "default:id_tokens")),
        identity: some("identity").is_some(),
    }
}

impl Defaults {
    /// The messages of all keywords, in the order in which GitLab lists them.
    pub(crate) fn messages(&self, found: &mut Vec<Finding>) {
        fn add<T>(checked: Option<&Checked<T>>, found: &mut Vec<Finding>) {
            found.extend(checked.into_iter().flat_map(|checked| checked.found.iter().cloned()));
        }
        add(self.before_script.as_ref(), found);
        add(self.after_script.as_ref(), found);
        add(self.hooks.as_ref(), found);
        add(self.caches.as_ref(), found);
        add(self.image.as_ref(), found);
        add(self.services.as_ref(), found);
        add(self.interruptible.as_ref(), found);
        add(self.timeout.as_ref(), found);
        add(self.retry.as_ref(), found);
        add(self.tags.as_ref(), found);
        add(self.artifacts.as_ref(), found);
        add(self.id_tokens.as_ref(), found);
    }

    /// Adds the root keywords that are not under `default` too; names the first that is at both places.
    pub(crate) fn add_root(&mut self, root: &Node) -> Result<(), &'static str> {
        fn one<T>(
            slot: &mut Option<Checked<T>>,
            root: &Node,
            key: &'static str,
            read: impl Fn(&Node) -> Checked<T>,
        ) -> Result<(), &'static str> {
            match root.get_some(key) {
                Some(_) if slot.is_some() => return Err(key),
                Some(node) => *slot = Some(read(node)),
                None => {}
            }
            Ok(())
        }
        one(&mut self.before_script, root, "before_script", |n| {
            script::commands(n, "before_script")
        })?;
        one(&mut self.after_script, root, "after_script", |n| {
            script::commands(n, "after_script")
        })?;
        one(&mut self.caches, root, "cache", |n| cache::caches(n, ""))?;
        one(&mut self.image, root, "image", |n| image::image(n, "image"))?;
        one(&mut self.services, root, "services", |n| image::services(n, "services"))
    }
}
