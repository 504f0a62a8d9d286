//! The command line as `clap` sees it: what can be written, nothing decided yet.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A CI server in one binary that speaks GitLab's language.
#[derive(Debug, Parser)]
#[command(name = "tripline", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a throw-away server with a sample project, trigger it and follow the jobs
    Demo(Demo),
    /// Run the server: API, git over HTTP, embedded runner
    Serve(Box<Serve>),
    /// Check a configuration without a server
    Lint(Lint),
    /// Show which jobs a pipeline would get, and the rule and line that decided each
    Explain(Explain),
    /// Trigger a pipeline by token
    Trigger(Trigger),
    /// Run the embedded runner as a process of its own
    Runner(Runner),
    /// Administer a server's data while it is stopped
    Admin(Admin),
    /// Used by the runner itself to start a job in its sandbox
    #[command(name = "__job-shell", hide = true)]
    JobShell {
        /// What the runner hands over.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

/// `tripline demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// Stop after the first pipeline; the exit status is that of the pipeline
    #[arg(long)]
    pub(crate) once: bool,
}

/// `tripline serve`. What is not given here comes from the environment (`TRIPLINE_…`), then from the
/// configuration file, then from the defaults.
#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    /// Configuration file (TOML)
    #[arg(long, env = "TRIPLINE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for repositories, traces, artifacts, the key file and SQLite [default: ./tripline-data]
    #[arg(long, env = "TRIPLINE_DATA_DIR", value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "TRIPLINE_LISTEN", value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// Where clients reach the server [default: http:// and the address it listens on]
    #[arg(long, env = "TRIPLINE_EXTERNAL_URL", value_name = "URL")]
    pub(crate) external_url: Option<String>,
    /// `postgres://…`, or a path for SQLite [default: tripline.db in the data folder]
    #[arg(long, env = "TRIPLINE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Where traces and artifacts are kept [default: files in the data folder]
    #[arg(long, env = "TRIPLINE_OBJECT_STORE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) object_store_url: Option<String>,
    /// Jobs the embedded runner runs at once, 0 = none [default: the number of cores]
    #[arg(long, env = "TRIPLINE_RUNNER_CONCURRENCY", value_name = "NUMBER")]
    pub(crate) runner_concurrency: Option<usize>,
    /// Bytes of a configuration file and of its tree in memory, as GitLab counts it [default: 2097152]
    #[arg(long, env = "TRIPLINE_MAX_YAML_SIZE_BYTES", value_name = "NUMBER")]
    pub(crate) max_yaml_size_bytes: Option<usize>,
    /// Pipelines that may start each other one after the other, across projects and servers [default: 20]
    #[arg(long, env = "TRIPLINE_MAX_TRIGGER_CHAIN", value_name = "NUMBER")]
    pub(crate) max_trigger_chain: Option<usize>,
    /// Folder for its builds and caches, outside of the data folder [default: beside it, ending in `-runner`]
    #[arg(long, env = "TRIPLINE_RUNNER_DIR", value_name = "FOLDER")]
    pub(crate) runner_dir: Option<PathBuf>,
    /// User that jobs run as when the server is started as root [default: tripline-job, else nobody]
    #[arg(long, env = "TRIPLINE_RUNNER_USER", value_name = "NAME")]
    pub(crate) runner_user: Option<String>,
    /// Folder that jobs may read besides the system's; may be repeated
    #[arg(long, env = "TRIPLINE_RUNNER_READABLE", value_name = "FOLDER", value_delimiter = ':')]
    pub(crate) runner_readable: Vec<PathBuf>,
    /// Folder that jobs may write besides their own and `/tmp`; may be repeated
    #[arg(long, env = "TRIPLINE_RUNNER_WRITABLE", value_name = "FOLDER", value_delimiter = ':')]
    pub(crate) runner_writable: Vec<PathBuf>,
    /// Host or network that may be asked although it is not public: `HOST`, `*.DOMAIN`, `ADDRESS`,
    /// `ADDRESS/BITS`, each with `:PORT` for one port; may be repeated
    #[arg(long, env = "TRIPLINE_OUTBOUND_ALLOW", value_name = "HOST", value_delimiter = ',')]
    pub(crate) outbound_allow: Vec<String>,
    /// Ask no other hosts than those of `--outbound-allow`
    #[arg(long, env = "TRIPLINE_OUTBOUND_ONLY_ALLOWED")]
    pub(crate) outbound_only_allowed: bool,
    /// Proxy that is believed when its `X-Forwarded-For` says whom it was called by: `ADDRESS` or `ADDRESS/BITS`;
    /// may be repeated
    #[arg(
        long,
        env = "TRIPLINE_TRUSTED_PROXIES",
        value_name = "NETWORK",
        value_delimiter = ','
    )]
    pub(crate) trusted_proxies: Vec<String>,
    /// Days after which entries of trigger logs, with what their calls brought, are forgotten [default: 90]
    #[arg(long, env = "TRIPLINE_TRIGGER_LOG_DAYS", value_name = "NUMBER")]
    pub(crate) trigger_log_days: Option<u32>,
    /// Most entries of one project's trigger log; the oldest are forgotten first [default: 100000]
    #[arg(long, env = "TRIPLINE_TRIGGER_LOG_ENTRIES", value_name = "NUMBER")]
    pub(crate) trigger_log_entries: Option<u32>,
    /// API calls a minute from one address without a good credential, 0 = any number; calls from this machine are not
    /// counted [default: 500]
    #[arg(long, env = "TRIPLINE_UNAUTHENTICATED_CALLS_PER_MINUTE", value_name = "NUMBER")]
    pub(crate) unauthenticated_calls_per_minute: Option<u32>,
    /// API calls a minute of one user, 0 = any number; calls from this machine are not counted [default: 2000]
    #[arg(long, env = "TRIPLINE_AUTHENTICATED_CALLS_PER_MINUTE", value_name = "NUMBER")]
    pub(crate) authenticated_calls_per_minute: Option<u32>,
    /// Days after which audit events are forgotten, 0 = never [default: 365]
    #[arg(long, env = "TRIPLINE_AUDIT_EVENT_DAYS", value_name = "NUMBER")]
    pub(crate) audit_event_days: Option<u32>,
    /// First start: API token of the user `root`; generated and printed when not given
    #[arg(
        long,
        env = "TRIPLINE_ROOT_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        hide = true
    )]
    pub(crate) root_token: Option<String>,
    /// First start: password of the user `root`; generated and printed when not given
    #[arg(
        long,
        env = "TRIPLINE_ROOT_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true,
        hide = true
    )]
    pub(crate) root_password: Option<String>,
    /// What to log, e.g. `info` or `warn,web=debug` [default: info]
    #[arg(long, env = "TRIPLINE_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// `text` or `json` [default: text]
    #[arg(long, env = "TRIPLINE_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

