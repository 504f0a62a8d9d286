//! Who looks at a page, and how they like it: session, language, theme, zone, and proof that a form is ours.
//!
//! A form carries a token that follows from the browser's cookie (that of its session, or one for
//! strangers) and from the server's key; a page of another site knows neither. On top of it, what the
//! browser itself says about where a form comes from must not speak against it.

use ::pages::{Frame, GroupFrame, GroupTab, Language, Notice, ProjectFrame, Tab, Theme, Viewer};
use app::access::{Ability, ProjectAccess};
use app::sessions::{self, Current, Preferences};
use app::{App, Caller, ProjectKey};
use axum::body::Body;
use axum::extract::{FromRequest, OriginalUri, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use jiff::tz::TimeZone;

use crate::client_address;
use crate::compression::Uncompressed;
use crate::cookies;
use crate::page::encoded;
use crate::pages::{failed, secured};
use crate::params::{self, Params, Value};

/// Longest life of a browser's cookie in seconds; the session itself ends earlier when it lies idle.
const COOKIE_AGE: u64 = 30 * 24 * 3600;

/// Life of the cookies with preferences in seconds.
pub(super) const PREFERENCE_AGE: u64 = 365 * 24 * 3600;

/// The name of the field in which a form sends its token (GitLab's).
const TOKEN_FIELD: &str = "authenticity_token";

/// A browser's request for a page.
pub(super) struct Visit {
    pub(super) app: App,
    pub(super) caller: Caller,
    pub(super) current: Option<Current>,
    pub(super) params: Params,
    pub(super) address: Option<String>,
    pub(super) user_agent: Option<String>,
    /// What the cookie of the session holds.
    pub(super) session: Option<String>,
    pub(super) is_get: bool,
    /// Whether the browser wants a stream of events, and after which one it lost an earlier one.
    pub(super) stream: Option<Option<u64>>,
    /// Zone that was set, also by the script.
    pub(super) zone: String,
    language: Language,
    theme: Theme,
    here: String,
    /// What the cookie of a browser without session holds.
    stranger: String,
    is_new_stranger: bool,
    notice: Option<String>,
}

impl FromRequest<App> for Visit {
    type Rejection = Response;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Visit, Response> {
        let (mut parts, body) = request.into_parts();
        let trusted = &app.settings.trusted_proxies;
        let peer = client_address::address(&parts.extensions, &parts.headers, trusted).map(|peer| peer.to_string());
        let here = parts
            .extensions
            .get::<OriginalUri>()
            .and_then(|uri| uri.path_and_query().map(|text| text.as_str().to_owned()));
        let params = Params::read(&mut parts, body, params::BODY_LIMIT).await;
        let headers = &parts.headers;
        let session = cookies::session(headers, &app.settings.external_url);
        let (stranger, is_new_stranger) = match cookies::get(headers, cookies::STRANGER) {
            Some(known) => (known, false),
            None => (app::keys::new_token(""), true),
        };
        let mut visit = Visit {
            app: app.clone(),
            caller: Caller::Anonymous,
            current: None,
            params: Params::default(),
            address: peer,
            user_agent: header_text(headers, header::USER_AGENT),
            session,
            is_get: matches!(parts.method, Method::GET | Method::HEAD),
            stream: stream(headers),
            zone: cookies::get(headers, cookies::ZONE).unwrap_or_default(),
            language: language(headers),
            theme: cookies::get(headers, cookies::THEME)
                .and_then(|word| Theme::of_word(&word))
                .unwrap_or_default(),
            here: here.unwrap_or_else(|| "/".to_owned()),
            stranger,
            is_new_stranger,
            notice: cookies::get(headers, cookies::NOTICE),
        };
        if let Some(text) = &visit.session {
            match sessions::current(app, text).await {
                Ok(Some(mut current)) => {
                    let address =
                        client_address::address(&parts.extensions, &parts.headers, &app.settings.trusted_proxies);
                    current.caller = current.caller.from_address(address);
                    visit.caller = current.caller.clone();
                    visit.take_over(&current.preferences);
                    visit.current = Some(current);
                }
                Ok(None) => visit.session = None,
                Err(error) => return Err(visit.dressed(failed::answer(&visit, error))),
            }
        }
        match params {
            Ok(params) => visit.params = params,
            Err(error) => return Err(visit.dressed(failed::answer(&visit, error))),
        }
        if !visit.is_get && !visit.is_ours(headers) {
            return Err(visit.dressed(failed::forged(&visit)));
        }
        Ok(visit)
    }
}

/// Reads what a browser says that follows something.
fn stream(headers: &HeaderMap) -> Option<Option<u64>> {
    let accepted = header_text(headers, header::ACCEPT)?;
    let last = || headers.get("last-event-id")?.to_str().ok()?.parse().ok();
    accepted.starts_with("text/event-stream").then(last)
}

impl Visit {
    /// What was chosen on another browser holds on this one as well.
    fn take_over(&mut self, chosen: &Preferences) {
        let language = chosen.language.as_deref().and_then(Language::of_code);
        self.language = language.unwrap_or(self.language);
        let theme = chosen.theme.as_deref().and_then(Theme::of_word);
        self.theme = theme.unwrap_or(self.theme);
        if let Some(zone) = &chosen.time_zone {
            self.zone.clone_from(zone);
        }
    }

    /// Returns the reader's language.
    pub(super) const fn language(&self) -> Language {
        self.language
    }

    /// Returns a parameter's text, empty when it was not sent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.params.text(name).unwrap_or_default()
    }

    /// Returns a parameter's text without blanks around it, if there is any.
    pub(super) fn filled(&self, name: &str) -> Option<String> {
        let text = self.text(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Whether a box was ticked.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        self.params.is_true(name)
    }

    /// Returns a number that the path names.
    pub(super) fn id(&self) -> app::Result<i64> {
        self.text("id").parse().map_err(|_| app::Error::NotFoundPlain)
    }

    /// Returns the project that the path names.
    pub(super) fn project(&self) -> ProjectKey {
        ProjectKey::Path(self.text("project").to_owned())
    }

    /// Returns the texts of a list of boxes.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        match self.params.get(name) {
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(|item| item.as_text().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Returns what is around a page.
    pub(super) fn frame(&self, title: impl Into<String>) -> Frame {
        let user = self.caller.user();
        Frame {
            title: title.into(),
            viewer: user.map(|user| Viewer {
                username: user.username.clone(),
                name: user.name.clone(),
                is_admin: user.is_admin,
            }),
            reading: self.reading(),
            theme: self.theme,
            csrf: masked(&self.form_token()),
            here: if self.is_get { self.here.clone() } else { "/".to_owned() },
            project: None,
            group: None,
            notices: self.notice.iter().filter_map(|word| self.notice_of(word)).collect(),
        }
    }

    /// Returns from when and where the reader looks.
    pub(super) fn reading(&self) -> ::pages::moment::Reading {
        ::pages::moment::Reading {
            now: self.app.clock.now(),
            zone: zone(&self.zone).unwrap_or(TimeZone::UTC),
            language: self.language,
        }
    }

    /// Returns what is around a page of a project.
    pub(super) fn project_frame(&self, title: impl Into<String>, access: &ProjectAccess, tab: Tab) -> Frame {
        let may = |ability| access.allows(&self.caller, ability);
        Frame {
            project: Some(ProjectFrame {
                path: access.project.full_path.clone(),
                name: access.project.name.clone(),
                tab,
                may_read_pipelines: may(Ability::ReadPipelines),
                may_read_environments: may(Ability::ReadEnvironments),
                may_read_code: may(Ability::ReadCode),
                may_read_members: may(Ability::ReadMembers),
                may_admin: may(Ability::AdminProject),
                may_run: may(Ability::CreatePipeline),
            }),
            ..self.frame(title)
        }
    }

    /// Returns what is around a page of a group.
    pub(super) fn group_frame(&self, title: impl Into<String>, group: &model::Namespace, tab: GroupTab) -> Frame {
        Frame {
            group: Some(GroupFrame {
                path: group.full_path.clone(),
                name: group.name.clone(),
                tab,
                may_read_members: self.caller.user().is_some(),
            }),
            ..self.frame(title)
        }
    }

    /// Answers with a page.
    pub(super) fn page(&self, page: &impl askama::Template) -> Response {
        self.page_with(StatusCode::OK, page)
    }

    /// Answers with a page and another status.
    pub(super) fn page_with(&self, status: StatusCode, page: &impl askama::Template) -> Response {
        let html = ::pages::render_below(self.app.settings.external_url.path(), page);
        let mut response = (status, Html(html)).into_response();
        if !self.is_get {
            // The answer to a form may show what was just made.
            response.extensions_mut().insert(Uncompressed);
        }
        response
    }

    /// Answers with a page that holds secrets. It is sent as it is: compressed beside texts that somebody else chose
    /// (the address of the page), its length would tell of them.
    pub(super) fn private_page(&self, page: &impl askama::Template) -> Response {
        let mut response = self.page(page);
        response.extensions_mut().insert(Uncompressed);
        response
    }

    /// Answers with a page that may hold secrets.
    pub(super) fn page_of(&self, is_private: bool, page: &impl askama::Template) -> Response {
        if is_private {
            self.private_page(page)
        } else {
            self.page(page)
        }
    }

    /// Sends the browser to another address of this server.
    pub(super) fn redirect(&self, to: &str) -> Response {
        let to = format!("{}{to}", self.app.settings.external_url.path());
        let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
    }

    /// Sends the browser to this page of a project that has another path now.
    pub(super) fn moved_to(&self, project: &str) -> Response {
        let query = self.here.find('?').unwrap_or(self.here.len());
        let end = self.here[..query].find("/-/").unwrap_or(query);
        let rest = &self.here[end..];
        let mut response = self.redirect(&format!("/{project}{rest}"));
        *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
        response
    }

    /// Sends the browser to another address, which will say what was done.
    pub(super) fn done(&self, to: &str, done: Done) -> Response {
        let mut response = self.redirect(to);
        self.set_cookie(&mut response, cookies::NOTICE, done.as_str(), 60);
        response
    }

    /// Returns where a form wants to go afterwards, if that is an address of this server.
    pub(super) fn return_to(&self) -> Option<String> {
        let to = self.params.text("return_to")?;
        is_local(to).then(|| to.to_owned())
    }

    /// Sets a cookie that scripts cannot read.
    pub(super) fn set_cookie(&self, response: &mut Response, name: &str, value: &str, age: u64) {
        let url = &self.app.settings.external_url;
        let cookie = cookies::set(self.is_https(), url.path(), name, value, age);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }

    /// Sets the cookie of a new session, or removes it.
    pub(super) fn set_session(&self, response: &mut Response, text: Option<&str>) {
        let age = if text.is_some() { COOKIE_AGE } else { 0 };
        let name = cookies::session_name(self.is_https(), self.app.settings.external_url.path());
        self.set_cookie(response, name, text.unwrap_or_default(), age);
    }

    /// Adds the headers and cookies of every page.
    pub(super) fn dressed(&self, mut response: Response) -> Response {
        secured(&mut response, self.is_https());
        if self.is_new_stranger && self.session.is_none() {
            self.set_cookie(&mut response, cookies::STRANGER, &self.stranger, COOKIE_AGE);
        }
        if self.notice.is_some() && self.is_get && response.status().is_success() {
            self.set_cookie(&mut response, cookies::NOTICE, "", 0);
        }
        response
    }

    /// Returns the address of this page for an anonymous reader to come back to after signing in.
    pub(super) fn sign_in_href(&self) -> String {
        format!("/users/sign_in?return_to={}", encoded(&self.here).replace('/', "%2F"))
    }

    fn is_https(&self) -> bool {
        self.app.settings.external_url.scheme() == "https"
    }

    /// What a form of this browser must send: follows from its cookie and the server's key.
    fn form_token(&self) -> String {
        let cookie = self.session.as_deref().unwrap_or(&self.stranger);
        let digest = self.app.keys.digest(&format!("form {cookie}"));
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a form comes from a page of ours.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if says("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
            return false;
        }
        let origin_is_ours = says("origin").is_none_or(|origin| {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            Some(host) == says("host") || host == self.app.settings.external_url.fqdn()
        });
        let sent = self.params.text(TOKEN_FIELD).unwrap_or_default();
        // Digests of both take the same time to compare wherever they differ.
        let is_same = self.app.keys.digest(&unmasked(sent)) == self.app.keys.digest(&self.form_token());
        origin_is_ours && is_same
    }

    fn notice_of(&self, word: &str) -> Option<Notice> {
        Done::of_word(word).map(|done| Notice::Done(done.text(self.language).to_owned()))
    }
}

/// Bytes of a form's token.
const TOKEN_BYTES: usize = 16;

/// A form's token as a page shows it: different each time, so that the length of a compressed page tells nothing of it.
fn masked(token: &str) -> String {
    let mut mask = [0; TOKEN_BYTES];
    app::keys::random_bytes(&mut mask);
    let hidden = bytes_of(token).zip(mask).map(|(byte, mask)| byte ^ mask);
    mask.into_iter()
        .chain(hidden)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The token behind what [`masked`] gave; of any other text nothing that fits.
fn unmasked(sent: &str) -> String {
    let bytes: Vec<u8> = bytes_of(sent).collect();
    if bytes.len() != 2 * TOKEN_BYTES || sent.len() != 4 * TOKEN_BYTES {
        return String::new();
    }
    let (mask, hidden) = bytes.split_at(TOKEN_BYTES);
    let token = mask.iter().zip(hidden).map(|(mask, byte)| byte ^ mask);
    token.map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(hex: &str) -> impl Iterator<Item = u8> + '_ {
    let digits = hex.as_bytes().chunks_exact(2);
    digits.map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
}

/// Whether a text is an address of this server and cannot be read as that of another one.
pub(super) fn is_local(to: &str) -> bool {
    to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.chars().any(char::is_control)
}

/// Returns the zone of a name of the time zone database.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return None;
    }
    TimeZone::get(name).ok()
}

fn language(headers: &HeaderMap) -> Language {
    let chosen = cookies::get(headers, cookies::LANGUAGE).and_then(|code| Language::of_code(&code));
    let accepted = || {
        Language::accepted(
            header_text(headers, header::ACCEPT_LANGUAGE)
                .as_deref()
                .unwrap_or_default(),
        )
    };
    chosen.unwrap_or_else(accepted)
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

macro_rules! done {
    ($($variant:ident = $text:ident;)+) => {
        /// What a form did, to be said on the next page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Done { $($variant,)+ }

        impl Done {
            const fn as_str(self) -> &'static str {
                match self { $(Done::$variant => stringify!($text),)+ }
            }

            fn of_word(word: &str) -> Option<Done> {
                match word { $(stringify!($text) => Some(Done::$variant),)+ _ => None }
            }

            const fn text(self, language: Language) -> &'static str {
                match self { $(Done::$variant => language.$text(),)+ }
            }
        }
    };
}

