//! What the server is told, in two steps: what was written (flags, environment, file) and what follows.
//!
//! A flag beats the environment, the environment beats the file, the file beats the defaults
//! (`clap` does the first two). Read once at start, passed on as values.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use app::{ExternalUrl, Network, Settings};
use serde::Deserialize;

use crate::cli;

/// What a configuration file may say. Unknown keys are refused with their name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Folder for repositories, traces, artifacts, key and SQLite.
    data_dir: Option<PathBuf>,
    /// `HOST:PORT`.
    listen: Option<String>,
    /// Where clients reach the server.
    external_url: Option<String>,
    /// `postgres://…` or a path.
    database_url: Option<String>,
    /// Where traces and artifacts are kept.
    object_store_url: Option<String>,
    /// Jobs the embedded runner runs at once.
    runner_concurrency: Option<usize>,
    /// Folder for the builds and caches of the embedded runner.
    runner_dir: Option<PathBuf>,
    /// User that jobs run as.
    runner_user: Option<String>,
    /// Folders that jobs may read.
    #[serde(default)]
    runner_readable: Vec<PathBuf>,
    /// Folders that jobs may write.
    #[serde(default)]
    runner_writable: Vec<PathBuf>,
    /// Bytes of a configuration file.
    max_yaml_size_bytes: Option<usize>,
    /// Pipelines that may lead to each other.
    max_trigger_chain: Option<usize>,
    /// Hosts and networks that may be asked although they are not public.
    #[serde(default)]
    outbound_allow: Vec<String>,
    /// Whether no other hosts may be asked.
    #[serde(default)]
    outbound_only_allowed: bool,
    /// Proxies that say whom they were called by.
    #[serde(default)]
    trusted_proxies: Vec<String>,
    /// Days that trigger logs reach back.
    trigger_log_days: Option<u32>,
    audit_event_days: Option<u32>,
    unauthenticated_calls_per_minute: Option<u32>,
    authenticated_calls_per_minute: Option<u32>,
    /// Entries of one project's trigger log.
    trigger_log_entries: Option<u32>,
    /// Filter of the log.
    log: Option<String>,
    /// `text` or `json`.
    log_format: Option<String>,
}

/// What the server needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    /// Folder for repositories, traces, artifacts, key and SQLite; absolute.
    pub(crate) data_dir: PathBuf,
    /// The configuration file, absolute.
    pub(crate) file: Option<PathBuf>,
    /// Addresses to listen on.
    pub(crate) listen: String,
    /// Where clients reach the server; `None` = where it listens.
    pub(crate) external_url: Option<ExternalUrl>,
    /// The database.
    pub(crate) database: store::Database,
    /// Jobs the embedded runner runs at once.
    pub(crate) runner_concurrency: usize,
    /// Folder for its builds and caches; outside of the data folder, which jobs must not reach.
    pub(crate) runner_dir: PathBuf,
    /// User that its jobs run as; `None` = the runner chooses.
    pub(crate) runner_user: Option<String>,
    /// Folders that its jobs may read.
    pub(crate) runner_readable: Vec<PathBuf>,
    /// Folders that its jobs may write.
    pub(crate) runner_writable: Vec<PathBuf>,
    /// Bytes of a configuration file; `None` = GitLab's default.
    pub(crate) max_yaml_size_bytes: Option<usize>,
    /// Pipelines that may lead to each other; `None` = the default.
    pub(crate) max_trigger_chain: Option<usize>,
    /// Which other hosts may be asked.
    pub(crate) outbound: outbound::Policy,
    /// Proxies that are believed when they say whom they were called by.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Days that trigger logs reach back.
    pub(crate) trigger_log_days: Option<u32>,
    pub(crate) audit_event_days: Option<u32>,
    pub(crate) unauthenticated_calls_per_minute: Option<u32>,
    pub(crate) authenticated_calls_per_minute: Option<u32>,
    /// Entries of one project's trigger log.
    pub(crate) trigger_log_entries: Option<u32>,
    /// Filter of the log.
    pub(crate) log: String,
    /// Whether the log is JSON.
    pub(crate) log_json: bool,
    /// API token of `root` for the first start.
    pub(crate) root_token: Option<String>,
    /// Password of `root` for the first start.
    pub(crate) root_password: Option<String>,
    /// Whether answered writes survive a loss of power; only the demo says no.
    pub(crate) durable: bool,
}

