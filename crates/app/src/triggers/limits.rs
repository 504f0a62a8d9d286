//! What a trigger token may be used for: looked at before anything is compiled or created.
//!
//! Read from the token once and remembered with it (`known`); a token without limits has none of this.

use std::collections::HashSet;
use std::net::IpAddr;

use model::definition::GivenVariable;
use model::project::wildcard_match;
use model::{Reason, TriggerToken, TriggerTokenId, VariableKind};
use serde_json::Value as Json;

use crate::App;
use crate::error::{Error, Refused, Result};
use crate::network::Network;
use crate::pipelines::request::NewPipeline;
use crate::triggers::uses::{self, Rate};

/// Longest name repeated to its caller, in characters.
const LONGEST_NAME: usize = 100;

/// What the fixed values of a token are sealed for.
const FIXED: &str = "trigger_tokens.fixed";

/// Variables and inputs that every call with a token gets and no call can change.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Fixed {
    /// Variables.
    pub variables: Vec<(String, String)>,
    /// Inputs.
    pub inputs: Vec<(String, Json)>,
}

impl Fixed {
    /// Opens the fixed values of a token.
    pub(super) fn of(app: &App, token: &TriggerToken) -> Result<Fixed> {
        let Some(sealed) = &token.fixed else {
            return Ok(Fixed::default());
        };
        let plain = app.keys.open(FIXED, sealed).map_err(Error::internal)?;
        serde_json::from_slice(&plain).map_err(Error::internal)
    }

    /// Seals them; `None` when there are none.
    pub(super) fn seal(&self, app: &App) -> Result<Option<Vec<u8>>> {
        if self.variables.is_empty() && self.inputs.is_empty() {
            return Ok(None);
        }
        let plain = serde_json::to_vec(self).map_err(Error::internal)?;
        Ok(Some(app.keys.seal(FIXED, &plain)))
    }
}

/// The limits of a token, ready to be looked at.
#[derive(Debug)]
pub(crate) struct Limits {
    token: TriggerTokenId,
    refs: Option<Vec<RefPattern>>,
    variables: Option<Names>,
    inputs: Option<Names>,
    networks: Option<Vec<Network>>,
    uses_per_minute: Option<u32>,
    fixed: Fixed,
}

impl Limits {
    /// Reads the limits of a token; `None` when it has none.
    pub(super) fn of(app: &App, token: &TriggerToken) -> Result<Option<Limits>> {
        let limits = &token.limits;
        if limits.is_empty() && token.fixed.is_none() {
            return Ok(None);
        }
        let names = |names: &Option<Vec<String>>| names.as_deref().map(Names::new);
        let networks = limits.networks.as_ref().map(|networks| {
            let parsed = networks.iter().map(|network| network.parse());
            parsed.collect::<std::result::Result<Vec<Network>, _>>()
        });
        Ok(Some(Limits {
            token: token.id,
            refs: limits
                .refs
                .as_ref()
                .map(|refs| refs.iter().map(|text| RefPattern::new(text)).collect()),
            variables: names(&limits.variables),
            inputs: names(&limits.inputs),
            networks: networks.transpose().map_err(Error::internal)?,
            uses_per_minute: limits.uses_per_minute,
            fixed: Fixed::of(app, token)?,
        }))
    }

    /// Refuses what the token is not for, and gives the pipeline the token's fixed values.
    ///
    /// A call from a wrong address is not counted as a use: outsiders must not use up a token.
    pub(super) async fn apply(
        &self,
        app: &App,
        request: &mut NewPipeline,
        address: Option<IpAddr>,
    ) -> Result<Option<Rate>> {
        self.check_address(address)?;
        let rate = match self.uses_per_minute {
            None => None,
            Some(limit) => Some(uses::count(app, self.token, limit).await?),
        };
        if let Some(rate) = rate.filter(Rate::is_exceeded) {
            return Err(rate_limited(rate, rate.retry_after(app.clock.now())));
        }
        self.check_ref(app, request)?;
        self.check_names(request)?;
        self.fix(request);
        Ok(rate)
    }

