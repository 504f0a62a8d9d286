//! The real binary, on a free port, with a data folder and a database of its own.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::api::Api;
use crate::database::{Database, TestDatabase};
use crate::http::Client;
use crate::temp::TempDir;
use crate::wait::eventually;

/// The token of the user `root` on every test server.
const ROOT_TOKEN: &str = "glpat-test-root-token-0001";

/// The password of the user `root` on every test server.
const ROOT_PASSWORD: &str = "test-root-password";

/// How a test server is to be started.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The binary: `env!("CARGO_BIN_EXE_tripline")`.
    pub binary: PathBuf,
    /// Which database.
    pub database: Database,
    /// Slots of the embedded runner; 0 for tests that play a runner themselves.
    pub runner_concurrency: usize,
}

/// A running server; stopped when dropped, with everything it stored.
#[derive(Debug)]
pub struct TestServer {
    process: Child,
    address: SocketAddr,
    options: ServerOptions,
    postgres: Option<TestDatabase>,
    // After the process, so that it is gone before its folder is.
    dir: TempDir,
}

/// One more server on the data of a [`TestServer`]; stopped when dropped.
#[derive(Debug)]
pub struct AnotherServer {
    process: Child,
    address: SocketAddr,
}

impl AnotherServer {
    /// Returns a client of the server, without credentials.
    #[must_use]
    pub fn http(&self) -> Client {
        Client::new(self.address)
    }
}

impl Drop for AnotherServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl TestServer {
    /// Starts a server and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not start; the message has its log.
    #[must_use]
    pub fn start(options: ServerOptions) -> TestServer {
        let dir = TempDir::new();
        let postgres = (options.database == Database::Postgres).then(TestDatabase::new);
        let address = free_address();
        let process = spawn(&options, &dir, address, postgres.as_ref(), None);
        let mut server = TestServer {
            process,
            address,
            options,
            postgres,
            dir,
        };
        server.wait_until_ready();
        server
    }

    /// Starts one more server on the same data.
    ///
    /// # Panics
    ///
    /// When the data is in SQLite, which is for one server, or when it does not start.
    #[must_use]
    pub fn another(&self) -> AnotherServer {
        assert!(self.postgres.is_some(), "several servers need PostgreSQL");
        let address = free_address();
        let process = spawn(&self.options, &self.dir, address, self.postgres.as_ref(), None);
        let server = AnotherServer { process, address };
        eventually("the other server to be ready", || {
            let answer = server.http().get("/-/readiness").try_send().ok()?;
            (answer.status == 200).then_some(())
        });
        server
    }

    /// Returns which database it has.
    #[must_use]
    pub const fn database(&self) -> Database {
        self.options.database
    }

    /// Returns a client of the whole server, without credentials.
    #[must_use]
    pub fn http(&self) -> Client {
        Client::new(self.address)
    }

