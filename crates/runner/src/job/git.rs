//! The checkout, as shell text that runs inside the job's sandbox like everything else of the job:
//! what an earlier job left in `.git` can then do no more than the job itself.
//!
//! The token travels in the environment of git only: not in arguments, not in files. As few
//! processes as possible are started, because on a warm folder they are the whole cost.

use wire::runner::GitInfo;

use super::script::quote;
use super::settings::{Strategy, flag};

/// A checkout to be made.
pub(super) struct Checkout<'a> {
    pub(super) git: &'a GitInfo,
    pub(super) strategy: Strategy,
    pub(super) get: &'a (dyn Fn(&str) -> String + Sync),
}

impl Checkout<'_> {
    /// Returns the shell text that brings the project folder to the wanted commit.
    ///
    /// # Errors
    ///
    /// The sentence for the log when a setting makes no sense.
    pub(super) fn script(&self) -> Result<String, String> {
        let (address, _) = split_credentials(&self.git.repo_url);
        let depth = self.git.depth.max(0);
        let mut text = "set -e\n".to_owned();
        let partial = (self.get)("GIT_FETCH_EXTRA_FLAGS").contains("--filter");
        text.push_str(&tidy(&address, &self.git.repo_object_format, partial));
        text.push_str(&self.fetch(depth));
        if flag(&(self.get)("GIT_CHECKOUT"), true) {
            let short: String = self.git.sha.chars().take(8).collect();
            let what = format!("Checking out {short} as detached HEAD (ref is {})...", self.git.git_ref);
            text.push_str(&say(&what));
            text.push_str(&format!(
                "if [ -z \"$tripline_there\" ]; then git -c submodule.recurse=false checkout -f -q --detach {sha}; fi\n",
                sha = quote(&self.git.sha)
            ));
            text.push_str(&self.clean());
        } else {
            text.push_str(&say("Skipping Git checkout"));
        }
        text.push_str(&self.submodules(depth)?);
        Ok(text)
    }

    /// Returns git's environment: who we are to the server, and nothing of the machine's own settings in between.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let (address, credentials) = split_credentials(&self.git.repo_url);
        let mut settings = vec![
            ("core.hooksPath".to_owned(), "/dev/null".to_owned()),
            ("core.fsmonitor".to_owned(), "false".to_owned()),
            ("fetch.recurseSubmodules".to_owned(), "false".to_owned()),
            ("credential.interactive".to_owned(), "never".to_owned()),
            ("gc.autoDetach".to_owned(), "false".to_owned()),
            ("advice.detachedHead".to_owned(), "false".to_owned()),
            ("safe.directory".to_owned(), "*".to_owned()),
        ];
        if let (Some(credentials), Some(server)) = (credentials, server_of(&address)) {
            let header = format!("Authorization: Basic {}", base64(credentials.as_bytes()));
            settings.push((format!("http.{server}/.extraHeader"), header));
        }
        let force_https = flag(&(self.get)("GIT_SUBMODULE_FORCE_HTTPS"), false);
        if let Some(server) = server_of(&address).filter(|_| force_https) {
            let hosts = ["CI_SERVER_SHELL_SSH_HOST", "CI_SERVER_HOST"].map(self.get);
            for host in hosts.iter().filter(|host| !host.is_empty()) {
                settings.push((format!("url.{server}/.insteadOf"), format!("git@{host}:")));
                settings.push((format!("url.{server}/.insteadOf"), format!("ssh://git@{host}/")));
            }
        }
        let mut environment = vec![
            ("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
            // An earlier job may have put another object in a commit's place.
            ("GIT_NO_REPLACE_OBJECTS".to_owned(), "1".to_owned()),
        ];
        for (at, (key, value)) in settings.into_iter().enumerate() {
            environment.push((format!("GIT_CONFIG_KEY_{at}"), key));
            environment.push((format!("GIT_CONFIG_VALUE_{at}"), value));
        }
        environment
    }

    /// Fetches unless the commit is there: a warm folder then costs one process, the checkout itself.
    fn fetch(&self, depth: i64) -> String {
        let refspecs: Vec<String> = self.git.refspecs.iter().map(|refspec| quote(refspec)).collect();
        let extra = (self.get)("GIT_FETCH_EXTRA_FLAGS");
        let extra = match extra.trim() {
            "" => "--prune --quiet".to_owned(),
            "none" => String::new(),
            flags => words(flags),
        };
        let how = if depth > 0 {
            format!("--depth {depth}")
        } else {
            String::new()
        };
        let fetch = format!(
            "git fetch origin --no-recurse-submodules {how} {extra} {}",
            refspecs.join(" ")
        );
        let sha = quote(&self.git.sha);
        let checkout = flag(&(self.get)("GIT_CHECKOUT"), true);
        // A branch at limited depth: nobody can rely on more than the commit itself.
        let may_skip = self.strategy == Strategy::Fetch && checkout && depth > 0 && self.git.ref_type != "tag";
        let mut text = "tripline_there=\n".to_owned();
        if may_skip {
            text.push_str(&format!(
                "if [ -z \"$tripline_new\" ] && git -c submodule.recurse=false checkout -f -q --detach {sha} 2>/dev/null; \
                 then tripline_there=1; fi\n"
            ));
        }
        text.push_str("if [ -z \"$tripline_there\" ]; then\n");
        if depth > 0 {
            text.push_str(&say(&format!("Fetching changes with git depth set to {depth}...")));
        } else {
            text.push_str(&say("Fetching changes..."));
            text.push_str(&format!(
                "if [ -f .git/shallow ]; then {fetch} --unshallow; else {fetch}; fi\n"
            ));
        }
        if depth > 0 {
            text.push_str(&format!("{fetch}\n"));
        }
        text.push_str("else\n");
        text.push_str(&say("Commit is already there, fetching nothing"));
        text.push_str("fi\n");
        text
    }

    fn clean(&self) -> String {
        let flags = (self.get)("GIT_CLEAN_FLAGS");
        match flags.trim() {
            "none" => String::new(),
            "" => "if [ -z \"$tripline_new\" ]; then git clean -ffdx; fi\n".to_owned(),
            flags => format!("git clean {}\n", words(flags)),
        }
    }

    fn submodules(&self, depth: i64) -> Result<String, String> {
        let strategy = (self.get)("GIT_SUBMODULE_STRATEGY");
        let recursive = match strategy.as_str() {
            "" | "none" => return Ok(say("Skipping Git submodules setup")),
            "normal" => "",
            "recursive" => "--recursive",
            other => {
                return Err(format!(
                    "unknown GIT_SUBMODULE_STRATEGY `{other}`; expected `none`, `normal` or `recursive`"
                ));
            }
        };
        let depth = (self.get)("GIT_SUBMODULE_DEPTH").trim().parse().unwrap_or(depth);
        let depth = if depth > 0 {
            format!("--depth {depth}")
        } else {
            String::new()
        };
        let flags = words(&(self.get)("GIT_SUBMODULE_UPDATE_FLAGS"));
        let paths = words(&(self.get)("GIT_SUBMODULE_PATHS"));
        let paths = if paths.is_empty() { paths } else { format!("-- {paths}") };
        let title = if recursive.is_empty() {
            "Updating/initializing submodules..."
        } else {
            "Updating/initializing submodules recursively..."
        };
        let update = format!("git submodule update --init --force {recursive} {depth} {flags} {paths}");
        Ok(format!(
            "{}git submodule init {paths}\ngit submodule sync {recursive} {paths}\n\
             {update} || {{ git submodule sync {recursive} {paths}; {update}; }}\n\
             git submodule foreach {recursive} 'git clean -ffdx'\n\
             git submodule foreach {recursive} 'git reset --hard'\n",
            say(title)
        ))
    }
}