    /// Refuses an address outside of the token's networks.
    pub(crate) fn check_address(&self, address: Option<IpAddr>) -> Result<()> {
        let Some(networks) = &self.networks else { return Ok(()) };
        if address.is_some_and(|address| networks.iter().any(|network| network.contains(address))) {
            return Ok(());
        }
        let address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_canonical().to_string());
        let message = format!("This token may not be used from the address {address}");
        let remedy = "Call from one of the token's networks, or have this one added to its `allowed_networks`. \
                      Behind a proxy, the server's `trusted_proxies` must name it.";
        Err(refused(
            Error::Forbidden(Some(message)),
            Reason::NetworkNotAllowed,
            remedy.to_owned(),
        ))
    }

    /// Refuses branches and tags that the token is not for. One that is allowed is named in full from here on, so
    /// that the pipeline cannot run on another one of the same short name.
    fn check_ref(&self, app: &App, request: &mut NewPipeline) -> Result<()> {
        let Some(patterns) = &self.refs else { return Ok(()) };
        let found = match app.repositories.open(&request.project) {
            Ok(repository) => repository.resolve(&request.ref_text)?,
            Err(git::Error::NoRepository { .. }) => git::Resolution::NotFound,
            Err(error) => return Err(error.into()),
        };
        let (name, is_tag) = match &found {
            git::Resolution::Found(found) => (found.git_ref.name.as_str(), Some(found.git_ref.is_tag)),
            // Whether a ref exists is told only of those that the token is for.
            _ => kind_and_name(&request.ref_text),
        };
        if !patterns.iter().any(|pattern| pattern.covers(name, is_tag)) {
            let shown = shortened(name);
            // GitLab's words for a ref that the caller may not run on.
            let message = format!(
                "You do not have sufficient permission to run a pipeline on '{shown}'. Please select a different branch \
                 or contact your administrator for assistance."
            );
            let remedy =
                format!("Use a branch or tag that the token is for, or have `{shown}` added to its `allowed_refs`.");
            return Err(not_created(message, Reason::RefNotAllowed, remedy));
        }
        if let git::Resolution::Found(found) = found {
            request.ref_text = found.git_ref.full_name();
        }
        Ok(())
    }

    fn check_names(&self, request: &NewPipeline) -> Result<()> {
        for key in request.variables.iter().map(|variable| variable.key.as_str()) {
            if self.fixed.variables.iter().any(|(fixed, _)| fixed == key) {
                return Err(variable_refused(
                    Reason::VariableFixed,
                    format!("Leave out the variable `{key}`: the token brings a value of its own."),
                ));
            }
            if self.variables.as_ref().is_some_and(|names| !names.cover(key)) {
                let key = shortened(key);
                return Err(variable_refused(
                    Reason::VariableNotAllowed,
                    format!("Leave out the variable `{key}`, or have it added to the token's `allowed_variables`."),
                ));
            }
        }
        for (name, _) in &request.inputs {
            if self.fixed.inputs.iter().any(|(fixed, _)| fixed == name) {
                return Err(input_refused(
                    Reason::InputFixed,
                    format!("Leave out the input `{name}`: the token brings a value of its own."),
                ));
            }
            if self.inputs.as_ref().is_some_and(|names| !names.cover(name)) {
                let name = shortened(name);
                return Err(input_refused(
                    Reason::InputNotAllowed,
                    format!("Leave out the input `{name}`, or have it added to the token's `allowed_inputs`."),
                ));
            }
        }
        Ok(())
    }

    fn fix(&self, request: &mut NewPipeline) {
        let variables = self.fixed.variables.iter().map(|(key, value)| GivenVariable {
            key: key.clone(),
            value: value.clone(),
            kind: VariableKind::EnvVar,
            raw: false,
        });
        request.variables.extend(variables);
        request.inputs.extend(self.fixed.inputs.iter().cloned());
    }
}

/// Names that are allowed: most are no patterns and are looked up at once.
#[derive(Debug)]
struct Names {
    exact: HashSet<String>,
    patterns: Vec<String>,
}

impl Names {
    fn new(names: &[String]) -> Names {
        let (patterns, exact): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| name.contains('*'));
        Names {
            exact: exact.into_iter().collect(),
            patterns,
        }
    }

    fn cover(&self, name: &str) -> bool {
        self.exact.contains(name) || self.patterns.iter().any(|pattern| wildcard_match(pattern, name))
    }
}