done! {
    Saved = saved;
    PipelineCanceled = pipeline_canceled;
    PipelineRetried = pipeline_retried;
    PipelineDeleted = pipeline_deleted;
    JobCanceled = job_canceled;
    JobRetried = job_retried;
    JobPlayed = job_played;
    JobErased = job_erased;
    EnvironmentStopped = environment_stopped;
    TokenRevoked = token_revoked;
    TokenChanged = token_changed;
    CallRepeated = call_repeated;
    VariableAdded = variable_added;
    VariableRemoved = variable_removed;
    RunnerPaused = runner_paused;
    RunnerResumed = runner_resumed;
    RunnerDeleted = runner_deleted;
    RefProtected = ref_protected;
    RefUnprotected = ref_unprotected;
    ProjectDeleted = project_deleted;
    SessionEnded = session_ended;
    PasswordChanged = password_changed;
    MemberRemoved = member_removed;
    MemberChanged = member_changed;
    ProjectTransferred = project_transferred;
    UserBlocked = user_blocked;
    UserUnblocked = user_unblocked;
    ScheduleCreated = schedule_created;
    SchedulePlayed = schedule_played;
    ScheduleTaken = schedule_taken;
    ScheduleDeleted = schedule_deleted;
    InboundHookAdded = inbound_hook_added;
    InboundHookDeleted = inbound_hook_deleted;
    WebhookAdded = webhook_added;
    WebhookDeleted = webhook_deleted;
    WebhookTold = webhook_told;
    WebhookResent = resent;
    ArtifactsKept = artifacts_kept;
    TokenAccessAdded = token_access_added;
    TokenAccessRemoved = token_access_removed;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_server_are_gone_back_to() {
        for (to, expected) in [
            ("/", true),
            ("/a/b?c=d", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("javascript:alert(1)", false),
            ("/a\nb", false),
            ("", false),
        ] {
            assert_eq!(is_local(to), expected, "{to}");
        }
    }

    #[test]
    fn a_forms_token_is_shown_differently_each_time() {
        let token = "00112233445566778899aabbccddeeff";
        let (first, second) = (masked(token), masked(token));
        assert_ne!(first, second);
        assert_eq!((unmasked(&first).as_str(), unmasked(&second).as_str()), (token, token));
        for bad in [
            "",
            token,
            "zz",
            &first[2..],
            &format!("{first}00"),
            &format!("x{}", &first[1..]),
            "é",
        ] {
            assert_ne!(unmasked(bad), token, "{bad}");
        }
    }

    #[test]
    fn zones_are_names_of_the_database() {
        assert!(zone("Etc/UTC").is_some() || zone("UTC").is_some());
        for bad in ["", "../../etc/passwd", "/etc/passwd", "No/Where", "A b"] {
            assert!(zone(bad).is_none(), "{bad}");
        }
    }
}