/// Makes or repairs `.git` so that nothing an earlier job wrote into its settings counts, and no lock is left.
fn tidy(address: &str, object_format: &str, partial: bool) -> String {
    let sha256 = object_format == "sha256";
    let format = if sha256 { "--object-format=sha256" } else { "" };
    let (version, extensions) = if sha256 {
        (1, "[extensions]\n\tobjectFormat = sha256\n")
    } else {
        (0, "")
    };
    // The helper holds no secret: it reads the variable that the job has anyway.
    let helper = "!f() { echo username=gitlab-ci-token; echo \\\"password=$CI_JOB_TOKEN\\\"; }; f";
    let credential = server_of(address)
        .map(|server| format!("[credential \"{server}\"]\n\thelper = \"{helper}\"\n"))
        .unwrap_or_default();
    let promisor = if partial { "\tpromisor = true\n" } else { "" };
    let config = format!(
        "[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n{extensions}\
         [remote \"origin\"]\n\turl = \"{}\"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n{promisor}\
         {credential}[gc]\n\tautoDetach = false\n",
        escape(address)
    );
    let initialized = "Initialized empty Git repository in";
    let existing = "Reinitialized existing Git repository in";
    format!(
        "tripline_new=\n\
         if [ -d .git ] && [ -f .git/HEAD ] && [ ! -L .git ]; then\n\
         for f in index shallow HEAD config packed-refs; do if [ -e .git/$f.lock ]; then rm -f .git/$f.lock; fi; done\n\
         for f in hooks commondir gitdir config.worktree info/grafts objects/info/alternates; do if [ -e .git/$f ] || [ -L .git/$f ]; then rm -rf .git/$f; fi; done\n\
         if [ -L .git/config ]; then rm -f .git/config; fi\n\
         printf '%s\\n' \"{existing} $PWD/.git/\"\n\
         else\n\
         tripline_new=1\n\
         rm -rf .git\n\
         git init -q --template= {format} .\n\
         printf '%s\\n' \"{initialized} $PWD/.git/\"\n\
         fi\n\
         printf '%s' {config} > .git/config\n",
        config = quote(&config)
    )
}

