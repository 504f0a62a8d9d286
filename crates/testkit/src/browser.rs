//! A real browser, driven by the WebDriver protocol: Chromium without a window, for what only a browser shows.
//!
//! The protocol is a handful of JSON calls over HTTP, so this is a client of ours instead of a library with
//! fifty dependencies. Whatever is waited for has a name that the failure tells.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::http::Client;
use crate::temp::TempDir;
use crate::wait::eventually;

/// Variable that names the program `chromedriver`.
const DRIVER: &str = "TRIPLINE_TEST_CHROMEDRIVER";

/// Variable that names the file `axe.min.js`.
const AXE: &str = "TRIPLINE_TEST_AXE";

/// Name of the field that identifies an element (W3C WebDriver, 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The key that moves the focus on.
pub const TAB: &str = "\u{e004}";

/// The key that presses buttons and follows links.
pub const ENTER: &str = "\u{e007}";

/// How a browser is to be started.
#[derive(Clone, Debug)]
pub struct BrowserOptions {
    /// What it asks for in `Accept-Language`.
    pub language: &'static str,
    /// Whether it prefers dark pages.
    pub dark: bool,
    /// Whether it runs scripts.
    pub scripts: bool,
    /// Width and height of its window in pixels.
    pub size: (u32, u32),
}

impl Default for BrowserOptions {
    fn default() -> BrowserOptions {
        BrowserOptions {
            language: "en",
            dark: false,
            scripts: true,
            size: (1280, 900),
        }
    }
}