    /// Returns the API as the user `root` sees it.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(self, ROOT_TOKEN)
    }

    /// Returns the address with scheme, host and port.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the API token of the user `root`.
    #[must_use]
    pub fn root_token(&self) -> &'static str {
        ROOT_TOKEN
    }

    /// Returns the password of the user `root`.
    #[must_use]
    pub fn root_password(&self) -> &'static str {
        ROOT_PASSWORD
    }

    /// Returns the program that runs.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.options.binary
    }

    /// Returns the data folder.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Returns everything the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_file(self.dir.path())).unwrap_or_default()
    }

    /// Kills the process with SIGKILL: no cleaning up, no last words.
    pub fn kill(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }

    /// Returns what kills the process from another thread.
    pub fn killer(&self) -> impl FnOnce() + Send + 'static {
        let pid = self.pid();
        move || send(pid, Signal::SIGKILL)
    }

    /// Starts the server again, on the same data and the same port.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.process = spawn(&self.options, &self.dir, self.address, self.postgres.as_ref(), None);
        self.wait_until_ready();
    }

    /// As [`restart`](TestServer::restart), logging what this filter lets through.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart_logging(&mut self, filter: &str) {
        self.kill();
        let postgres = self.postgres.as_ref();
        self.process = spawn(&self.options, &self.dir, self.address, postgres, Some(filter));
        self.wait_until_ready();
    }

    /// Returns everything in the database as text, bytes in hexadecimal; `None` on SQLite, whose file is in the data
    /// folder.
    #[must_use]
    pub fn dump(&self) -> Option<String> {
        self.postgres.as_ref().map(TestDatabase::dump)
    }

    /// Returns `tripline admin` for this server's data, which is to be stopped.
    #[must_use]
    pub fn admin(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.options.binary);
        command
            .arg("admin")
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir());
        if let Some(database) = &self.postgres {
            command.args(["--database-url", &database.url()]);
        }
        command
    }

    /// Asks the process to end with SIGTERM and returns whether it ended with status 0.
    ///
    /// # Panics
    ///
    /// When it is still there after a minute.
    pub fn terminate(&mut self) -> bool {
        send(self.pid(), Signal::SIGTERM);
        eventually("the server to end after SIGTERM", || {
            self.process.try_wait().expect("a child can be waited for")
        })
        .success()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).expect("process ids fit in 31 bits"))
    }

    fn wait_until_ready(&mut self) {
        eventually("the server to be ready", || {
            if let Some(status) = self.process.try_wait().expect("a child can be waited for") {
                panic!("the server ended at once ({status}); its log:\n{}", self.log());
            }
            let answer = self.http().get("/-/readiness").try_send().ok()?;
            (answer.status == 200).then_some(())
        });
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the server at {}:\n{}", self.address, self.log());
        }
        // In order first, so that jobs of the embedded runner end with it.
        send(self.pid(), Signal::SIGTERM);
        for _ in 0..200 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        self.kill();
    }
}

/// Sends a signal; a process that is already gone needs none.
fn send(pid: Pid, signal: Signal) {
    let _ = kill(pid, signal);
}

fn spawn(
    options: &ServerOptions,
    dir: &TempDir,
    address: SocketAddr,
    postgres: Option<&TestDatabase>,
    filter: Option<&str>,
) -> Child {
    let log = log_to(dir.path());
    let log_too = log.try_clone().expect("the log can be shared");
    // Killed with the thread that started it, so that an aborted test leaves nothing behind.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(&options.binary).arg("serve");
    command.arg("--data-dir").arg(dir.path().join("data"));
    command.args(["--listen", &address.to_string()]);
    command.args(["--runner-concurrency", &options.runner_concurrency.to_string()]);
    // Where the sites of tests are; other addresses of this machine stay forbidden.
    command.args(["--outbound-allow", "127.0.0.1"]);
    // So that a test can come from any address.
    command.args(["--trusted-proxies", "127.0.0.1"]);
    if let Some(database) = postgres {
        command.args(["--database-url", &database.url()]);
    }
    if let Some(filter) = filter {
        command.args(["--log", filter]);
    }
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir.path())
        .env("TRIPLINE_ROOT_TOKEN", ROOT_TOKEN)
        .env("TRIPLINE_ROOT_PASSWORD", ROOT_PASSWORD)
        .env("RUST_BACKTRACE", "1")
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_too);
    command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", options.binary.display()))
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join("server.log")
}

fn log_to(dir: &Path) -> File {
    let path = log_file(dir);
    File::options()
        .create(true)
        .append(true)
        .open(&path)
        .unwrap_or_else(|error| panic!("cannot write `{}`: {error}", path.display()))
}

/// Ports below those that the system hands to clients, so that no connection of a test sits on one
/// while its server restarts.
const PORTS: std::ops::Range<u32> = 20_000..32_000;

/// Returns an address nobody listens on.
fn free_address() -> SocketAddr {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    // Test processes that run beside each other start at different places.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..count {
        let place = start.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % count;
        let port = u16::try_from(PORTS.start + place).expect("the range is one of ports");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port on 127.0.0.1 in {PORTS:?}");
}