/// `tripline lint`.
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// The configuration; local includes are read from its folder, remote ones are fetched
    #[arg(default_value = ".gitlab-ci.yml")]
    pub(crate) file: PathBuf,
    /// Input, `NAME=VALUE`; may be repeated
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// Where remote includes come from.
    #[command(flatten)]
    pub(crate) remote: RemoteIncludes,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `lint` and `explain` fetch `include:remote`.
#[derive(Debug, Args)]
pub(crate) struct RemoteIncludes {
    /// Fetch nothing: remote includes are errors
    #[arg(long)]
    pub(crate) offline: bool,
    /// Host or network that may be asked although it is not public, as for `serve`; may be repeated
    #[arg(long, env = "TRIPLINE_OUTBOUND_ALLOW", value_name = "HOST", value_delimiter = ',')]
    pub(crate) outbound_allow: Vec<String>,
}

/// `tripline explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The configuration; local includes are read from its folder, remote ones are fetched
    #[arg(default_value = ".gitlab-ci.yml")]
    pub(crate) file: PathBuf,
    /// Why the pipeline exists: `push`, `trigger`, `schedule`, `web`, `api` …
    #[arg(long, default_value = "push")]
    pub(crate) source: String,
    /// Branch it runs on
    #[arg(long, default_value = "main", conflicts_with = "tag")]
    pub(crate) branch: String,
    /// Tag it runs on, instead of a branch
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Variable, `KEY=VALUE`; may be repeated
    #[arg(long = "variable", value_name = "KEY=VALUE")]
    pub(crate) variables: Vec<String>,
    /// Input, `NAME=VALUE`; may be repeated
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// Changed file, for `rules:changes`; may be repeated. Without any, changes are not known
    #[arg(long = "changed", value_name = "PATH")]
    pub(crate) changed: Vec<String>,
    /// Where remote includes come from.
    #[command(flatten)]
    pub(crate) remote: RemoteIncludes,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `tripline trigger`.
