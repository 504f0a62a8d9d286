//! A `PostgreSQL` server for one run of the tests: new, on loopback, on a free port, gone at the end.
//!
//! It does not survive us even when we are killed (parent death signal), and nothing in it is meant to
//! survive a crash of the machine: it does not sync to disk.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{debian, is_root};
use crate::process::{Process, program, services_dir};
use crate::{Result, process};

/// Name of the superuser of the test server.
const USER: &str = "tripline";

/// The system user that runs the server when we are root, which `PostgreSQL` refuses to be run by.
const SYSTEM_USER: &str = "postgres";

/// How long a server may take from start to the first connection, on a loaded machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Pause between two looks at a starting server.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A running server; stopped and removed when dropped.
pub(crate) struct Server {
    process: Child,
    dir: PathBuf,
    url: String,
}

/// Installs `PostgreSQL` if it is missing and starts a server.
///
/// # Errors
///
/// When there are no server programs and they cannot be installed, or when the server does not start.
pub(crate) fn start() -> Result<Server> {
    let bin = match find_programs() {
        Some(bin) => bin,
        None => {
            debian::install("the tests need a PostgreSQL server", &["postgresql"])?;
            find_programs().ok_or("no `initdb` in /usr/lib/postgresql/*/bin even after installing `postgresql`")?
        }
    };
    let dir = make_dir()?;
    let password = random_hex()?;
    init(&bin, &dir, &password)?;
    let port = free_port()?;
    let mut server = Server {
        process: spawn(&bin, &dir, port)?,
        url: format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres"),
        dir,
    };
    server.wait_until_ready(&bin, port)?;
    eprintln!("postgres: {} on port {port}", bin.display());
    Ok(server)
}

impl Server {
    /// Returns the address of the server, with user and password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn wait_until_ready(&mut self, bin: &Path, port: u16) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let probe = program(bin.join("pg_isready")).args(["--host=127.0.0.1", &format!("--port={port}")]);
            if probe.succeeds() {
                return Ok(());
            }
            let ended = self.process.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(log_file(&self.dir)).unwrap_or_default();
                return Err(format!(
                    "the PostgreSQL server for the tests did not start; its log:\n{log}"
                ));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is the fast, orderly shutdown. When `kill` cannot be run the parent death signal does the same.
        let stopped = program("kill")
            .args(["-INT", &self.process.id().to_string()])
            .succeeds();
        if stopped {
            drop(self.process.wait());
        }
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// Returns the folder of the newest installed server programs.
fn find_programs() -> Option<PathBuf> {
    let has_server = |bin: &PathBuf| {
        ["initdb", "postgres", "pg_isready"]
            .iter()
            .all(|name| bin.join(name).exists())
    };
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, bin)| has_server(bin))
        .max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .map(|(_, bin)| bin)
        .or_else(|| std::env::split_paths(&path).find(has_server))
}

/// Makes an empty folder that the server's user can write to: under `target/`, or, where that user cannot
/// reach it (a checkout in root's home), in the system's temporary folder.
fn make_dir() -> Result<PathBuf> {
    let name = format!("tripline-postgres-{}", std::process::id());
    let candidates = [services_dir(), std::env::temp_dir()].map(|parent| parent.join(&name));
    for dir in &candidates {
        fs::create_dir_all(dir).map_err(|error| format!("cannot create `{}`: {error}", dir.display()))?;
        if is_root() {
            give_to_system_user(dir)?;
        }
        if as_server_user("test").args(["-w".as_ref(), dir.as_os_str()]).succeeds() {
            return Ok(dir.clone());
        }
        drop(fs::remove_dir_all(dir));
    }
    let [first, second] = candidates.map(|dir| dir.display().to_string());
    Err(format!(
        "neither `{first}` nor `{second}` can be written to by the user `{SYSTEM_USER}`"
    ))
}

fn init(bin: &Path, dir: &Path, password: &str) -> Result<()> {
    let password_file = dir.join("password");
    let failed = |error| format!("cannot write `{}`: {error}", password_file.display());
    fs::write(&password_file, password).map_err(failed)?;
    fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    if is_root() {
        give_to_system_user(&password_file)?;
    }
    as_server_user(bin.join("initdb"))
        .args([
            "--username",
            USER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ])
        .args(["--pwfile".as_ref(), password_file.as_os_str()])
        .args(["--pgdata".as_ref(), dir.join("data").as_os_str()])
        .output()
        .map(drop)
}

fn spawn(bin: &Path, dir: &Path, port: u16) -> Result<Child> {
    let log = fs::File::create(log_file(dir)).map_err(|error| format!("cannot create the server's log: {error}"))?;
    let log_too = log
        .try_clone()
        .map_err(|error| format!("cannot share the server's log: {error}"))?;
    let mut command = as_server_user(bin.join("postgres"))
        .args(["-D".as_ref(), dir.join("data").as_os_str()])
        .args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            &format!("port={port}"),
            "-c",
            "unix_socket_directories=",
        ])
        .args([
            "-c",
            "fsync=off",
            "-c",
            "full_page_writes=off",
            "-c",
            "max_connections=400",
        ])
        .into_command();
    command.stdin(Stdio::null()).stdout(log).stderr(log_too);
    command
        .spawn()
        .map_err(|error| format!("cannot start the PostgreSQL server: {error}"))
}

/// Returns a process that ends with us and is not root. `setpriv` is part of every Debian.
fn as_server_user(program: impl AsRef<std::ffi::OsStr>) -> Process {
    let mut process = process::program("setpriv").args(["--pdeathsig", "INT"]);
    if is_root() {
        process = process.args(["--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--init-groups"]);
    }
    process.args([program.as_ref()])
}

fn give_to_system_user(path: &Path) -> Result<()> {
    program("chown")
        .args([format!("{SYSTEM_USER}:").as_ref(), path.as_os_str()])
        .output()
        .map(drop)
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join("log")
}

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port on 127.0.0.1: {error}"))
}

fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| format!("cannot read /dev/urandom: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
