//! The real GitLab Runner as a process, for those who have built one: registered by its own command, killed at will.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::api::Api;
use crate::server::TestServer;
use crate::temp::TempDir;

/// A running `gitlab-runner` with the shell executor; killed when dropped.
#[derive(Debug)]
pub struct GitlabRunner {
    binary: PathBuf,
    child: Child,
    folder: TempDir,
}

impl GitlabRunner {
    /// Creates a runner for the whole server, registers the process and starts it; `settings` are further fields of
    /// `POST /user/runners`.
    ///
    /// # Errors
    ///
    /// What the program said when it could not be registered.
    ///
    /// # Panics
    ///
    /// When it cannot be started at all.
    pub fn start(binary: &Path, server: &TestServer, api: &Api, settings: &[(&str, &str)]) -> Result<Self, String> {
        let mut new = json!({ "runner_type": "instance_type" });
        for (name, value) in settings {
            new[*name] = json!(value);
        }
        let created = api.post("/user/runners", &new).expect(201).json();
        let token = created["token"].as_str().unwrap_or_default();
        let folder = TempDir::new();
        let config = folder.path().join("config.toml");
        std::fs::write(&config, "concurrent = 20\ncheck_interval = 1\n").map_err(|error| error.to_string())?;
        let registered = command(binary, folder.path())
            .args(["register", "--non-interactive", "--executor", "shell"])
            .args(["--url", &server.url(), "--token", token, "--request-concurrency", "4"])
            .arg("--config")
            .arg(&config)
            .output()
            .map_err(|error| format!("cannot start `{}`: {error}", binary.display()))?;
        if !registered.status.success() {
            return Err(String::from_utf8_lossy(&registered.stderr).into_owned());
        }
        let child = spawn(binary, folder.path());
        Ok(GitlabRunner {
            binary: binary.to_owned(),
            child,
            folder,
        })
    }

    /// Ends it with SIGKILL: no last words.
    pub fn kill(&mut self) {
        // It may be gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Starts it again as the same runner.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.binary, self.folder.path());
    }

    /// Returns what it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("runner.log")).unwrap_or_default()
    }
}

impl Drop for GitlabRunner {
    fn drop(&mut self) {
        self.kill();
    }
}

fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .arg(binary)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn spawn(binary: &Path, folder: &Path) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("runner.log"))
        .expect("a folder of our own can be written to");
    command(binary, folder)
        .arg("run")
        .arg("--config")
        .arg(folder.join("config.toml"))
        .arg("--working-directory")
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", binary.display()))
}