/// A pattern for branches, tags or both.
#[derive(Debug)]
struct RefPattern {
    is_tag: Option<bool>,
    pattern: String,
}

impl RefPattern {
    fn new(text: &str) -> RefPattern {
        let (pattern, is_tag) = kind_and_name(text);
        RefPattern {
            is_tag,
            pattern: pattern.to_owned(),
        }
    }

    /// Whether a ref of that name may be covered; of one that does not exist the kind may not be known.
    fn covers(&self, name: &str, is_tag: Option<bool>) -> bool {
        let kind = match (self.is_tag, is_tag) {
            (Some(wanted), Some(is_tag)) => wanted == is_tag,
            _ => true,
        };
        kind && wildcard_match(&self.pattern, name)
    }
}

/// Takes `refs/heads/` or `refs/tags/` off a name or pattern.
fn kind_and_name(text: &str) -> (&str, Option<bool>) {
    if let Some(name) = text.strip_prefix("refs/heads/") {
        return (name, Some(false));
    }
    match text.strip_prefix("refs/tags/") {
        Some(name) => (name, Some(true)),
        None => (text, None),
    }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}

fn variable_refused(reason: Reason, remedy: String) -> Error {
    // GitLab's words for a caller who may bring no variables.
    not_created(
        "Insufficient permissions to set pipeline variables".to_owned(),
        reason,
        remedy,
    )
}

fn input_refused(reason: Reason, remedy: String) -> Error {
    not_created(
        "Insufficient permissions to set pipeline inputs".to_owned(),
        reason,
        remedy,
    )
}

fn not_created(message: String, reason: Reason, remedy: String) -> Error {
    let error = Error::PipelineNotCreated {
        message,
        kept: false,
        explanation: None,
    };
    refused(error, reason, remedy)
}

fn rate_limited(rate: Rate, retry_after: u64) -> Error {
    let remedy = format!(
        "The token may be used {} times a minute; try again in {retry_after} s, as `Retry-After` says.",
        rate.limit
    );
    Error::Refused(Box::new(Refused {
        error: Error::TooMany { retry_after },
        reason: Reason::RateLimited,
        remedy,
        rate: Some(rate),
    }))
}

fn refused(error: Error, reason: Reason, remedy: String) -> Error {
    Error::Refused(Box::new(Refused {
        error,
        reason,
        remedy,
        rate: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_branches_tags_or_both() {
        let (branch, tag) = (Some(false), Some(true));
        for (pattern, name, is_tag, expected) in [
            ("main", "main", branch, true),
            ("main", "main", tag, true),
            ("main", "main2", branch, false),
            ("release/*", "release/1/2", branch, true),
            ("release/*", "release", branch, false),
            ("refs/heads/*", "x", branch, true),
            ("refs/heads/*", "x", tag, false),
            ("refs/tags/v*", "v1", tag, true),
            ("refs/tags/v*", "v1", branch, false),
            ("refs/tags/v*", "v1", None, true),
            ("*", "anything", tag, true),
            ("Main", "main", branch, false),
            ("ma.n", "main", branch, false),
            ("[a-z]*", "main", branch, false),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", branch, false),
        ] {
            assert_eq!(
                RefPattern::new(pattern).covers(name, is_tag),
                expected,
                "{pattern} {name} {is_tag:?}"
            );
        }
    }

    #[test]
    fn names_are_allowed_one_by_one_or_by_pattern() {
        let names = Names::new(&["TARGET".to_owned(), "DEPLOY_*".to_owned()]);
        for (name, expected) in [
            ("TARGET", true),
            ("DEPLOY_TO", true),
            ("DEPLOY_", true),
            ("DEPLOY", false),
            ("target", false),
            ("TARGET2", false),
            ("", false),
        ] {
            assert_eq!(names.cover(name), expected, "{name}");
        }
        assert!(!Names::new(&[]).cover("ANY"));
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "*a".repeat(127);
        let name = "a".repeat(100_000) + "b";
        assert!(!wildcard_match(&pattern, &name));
    }

    #[test]
    fn long_names_are_cut_where_characters_end() {
        assert_eq!(shortened("é"), "é");
        assert_eq!(shortened(&"é".repeat(101)), "é".repeat(100) + "…");
    }
}
