//! What a runner needs to know before it starts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of one embedded runner.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the server (`http://host:port`, a relative root may follow).
    pub url: String,
    /// Where repositories are cloned from instead of the address in the job (`http://host:port`, the project's path is added).
    pub clone_url: Option<String>,
    /// The runner's token (`glrt-…`).
    pub token: String,
    /// Name in logs and traces.
    pub name: String,
    /// `r_` and 12 letters or digits; `None` = kept in `<builds_dir>/.system_id`, made on first start.
    pub system_id: Option<String>,
    /// Jobs at a time.
    pub concurrency: usize,
    /// Where projects are checked out. With another [job user](JobUser), every folder above must let that user pass.
    pub builds_dir: PathBuf,
    /// Where caches are kept; jobs cannot read it.
    pub cache_dir: PathBuf,
    /// Program and arguments that lead to [`job_shell_main`](crate::job_shell_main).
    pub launcher: Vec<OsString>,
    /// The shell; `None` = `bash`, or `sh` where there is none.
    pub shell: Option<PathBuf>,
    /// As whom jobs run.
    pub job_user: JobUser,
    /// Variables for every job, weaker than the job's own.
    pub environment: Vec<(String, String)>,
    /// Folders and files that jobs must not reach: the server's data folder, its key and configuration.
    pub denied_paths: Vec<PathBuf>,
    /// Folders that jobs may read besides the system's.
    pub readable_paths: Vec<PathBuf>,
    /// Folders that jobs may write besides their own.
    pub writable_paths: Vec<PathBuf>,
    /// Limits of each job.
    pub limits: Limits,
    /// Pause between two requests for a job when the server does not hold them.
    pub check_interval: Duration,
}

impl Config {
    /// Returns settings with their defaults, with all folders below `work_dir`.
    #[must_use]
    pub fn new(url: impl Into<String>, token: impl Into<String>, work_dir: impl Into<PathBuf>) -> Config {
        let work_dir = work_dir.into();
        let program = std::env::current_exe().map_or_else(|_| OsString::from("tripline"), OsString::from);
        Config {
            url: url.into(),
            clone_url: None,
            token: token.into(),
            name: "tripline".to_owned(),
            system_id: None,
            concurrency: std::thread::available_parallelism().map_or(1, usize::from),
            builds_dir: work_dir.join("builds"),
            cache_dir: work_dir.join("cache"),
            launcher: vec![program, OsString::from("__job-shell")],
            shell: None,
            job_user: JobUser::Auto,
            environment: Vec::new(),
            denied_paths: Vec::new(),
            readable_paths: Vec::new(),
            writable_paths: Vec::new(),
            limits: Limits::default(),
            check_interval: Duration::from_secs(3),
        }
    }
}

/// As whom jobs run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JobUser {
    /// Started as root: `tripline-job` if there is such a user, else `nobody`; otherwise the runner's own user.
    #[default]
    Auto,
    /// The runner's own user, also when that is root.
    Own,
    /// This user; needs root.
    Named(String),
}

/// Limits of each job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of log; more is dropped with a notice. GitLab Runner's default.
    pub output_bytes: u64,
    /// Processes and threads of the job's user.
    pub processes: u64,
    /// Bytes of one file a job writes.
    pub file_bytes: u64,
    /// Bytes a downloaded archive or a cache may have when unpacked.
    pub unpacked_bytes: u64,
    /// Files a downloaded archive or a cache may have.
    pub unpacked_files: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            output_bytes: 4 << 20,
            processes: 8192,
            file_bytes: 16 << 30,
            unpacked_bytes: 16 << 30,
            unpacked_files: 1_000_000,
        }
    }
}