/// A running browser with one window; ended when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    client: Client,
    session: String,
    base: String,
    // After the process, so that it is gone before its folder is.
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser that looks at addresses below `base`.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(base: &str, options: &BrowserOptions) -> Browser {
        let profile = TempDir::new();
        let (driver, address) = start_driver(profile.path());
        let client = Client::new(address);
        let body = json!({"capabilities": {"alwaysMatch": capabilities(profile.path(), options)}});
        let answer = client.post("/session").json(&body).send().expect(200).json();
        let session = answer["value"]["sessionId"].as_str().expect("a session has an id");
        let browser = Browser {
            driver,
            client,
            session: format!("/session/{session}"),
            base: base.to_owned(),
            _profile: profile,
        };
        if options.dark {
            let features = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
            browser.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
        }
        if options.size.0 < 500 {
            let (width, height) = options.size;
            let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": true});
            browser.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        }
        if !options.scripts {
            browser.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
        }
        browser
    }

    /// Opens a page.
    pub fn open(&self, path: &str) {
        self.post("/url", &json!({"url": format!("{}{path}", self.base)}));
    }

    /// Returns the address of the page below the server.
    #[must_use]
    pub fn path(&self) -> String {
        let url = self.get("/url");
        let url = url.as_str().expect("an address is a text");
        url.strip_prefix(&self.base).unwrap_or(url).to_owned()
    }

    /// Returns the visible text of an element, waiting until it is there.
    #[must_use]
    pub fn text(&self, selector: &str) -> String {
        eventually(selector, || self.try_text(selector))
    }

    /// Waits until an element has a text in it.
    pub fn sees(&self, selector: &str, text: &str) {
        let what = format!("`{text}` in `{selector}` at {}", self.path());
        eventually(&what, || self.try_text(selector).filter(|shown| shown.contains(text)));
    }

    /// Returns the HTML of the page as the browser has it.
    #[must_use]
    pub fn source(&self) -> String {
        self.get("/source").as_str().unwrap_or_default().to_owned()
    }

    /// How many elements a selector finds.
    #[must_use]
    pub fn count(&self, selector: &str) -> usize {
        self.find(selector).len()
    }

    /// Returns a property of an element.
    #[must_use]
    pub fn property(&self, selector: &str, name: &str) -> String {
        let element = self.element(selector);
        let value = self.get(&format!("/element/{element}/property/{name}"));
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// Returns a computed style of an element.
    #[must_use]
    pub fn style(&self, selector: &str, name: &str) -> String {
        let element = self.element(selector);
        let value = self.get(&format!("/element/{element}/css/{name}"));
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks an element, waiting until it is there.
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Replaces the text of a field.
    pub fn fill(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/clear"), &json!({}));
        self.post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// Chooses from a list by the value that is sent.
    pub fn choose(&self, selector: &str, value: &str) {
        self.click(&format!("{selector} option[value=\"{value}\"]"));
    }

    /// Presses keys where the focus is.
    pub fn press(&self, keys: &str) {
        let active = self.get("/element/active");
        let element = active[ELEMENT].as_str().expect("something has the focus");
        self.post(&format!("/element/{element}/value"), &json!({"text": keys}));
    }

    /// Presses Tab until an element has the focus.
    ///
    /// # Panics
    ///
    /// When it never gets it.
    pub fn tab_to(&self, selector: &str) {
        let wanted = self.element(selector);
        for _ in 0..200 {
            if self.get("/element/active")[ELEMENT] == wanted.as_str() {
                return;
            }
            self.press(TAB);
        }
        panic!("`{selector}` at {} cannot be reached with the keyboard", self.path());
    }

    /// Runs a script and returns what it returns.
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Returns what axe-core finds wrong with the page: a line for each violation.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(variable(AXE)).expect("the file of axe-core can be read");
        let script = format!(
            "const done = arguments[0]; {axe}; axe.run({{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}})\
             .then((found) => done(found.violations), (error) => done([{{id: String(error), nodes: []}}]));"
        );
        let found = self.post("/execute/async", &json!({"script": script, "args": []}));
        let list = found.as_array().expect("violations are a list");
        let line = |one: &Value| {
            let nodes = one["nodes"].as_array().into_iter().flatten().take(4);
            let nodes: Vec<String> = nodes
                .map(|node| format!("{} {}", node["html"], node["any"][0]["message"]))
                .collect();
            format!("{}: {}\n    {}", one["id"], one["help"], nodes.join("\n    "))
        };
        list.iter().map(line).collect()
    }

    /// Takes a picture of the window.
    pub fn screenshot(&self, file: &Path) {
        let picture = self.get("/screenshot");
        let picture = picture.as_str().expect("a picture is a text in base64");
        std::fs::write(file, crate::encoding::from_base64(picture)).expect("the picture can be written");
    }

    /// Calls a command of the browser's own protocol.
    pub fn devtools(&self, command: &str, params: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }

    fn element(&self, selector: &str) -> String {
        eventually(selector, || self.find(selector).into_iter().next())
    }

    fn find(&self, selector: &str) -> Vec<String> {
        let found = self.post("/elements", &json!({"using": "css selector", "value": selector}));
        let id = |one: &Value| one[ELEMENT].as_str().map(str::to_owned);
        found.as_array().into_iter().flatten().filter_map(id).collect()
    }

    /// The text of the first element; `None` while it is not there, or is just being replaced.
    fn try_text(&self, selector: &str) -> Option<String> {
        let element = self.find(selector).into_iter().next()?;
        let path = format!("{}/element/{element}/text", self.session);
        let answer = self.client.get(&path).send();
        (answer.status == 200).then(|| answer.json()["value"].as_str().unwrap_or_default().to_owned())
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.client.get(&format!("{}{path}", self.session)).send();
        answer.expect(200).json()["value"].take()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.client.post(&format!("{}{path}", self.session)).json(body).send();
        answer.expect(200).json()["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the browser was at {}", self.try_path());
        }
        drop(self.client.request("DELETE", &self.session).try_send());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

impl Browser {
    fn try_path(&self) -> String {
        let answer = self.client.get(&format!("{}/url", self.session)).try_send();
        answer.map(|answer| answer.text()).unwrap_or_default()
    }
}

/// Starts the driver on a port of its choice and returns that.
fn start_driver(dir: &Path) -> (Child, SocketAddr) {
    // Killed with the thread that started it, so that an aborted test leaves nothing behind.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .arg(variable(DRIVER))
        .arg("--port=0");
    command
        .env("HOME", dir)
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut driver = command.spawn().expect("the driver of the browser can be started");
    let lines = BufReader::new(driver.stdout.take().expect("its output is a pipe")).lines();
    let port = |line: String| {
        line.split("successfully on port ")
            .nth(1)?
            .trim_end_matches('.')
            .parse::<u16>()
            .ok()
    };
    let port = lines
        .map_while(Result::ok)
        .find_map(port)
        .expect("the driver says its port");
    (driver, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn capabilities(profile: &Path, options: &BrowserOptions) -> Value {
    let (width, height) = options.size;
    let arguments = [
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--no-first-run".to_owned(),
        "--hide-scrollbars".to_owned(),
        format!("--window-size={width},{height}"),
        format!("--lang={}", options.language),
        format!("--user-data-dir={}", profile.join("profile").display()),
    ];
    let preferences = json!({"intl.accept_languages": options.language, "intl.selected_languages": options.language});
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": {"args": arguments, "prefs": preferences},
        "timeouts": {"script": 60_000, "pageLoad": 60_000},
    })
}

fn variable(name: &str) -> std::path::PathBuf {
    match std::env::var_os(name) {
        Some(path) => path.into(),
        None => panic!("{name} is not set: run the tests with `cargo xtask test`"),
    }
}