/// Returns where to clone from when the runner's settings name another server: same credentials, same project.
pub(super) fn at_clone_url(address: &str, base: &str, project_path: &str) -> String {
    let credentials = address
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'));
    match (base.trim_end_matches('/').split_once("://"), credentials) {
        _ if project_path.is_empty() => address.to_owned(),
        (Some((scheme, host)), Some((credentials, _))) => format!("{scheme}://{credentials}@{host}/{project_path}.git"),
        (Some((scheme, host)), None) => format!("{scheme}://{host}/{project_path}.git"),
        (None, _) => address.to_owned(),
    }
}

/// Returns the address without user and password, and those as `user:password`.
fn split_credentials(address: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = address.split_once("://") else {
        return (address.to_owned(), None);
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rsplit_once('@') {
        Some((credentials, host)) => (
            format!("{scheme}://{host}{}", &rest[host_end..]),
            Some(decode(credentials)),
        ),
        None => (address.to_owned(), None),
    }
}

/// Returns `http://host:port` of an address; `None` for other schemes.
fn server_of(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    matches!(scheme, "http" | "https").then(|| format!("{scheme}://{host}"))
}

fn say(text: &str) -> String {
    format!("printf '%s\\n' {}\n", quote(&format!("\x1b[32;1m{text}\x1b[0;m")))
}

/// Quotes blank-separated words one by one: a variable cannot smuggle commands into the text.
fn words(text: &str) -> String {
    text.split_ascii_whitespace().map(quote).collect::<Vec<_>>().join(" ")
}

/// Escapes a value for a git settings file.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Decodes `%40` and the like.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut output = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                output.push(byte);
                at += 3;
            }
            (byte, _) => {
                output.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&output).into_owned()
}

/// Encodes for the `Basic` scheme.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut output = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..4 {
            let index = (number >> (18 - 6 * digit) & 63) as usize;
            output.push(if digit <= group.len() {
                char::from(ALPHABET[index])
            } else {
                '='
            });
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        let (address, credentials) = split_credentials("http://gitlab-ci-token:a%40b@h:1/x/y.git");
        assert_eq!(
            (address.as_str(), credentials.as_deref()),
            ("http://h:1/x/y.git", Some("gitlab-ci-token:a@b"))
        );
        assert_eq!(split_credentials("http://h/x@y").1, None);
        assert_eq!(server_of("http://h:1/x").as_deref(), Some("http://h:1"));
        assert_eq!(server_of("file:///x"), None);
    }

    #[test]
    fn another_clone_address_keeps_credentials_and_project() {
        let at = |address, project| at_clone_url(address, "http://127.0.0.1:80/", project);
        assert_eq!(
            at("https://u:p@h/sub/a/b.git", "a/b"),
            "http://u:p@127.0.0.1:80/a/b.git"
        );
        assert_eq!(at("https://h/a/b.git", "a/b"), "http://127.0.0.1:80/a/b.git");
        assert_eq!(at("https://h/a/b.git", ""), "https://h/a/b.git");
    }

    #[test]
    fn base64_pads() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("user:pass", "dXNlcjpwYXNz"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn the_token_is_in_the_environment_only_and_variables_cannot_add_commands() {
        let git = GitInfo {
            repo_url: "http://gitlab-ci-token:s3cr3t@h/a/b.git".into(),
            sha: "0123456789".into(),
            refspecs: vec!["+refs/heads/a'b:refs/x".into()],
            depth: 20,
            ..GitInfo::default()
        };
        let get = |name: &str| {
            if name == "GIT_CLEAN_FLAGS" {
                "-x; rm -rf /".to_owned()
            } else {
                String::new()
            }
        };
        let checkout = Checkout {
            git: &git,
            strategy: Strategy::Fetch,
            get: &get,
        };
        let script = checkout.script().unwrap();
        assert!(!script.contains("s3cr3t") && !script.contains(&base64(b"gitlab-ci-token:s3cr3t")));
        assert!(script.contains(r"'+refs/heads/a'\''b:refs/x'"), "{script}");
        assert!(script.contains("git clean '-x;' 'rm' '-rf' '/'"), "{script}");
        let header = format!("Authorization: Basic {}", base64(b"gitlab-ci-token:s3cr3t"));
        assert!(checkout.environment().iter().any(|(_, value)| *value == header));
    }
}