impl Config {
    /// Joins flags, environment and file.
    pub(crate) fn from_flags(flags: cli::Serve) -> anyhow::Result<Config> {
        let file = match &flags.config {
            None => File::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the configuration file `{}`", path.display()))?;
                toml::from_str(&text).with_context(|| format!("in the configuration file `{}`", path.display()))?
            }
        };
        let object_store = flags.object_store_url.or(file.object_store_url);
        if let Some(url) = object_store {
            bail!("`--object-store-url {url}`: this version keeps traces and artifacts in the data folder only");
        }
        let external_url = flags
            .external_url
            .or(file.external_url)
            .map(|text| text.parse())
            .transpose()?;
        let data_dir = flags
            .data_dir
            .or(file.data_dir)
            .unwrap_or_else(|| PathBuf::from("tripline-data"));
        let data_dir = std::path::absolute(&data_dir)
            .with_context(|| format!("cannot make the path `{}` absolute", data_dir.display()))?;
        let runner_dir = flags
            .runner_dir
            .or(file.runner_dir)
            .unwrap_or_else(|| beside(&data_dir));
        let runner_dir = std::path::absolute(&runner_dir)
            .with_context(|| format!("cannot make the path `{}` absolute", runner_dir.display()))?;
        if runner_dir.starts_with(&data_dir) {
            bail!(
                "`--runner-dir {}` lies in the data folder, which jobs must not reach; choose another",
                runner_dir.display()
            );
        }
        let log_format = flags
            .log_format
            .or(file.log_format)
            .unwrap_or_else(|| "text".to_owned());
        if !matches!(log_format.as_str(), "text" | "json") {
            bail!("`--log-format {log_format}`: expected `text` or `json`");
        }
        Ok(Config {
            database: database(flags.database_url.or(file.database_url).as_deref(), &data_dir),
            data_dir,
            runner_dir,
            runner_user: flags.runner_user.or(file.runner_user),
            runner_readable: either(flags.runner_readable, file.runner_readable),
            runner_writable: either(flags.runner_writable, file.runner_writable),
            outbound: outbound::Policy {
                allow: allowances(&either(flags.outbound_allow, file.outbound_allow))?,
                only_allowed: flags.outbound_only_allowed || file.outbound_only_allowed,
            },
            trusted_proxies: networks(&either(flags.trusted_proxies, file.trusted_proxies))?,
            trigger_log_days: flags.trigger_log_days.or(file.trigger_log_days),
            audit_event_days: flags.audit_event_days.or(file.audit_event_days),
            unauthenticated_calls_per_minute: flags
                .unauthenticated_calls_per_minute
                .or(file.unauthenticated_calls_per_minute),
            authenticated_calls_per_minute: flags
                .authenticated_calls_per_minute
                .or(file.authenticated_calls_per_minute),
            trigger_log_entries: flags.trigger_log_entries.or(file.trigger_log_entries),
            file: flags.config.map(|path| std::path::absolute(&path).unwrap_or(path)),
            listen: flags
                .listen
                .or(file.listen)
                .unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            external_url,
            runner_concurrency: flags
                .runner_concurrency
                .or(file.runner_concurrency)
                .unwrap_or_else(cores),
            max_yaml_size_bytes: flags.max_yaml_size_bytes.or(file.max_yaml_size_bytes),
            max_trigger_chain: flags.max_trigger_chain.or(file.max_trigger_chain),
            log: flags.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
            log_json: log_format == "json",
            root_token: flags.root_token,
            root_password: flags.root_password,
            durable: true,
        })
    }

    /// Returns the paths that jobs must not reach.
    pub(crate) fn secret_paths(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.data_dir.clone()];
        paths.extend(self.file.clone());
        if let store::Database::Sqlite(path) = &self.database {
            for ending in ["", "-wal", "-shm"] {
                let mut file = path.clone().into_os_string();
                file.push(ending);
                paths.push(file.into());
            }
        }
        paths
    }

    /// Returns the settings for a server that listens on `address`.
    pub(crate) fn settings(&self, address: SocketAddr) -> anyhow::Result<Settings> {
        let url = match &self.external_url {
            Some(url) => url.clone(),
            None => format!("http://{}", reachable(address)).parse()?,
        };
        let mut settings = Settings::new(url);
        settings.trusted_proxies.clone_from(&self.trusted_proxies);
        settings.unauthenticated_calls_per_minute = self
            .unauthenticated_calls_per_minute
            .unwrap_or(settings.unauthenticated_calls_per_minute);
        settings.authenticated_calls_per_minute = self
            .authenticated_calls_per_minute
            .unwrap_or(settings.authenticated_calls_per_minute);
        settings.audit_event_days = self.audit_event_days.unwrap_or(settings.audit_event_days);
        settings.trigger_log_days = self.trigger_log_days.unwrap_or(settings.trigger_log_days);
        settings.trigger_log_entries = self.trigger_log_entries.unwrap_or(settings.trigger_log_entries);
        if let Some(bytes) = self.max_yaml_size_bytes {
            settings.max_yaml_size_bytes = bytes;
        }
        if let Some(most) = self.max_trigger_chain {
            settings.max_trigger_chain = most;
        }
        Ok(settings)
    }
}