#[derive(Debug, Args)]
pub(crate) struct Trigger {
    /// Server
    #[arg(
        long,
        env = "TRIPLINE_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(crate) url: String,
    /// Project: id or full path
    #[arg(long, env = "TRIPLINE_PROJECT", value_name = "PROJECT")]
    pub(crate) project: String,
    /// Trigger token
    #[arg(long, env = "TRIPLINE_TRIGGER_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: String,
    /// Branch or tag
    #[arg(long = "ref", default_value = "main", value_name = "REF")]
    pub(crate) git_ref: String,
    /// Variable, `KEY=VALUE`; may be repeated
    #[arg(long = "variable", value_name = "KEY=VALUE")]
    pub(crate) variables: Vec<String>,
    /// Input, `NAME=VALUE`; may be repeated
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// Follow jobs and logs until the pipeline ends; the exit status is that of the pipeline
    #[arg(long)]
    pub(crate) follow: bool,
}

/// `tripline runner`.
#[derive(Debug, Args)]
pub(crate) struct Runner {
    /// Server
    #[arg(long, env = "TRIPLINE_URL", value_name = "URL")]
    pub(crate) url: String,
    /// Runner authentication token (`glrt-…`)
    #[arg(long, env = "TRIPLINE_RUNNER_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: String,
    /// Jobs to run at once [default: the number of cores]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) concurrency: Option<usize>,
    /// Folder for builds and caches
    #[arg(long, value_name = "FOLDER", default_value = "tripline-runner")]
    pub(crate) work_dir: PathBuf,
    /// User that jobs run as when started as root [default: tripline-job, else nobody]
    #[arg(long, env = "TRIPLINE_RUNNER_USER", value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Folder that jobs may read besides the system's; may be repeated
    #[arg(long, env = "TRIPLINE_RUNNER_READABLE", value_name = "FOLDER", value_delimiter = ':')]
    pub(crate) readable: Vec<PathBuf>,
    /// Folder that jobs may write besides their own and `/tmp`; may be repeated
    #[arg(long, env = "TRIPLINE_RUNNER_WRITABLE", value_name = "FOLDER", value_delimiter = ':')]
    pub(crate) writable: Vec<PathBuf>,
}

/// `tripline admin`.
#[derive(Debug, Args)]
pub(crate) struct Admin {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: AdminCommand,
    /// Where the data is.
    #[command(flatten)]
    pub(crate) data: AdminData,
}

/// Which data `admin` works on.
#[derive(Debug, Args)]
pub(crate) struct AdminData {
    /// Data folder
    #[arg(
        long,
        global = true,
        env = "TRIPLINE_DATA_DIR",
        default_value = "tripline-data",
        value_name = "FOLDER"
    )]
    pub(crate) data_dir: PathBuf,
    /// Database, if it is not the SQLite file in the data folder
    #[arg(
        long,
        global = true,
        env = "TRIPLINE_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) database_url: Option<String>,
}

/// The administrator's commands.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Create a user and print an API token
    CreateUser {
        /// Unique name
        username: String,
        /// Mail address
        #[arg(long)]
        email: Option<String>,
        /// Display name
        #[arg(long)]
        name: Option<String>,
        /// Make it an administrator
        #[arg(long)]
        admin: bool,
    },
    /// Create an API token for a user and print it
    CreateToken {
        /// Whose
        username: String,
        /// Name of the token
        #[arg(long, default_value = "admin")]
        name: String,
        /// Scopes, separated by commas
        #[arg(long, default_value = "api")]
        scopes: String,
    },
    /// Create a project, from a local repository if one is given
    CreateProject {
        /// Full path, `group/project`; missing groups are created
        path: String,
        /// Serve this local repository read-only instead of one in the data folder
        #[arg(long, value_name = "FOLDER")]
        attach: Option<PathBuf>,
        /// Its owner
        #[arg(long, default_value = "root")]
        owner: String,
    },
    /// Check database, key and repositories; the exit status says whether all is well
    Check,
    /// Copy database, key and repositories to a folder
    Backup {
        /// An empty or new folder
        folder: PathBuf,
    },
}