fn either<T>(stronger: Vec<T>, weaker: Vec<T>) -> Vec<T> {
    if stronger.is_empty() { weaker } else { stronger }
}

/// Reads a list of hosts and networks.
pub(crate) fn allowances(texts: &[String]) -> anyhow::Result<Vec<outbound::Allowance>> {
    let read = |text: &String| text.parse().context("`--outbound-allow`");
    texts.iter().map(read).collect()
}

/// Reads a list of networks.
fn networks(texts: &[String]) -> anyhow::Result<Vec<Network>> {
    let read = |text: &String| text.parse().context("`--trusted-proxies`");
    texts.iter().map(read).collect()
}

/// The folder beside the data folder: `tripline-data` → `tripline-data-runner`.
fn beside(data_dir: &std::path::Path) -> PathBuf {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    name.push("-runner");
    data_dir.with_file_name(name)
}

/// The database that an address means; none = the file in the data folder.
#[must_use]
pub(crate) fn database(url: Option<&str>, data_dir: &std::path::Path) -> store::Database {
    match url {
        Some(url) => store::Database::parse(url),
        None => store::Database::Sqlite(data_dir.join("tripline.db")),
    }
}

/// The number of cores, as far as this process may use them.
#[must_use]
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// An address that a client on this machine can use: "any address" becomes loopback.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(text: &str, flags: cli::Serve) -> anyhow::Result<Config> {
        let folder = std::env::temp_dir().join(format!("tripline-config-{}-{:p}", std::process::id(), text));
        std::fs::create_dir_all(&folder)?;
        let path = folder.join("tripline.toml");
        std::fs::write(&path, text)?;
        let config = Config::from_flags(cli::Serve {
            config: Some(path),
            ..flags
        });
        std::fs::remove_dir_all(&folder)?;
        config
    }

    #[test]
    fn flags_beat_the_file_and_the_file_beats_the_defaults() {
        let flags = cli::Serve {
            listen: Some("127.0.0.1:1".to_owned()),
            ..cli::Serve::default()
        };
        let config = from_file("listen = '127.0.0.1:2'\nrunner_concurrency = 7\n", flags).unwrap();
        assert_eq!(
            (config.listen.as_str(), config.runner_concurrency, config.log.as_str()),
            ("127.0.0.1:1", 7, "info")
        );
    }

    #[test]
    fn the_size_of_configurations_reaches_the_settings() {
        let settings = |text| {
            let config = from_file(text, cli::Serve::default()).unwrap();
            config.settings("127.0.0.1:1".parse().unwrap()).unwrap()
        };
        assert_eq!(
            settings("max_yaml_size_bytes = 4_194_304\n").max_yaml_size_bytes,
            4_194_304
        );
        assert_eq!(settings("").max_yaml_size_bytes, 2_097_152);
        assert_eq!(settings("max_trigger_chain = 5\n").max_trigger_chain, 5);
        assert_eq!(settings("").max_trigger_chain, 20);
    }

    #[test]
    fn hosts_that_may_be_asked_are_read_at_start() {
        let text = "outbound_allow = ['10.0.0.0/8', '*.internal:8443']\noutbound_only_allowed = true\n";
        let config = from_file(text, cli::Serve::default()).unwrap();
        assert_eq!((config.outbound.allow.len(), config.outbound.only_allowed), (2, true));
        let error = from_file("outbound_allow = ['http://x']\n", cli::Serve::default()).unwrap_err();
        assert!(
            format!("{error:#}").contains("`http://x` is no host and no network"),
            "{error:#}"
        );
    }

    #[test]
    fn trusted_proxies_are_read_at_start() {
        let config = from_file("trusted_proxies = ['10.0.0.0/8', '::1']\n", cli::Serve::default()).unwrap();
        let settings = config.settings("127.0.0.1:1".parse().unwrap()).unwrap();
        let proxies: Vec<String> = settings.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(proxies, ["10.0.0.0/8", "::1/128"]);
        let error = from_file("trusted_proxies = ['proxy.internal']\n", cli::Serve::default()).unwrap_err();
        assert!(
            format!("{error:#}").contains("`proxy.internal` is no network"),
            "{error:#}"
        );
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = format!("{:#}", from_file("lisen = 'x'\n", cli::Serve::default()).unwrap_err());
        assert!(error.contains("lisen") && error.contains("listen"), "{error}");
    }

    #[test]
    fn any_address_is_reached_by_loopback() {
        let config = Config::from_flags(cli::Serve::default()).unwrap();
        let settings = config.settings("0.0.0.0:8080".parse().unwrap()).unwrap();
        assert_eq!(settings.external_url.base(), "http://127.0.0.1:8080");
    }
}
